
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
    unsigned padding);


/* what a digit stands for, and 1; 0: it is none */

static const unsigned char  claude_field_hexes[256] = {
    ['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6,
    ['6'] = 7, ['7'] = 8, ['8'] = 9, ['9'] = 10, ['a'] = 11,
    ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16
};

static const unsigned char  claude_field_base64s[256] = {
    ['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6,
    ['G'] = 7, ['H'] = 8, ['I'] = 9, ['J'] = 10, ['K'] = 11,
    ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21,
    ['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26,
    ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31,
    ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36,
    ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41,
    ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46,
    ['u'] = 47, ['v'] = 48, ['w'] = 49, ['x'] = 50, ['y'] = 51,
    ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61,
    ['9'] = 62, ['+'] = 63, ['/'] = 64
};


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
claude_field_is(const claude_json_token_t *value, const char *text)
{
    return value->type == CLAUDE_JSON_STRING
           && value->text.len == strlen(text)
           && memcmp(value->text.data, text, value->text.len) == 0;
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
    all = 0;

    for (i = 0; i < len; i++) {
        high = claude_field_hexes[p[2 * i]] - 1u;
        low = claude_field_hexes[p[2 * i + 1]] - 1u;

        dst[i] = high << 4 | low;
        all |= high | low;
    }

    return all <= 0xf;
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

    all = 0;

    for ( /* void */ ; p < last; p += 4, dst += 3) {
        bits = claude_field_base64_bits(p, 0);
        all |= bits;

        dst[0] = bits >> 16;
        dst[1] = bits >> 8;
        dst[2] = bits;
    }

    bits = claude_field_base64_bits(p, padding);
    all |= bits;

    dst[0] = bits >> 16;

    if (padding < 2) {
        dst[1] = bits >> 8;
    }

    if (padding == 0) {
        dst[2] = bits;
    }

    /* what the padding cuts off is zero, or there would be several texts */

    return all <= 0xffffff && (bits & ((1u << 8 * padding) - 1)) == 0;
}


/* the 24 bits of four characters, or more where these are none */

static inline uint32_t
claude_field_base64_bits(const unsigned char *p, unsigned padding)
{
    uint32_t  a, b, c, d;

    a = claude_field_base64s[p[0]] - 1u;
    b = claude_field_base64s[p[1]] - 1u;
    c = (padding < 2) ? claude_field_base64s[p[2]] - 1u : 0;
    d = (padding < 1) ? claude_field_base64s[p[3]] - 1u : 0;

    return a << 18 | b << 12 | c << 6 | d | ((a | b | c | d) & 0xff000000);
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
