
#include "claude_limits.h"

#include "claude_json_writer.h"

#include <string.h>


#define CLAUDE_COST_UNIT        1000000
#define CLAUDE_COST_DIGITS      6


void
claude_cost_put(claude_out_t *out, uint64_t micro)
{
    size_t    len;
    char      digits[CLAUDE_COST_DIGITS];
    uint64_t  rest;

    claude_json_put_uint(out, micro / CLAUDE_COST_UNIT);

    rest = micro % CLAUDE_COST_UNIT;

    if (rest == 0) {
        return;
    }

    for (len = CLAUDE_COST_DIGITS; len-- > 0; rest /= 10) {
        digits[len] = '0' + rest % 10;
    }

    len = CLAUDE_COST_DIGITS;

    while (digits[len - 1] == '0') {
        len--;
    }

    claude_out_literal(out, ".");
    claude_out_put(out, digits, len);
}


claude_rc_t
claude_cost_read(const claude_str_t *raw, uint64_t max, uint64_t *micro)
{
    size_t                i;
    uint64_t              dollars, rest;
    claude_str_t          part;
    const unsigned char  *point;

    point = memchr(raw->data, '.', raw->len);

    part.data = raw->data;
    part.len = point ? (size_t) (point - raw->data) : raw->len;

    if (claude_json_uint(&part, max / CLAUDE_COST_UNIT, &dollars)
        != CLAUDE_OK)
    {
        return CLAUDE_INVALID;
    }

    rest = 0;

    if (point) {
        part.data = point + 1;
        part.len = raw->len - part.len - 1;

        if (part.len > CLAUDE_COST_DIGITS
            || claude_json_uint(&part, CLAUDE_COST_UNIT - 1, &rest)
               != CLAUDE_OK)
        {
            return CLAUDE_INVALID;
        }

        for (i = part.len; i < CLAUDE_COST_DIGITS; i++) {
            rest *= 10;
        }
    }

    if (rest > max - dollars * CLAUDE_COST_UNIT) {
        return CLAUDE_INVALID;
    }

    *micro = dollars * CLAUDE_COST_UNIT + rest;

    return CLAUDE_OK;
}
