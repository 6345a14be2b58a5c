
/*
 * Flat JSON objects: what is read without yajl is read as with it, and all that
 * programs write is.  Bytes in base64 and hexadecimal.
 */

#include "tap.h"

#include "claude_fields.h"

#include <sodium.h>


#define LINE_SIZE   256
#define TAKEN_SIZE  2048


/* what a field's function was given */

typedef struct {
    size_t                 len;
    char                   text[TAKEN_SIZE];
} taken_t;


static const char *
take(void *dst, const claude_json_token_t *value)
{
    taken_t  *taken = dst;

    taken->len += snprintf(taken->text + taken->len, TAKEN_SIZE - taken->len,
                           "%d %u %.*s %.*s\n", value->type, value->depth,
                           (int) value->raw.len, value->raw.data,
                           (int) value->text.len, value->text.data);

    if (taken->len >= TAKEN_SIZE) {
        bail("more than %d bytes", TAKEN_SIZE);
    }

    return (value->text.len == 3 && memcmp(value->text.data, "bad", 3) == 0)
           ? "is bad" : NULL;
}


static const claude_field_t  fields[] = {
    { claude_string("op"), take },
    { claude_string("one"), take },
    { claude_string("further"), take },
    { claude_string("furthest"), take }
};

#define NFIELDS  (sizeof(fields) / sizeof(fields[0]))


/* whether it is read without yajl; then it must be read so with it as well */

static unsigned
scan(const unsigned char *data, size_t len, unsigned *differs)
{
    uint32_t        seen, all;
    taken_t         fast, full;
    const char     *reason;
    claude_str_t    line;
    unsigned char  *copy;

    /* in a block of its size, for sanitizers to see its end */

    copy = malloc(len ? len : 1);
    memcpy(copy, data, len);

    line.data = copy;
    line.len = len;

    memset(&fast, 0, sizeof(fast));
    memset(&full, 0, sizeof(full));
    reason = NULL;

    if (claude_fields_scan(&line, fields, NFIELDS, &fast, &seen)
        != CLAUDE_OK)
    {
        free(copy);
        return 0;
    }

    if (claude_fields_read(&line, fields, NFIELDS, &full, &all, &reason)
        != CLAUDE_OK
        || reason || seen != all || fast.len != full.len
        || memcmp(fast.text, full.text, full.len) != 0)
    {
        *differs += 1;
    }

    free(copy);

    return 1;
}


static const struct {
    const char  *line;
    unsigned     fast;
} lines[] = {
    { "{\"op\":\"put\"}", 1 },
    { "{\"op\":\"put\",\"one\":null,\"further\":true,\"furthest\":false}", 1 },
    { "{\"furthest\":\"\",\"further\":\"é…𝄞\",\"op\":\"\x7f\"}", 1 },
    { "{\"one\":0,\"op\":10.50,\"further\":123456789012345678}", 1 },
    { "{\"one\":[\"a\",\"b\"],\"op\":[0.25],\"further\":[null,true]}", 1 },
    { "{\"op\":\"0123456789abcdef0123456789abcdef\",\"one\":\"x\"}", 1 },

    { "", 0 },
    { "{}", 0 },
    { "{\"op\"}", 0 },
    { "{\"op\":}", 0 },
    { "{\"op\":\"put\"", 0 },
    { "{\"op\":\"put\",}", 0 },
    { "{\"op\":\"put\"}}", 0 },
    { "{\"op\":\"put\"} ", 0 },
    { " {\"op\":\"put\"}", 0 },
    { "{\"op\": \"put\"}", 0 },
    { "{\"op\":\"put\",\"op\":\"put\"}", 0 },
    { "{\"ops\":\"put\"}", 0 },
    { "{\"o\\u0070\":\"put\"}", 0 },
    { "{\"op\":\"p\\u0075t\"}", 0 },
    { "{\"op\":\"a\tb\"}", 0 },
    { "{\"op\":\"\xc0\x80\"}", 0 },
    { "{\"op\":\"\xed\xa0\x80\"}", 0 },
    { "{\"op\":\"bad\"}", 0 },
    { "{\"op\":nul}", 0 },
    { "{\"op\":01}", 0 },
    { "{\"op\":1.}", 0 },
    { "{\"op\":.5}", 0 },
    { "{\"op\":-1}", 0 },
    { "{\"op\":1e3}", 0 },
    { "{\"op\":1234567890123456789}", 0 },
    { "{\"op\":[]}", 0 },
    { "{\"op\":[1,]}", 0 },
    { "{\"op\":[[1]]}", 0 },
    { "{\"op\":[1}", 0 },
    { "{\"op\":{\"one\":1}}", 0 }
};

#define NLINES  (sizeof(lines) / sizeof(lines[0]))


static void
test_lines(void)
{
    unsigned     differs;
    size_t       i;
    const char  *line;

    differs = 0;

    for (i = 0; i < NLINES; i++) {
        line = lines[i].line;

        is(scan((const unsigned char *) line, strlen(line), &differs),
           lines[i].fast, "%s: %s", lines[i].fast ? "fast" : "not fast", line);
    }

    is(differs, 0, "all of those are read the same with yajl");
}


/* each byte of each line as any other, left out, and come in between */

static void
test_mutations(void)
{
    size_t          i, at, len;
    unsigned        c, fast, differs;
    const char     *line;
    unsigned char   text[LINE_SIZE];

    fast = 0;
    differs = 0;

    for (i = 0; i < NLINES; i++) {
        line = lines[i].line;
        len = strlen(line);

        for (at = 0; at < len; at++) {
            memcpy(text, line, at);
            memcpy(text + at, line + at + 1, len - at - 1);

            fast += scan(text, len - 1, &differs);

            memcpy(text + at + 1, line + at, len - at);

            for (c = 0; c < 256; c++) {
                text[at] = c;
                fast += scan(text, len + 1, &differs);
            }

            memcpy(text, line, len);

            for (c = 0; c < 256; c++) {
                text[at] = c;
                fast += scan(text, len, &differs);
            }
        }
    }

    ok(fast > 1000, "%u lines with another byte are fast", fast);
    is(differs, 0, "and read the same with yajl");
}


/* libsodium is the judge; it takes bytes above 0x7f for others */

static void
test_base64(void)
{
    int                   fine;
    char                  text[16];
    size_t                i, k, n, size, len, expected;
    unsigned              good, bad;
    unsigned char         dst[16], other[16];
    claude_json_token_t   value;

    static const char  characters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        "=-_\n \t";

    memset(&value, 0, sizeof(value));
    value.type = CLAUDE_JSON_STRING;
    value.text.data = (unsigned char *) text;

    good = 0;
    bad = 0;

    for (i = 0; i < 300000; i++) {
        n = i % 15;
        size = randombytes_uniform(sizeof(dst) - 2);

        for (k = 0; k < n; k++) {
            text[k] = characters[randombytes_uniform(
                          (i & 16) ? 64 : sizeof(characters) - 1)];
        }

        for (k = 0; k < n && k < randombytes_uniform(4); k++) {
            text[n - 1 - k] = '=';
        }

        value.text.len = n;
        memset(dst, 0x55, sizeof(dst));

        fine = sodium_base642bin(other, size, text, n, NULL, &expected, NULL,
                                 sodium_base64_VARIANT_ORIGINAL) == 0;

        if (claude_field_base64(&value, dst, size, &len) != (unsigned) fine
            || (fine && (len != expected || memcmp(dst, other, len) != 0))
            || dst[size] != 0x55 || dst[size + 1] != 0x55)
        {
            bad++;
        }

        good += fine;
    }

    ok(good > 1000, "%u texts are base64", good);
    is(bad, 0, "all are read as libsodium does");

    memcpy(text, "AAA\xc1", 4);
    value.text.len = 4;
    is(claude_field_base64(&value, dst, sizeof(dst), &len), 0,
       "a byte above 0x7f is none of base64");

    value.type = CLAUDE_JSON_NUMBER;
    memcpy(text, "1234", 4);
    is(claude_field_base64(&value, dst, sizeof(dst), &len), 0,
       "nor is a number");
}


static void
test_hex(void)
{
    char                  text[3];
    unsigned              i, bad;
    unsigned char         dst[1];
    claude_json_token_t   value;

    static const char  digits[] = "0123456789abcdef";

    memset(&value, 0, sizeof(value));
    value.type = CLAUDE_JSON_STRING;
    value.text.data = (unsigned char *) text;
    value.text.len = 2;

    bad = 0;

    for (i = 0; i < 256; i++) {
        text[0] = digits[i >> 4];
        text[1] = digits[i & 15];

        bad += !claude_field_hex(&value, dst, 1) || dst[0] != i;

        text[1] = i;
        bad += claude_field_hex(&value, dst, 1)
               != (i && strchr(digits, i) != NULL);

        text[1] = '0';
        text[0] = i;
        bad += claude_field_hex(&value, dst, 1)
               != (i && strchr(digits, i) != NULL);
    }

    is(bad, 0, "hexadecimal digits, and nothing else");

    text[0] = '0';
    is(claude_field_hex(&value, dst, 2), 0, "no fewer of them");
}


int
main(void)
{
    if (sodium_init() == -1) {
        bail("libsodium");
    }

    test_lines();
    test_mutations();
    test_base64();
    test_hex();

    return done_testing();
}
