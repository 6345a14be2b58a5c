
#include "claude_json_unescape.h"

#include "claude_json_scan.h"

#include <string.h>


static const unsigned char *claude_json_unescape_one(const unsigned char *p,
    unsigned char **dst);
static const unsigned char *claude_json_unescape_unit(const unsigned char *p,
    unsigned char **dst);


size_t
claude_json_string(const unsigned char *quote, const unsigned char *end,
    unsigned *escapes)
{
    size_t    n;
    unsigned  high;

    high = 0;
    *escapes = 0;

    n = 1 + claude_json_scan_string(quote + 1, end, &high, escapes);

    if (quote + n == end || quote[n] != '"') {
        return 0;
    }

    return n + 1;
}


size_t
claude_json_unescape(const claude_str_t *text, unsigned char *dst)
{
    size_t                n;
    unsigned char        *to;
    const unsigned char  *p, *end, *slash;

    to = dst;
    p = text->data;
    end = p + text->len;

    while (p < end) {
        slash = memchr(p, '\\', (size_t) (end - p));
        n = (size_t) ((slash ? slash : end) - p);

        memcpy(to, p, n);
        to += n;
        p += n;

        if (slash) {
            p = claude_json_unescape_one(p + 1, &to);
        }
    }

    return (size_t) (to - dst);
}


/* p is behind the backslash; returns what is behind the escape */

static const unsigned char *
claude_json_unescape_one(const unsigned char *p, unsigned char **dst)
{
    unsigned char  c;

    c = *p++;

    switch (c) {

    case 'u':
        return claude_json_unescape_unit(p, dst);

    case 'b':
        c = '\b';
        break;

    case 'f':
        c = '\f';
        break;

    case 'n':
        c = '\n';
        break;

    case 'r':
        c = '\r';
        break;

    case 't':
        c = '\t';
        break;
    }

    *(*dst)++ = c;

    return p;
}


static const unsigned char *
claude_json_unescape_unit(const unsigned char *p, unsigned char **dst)
{
    unsigned        c;
    unsigned char  *to;

    to = *dst;
    c = claude_json_unit(p);
    p += 4;

    if ((c & 0xfc00) == 0xd800) {
        c = 0x10000 + ((c & 0x3ff) << 10 | (claude_json_unit(p + 2) & 0x3ff));
        p += 6;
    }

    if (c < 0x80) {
        *to++ = (unsigned char) c;

    } else if (c < 0x800) {
        *to++ = (unsigned char) (0xc0 | c >> 6);
        *to++ = (unsigned char) (0x80 | (c & 0x3f));

    } else {

        if (c < 0x10000) {
            *to++ = (unsigned char) (0xe0 | c >> 12);

        } else {
            *to++ = (unsigned char) (0xf0 | c >> 18);
            *to++ = (unsigned char) (0x80 | (c >> 12 & 0x3f));
        }

        *to++ = (unsigned char) (0x80 | (c >> 6 & 0x3f));
        *to++ = (unsigned char) (0x80 | (c & 0x3f));
    }

    *dst = to;

    return p;
}


unsigned
claude_json_unit(const unsigned char *p)
{
    unsigned  i, unit;

    unit = 0;

    for (i = 0; i < 4; i++) {
        unit = unit << 4 | ((p[i] <= '9') ? p[i] & 0xfu
                                          : (p[i] & 0xfu) + 9);
    }

    return unit;
}
