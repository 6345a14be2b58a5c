
/*
 * What a put may have beside what it must: limits, and the key before a
 * rotation.
 */

#include "record.h"

#include <sodium.h>


#define PREVIOUS     "\"previousDigest\":\"ff" HEX8 HEX8 HEX8 "0123456789abcd\""
#define UNTIL        "\"previousUntil\":\"2026-12-01T00:00:00Z\""
#define LIMITS                                                                \
    "\"requestsPerMinute\":60,\"tokensPerMinute\":100000,"                   \
    "\"concurrentRequests\":4,\"dayTokens\":5000000000,"                     \
    "\"monthTokens\":6,\"dayCost\":2.5,\"monthCost\":0.000001,"              \
    "\"allowedModels\":[\"sonnet\",\"claude-opus-5-5\"],"                    \
    "\"allowedAddresses\":[\"10.0.0.0/8\",\"2001:db8::1\"]"

static void
test_options(void)
{
    const char       *reason;
    claude_str_t      line;
    claude_change_t   change, back;
    claude_record_t  *record = &change.record;

    line = str(altered(PUT, PUT_EXPIRES, PUT_EXPIRES "," PREVIOUS "," UNTIL
                       "," LIMITS));

    if (!is(claude_change_read(&line, &change, &reason), CLAUDE_OK,
            "a put with limits"))
    {
        note("%s", reason);
    }

    is(record->previous[0], 0xff, "has a previous digest");
    is(record->previous_until, 1796083200, "until then");
    is(record->limits.requests, 60, "requests");
    is(record->limits.tokens, 100000, "tokens");
    is(record->limits.concurrent, 4, "calls");
    is(record->limits.day_tokens, 5000000000, "tokens of a day");
    is(record->limits.month_tokens, 6, "of a month");
    is(record->limits.day_cost, 2500000, "dollars of a day");
    is(record->limits.month_cost, 1, "of a month");
    is(record->limits.models_len, 23, "models");
    is(record->limits.naddresses, 2, "addresses");

    claude_change_write(fresh_out(), &change);
    is_mem(out.first->str.data, out.first->str.len - 1, line.data, line.len,
           "it is written as it was");

    /* any of them alone, and without the names that they need */

    line = str(altered(PUT, PUT_EXPIRES, PUT_EXPIRES
                       ",\"monthTokens\":1"));
    is(claude_change_read(&line, &back, &reason), CLAUDE_OK, "one alone");
    is(back.record.limits.month_tokens, 1, "is there");
    is(back.record.limits.requests, 0, "and no other");
    is(back.record.previous_until, 0, "nor a previous key");

    line = str(altered(PUT, PUT_EXPIRES, PUT_EXPIRES
                       ",\"monthTokens\":null,\"allowedModels\":null"));
    is(claude_change_read(&line, &back, &reason), CLAUDE_OK, "null is none");
}


static void
test_bad_options(void)
{
    unsigned         i;
    char             more[512];
    const char      *reason;
    claude_str_t     line;
    claude_change_t  change;

    static const struct {
        const char  *more;
        const char  *reason;
    } bad[] = {
        { PREVIOUS, "has one of previousDigest and previousUntil alone" },
        { UNTIL, "has one of previousDigest and previousUntil alone" },
        { "\"previousDigest\":\"" DIGEST "\"," UNTIL,
          "previousDigest is the digest" },
        { "\"previousDigest\":\"" HEX8 "\"," UNTIL,
          "previousDigest is not 64 hex digits" },
        { "\"previousDigest\":null," UNTIL,
          "previousDigest is not 64 hex digits" },
        { PREVIOUS ",\"previousUntil\":null", "previousUntil is not a time" },
        { PREVIOUS ",\"previousUntil\":5", "previousUntil is not a time" },
        { "\"requestsPerMinute\":0", "requestsPerMinute is not a limit" },
        { "\"requestsPerMinute\":[1]", "requestsPerMinute is not a limit" },
        { "\"tokensPerMinute\":1e3", "tokensPerMinute is not a limit" },
        { "\"concurrentRequests\":-1", "concurrentRequests is not a limit" },
        { "\"dayTokens\":\"5\"", "dayTokens is not a limit" },
        { "\"monthTokens\":1.5", "monthTokens is not a limit" },
        { "\"dayCost\":0.0000001", "dayCost is not a limit" },
        { "\"monthCost\":{}", "monthCost is not a limit" },
        { "\"allowedModels\":[]", "allowedModels are not names of models" },
        { "\"allowedModels\":[[\"a\"]]",
          "allowedModels are not names of models" },
        { "\"allowedModels\":{\"a\":\"b\"}",
          "allowedModels are not names of models" },
        { "\"allowedModels\":[\"a\",5,\"b\"]",
          "allowedModels are not names of models" },
        { "\"allowedAddresses\":[\"10.0.0.1/8\"]",
          "allowedAddresses are not addresses" },
        { "\"allowedAddresses\":\"10.0.0.1\"",
          "allowedAddresses are not addresses" },
        { "\"allowedAddress\":[\"10.0.0.1\"]", "has an unknown name" }
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(more, sizeof(more), PUT_EXPIRES ",%s", bad[i].more);
        line = str(altered(PUT, PUT_EXPIRES, more));

        is(claude_change_read(&line, &change, &reason), CLAUDE_INVALID,
           "refused: %.60s", bad[i].more);
        is_str(reason, bad[i].reason, "for that");
    }

    line = str("{\"op\":\"delete\"," "\"id\":\"" ID "\",\"dayTokens\":5}");
    is(claude_change_read(&line, &change, &reason), CLAUDE_INVALID,
       "a delete has no limits");
    line = str("{\"op\":\"use\",\"id\":\"" ID "\",\"lastUsed\":"
               "\"2026-11-24T08:18:47Z\"," UNTIL "," PREVIOUS "}");
    is(claude_change_read(&line, &change, &reason), CLAUDE_INVALID,
       "nor has a use a previous key");
}


static void
test_grace(void)
{
    size_t            len;
    claude_str_t      name = str("a"), token = str(TOKEN), other;
    claude_record_t   record;
    claude_secrets_t  secrets;
    unsigned char     key[CLAUDE_KEY_LEN], first[CLAUDE_DIGEST_LEN];
    unsigned char     opened[CLAUDE_TOKEN_MAX], none[CLAUDE_DIGEST_LEN];

    claude_secrets_generate(&secrets);
    memset(none, 0, sizeof(none));

    (void) claude_record_create(&secrets, &name, &token, 1000, &record, key);
    is(record.previous_until, 0, "a new key comes instead of none");
    is(record.limits.requests, 0, "and has no limits");
    memcpy(first, record.digest, sizeof(first));
    record.limits.requests = 7;

    (void) claude_record_rotate(&secrets, &record, 5000, key);
    is(record.previous_until, 5000, "one that is rotated has a grace");
    is_mem(record.previous, 32, first, 32, "with the digest that it had");
    is(record.limits.requests, 7, "and the same limits");

    memcpy(first, record.digest, sizeof(first));
    (void) claude_record_rotate(&secrets, &record, 6000, key);
    is_mem(record.previous, 32, first, 32, "the next rotation drops the first");

    memcpy(first, record.digest, sizeof(first));
    other = str("sk-ant-api03-another_0123456789-abcdWXYZ");
    is(claude_record_replace(&secrets, &record, &other), CLAUDE_OK,
       "another credential is taken");
    is(record.token_form, CLAUDE_TOKEN_API_KEY, "with its form");
    is_mem(record.token_tail, 4, "WXYZ", 4, "and what is shown of it");
    is(record.previous_until, 6000, "for both keys");
    is(claude_open(&secrets, record.sealed, record.sealed_len, record.id,
                   record.digest, opened, &len), CLAUDE_OK, "sealed");
    is_mem(opened, len, other.data, other.len, "it is that");
    is_mem(record.digest, 32, first, 32, "under the same key");

    other = str("sk-ant-other");
    is(claude_record_replace(&secrets, &record, &other), CLAUDE_INVALID,
       "one of another form is not");

    (void) claude_record_rotate(&secrets, &record, 0, key);
    is(record.previous_until, 0, "a rotation without a grace");
    is_mem(record.previous, 32, none, 32, "leaves no previous key");
}


/* the longest line there can be fits, whatever the name */

static void
test_longest(void)
{
    int               i;
    const char       *reason;
    claude_str_t      line;
    claude_change_t   change, back;
    claude_limits_t  *limits = &change.record.limits;

    line = str(PUT);
    (void) claude_change_read(&line, &change, &reason);

    for (i = 0; i < 128; i++) {
        change.record.name[i] = (i & 1) ? '"' : '\\';
    }

    change.record.name_len = 128;
    change.record.sealed_len = CLAUDE_SEALED_MAX;
    change.record.expires = change.record.last_used = CLAUDE_TIME_MAX;
    change.record.previous_until = CLAUDE_TIME_MAX;

    limits->requests = CLAUDE_LIMIT_REQUESTS_MAX;
    limits->concurrent = CLAUDE_LIMIT_CONCURRENT_MAX;
    limits->tokens = CLAUDE_LIMIT_TOKENS_MAX;
    limits->day_tokens = limits->month_tokens = CLAUDE_LIMIT_TOKENS_MAX;
    limits->day_cost = limits->month_cost = CLAUDE_LIMIT_COST_MAX - 1;

    for (i = 0; i < CLAUDE_LIMIT_MODELS; i++) {
        limits->models[limits->models_len] = 15;
        memset(limits->models + limits->models_len + 1, '"', 15);
        limits->models[limits->models_len + 1] = 'a' + i;
        limits->models_len += 16;

        memset(limits->addresses[i].addr, 0xff, 16);
        limits->addresses[i].addr[15] = 0xfe;
        limits->addresses[i].addr[14] = i;
        limits->addresses[i].prefix = 127;
        limits->naddresses++;
    }

    claude_change_write(fresh_out(), &change);
    is(out.rc, CLAUDE_OK, "the longest line fits");
    note("in %zu bytes", out.size);

    line = out.first->str;
    is(line.data[line.len - 1], '\n', "ends in a line feed");
    line.len--;

    is(claude_change_read(&line, &back, &reason), CLAUDE_OK, "can be read");
    is_mem(&back, sizeof(back), &change, sizeof(change), "and is the same");
}


int
main(void)
{
    if (sodium_init() == -1) {
        bail("libsodium can't be initialized");
    }

    test_options();
    test_bad_options();
    test_grace();
    test_longest();

    return done_testing();
}
