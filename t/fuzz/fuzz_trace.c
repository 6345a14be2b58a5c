
/*
 * A traceparent against a plain reading of the specification's grammar: what
 * is taken, what is ignored, and that what goes on is well-formed whatever
 * came.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "claude_trace.h"


static unsigned match(const unsigned char *data, size_t size,
    const char *pattern);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned        sound;
    claude_str_t    value;
    claude_trace_t  trace;
    unsigned char  *copy;
    unsigned char   random[CLAUDE_TRACE_BYTES];

    static const char  form[] =
        "hh-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";

    copy = malloc(size ? size : 1);
    memcpy(copy, data, size);

    value.data = copy;
    value.len = size;

    sound = match(data, size, form)
            && !match(data, size, "ff")
            && !match(data, size, "hh-00000000000000000000000000000000")
            && !match(data + (size < 35 ? 0 : 35), size < 35 ? 0 : size - 35,
                      "-0000000000000000")
            && (size == 55 || (!match(data, size, "00") && data[55] == '-'));

    memset(random, size ? data[0] : 0, sizeof(random));
    memset(&trace, 0xff, sizeof(trace));
    claude_trace_begin(&trace, &value, random);

    if (trace.taken != sound
        || !match(trace.parent, sizeof(trace.parent), form)
        || !match(trace.parent, sizeof(trace.parent), "00-")
        || trace.parent[53] != '0' || trace.parent[54] > '3'
        || (sound && memcmp(trace.parent + 3, data + 3, 33) != 0)
        || (sound && memcmp(trace.caller, data + 36, 16) != 0))
    {
        abort();
    }

    free(copy);

    return 0;
}


/* whether data begins like this; h is a hex digit */

static unsigned
match(const unsigned char *data, size_t size, const char *pattern)
{
    size_t  i;

    for (i = 0; pattern[i]; i++) {
        if (i == size || data[i] == '\0'
            || (pattern[i] == 'h' ? strchr("0123456789abcdef", data[i]) == NULL
                                  : data[i] != pattern[i]))
        {
            return 0;
        }
    }

    return 1;
}
