
#include "claude_trace.h"

#include <sodium.h>
#include <string.h>


#define CLAUDE_TRACE_FLAGS    53    /* where they lie */

#define CLAUDE_TRACE_SAMPLED  0x01
#define CLAUDE_TRACE_RANDOM   0x02  /* the trace's id is */


static unsigned claude_trace_sound(const claude_str_t *value);
static unsigned claude_trace_hex(const unsigned char *p, size_t len);
static void claude_trace_not_zero(char *p, size_t len);
static unsigned claude_trace_zero(const unsigned char *p, size_t len);
static unsigned claude_trace_digit(unsigned char c);


void
claude_trace_begin(claude_trace_t *trace, const claude_str_t *value,
    const unsigned char random[CLAUDE_TRACE_BYTES])
{
    char      text[2 * CLAUDE_TRACE_BYTES + 1];
    unsigned  flags;

    sodium_bin2hex(text, sizeof(text), random, CLAUDE_TRACE_BYTES);

    claude_trace_not_zero(text, CLAUDE_TRACE_ID_LEN);
    claude_trace_not_zero(text + CLAUDE_TRACE_ID_LEN, CLAUDE_TRACE_SPAN_LEN);

    trace->taken = claude_trace_sound(value);
    memset(trace->caller, 0, CLAUDE_TRACE_SPAN_LEN);

    memcpy(trace->parent, "00-", CLAUDE_TRACE_ID);
    memcpy(trace->parent + CLAUDE_TRACE_ID, text, CLAUDE_TRACE_ID_LEN);
    trace->parent[CLAUDE_TRACE_SPAN - 1] = '-';
    memcpy(trace->parent + CLAUDE_TRACE_SPAN, text + CLAUDE_TRACE_ID_LEN,
           CLAUDE_TRACE_SPAN_LEN);
    trace->parent[CLAUDE_TRACE_FLAGS - 1] = '-';

    flags = CLAUDE_TRACE_RANDOM;

    if (trace->taken) {
        memcpy(trace->parent + CLAUDE_TRACE_ID, value->data + CLAUDE_TRACE_ID,
               CLAUDE_TRACE_ID_LEN);
        memcpy(trace->caller, value->data + CLAUDE_TRACE_SPAN,
               CLAUDE_TRACE_SPAN_LEN);

        /* bits that are not known yet lie in the other digit, or above */

        flags = claude_trace_digit(value->data[CLAUDE_TRACE_FLAGS + 1])
                & (CLAUDE_TRACE_SAMPLED|CLAUDE_TRACE_RANDOM);
    }

    trace->parent[CLAUDE_TRACE_FLAGS] = '0';
    trace->parent[CLAUDE_TRACE_FLAGS + 1] = '0' + flags;
}


/*
 * A later version is what this one is, with more behind it: what is known of
 * it is read as if it were 00.
 */

static unsigned
claude_trace_sound(const claude_str_t *value)
{
    const unsigned char  *p;

    p = value->data;

    if (value->len < CLAUDE_TRACE_LEN || !claude_trace_hex(p, 2)
        || memcmp(p, "ff", 2) == 0)
    {
        return 0;
    }

    if (value->len > CLAUDE_TRACE_LEN
        && (memcmp(p, "00", 2) == 0 || p[CLAUDE_TRACE_LEN] != '-'))
    {
        return 0;
    }

    return p[CLAUDE_TRACE_ID - 1] == '-'
           && p[CLAUDE_TRACE_SPAN - 1] == '-'
           && p[CLAUDE_TRACE_FLAGS - 1] == '-'
           && claude_trace_hex(p + CLAUDE_TRACE_ID, CLAUDE_TRACE_ID_LEN)
           && claude_trace_hex(p + CLAUDE_TRACE_SPAN, CLAUDE_TRACE_SPAN_LEN)
           && claude_trace_hex(p + CLAUDE_TRACE_FLAGS, 2)
           && !claude_trace_zero(p + CLAUDE_TRACE_ID, CLAUDE_TRACE_ID_LEN)
           && !claude_trace_zero(p + CLAUDE_TRACE_SPAN,
                                 CLAUDE_TRACE_SPAN_LEN);
}


static unsigned
claude_trace_hex(const unsigned char *p, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if ((p[i] < '0' || p[i] > '9') && (p[i] < 'a' || p[i] > 'f')) {
            return 0;
        }
    }

    return 1;
}


/* ids of zeros alone mean none */

static void
claude_trace_not_zero(char *p, size_t len)
{
    if (claude_trace_zero((unsigned char *) p, len)) {
        p[len - 1] = '1';
    }
}


static unsigned
claude_trace_zero(const unsigned char *p, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if (p[i] != '0') {
            return 0;
        }
    }

    return 1;
}


static unsigned
claude_trace_digit(unsigned char c)
{
    return (c <= '9') ? c - '0' : c - 'a' + 10;
}
