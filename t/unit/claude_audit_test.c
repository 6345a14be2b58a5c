
#include "tap.h"

#include "claude_audit.h"

#include <arpa/inet.h>


static unsigned char  chunk[4096], text[4096];


static void *
no_memory(void *ctx, size_t size)
{
    (void) ctx;
    (void) size;

    return NULL;
}


static claude_mem_t  mem = { no_memory, NULL };


static claude_audit_t
event(void)
{
    claude_audit_t  audit;

    memset(&audit, 0, sizeof(audit));

    audit.seq = 7;
    audit.time = INT64_C(1785283200045);
    audit.event = "key";
    audit.outcome = "refused";
    audit.level = "security";

    return audit;
}


static claude_str_t
str(const char *s, size_t len)
{
    claude_str_t  value;

    value.data = (const unsigned char *) s;
    value.len = len;

    return value;
}


#define literal(s)  str(s, sizeof(s) - 1)


static const char *
written(const claude_audit_t *audit,
    void (*put)(claude_out_t *out, const claude_audit_t *audit))
{
    claude_out_t  out;

    claude_out_init_chunk(&out, &mem, sizeof(text) - 1, chunk, sizeof(chunk));
    put(&out, audit);

    if (out.rc != CLAUDE_OK) {
        return "failed";
    }

    claude_out_copy(&out, text);
    text[out.size] = '\0';

    return (const char *) text;
}


static void
test_line(void)
{
    claude_audit_t  audit;

    audit = event();

    is_str(written(&audit, claude_audit_line),
           "{\"time\":\"2026-07-29T00:00:00.045Z\",\"event\":\"key\","
           "\"outcome\":\"refused\",\"level\":\"security\"}\n",
           "a line leaves out what there is not");

    is_str(written(&audit, claude_audit_put),
           "{\"seq\":7,\"time\":\"2026-07-29T00:00:00.045Z\","
           "\"event\":\"key\",\"outcome\":\"refused\",\"level\":\"security\","
           "\"keyId\":null,\"requestId\":null,\"traceId\":null,"
           "\"address\":null,\"code\":null,\"suppressed\":0}",
           "an element says null");

    audit.key_id = literal("key_0123456789abcdefghij");
    audit.request_id = literal("0123456789abcdef0123456789abcdef");
    audit.trace_id = literal("fedcba9876543210fedcba9876543210");
    audit.address = literal("\xc0\x00\x02\x07");
    audit.code = literal("invalid_api_key");
    audit.suppressed = 4294967295;

    is_str(written(&audit, claude_audit_line),
           "{\"time\":\"2026-07-29T00:00:00.045Z\",\"event\":\"key\","
           "\"outcome\":\"refused\",\"level\":\"security\","
           "\"keyId\":\"key_0123456789abcdefghij\","
           "\"requestId\":\"0123456789abcdef0123456789abcdef\","
           "\"traceId\":\"fedcba9876543210fedcba9876543210\","
           "\"address\":\"192.0.2.0/24\",\"code\":\"invalid_api_key\","
           "\"suppressed\":4294967295}\n", "all there can be");
    ok(strlen((char *) text) < CLAUDE_AUDIT_LINE, "which has its room");

    audit.time = -1;
    ok(strstr(written(&audit, claude_audit_line), "1970-01-01T00:00:00.000Z"),
       "a time before all time");
}


/* nothing that an event is made of can hold these: escaped all the same */

static void
test_escapes(void)
{
    size_t          i;
    claude_audit_t  audit;

    audit = event();
    audit.code = literal("a\"b\\c\nd\r\0e\x1b[2J\x7f\xff\xe2\x80\xa8");

    (void) written(&audit, claude_audit_line);

    for (i = 0; i + 1 < strlen((char *) text); i++) {
        if (text[i] < ' ' || text[i] == 0x7f) {
            break;
        }
    }

    is(i + 1, strlen((char *) text), "no control byte but the line end");
    ok(strstr((char *) text, "\"a\\\"b\\\\c\\nd\\r\\u0000e\\u001b[2J\\u007f"),
       "they are escaped");
}


static const struct {
    const char  *addr;
    const char  *cut;
} cases[] = {
    { "192.0.2.255",              "\"192.0.2.0/24\"" },
    { "::ffff:192.0.2.7",         "\"192.0.2.0/24\"" },
    { "2001:db8:1:2:3:4:5:6",     "\"2001:db8:1::/48\"" },
    { "2001:db8:0:2:3:4:5:6",     "\"2001:db8::/48\"" },
    { "ffff:ffff:ffff:ffff::",    "\"ffff:ffff:ffff::/48\"" },
    { "::1",                      "\"::/48\"" }
};


static void
test_addresses(void)
{
    size_t          i;
    unsigned char   addr[16];
    claude_audit_t  audit;

    audit = event();

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        audit.address.data = addr;
        audit.address.len = strchr(cases[i].addr, ':') ? 16 : 4;

        inet_pton(audit.address.len == 4 ? AF_INET : AF_INET6, cases[i].addr,
                  addr);

        ok(strstr(written(&audit, claude_audit_line), cases[i].cut), "%s",
           cases[i].addr);
    }

    audit.address.len = 5;
    ok(!strstr(written(&audit, claude_audit_line), "address"),
       "what is no address");
}


int
main(void)
{
    test_line();
    test_escapes();
    test_addresses();

    return done_testing();
}
