
#include "tap.h"

#include "claude_trace.h"

#include <ctype.h>
#include <sodium.h>


#define TRACE  "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN   "00f067aa0ba902b7"
#define BOTH   TRACE "-" SPAN

typedef struct {
    const char  *value;
    const char  *flags;     /* NULL: ignored */
} value_t;


static const value_t  values[] = {
    { "00-" BOTH "-00", "00" },
    { "00-" BOTH "-01", "01" },
    { "00-" BOTH "-02", "02" },
    { "00-" BOTH "-03", "03" },
    { "00-" BOTH "-fe", "02" },
    { "00-" BOTH "-ff", "03" },
    { "00-" BOTH "-1c", "00" },

    /* a later version */

    { "01-" BOTH "-01", "01" },
    { "cc-" BOTH "-01-what-the-future-will-be-like", "01" },
    { "fe-" BOTH "-09-", "01" },
    { "cc-" BOTH "-01.what-the-future-will-not-be-like", NULL },
    { "cc-" BOTH "-0", NULL },
    { "cc-" BOTH "-0x-", NULL },

    /* none */

    { "ff-" BOTH "-01", NULL },
    { "FF-" BOTH "-01", NULL },
    { "0G-" BOTH "-01", NULL },
    { "0-" BOTH "-011", NULL },
    { "000-" BOTH "-01", NULL },
    { "00-" BOTH "-01-", NULL },
    { "00-" BOTH "-011", NULL },
    { "00-" BOTH "-0", NULL },
    { "00-" BOTH "-", NULL },
    { "00-" BOTH, NULL },
    { "00-" BOTH "-.1", NULL },
    { "00-" BOTH "-0G", NULL },
    { "00-" BOTH "-0A", NULL },
    { "00-00000000000000000000000000000000-" SPAN "-01", NULL },
    { "00-" TRACE "-0000000000000000-01", NULL },
    { "00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01", NULL },
    { "00-4bf92f3577b34da6a3ce929d0e0e473/-" SPAN "-01", NULL },
    { "00-4bf92f3577b34da6a3ce929d0e0e473:-" SPAN "-01", NULL },
    { "00-4bf92f3577b34da6a3ce929d0e0e473g-" SPAN "-01", NULL },
    { "00-4bf92f3577b34da6a3ce929d0e0e473`-" SPAN "-01", NULL },
    { "00-" TRACE "-00F067AA0BA902B7-01", NULL },
    { "00-" TRACE "-00f067aa0ba902b-701", NULL },
    { "00-" TRACE "_" SPAN "-01", NULL },
    { "00_" BOTH "-01", NULL },
    { "00-" BOTH "_01", NULL },
    { "00-" TRACE "0-" SPAN "-01", NULL },
    { " 00-" BOTH "-0", NULL },
    { "", NULL },
    { "-", NULL },
    { "00", NULL }
};


/* as good as random ones */

static const unsigned char *
bytes(const char *seed)
{
    size_t                i;
    static unsigned char  out[CLAUDE_TRACE_BYTES];

    for (i = 0; i < sizeof(out); i++) {
        out[i] = seed[0] ? seed[i % strlen(seed)] + i : 0;
    }

    return out;
}


static unsigned
is_hex(const unsigned char *p, size_t len)
{
    size_t    i;
    unsigned  any;

    any = 0;

    for (i = 0; i < len; i++) {
        if (!isxdigit(p[i]) || isupper(p[i])) {
            return 0;
        }

        any |= (p[i] != '0');
    }

    return any;
}


static void
test_value(const value_t *v)
{
    claude_str_t    value;
    claude_trace_t  trace;
    unsigned char  *copy;

    /* in memory of its own length, for a sanitizer to watch */

    value.len = strlen(v->value);
    copy = malloc(value.len ? value.len : 1);
    memcpy(copy, v->value, value.len);
    value.data = copy;

    memset(&trace, 0xff, sizeof(trace));
    claude_trace_begin(&trace, &value, bytes("some"));

    is(trace.taken, v->flags != NULL, "\"%s\" is %s", v->value,
       v->flags ? "taken" : "ignored");

    ok(memcmp(trace.parent, "00-", 3) == 0
       && is_hex(trace.parent + CLAUDE_TRACE_ID, CLAUDE_TRACE_ID_LEN)
       && trace.parent[35] == '-'
       && is_hex(trace.parent + CLAUDE_TRACE_SPAN, CLAUDE_TRACE_SPAN_LEN)
       && trace.parent[52] == '-', "what goes on is of version 00");

    ok(memcmp(trace.parent + CLAUDE_TRACE_SPAN, SPAN, CLAUDE_TRACE_SPAN_LEN)
       != 0, "in another span");

    if (v->flags != NULL) {
        is_mem(trace.parent + CLAUDE_TRACE_ID, CLAUDE_TRACE_ID_LEN, TRACE,
               CLAUDE_TRACE_ID_LEN, "of the same trace");
        is_mem(trace.caller, CLAUDE_TRACE_SPAN_LEN, SPAN,
               CLAUDE_TRACE_SPAN_LEN, "the caller's span is known");
        is_mem(trace.parent + 53, 2, v->flags, 2, "with its flags");

    } else {
        ok(memcmp(trace.parent + CLAUDE_TRACE_ID, TRACE, CLAUDE_TRACE_ID_LEN)
           != 0, "of another trace");
        ok(trace.caller[0] == 0, "that nobody asked for");
        is_mem(trace.parent + 53, 2, "02", 2,
               "whose id is random, and which is not sampled");
    }

    free(copy);
}


static void
test_none(void)
{
    claude_str_t    value;
    claude_trace_t  one, two;

    value.len = 0;
    value.data = NULL;

    claude_trace_begin(&one, &value, bytes("one"));
    claude_trace_begin(&two, &value, bytes("two"));

    ok(!one.taken && !two.taken, "with nothing to go on with");
    ok(memcmp(one.parent + CLAUDE_TRACE_ID, two.parent + CLAUDE_TRACE_ID,
              CLAUDE_TRACE_ID_LEN)
       != 0
       && memcmp(one.parent + CLAUDE_TRACE_SPAN,
                 two.parent + CLAUDE_TRACE_SPAN, CLAUDE_TRACE_SPAN_LEN)
          != 0, "each has ids of its own");

    claude_trace_begin(&one, &value, bytes(""));

    is_mem(one.parent, CLAUDE_TRACE_LEN,
           "00-00000000000000000000000000000001-0000000000000001-02",
           CLAUDE_TRACE_LEN, "bytes that are all 0 make ids all the same");
}


int
main(void)
{
    size_t  i;

    if (sodium_init() < 0) {
        bail("sodium_init()");
    }

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        test_value(&values[i]);
    }

    test_none();

    return done_testing();
}
