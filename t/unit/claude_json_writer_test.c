
#include "claude_json_writer.h"

#include "claude_json_reader.h"

#include "tap.h"


#define ROUNDS  20000


static void *
heap_alloc(void *ctx, size_t size)
{
    (void) ctx;
    (void) size;

    return NULL;
}


static claude_mem_t  no_mem = { heap_alloc, NULL };


typedef struct {
    unsigned char          chunk[8192];
    unsigned char          text[8192];
    size_t                 len;
} result_t;


static void
write_string(result_t *result, const void *text, size_t len)
{
    claude_out_t  out;

    claude_out_init_chunk(&out, &no_mem, sizeof(result->text), result->chunk,
                          sizeof(result->chunk));
    claude_json_put_string(&out, text, len);

    if (out.rc != CLAUDE_OK) {
        bail("a string did not fit");
    }

    claude_out_copy(&out, result->text);
    result->len = out.size;
}


static void
test_strings(void)
{
    size_t           i;
    static result_t  result;

    static const struct {
        claude_str_t  text;
        claude_str_t  json;
    } cases[] = {
        { claude_string(""), claude_string("\"\"") },
        { claude_string("a \xc3\xa9 \xf0\x9f\x98\x80"),
          claude_string("\"a \xc3\xa9 \xf0\x9f\x98\x80\"") },
        { claude_string("\"\\/"), claude_string("\"\\\"\\\\/\"") },
        { claude_string("\b\f\n\r\t"), claude_string("\"\\b\\f\\n\\r\\t\"") },
        { claude_string("\0\x01\x1f\x7f"),
          claude_string("\"\\u0000\\u0001\\u001f\\u007f\"") },
        { claude_string("\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa"),
          claude_string("\"\xe2\x80\xa7\\u2028\\u2029\xe2\x80\xaa\"") },
        { claude_string("a\xc0\x80" "b\xff"),
          claude_string("\"a\xef\xbf\xbd\xef\xbf\xbd" "b\xef\xbf\xbd\"") },
        { claude_string("\xed\xa0\x80"),
          claude_string("\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"") },
        { claude_string("\xe2\x80"),
          claude_string("\"\xef\xbf\xbd\xef\xbf\xbd\"") },
        { claude_string("\xf4\x8f\xbf\xbf\xf4\x90"),
          claude_string("\"\xf4\x8f\xbf\xbf\xef\xbf\xbd\xef\xbf\xbd\"") }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_string(&result, cases[i].text.data, cases[i].text.len);
        is_mem(result.text, result.len, cases[i].json.data, cases[i].json.len,
               "string %zu", i);
    }
}


static claude_rc_t
read_string(void *ctx, const claude_json_token_t *token)
{
    result_t  *result;

    result = ctx;
    result->len = token->text.len;
    memcpy(result->chunk, token->text.data, token->text.len);

    return CLAUDE_OK;
}


/* what is written is one line of JSON, and reads as it was where that was
 * UTF-8 */

static void
test_random(void)
{
    size_t                i, j, len;
    unsigned              bad, lines, changed;
    unsigned char         text[16];
    static result_t       written, back;
    claude_json_error_t   error;

    static const unsigned char  bytes[] =
        "a\"\\\n\x1f\x7f\xc3\xa9\xe2\x80\xa8\xed\xa0\xf0\x9f\x98\x80\xff";

    bad = lines = changed = 0;
    srand(1);

    for (i = 0; i < ROUNDS; i++) {
        len = (size_t) rand() % sizeof(text);

        for (j = 0; j < len; j++) {
            text[j] = bytes[(size_t) rand() % (sizeof(bytes) - 1)];
        }

        write_string(&written, text, len);

        bad += (claude_json_read(written.text, written.len, read_string, &back,
                                 &error) != CLAUDE_OK);

        lines += (memchr(written.text, '\n', written.len) != NULL);

        if (claude_utf8_span(text, len) == len) {
            changed += (back.len != len || memcmp(back.chunk, text, len) != 0);
        }
    }

    is(bad, 0, "every string is valid JSON");
    is(lines, 0, "on one line");
    is(changed, 0, "and what was UTF-8 reads as it was");
}


static void
test_values(void)
{
    claude_out_t   out;
    unsigned char  chunk[512], text[512];

    claude_out_init_chunk(&out, &no_mem, sizeof(text), chunk, sizeof(chunk));

    claude_json_put_uint(&out, 0);
    claude_out_literal(&out, " ");
    claude_json_put_uint(&out, 1234567890);
    claude_out_literal(&out, " ");
    claude_json_put_uint(&out, UINT64_MAX);
    claude_out_literal(&out, " ");
    claude_json_put_bool(&out, 4);
    claude_out_literal(&out, " ");
    claude_json_put_bool(&out, 0);
    claude_out_literal(&out, " ");
    claude_json_put_text(&out, (const unsigned char *) "\"", 1);

    claude_out_copy(&out, text);
    is_mem(text, out.size, "0 1234567890 18446744073709551615 true false \\\"",
           47, "values");
}


int
main(void)
{
    test_strings();
    test_random();
    test_values();

    return done_testing();
}
