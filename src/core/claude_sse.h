
/*
 * Server-sent events (WHATWG HTML, 9.2.6 "Interpreting an event stream"): cuts
 * a byte stream, fed in pieces of any size, into the data of its events.
 *
 * Only what the Messages API uses is kept: the data of each event.  An event
 * of several data lines gives them joined by LF; other fields and comments are
 * skipped; CR, LF and CRLF end a line; a BOM at the start is skipped.
 */


#ifndef CLAUDE_SSE_H
#define CLAUDE_SSE_H


#include "claude_core.h"


#define CLAUDE_SSE_MAX  (1024 * 1024)     /* bytes of one event's data */


typedef struct {
    claude_mem_t          *mem;

    /* an event that is not yet whole; grows to CLAUDE_SSE_MAX */
    unsigned char         *carry;
    size_t                 carried;
    size_t                 room;

    unsigned               state;
    unsigned               any:1;   /* the event has a data line */
    unsigned               cr:1;    /* the last byte was a CR */
} claude_sse_t;


void claude_sse_init(claude_sse_t *sse, claude_mem_t *mem);

/*
 * Takes bytes from *pos up to end and moves *pos on.  CLAUDE_OK: an event is
 * whole, its data in *data, valid until the next call and as long as the
 * bytes fed (it points into them where the event lay in one piece).
 * CLAUDE_AGAIN: all bytes are taken.  CLAUDE_TOO_LARGE, CLAUDE_NO_MEMORY: the
 * stream can't be read on.  An event that the stream's end cuts is never
 * given.
 */

claude_rc_t claude_sse_next(claude_sse_t *sse, const unsigned char **pos,
    const unsigned char *end, claude_str_t *data);

/* whether the next byte is the first of an event */

unsigned claude_sse_between(const claude_sse_t *sse);


#endif /* CLAUDE_SSE_H */
