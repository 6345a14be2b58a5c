
#include "claude_form.h"

#include "claude_json_reader.h"

#include <string.h>


/* letters, digits and "_": no credential is one, all of them have a "-" */

#define CLAUDE_FORM_NAME_MAX  64


typedef struct claude_form_field_s  claude_form_field_t;


typedef struct {
    const claude_form_rules_t  *rules;
    claude_form_t              *form;
    claude_fault_t             *fault;
    const claude_form_field_t  *field;  /* whose value comes; NULL: a limit's */
    claude_limit_e              limit;
} claude_form_reader_t;


struct claude_form_field_s {
    claude_str_t           name;
    unsigned               bit;
    claude_err_e         (*read)(claude_form_reader_t *reader,
                               const claude_json_token_t *value);
};


static claude_rc_t claude_form_token(void *ctx,
    const claude_json_token_t *token);
static claude_err_e claude_form_name(claude_form_reader_t *reader,
    const claude_json_token_t *name);
static claude_err_e claude_form_unknown(claude_form_reader_t *reader,
    const claude_str_t *name);
static void claude_form_param(claude_fault_t *fault,
    const claude_str_t *name);
static claude_err_e claude_form_bad(claude_form_reader_t *reader,
    claude_err_e err, const char *reason);
static claude_err_e claude_form_credential(claude_form_reader_t *reader,
    const claude_json_token_t *value);
static claude_err_e claude_form_key_name(claude_form_reader_t *reader,
    const claude_json_token_t *value);
static claude_err_e claude_form_enabled(claude_form_reader_t *reader,
    const claude_json_token_t *value);
static claude_err_e claude_form_expires(claude_form_reader_t *reader,
    const claude_json_token_t *value);
static claude_err_e claude_form_grace(claude_form_reader_t *reader,
    const claude_json_token_t *value);
static claude_err_e claude_form_limit(claude_form_reader_t *reader,
    const claude_json_token_t *value);


static const claude_form_field_t  claude_form_fields[] = {
    { claude_string("oauthToken"), CLAUDE_FORM_TOKEN,
      claude_form_credential },
    { claude_string("keyName"), CLAUDE_FORM_NAME, claude_form_key_name },
    { claude_string("enabled"), CLAUDE_FORM_ENABLED, claude_form_enabled },
    { claude_string("expiresAt"), CLAUDE_FORM_EXPIRES, claude_form_expires },
    { claude_string("grace"), CLAUDE_FORM_GRACE, claude_form_grace }
};

#define CLAUDE_FORM_FIELDS                                                    \
    (sizeof(claude_form_fields) / sizeof(claude_form_fields[0]))


claude_rc_t
claude_form_read(const claude_str_t *body, const claude_form_rules_t *rules,
    claude_form_t *form, claude_fault_t *fault)
{
    size_t                i;
    claude_rc_t           rc;
    claude_json_error_t   error;
    claude_form_reader_t  reader;

    memset(form, 0, sizeof(claude_form_t));
    memset(fault, 0, sizeof(claude_fault_t));

    if (body->len == 0) {

        if (rules->needs == 0) {
            return CLAUDE_OK;
        }

        fault->err = CLAUDE_ERR_EMPTY_BODY;

        return CLAUDE_INVALID;
    }

    reader.rules = rules;
    reader.form = form;
    reader.fault = fault;
    reader.field = NULL;

    rc = claude_json_read(body->data, body->len, claude_form_token, &reader,
                          &error);

    if (rc == CLAUDE_DECLINED) {
        return CLAUDE_INVALID;      /* the fault is filled */
    }

    if (rc == CLAUDE_INVALID) {
        memset(fault, 0, sizeof(claude_fault_t));

        fault->err = CLAUDE_ERR_INVALID_JSON;
        fault->offset = error.offset;
        fault->reason = error.reason;
    }

    if (rc != CLAUDE_OK) {
        return rc;
    }

    for (i = 0; i < CLAUDE_FORM_FIELDS; i++) {
        if (claude_form_fields[i].bit & rules->needs & ~form->given) {
            fault->err = CLAUDE_ERR_MISSING;
            claude_form_param(fault, &claude_form_fields[i].name);

            return CLAUDE_INVALID;
        }
    }

    return CLAUDE_OK;
}


/* CLAUDE_DECLINED: something is wrong, and the fault says what */

static claude_rc_t
claude_form_token(void *ctx, const claude_json_token_t *token)
{
    claude_form_reader_t *reader = ctx;

    claude_err_e  err;

    if (token->depth == 0) {
        err = (token->type == CLAUDE_JSON_OBJECT
               || token->type == CLAUDE_JSON_OBJECT_END)
              ? CLAUDE_ERR_NONE : CLAUDE_ERR_NOT_OBJECT;

    } else if (token->depth == 1 && token->type == CLAUDE_JSON_NAME) {
        err = claude_form_name(reader, token);

    } else if (reader->field) {
        err = reader->field->read(reader, token);

    } else {
        err = claude_form_limit(reader, token);
    }

    reader->fault->err = err;

    return (err == CLAUDE_ERR_NONE) ? CLAUDE_OK : CLAUDE_DECLINED;
}


static claude_err_e
claude_form_name(claude_form_reader_t *reader, const claude_json_token_t *name)
{
    size_t                      i;
    const claude_form_field_t  *field;

    for (i = 0; i < CLAUDE_FORM_FIELDS; i++) {
        field = &claude_form_fields[i];

        if ((field->bit & reader->rules->takes)
            && field->name.len == name->text.len
            && memcmp(field->name.data, name->text.data, name->text.len) == 0)
        {
            claude_form_param(reader->fault, &field->name);

            reader->field = field;
            reader->form->given |= field->bit;

            return CLAUDE_ERR_NONE;
        }
    }

    reader->field = NULL;
    reader->limit = claude_limits_find(&name->text);

    if (reader->limit == CLAUDE_LIMIT_N
        || !(reader->rules->takes & CLAUDE_FORM_LIMITS))
    {
        return claude_form_unknown(reader, &name->text);
    }

    claude_form_param(reader->fault, &name->text);

    reader->form->given |= CLAUDE_FORM_LIMITS;
    reader->form->limits_given |= 1u << reader->limit;

    return CLAUDE_ERR_NONE;
}


/* a client that has mixed up names and values must not read its token back */

static claude_err_e
claude_form_unknown(claude_form_reader_t *reader, const claude_str_t *name)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        if (!claude_base62(&c, 1) && c != '_') {
            break;
        }
    }

    if (name->len == 0 || i < name->len || i > CLAUDE_FORM_NAME_MAX) {
        reader->fault->param[0] = '\0';

    } else {
        claude_form_param(reader->fault, name);
    }

    return CLAUDE_ERR_UNSUPPORTED;
}


static void
claude_form_param(claude_fault_t *fault, const claude_str_t *name)
{
    memcpy(fault->param, name->data, name->len);
    fault->param[name->len] = '\0';
}


static claude_err_e
claude_form_bad(claude_form_reader_t *reader, claude_err_e err,
    const char *reason)
{
    reader->fault->reason = reason;

    return err;
}


static claude_err_e
claude_form_credential(claude_form_reader_t *reader,
    const claude_json_token_t *value)
{
    claude_form_t        *form;
    claude_token_form_e   kind;

    if (value->type != CLAUDE_JSON_STRING) {
        return claude_form_bad(reader, CLAUDE_ERR_INVALID_TYPE,
                               "must be a string");
    }

    kind = claude_token_form(value->text.data, value->text.len);

    if (kind == CLAUDE_TOKEN_MALFORMED
        || value->raw.len != value->text.len + 2)
    {
        return claude_form_bad(reader, CLAUDE_ERR_INVALID_VALUE,
                               (reader->rules->credentials
                                & CLAUDE_FORM_API_KEY)
                               ? "must be a token that begins with "
                                 "sk-ant-oat01- or sk-ant-api03-"
                               : "must be a token that begins with "
                                 "sk-ant-oat01-");
    }

    if (!(reader->rules->credentials & (1u << kind))) {
        return claude_form_bad(reader, CLAUDE_ERR_INVALID_VALUE,
                               (kind == CLAUDE_TOKEN_API_KEY)
                               ? "is an API key, which claude_credentials "
                                 "does not allow here"
                               : "is an OAuth token, which "
                                 "claude_credentials does not allow here");
    }

    form = reader->form;

    form->token_len = value->text.len;
    memcpy(form->token, value->text.data, value->text.len);

    return CLAUDE_ERR_NONE;
}


static claude_err_e
claude_form_key_name(claude_form_reader_t *reader,
    const claude_json_token_t *value)
{
    claude_form_t  *form;

    if (value->type != CLAUDE_JSON_STRING) {
        return claude_form_bad(reader, CLAUDE_ERR_INVALID_TYPE,
                               "must be a string");
    }

    if (claude_name_check(value->text.data, value->text.len) != CLAUDE_OK) {
        return claude_form_bad(reader, CLAUDE_ERR_INVALID_VALUE,
                               "must be 1 to 128 characters, none of them a "
                               "control character");
    }

    form = reader->form;

    form->name_len = value->text.len;
    memcpy(form->name, value->text.data, value->text.len);

    return CLAUDE_ERR_NONE;
}


static claude_err_e
claude_form_enabled(claude_form_reader_t *reader,
    const claude_json_token_t *value)
{
    if (value->type != CLAUDE_JSON_TRUE && value->type != CLAUDE_JSON_FALSE) {
        return claude_form_bad(reader, CLAUDE_ERR_INVALID_TYPE,
                               "must be true or false");
    }

    reader->form->enabled = (value->type == CLAUDE_JSON_TRUE);

    return CLAUDE_ERR_NONE;
}


static claude_err_e
claude_form_expires(claude_form_reader_t *reader,
    const claude_json_token_t *value)
{
    int64_t  time;

    if (value->type == CLAUDE_JSON_NULL) {
        return CLAUDE_ERR_NONE;
    }

    if (value->type != CLAUDE_JSON_STRING) {
        return claude_form_bad(reader, CLAUDE_ERR_INVALID_TYPE,
                               "must be a time as a string, or null");
    }

    if (claude_time_read(&value->text, &time) != CLAUDE_OK) {
        return claude_form_bad(reader, CLAUDE_ERR_INVALID_VALUE,
                               "must be a time of RFC 3339, such as "
                               "2027-01-31T12:00:00Z");
    }

    if (time <= reader->rules->now) {
        return claude_form_bad(reader, CLAUDE_ERR_INVALID_VALUE,
                               "must lie in the future");
    }

    reader->form->expires = time;

    return CLAUDE_ERR_NONE;
}


static claude_err_e
claude_form_grace(claude_form_reader_t *reader,
    const claude_json_token_t *value)
{
    uint64_t  seconds;

    if (value->type != CLAUDE_JSON_NUMBER) {
        return claude_form_bad(reader, CLAUDE_ERR_INVALID_TYPE,
                               "must be a number of seconds");
    }

    if (claude_json_uint(&value->raw, CLAUDE_FORM_GRACE_MAX, &seconds)
        != CLAUDE_OK)
    {
        return claude_form_bad(reader, CLAUDE_ERR_INVALID_VALUE,
                               "must be a whole number from 0 to 604800");
    }

    reader->form->grace = seconds;

    return CLAUDE_ERR_NONE;
}


/* an array's elements, and only they, are one deeper */

static claude_err_e
claude_form_limit(claude_form_reader_t *reader,
    const claude_json_token_t *value)
{
    unsigned     type, array;
    const char  *reason;

    array = (reader->limit == CLAUDE_LIMIT_MODEL_NAMES
             || reader->limit == CLAUDE_LIMIT_ADDRESS_PREFIXES);

    if (array && (value->type == CLAUDE_JSON_STRING) != (value->depth > 1)) {
        return claude_form_bad(reader, CLAUDE_ERR_INVALID_TYPE,
                               "must be an array of strings");
    }

    reason = claude_limits_read(&reader->form->limits, reader->limit, value,
                                &type);
    if (reason) {
        return claude_form_bad(reader, type ? CLAUDE_ERR_INVALID_TYPE
                                            : CLAUDE_ERR_INVALID_VALUE,
                               reason);
    }

    return CLAUDE_ERR_NONE;
}


void
claude_form_apply(const claude_form_t *form, claude_record_t *record)
{
    unsigned  i;

    if (form->given & CLAUDE_FORM_NAME) {
        record->name_len = form->name_len;
        memcpy(record->name, form->name, CLAUDE_NAME_MAX);
    }

    if (form->given & CLAUDE_FORM_ENABLED) {
        record->enabled = form->enabled;
    }

    if (form->given & CLAUDE_FORM_EXPIRES) {
        record->expires = form->expires;
    }

    for (i = 0; i < CLAUDE_LIMIT_N; i++) {
        if (form->limits_given & (1u << i)) {
            claude_limits_copy(&record->limits, &form->limits, i);
        }
    }
}
