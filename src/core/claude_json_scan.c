
#include "claude_json_scan.h"

#include "claude_span.h"

#include <string.h>


#define CLAUDE_JSON_SCAN_DEPTH   8
#define CLAUDE_JSON_SCAN_NAMES   64     /* of all objects that are open */
#define CLAUDE_JSON_SCAN_DIGITS  18     /* of a number */


typedef struct {
    const unsigned char   *pos;
    const unsigned char   *end;
    claude_json_handler_pt  handler;
    void                  *ctx;
    unsigned               depth;
    unsigned               nnames;
    unsigned               high;    /* a string has a byte above 0x7f */
    claude_str_t           names[CLAUDE_JSON_SCAN_NAMES];
} claude_json_scan_t;


static claude_rc_t claude_json_scan_value(claude_json_scan_t *scan);
static claude_rc_t claude_json_scan_object(claude_json_scan_t *scan);
static claude_rc_t claude_json_scan_name(claude_json_scan_t *scan,
    unsigned base);
static claude_rc_t claude_json_scan_array(claude_json_scan_t *scan);
static claude_rc_t claude_json_scan_text(claude_json_scan_t *scan,
    claude_json_type_e type);
static claude_rc_t claude_json_scan_number(claude_json_scan_t *scan);
static claude_rc_t claude_json_scan_word(claude_json_scan_t *scan,
    claude_json_type_e type, const char *word, size_t len);
static claude_rc_t claude_json_scan_token(claude_json_scan_t *scan,
    claude_json_type_e type, size_t len);
static unsigned claude_json_scan_is(claude_json_scan_t *scan,
    unsigned char c);
static size_t claude_json_scan_escape(const unsigned char *p,
    const unsigned char *end);
static int claude_json_scan_hex4(const unsigned char *p);


claude_rc_t
claude_json_scan(const unsigned char *data, size_t len,
    claude_json_handler_pt handler, void *ctx)
{
    claude_rc_t         rc;
    claude_json_scan_t  scan;

    if (len == 0) {
        return CLAUDE_DECLINED;
    }

    scan.pos = data;
    scan.end = data + len;
    scan.handler = handler;
    scan.ctx = ctx;
    scan.depth = 0;
    scan.nnames = 0;
    scan.high = 0;

    rc = claude_json_scan_value(&scan);

    if (rc != CLAUDE_OK) {
        return rc;
    }

    if (scan.pos != scan.end
        || (scan.high && claude_utf8_span(data, len) != len))
    {
        return CLAUDE_DECLINED;
    }

    return CLAUDE_OK;
}


static claude_rc_t
claude_json_scan_value(claude_json_scan_t *scan)
{
    if (scan->pos == scan->end) {
        return CLAUDE_DECLINED;
    }

    switch (*scan->pos) {

    case '{':
        return claude_json_scan_object(scan);

    case '[':
        return claude_json_scan_array(scan);

    case '"':
        return claude_json_scan_text(scan, CLAUDE_JSON_STRING);

    case 'n':
        return claude_json_scan_word(scan, CLAUDE_JSON_NULL, "null", 4);

    case 't':
        return claude_json_scan_word(scan, CLAUDE_JSON_TRUE, "true", 4);

    case 'f':
        return claude_json_scan_word(scan, CLAUDE_JSON_FALSE, "false", 5);

    default:
        return claude_json_scan_number(scan);
    }
}


static claude_rc_t
claude_json_scan_object(claude_json_scan_t *scan)
{
    unsigned     base;
    claude_rc_t  rc;

    if (scan->depth == CLAUDE_JSON_SCAN_DEPTH) {
        return CLAUDE_DECLINED;
    }

    base = scan->nnames;
    rc = claude_json_scan_token(scan, CLAUDE_JSON_OBJECT, 1);

    scan->depth++;

    if (rc == CLAUDE_OK && !claude_json_scan_is(scan, '}')) {

        do {
            rc = claude_json_scan_name(scan, base);

            if (rc == CLAUDE_OK) {
                rc = claude_json_scan_value(scan);
            }

        } while (rc == CLAUDE_OK && claude_json_scan_is(scan, ','));

        if (rc == CLAUDE_OK && !claude_json_scan_is(scan, '}')) {
            rc = CLAUDE_DECLINED;
        }
    }

    scan->nnames = base;
    scan->depth--;

    if (rc != CLAUDE_OK) {
        return rc;
    }

    scan->pos--;

    return claude_json_scan_token(scan, CLAUDE_JSON_OBJECT_END, 1);
}


/* and the colon behind it; names are few, so each is held against all others
 * of its object */

static claude_rc_t
claude_json_scan_name(claude_json_scan_t *scan, unsigned base)
{
    unsigned       i;
    claude_rc_t    rc;
    claude_str_t  *name, *other;

    if (scan->nnames == CLAUDE_JSON_SCAN_NAMES || scan->pos == scan->end
        || *scan->pos != '"')
    {
        return CLAUDE_DECLINED;
    }

    name = &scan->names[scan->nnames];
    name->data = scan->pos + 1;

    rc = claude_json_scan_text(scan, CLAUDE_JSON_NAME);

    if (rc != CLAUDE_OK || !claude_json_scan_is(scan, ':')) {
        return (rc == CLAUDE_OK) ? CLAUDE_DECLINED : rc;
    }

    name->len = scan->pos - 2 - name->data;

    for (i = base; i < scan->nnames; i++) {
        other = &scan->names[i];

        if (other->len == name->len
            && memcmp(other->data, name->data, name->len) == 0)
        {
            return CLAUDE_DECLINED;
        }
    }

    scan->nnames++;

    return CLAUDE_OK;
}


static claude_rc_t
claude_json_scan_array(claude_json_scan_t *scan)
{
    claude_rc_t  rc;

    if (scan->depth == CLAUDE_JSON_SCAN_DEPTH) {
        return CLAUDE_DECLINED;
    }

    rc = claude_json_scan_token(scan, CLAUDE_JSON_ARRAY, 1);

    scan->depth++;

    if (rc == CLAUDE_OK && !claude_json_scan_is(scan, ']')) {

        do {
            rc = claude_json_scan_value(scan);
        } while (rc == CLAUDE_OK && claude_json_scan_is(scan, ','));

        if (rc == CLAUDE_OK && !claude_json_scan_is(scan, ']')) {
            rc = CLAUDE_DECLINED;
        }
    }

    scan->depth--;

    if (rc != CLAUDE_OK) {
        return rc;
    }

    scan->pos--;

    return claude_json_scan_token(scan, CLAUDE_JSON_ARRAY_END, 1);
}


static claude_rc_t
claude_json_scan_text(claude_json_scan_t *scan, claude_json_type_e type)
{
    size_t                n;
    unsigned              escapes;
    claude_json_token_t   token;
    const unsigned char  *p;

    p = scan->pos + 1;
    escapes = 0;

    n = claude_json_scan_string(p, scan->end, &scan->high, &escapes);

    if (p + n == scan->end || p[n] != '"'
        || (escapes && type == CLAUDE_JSON_NAME))
    {
        return CLAUDE_DECLINED;
    }

    token.type = type;
    token.depth = scan->depth;
    token.raw.data = scan->pos;
    token.raw.len = n + 2;
    token.text.data = escapes ? NULL : p;
    token.text.len = escapes ? 0 : n;

    scan->pos = p + n + 1;

    return scan->handler(scan->ctx, &token);
}


/* one without an exponent */

static claude_rc_t
claude_json_scan_number(claude_json_scan_t *scan)
{
    unsigned              digits, point;
    const unsigned char  *p, *end;

    p = scan->pos;
    end = scan->end;

    if (end - p > CLAUDE_JSON_SCAN_DIGITS) {
        end = p + CLAUDE_JSON_SCAN_DIGITS;
    }

    if (p < end && *p == '-') {
        p++;
    }

    if (end - p >= 2 && p[0] == '0' && p[1] >= '0' && p[1] <= '9') {
        return CLAUDE_DECLINED;
    }

    digits = 0;
    point = 0;

    for ( /* void */ ; p < end; p++) {

        if (*p >= '0' && *p <= '9') {
            digits++;

        } else if (*p == '.' && digits && !point) {
            point = 1;
            digits = 0;

        } else {
            break;
        }
    }

    if (digits == 0 || p == end || *p == 'e' || *p == 'E') {
        return CLAUDE_DECLINED;
    }

    return claude_json_scan_token(scan, CLAUDE_JSON_NUMBER, p - scan->pos);
}


static claude_rc_t
claude_json_scan_word(claude_json_scan_t *scan, claude_json_type_e type,
    const char *word, size_t len)
{
    if ((size_t) (scan->end - scan->pos) < len
        || memcmp(scan->pos, word, len) != 0)
    {
        return CLAUDE_DECLINED;
    }

    return claude_json_scan_token(scan, type, len);
}


static claude_rc_t
claude_json_scan_token(claude_json_scan_t *scan, claude_json_type_e type,
    size_t len)
{
    claude_json_token_t  token;

    token.type = type;
    token.depth = scan->depth;
    token.raw.data = scan->pos;
    token.raw.len = len;
    token.text = token.raw;

    scan->pos += len;

    return scan->handler(scan->ctx, &token);
}


/* whether c comes next, which is taken then; there is no white space */

static unsigned
claude_json_scan_is(claude_json_scan_t *scan, unsigned char c)
{
    if (scan->pos == scan->end || *scan->pos != c) {
        return 0;
    }

    scan->pos++;

    return 1;
}


size_t
claude_json_scan_string(const unsigned char *p, const unsigned char *end,
    unsigned *high, unsigned *escapes)
{
    size_t                n;
    const unsigned char  *start;

    start = p;

    for ( ;; ) {
        p += claude_span_string(p, end, high);

        if (p == end || *p != '\\') {
            return p - start;
        }

        n = claude_json_scan_escape(p, end);

        if (n == 0) {
            return p - start;
        }

        p += n;
        (*escapes)++;
    }
}


/* length of the escape at p, a surrogate pair as one; 0 where there is none */

static size_t
claude_json_scan_escape(const unsigned char *p, const unsigned char *end)
{
    int  unit;

    if (end - p < 2) {
        return 0;
    }

    if (p[1] != 'u') {
        return (p[1] && strchr("\"\\/bfnrt", p[1])) ? 2 : 0;
    }

    if (end - p < 6) {
        return 0;
    }

    unit = claude_json_scan_hex4(p + 2);

    if (unit < 0 || (unit & 0xfc00) == 0xdc00) {
        return 0;
    }

    if ((unit & 0xfc00) != 0xd800) {
        return 6;
    }

    if (end - p < 12 || p[6] != '\\' || p[7] != 'u') {
        return 0;
    }

    unit = claude_json_scan_hex4(p + 8);

    return (unit >= 0 && (unit & 0xfc00) == 0xdc00) ? 12 : 0;
}


static int
claude_json_scan_hex4(const unsigned char *p)
{
    int       unit;
    unsigned  i, c;

    unit = 0;

    for (i = 0; i < 4; i++) {
        c = p[i];

        if (c >= '0' && c <= '9') {
            unit = unit * 16 + c - '0';
            continue;
        }

        c |= 0x20;

        if (c < 'a' || c > 'f') {
            return -1;
        }

        unit = unit * 16 + c - 'a' + 10;
    }

    return unit;
}
