
/* spans of every length, ended by each byte at each place */


#include "tap.h"

#include "claude_span.h"

#include <stdlib.h>
#include <string.h>


#define MOST  50


static int
ends_string(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\';
}


static int
ends_line(unsigned char c)
{
    return c == '\n' || c == '\r';
}


/* a buffer of just these bytes, so that a look beyond them is seen */

static unsigned
agrees(size_t len, size_t at, unsigned char c, unsigned char fill)
{
    size_t          i, string, line;
    unsigned        high, above, same;
    unsigned char  *p;

    p = malloc(len ? len : 1);
    memset(p, fill, len);

    if (at < len) {
        p[at] = c;
    }

    above = 0;
    string = len;
    line = len;

    for (i = len; i-- > 0; /* void */) {

        if (ends_string(p[i])) {
            string = i;
        }

        if (ends_line(p[i])) {
            line = i;
        }
    }

    for (i = 0; i < string; i++) {
        above |= (p[i] > 0x7f);
    }

    high = 0;
    same = claude_span_string(p, p + len, &high) == string && high == above
           && claude_span_line(p, p + len) == line;

    free(p);

    return same;
}


int
main(void)
{
    size_t    len, at;
    unsigned  c, same, high;

    static const unsigned char  ascii[] = "plain";

    for (len = 0; len <= MOST; len++) {
        same = agrees(len, len, 0, 'a') && agrees(len, len, 0, 0xc3);

        for (at = 0; at < len; at++) {

            for (c = 0; c < 256; c++) {
                same = same && agrees(len, at, c, 'a');
            }

            same = same && agrees(len, at, '"', 0xc3);
        }

        ok(same, "spans of %zu bytes", len);
    }

    high = 1;
    (void) claude_span_string(ascii, ascii + sizeof(ascii) - 1, &high);
    ok(high == 1, "what was noted before stays noted");

    return done_testing();
}
