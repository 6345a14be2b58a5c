
#include "claude_fields.h"

#include "claude_time.h"

#include <string.h>


typedef struct {
    const claude_field_t  *fields;
    unsigned               n;
    unsigned               current;     /* n: a name that is not known */
    unsigned               inside;      /* of a nested value that is taken */
    void                  *dst;
    uint32_t               seen;
    const char            *reason;
} claude_fields_t;


static claude_rc_t claude_fields_token(void *ctx,
    const claude_json_token_t *token);
static void claude_fields_value(claude_fields_t *object,
    const claude_json_token_t *token);
static void claude_fields_name(claude_fields_t *object,
    const claude_json_token_t *token);
static inline uint32_t claude_field_base64_bits(const unsigned char *p,
    unsigned padding, uint32_t *all);


/* 0x80 and what a character stands for; 0: it is none */

static const unsigned char  claude_field_hexes[256] = {
    ['0'] = 0x80, ['1'] = 0x81, ['2'] = 0x82, ['3'] = 0x83, ['4'] = 0x84,
    ['5'] = 0x85, ['6'] = 0x86, ['7'] = 0x87, ['8'] = 0x88, ['9'] = 0x89,
    ['a'] = 0x8a, ['b'] = 0x8b, ['c'] = 0x8c, ['d'] = 0x8d, ['e'] = 0x8e,
    ['f'] = 0x8f
};

static const unsigned char  claude_field_base64s[256] = {
    ['A'] = 0x80, ['B'] = 0x81, ['C'] = 0x82, ['D'] = 0x83, ['E'] = 0x84,
    ['F'] = 0x85, ['G'] = 0x86, ['H'] = 0x87, ['I'] = 0x88, ['J'] = 0x89,
    ['K'] = 0x8a, ['L'] = 0x8b, ['M'] = 0x8c, ['N'] = 0x8d, ['O'] = 0x8e,
    ['P'] = 0x8f, ['Q'] = 0x90, ['R'] = 0x91, ['S'] = 0x92, ['T'] = 0x93,
    ['U'] = 0x94, ['V'] = 0x95, ['W'] = 0x96, ['X'] = 0x97, ['Y'] = 0x98,
    ['Z'] = 0x99, ['a'] = 0x9a, ['b'] = 0x9b, ['c'] = 0x9c, ['d'] = 0x9d,
    ['e'] = 0x9e, ['f'] = 0x9f, ['g'] = 0xa0, ['h'] = 0xa1, ['i'] = 0xa2,
    ['j'] = 0xa3, ['k'] = 0xa4, ['l'] = 0xa5, ['m'] = 0xa6, ['n'] = 0xa7,
    ['o'] = 0xa8, ['p'] = 0xa9, ['q'] = 0xaa, ['r'] = 0xab, ['s'] = 0xac,
    ['t'] = 0xad, ['u'] = 0xae, ['v'] = 0xaf, ['w'] = 0xb0, ['x'] = 0xb1,
    ['y'] = 0xb2, ['z'] = 0xb3, ['0'] = 0xb4, ['1'] = 0xb5, ['2'] = 0xb6,
    ['3'] = 0xb7, ['4'] = 0xb8, ['5'] = 0xb9, ['6'] = 0xba, ['7'] = 0xbb,
    ['8'] = 0xbc, ['9'] = 0xbd, ['+'] = 0xbe, ['/'] = 0xbf
};

#define CLAUDE_FIELD_DIGIT  0x80u


claude_rc_t
claude_fields_read(const claude_str_t *line, const claude_field_t *fields,
    unsigned n, void *dst, uint32_t *seen, const char **reason)
{
    claude_rc_t          rc;
    claude_fields_t      object;
    claude_json_error_t  error;

    object.fields = fields;
    object.n = n;
    object.current = n;
    object.inside = 0;
    object.dst = dst;
    object.seen = 0;
    object.reason = NULL;

    rc = claude_json_read(line->data, line->len, claude_fields_token, &object,
                          &error);

    *seen = object.seen;
    *reason = object.reason;

    if (rc == CLAUDE_INVALID && error.reason) {
        *reason = error.reason;
    }

    return rc;
}


static claude_rc_t
claude_fields_token(void *ctx, const claude_json_token_t *token)
{
    claude_fields_t  *object = ctx;

    if (token->depth == 0) {
        if (token->type == CLAUDE_JSON_OBJECT
            || token->type == CLAUDE_JSON_OBJECT_END)
        {
            return CLAUDE_OK;
        }

        object->reason = "is not a JSON object";

        return CLAUDE_INVALID;
    }

    if (token->type == CLAUDE_JSON_NAME && token->depth == 1) {
        claude_fields_name(object, token);
        return CLAUDE_OK;
    }

    if (object->inside
        || (token->depth == 1 && token->type != CLAUDE_JSON_OBJECT_END
            && token->type != CLAUDE_JSON_ARRAY_END))
    {
        claude_fields_value(object, token);
    }

    return CLAUDE_OK;
}


static void
claude_fields_value(claude_fields_t *object, const claude_json_token_t *token)
{
    const char  *reason;

    if (object->current == object->n) {
        return;
    }

    reason = object->fields[object->current].read(object->dst, token);

    if (object->reason == NULL) {
        object->reason = reason;
    }

    if (reason) {
        object->inside = 0;

    } else if (token->depth == 1) {
        object->inside = (token->type == CLAUDE_JSON_ARRAY
                          || token->type == CLAUDE_JSON_OBJECT);
    }
}


static void
claude_fields_name(claude_fields_t *object, const claude_json_token_t *token)
{
    unsigned             i;
    const claude_str_t  *name;

    for (i = 0; i < object->n; i++) {
        name = &object->fields[i].name;

        if (name->len == token->text.len
            && memcmp(name->data, token->text.data, name->len) == 0)
        {
            break;
        }
    }

    object->current = i;
    object->seen |= (i < object->n) ? 1u << i : CLAUDE_FIELDS_UNKNOWN;
}


unsigned
claude_field_equals(const claude_json_token_t *value, const char *text,
    size_t len)
{
    return value->type == CLAUDE_JSON_STRING && value->text.len == len
           && memcmp(value->text.data, text, len) == 0;
}


unsigned
claude_field_hex(const claude_json_token_t *value, unsigned char *dst,
    size_t len)
{
    size_t                i;
    unsigned              high, low, all;
    const unsigned char  *p;

    if (value->type != CLAUDE_JSON_STRING || value->text.len != 2 * len) {
        return 0;
    }

    p = value->text.data;
    all = CLAUDE_FIELD_DIGIT;

    for (i = 0; i < len; i++) {
        high = claude_field_hexes[p[2 * i]];
        low = claude_field_hexes[p[2 * i + 1]];

        dst[i] = high << 4 | (low & 0xf);
        all &= high & low;
    }

    return all != 0;
}


/*
 * What stands here is sealed or wrapped, and no secret as it is: it may be
 * looked up in a table, which libsodium doesn't do, and is slower for.
 */

unsigned
claude_field_base64(const claude_json_token_t *value, unsigned char *dst,
    size_t size, size_t *len)
{
    size_t                n, padding;
    uint32_t              bits, all;
    const unsigned char  *p, *last;

    n = value->text.len;

    if (value->type != CLAUDE_JSON_STRING || n % 4 != 0
        || n / 4 * 3 > size + 2)
    {
        return 0;
    }

    if (n == 0) {
        *len = 0;
        return 1;
    }

    p = value->text.data;
    last = p + n - 4;

    padding = (last[3] != '=') ? 0 : (last[2] != '=') ? 1 : 2;
    *len = n / 4 * 3 - padding;

    if (*len > size) {
        return 0;
    }

    all = CLAUDE_FIELD_DIGIT;

    for ( /* void */ ; p < last; p += 4, dst += 3) {
        bits = claude_field_base64_bits(p, 0, &all);

        dst[0] = bits >> 16;
        dst[1] = bits >> 8;
        dst[2] = bits;
    }

    bits = claude_field_base64_bits(p, padding, &all);

    dst[0] = bits >> 16;

    if (padding < 2) {
        dst[1] = bits >> 8;
    }

    if (padding == 0) {
        dst[2] = bits;
    }

    /* what the padding cuts off is zero, or there would be several texts */

    return all && (bits & ((1u << 8 * padding) - 1)) == 0;
}


/* the 24 bits of four characters; *all becomes 0 where one is none */

static inline uint32_t
claude_field_base64_bits(const unsigned char *p, unsigned padding,
    uint32_t *all)
{
    uint32_t  a, b, c, d;

    a = claude_field_base64s[p[0]];
    b = claude_field_base64s[p[1]];
    c = (padding < 2) ? claude_field_base64s[p[2]] : CLAUDE_FIELD_DIGIT;
    d = (padding < 1) ? claude_field_base64s[p[3]] : CLAUDE_FIELD_DIGIT;

    *all &= a & b & c & d;

    return (a << 18) + (b << 12) + (c << 6) + d
           - CLAUDE_FIELD_DIGIT * (1 << 18 | 1 << 12 | 1 << 6 | 1);
}


unsigned
claude_field_time(const claude_json_token_t *value, int64_t *time)
{
    if (value->type == CLAUDE_JSON_NULL) {
        *time = 0;
        return 1;
    }

    return value->type == CLAUDE_JSON_STRING
           && claude_time_read(&value->text, time) == CLAUDE_OK;
}
