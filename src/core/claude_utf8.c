
#include "claude_json_reader.h"

#include <string.h>


#define CLAUDE_UTF8_HIGH  UINT64_C(0x8080808080808080)

#define claude_utf8_tail(c)  (((c) & 0xc0) == 0x80)


/*
 * Eight bytes at a time while they are ASCII; without a call those characters
 * of two and three bytes whose second byte may be any, which is most of what
 * is written in other scripts.
 */

size_t
claude_utf8_span(const unsigned char *data, size_t len)
{
    size_t                n;
    uint64_t              word;
    const unsigned char  *p, *end;

    p = data;
    end = data + len;

    while (end - p >= 8) {

        memcpy(&word, p, 8);

        if ((word & CLAUDE_UTF8_HIGH) == 0) {
            p += 8;
            continue;
        }

        while (*p < 0x80) {
            p++;
        }

        do {
            if (end - p < 3) {
                n = claude_utf8_char(p, (size_t) (end - p));

            } else if (p[0] < 0xe0) {
                n = (p[0] >= 0xc2 && claude_utf8_tail(p[1])) ? 2 : 0;

            } else if (p[0] > 0xe0 && p[0] < 0xed) {
                n = claude_utf8_tail(p[1]) && claude_utf8_tail(p[2]) ? 3 : 0;

            } else {
                n = claude_utf8_char(p, (size_t) (end - p));
            }

            if (n == 0) {
                return (size_t) (p - data);
            }

            p += n;

        } while (p < end && *p >= 0x80);
    }

    while (p < end) {
        n = claude_utf8_char(p, (size_t) (end - p));

        if (n == 0) {
            break;
        }

        p += n;
    }

    return (size_t) (p - data);
}


size_t
claude_utf8_char(const unsigned char *p, size_t len)
{
    unsigned  c;

    c = p[0];

    if (c < 0x80) {
        return 1;
    }

    if (c < 0xe0) {
        return (c >= 0xc2 && len >= 2 && claude_utf8_tail(p[1])) ? 2 : 0;
    }

    if (c < 0xf0) {
        if (len < 3 || !claude_utf8_tail(p[1]) || !claude_utf8_tail(p[2])
            || (c == 0xe0 && p[1] < 0xa0)
            || (c == 0xed && p[1] > 0x9f))
        {
            return 0;
        }

        return 3;
    }

    if (c > 0xf4 || len < 4
        || !claude_utf8_tail(p[1])
        || !claude_utf8_tail(p[2])
        || !claude_utf8_tail(p[3])
        || (c == 0xf0 && p[1] < 0x90)
        || (c == 0xf4 && p[1] > 0x8f))
    {
        return 0;
    }

    return 4;
}
