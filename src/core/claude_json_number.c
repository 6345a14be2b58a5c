
#include "claude_json_reader.h"

#include <stdio.h>
#include <stdlib.h>


/* digits that can tell a double from its neighbour at the top of the range,
 * where one has 309 before the point: what follows them doesn't count */

#define CLAUDE_JSON_DIGITS    320
#define CLAUDE_JSON_EXPONENT  1000000000000


static double claude_json_value(const claude_str_t *raw);
static int64_t claude_json_exponent(const unsigned char *p,
    const unsigned char *end);


claude_rc_t
claude_json_uint(const claude_str_t *raw, uint64_t max, uint64_t *value)
{
    size_t    i;
    uint64_t  n, digit;

    n = 0;

    for (i = 0; i < raw->len; i++) {
        digit = (uint64_t) raw->data[i] - '0';

        if (digit > 9 || digit > max || n > (max - digit) / 10) {
            return CLAUDE_INVALID;
        }

        n = n * 10 + digit;
    }

    if (raw->len == 0) {
        return CLAUDE_INVALID;
    }

    *value = n;

    return CLAUDE_OK;
}


claude_rc_t
claude_json_double(const claude_str_t *raw, double min, double max,
    double *value)
{
    double  n;

    n = claude_json_value(raw);

    if (!(n >= min && n <= max)) {
        return CLAUDE_INVALID;
    }

    *value = n;

    return CLAUDE_OK;
}


/*
 * strtod() wants a terminator that raw lacks, and the locale's decimal point:
 * it is given the digits as an integer, and the exponent that belongs to it.
 */

static double
claude_json_value(const claude_str_t *raw)
{
    char                  buf[CLAUDE_JSON_DIGITS + 40], *q;
    unsigned              point;
    int64_t               exponent;
    const unsigned char  *p, *end;

    q = buf;
    p = raw->data;
    end = p + raw->len;
    point = 0;
    exponent = 0;

    if (p < end && *p == '-') {
        *q++ = '-';
        p++;
    }

    for ( /* void */ ; p < end && *p != 'e' && *p != 'E'; p++) {

        if (*p == '.') {
            point = 1;
            continue;
        }

        if (q > buf + CLAUDE_JSON_DIGITS) {
            exponent += !point;
            continue;
        }

        exponent -= point;

        if (*p != '0' || (q > buf && q[-1] != '-')) {
            *q++ = (char) *p;
        }
    }

    if (q == buf || q[-1] == '-') {
        return 0;
    }

    exponent += claude_json_exponent(p, end);

    snprintf(q, 32, "e%lld", (long long) exponent);

    return strtod(buf, NULL);
}


static int64_t
claude_json_exponent(const unsigned char *p, const unsigned char *end)
{
    int64_t   n;
    unsigned  minus;

    if (p == end) {
        return 0;
    }

    p++;
    minus = (*p == '-');

    if (*p == '-' || *p == '+') {
        p++;
    }

    for (n = 0; p < end && n < CLAUDE_JSON_EXPONENT; p++) {
        n = n * 10 + (*p - '0');
    }

    return minus ? -n : n;
}
