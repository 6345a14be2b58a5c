
#include "claude_limits.h"

#include "claude_json_writer.h"
#include "claude_record.h"

#include <string.h>


#define CLAUDE_LIMIT_MODEL_LEN  128     /* bytes of one name */


typedef struct {
    claude_str_t           name;
    size_t                 offset;
    uint64_t               max;
    const char            *reason;
} claude_limit_t;


static const char *claude_limit_number(claude_limits_t *limits,
    claude_limit_e limit, const claude_json_token_t *value, unsigned *type);
static const char *claude_limit_array(claude_limits_t *limits,
    claude_limit_e limit, const claude_json_token_t *value, unsigned *type);
static void claude_limit_clear(claude_limits_t *limits,
    claude_limit_e limit);
static const char *claude_limit_model(claude_limits_t *limits,
    const claude_str_t *name);
static const char *claude_limit_address(claude_limits_t *limits,
    const claude_str_t *text);
static unsigned claude_limit_has_model(const claude_limits_t *limits,
    const claude_str_t *name, unsigned *n);
static unsigned claude_limit_is_array(claude_limit_e limit);
static unsigned claude_limit_is_cost(claude_limit_e limit);
static unsigned claude_limit_is_set(const claude_limits_t *limits,
    claude_limit_e limit);
static uint64_t claude_limit_get(const claude_limits_t *limits,
    claude_limit_e limit);
static void claude_limit_set(claude_limits_t *limits, claude_limit_e limit,
    uint64_t value);
static void claude_limit_put_models(claude_out_t *out,
    const claude_limits_t *limits);
static void claude_limit_put_addresses(claude_out_t *out,
    const claude_limits_t *limits);


static const claude_limit_t  claude_limit_table[CLAUDE_LIMIT_N] = {

    { claude_string("requestsPerMinute"),
      offsetof(claude_limits_t, requests), CLAUDE_LIMIT_REQUESTS_MAX,
      "must be an integer from 1 to 1000000" },

    { claude_string("tokensPerMinute"),
      offsetof(claude_limits_t, tokens), CLAUDE_LIMIT_TOKENS_MAX,
      "must be an integer from 1 to 1000000000000" },

    { claude_string("concurrentRequests"),
      offsetof(claude_limits_t, concurrent), CLAUDE_LIMIT_CONCURRENT_MAX,
      "must be an integer from 1 to 10000" },

    { claude_string("dayTokens"),
      offsetof(claude_limits_t, day_tokens), CLAUDE_LIMIT_TOKENS_MAX,
      "must be an integer from 1 to 1000000000000" },

    { claude_string("monthTokens"),
      offsetof(claude_limits_t, month_tokens), CLAUDE_LIMIT_TOKENS_MAX,
      "must be an integer from 1 to 1000000000000" },

    { claude_string("dayCost"),
      offsetof(claude_limits_t, day_cost), CLAUDE_LIMIT_COST_MAX,
      "must be US dollars from 0.000001 to 1000000, of at most six decimals" },

    { claude_string("monthCost"),
      offsetof(claude_limits_t, month_cost), CLAUDE_LIMIT_COST_MAX,
      "must be US dollars from 0.000001 to 1000000, of at most six decimals" },

    { claude_string("allowedModels"), 0, 0,
      "must be an array of the names of models" },

    { claude_string("allowedAddresses"), 0, 0,
      "must be an array of addresses and CIDR prefixes" }
};


claude_limit_e
claude_limits_find(const claude_str_t *name)
{
    unsigned             i;
    const claude_str_t  *other;

    for (i = 0; i < CLAUDE_LIMIT_N; i++) {
        other = &claude_limit_table[i].name;

        if (other->len == name->len
            && memcmp(other->data, name->data, name->len) == 0)
        {
            break;
        }
    }

    return i;
}


const claude_str_t *
claude_limits_name(claude_limit_e limit)
{
    return &claude_limit_table[limit].name;
}


const char *
claude_limits_read(claude_limits_t *limits, claude_limit_e limit,
    const claude_json_token_t *value, unsigned *type)
{
    unsigned  ignored;

    if (type == NULL) {
        type = &ignored;
    }

    *type = 0;

    return claude_limit_is_array(limit)
           ? claude_limit_array(limits, limit, value, type)
           : claude_limit_number(limits, limit, value, type);
}


static const char *
claude_limit_number(claude_limits_t *limits, claude_limit_e limit,
    const claude_json_token_t *value, unsigned *type)
{
    uint64_t               number;
    claude_rc_t            rc;
    const claude_limit_t  *it = &claude_limit_table[limit];

    claude_limit_clear(limits, limit);

    if (value->type == CLAUDE_JSON_NULL) {
        return NULL;
    }

    if (value->type != CLAUDE_JSON_NUMBER) {
        *type = 1;
        return it->reason;
    }

    rc = claude_limit_is_cost(limit)
         ? claude_cost_read(&value->raw, it->max, &number)
         : claude_json_uint(&value->raw, it->max, &number);

    if (rc != CLAUDE_OK || number == 0) {
        return it->reason;
    }

    claude_limit_set(limits, limit, number);

    return NULL;
}


/* limits->reading tells an element from a value in place of the array */

static const char *
claude_limit_array(claude_limits_t *limits, claude_limit_e limit,
    const claude_json_token_t *value, unsigned *type)
{
    if (limits->reading == 0
        && (value->type == CLAUDE_JSON_NULL
            || value->type == CLAUDE_JSON_ARRAY))
    {
        claude_limit_clear(limits, limit);
        limits->reading = (value->type == CLAUDE_JSON_ARRAY);

        return NULL;
    }

    if (limits->reading && value->type == CLAUDE_JSON_STRING) {
        return (limit == CLAUDE_LIMIT_MODEL_NAMES)
               ? claude_limit_model(limits, &value->text)
               : claude_limit_address(limits, &value->text);
    }

    if (limits->reading && value->type == CLAUDE_JSON_ARRAY_END) {
        limits->reading = 0;

        return claude_limit_is_set(limits, limit)
               ? NULL : "must not be empty: null is no limit";
    }

    *type = 1;

    return claude_limit_table[limit].reason;
}


static const char *
claude_limit_model(claude_limits_t *limits, const claude_str_t *name)
{
    unsigned  n;

    if (name->len > CLAUDE_LIMIT_MODEL_LEN
        || claude_name_check(name->data, name->len) != CLAUDE_OK)
    {
        return "must be names of models, of 1 to 128 printable characters";
    }

    if (claude_limit_has_model(limits, name, &n)) {
        return "must not name a model twice";
    }

    if (n == CLAUDE_LIMIT_MODELS) {
        return "must not name more than 16 models";
    }

    if (limits->models_len + 1 + name->len > CLAUDE_LIMIT_MODELS_LEN) {
        return "must not be longer than 240 characters of names";
    }

    limits->models[limits->models_len++] = name->len;
    memcpy(limits->models + limits->models_len, name->data, name->len);
    limits->models_len += name->len;

    return NULL;
}


static unsigned
claude_limit_has_model(const claude_limits_t *limits,
    const claude_str_t *name, unsigned *n)
{
    size_t  i, len;

    *n = 0;

    for (i = 0; i < limits->models_len; i += len) {
        len = limits->models[i++];

        if (len == name->len
            && memcmp(limits->models + i, name->data, len) == 0)
        {
            return 1;
        }

        (*n)++;
    }

    return 0;
}


static const char *
claude_limit_address(claude_limits_t *limits, const claude_str_t *text)
{
    unsigned        i;
    claude_cidr_t   cidr, *other;

    if (claude_cidr_read(text, &cidr) != CLAUDE_OK) {
        return "must be addresses or CIDR prefixes, without bits set behind "
               "the prefix";
    }

    for (i = 0; i < limits->naddresses; i++) {
        other = &limits->addresses[i];

        if (other->prefix == cidr.prefix
            && memcmp(other->addr, cidr.addr, sizeof(cidr.addr)) == 0)
        {
            return "must not have an address twice";
        }
    }

    if (limits->naddresses == CLAUDE_LIMIT_ADDRESSES) {
        return "must not have more than 16 addresses";
    }

    limits->addresses[limits->naddresses++] = cidr;

    return NULL;
}


size_t
claude_limits_used(const claude_limits_t *limits)
{
    if (limits->models_len) {
        return offsetof(claude_limits_t, models) + limits->models_len;
    }

    return offsetof(claude_limits_t, addresses)
           + limits->naddresses * sizeof(claude_cidr_t);
}


void
claude_limits_copy(claude_limits_t *to, const claude_limits_t *from,
    claude_limit_e limit)
{
    claude_limit_clear(to, limit);

    switch (limit) {

    case CLAUDE_LIMIT_MODEL_NAMES:
        to->models_len = from->models_len;
        memcpy(to->models, from->models, from->models_len);
        break;

    case CLAUDE_LIMIT_ADDRESS_PREFIXES:
        to->naddresses = from->naddresses;
        memcpy(to->addresses, from->addresses,
               from->naddresses * sizeof(claude_cidr_t));
        break;

    default:
        claude_limit_set(to, limit, claude_limit_get(from, limit));
    }
}


/* what isn't used is zero, so that equal limits have equal bytes */

static void
claude_limit_clear(claude_limits_t *limits, claude_limit_e limit)
{
    switch (limit) {

    case CLAUDE_LIMIT_MODEL_NAMES:
        limits->models_len = 0;
        memset(limits->models, 0, sizeof(limits->models));
        break;

    case CLAUDE_LIMIT_ADDRESS_PREFIXES:
        limits->naddresses = 0;
        memset(limits->addresses, 0, sizeof(limits->addresses));
        break;

    default:
        claude_limit_set(limits, limit, 0);
    }
}


static unsigned
claude_limit_is_array(claude_limit_e limit)
{
    return limit == CLAUDE_LIMIT_MODEL_NAMES
           || limit == CLAUDE_LIMIT_ADDRESS_PREFIXES;
}


static unsigned
claude_limit_is_cost(claude_limit_e limit)
{
    return limit == CLAUDE_LIMIT_DAY_COST || limit == CLAUDE_LIMIT_MONTH_COST;
}


static unsigned
claude_limit_is_set(const claude_limits_t *limits, claude_limit_e limit)
{
    switch (limit) {

    case CLAUDE_LIMIT_MODEL_NAMES:
        return limits->models_len != 0;

    case CLAUDE_LIMIT_ADDRESS_PREFIXES:
        return limits->naddresses != 0;

    default:
        return claude_limit_get(limits, limit) != 0;
    }
}


/* a number, of 32 bits where its maximum says so */

static uint64_t
claude_limit_get(const claude_limits_t *limits, claude_limit_e limit)
{
    uint64_t               wide;
    uint32_t               narrow;
    const unsigned char   *p;
    const claude_limit_t  *it = &claude_limit_table[limit];

    p = (const unsigned char *) limits + it->offset;

    if (it->max > UINT32_MAX) {
        memcpy(&wide, p, sizeof(wide));
        return wide;
    }

    memcpy(&narrow, p, sizeof(narrow));

    return narrow;
}


static void
claude_limit_set(claude_limits_t *limits, claude_limit_e limit,
    uint64_t value)
{
    uint32_t               narrow;
    unsigned char         *p;
    const claude_limit_t  *it = &claude_limit_table[limit];

    p = (unsigned char *) limits + it->offset;

    if (it->max > UINT32_MAX) {
        memcpy(p, &value, sizeof(value));
        return;
    }

    narrow = value;
    memcpy(p, &narrow, sizeof(narrow));
}


void
claude_limits_put(claude_out_t *out, const claude_limits_t *limits,
    unsigned all)
{
    unsigned             i, set;
    const claude_str_t  *name;

    for (i = 0; i < CLAUDE_LIMIT_N; i++) {
        set = claude_limit_is_set(limits, i);

        if (!set && !all) {
            continue;
        }

        name = &claude_limit_table[i].name;

        claude_out_literal(out, ",\"");
        claude_out_put(out, name->data, name->len);
        claude_out_literal(out, "\":");

        if (!set) {
            claude_out_literal(out, "null");

        } else if (i == CLAUDE_LIMIT_MODEL_NAMES) {
            claude_limit_put_models(out, limits);

        } else if (i == CLAUDE_LIMIT_ADDRESS_PREFIXES) {
            claude_limit_put_addresses(out, limits);

        } else if (claude_limit_is_cost(i)) {
            claude_cost_put(out, claude_limit_get(limits, i));

        } else {
            claude_json_put_uint(out, claude_limit_get(limits, i));
        }
    }
}


static void
claude_limit_put_models(claude_out_t *out, const claude_limits_t *limits)
{
    size_t  i, len;

    for (i = 0; i < limits->models_len; i += len) {
        claude_out_put(out, i ? "," : "[", 1);

        len = limits->models[i++];
        claude_json_put_string(out, limits->models + i, len);
    }

    claude_out_literal(out, "]");
}


static void
claude_limit_put_addresses(claude_out_t *out, const claude_limits_t *limits)
{
    unsigned  i;

    for (i = 0; i < limits->naddresses; i++) {
        claude_out_put(out, i ? ",\"" : "[\"", 2);
        claude_cidr_put(out, &limits->addresses[i]);
        claude_out_literal(out, "\"");
    }

    claude_out_literal(out, "]");
}


unsigned
claude_limits_model(const claude_limits_t *limits, const claude_str_t *name)
{
    unsigned  n;

    return limits->models_len == 0 || claude_limit_has_model(limits, name, &n);
}


unsigned
claude_limits_address(const claude_limits_t *limits,
    const unsigned char *addr, size_t len)
{
    unsigned  i;

    if (limits->naddresses == 0) {
        return 1;
    }

    for (i = 0; i < limits->naddresses; i++) {
        if (claude_cidr_has(&limits->addresses[i], addr, len)) {
            return 1;
        }
    }

    return 0;
}
