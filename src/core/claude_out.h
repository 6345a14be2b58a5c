
/*
 * An output of many pieces: small ones are copied into chunks, large ones
 * that outlive the output are linked where they lie.
 *
 * Appending never fails at the call: the first failure (no memory, or the
 * bound reached) is kept in rc, and all that follows is ignored.  Look at rc
 * once, at the end.
 */


#ifndef CLAUDE_OUT_H
#define CLAUDE_OUT_H


#include "claude_core.h"


#define CLAUDE_OUT_LINK  1024       /* shorter slices are copied */


typedef struct claude_piece_s  claude_piece_t;

struct claude_piece_s {
    claude_str_t           str;
    claude_piece_t        *next;
};


typedef struct {
    claude_mem_t          *mem;
    claude_piece_t        *first;
    claude_piece_t        *last;
    claude_piece_t        *open;    /* the piece that ends at pos, or NULL */
    unsigned char         *pos;     /* free part of the newest chunk */
    unsigned char         *end;
    size_t                 chunk;   /* size of the next chunk; doubles */
    size_t                 size;    /* bytes in all pieces */
    size_t                 max;
    claude_rc_t            rc;      /* CLAUDE_OK, _NO_MEMORY, _TOO_LARGE */
} claude_out_t;


/* out is empty afterwards; it will hold at most max bytes */

void claude_out_init(claude_out_t *out, claude_mem_t *mem, size_t max);

/* the same with a first chunk of the caller's: no allocation while it lasts */

void claude_out_init_chunk(claude_out_t *out, claude_mem_t *mem, size_t max,
    unsigned char *chunk, size_t size);

/* appends a copy */

void claude_out_put(claude_out_t *out, const void *data, size_t len);

#define claude_out_literal(out, s)  claude_out_put(out, s, sizeof(s) - 1)

/* appends bytes that stay where they are for as long as out is used */

void claude_out_link(claude_out_t *out, const unsigned char *data, size_t len);

/* moves all pieces of from to the end of out; from is empty afterwards.  Both
 * must have the same mem. */

void claude_out_join(claude_out_t *out, claude_out_t *from);

/* whether there is nothing to join: no bytes, and no failure either */

#define claude_out_empty(out)  ((out)->first == NULL && (out)->rc == CLAUDE_OK)

/* writes all pieces to dst, which has room for out->size bytes */

void claude_out_copy(const claude_out_t *out, unsigned char *dst);


#endif /* CLAUDE_OUT_H */
