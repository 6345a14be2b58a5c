
#include "claude_out.h"

#include <stdalign.h>
#include <string.h>


#define CLAUDE_OUT_CHUNK      256
#define CLAUDE_OUT_CHUNK_MAX  65536


static void claude_out_put_parts(claude_out_t *out, const unsigned char *p,
    size_t len);
static void claude_out_absorb(claude_out_t *out, claude_out_t *from);
static unsigned claude_out_fits(claude_out_t *out, size_t len);
static claude_piece_t *claude_out_piece(claude_out_t *out);
static unsigned claude_out_more(claude_out_t *out);


void
claude_out_init(claude_out_t *out, claude_mem_t *mem, size_t max)
{
    memset(out, 0, sizeof(claude_out_t));

    out->mem = mem;
    out->max = max;
    out->chunk = CLAUDE_OUT_CHUNK;
}


void
claude_out_init_chunk(claude_out_t *out, claude_mem_t *mem, size_t max,
    unsigned char *chunk, size_t size)
{
    claude_out_init(out, mem, max);

    out->pos = chunk;
    out->end = chunk + size;
}


/* memcpy() wants data even of no bytes */

void
claude_out_put(claude_out_t *out, const void *data, size_t len)
{
    if (len == 0 || !claude_out_fits(out, len)) {
        return;
    }

    if (out->open == NULL || len > (size_t) (out->end - out->pos)) {
        claude_out_put_parts(out, data, len);
        return;
    }

    memcpy(out->pos, data, len);

    out->pos += len;
    out->open->str.len += len;
    out->size += len;
}


/* what doesn't fit into the open piece; apart, so that the usual way has no
 * registers to save for it */

static void __attribute__((noinline))
claude_out_put_parts(claude_out_t *out, const unsigned char *p, size_t len)
{
    size_t  n;

    while (len) {
        if (out->open == NULL || out->pos == out->end) {
            out->open = claude_out_piece(out);

            if (out->open == NULL) {
                return;
            }

            out->open->str.data = out->pos;
            continue;
        }

        n = (size_t) (out->end - out->pos);
        n = (len < n) ? len : n;

        memcpy(out->pos, p, n);

        out->pos += n;
        out->open->str.len += n;
        out->size += n;

        p += n;
        len -= n;
    }
}


void
claude_out_link(claude_out_t *out, const unsigned char *data, size_t len)
{
    claude_piece_t  *piece;

    if (len < CLAUDE_OUT_LINK) {
        claude_out_put(out, data, len);
        return;
    }

    if (!claude_out_fits(out, len)) {
        return;
    }

    piece = claude_out_piece(out);
    if (piece == NULL) {
        return;
    }

    piece->str.data = data;
    piece->str.len = len;

    out->open = NULL;
    out->size += len;
}


void
claude_out_join(claude_out_t *out, claude_out_t *from)
{
    if (out->rc == CLAUDE_OK && from->rc != CLAUDE_OK) {
        out->rc = from->rc;
    }

    if (from->size < CLAUDE_OUT_LINK) {
        claude_out_absorb(out, from);

    } else if (claude_out_fits(out, from->size)) {

        if (out->last == NULL) {
            out->first = from->first;

        } else {
            out->last->next = from->first;
        }

        out->last = from->last;
        out->open = NULL;
        out->size += from->size;
    }

    from->first = NULL;
    from->last = NULL;
    from->open = NULL;
    from->size = 0;
}


/* few bytes are copied, and where they lay is used again: a piece each for
 * thousands of them would take more than they do */

static void
claude_out_absorb(claude_out_t *out, claude_out_t *from)
{
    claude_piece_t  *piece;

    for (piece = from->first; piece; piece = piece->next) {
        claude_out_put(out, piece->str.data, piece->str.len);
    }

    if (from->open != NULL && from->open == from->first) {
        from->pos -= from->open->str.len;
    }
}


void
claude_out_copy(const claude_out_t *out, unsigned char *dst)
{
    const claude_piece_t  *piece;

    for (piece = out->first; piece; piece = piece->next) {
        if (piece->str.len) {
            memcpy(dst, piece->str.data, piece->str.len);
            dst += piece->str.len;
        }
    }
}


static unsigned
claude_out_fits(claude_out_t *out, size_t len)
{
    if (out->rc != CLAUDE_OK) {
        return 0;
    }

    if (len > out->max - out->size) {
        out->rc = CLAUDE_TOO_LARGE;
        return 0;
    }

    return 1;
}


/* an empty piece at the end of out, itself laid in the chunk; there is at
 * least one free byte behind it */

static claude_piece_t *
claude_out_piece(claude_out_t *out)
{
    size_t           pad;
    claude_piece_t  *piece;

    pad = -(uintptr_t) out->pos & (alignof(claude_piece_t) - 1);

    if ((size_t) (out->end - out->pos) <= pad + sizeof(claude_piece_t)) {
        if (!claude_out_more(out)) {
            return NULL;
        }

        pad = 0;
    }

    piece = (claude_piece_t *) (void *) (out->pos + pad);
    out->pos += pad + sizeof(claude_piece_t);

    piece->str.len = 0;
    piece->str.data = NULL;
    piece->next = NULL;

    if (out->last == NULL) {
        out->first = piece;

    } else {
        out->last->next = piece;
    }

    out->last = piece;

    return piece;
}


static unsigned
claude_out_more(claude_out_t *out)
{
    unsigned char  *chunk;

    chunk = claude_alloc(out->mem, out->chunk);
    if (chunk == NULL) {
        out->rc = CLAUDE_NO_MEMORY;
        return 0;
    }

    out->pos = chunk;
    out->end = chunk + out->chunk;

    if (out->chunk < CLAUDE_OUT_CHUNK_MAX) {
        out->chunk *= 2;
    }

    return 1;
}
