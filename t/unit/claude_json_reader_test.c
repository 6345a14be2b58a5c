
#include "claude_json_reader.h"

#include "json_trace.h"
#include "tap.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>


static void
test_tokens(void)
{
    size_t               i;
    trace_t              trace;
    claude_json_error_t  error;

    static const struct {
        const char  *text;
        const char  *tokens;
    } cases[] = {
        { "{}", "{0}0" },
        { "[]", "[0]0" },
        { " null ", "z0" },
        { "true", "t0" },
        { "false\n", "f0" },
        { "0", "n0(0|0)" },
        { "-12.5e+3", "n0(-12.5e+3|-12.5e+3)" },
        { " 7 ", "n0(7|7)" },
        { "\"\"", "s0(|\"\")" },
        { "\"a\\n\\u0041\\ud83d\\ude00\\/\"",
          "s0(a\nA\xf0\x9f\x98\x80/|\"a\\n\\u0041\\ud83d\\ude00\\/\")" },
        { "{\"a\":1,\"b\":[2 ,{\"c\" : null}],\"\\u0064\":\"e\"}",
          "{0:1(a|\"a\")n1(1|1):1(b|\"b\")[1n2(2|2){2:3(c|\"c\")z3}2]1"
          ":1(d|\"\\u0064\")s1(e|\"e\")}0" },
        { "[[],[ ],{},1]", "[0[1]1[1]1{1}1n1(1|1)]0" },
        { "{\"a\":{\"a\":{\"a\":0}},\"b\":{\"a\":0}}",
          "{0:1(a|\"a\"){1:2(a|\"a\"){2:3(a|\"a\")n3(0|0)}2}1"
          ":1(b|\"b\"){1:2(a|\"a\")n2(0|0)}1}0" }
    };

    trace.stop = 0;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is(read_text(cases[i].text, strlen(cases[i].text), &trace, &error),
           CLAUDE_OK, "%s", cases[i].text);
        is_str(trace.tokens, cases[i].tokens, "its tokens");
    }
}


static void test_long_faults(const claude_str_t *text, size_t offset,
    const char *reason);


static void
test_faults(void)
{
    size_t               i;
    trace_t              trace;
    claude_json_error_t  error;

    static const struct {
        claude_str_t  text;
        size_t        offset;
        const char   *reason;
    } cases[] = {
#define END      "unexpected end of the text"
#define BYTE     "unexpected character"
#define VALUE    "unexpected value"
#define TAIL     "bytes after the value"
#define UTF8     "malformed UTF-8"
#define TWICE    "a name twice in one object"
#define LONE     "a lone surrogate"
#define CONTROL  "a control character in a string"
#define ESCAPE   "an invalid escape in a string"
#define LARGE    "a number too large"

        { claude_string(""), 0, END },
        { claude_string(" \n"), 2, END },
        { claude_string("\xef\xbb\xbf{}"), 0, "a byte order mark" },
        { claude_string("{\"a\":1"), 6, END },
        { claude_string("{\"a\":"), 5, END },
        { claude_string("{\"a"), 3, END },
        { claude_string("[\"a\\"), 4, END },
        { claude_string("[\"a\\u00"), 7, END },
        { claude_string("[1"), 2, END },
        { claude_string("[-"), 2, END },
        { claude_string("[tru"), 4, END },
        { claude_string("-"), 1, END },
        { claude_string("1."), 2, END },
        { claude_string("nul"), 3, END },
        { claude_string("{} {}"), 3, TAIL },
        { claude_string("1 2"), 2, TAIL },
        { claude_string("{}\"abc"), 2, TAIL },
        { claude_string("\"a\"x"), 3, TAIL },
        { claude_string("{}\0"), 2, TAIL },
        { claude_string("01"), 1, TAIL },
        { claude_string("[1,]"), 3, BYTE },
        { claude_string("[,1]"), 1, BYTE },
        { claude_string("[1,,2]"), 3, BYTE },
        { claude_string("[1 2]"), 3, BYTE },
        { claude_string("[1\"a\"]"), 2, BYTE },
        { claude_string("[1 \"a\"]"), 3, BYTE },
        { claude_string("[\"a\"1]"), 4, BYTE },
        { claude_string("{\"a\":1\"a\":2}"), 6, BYTE },
        { claude_string("[true\"a\"]"), 5, BYTE },
        { claude_string("[tru\"a\"]"), 4, BYTE },
        { claude_string("[1}"), 2, BYTE },
        { claude_string("{\"a\":1]"), 6, BYTE },
        { claude_string("{\"a\" 1}"), 5, BYTE },
        { claude_string("{\"a\":1,}"), 7, BYTE },
        { claude_string("{\"a\":1 \"b\":2}"), 7, BYTE },
        { claude_string("{\"a\"::1}"), 5, BYTE },
        { claude_string("{a:1}"), 1, BYTE },
        { claude_string("{1:1}"), 1, VALUE },
        { claude_string("{null:1}"), 1, VALUE },
        { claude_string("{'a':1}"), 1, BYTE },
        { claude_string("/**/{}"), 0, BYTE },
        { claude_string("[1]//"), 3, TAIL },
        { claude_string("[tRue]"), 2, BYTE },
        { claude_string("[nan]"), 2, BYTE },
        { claude_string("[+1]"), 1, BYTE },
        { claude_string("[-x]"), 2, BYTE },
        { claude_string("[1.x]"), 3, BYTE },
        { claude_string("[.5]"), 1, BYTE },
        { claude_string("[1ex]"), 3, BYTE },
        { claude_string("[1e+]"), 4, BYTE },
        { claude_string("[01]"), 2, BYTE },
        { claude_string("[0x1]"), 2, BYTE },
        { claude_string("\v1"), 0, BYTE },
        { claude_string("[1,\f2]"), 3, BYTE },
        { claude_string("1\v"), 1, TAIL },
        { claude_string("[\"a\nb\"]"), 3, CONTROL },
        { claude_string("[\"a\0b\"]"), 3, CONTROL },
        { claude_string("[\"\\x41\"]"), 3, ESCAPE },
        { claude_string("[\"\\u00g0\"]"), 6, ESCAPE },
        { claude_string("[\"\\\0\"]"), 3, ESCAPE },
        { claude_string("[\"\xc0\x80\"]"), 2, UTF8 },
        { claude_string("[\"\xed\xa0\x80\"]"), 2, UTF8 },
        { claude_string("[\"a\xf4\x90\x80\x80\"]"), 3, UTF8 },
        { claude_string("[\"\xe0\x9f\xbf\"]"), 2, UTF8 },
        { claude_string("[\"\xf0\x8f\xbf\xbf\"]"), 2, UTF8 },
        { claude_string("[\"\xc3\"]"), 2, UTF8 },
        { claude_string("[\"\x80\"]"), 2, UTF8 },
        { claude_string("[\"\xff\"]"), 2, UTF8 },
        { claude_string("[\"0123456789abcdef\xe2\x82"), 18, UTF8 },
        { claude_string("[\"\\ud800\"]"), 2, LONE },
        { claude_string("[\"\\udc00\\ud800\"]"), 2, LONE },
        { claude_string("[\"\\\\\\ud800x\"]"), 4, LONE },
        { claude_string("[\"\\ud800\\n\"]"), 2, LONE },
        { claude_string("[\"\\ud800\\u0041\"]"), 2, LONE },
        { claude_string("[\"\\ud83d\\ude00\\uD83D\"]"), 14, LONE },
        { claude_string("{\"\\udead\":1}"), 2, LONE },
        { claude_string("{\"a\\u0000\":1}"), 3, "\\u0000 in a name" },
        { claude_string("{\"a\":1,\"a\":2}"), 7, TWICE },
        { claude_string("{\"a\":1,\"\\u0061\":2}"), 7, TWICE },
        { claude_string("{\"\":1,\"b\":{\"b\":1},\"\":2}"), 18, TWICE },
        { claude_string("[1e999]"), 1, LARGE },
        { claude_string("[-1E+309]"), 1, LARGE },
        { claude_string("[1.7976931348623159e308]"), 1, LARGE },
        { claude_string("[0,1e99999999999999999999]"), 3, LARGE }
    };

    trace.stop = 0;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is(read_text(cases[i].text.data, cases[i].text.len, &trace, &error),
           CLAUDE_INVALID, "%.*s", (int) cases[i].text.len,
           (const char *) cases[i].text.data);
        is(error.offset, cases[i].offset, "where");
        is_str(error.reason, cases[i].reason, "why");

        test_long_faults(&cases[i].text, cases[i].offset, cases[i].reason);
    }
}


/*
 * The same where strings are looked for ahead of yajl: behind as much white
 * space as that takes, each "a" in a string many of them, and offset moved
 * along.  NULL where a text would no longer be what it was.
 */

#define WIDE  100

static char *
widen(const claude_str_t *text, size_t *len, size_t *offset)
{
    char      *wide;
    size_t     i, n, moved;
    unsigned   string;

    if (strstr((const char *) text->data, "\\udead")
        || strstr((const char *) text->data, "\\u0061"))
    {
        return NULL;
    }

    wide = malloc(4096 + text->len * WIDE);
    memset(wide, ' ', 4096);

    n = 4096;
    moved = 0;
    string = 0;

    for (i = 0; i <= text->len; i++) {

        if (i == *offset) {
            moved = n;
        }

        if (i == text->len) {
            break;
        }

        if (text->data[i] == '"' && (i == 0 || text->data[i - 1] != '\\')) {
            string = !string;
        }

        if (string && text->data[i] == 'a') {
            memset(wide + n, 'a', WIDE);
            n += WIDE;

        } else {
            wide[n++] = (char) text->data[i];
        }
    }

    *len = n;
    *offset = moved;

    return wide;
}


static void
test_long_faults(const claude_str_t *text, size_t offset, const char *reason)
{
    char                 *wide;
    size_t                len;
    trace_t               trace;
    claude_json_error_t   error;

    trace.stop = 0;
    wide = widen(text, &len, &offset);

    /* a mark stands at the begin, and bytes make the form of a text */

    if (wide == NULL || text->data[0] == 0xef) {
        free(wide);
        return;
    }

    is(read_text(wide, len, &trace, &error), CLAUDE_INVALID, "and with long "
       "strings: %.*s", (int) text->len, (const char *) text->data);
    is(error.offset, offset, "where");
    is_str(error.reason, reason, "why");

    free(wide);
}


#define A10   "aaaaaaaaaa"
#define A100  A10 A10 A10 A10 A10 A10 A10 A10 A10 A10

static void
test_long(void)
{
    char                 *text;
    size_t                i;
    trace_t               trace;
    claude_json_error_t   error;

    static const struct {
        const char  *text;
        const char  *tokens;
    } cases[] = {
        { "\"" A100 "\"", "s0(" A100 "|\"" A100 "\")" },
        { "[1,\"" A100 "\" , -2.5e1,\"\",\"b\",true]",
          "[0n1(1|1)s1(" A100 "|\"" A100 "\")n1(-2.5e1|-2.5e1)s1(|\"\")"
          "s1(b|\"b\")t1]0" },
        { "{\"" A100 "\" :\"" A100 "\\n\",\"b\\t" A100 "\":{}}",
          "{0:1(" A100 "|\"" A100 "\")s1(" A100 "\n|\"" A100 "\\n\")"
          ":1(b\t" A100 "|\"b\\t" A100 "\"){1}1}0" },
        { "[\"" A100 "\\\"\\\\\\/\\b\\f\\n\\r\\t\\u007f\\u0080\\u07fF"
          "\\u0800\\uFFFF\\ud83d\\uDE00\\udbff\\udfff.\"]",
          "[0s1(" A100 "\"\\/\b\f\n\r\t\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80"
          "\xef\xbf\xbf\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf.|\"" A100
          "\\\"\\\\\\/\\b\\f\\n\\r\\t\\u007f\\u0080\\u07fF"
          "\\u0800\\uFFFF\\ud83d\\uDE00\\udbff\\udfff.\")]0" }
    };

    trace.stop = 0;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        text = malloc(5001);
        snprintf(text, 5001, "%*s%s", 4096, "", cases[i].text);

        is(read_text(text, strlen(text), &trace, &error), CLAUDE_OK,
           "a long string: %zu", i);
        is_str(trace.tokens, cases[i].tokens, "its tokens");

        free(text);
    }
}


static void
test_allowed(void)
{
    size_t               i;
    trace_t              trace;
    claude_json_error_t  error;

    static const claude_str_t  cases[] = {
        claude_string("[\"\\u0000\"]"),
        claude_string("[\"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf"
                      "\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80\x80"
                      "\xf4\x8f\xbf\xbf\"]"),
        claude_string("[1e308,1.7976931348623157e308,1e-999,-0,0e999,"
                      "0.0e+999999999999999999]"),
        claude_string("[\"\\ufffe\\uffff\\ud834\\udd1e\"]"),
        claude_string("{\"a\":1,\"A\":2,\"a \":3,\"\":4}")
    };

    trace.stop = 0;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is(read_text(cases[i].data, cases[i].len, &trace, &error), CLAUDE_OK,
           "%.*s", (int) cases[i].len, (const char *) cases[i].data);
    }
}


static void
test_handler(void)
{
    trace_t              trace;
    claude_json_error_t  error;

    trace.stop = 3;

    is(read_text("[10, 20, x]", 11, &trace, &error), CLAUDE_DONE,
       "what the handler returns is returned");
    is(error.offset, 7, "with the end of its token");
    is_str(error.reason, NULL, "and no reason");
}


/* what one byte makes of a large text */

static char *
repeat(const char *text, size_t n, size_t *len)
{
    char    *block;
    size_t   i, size;

    size = strlen(text);
    block = malloc(n * size + 1);

    for (i = 0; i < n; i++) {
        memcpy(block + i * size, text, size);
    }

    *len = n * size;
    block[*len] = '\0';

    return block;
}


static void
expect(char *text, size_t len, claude_rc_t rc, size_t offset,
    const char *reason, const char *name)
{
    trace_t              trace;
    claude_json_error_t  error;

    trace.stop = 0;

    is(read_text(text, len, &trace, &error), rc, "%s", name);

    if (rc == CLAUDE_INVALID) {
        is(error.offset, offset, "where");
        is_str(error.reason, reason, "why");
    }

    free(text);
}


static void
test_bounds(void)
{
    char    *text;
    size_t   len;

    text = repeat("[", 300000, &len);
    expect(text, len, CLAUDE_INVALID, CLAUDE_JSON_DEPTH, "nested too deep",
           "300,000 deep");

    text = repeat("{\"a\":", 300000, &len);
    expect(text, len, CLAUDE_INVALID, 5 * CLAUDE_JSON_DEPTH,
           "nested too deep", "300,000 objects deep");

    text = repeat("[", CLAUDE_JSON_DEPTH, &len);
    text = realloc(text, 2 * len);
    memset(text + len, ']', len);
    expect(text, 2 * len, CLAUDE_OK, 0, NULL, "as deep as is allowed");

    text = repeat("1,", 500000, &len);
    text[0] = '[';
    expect(text, len, CLAUDE_INVALID, 1, BYTE, "1 MB of 1, and a comma first");

    text = repeat("1,", 500000, &len);
    expect(text, len, CLAUDE_INVALID, 1, TAIL, "1 MB of 1,");

    text = repeat("1", 309, &len);
    expect(text, len, CLAUDE_OK, 0, NULL, "309 digits");

    text = repeat("1", 310, &len);
    expect(text, len, CLAUDE_INVALID, 0, LARGE, "310 digits");

    text = repeat("0", 1000000, &len);
    memcpy(text + 1, ".", 1);
    memcpy(text + len - 9, "1e1000000", 9);
    expect(text, len, CLAUDE_OK, 0, NULL, "zeros that the exponent takes");

    text = repeat("\"", 2000000, &len);
    memset(text + 1, 'x', len - 1);
    expect(text, len, CLAUDE_INVALID, len, END, "a string without end");
}


static void
test_names(void)
{
    char    *text, *p;
    size_t   i, n, second, third;

    text = malloc(16 * (CLAUDE_JSON_NAMES + 2));

    for (n = CLAUDE_JSON_NAMES; n <= CLAUDE_JSON_NAMES + 1; n++) {
        p = text + sprintf(text, "{");

        for (i = 0; i < n; i++) {
            p += sprintf(p, "\"%zu\":0,", i);
        }

        p[-1] = '}';

        if (n == CLAUDE_JSON_NAMES) {
            expect(strdup(text), strlen(text), CLAUDE_OK, 0, NULL,
                   "as many names as are allowed");

        } else {
            p = strstr(text, "\"4096\"");
            expect(strdup(text), strlen(text), CLAUDE_INVALID,
                   (size_t) (p - text), "too many names in one object",
                   "and one more");
        }
    }

    /* many, of which some come again */

    p = text + sprintf(text, "{");

    for (i = 0; i < 1000; i++) {
        p += sprintf(p, "\"%zu\":{\"0\":0},", i);
    }

    second = (size_t) (p - text);
    p += sprintf(p, "\"700\":0,");
    third = (size_t) (p - text);
    p += sprintf(p, "\"3\":0}");

    ok(second < third, "two names twice");

    /* names are hashed anew each time, so that their order is too */

    for (i = 0; i < 8; i++) {
        expect(strdup(text), strlen(text), CLAUDE_INVALID, second, TWICE,
               "the first of them is named");
    }

    free(text);
}


static void
test_numbers(void)
{
    char      digits[406];
    size_t    i;
    double    value;
    uint64_t  n;

    static const struct {
        claude_str_t  raw;
        double        value;
    } cases[] = {
        { claude_string("0"), 0 },
        { claude_string("-0.0"), 0 },
        { claude_string("0.7"), 0.7 },
        { claude_string("1e-1"), 0.1 },
        { claude_string("-2"), -2 },
        { claude_string("0.000012345E5"), 1.2345 },
        { claude_string("100.250"), 100.25 },
        { claude_string("5e-324"), 5e-324 },
        { claude_string("123456789012345678901234567890"),
          1.2345678901234568e29 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        value = 99;
        is(claude_json_double(&cases[i].raw, -1e300, 1e300, &value), CLAUDE_OK,
           "%s", (const char *) cases[i].raw.data);
        ok(value == cases[i].value, "is %g", value);
    }

    memset(digits, '1', 400);
    strcpy(digits + 400, "e-399");
    is(claude_json_double(&(claude_str_t) { 405, (unsigned char *) digits },
                          1.1, 1.2, &value), CLAUDE_OK,
       "more digits than count");

    is(claude_json_double(&cases[2].raw, 0, 0.69, &value), CLAUDE_INVALID,
       "above the range");
    is(claude_json_double(&cases[2].raw, 0.71, 1, &value), CLAUDE_INVALID,
       "below the range");

#define number(s, max)                                                        \
    claude_json_uint(&(claude_str_t) claude_string(s), max, &n)

    is(number("0", 0), CLAUDE_OK, "0");
    is(n, 0, "is 0");
    is(number("18446744073709551615", UINT64_MAX), CLAUDE_OK, "2^64 - 1");
    ok(n == UINT64_MAX, "is that");
    is(number("18446744073709551616", UINT64_MAX), CLAUDE_INVALID, "2^64");
    is(number("10", 10), CLAUDE_OK, "the bound");
    is(number("11", 10), CLAUDE_INVALID, "above the bound");
    is(number("9", 5), CLAUDE_INVALID, "a digit above the bound");
    is(number("-1", 10), CLAUDE_INVALID, "below 0");
    is(number("1.0", 10), CLAUDE_INVALID, "a fraction");
    is(number("1e1", 10), CLAUDE_INVALID, "an exponent");
    is(number("", 10), CLAUDE_INVALID, "nothing");
}


static void
test_utf8(void)
{
    size_t         i, j, n, bad;
    unsigned char  text[40];

    static const unsigned char  tails[] = { 0x7f, 0x80, 0xbf, 0xc0 };

    bad = 0;

    for (i = 0; i < sizeof(text); i++) {
        for (j = 0; j <= i; j++) {
            memset(text, 'x', sizeof(text));
            text[j] = 0xff;
            bad += (claude_utf8_span(text, i) != ((j < i) ? j : i));
        }
    }

    is(bad, 0, "a bad byte is found wherever it stands");

    /* the fast path, which wants bytes behind a character, and the other */

    bad = 0;

    for (i = 0; i < 1 << 20; i++) {
        memset(text, 'x', sizeof(text));
        text[0] = (unsigned char) (0x80 | (i & 0x7f));
        text[1] = (unsigned char) (i >> 7);
        text[2] = tails[i >> 15 & 3];
        text[3] = tails[i >> 17 & 3];

        for (j = 0; j < 4; j += n) {
            n = claude_utf8_char(text + j, sizeof(text) - j);

            if (n == 0) {
                break;
            }
        }

        bad += (claude_utf8_span(text, sizeof(text))
                != ((j < 4) ? j : sizeof(text)));
    }

    is(bad, 0, "both ways see the same");
    is(claude_utf8_span((unsigned char *) "\xc3\xa9\xc3", 3), 2,
       "a character cut off");
}


/* yajl itself would crash without memory */

static void
test_no_memory(void)
{
#ifndef __SANITIZE_ADDRESS__
    int                   status;
    pid_t                 pid;
    char                 *text;
    size_t                len;
    trace_t               trace;
    struct rlimit         limit;
    claude_json_error_t   error;

    text = repeat("\\n", 32 << 20, &len);
    text[0] = '"';
    text[1] = ' ';
    text[len - 2] = ' ';
    text[len - 1] = '"';

    trace.stop = 0;
    trace.len = 0;
    trace.count = 0;

    pid = fork();

    if (pid == 0) {
        limit.rlim_cur = limit.rlim_max = 80 << 20;
        setrlimit(RLIMIT_AS, &limit);
        _exit((int) claude_json_read((unsigned char *) text, len, trace_token,
                                     &trace, &error));
    }

    waitpid(pid, &status, 0);
    ok(WIFEXITED(status), "no crash without memory");
    is(WEXITSTATUS(status), CLAUDE_NO_MEMORY, "but an answer");

    free(text);
#endif
}


int
main(void)
{
    test_tokens();
    test_faults();
    test_long();
    test_allowed();
    test_handler();
    test_bounds();
    test_names();
    test_numbers();
    test_utf8();
    test_no_memory();

    return done_testing();
}
