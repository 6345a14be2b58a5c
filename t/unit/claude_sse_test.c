
/* the SSE splitter: every input whole, cut in two at each byte, and byte by
 * byte must give the same events */

#include "tap.h"
#include "pool.h"

#include "claude_sse.h"


#define MiB  (1024 * 1024)


/* what came out: each event's data in brackets, then the last result */

typedef struct {
    char            text[4096];
    size_t          len;
    claude_rc_t     rc;
} result_t;


typedef struct {
    const char     *name;
    claude_str_t    input;
    claude_str_t    expected;
} split_t;


static void splits(void);
static void zero_copy(void);
static void bounds(void);
static void reuse(void);
static void no_memory(void);
static void feed(claude_sse_t *sse, const unsigned char *data, size_t len,
    result_t *result);
static size_t strspn_x(const claude_str_t *str);
static size_t feed_size(claude_sse_t *sse, size_t piece, size_t size,
    claude_rc_t *rc);


static const split_t  split_table[] = {
    { "nothing", claude_string(""), claude_string("") },
    { "one event", claude_string("data: a\n\n"), claude_string("[a]") },
    { "two events", claude_string("data: a\n\ndata: bc\n\n"),
      claude_string("[a][bc]") },
    { "no space after the colon", claude_string("data:a\n\n"),
      claude_string("[a]") },
    { "one space only is taken off", claude_string("data:  a\n\n"),
      claude_string("[ a]") },
    { "event lines and others are skipped",
      claude_string("event: x\nid: 1\ndata: a\nretry: 5\nfoo\n\n"),
      claude_string("[a]") },
    { "comments are skipped", claude_string(": ping\n\n:\n\ndata: a\n: b\n\n"),
      claude_string("[a]") },
    { "names that begin like data",
      claude_string("dat: 1\ndatax: 2\nd\nDATA: 3\n data: 4\ndata : 5\n"
                    "data: a\n\n"),
      claude_string("[a]") },
    { "data lines are joined by LF",
      claude_string("data: a\ndata: b\ndata:\ndata: c\n\n"),
      claude_string("[a\nb\n\nc]") },
    { "empty data lines first", claude_string("data:\ndata: a\n\n"),
      claude_string("[\na]") },
    { "empty data", claude_string("data:\n\ndata: \n\ndata\n\n"),
      claude_string("[][][]") },
    { "a name without a colon joins too",
      claude_string("data: a\ndata\ndata: b\n\n"), claude_string("[a\n\nb]") },
    { "empty lines give nothing", claude_string("\n\n\n\ndata: a\n\n\n\n"),
      claude_string("[a]") },
    { "CRLF", claude_string("event: x\r\ndata: a\r\ndata: b\r\n\r\n"
                            "data: c\r\n\r\n"),
      claude_string("[a\nb][c]") },
    { "CR", claude_string("event: x\rdata: a\rdata: b\r\rdata: c\r\r"),
      claude_string("[a\nb][c]") },
    { "CR, LF and CRLF mixed", claude_string("data: a\r\rdata: b\n\r\n"
                                             "data: c\r\n\ndata: d\r\n\r"),
      claude_string("[a][b][c][d]") },
    { "LF CR is two ends", claude_string("data: a\n\rdata: b\n\n"),
      claude_string("[a][b]") },
    { "a CR in a value ends it", claude_string("data: a\rb\n\n"),
      claude_string("[a]") },
    { "NUL is data", claude_string("data: a\0b\n\n"),
      claude_string("[a\0b]") },
    { "NUL in a name", claude_string("da\0ta: a\n\0\n\ndata: b\n\n"),
      claude_string("[b]") },
    { "any byte is data", claude_string("data: \x01\xff\xc3\x28\x7f\n\n"),
      claude_string("[\x01\xff\xc3\x28\x7f]") },
    { "a BOM at the start", claude_string("\xef\xbb\xbf" "data: a\n\n"),
      claude_string("[a]") },
    { "a BOM is skipped once",
      claude_string("\xef\xbb\xbf\xef\xbb\xbf" "data: a\n\ndata: b\n\n"),
      claude_string("[b]") },
    { "a BOM later is a name's",
      claude_string("data: a\n\n\xef\xbb\xbf" "data: b\n\n"),
      claude_string("[a]") },
    { "half a BOM", claude_string("\xef\xbb" "data: a\n\ndata: b\n\n"),
      claude_string("[b]") },
    { "a third of a BOM", claude_string("\xef\ndata: b\n\n"),
      claude_string("[b]") },
    { "half a BOM and a letter",
      claude_string("\xef\xbb" "xdata: a\n\ndata: b\n\n"),
      claude_string("[b]") },
    { "a third of a BOM and a letter",
      claude_string("\xef" "x\xbf" "data: a\n\ndata: b\n\n"),
      claude_string("[b]") },
    { "a BOM and a line's end", claude_string("\xef\xbb\xbf\ndata: b\n\n"),
      claude_string("[b]") },
    { "cut in the event", claude_string("data: a\n\ndata: b\n"),
      claude_string("[a]") },
    { "cut in the line", claude_string("data: a\n\ndata: b"),
      claude_string("[a]") },
    { "colons in a value", claude_string("data: data: a: b\n\n"),
      claude_string("[data: a: b]") }
};


int
main(void)
{
    splits();
    zero_copy();
    bounds();
    reuse();
    no_memory();

    return done_testing();
}


static void
splits(void)
{
    int                   same;
    size_t                cut, i, n;
    pool_t                pool;
    result_t              result;
    claude_sse_t          sse;
    const split_t        *t;
    const unsigned char  *p;

    for (n = 0; n < sizeof(split_table) / sizeof(split_t); n++) {
        t = &split_table[n];
        p = t->input.data;
        same = 1;

        for (cut = 0; cut <= t->input.len + 1; cut++) {
            pool_init(&pool, MiB);
            claude_sse_init(&sse, &pool.mem);
            memset(&result, 0, sizeof(result_t));

            if (cut <= t->input.len) {
                feed(&sse, p, cut, &result);
                feed(&sse, p + cut, t->input.len - cut, &result);

            } else {
                for (i = 0; i < t->input.len; i++) {
                    feed(&sse, p + i, 1, &result);
                }
            }

            pool_free(&pool);

            if (result.len != t->expected.len
                || memcmp(result.text, t->expected.data, result.len) != 0
                || (t->input.len && result.rc != CLAUDE_AGAIN))
            {
                same = 0;
                note("cut at %zu", cut);
                break;
            }
        }

        if (!ok(same, "%s", t->name)) {
            tap_bytes("       got", result.text, result.len);
            tap_bytes("  expected", t->expected.data, t->expected.len);
        }
    }
}


/* a piece is copied first to a buffer of its own size, so that a sanitizer
 * sees a read behind it */

static void
feed(claude_sse_t *sse, const unsigned char *data, size_t len,
    result_t *result)
{
    claude_str_t          event;
    unsigned char        *piece;
    const unsigned char  *p;

    piece = malloc(len ? len : 1);
    memcpy(piece, data, len);

    p = piece;

    while ((result->rc = claude_sse_next(sse, &p, piece + len, &event))
           == CLAUDE_OK)
    {
        result->text[result->len++] = '[';

        if (event.len) {
            memcpy(result->text + result->len, event.data, event.len);
        }

        result->len += event.len;
        result->text[result->len++] = ']';
    }

    if (p != piece + len) {
        result->rc = CLAUDE_INVALID;
    }

    free(piece);
}


static void
zero_copy(void)
{
    pool_t                pool;
    claude_str_t          event;
    claude_sse_t          sse;
    const unsigned char  *p, *end;

    static const unsigned char  input[] = "event: x\ndata: one\n\n"
                                          "event: y\ndata: two\n\n";

    pool_init(&pool, 0);
    claude_sse_init(&sse, &pool.mem);

    p = input;
    end = input + sizeof(input) - 1;

    is(claude_sse_next(&sse, &p, end, &event), CLAUDE_OK,
       "an event in one piece needs no memory");
    ok(event.data == input + 15, "its data lies in the bytes fed");
    ok(p == input + 20, "*pos stands behind it");

    is(claude_sse_next(&sse, &p, end, &event), CLAUDE_OK, "the second too");
    ok(event.data == input + 35, "its data lies in the bytes fed");

    is(claude_sse_next(&sse, &p, end, &event), CLAUDE_AGAIN, "no third");

    pool_free(&pool);
}


static size_t
strspn_x(const claude_str_t *str)
{
    size_t  n;

    for (n = 0; n < str->len && str->data[n] == 'x'; n++) {
        /* void */
    }

    return n;
}


/* "data: ", size bytes, and the end, in pieces; returns the event's length */

static size_t
feed_size(claude_sse_t *sse, size_t piece, size_t size, claude_rc_t *rc)
{
    size_t                i, len, n, got;
    claude_str_t          event;
    unsigned char        *buf;
    const unsigned char  *p;

    len = size + 8;
    buf = malloc(len);

    memset(buf, 'x', len);
    memcpy(buf, "data: ", 6);
    memcpy(buf + len - 2, "\n\n", 2);

    got = 0;
    *rc = CLAUDE_AGAIN;

    for (i = 0; i < len && *rc == CLAUDE_AGAIN; i += n) {
        n = (len - i < piece) ? len - i : piece;
        p = buf + i;
        *rc = claude_sse_next(sse, &p, buf + i + n, &event);

        if (*rc == CLAUDE_OK && event.len == strspn_x(&event)) {
            got = event.len;
        }
    }

    free(buf);

    return got;
}


static void
bounds(void)
{
    size_t                i, len;
    pool_t                pool;
    claude_rc_t           rc;
    claude_str_t          event;
    claude_sse_t          sse;
    unsigned char        *buf;
    const unsigned char  *p;

    static const size_t  pieces[] = { 1, 1000, 4096, 65536, 16 * MiB };

    for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        pool_init(&pool, 16 * MiB);

        claude_sse_init(&sse, &pool.mem);
        len = feed_size(&sse, pieces[i], CLAUDE_SSE_MAX, &rc);
        ok(rc == CLAUDE_OK && len == CLAUDE_SSE_MAX,
           "the largest event, in pieces of %zu", pieces[i]);
        ok(pool.used <= 2 * CLAUDE_SSE_MAX, "%zu bytes of memory", pool.used);

        claude_sse_init(&sse, &pool.mem);
        feed_size(&sse, pieces[i], CLAUDE_SSE_MAX + 1, &rc);
        is(rc, CLAUDE_TOO_LARGE, "one byte more, in pieces of %zu", pieces[i]);

        pool_free(&pool);
        pool_init(&pool, 16 * MiB);

        claude_sse_init(&sse, &pool.mem);
        feed_size(&sse, pieces[i], 10 * MiB, &rc);
        is(rc, CLAUDE_TOO_LARGE, "a line of 10 MB, in pieces of %zu",
           pieces[i]);
        ok(pool.used <= 2 * CLAUDE_SSE_MAX, "%zu bytes of memory", pool.used);

        pool_free(&pool);
    }

    pool_init(&pool, 0);
    claude_sse_init(&sse, &pool.mem);

    len = 10 * MiB;
    buf = malloc(len);
    memset(buf, ':', len);
    memcpy(buf + len - 10, "\ndata: a\n\n", 10);
    p = buf;

    is(claude_sse_next(&sse, &p, buf + len, &event), CLAUDE_OK,
       "a comment of 10 MB costs no memory");
    is_mem(event.data, event.len, "a", 1, "the event after it");

    free(buf);
    pool_free(&pool);

    pool_init(&pool, 16 * MiB);
    claude_sse_init(&sse, &pool.mem);
    rc = CLAUDE_AGAIN;

    for (i = 0; i < 2 * MiB && rc == CLAUDE_AGAIN; i++) {
        p = (const unsigned char *) "data\n";
        rc = claude_sse_next(&sse, &p, p + 5, &event);
    }

    is(rc, CLAUDE_TOO_LARGE, "empty data lines without end");
    is(i, CLAUDE_SSE_MAX + 2, "their line feeds are counted");

    pool_free(&pool);
}


static void
reuse(void)
{
    size_t        i, used;
    pool_t        pool;
    claude_rc_t   rc;
    claude_sse_t  sse;

    pool_init(&pool, 16 * MiB);
    claude_sse_init(&sse, &pool.mem);

    feed_size(&sse, 100, 10000, &rc);
    used = pool.used;

    for (i = 0; i < 100; i++) {
        feed_size(&sse, 100, 10000, &rc);
    }

    is(pool.used, used, "later events use the memory of the first");

    pool_free(&pool);
}


static void
no_memory(void)
{
    pool_t        pool;
    claude_rc_t   rc;
    claude_sse_t  sse;

    pool_init(&pool, 5000);
    claude_sse_init(&sse, &pool.mem);

    feed_size(&sse, 100, 3000, &rc);
    is(rc, CLAUDE_OK, "an event that the memory suffices for");

    feed_size(&sse, 100, 5000, &rc);
    is(rc, CLAUDE_NO_MEMORY, "one that it doesn't");

    pool_free(&pool);
}
