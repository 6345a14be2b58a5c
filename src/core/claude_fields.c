
#include "claude_fields.h"

#include "claude_time.h"

#include <sodium.h>
#include <string.h>


typedef struct {
    const claude_field_t  *fields;
    unsigned               n;
    unsigned               current;     /* n: a name that is not known */
    unsigned               inside;      /* of a nested value that is taken */
    void                  *dst;
    uint32_t               seen;
    const char            *reason;
} claude_fields_t;


static claude_rc_t claude_fields_token(void *ctx,
    const claude_json_token_t *token);
static void claude_fields_value(claude_fields_t *object,
    const claude_json_token_t *token);
static void claude_fields_name(claude_fields_t *object,
    const claude_json_token_t *token);


claude_rc_t
claude_fields_read(const claude_str_t *line, const claude_field_t *fields,
    unsigned n, void *dst, uint32_t *seen, const char **reason)
{
    claude_rc_t          rc;
    claude_fields_t      object;
    claude_json_error_t  error;

    object.fields = fields;
    object.n = n;
    object.current = n;
    object.inside = 0;
    object.dst = dst;
    object.seen = 0;
    object.reason = NULL;

    rc = claude_json_read(line->data, line->len, claude_fields_token, &object,
                          &error);

    *seen = object.seen;
    *reason = object.reason;

    if (rc == CLAUDE_INVALID && error.reason) {
        *reason = error.reason;
    }

    return rc;
}


static claude_rc_t
claude_fields_token(void *ctx, const claude_json_token_t *token)
{
    claude_fields_t  *object = ctx;

    if (token->depth == 0) {
        if (token->type == CLAUDE_JSON_OBJECT
            || token->type == CLAUDE_JSON_OBJECT_END)
        {
            return CLAUDE_OK;
        }

        object->reason = "is not a JSON object";

        return CLAUDE_INVALID;
    }

    if (token->type == CLAUDE_JSON_NAME && token->depth == 1) {
        claude_fields_name(object, token);
        return CLAUDE_OK;
    }

    if (object->inside
        || (token->depth == 1 && token->type != CLAUDE_JSON_OBJECT_END
            && token->type != CLAUDE_JSON_ARRAY_END))
    {
        claude_fields_value(object, token);
    }

    return CLAUDE_OK;
}


static void
claude_fields_value(claude_fields_t *object, const claude_json_token_t *token)
{
    const char  *reason;

    if (object->current == object->n) {
        return;
    }

    reason = object->fields[object->current].read(object->dst, token);

    if (object->reason == NULL) {
        object->reason = reason;
    }

    if (reason) {
        object->inside = 0;

    } else if (token->depth == 1) {
        object->inside = (token->type == CLAUDE_JSON_ARRAY
                          || token->type == CLAUDE_JSON_OBJECT);
    }
}


static void
claude_fields_name(claude_fields_t *object, const claude_json_token_t *token)
{
    unsigned             i;
    const claude_str_t  *name;

    for (i = 0; i < object->n; i++) {
        name = &object->fields[i].name;

        if (name->len == token->text.len
            && memcmp(name->data, token->text.data, name->len) == 0)
        {
            break;
        }
    }

    object->current = i;
    object->seen |= (i < object->n) ? 1u << i : CLAUDE_FIELDS_UNKNOWN;
}


unsigned
claude_field_is(const claude_json_token_t *value, const char *text)
{
    return value->type == CLAUDE_JSON_STRING
           && value->text.len == strlen(text)
           && memcmp(value->text.data, text, value->text.len) == 0;
}


unsigned
claude_field_hex(const claude_json_token_t *value, unsigned char *dst,
    size_t len)
{
    size_t         i;
    unsigned char  c;

    if (value->type != CLAUDE_JSON_STRING || value->text.len != 2 * len) {
        return 0;
    }

    for (i = 0; i < 2 * len; i++) {
        c = value->text.data[i];

        if (c >= '0' && c <= '9') {
            c -= '0';

        } else if (c >= 'a' && c <= 'f') {
            c -= 'a' - 10;

        } else {
            return 0;
        }

        dst[i / 2] = (i & 1) ? (dst[i / 2] | c) : (c << 4);
    }

    return 1;
}


unsigned
claude_field_base64(const claude_json_token_t *value, unsigned char *dst,
    size_t size, size_t *len)
{
    return value->type == CLAUDE_JSON_STRING
           && sodium_base642bin(dst, size, (const char *) value->text.data,
                                value->text.len, NULL, len, NULL,
                                sodium_base64_VARIANT_ORIGINAL) == 0;
}


unsigned
claude_field_time(const claude_json_token_t *value, int64_t *time)
{
    if (value->type == CLAUDE_JSON_NULL) {
        *time = 0;
        return 1;
    }

    return value->type == CLAUDE_JSON_STRING
           && claude_time_read(&value->text, time) == CLAUDE_OK;
}
