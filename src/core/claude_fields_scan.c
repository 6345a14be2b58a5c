
#include "claude_fields.h"

#include "claude_span.h"

#include <string.h>


#define CLAUDE_FIELDS_DIGITS  18    /* of a number */


typedef struct {
    const unsigned char   *pos;
    const unsigned char   *end;
    const claude_field_t  *fields;
    unsigned               n;
    unsigned               next;    /* which name comes perhaps */
    uint32_t               seen;
    void                  *dst;
} claude_fields_scan_t;


static unsigned claude_fields_scan_member(claude_fields_scan_t *scan);
static const claude_field_t *claude_fields_scan_name(
    claude_fields_scan_t *scan);
static unsigned claude_fields_scan_array(claude_fields_scan_t *scan,
    const claude_field_t *field);
static unsigned claude_fields_scan_value(claude_fields_scan_t *scan,
    const claude_field_t *field, unsigned depth);
static unsigned claude_fields_scan_text(claude_fields_scan_t *scan,
    claude_str_t *text);
static unsigned claude_fields_scan_word(claude_fields_scan_t *scan,
    const char *word, size_t len);
static unsigned claude_fields_scan_number(claude_fields_scan_t *scan);
static unsigned claude_fields_scan_is(claude_fields_scan_t *scan,
    unsigned char c);
static unsigned claude_fields_scan_digit(const claude_fields_scan_t *scan);


claude_rc_t
claude_fields_scan(const claude_str_t *line, const claude_field_t *fields,
    unsigned n, void *dst, uint32_t *seen)
{
    claude_fields_scan_t  scan;

    scan.pos = line->data;
    scan.end = line->data + line->len;
    scan.fields = fields;
    scan.n = n;
    scan.next = 0;
    scan.seen = 0;
    scan.dst = dst;

    if (!claude_fields_scan_is(&scan, '{')) {
        return CLAUDE_DECLINED;
    }

    do {
        if (!claude_fields_scan_member(&scan)) {
            return CLAUDE_DECLINED;
        }
    } while (claude_fields_scan_is(&scan, ','));

    if (!claude_fields_scan_is(&scan, '}') || scan.pos != scan.end) {
        return CLAUDE_DECLINED;
    }

    *seen = scan.seen;

    return CLAUDE_OK;
}


static unsigned
claude_fields_scan_member(claude_fields_scan_t *scan)
{
    const claude_field_t  *field;

    field = claude_fields_scan_name(scan);

    if (field == NULL) {
        return 0;
    }

    return claude_fields_scan_is(scan, '[')
           ? claude_fields_scan_array(scan, field)
           : claude_fields_scan_value(scan, field, 1);
}


/* and the colon behind it.  Names come in the order of the table, or nearly,
 * and none twice. */

static const claude_field_t *
claude_fields_scan_name(claude_fields_scan_t *scan)
{
    size_t               left;
    unsigned             i, tries;
    const claude_str_t  *name;

    if (!claude_fields_scan_is(scan, '"')) {
        return NULL;
    }

    left = scan->end - scan->pos;
    i = scan->next;

    for (tries = scan->n; tries; tries--, i++) {
        i = (i < scan->n) ? i : 0;
        name = &scan->fields[i].name;

        if (left < name->len + 2
            || scan->pos[name->len] != '"' || scan->pos[name->len + 1] != ':'
            || memcmp(scan->pos, name->data, name->len) != 0)
        {
            continue;
        }

        if (scan->seen & 1u << i) {
            return NULL;
        }

        scan->pos += name->len + 2;
        scan->seen |= 1u << i;
        scan->next = i + 1;

        return &scan->fields[i];
    }

    return NULL;
}


/* of what is no array and no object */

static unsigned
claude_fields_scan_array(claude_fields_scan_t *scan,
    const claude_field_t *field)
{
    claude_json_token_t  token;

    token.type = CLAUDE_JSON_ARRAY;
    token.depth = 1;
    token.raw.data = scan->pos - 1;
    token.raw.len = 1;
    token.text = token.raw;

    if (field->read(scan->dst, &token) != NULL) {
        return 0;
    }

    do {
        if (!claude_fields_scan_value(scan, field, 2)) {
            return 0;
        }
    } while (claude_fields_scan_is(scan, ','));

    if (!claude_fields_scan_is(scan, ']')) {
        return 0;
    }

    token.type = CLAUDE_JSON_ARRAY_END;
    token.raw.data = scan->pos - 1;
    token.text = token.raw;

    return field->read(scan->dst, &token) == NULL;
}


static unsigned
claude_fields_scan_value(claude_fields_scan_t *scan,
    const claude_field_t *field, unsigned depth)
{
    unsigned             good;
    claude_json_token_t  token;

    token.depth = depth;
    token.raw.data = scan->pos;

    switch (scan->pos == scan->end ? 0 : *scan->pos) {

    case '"':
        token.type = CLAUDE_JSON_STRING;
        good = claude_fields_scan_text(scan, &token.text);
        break;

    case 'n':
        token.type = CLAUDE_JSON_NULL;
        good = claude_fields_scan_word(scan, "null", 4);
        break;

    case 't':
        token.type = CLAUDE_JSON_TRUE;
        good = claude_fields_scan_word(scan, "true", 4);
        break;

    case 'f':
        token.type = CLAUDE_JSON_FALSE;
        good = claude_fields_scan_word(scan, "false", 5);
        break;

    default:
        token.type = CLAUDE_JSON_NUMBER;
        good = claude_fields_scan_number(scan);
    }

    token.raw.len = scan->pos - token.raw.data;

    if (token.type != CLAUDE_JSON_STRING) {
        token.text = token.raw;
    }

    return good && field->read(scan->dst, &token) == NULL;
}


/* one without escapes */

static unsigned
claude_fields_scan_text(claude_fields_scan_t *scan, claude_str_t *text)
{
    unsigned  high;

    if (!claude_fields_scan_is(scan, '"')) {
        return 0;
    }

    high = 0;

    text->data = scan->pos;
    text->len = claude_span_string(scan->pos, scan->end, &high);

    scan->pos += text->len;

    return claude_fields_scan_is(scan, '"')
           && (!high || claude_utf8_span(text->data, text->len) == text->len);
}


static unsigned
claude_fields_scan_word(claude_fields_scan_t *scan, const char *word,
    size_t len)
{
    if ((size_t) (scan->end - scan->pos) < len
        || memcmp(scan->pos, word, len) != 0)
    {
        return 0;
    }

    scan->pos += len;

    return 1;
}


/* one without sign and exponent */

static unsigned
claude_fields_scan_number(claude_fields_scan_t *scan)
{
    const unsigned char  *start;

    start = scan->pos;

    if (!claude_fields_scan_digit(scan)) {
        return 0;
    }

    if (!claude_fields_scan_is(scan, '0')) {
        while (claude_fields_scan_digit(scan)) {
            scan->pos++;
        }
    }

    if (claude_fields_scan_is(scan, '.')) {

        if (!claude_fields_scan_digit(scan)) {
            return 0;
        }

        while (claude_fields_scan_digit(scan)) {
            scan->pos++;
        }
    }

    return scan->pos - start <= CLAUDE_FIELDS_DIGITS;
}


/* whether c comes next, which is taken then; there is no white space */

static unsigned
claude_fields_scan_is(claude_fields_scan_t *scan, unsigned char c)
{
    if (scan->pos == scan->end || *scan->pos != c) {
        return 0;
    }

    scan->pos++;

    return 1;
}


static unsigned
claude_fields_scan_digit(const claude_fields_scan_t *scan)
{
    return scan->pos < scan->end && *scan->pos >= '0' && *scan->pos <= '9';
}
