
/*
 * A key's limits: which values are taken, how they are written, and what they
 * match.
 */

#include "tap.h"

#include "claude_limits.h"
#include "pool.h"

#include <arpa/inet.h>


#define LONG_NAME                                                             \
    "a234567890123456789012345678901234567890123456789012345678901234"        \
    "b234567890123456789012345678901234567890123456789012345678901234"

#define A15  "\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\","  \
    "\"k\",\"l\",\"m\",\"n\",\"o\""

#define N15  "\"::1\",\"::2\",\"::3\",\"::4\",\"::5\",\"::6\",\"::7\","       \
    "\"::8\",\"::9\",\"::a\",\"::b\",\"::c\",\"::d\",\"::e\",\"::f\""


static pool_t           pool;
static claude_limits_t  limits;
static unsigned         type;
static claude_limit_e   at;
static const char      *reason;
static char             written[4096];


/* the tokens of {"name":value}, as a form gives them to the limits */

static claude_rc_t
token_of(void *ctx, const claude_json_token_t *token)
{
    unsigned     wrong;
    const char  *why;

    (void) ctx;

    if (token->depth == 0) {
        return CLAUDE_OK;
    }

    if (token->type == CLAUDE_JSON_NAME && token->depth == 1) {
        at = claude_limits_find(&token->text);
        return (at < CLAUDE_LIMIT_N) ? CLAUDE_OK : CLAUDE_INVALID;
    }

    why = claude_limits_read(&limits, at, token, &wrong);

    if (why) {
        type = wrong;
        reason = why;
        return CLAUDE_DECLINED;
    }

    return CLAUDE_OK;
}


/* CLAUDE_OK, or CLAUDE_DECLINED with reason and type */

static claude_rc_t
read_text(const char *text)
{
    claude_json_error_t  error;

    memset(&limits, 0, sizeof(limits));
    reason = NULL;
    type = 0;

    return claude_json_read((const unsigned char *) text, strlen(text),
                            token_of, NULL, &error);
}


static const char *
rewritten(unsigned all)
{
    claude_out_t  out;

    claude_out_init(&out, &pool.mem, sizeof(written) - 1);
    claude_limits_put(&out, &limits, all);
    claude_out_copy(&out, (unsigned char *) written);
    written[out.size] = '\0';

    return written;
}


/* what is taken, and how it is written; NULL: as it came */

typedef struct {
    const char            *text;
    const char            *written;
} taken_t;

static const taken_t  taken[] = {
    { "{}", "" },
    { "{\"requestsPerMinute\":1}", NULL },
    { "{\"requestsPerMinute\":1000000}", NULL },
    { "{\"requestsPerMinute\":null}", "" },
    { "{\"tokensPerMinute\":1000000000000}", NULL },
    { "{\"concurrentRequests\":10000}", NULL },
    { "{\"dayTokens\":5000000000}", NULL },
    { "{\"monthTokens\":1}", NULL },
    { "{\"dayCost\":1000000}", NULL },
    { "{\"dayCost\":0.000001}", NULL },
    { "{\"dayCost\":0.5}", NULL },
    { "{\"dayCost\":0.500000}", ",\"dayCost\":0.5" },
    { "{\"dayCost\":1.0}", ",\"dayCost\":1" },
    { "{\"monthCost\":999999.999999}", NULL },
    { "{\"monthCost\":10.010}", ",\"monthCost\":10.01" },
    { "{\"allowedModels\":[\"claude-opus-5-5\"]}", NULL },
    { "{\"allowedModels\":[\"gpt-4o\",\"sonnet\"]}", NULL },
    { "{\"allowedModels\":[\"a\\\"b\"]}", NULL },
    { "{\"allowedModels\":[\"" LONG_NAME "\"]}", NULL },
    { "{\"allowedModels\":[" A15 ",\"p\"]}", NULL },
    { "{\"allowedModels\":null}", "" },
    { "{\"allowedAddresses\":[\"10.0.0.0/8\"]}", NULL },
    { "{\"allowedAddresses\":[\"192.0.2.1/32\"]}",
      ",\"allowedAddresses\":[\"192.0.2.1\"]" },
    { "{\"allowedAddresses\":[\"0.0.0.0/0\",\"::/0\"]}", NULL },
    { "{\"allowedAddresses\":[\"2001:DB8:0:0::/32\"]}",
      ",\"allowedAddresses\":[\"2001:db8::/32\"]" },
    { "{\"allowedAddresses\":[\"2001:db8::1\",\"fe80::/10\"]}", NULL },
    { "{\"allowedAddresses\":[\"::ffff:192.0.2.0/120\"]}",
      ",\"allowedAddresses\":[\"192.0.2.0/24\"]" },
    { "{\"allowedAddresses\":[\"::ffff:0:0/96\"]}",
      ",\"allowedAddresses\":[\"0.0.0.0/0\"]" },
    { "{\"allowedAddresses\":[" N15 ",\"::10\"]}", NULL },
    { "{\"requestsPerMinute\":1,\"tokensPerMinute\":2,"
      "\"concurrentRequests\":3,\"dayTokens\":4,\"monthTokens\":5,"
      "\"dayCost\":6,\"monthCost\":7,\"allowedModels\":[\"m\"],"
      "\"allowedAddresses\":[\"::1\"]}", NULL }
};


static void
test_taken(void)
{
    char        expected[1024];
    unsigned    i;
    const char *text;

    for (i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        text = taken[i].text;

        if (!is(read_text(text), CLAUDE_OK, "taken: %.60s", text)) {
            note("%s", reason);
        }

        if (taken[i].written) {
            snprintf(expected, sizeof(expected), "%s", taken[i].written);

        } else {
            snprintf(expected, sizeof(expected), ",%.*s",
                     (int) strlen(text) - 2, text + 1);
        }

        is_str(rewritten(0), expected, "and written");
        is(limits.reading, 0, "to its end");
    }

    (void) read_text("{\"dayCost\":2.5}");
    is_str(rewritten(1),
           ",\"requestsPerMinute\":null,\"tokensPerMinute\":null,"
           "\"concurrentRequests\":null,\"dayTokens\":null,"
           "\"monthTokens\":null,\"dayCost\":2.5,\"monthCost\":null,"
           "\"allowedModels\":null,\"allowedAddresses\":null",
           "all of them, null where there is no limit");
}


/* what is refused, and whether for its type */

typedef struct {
    const char            *text;
    unsigned               type;
} refused_t;

static const refused_t  refused[] = {
    { "{\"requestsPerMinute\":0}", 0 },
    { "{\"requestsPerMinute\":-1}", 0 },
    { "{\"requestsPerMinute\":-0}", 0 },
    { "{\"requestsPerMinute\":1000001}", 0 },
    { "{\"requestsPerMinute\":4294967297}", 0 },
    { "{\"requestsPerMinute\":18446744073709551617}", 0 },
    { "{\"requestsPerMinute\":99999999999999999999999999999999999}", 0 },
    { "{\"requestsPerMinute\":1e3}", 0 },
    { "{\"requestsPerMinute\":1E0}", 0 },
    { "{\"requestsPerMinute\":1.5}", 0 },
    { "{\"requestsPerMinute\":1.0}", 0 },
    { "{\"requestsPerMinute\":\"1\"}", 1 },
    { "{\"requestsPerMinute\":\"\"}", 1 },
    { "{\"requestsPerMinute\":true}", 1 },
    { "{\"requestsPerMinute\":[1]}", 1 },
    { "{\"requestsPerMinute\":{\"a\":1}}", 1 },
    { "{\"tokensPerMinute\":1000000000001}", 0 },
    { "{\"tokensPerMinute\":0}", 0 },
    { "{\"concurrentRequests\":10001}", 0 },
    { "{\"concurrentRequests\":-10000}", 0 },
    { "{\"dayTokens\":1e15}", 0 },
    { "{\"dayTokens\":false}", 1 },
    { "{\"monthTokens\":0}", 0 },
    { "{\"monthTokens\":\"all\"}", 1 },
    { "{\"dayCost\":0}", 0 },
    { "{\"dayCost\":0.0}", 0 },
    { "{\"dayCost\":0.000000}", 0 },
    { "{\"dayCost\":-5}", 0 },
    { "{\"dayCost\":-0.5}", 0 },
    { "{\"dayCost\":0.0000001}", 0 },
    { "{\"dayCost\":0.1234567}", 0 },
    { "{\"dayCost\":1000000.000001}", 0 },
    { "{\"dayCost\":1000001}", 0 },
    { "{\"dayCost\":18446744073709.551616}", 0 },
    { "{\"dayCost\":1e-3}", 0 },
    { "{\"dayCost\":1.5e1}", 0 },
    { "{\"dayCost\":\"5\"}", 1 },
    { "{\"monthCost\":1e300}", 0 },
    { "{\"monthCost\":[5]}", 1 },
    { "{\"allowedModels\":[]}", 0 },
    { "{\"allowedModels\":\"sonnet\"}", 1 },
    { "{\"allowedModels\":{\"a\":\"b\"}}", 1 },
    { "{\"allowedModels\":true}", 1 },
    { "{\"allowedModels\":[null]}", 1 },
    { "{\"allowedModels\":[1]}", 1 },
    { "{\"allowedModels\":[[\"sonnet\"]]}", 1 },
    { "{\"allowedModels\":[\"a\",{}]}", 1 },
    { "{\"allowedModels\":[\"\"]}", 0 },
    { "{\"allowedModels\":[\"a\",\"b\",\"a\"]}", 0 },
    { "{\"allowedModels\":[\"a\",\"\\u0061\"]}", 0 },
    { "{\"allowedModels\":[\"a\\nb\"]}", 0 },
    { "{\"allowedModels\":[\"a\\u0000\"]}", 0 },
    { "{\"allowedModels\":[\"\\u202eb\"]}", 0 },
    { "{\"allowedModels\":[\"" LONG_NAME "x\"]}", 0 },
    { "{\"allowedModels\":[\"1" LONG_NAME "\"]}", 0 },
    { "{\"allowedModels\":[\"" LONG_NAME "\",\"c" LONG_NAME "\"]}", 0 },
    { "{\"allowedModels\":[" A15 ",\"p\",\"q\"]}", 0 },
    { "{\"allowedAddresses\":[]}", 0 },
    { "{\"allowedAddresses\":\"10.0.0.0/8\"}", 1 },
    { "{\"allowedAddresses\":[10]}", 1 },
    { "{\"allowedAddresses\":[null]}", 1 },
    { "{\"allowedAddresses\":[\"\"]}", 0 },
    { "{\"allowedAddresses\":[\"all\"]}", 0 },
    { "{\"allowedAddresses\":[\"10.0.0.1/8\"]}", 0 },
    { "{\"allowedAddresses\":[\"10.0.0.0/33\"]}", 0 },
    { "{\"allowedAddresses\":[\"10.0.0.0/\"]}", 0 },
    { "{\"allowedAddresses\":[\"10.0.0.0/-1\"]}", 0 },
    { "{\"allowedAddresses\":[\"10.0.0.0/+8\"]}", 0 },
    { "{\"allowedAddresses\":[\"10.0.0.0/08\"]}", 0 },
    { "{\"allowedAddresses\":[\"10.0.0.0/8/8\"]}", 0 },
    { "{\"allowedAddresses\":[\"10.0.0.0/8 \"]}", 0 },
    { "{\"allowedAddresses\":[\" 10.0.0.0\"]}", 0 },
    { "{\"allowedAddresses\":[\"10.0.0\"]}", 0 },
    { "{\"allowedAddresses\":[\"10.0.0.256\"]}", 0 },
    { "{\"allowedAddresses\":[\"010.0.0.1\"]}", 0 },
    { "{\"allowedAddresses\":[\"0x0a.0.0.1\"]}", 0 },
    { "{\"allowedAddresses\":[\"167772161\"]}", 0 },
    { "{\"allowedAddresses\":[\"10.0.0.1\\u0000\"]}", 0 },
    { "{\"allowedAddresses\":[\"/8\"]}", 0 },
    { "{\"allowedAddresses\":[\"2001:db8::1/64\"]}", 0 },
    { "{\"allowedAddresses\":[\"2001:db8::/129\"]}", 0 },
    { "{\"allowedAddresses\":[\"2001:db8::/4294967328\"]}", 0 },
    { "{\"allowedAddresses\":[\"fe80::1%eth0\"]}", 0 },
    { "{\"allowedAddresses\":[\"[::1]\"]}", 0 },
    { "{\"allowedAddresses\":[\":::\"]}", 0 },
    { "{\"allowedAddresses\":[\"::ffff:10.0.0.0/8\"]}", 0 },
    { "{\"allowedAddresses\":[\"::ffff:0:0/95\"]}", 0 },
    { "{\"allowedAddresses\":[\"::1\",\"0:0::1/128\"]}", 0 },
    { "{\"allowedAddresses\":[\"10.0.0.1\",\"::ffff:10.0.0.1\"]}", 0 },
    { "{\"allowedAddresses\":[\"" LONG_NAME "\"]}", 0 },
    { "{\"allowedAddresses\":[" N15 ",\"::10\",\"::11\"]}", 0 }
};


static void
test_refused(void)
{
    unsigned  i;

    for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        is(read_text(refused[i].text), CLAUDE_DECLINED, "refused: %.60s",
           refused[i].text);
        ok(reason && strncmp(reason, "must ", 5) == 0, "%s",
           reason ? reason : "no reason");
        is(type, refused[i].type, "%s", refused[i].type ? "for its type"
                                                        : "for its value");
    }

    is(read_text("{\"requestPerMinute\":1}"), CLAUDE_INVALID,
       "a name that is none");
}


/* a value that isn't of JSON's tokens comes from a command line */

static void
test_tokens(void)
{
    claude_json_token_t  token;

    memset(&limits, 0, sizeof(limits));
    memset(&token, 0, sizeof(token));

    token.type = CLAUDE_JSON_NUMBER;
    token.raw.data = (const unsigned char *) "60 requests";
    token.raw.len = 11;
    ok(claude_limits_read(&limits, CLAUDE_LIMIT_REQUESTS, &token, NULL)
       != NULL, "words are no number");

    token.raw.len = 0;
    ok(claude_limits_read(&limits, CLAUDE_LIMIT_REQUESTS, &token, NULL)
       != NULL, "nor is nothing");
    ok(claude_limits_read(&limits, CLAUDE_LIMIT_DAY_COST, &token, NULL)
       != NULL, "also as dollars");

    token.raw.data = (const unsigned char *) "5.";
    token.raw.len = 2;
    ok(claude_limits_read(&limits, CLAUDE_LIMIT_DAY_COST, &token, NULL)
       != NULL, "a point needs decimals");

    token.raw.data = (const unsigned char *) ".5";
    ok(claude_limits_read(&limits, CLAUDE_LIMIT_DAY_COST, &token, NULL)
       != NULL, "and dollars");
}


static void
test_copy(void)
{
    unsigned         i;
    claude_limits_t  from, to, none;

    memset(&none, 0, sizeof(none));
    (void) read_text(taken[sizeof(taken) / sizeof(taken[0]) - 1].text);
    from = limits;
    to = none;

    for (i = 0; i < CLAUDE_LIMIT_N; i++) {
        claude_limits_copy(&to, &from, i);
    }

    is_mem(&to, sizeof(to), &from, sizeof(from), "limits are copied");

    claude_limits_copy(&to, &none, CLAUDE_LIMIT_MODEL_NAMES);
    is(to.models_len, 0, "and taken away");
    is(to.requests, 1, "one by one");

    for (i = 0; i < CLAUDE_LIMIT_N; i++) {
        claude_limits_copy(&to, &none, i);
    }

    is_mem(&to, sizeof(to), &none, sizeof(none), "without a trace");
}


/* sanitizers would see a look behind what is used */

static void
test_used(void)
{
    size_t            i, len;
    claude_limits_t  *cut, addresses;

    static const unsigned char  addr[] = { 203, 0, 113, 9 };

    memset(&limits, 0, sizeof(limits));
    is(claude_limits_used(&limits), offsetof(claude_limits_t, addresses),
       "of no models and addresses none are used");

    (void) read_text(taken[sizeof(taken) / sizeof(taken[0]) - 1].text);
    addresses = limits;
    addresses.models_len = 0;

    for (i = 0; i < 2; i++) {
        len = claude_limits_used(i ? &addresses : &limits);
        cut = malloc(len);
        memcpy(cut, &limits, len);
        cut->models_len = i ? 0 : limits.models_len;

        is(claude_limits_address(cut, addr, sizeof(addr)),
           claude_limits_address(&limits, addr, sizeof(addr)),
           "a copy of what is used answers alike, %zu bytes", len);

        free(cut);
    }
}


static unsigned
model(const char *name)
{
    claude_str_t  s;

    s.data = (const unsigned char *) name;
    s.len = strlen(name);

    return claude_limits_model(&limits, &s);
}


static void
test_models(void)
{
    (void) read_text("{}");
    is(model("anything"), 1, "without a limit any model is allowed");

    (void) read_text("{\"allowedModels\":[\"opus\",\"claude-sonnet-5-5\"]}");
    is(model("opus"), 1, "the first of two");
    is(model("claude-sonnet-5-5"), 1, "and the second");
    is(model("claude-opus-5-5"), 0, "no other");
    is(model("opu"), 0, "nor a part");
    is(model("opus2"), 0, "nor more");
    is(model("Opus"), 0, "nor in capitals");
    is(model(""), 0, "nor none");
}


static unsigned
address(const char *text)
{
    unsigned char  addr[16];

    if (inet_pton(AF_INET, text, addr) == 1) {
        return claude_limits_address(&limits, addr, 4);
    }

    if (inet_pton(AF_INET6, text, addr) != 1) {
        bail("%s is no address", text);
    }

    return claude_limits_address(&limits, addr, 16);
}


static void
test_addresses(void)
{
    (void) read_text("{}");
    is(address("192.0.2.1"), 1, "without a limit any address is allowed");
    is(claude_limits_address(&limits, NULL, 0), 1, "or none");

    (void) read_text("{\"allowedAddresses\":[\"10.0.0.0/8\",\"192.0.2.128/25\","
                     "\"198.51.100.7\",\"2001:db8:8000::/33\",\"::1\"]}");
    is(address("10.255.0.1"), 1, "in a prefix of whole bytes");
    is(address("11.0.0.0"), 0, "not behind it");
    is(address("9.255.255.255"), 0, "nor before it");
    is(address("192.0.2.128"), 1, "in one of 25 bits");
    is(address("192.0.2.127"), 0, "not below it");
    is(address("198.51.100.7"), 1, "one address");
    is(address("198.51.100.6"), 0, "not its neighbour");
    is(address("::ffff:10.1.2.3"), 1, "an IPv4 address in IPv6's clothes");
    is(address("::ffff:11.1.2.3"), 0, "is as good as in its own");
    is(address("::10.1.2.3"), 0, "another form is another address");
    is(address("2001:db8:8000::1"), 1, "in a prefix of IPv6");
    is(address("2001:db8:7fff::1"), 0, "not outside");
    is(address("::1"), 1, "one address of it");
    is(address("::2"), 0, "not the next");
    is(claude_limits_address(&limits, NULL, 0), 0, "a socket has none");

    (void) read_text("{\"allowedAddresses\":[\"::/0\"]}");
    is(address("2001:db8::1"), 1, "all of IPv6");
    is(address("192.0.2.1"), 0, "is nothing of IPv4");
    is(address("::ffff:192.0.2.1"), 0, "however that is written");

    (void) read_text("{\"allowedAddresses\":[\"0.0.0.0/0\"]}");
    is(address("192.0.2.1"), 1, "all of IPv4");
    is(address("2001:db8::1"), 0, "is nothing of IPv6");
}


int
main(void)
{
    pool_init(&pool, 1 << 20);

    test_taken();
    test_refused();
    test_tokens();
    test_copy();
    test_used();
    test_models();
    test_addresses();

    pool_free(&pool);

    return done_testing();
}
