
#include "claude_json_fault.h"

#include "claude_json_unescape.h"

#include <string.h>


#define claude_json_digit(p, end)                                             \
    ((p) < (end) && *(p) >= '0' && *(p) <= '9')


static const unsigned char *claude_json_skip(const unsigned char *p,
    const unsigned char *end);
static const unsigned char *claude_json_bad_string(const unsigned char *p,
    const unsigned char *end, const char **reason);
static const unsigned char *claude_json_bad_number(const unsigned char *p,
    const unsigned char *end);
static const unsigned char *claude_json_bad_literal(const unsigned char *p,
    const unsigned char *end);


void
claude_json_fault(const unsigned char *data, const unsigned char *end,
    unsigned separator, claude_json_error_t *error)
{
    const unsigned char  *p, *bad;

    p = claude_json_skip(data, end);
    bad = p;

    error->reason = "unexpected character";

    if (separator && p < end) {
        if (*p != separator) {
            error->offset = (size_t) (p - data);
            return;
        }

        p = claude_json_skip(p + 1, end);
        bad = p;
    }

    if (p < end) {
        switch (*p) {

        case '"':
            bad = claude_json_bad_string(p, end, &error->reason);
            break;

        case 't': case 'f': case 'n':
            bad = claude_json_bad_literal(p, end);
            break;

        default:
            if (*p == '-' || claude_json_digit(p, end)) {
                bad = claude_json_bad_number(p, end);
            }
        }
    }

    if (bad == NULL) {
        error->reason = "unexpected value";
        bad = p;
    }

    if (bad == end) {
        error->reason = "unexpected end of the text";
    }

    error->offset = (size_t) (bad - data);
}


const unsigned char *
claude_json_bad_escape(const claude_str_t *raw, unsigned zero,
    const char **reason)
{
    unsigned              unit;
    const unsigned char  *p, *end;

    p = raw->data;
    end = p + raw->len;

    while ((p = memchr(p, '\\', (size_t) (end - p))) != NULL) {

        if (p[1] != 'u') {
            p += 2;
            continue;
        }

        unit = claude_json_unit(p + 2);

        if (unit == 0 && zero) {
            *reason = "\\u0000 in a name";
            return p;
        }

        if ((unit & 0xf800) == 0xd800) {
            if (unit >= 0xdc00 || p[6] != '\\' || p[7] != 'u'
                || (claude_json_unit(p + 8) & 0xfc00) != 0xdc00)
            {
                *reason = "a lone surrogate";
                return p;
            }

            p += 6;
        }

        p += 6;
    }

    return NULL;
}


static const unsigned char *
claude_json_skip(const unsigned char *p, const unsigned char *end)
{
    while (p < end && claude_json_space(*p)) {
        p++;
    }

    return p;
}


/* these look for the byte at fault inside a token: NULL when there is none, so
 * that the token itself is out of place */

static const unsigned char *
claude_json_bad_string(const unsigned char *p, const unsigned char *end,
    const char **reason)
{
    unsigned  i;

    for (p++; p < end; p++) {

        if (*p == '"') {
            return NULL;
        }

        if (*p < 0x20) {
            *reason = "a control character in a string";
            return p;
        }

        if (*p != '\\') {
            continue;
        }

        p++;

        if (p == end) {
            break;
        }

        if (*p == '\0' || strchr("\"\\/bfnrtu", *p) == NULL) {
            *reason = "an invalid escape in a string";
            return p;
        }

        for (i = 0; *p == 'u' && i < 4; i++) {
            if (p + i + 1 == end) {
                return end;
            }

            if (strchr("0123456789abcdefABCDEF", p[i + 1]) == NULL
                || p[i + 1] == '\0')
            {
                *reason = "an invalid escape in a string";
                return p + i + 1;
            }
        }
    }

    return end;
}


static const unsigned char *
claude_json_bad_number(const unsigned char *p, const unsigned char *end)
{
    p += (*p == '-');

    if (!claude_json_digit(p, end)) {
        return p;
    }

    if (*p++ != '0') {
        while (claude_json_digit(p, end)) {
            p++;
        }
    }

    if (p < end && *p == '.') {
        p++;

        if (!claude_json_digit(p, end)) {
            return p;
        }

        while (claude_json_digit(p, end)) {
            p++;
        }
    }

    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        p += (p < end && (*p == '+' || *p == '-'));

        if (!claude_json_digit(p, end)) {
            return p;
        }
    }

    return NULL;
}


static const unsigned char *
claude_json_bad_literal(const unsigned char *p, const unsigned char *end)
{
    const char  *want;

    want = (*p == 't') ? "true" : (*p == 'f') ? "false" : "null";

    for ( /* void */ ; *want; p++, want++) {
        if (p == end || *p != (unsigned char) *want) {
            return p;
        }
    }

    return NULL;
}
