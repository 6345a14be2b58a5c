
#include "claude_record.h"

#include "claude_fields.h"
#include "claude_json_writer.h"

#include <sodium.h>
#include <string.h>


#define CLAUDE_ELLIPSIS         "\xe2\x80\xa6"
#define CLAUDE_ELLIPSIS_LEN     3


static const char *claude_change_op(void *dst,
    const claude_json_token_t *value);
static const char *claude_change_id(void *dst,
    const claude_json_token_t *value);
static const char *claude_change_last_used(void *dst,
    const claude_json_token_t *value);
static const char *claude_change_digest(void *dst,
    const claude_json_token_t *value);
static const char *claude_change_display(void *dst,
    const claude_json_token_t *value);
static const char *claude_change_name(void *dst,
    const claude_json_token_t *value);
static const char *claude_change_token(void *dst,
    const claude_json_token_t *value);
static const char *claude_change_token_display(void *dst,
    const claude_json_token_t *value);
static const char *claude_change_created(void *dst,
    const claude_json_token_t *value);
static const char *claude_change_enabled(void *dst,
    const claude_json_token_t *value);
static const char *claude_change_expires(void *dst,
    const claude_json_token_t *value);
static const char *claude_change_previous(void *dst,
    const claude_json_token_t *value);
static const char *claude_change_previous_until(void *dst,
    const claude_json_token_t *value);
static const char *claude_change_requests(void *dst,
    const claude_json_token_t *value);
static const char *claude_change_tokens(void *dst,
    const claude_json_token_t *value);
static const char *claude_change_concurrent(void *dst,
    const claude_json_token_t *value);
static const char *claude_change_day_tokens(void *dst,
    const claude_json_token_t *value);
static const char *claude_change_month_tokens(void *dst,
    const claude_json_token_t *value);
static const char *claude_change_day_cost(void *dst,
    const claude_json_token_t *value);
static const char *claude_change_month_cost(void *dst,
    const claude_json_token_t *value);
static const char *claude_change_models(void *dst,
    const claude_json_token_t *value);
static const char *claude_change_addresses(void *dst,
    const claude_json_token_t *value);
static const char *claude_change_limit(claude_change_t *change,
    claude_limit_e limit, const claude_json_token_t *value,
    const char *reason);
static const char *claude_change_check(const claude_change_t *change,
    uint32_t seen);
static unsigned claude_change_is_display(const claude_json_token_t *value,
    const char *prefix, size_t prefix_len, size_t head);
static void claude_change_put(claude_out_t *out,
    const claude_record_t *record);


/* in the order in which they are written: a put has the first eleven, with two
 * more both or neither, and any of the rest */

static const claude_field_t  claude_change_fields[] = {
    { claude_string("op"), claude_change_op },
    { claude_string("id"), claude_change_id },
    { claude_string("digest"), claude_change_digest },
    { claude_string("display"), claude_change_display },
    { claude_string("keyName"), claude_change_name },
    { claude_string("oauthToken"), claude_change_token },
    { claude_string("tokenDisplay"), claude_change_token_display },
    { claude_string("createdAt"), claude_change_created },
    { claude_string("lastUsed"), claude_change_last_used },
    { claude_string("enabled"), claude_change_enabled },
    { claude_string("expiresAt"), claude_change_expires },
    { claude_string("previousDigest"), claude_change_previous },
    { claude_string("previousUntil"), claude_change_previous_until },
    { claude_string("requestsPerMinute"), claude_change_requests },
    { claude_string("tokensPerMinute"), claude_change_tokens },
    { claude_string("concurrentRequests"), claude_change_concurrent },
    { claude_string("dayTokens"), claude_change_day_tokens },
    { claude_string("monthTokens"), claude_change_month_tokens },
    { claude_string("dayCost"), claude_change_day_cost },
    { claude_string("monthCost"), claude_change_month_cost },
    { claude_string("allowedModels"), claude_change_models },
    { claude_string("allowedAddresses"), claude_change_addresses }
};

#define CLAUDE_CHANGE_FIELDS                                                  \
    (sizeof(claude_change_fields) / sizeof(claude_change_fields[0]))

#define CLAUDE_CHANGE_DELETE    3u
#define CLAUDE_CHANGE_USE       0x103u
#define CLAUDE_CHANGE_PUT       0x7ffu
#define CLAUDE_CHANGE_PREVIOUS  0x1800u


claude_rc_t
claude_change_read(const claude_str_t *line, claude_change_t *change,
    const char **reason)
{
    uint32_t     seen;
    claude_rc_t  rc;

    memset(change, 0, sizeof(claude_change_t));

    rc = claude_fields_scan(line, claude_change_fields, CLAUDE_CHANGE_FIELDS,
                            change, &seen);
    *reason = NULL;

    if (rc != CLAUDE_OK) {
        memset(change, 0, sizeof(claude_change_t));

        rc = claude_fields_read(line, claude_change_fields,
                                CLAUDE_CHANGE_FIELDS, change, &seen, reason);
    }

    if (rc != CLAUDE_OK) {
        return rc;
    }

    if (*reason == NULL) {
        *reason = claude_change_check(change, seen);
    }

    return *reason ? CLAUDE_INVALID : CLAUDE_OK;
}


static const char *
claude_change_check(const claude_change_t *change, uint32_t seen)
{
    uint32_t                all, may;
    const claude_record_t  *record = &change->record;

    all = (change->op == CLAUDE_OP_DELETE) ? CLAUDE_CHANGE_DELETE
          : (change->op == CLAUDE_OP_USE) ? CLAUDE_CHANGE_USE
          : CLAUDE_CHANGE_PUT;

    may = (change->op == CLAUDE_OP_PUT) ? (1u << CLAUDE_CHANGE_FIELDS) - 1
                                        : all;

    if (seen & ~may) {
        return "has an unknown name";
    }

    if ((seen & all) != all) {
        return "lacks a name";
    }

    if (change->op == CLAUDE_OP_USE && record->last_used == 0) {
        return "lastUsed is null";
    }

    if ((seen & CLAUDE_CHANGE_PREVIOUS) == 0) {
        return NULL;
    }

    if ((seen & CLAUDE_CHANGE_PREVIOUS) != CLAUDE_CHANGE_PREVIOUS) {
        return "has one of previousDigest and previousUntil alone";
    }

    return memcmp(record->previous, record->digest, CLAUDE_DIGEST_LEN)
           ? NULL : "previousDigest is the digest";
}


static const char *
claude_change_op(void *dst, const claude_json_token_t *value)
{
    claude_change_t  *change = dst;

    if (claude_field_is(value, "put")) {
        change->op = CLAUDE_OP_PUT;

    } else if (claude_field_is(value, "use")) {
        change->op = CLAUDE_OP_USE;

    } else if (claude_field_is(value, "delete")) {
        change->op = CLAUDE_OP_DELETE;

    } else {
        return "op is none of put, use, delete";
    }

    return NULL;
}


static const char *
claude_change_id(void *dst, const claude_json_token_t *value)
{
    claude_change_t  *change = dst;

    if (value->type != CLAUDE_JSON_STRING
        || !claude_key_id_valid(value->text.data, value->text.len))
    {
        return "id is not the id of a key";
    }

    memcpy(change->record.id, value->text.data, CLAUDE_KEY_ID_LEN);

    return NULL;
}


static const char *
claude_change_last_used(void *dst, const claude_json_token_t *value)
{
    claude_change_t  *change = dst;

    return claude_field_time(value, &change->record.last_used)
           ? NULL : "lastUsed is not a time";
}


static const char *
claude_change_digest(void *dst, const claude_json_token_t *value)
{
    claude_change_t  *change = dst;

    return claude_field_hex(value, change->record.digest, CLAUDE_DIGEST_LEN)
           ? NULL : "digest is not 64 hex digits";
}


static const char *
claude_change_display(void *dst, const claude_json_token_t *value)
{
    claude_change_t  *change = dst;

    if (!claude_change_is_display(value, "sk-", 3, CLAUDE_HEAD_LEN)) {
        return "display is not the display form of a key";
    }

    memcpy(change->record.head, value->text.data, CLAUDE_HEAD_LEN);
    memcpy(change->record.tail,
           value->text.data + value->text.len - CLAUDE_TAIL_LEN,
           CLAUDE_TAIL_LEN);

    return NULL;
}


static const char *
claude_change_token_display(void *dst, const claude_json_token_t *value)
{
    claude_change_t  *change = dst;

    if (claude_change_is_display(value, CLAUDE_TOKEN_OAUTH_PREFIX,
                                 sizeof(CLAUDE_TOKEN_OAUTH_PREFIX) - 1,
                                 sizeof(CLAUDE_TOKEN_OAUTH_PREFIX) - 1))
    {
        change->record.token_form = CLAUDE_TOKEN_OAUTH;

    } else if (claude_change_is_display(value, CLAUDE_TOKEN_API_KEY_PREFIX,
                                        sizeof(CLAUDE_TOKEN_API_KEY_PREFIX)
                                        - 1,
                                        sizeof(CLAUDE_TOKEN_API_KEY_PREFIX)
                                        - 1))
    {
        change->record.token_form = CLAUDE_TOKEN_API_KEY;

    } else {
        return "tokenDisplay is not the display form of a token";
    }

    memcpy(change->record.token_tail,
           value->text.data + value->text.len - CLAUDE_TAIL_LEN,
           CLAUDE_TAIL_LEN);

    return NULL;
}


/* head characters that begin with prefix, an ellipsis, and a tail */

static unsigned
claude_change_is_display(const claude_json_token_t *value, const char *prefix,
    size_t prefix_len, size_t head)
{
    const unsigned char  *p = value->text.data;

    return value->type == CLAUDE_JSON_STRING
           && value->text.len == head + CLAUDE_ELLIPSIS_LEN + CLAUDE_TAIL_LEN
           && memcmp(p, prefix, prefix_len) == 0
           && claude_base64url(p, head)
           && memcmp(p + head, CLAUDE_ELLIPSIS, CLAUDE_ELLIPSIS_LEN) == 0
           && claude_base64url(p + head + CLAUDE_ELLIPSIS_LEN,
                               CLAUDE_TAIL_LEN);
}


static const char *
claude_change_name(void *dst, const claude_json_token_t *value)
{
    claude_change_t  *change = dst;

    if (value->type != CLAUDE_JSON_STRING
        || claude_name_check(value->text.data, value->text.len) != CLAUDE_OK)
    {
        return "keyName is not 1 to 128 printable characters";
    }

    change->record.name_len = value->text.len;
    memcpy(change->record.name, value->text.data, value->text.len);

    return NULL;
}


static const char *
claude_change_token(void *dst, const claude_json_token_t *value)
{
    size_t            len;
    claude_change_t  *change = dst;

    if (!claude_field_base64(value, change->record.sealed, CLAUDE_SEALED_MAX,
                             &len)
        || len < CLAUDE_NONCE_LEN + CLAUDE_TOKEN_MIN + CLAUDE_TAG_LEN)
    {
        return "oauthToken is not a sealed token in base64";
    }

    change->record.sealed_len = len;

    return NULL;
}


static const char *
claude_change_created(void *dst, const claude_json_token_t *value)
{
    claude_change_t  *change = dst;

    if (!claude_field_time(value, &change->record.created)
        || change->record.created == 0)
    {
        return "createdAt is not a time";
    }

    return NULL;
}


static const char *
claude_change_enabled(void *dst, const claude_json_token_t *value)
{
    claude_change_t  *change = dst;

    if (value->type != CLAUDE_JSON_TRUE && value->type != CLAUDE_JSON_FALSE) {
        return "enabled is neither true nor false";
    }

    change->record.enabled = (value->type == CLAUDE_JSON_TRUE);

    return NULL;
}


static const char *
claude_change_expires(void *dst, const claude_json_token_t *value)
{
    claude_change_t  *change = dst;

    return claude_field_time(value, &change->record.expires)
           ? NULL : "expiresAt is not a time";
}


static const char *
claude_change_previous(void *dst, const claude_json_token_t *value)
{
    claude_change_t  *change = dst;

    return claude_field_hex(value, change->record.previous, CLAUDE_DIGEST_LEN)
           ? NULL : "previousDigest is not 64 hex digits";
}


static const char *
claude_change_previous_until(void *dst, const claude_json_token_t *value)
{
    claude_change_t  *change = dst;

    if (!claude_field_time(value, &change->record.previous_until)
        || change->record.previous_until == 0)
    {
        return "previousUntil is not a time";
    }

    return NULL;
}


static const char *
claude_change_requests(void *dst, const claude_json_token_t *value)
{
    return claude_change_limit(dst, CLAUDE_LIMIT_REQUESTS, value,
                               "requestsPerMinute is not a limit");
}


static const char *
claude_change_tokens(void *dst, const claude_json_token_t *value)
{
    return claude_change_limit(dst, CLAUDE_LIMIT_TOKENS, value,
                               "tokensPerMinute is not a limit");
}


static const char *
claude_change_concurrent(void *dst, const claude_json_token_t *value)
{
    return claude_change_limit(dst, CLAUDE_LIMIT_CONCURRENT, value,
                               "concurrentRequests is not a limit");
}


static const char *
claude_change_day_tokens(void *dst, const claude_json_token_t *value)
{
    return claude_change_limit(dst, CLAUDE_LIMIT_DAY_TOKENS, value,
                               "dayTokens is not a limit");
}


static const char *
claude_change_month_tokens(void *dst, const claude_json_token_t *value)
{
    return claude_change_limit(dst, CLAUDE_LIMIT_MONTH_TOKENS, value,
                               "monthTokens is not a limit");
}


static const char *
claude_change_day_cost(void *dst, const claude_json_token_t *value)
{
    return claude_change_limit(dst, CLAUDE_LIMIT_DAY_COST, value,
                               "dayCost is not a limit");
}


static const char *
claude_change_month_cost(void *dst, const claude_json_token_t *value)
{
    return claude_change_limit(dst, CLAUDE_LIMIT_MONTH_COST, value,
                               "monthCost is not a limit");
}


static const char *
claude_change_models(void *dst, const claude_json_token_t *value)
{
    return claude_change_limit(dst, CLAUDE_LIMIT_MODEL_NAMES, value,
                               "allowedModels are not names of models");
}


static const char *
claude_change_addresses(void *dst, const claude_json_token_t *value)
{
    return claude_change_limit(dst, CLAUDE_LIMIT_ADDRESS_PREFIXES, value,
                               "allowedAddresses are not addresses");
}


static const char *
claude_change_limit(claude_change_t *change, claude_limit_e limit,
    const claude_json_token_t *value, const char *reason)
{
    return claude_limits_read(&change->record.limits, limit, value, NULL)
           ? reason : NULL;
}


void
claude_change_write(claude_out_t *out, const claude_change_t *change)
{
    const claude_record_t  *record = &change->record;

    switch (change->op) {

    case CLAUDE_OP_PUT:
        claude_change_put(out, record);
        break;

    case CLAUDE_OP_USE:
        claude_out_literal(out, "{\"op\":\"use\",\"id\":\"");
        claude_out_put(out, record->id, CLAUDE_KEY_ID_LEN);
        claude_out_literal(out, "\",\"lastUsed\":");
        claude_time_put(out, record->last_used);
        break;

    case CLAUDE_OP_DELETE:
        claude_out_literal(out, "{\"op\":\"delete\",\"id\":\"");
        claude_out_put(out, record->id, CLAUDE_KEY_ID_LEN);
        claude_out_literal(out, "\"");
        break;
    }

    claude_out_literal(out, "}\n");
}


static void
claude_change_put(claude_out_t *out, const claude_record_t *record)
{
    char  hex[2 * CLAUDE_DIGEST_LEN + 1];
    char  base64[sodium_base64_ENCODED_LEN(CLAUDE_SEALED_MAX,
                                           sodium_base64_VARIANT_ORIGINAL)];

    sodium_bin2hex(hex, sizeof(hex), record->digest, CLAUDE_DIGEST_LEN);
    sodium_bin2base64(base64, sizeof(base64), record->sealed,
                      record->sealed_len, sodium_base64_VARIANT_ORIGINAL);

    claude_out_literal(out, "{\"op\":\"put\",\"id\":\"");
    claude_out_put(out, record->id, CLAUDE_KEY_ID_LEN);
    claude_out_literal(out, "\",\"digest\":\"");
    claude_out_put(out, hex, sizeof(hex) - 1);
    claude_out_literal(out, "\",\"display\":\"");
    claude_record_display(out, record);
    claude_out_literal(out, "\",\"keyName\":");
    claude_json_put_string(out, record->name, record->name_len);
    claude_out_literal(out, ",\"oauthToken\":\"");
    claude_out_put(out, base64, strlen(base64));
    claude_out_literal(out, "\",\"tokenDisplay\":\"");
    claude_record_token_display(out, record);
    claude_out_literal(out, "\",\"createdAt\":");
    claude_time_put(out, record->created);
    claude_out_literal(out, ",\"lastUsed\":");
    claude_time_put(out, record->last_used);
    claude_out_literal(out, ",\"enabled\":");
    claude_json_put_bool(out, record->enabled);
    claude_out_literal(out, ",\"expiresAt\":");
    claude_time_put(out, record->expires);

    if (record->previous_until) {
        sodium_bin2hex(hex, sizeof(hex), record->previous, CLAUDE_DIGEST_LEN);

        claude_out_literal(out, ",\"previousDigest\":\"");
        claude_out_put(out, hex, sizeof(hex) - 1);
        claude_out_literal(out, "\",\"previousUntil\":");
        claude_time_put(out, record->previous_until);
    }

    claude_limits_put(out, &record->limits, 0);
}


void
claude_record_display(claude_out_t *out, const claude_record_t *record)
{
    claude_out_put(out, record->head, CLAUDE_HEAD_LEN);
    claude_out_literal(out, CLAUDE_ELLIPSIS);
    claude_out_put(out, record->tail, CLAUDE_TAIL_LEN);
}


void
claude_record_token_display(claude_out_t *out, const claude_record_t *record)
{
    if (record->token_form == CLAUDE_TOKEN_OAUTH) {
        claude_out_literal(out, CLAUDE_TOKEN_OAUTH_PREFIX);

    } else {
        claude_out_literal(out, CLAUDE_TOKEN_API_KEY_PREFIX);
    }

    claude_out_literal(out, CLAUDE_ELLIPSIS);
    claude_out_put(out, record->token_tail, CLAUDE_TAIL_LEN);
}
