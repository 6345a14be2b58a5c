
#include "claude_parse.h"

#include <stdio.h>
#include <string.h>


static claude_err_e claude_parse_err(claude_parse_t *parse,
    claude_err_e err);
static unsigned claude_parse_empty(const unsigned char *body, size_t len);
static claude_rc_t claude_parse_token(void *ctx,
    const claude_json_token_t *token);
static void claude_parse_skipped(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_parse_leave(claude_parse_t *parse);
static void claude_parse_value(claude_parse_t *parse,
    const claude_json_token_t *token);
static const claude_parse_field_t *claude_parse_find(
    const claude_parse_place_t *place, const claude_str_t *name);
static unsigned claude_parse_check(claude_parse_t *parse,
    const claude_parse_field_t *field, const claude_json_token_t *token);
static unsigned claude_parse_integer(const claude_str_t *raw);


claude_rc_t
claude_parse_read(claude_parse_t *parse, const claude_parse_place_t *top,
    const unsigned char *body, size_t len)
{
    claude_rc_t          rc;
    claude_json_error_t  error;

    memset(parse->fault, 0, sizeof(claude_fault_t));
    memset(parse->request, 0, sizeof(claude_request_t));

    if (claude_parse_empty(body, len)) {
        parse->fault->err = CLAUDE_ERR_EMPTY_BODY;
        return CLAUDE_INVALID;
    }

    parse->top = top;

    rc = claude_json_read(body, len, claude_parse_token, parse, &error);

    if (rc == CLAUDE_INVALID) {
        memset(parse->fault, 0, sizeof(claude_fault_t));

        parse->fault->err = CLAUDE_ERR_INVALID_JSON;
        parse->fault->offset = error.offset;
        parse->fault->reason = error.reason;

        return CLAUDE_INVALID;
    }

    if (rc == CLAUDE_OK && parse->failed) {
        return CLAUDE_INVALID;
    }

    return rc;
}


static unsigned
claude_parse_empty(const unsigned char *body, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if (memchr(" \t\r\n", body[i], 4) == NULL) {
            return 0;
        }
    }

    return 1;
}


void
claude_parse_enter(claude_parse_t *parse, const claude_parse_place_t *place)
{
    claude_parse_frame_t  *frame;

    frame = &parse->frames[parse->nframes++];

    frame->place = place;
    frame->field = NULL;
    frame->count = 0;
    frame->inside = 0;
}


void
claude_parse_capture(claude_parse_t *parse, const claude_json_token_t *token,
    claude_str_t *raw)
{
    *raw = token->raw;

    if (token->type == CLAUDE_JSON_OBJECT || token->type == CLAUDE_JSON_ARRAY)
    {
        parse->capture = raw;
    }
}


void
claude_parse_fail(claude_parse_t *parse, claude_err_e err,
    const char *name, const char *reason)
{
    size_t                 len;
    unsigned               i;
    claude_fault_t        *fault;
    claude_parse_frame_t  *frame;

    fault = parse->fault;

    fault->err = claude_parse_err(parse, err);
    fault->reason = reason;
    fault->param[0] = '\0';

    if (fault->err != err && reason == NULL) {
        fault->reason = "is missing";
    }

    parse->failed = 1;

    for (i = 0; i < parse->nframes; i++) {
        frame = &parse->frames[i];
        len = strlen(fault->param);

        if (frame->inside) {
            snprintf(fault->param + len, CLAUDE_PARAM_MAX - len, "[%zu]",
                     frame->count - 1);

        } else if (frame->field) {
            snprintf(fault->param + len, CLAUDE_PARAM_MAX - len, "%s%s",
                     len ? "." : "", (char *) frame->field->name.data);
        }
    }

    if (name) {
        len = strlen(fault->param);
        snprintf(fault->param + len, CLAUDE_PARAM_MAX - len, "%s%s",
                 len ? "." : "", name);
    }
}


/* whatever is wrong within messages has one code */

static claude_err_e
claude_parse_err(claude_parse_t *parse, claude_err_e err)
{
    if (parse->nframes < 2 || parse->frames[1].place != parse->messages) {
        return err;
    }

    switch (err) {

    case CLAUDE_ERR_MISSING:
    case CLAUDE_ERR_INVALID_TYPE:
    case CLAUDE_ERR_INVALID_VALUE:
        return CLAUDE_ERR_INVALID_MESSAGES;

    default:
        return err;
    }
}


void
claude_parse_unsupported(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    if (token->type != CLAUDE_JSON_NULL) {
        claude_parse_fail(parse, CLAUDE_ERR_UNSUPPORTED, NULL, NULL);
    }
}


static claude_rc_t
claude_parse_token(void *ctx, const claude_json_token_t *token)
{
    unsigned               nframes;
    claude_parse_frame_t  *frame;
    claude_parse_t        *parse;

    parse = ctx;

    if (parse->failed) {
        return CLAUDE_OK;
    }

    if (parse->skip) {
        claude_parse_skipped(parse, token);
        return CLAUDE_OK;
    }

    parse->at = token->raw.data + token->raw.len;

    switch (token->type) {

    case CLAUDE_JSON_OBJECT_END:
    case CLAUDE_JSON_ARRAY_END:
        claude_parse_leave(parse);
        break;

    case CLAUDE_JSON_NAME:
        frame = claude_parse_frame(parse);
        frame->field = claude_parse_find(frame->place, &token->text);
        break;

    default:
        nframes = parse->nframes;
        claude_parse_value(parse, token);

        if ((token->type == CLAUDE_JSON_OBJECT
             || token->type == CLAUDE_JSON_ARRAY)
            && parse->nframes == nframes)
        {
            parse->skip = token->depth + 1;
        }
    }

    return parse->rc;
}


/* a container that is skipped ends, maybe */

static void
claude_parse_skipped(claude_parse_t *parse, const claude_json_token_t *token)
{
    claude_str_t  *raw;

    if (token->depth != parse->skip - 1) {
        return;
    }

    parse->skip = 0;

    if (parse->capture) {
        raw = parse->capture;
        raw->len = token->raw.data + token->raw.len - raw->data;
        parse->capture = NULL;
    }
}


static void
claude_parse_leave(claude_parse_t *parse)
{
    claude_parse_frame_t  *frame;

    frame = claude_parse_frame(parse);

    frame->field = NULL;
    frame->inside = 0;

    if (frame->place->end) {
        frame->place->end(parse);
    }

    parse->nframes--;
}


static void
claude_parse_value(claude_parse_t *parse, const claude_json_token_t *token)
{
    claude_parse_frame_t        *frame;
    const claude_parse_field_t  *field;

    if (parse->nframes == 0) {

        if (token->type == CLAUDE_JSON_OBJECT) {
            claude_parse_enter(parse, parse->top);

        } else {
            claude_parse_fail(parse, CLAUDE_ERR_NOT_OBJECT, NULL, NULL);
        }

        return;
    }

    frame = claude_parse_frame(parse);

    if (frame->place->element) {
        frame->count++;
        frame->inside = 1;
        frame->place->element(parse, token);
        return;
    }

    field = frame->field;

    if (field && claude_parse_check(parse, field, token) && field->value
        && (token->type != CLAUDE_JSON_NULL
            || field->types == CLAUDE_PARSE_ANY))
    {
        field->value(parse, token);
    }
}


static const claude_parse_field_t *
claude_parse_find(const claude_parse_place_t *place, const claude_str_t *name)
{
    const claude_parse_field_t  *field;

    for (field = place->fields; field->name.len; field++) {
        if (field->name.len == name->len
            && memcmp(field->name.data, name->data, name->len) == 0)
        {
            return field;
        }
    }

    return NULL;
}


static unsigned
claude_parse_check(claude_parse_t *parse, const claude_parse_field_t *field,
    const claude_json_token_t *token)
{
    double  value;

    if (!(field->types & 1u << token->type)) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_TYPE, NULL, field->reason);
        return 0;
    }

    if (token->type != CLAUDE_JSON_NUMBER || field->types == CLAUDE_PARSE_ANY) {
        return 1;
    }

    if (field->types & 1u && !claude_parse_integer(&token->raw)) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_TYPE, NULL, field->reason);
        return 0;
    }

    if (field->min < field->max
        && claude_json_double(&token->raw, field->min, field->max, &value)
           != CLAUDE_OK)
    {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, NULL, field->reason);
        return 0;
    }

    return 1;
}


static unsigned
claude_parse_integer(const claude_str_t *raw)
{
    size_t  i;

    for (i = (raw->data[0] == '-'); i < raw->len; i++) {
        if (raw->data[i] < '0' || raw->data[i] > '9') {
            return 0;
        }
    }

    return 1;
}
