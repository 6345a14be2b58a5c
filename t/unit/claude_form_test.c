
#include "tap.h"

#include "claude_form.h"

#include <sodium.h>


#define TOKEN    "sk-ant-oat01-canary_0123456789-abcdefghij"
#define API_KEY  "sk-ant-api03-canary_0123456789-abcdefghij"
#define NOW      INT64_C(1795508327)    /* 2026-11-24T08:18:47Z */

#define ALL      (CLAUDE_FORM_TOKEN | CLAUDE_FORM_NAME | CLAUDE_FORM_ENABLED  \
                  | CLAUDE_FORM_EXPIRES | CLAUDE_FORM_GRACE                   \
                  | CLAUDE_FORM_LIMITS)

#define TEN      "0123456789"
#define NAME64   TEN TEN TEN TEN TEN TEN "abcd"


static claude_form_t   form;
static claude_fault_t  fault;


static claude_rc_t
read_as(const char *body, unsigned takes, unsigned needs, unsigned credentials)
{
    claude_str_t         str;
    claude_form_rules_t  rules;

    str.data = (const unsigned char *) body;
    str.len = strlen(body);

    rules.takes = takes;
    rules.needs = needs;
    rules.credentials = credentials;
    rules.now = NOW;

    return claude_form_read(&str, &rules, &form, &fault);
}


static claude_rc_t
read_all(const char *body)
{
    return read_as(body, ALL, 0, CLAUDE_FORM_OAUTH);
}


static void
test_fields(void)
{
    claude_record_t  record;

    is(read_all("{\"oauthToken\":\"" TOKEN "\",\"keyName\":\"caf\\u00e9\","
                "\"enabled\":false,\"expiresAt\":\"2026-11-24T08:18:48Z\","
                "\"grace\":604800}"),
       CLAUDE_OK, "all fields");
    is(form.given, ALL & ~CLAUDE_FORM_LIMITS, "are seen");
    is_mem(form.token, form.token_len, TOKEN, sizeof(TOKEN) - 1, "token");
    is_mem(form.name, form.name_len, "caf\xc3\xa9", 5, "name, escaped");
    is(form.enabled, 0, "disabled");
    is(form.expires, NOW + 1, "expires in a second");
    is(form.grace, 604800, "grace");

    memset(&record, 0xff, sizeof(record));
    claude_form_apply(&form, &record);
    is_mem(record.name, record.name_len, "caf\xc3\xa9", 5, "its name");
    is(record.enabled, 0, "it is disabled");
    is(record.expires, NOW + 1, "it expires");

    is(read_all("{\"expiresAt\":null}"), CLAUDE_OK, "expiresAt of null");
    claude_form_apply(&form, &record);
    is(record.expires, 0, "never expires");
    is(record.enabled, 0, "the rest stays");
    is(record.name_len, 5, "name too");

    is(read_all("{\"grace\":0}"), CLAUDE_OK, "no grace");
    is(form.grace, 0, "is none");
    is(read_all("{}"), CLAUDE_OK, "nothing");
    is(form.given, 0, "is given");
    is(read_all(""), CLAUDE_OK, "an empty body where nothing is needed");
    is(read_all(" \n{ } "), CLAUDE_OK, "white space");

    is(read_as("{\"oauthToken\":\"" API_KEY "\"}", ALL, 0,
               CLAUDE_FORM_OAUTH | CLAUDE_FORM_API_KEY),
       CLAUDE_OK, "an API key where it is allowed");
    is_mem(form.token, form.token_len, API_KEY, sizeof(API_KEY) - 1,
           "is taken");
}


static void
test_limits(void)
{
    claude_record_t  record;

    memset(&record, 0, sizeof(record));
    record.limits.concurrent = 7;
    record.limits.day_tokens = 8;

    is(read_all("{\"requestsPerMinute\":60,\"dayTokens\":null,"
                "\"monthCost\":12.5,\"allowedModels\":[\"sonnet\",\"haiku\"],"
                "\"allowedAddresses\":[\"10.0.0.0/8\",\"2001:db8::/32\"]}"),
       CLAUDE_OK, "limits");
    is(form.given, CLAUDE_FORM_LIMITS, "are seen");
    claude_form_apply(&form, &record);
    is(record.limits.requests, 60, "requests");
    is(record.limits.day_tokens, 0, "null takes a limit away");
    is(record.limits.concurrent, 7, "what is not named stays");
    is(record.limits.month_cost, 12500000, "cost");
    is(record.limits.naddresses, 2, "addresses");
    ok(record.limits.models_len > 0, "models");

    is(read_all("{\"allowedModels\":null,\"allowedAddresses\":null}"),
       CLAUDE_OK, "arrays of null");
    claude_form_apply(&form, &record);
    is(record.limits.naddresses, 0, "all addresses");
    is(record.limits.models_len, 0, "all models");
    is(record.limits.requests, 60, "requests stay");
}


static void
test_bad(void)
{
    size_t  i;

    static const struct {
        const char    *body;
        claude_err_e   err;
        const char    *param;
    } cases[] = {
        { " ", CLAUDE_ERR_INVALID_JSON, "" },
        { "{", CLAUDE_ERR_INVALID_JSON, "" },
        { "{}x", CLAUDE_ERR_INVALID_JSON, "" },
        { "{\"enabled\":true,}", CLAUDE_ERR_INVALID_JSON, "" },
        { "{\"enabled\":true,\"enabled\":true}", CLAUDE_ERR_INVALID_JSON,
          "" },
        { "{\"enabled\":true,\"\\u0065nabled\":true}",
          CLAUDE_ERR_INVALID_JSON, "" },
        { "{\"keyName\":\"\xc0\x80\"}", CLAUDE_ERR_INVALID_JSON, "" },
        { "{\"keyName\":\"\xed\xa0\x80\"}", CLAUDE_ERR_INVALID_JSON, "" },
        { "{\"keyName\":\"\\ud800\"}", CLAUDE_ERR_INVALID_JSON, "" },
        { "\xef\xbb\xbf{}", CLAUDE_ERR_INVALID_JSON, "" },
        { "[]", CLAUDE_ERR_NOT_OBJECT, "" },
        { "null", CLAUDE_ERR_NOT_OBJECT, "" },
        { "\"keyName\"", CLAUDE_ERR_NOT_OBJECT, "" },

        { "{\"keyname\":\"a\"}", CLAUDE_ERR_UNSUPPORTED, "keyname" },
        { "{\"keyName \":\"a\"}", CLAUDE_ERR_UNSUPPORTED, "" },
        { "{\"id\":1}", CLAUDE_ERR_UNSUPPORTED, "id" },
        { "{\"\":1}", CLAUDE_ERR_UNSUPPORTED, "" },
        { "{\"" NAME64 "\":1}", CLAUDE_ERR_UNSUPPORTED, NAME64 },
        { "{\"" NAME64 "e\":1}", CLAUDE_ERR_UNSUPPORTED, "" },
        { "{\"" TOKEN "\":1}", CLAUDE_ERR_UNSUPPORTED, "" },
        { "{\"\xc3\xa9\":1}", CLAUDE_ERR_UNSUPPORTED, "" },
        { "{\"__proto__\":{}}", CLAUDE_ERR_UNSUPPORTED, "__proto__" },

        { "{\"oauthToken\":1}", CLAUDE_ERR_INVALID_TYPE, "oauthToken" },
        { "{\"oauthToken\":null}", CLAUDE_ERR_INVALID_TYPE, "oauthToken" },
        { "{\"oauthToken\":\"\"}", CLAUDE_ERR_INVALID_VALUE, "oauthToken" },
        { "{\"oauthToken\":\"sk-ant-oat01-short\"}",
          CLAUDE_ERR_INVALID_VALUE, "oauthToken" },
        { "{\"oauthToken\":\"" TOKEN " \"}", CLAUDE_ERR_INVALID_VALUE,
          "oauthToken" },
        { "{\"oauthToken\":\"\\u0073k-ant-oat01-canary_0123456789\"}",
          CLAUDE_ERR_INVALID_VALUE, "oauthToken" },
        { "{\"oauthToken\":\"" API_KEY "\"}", CLAUDE_ERR_INVALID_VALUE,
          "oauthToken" },
        { "{\"oauthToken\":\"sk-ant-oat02-canary_0123456789-abcdef\"}",
          CLAUDE_ERR_INVALID_VALUE, "oauthToken" },

        { "{\"keyName\":1}", CLAUDE_ERR_INVALID_TYPE, "keyName" },
        { "{\"keyName\":null}", CLAUDE_ERR_INVALID_TYPE, "keyName" },
        { "{\"keyName\":[\"a\"]}", CLAUDE_ERR_INVALID_TYPE, "keyName" },
        { "{\"keyName\":{}}", CLAUDE_ERR_INVALID_TYPE, "keyName" },
        { "{\"keyName\":\"\"}", CLAUDE_ERR_INVALID_VALUE, "keyName" },
        { "{\"keyName\":\"" NAME64 NAME64 "e\"}", CLAUDE_ERR_INVALID_VALUE,
          "keyName" },
        { "{\"keyName\":\"a\\nb\"}", CLAUDE_ERR_INVALID_VALUE, "keyName" },
        { "{\"keyName\":\"a\\u0000b\"}", CLAUDE_ERR_INVALID_VALUE,
          "keyName" },
        { "{\"keyName\":\"\\u202eabc\"}", CLAUDE_ERR_INVALID_VALUE,
          "keyName" },

        { "{\"enabled\":1}", CLAUDE_ERR_INVALID_TYPE, "enabled" },
        { "{\"enabled\":\"true\"}", CLAUDE_ERR_INVALID_TYPE, "enabled" },
        { "{\"enabled\":null}", CLAUDE_ERR_INVALID_TYPE, "enabled" },

        { "{\"expiresAt\":1}", CLAUDE_ERR_INVALID_TYPE, "expiresAt" },
        { "{\"expiresAt\":false}", CLAUDE_ERR_INVALID_TYPE, "expiresAt" },
        { "{\"expiresAt\":\"\"}", CLAUDE_ERR_INVALID_VALUE, "expiresAt" },
        { "{\"expiresAt\":\"2027-02-29T00:00:00Z\"}",
          CLAUDE_ERR_INVALID_VALUE, "expiresAt" },
        { "{\"expiresAt\":\"2026-11-24T08:18:47Z\"}",
          CLAUDE_ERR_INVALID_VALUE, "expiresAt" },
        { "{\"expiresAt\":\"1999-01-01T00:00:00Z\"}",
          CLAUDE_ERR_INVALID_VALUE, "expiresAt" },

        { "{\"grace\":-1}", CLAUDE_ERR_INVALID_VALUE, "grace" },
        { "{\"grace\":604801}", CLAUDE_ERR_INVALID_VALUE, "grace" },
        { "{\"grace\":1.5}", CLAUDE_ERR_INVALID_VALUE, "grace" },
        { "{\"grace\":1e1}", CLAUDE_ERR_INVALID_VALUE, "grace" },
        { "{\"grace\":\"1\"}", CLAUDE_ERR_INVALID_TYPE, "grace" },
        { "{\"grace\":null}", CLAUDE_ERR_INVALID_TYPE, "grace" },

        { "{\"requestsPerMinute\":0}", CLAUDE_ERR_INVALID_VALUE,
          "requestsPerMinute" },
        { "{\"requestsPerMinute\":-1}", CLAUDE_ERR_INVALID_VALUE,
          "requestsPerMinute" },
        { "{\"requestsPerMinute\":1000001}", CLAUDE_ERR_INVALID_VALUE,
          "requestsPerMinute" },
        { "{\"requestsPerMinute\":\"60\"}", CLAUDE_ERR_INVALID_TYPE,
          "requestsPerMinute" },
        { "{\"requestsPerMinute\":[60]}", CLAUDE_ERR_INVALID_TYPE,
          "requestsPerMinute" },
        { "{\"concurrentRequests\":10001}", CLAUDE_ERR_INVALID_VALUE,
          "concurrentRequests" },
        { "{\"tokensPerMinute\":1000000000001}", CLAUDE_ERR_INVALID_VALUE,
          "tokensPerMinute" },
        { "{\"dayTokens\":1.5}", CLAUDE_ERR_INVALID_VALUE, "dayTokens" },
        { "{\"monthTokens\":true}", CLAUDE_ERR_INVALID_TYPE,
          "monthTokens" },
        { "{\"dayCost\":0}", CLAUDE_ERR_INVALID_VALUE, "dayCost" },
        { "{\"dayCost\":0.0000001}", CLAUDE_ERR_INVALID_VALUE, "dayCost" },
        { "{\"monthCost\":1000000.01}", CLAUDE_ERR_INVALID_VALUE,
          "monthCost" },
        { "{\"monthCost\":\"1\"}", CLAUDE_ERR_INVALID_TYPE, "monthCost" },

        { "{\"allowedModels\":\"sonnet\"}", CLAUDE_ERR_INVALID_TYPE,
          "allowedModels" },
        { "{\"allowedModels\":[]}", CLAUDE_ERR_INVALID_VALUE,
          "allowedModels" },
        { "{\"allowedModels\":[\"\"]}", CLAUDE_ERR_INVALID_VALUE,
          "allowedModels" },
        { "{\"allowedModels\":[null]}", CLAUDE_ERR_INVALID_TYPE,
          "allowedModels" },
        { "{\"allowedModels\":[\"a\",null]}", CLAUDE_ERR_INVALID_TYPE,
          "allowedModels" },
        { "{\"allowedModels\":[[\"a\"]]}", CLAUDE_ERR_INVALID_TYPE,
          "allowedModels" },
        { "{\"allowedModels\":[{\"a\":\"b\"}]}", CLAUDE_ERR_INVALID_TYPE,
          "allowedModels" },
        { "{\"allowedModels\":{\"a\":\"b\"}}", CLAUDE_ERR_INVALID_TYPE,
          "allowedModels" },
        { "{\"allowedModels\":[\"a\",\"a\"]}", CLAUDE_ERR_INVALID_VALUE,
          "allowedModels" },
        { "{\"allowedAddresses\":[\"10.0.0.1/8\"]}",
          CLAUDE_ERR_INVALID_VALUE, "allowedAddresses" },
        { "{\"allowedAddresses\":[\"10.0.0.0/33\"]}",
          CLAUDE_ERR_INVALID_VALUE, "allowedAddresses" },
        { "{\"allowedAddresses\":[\"localhost\"]}",
          CLAUDE_ERR_INVALID_VALUE, "allowedAddresses" },
        { "{\"allowedAddresses\":[1]}", CLAUDE_ERR_INVALID_TYPE,
          "allowedAddresses" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is(read_all(cases[i].body), CLAUDE_INVALID, "case %zu: %s", i,
           cases[i].body);
        is(fault.err, cases[i].err, "case %zu: its error", i);
        is_str(fault.param, cases[i].param, "case %zu: its field", i);

        if (cases[i].err != CLAUDE_ERR_NOT_OBJECT
            && cases[i].err != CLAUDE_ERR_UNSUPPORTED)
        {
            ok(fault.reason != NULL, "case %zu: has a reason", i);
        }
    }
}


static void
test_rules(void)
{
    is(read_as("", ALL, CLAUDE_FORM_NAME, CLAUDE_FORM_OAUTH),
       CLAUDE_INVALID, "an empty body");
    is(fault.err, CLAUDE_ERR_EMPTY_BODY, "is named");

    is(read_as("{}", ALL, CLAUDE_FORM_NAME | CLAUDE_FORM_TOKEN,
               CLAUDE_FORM_OAUTH),
       CLAUDE_INVALID, "two fields that are needed");
    is(fault.err, CLAUDE_ERR_MISSING, "are missing");
    is_str(fault.param, "oauthToken", "the first is named");

    is(read_as("{\"oauthToken\":\"" TOKEN "\"}", ALL,
               CLAUDE_FORM_NAME | CLAUDE_FORM_TOKEN, CLAUDE_FORM_OAUTH),
       CLAUDE_INVALID, "one that is needed");
    is_str(fault.param, "keyName", "is named");

    is(read_as("{\"oauthToken\":\"" TOKEN "\"}", ALL, CLAUDE_FORM_TOKEN,
               CLAUDE_FORM_API_KEY),
       CLAUDE_INVALID, "an OAuth token where none is allowed");
    is_str(fault.param, "oauthToken", "is named");

    is(read_as("{\"grace\":1}", CLAUDE_FORM_NAME, 0, CLAUDE_FORM_OAUTH),
       CLAUDE_INVALID, "a field of another call");
    is(fault.err, CLAUDE_ERR_UNSUPPORTED, "is unknown");
    is_str(fault.param, "grace", "and named");

    is(read_as("{\"dayTokens\":1}", CLAUDE_FORM_NAME, 0, CLAUDE_FORM_OAUTH),
       CLAUDE_INVALID, "a limit of another call");
    is(fault.err, CLAUDE_ERR_UNSUPPORTED, "is unknown");
    is_str(fault.param, "dayTokens", "and named");
}


int
main(void)
{
    if (sodium_init() == -1) {
        bail("no libsodium");
    }

    test_fields();
    test_limits();
    test_bad();
    test_rules();

    return done_testing();
}
