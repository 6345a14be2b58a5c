
/*
 * The JSON reader against a second one, written by the grammar of RFC 8259
 * alone: both take a text or both refuse it.  What the reader says about the
 * tokens must fit the text.
 */

#include "claude_json_reader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>


#define check(cond)  do { if (!(cond)) { abort(); } } while (0)


/* the second reader: p moves on, NULL once something is wrong */

typedef struct {
    const unsigned char   *p;
    const unsigned char   *end;
    unsigned               depth;
} strict_t;

typedef struct {
    unsigned char         *data;
    size_t                 len;
} name_t;


static void strict_value(strict_t *s);


static void
strict_space(strict_t *s)
{
    while (s->p && s->p < s->end && memchr(" \t\r\n", *s->p, 4)) {
        s->p++;
    }
}


static unsigned
strict_byte(strict_t *s, unsigned c)
{
    if (s->p == NULL || s->p == s->end || *s->p != c) {
        return 0;
    }

    s->p++;

    return 1;
}


static void
strict_need(strict_t *s, unsigned c)
{
    if (!strict_byte(s, c)) {
        s->p = NULL;
    }
}


static unsigned
strict_digits(strict_t *s)
{
    unsigned  n;

    for (n = 0; s->p && s->p < s->end && *s->p >= '0' && *s->p <= '9'; n++) {
        s->p++;
    }

    return n;
}


static void
strict_number(strict_t *s)
{
    char                 *copy;
    size_t                len;
    const unsigned char  *start;

    start = s->p;

    strict_byte(s, '-');

    if (!strict_byte(s, '0') && !strict_digits(s)) {
        s->p = NULL;
        return;
    }

    if (strict_byte(s, '.') && !strict_digits(s)) {
        s->p = NULL;
        return;
    }

    if (strict_byte(s, 'e') || strict_byte(s, 'E')) {
        if (!strict_byte(s, '-')) {
            strict_byte(s, '+');
        }

        if (!strict_digits(s)) {
            s->p = NULL;
            return;
        }
    }

    len = (size_t) (s->p - start);
    copy = malloc(len + 1);
    memcpy(copy, start, len);
    copy[len] = '\0';

    if (isinf(strtod(copy, NULL))) {
        s->p = NULL;
    }

    free(copy);
}


static long
strict_hex(strict_t *s)
{
    long         unit, i;
    const char  *digit;

    static const char  hex[] = "0123456789abcdef";

    unit = 0;

    for (i = 0; i < 4; i++) {
        if (s->p == s->end || *s->p == '\0') {
            return -1;
        }

        digit = strchr(hex, *s->p | ((*s->p >= 'A' && *s->p <= 'F') << 5));

        if (digit == NULL) {
            return -1;
        }

        unit = unit * 16 + (digit - hex);
        s->p++;
    }

    return unit;
}


static size_t
strict_utf8(unsigned char *to, unsigned long c)
{
    if (c < 0x80) {
        to[0] = (unsigned char) c;
        return 1;
    }

    if (c < 0x800) {
        to[0] = (unsigned char) (0xc0 | c >> 6);
        to[1] = (unsigned char) (0x80 | (c & 0x3f));
        return 2;
    }

    if (c < 0x10000) {
        to[0] = (unsigned char) (0xe0 | c >> 12);
        to[1] = (unsigned char) (0x80 | (c >> 6 & 0x3f));
        to[2] = (unsigned char) (0x80 | (c & 0x3f));
        return 3;
    }

    to[0] = (unsigned char) (0xf0 | c >> 18);
    to[1] = (unsigned char) (0x80 | (c >> 12 & 0x3f));
    to[2] = (unsigned char) (0x80 | (c >> 6 & 0x3f));
    to[3] = (unsigned char) (0x80 | (c & 0x3f));
    return 4;
}


/* behind a backslash: what it means, -1 where it means nothing */

static long
strict_escape(strict_t *s)
{
    long         high, low;
    const char  *p;

    static const char  from[] = "\"\\/bfnrt";
    static const char  to[] = "\"\\/\b\f\n\r\t";

    if (s->p == s->end || *s->p == '\0') {
        return -1;
    }

    p = strchr(from, *s->p);

    if (p) {
        s->p++;
        return to[p - from];
    }

    if (*s->p++ != 'u') {
        return -1;
    }

    high = strict_hex(s);

    if (high < 0xd800 || high > 0xdfff) {
        return high;
    }

    if (high > 0xdbff || !strict_byte(s, '\\') || !strict_byte(s, 'u')) {
        return -1;
    }

    low = strict_hex(s);

    if (low < 0xdc00 || low > 0xdfff) {
        return -1;
    }

    return 0x10000 + (high - 0xd800) * 0x400 + (low - 0xdc00);
}


/* text has room for all of the input */

static size_t
strict_string(strict_t *s, unsigned char *text, unsigned is_name)
{
    long    c;
    size_t  len;

    len = 0;
    strict_need(s, '"');

    while (s->p && !strict_byte(s, '"')) {

        if (s->p == s->end || *s->p < 0x20) {
            s->p = NULL;
            break;
        }

        if (!strict_byte(s, '\\')) {
            text[len++] = *s->p++;
            continue;
        }

        c = strict_escape(s);

        if (c < 0 || (c == 0 && is_name)) {
            s->p = NULL;
            break;
        }

        len += strict_utf8(text + len, (unsigned long) c);
    }

    return len;
}


static void
strict_object(strict_t *s)
{
    size_t   i, n;
    name_t  *names;

    names = malloc((CLAUDE_JSON_NAMES + 1) * sizeof(name_t));
    n = 0;

    strict_space(s);

    if (!strict_byte(s, '}')) {

        do {
            strict_space(s);

            if (s->p == NULL || n == CLAUDE_JSON_NAMES) {
                s->p = NULL;
                break;
            }

            names[n].data = malloc((size_t) (s->end - s->p) + 8);
            names[n].len = strict_string(s, names[n].data, 1);

            for (i = 0; i < n; i++) {
                if (names[i].len == names[n].len
                    && !memcmp(names[i].data, names[n].data, names[n].len))
                {
                    s->p = NULL;
                }
            }

            n++;

            strict_space(s);
            strict_need(s, ':');
            strict_value(s);
            strict_space(s);

        } while (strict_byte(s, ','));

        strict_need(s, '}');
    }

    while (n) {
        free(names[--n].data);
    }

    free(names);
}


static void
strict_array(strict_t *s)
{
    strict_space(s);

    if (strict_byte(s, ']')) {
        return;
    }

    do {
        strict_value(s);
        strict_space(s);
    } while (strict_byte(s, ','));

    strict_need(s, ']');
}


static void
strict_literal(strict_t *s, const char *text)
{
    for ( /* void */ ; *text; text++) {
        strict_need(s, (unsigned char) *text);
    }
}


static void
strict_value(strict_t *s)
{
    unsigned char  *text;

    strict_space(s);

    if (s->p == NULL || s->p == s->end) {
        s->p = NULL;
        return;
    }

    switch (*s->p) {

    case '{':
    case '[':
        if (s->depth++ == CLAUDE_JSON_DEPTH) {
            s->p = NULL;

        } else if (*s->p++ == '{') {
            strict_object(s);

        } else {
            strict_array(s);
        }

        s->depth--;
        break;

    case '"':
        text = malloc((size_t) (s->end - s->p) + 8);
        strict_string(s, text, 0);
        free(text);
        break;

    case 't':
        strict_literal(s, "true");
        break;

    case 'f':
        strict_literal(s, "false");
        break;

    case 'n':
        strict_literal(s, "null");
        break;

    default:
        strict_number(s);
    }
}


/* RFC 3629 by its table of lead bytes, byte by byte */

static unsigned
strict_is_utf8(const unsigned char *p, const unsigned char *end)
{
    unsigned       more;
    unsigned char  low, high;

    while (p < end) {
        low = 0x80;
        high = 0xbf;

        if (*p < 0x80) {
            more = 0;

        } else if (*p >= 0xc2 && *p <= 0xdf) {
            more = 1;

        } else if (*p >= 0xe0 && *p <= 0xef) {
            more = 2;
            low = (*p == 0xe0) ? 0xa0 : 0x80;
            high = (*p == 0xed) ? 0x9f : 0xbf;

        } else if (*p >= 0xf0 && *p <= 0xf4) {
            more = 3;
            low = (*p == 0xf0) ? 0x90 : 0x80;
            high = (*p == 0xf4) ? 0x8f : 0xbf;

        } else {
            return 0;
        }

        for (p++; more; more--, p++) {
            if (p == end || *p < low || *p > high) {
                return 0;
            }

            low = 0x80;
            high = 0xbf;
        }
    }

    return 1;
}


static unsigned
strict_read(const unsigned char *data, size_t len)
{
    strict_t  s;

    if (!strict_is_utf8(data, data + len)) {
        return 0;
    }

    s.p = data;
    s.end = data + len;
    s.depth = 0;

    strict_value(&s);
    strict_space(&s);

    return s.p == s.end;
}


typedef struct {
    const unsigned char   *last;
    const unsigned char   *end;
    unsigned               depth;
} tokens_t;


static claude_rc_t
on_token(void *ctx, const claude_json_token_t *token)
{
    tokens_t             *t;
    const unsigned char  *p;

    t = ctx;
    p = token->raw.data;

    check(p >= t->last && token->raw.len > 0 && p + token->raw.len <= t->end);

    while (t->last < p) {
        check(memchr(" \t\r\n,:", *t->last++, 6));
    }

    t->last = p + token->raw.len;

    if (token->type == CLAUDE_JSON_OBJECT_END
        || token->type == CLAUDE_JSON_ARRAY_END)
    {
        t->depth--;
    }

    check(token->depth == t->depth);

    if (token->type == CLAUDE_JSON_OBJECT || token->type == CLAUDE_JSON_ARRAY) {
        t->depth++;
    }

    if (token->type == CLAUDE_JSON_STRING || token->type == CLAUDE_JSON_NAME) {
        check(*p == '"' && t->last[-1] == '"');
        check(claude_utf8_span(token->text.data, token->text.len)
              == token->text.len);
    }

    return CLAUDE_OK;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tokens_t             tokens;
    claude_rc_t          rc;
    claude_json_error_t  error;

    tokens.last = data;
    tokens.end = data + size;
    tokens.depth = 0;

    rc = claude_json_read(data, size, on_token, &tokens, &error);

    check(rc == CLAUDE_OK || rc == CLAUDE_INVALID);
    check((rc == CLAUDE_OK) == strict_read(data, size));

    if (rc == CLAUDE_OK) {
        check(tokens.depth == 0);

    } else {
        check(error.reason && error.offset <= size);
    }

    return 0;
}
