
/*
 * The SSE splitter against a plain reading of the standard, line by line over
 * the whole, whatever pieces the input is fed in.  The first byte chooses the
 * pieces.
 */

#include <stdlib.h>
#include <string.h>

#include "../unit/pool.h"

#include "claude_sse.h"


/* events, each behind its length */

typedef struct {
    unsigned char   *data;
    size_t           len;
} list_t;


static void split(const unsigned char *data, size_t len, unsigned seed,
    list_t *list);
static void reference(const unsigned char *data, size_t len, list_t *list);
static size_t field(const unsigned char *line, size_t len,
    unsigned char *event, size_t size, unsigned *any);
static void add(list_t *list, const unsigned char *data, size_t len);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    list_t  got, expected;

    if (size == 0 || size > 65536) {
        return 0;
    }

    /* an event is no longer than the input, its length takes 8 bytes more
     * than the line's end that it needs */

    got.data = malloc(size * 10);
    expected.data = malloc(size * 10);
    got.len = 0;
    expected.len = 0;

    split(data + 1, size - 1, data[0], &got);
    reference(data + 1, size - 1, &expected);

    if (got.len != expected.len
        || memcmp(got.data, expected.data, got.len) != 0)
    {
        abort();
    }

    free(got.data);
    free(expected.data);

    return 0;
}


static void
split(const unsigned char *data, size_t len, unsigned seed, list_t *list)
{
    size_t                n;
    pool_t                pool;
    claude_rc_t           rc;
    claude_sse_t          sse;
    claude_str_t          event;
    unsigned char        *piece;
    const unsigned char  *p;

    pool_init(&pool, 1024 * 1024);
    claude_sse_init(&sse, &pool.mem);

    while (len) {
        seed = seed * 1103515245 + 12345;
        n = 1 + (seed >> 16) % ((seed & 0x80) ? 8 : 512);
        n = (len < n) ? len : n;

        piece = malloc(n);
        memcpy(piece, data, n);
        p = piece;

        while ((rc = claude_sse_next(&sse, &p, piece + n, &event))
               == CLAUDE_OK)
        {
            add(list, event.data, event.len);
        }

        if (rc != CLAUDE_AGAIN || p != piece + n) {
            abort();
        }

        free(piece);

        data += n;
        len -= n;
    }

    pool_free(&pool);
}


static void
reference(const unsigned char *data, size_t len, list_t *list)
{
    size_t                size;
    unsigned              any;
    unsigned char        *event;
    const unsigned char  *p, *eol, *end;

    event = malloc(len + 1);
    size = 0;
    any = 0;

    p = data;
    end = data + len;

    if (len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
        p += 3;
    }

    for ( /* void */ ; p < end; p = eol) {
        for (eol = p; eol < end && *eol != '\n' && *eol != '\r'; eol++) {
            /* void */
        }

        if (eol == end) {
            break;
        }

        if (eol == p) {
            if (any) {
                add(list, event, size);
            }

            any = 0;
            size = 0;

        } else {
            size = field(p, eol - p, event, size, &any);
        }

        eol += (*eol == '\r' && eol + 1 < end && eol[1] == '\n') ? 2 : 1;
    }

    free(event);
}


static size_t
field(const unsigned char *line, size_t len, unsigned char *event, size_t size,
    unsigned *any)
{
    if (len < 4 || memcmp(line, "data", 4) != 0 || (len > 4 && line[4] != ':'))
    {
        return size;
    }

    line += 4;
    len -= 4;

    if (len) {
        line++;
        len--;
    }

    if (len && *line == ' ') {
        line++;
        len--;
    }

    if (*any) {
        event[size++] = '\n';
    }

    *any = 1;
    memcpy(event + size, line, len);

    return size + len;
}


static void
add(list_t *list, const unsigned char *data, size_t len)
{
    memcpy(list->data + list->len, &len, sizeof(size_t));
    list->len += sizeof(size_t);

    if (len) {
        memcpy(list->data + list->len, data, len);
        list->len += len;
    }
}
