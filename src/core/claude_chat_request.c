
#include "claude_chat.h"

#include "claude_chat_parse.h"
#include "claude_json_writer.h"

#include <stdio.h>
#include <string.h>


/* what the API is asked for when the client names no bound: what the SDK
 * itself asks for with a model that it doesn't know */

#define CLAUDE_CHAT_MAX_TOKENS  32000


static void claude_chat_init(claude_chat_parse_t *chat, claude_mem_t *mem,
    size_t max);
static claude_err_e claude_chat_err(claude_chat_parse_t *chat,
    claude_err_e err);
static unsigned claude_chat_empty(const unsigned char *body, size_t len);
static claude_rc_t claude_chat_token(void *ctx,
    const claude_json_token_t *token);
static void claude_chat_leave(claude_chat_parse_t *chat);
static void claude_chat_value(claude_chat_parse_t *chat,
    const claude_json_token_t *token);
static const claude_chat_field_t *claude_chat_find(
    const claude_chat_place_t *place, const claude_str_t *name);
static unsigned claude_chat_check(claude_chat_parse_t *chat,
    const claude_chat_field_t *field, const claude_json_token_t *token);
static unsigned claude_chat_integer(const claude_str_t *raw);
static void claude_chat_finish(claude_chat_parse_t *chat);
static void claude_chat_write(claude_chat_parse_t *chat, claude_out_t *out);
static void claude_chat_write_sampling(claude_chat_parse_t *chat,
    claude_out_t *out);


claude_rc_t
claude_chat_request(claude_mem_t *mem, const unsigned char *body, size_t len,
    const claude_models_t *models, claude_out_t *out,
    claude_request_t *request, claude_fault_t *fault)
{
    claude_rc_t          rc;
    claude_json_error_t  error;
    claude_chat_parse_t  chat;

    memset(fault, 0, sizeof(claude_fault_t));
    memset(request, 0, sizeof(claude_request_t));

    if (claude_chat_empty(body, len)) {
        fault->err = CLAUDE_ERR_EMPTY_BODY;
        return CLAUDE_INVALID;
    }

    claude_chat_init(&chat, mem, out->max);

    chat.models = models;
    chat.request = request;
    chat.fault = fault;

    rc = claude_json_read(body, len, claude_chat_token, &chat, &error);

    if (rc == CLAUDE_INVALID) {
        memset(fault, 0, sizeof(claude_fault_t));

        fault->err = CLAUDE_ERR_INVALID_JSON;
        fault->offset = error.offset;
        fault->reason = error.reason;

        return CLAUDE_INVALID;
    }

    if (rc != CLAUDE_OK) {
        return rc;
    }

    claude_chat_finish(&chat);

    if (chat.failed) {
        return CLAUDE_INVALID;
    }

    claude_chat_write(&chat, out);

    return out->rc;
}


void
claude_chat_enter(claude_chat_parse_t *chat, const claude_chat_place_t *place)
{
    claude_chat_frame_t  *frame;

    frame = &chat->frames[chat->nframes++];

    frame->place = place;
    frame->field = NULL;
    frame->count = 0;
    frame->inside = 0;
}


void
claude_chat_fail(claude_chat_parse_t *chat, claude_err_e err,
    const char *name, const char *reason)
{
    size_t                len;
    unsigned              i;
    claude_fault_t       *fault;
    claude_chat_frame_t  *frame;

    fault = chat->fault;

    fault->err = claude_chat_err(chat, err);
    fault->reason = reason;
    fault->param[0] = '\0';

    if (fault->err != err && reason == NULL) {
        fault->reason = "is missing";
    }

    chat->failed = 1;

    for (i = 0; i < chat->nframes; i++) {
        frame = &chat->frames[i];
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
claude_chat_err(claude_chat_parse_t *chat, claude_err_e err)
{
    if (chat->nframes < 2 || chat->frames[1].place != &claude_chat_messages) {
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
claude_chat_unsupported(claude_chat_parse_t *chat,
    const claude_json_token_t *token)
{
    if (token->type != CLAUDE_JSON_NULL) {
        claude_chat_fail(chat, CLAUDE_ERR_UNSUPPORTED, NULL, NULL);
    }
}


claude_str_t
claude_chat_keep(claude_chat_parse_t *chat, const claude_json_token_t *token)
{
    claude_str_t    text;
    unsigned char  *p;

    text = token->text;

    if (text.len == 0 || text.len == token->raw.len - 2) {
        text.data = token->raw.data + 1;
        return text;
    }

    p = claude_alloc(chat->mem, text.len);

    if (p == NULL) {
        chat->rc = CLAUDE_NO_MEMORY;
        text.len = 0;
        return text;
    }

    memcpy(p, text.data, text.len);
    text.data = p;

    return text;
}


static void
claude_chat_init(claude_chat_parse_t *chat, claude_mem_t *mem, size_t max)
{
    memset(chat, 0, sizeof(claude_chat_parse_t));

    chat->mem = mem;

    claude_out_init(&chat->system, mem, max);
    claude_out_init(&chat->messages, mem, max);
    claude_out_init(&chat->held, mem, max);
    claude_out_init(&chat->stops, mem, max);

    crypto_generichash_init(&chat->hash, NULL, 0,
                            sizeof(chat->request->conversation));
}


static unsigned
claude_chat_empty(const unsigned char *body, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if (memchr(" \t\r\n", body[i], 4) == NULL) {
            return 0;
        }
    }

    return 1;
}


static claude_rc_t
claude_chat_token(void *ctx, const claude_json_token_t *token)
{
    unsigned              nframes;
    claude_chat_frame_t  *frame;
    claude_chat_parse_t  *chat;

    chat = ctx;

    if (chat->failed) {
        return CLAUDE_OK;
    }

    if (chat->skip) {
        if (token->depth == chat->skip - 1) {
            chat->skip = 0;
        }

        return CLAUDE_OK;
    }

    switch (token->type) {

    case CLAUDE_JSON_OBJECT_END:
    case CLAUDE_JSON_ARRAY_END:
        claude_chat_leave(chat);
        break;

    case CLAUDE_JSON_NAME:
        frame = &chat->frames[chat->nframes - 1];
        frame->field = claude_chat_find(frame->place, &token->text);
        break;

    default:
        nframes = chat->nframes;
        claude_chat_value(chat, token);

        if ((token->type == CLAUDE_JSON_OBJECT
             || token->type == CLAUDE_JSON_ARRAY)
            && chat->nframes == nframes)
        {
            chat->skip = token->depth + 1;
        }
    }

    return chat->rc;
}


static void
claude_chat_leave(claude_chat_parse_t *chat)
{
    claude_chat_frame_t  *frame;

    frame = &chat->frames[chat->nframes - 1];

    frame->field = NULL;
    frame->inside = 0;

    if (frame->place->end) {
        frame->place->end(chat);
    }

    chat->nframes--;
}


static void
claude_chat_value(claude_chat_parse_t *chat, const claude_json_token_t *token)
{
    claude_chat_frame_t        *frame;
    const claude_chat_field_t  *field;

    if (chat->nframes == 0) {

        if (token->type == CLAUDE_JSON_OBJECT) {
            claude_chat_enter(chat, &claude_chat_top);

        } else {
            claude_chat_fail(chat, CLAUDE_ERR_NOT_OBJECT, NULL, NULL);
        }

        return;
    }

    frame = &chat->frames[chat->nframes - 1];

    if (frame->place->element) {
        frame->count++;
        frame->inside = 1;
        frame->place->element(chat, token);
        return;
    }

    field = frame->field;

    if (field && claude_chat_check(chat, field, token) && field->value
        && (token->type != CLAUDE_JSON_NULL
            || field->types == CLAUDE_CHAT_ANY))
    {
        field->value(chat, token);
    }
}


static const claude_chat_field_t *
claude_chat_find(const claude_chat_place_t *place, const claude_str_t *name)
{
    const claude_chat_field_t  *field;

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
claude_chat_check(claude_chat_parse_t *chat, const claude_chat_field_t *field,
    const claude_json_token_t *token)
{
    double  value;

    if (!(field->types & 1u << token->type)) {
        claude_chat_fail(chat, CLAUDE_ERR_INVALID_TYPE, NULL, field->reason);
        return 0;
    }

    if (token->type != CLAUDE_JSON_NUMBER || field->types == CLAUDE_CHAT_ANY) {
        return 1;
    }

    if (field->types & 1u && !claude_chat_integer(&token->raw)) {
        claude_chat_fail(chat, CLAUDE_ERR_INVALID_TYPE, NULL, field->reason);
        return 0;
    }

    if (field->min < field->max
        && claude_json_double(&token->raw, field->min, field->max, &value)
           != CLAUDE_OK)
    {
        claude_chat_fail(chat, CLAUDE_ERR_INVALID_VALUE, NULL, field->reason);
        return 0;
    }

    return 1;
}


static unsigned
claude_chat_integer(const claude_str_t *raw)
{
    size_t  i;

    for (i = (raw->data[0] == '-'); i < raw->len; i++) {
        if (raw->data[i] < '0' || raw->data[i] > '9') {
            return 0;
        }
    }

    return 1;
}


/* what can only be said once all fields are read */

static void
claude_chat_finish(claude_chat_parse_t *chat)
{
    claude_request_t  *request;

    request = chat->request;

    if (chat->failed) {
        return;
    }

    if (!chat->has_model) {
        claude_chat_fail(chat, CLAUDE_ERR_MISSING, "model", NULL);
        return;
    }

    if (!chat->has_messages) {
        claude_chat_fail(chat, CLAUDE_ERR_INVALID_MESSAGES, "messages",
                         "is required");
        return;
    }

    if (chat->has_stream_options && !request->stream) {
        claude_chat_fail(chat, CLAUDE_ERR_INVALID_VALUE, "stream_options",
                         "is only allowed with stream");
        return;
    }

    request->max_tokens = chat->max_completion_tokens
                              ? chat->max_completion_tokens
                              : chat->max_tokens ? chat->max_tokens
                                                 : CLAUDE_CHAT_MAX_TOKENS;

    crypto_generichash_final(&chat->hash, request->conversation,
                             sizeof(request->conversation));
}


static void
claude_chat_write(claude_chat_parse_t *chat, claude_out_t *out)
{
    claude_request_t  *request;

    request = chat->request;

    claude_out_literal(out, "{\"model\":\"");
    claude_out_put(out, request->upstream_model.data,
                   request->upstream_model.len);
    claude_out_literal(out, "\",\"max_tokens\":");
    claude_json_put_uint(out, request->max_tokens);
    claude_out_literal(out, ",\"stream\":true");

    if (!claude_out_empty(&chat->system)) {
        claude_out_literal(out, ",\"system\":[");
        claude_out_join(out, &chat->system);
        claude_out_literal(out, "]");
    }

    claude_out_literal(out, ",\"messages\":[");
    claude_out_join(out, &chat->messages);
    claude_out_literal(out, "]}]");

    if (chat->nstops) {
        claude_out_literal(out, ",\"stop_sequences\":[");
        claude_out_join(out, &chat->stops);
        claude_out_literal(out, "]");
    }

    claude_chat_write_sampling(chat, out);

    claude_out_literal(out, "}");
}


/*
 * The API refuses a temperature or top_p beside thinking, and the two
 * together on its newer models: effort goes before temperature, temperature
 * before top_p.
 */

static void
claude_chat_write_sampling(claude_chat_parse_t *chat, claude_out_t *out)
{
    if (chat->effort) {
        claude_out_literal(out, ",\"thinking\":{\"type\":\"adaptive\"}"
                                ",\"output_config\":{\"effort\":\"");
        claude_out_put(out, chat->effort, strlen(chat->effort));
        claude_out_literal(out, "\"}");
        return;
    }

    if (chat->no_thinking) {
        claude_out_literal(out, ",\"thinking\":{\"type\":\"disabled\"}");
    }

    if (chat->temperature.len) {
        claude_out_literal(out, ",\"temperature\":");
        claude_out_link(out, chat->temperature.data, chat->temperature.len);

    } else if (chat->top_p.len) {
        claude_out_literal(out, ",\"top_p\":");
        claude_out_link(out, chat->top_p.data, chat->top_p.len);
    }
}
