
/*
 * Trace contexts as W3C Trace Context, version 00, has them: the traceparent
 * of a request that came, and of the call that is made for it.
 */


#ifndef CLAUDE_TRACE_H
#define CLAUDE_TRACE_H


#include "claude_core.h"


#define CLAUDE_TRACE_LEN    55      /* 00-TRACE-SPAN-FLAGS */
#define CLAUDE_TRACE_ID     3       /* where the trace's id lies in it */
#define CLAUDE_TRACE_SPAN   36      /* and the span's */

#define CLAUDE_TRACE_ID_LEN    32
#define CLAUDE_TRACE_SPAN_LEN  16


/* random bytes of which both ids are made */

#define CLAUDE_TRACE_BYTES    ((CLAUDE_TRACE_ID_LEN + CLAUDE_TRACE_SPAN_LEN)  \
                               / 2)


/* all of it is text, and hex in lower case */

typedef struct {
    unsigned char          parent[CLAUDE_TRACE_LEN];  /* traceparent of what
                                                       * this request asks of
                                                       * others */
    unsigned char          caller[CLAUDE_TRACE_SPAN_LEN];  /* span of who
                                                            * asked, where
                                                            * taken */
    unsigned               taken;       /* the trace is the caller's */
} claude_trace_t;


/*
 * Goes on with the caller's trace in a new span, or begins a trace where the
 * caller names none: with len 0, and with anything that the specification has
 * a server ignore.  Of value no more than 56 bytes are read.  New ids are
 * made of the random bytes.
 */

void claude_trace_begin(claude_trace_t *trace, const claude_str_t *value,
    const unsigned char random[CLAUDE_TRACE_BYTES]);


#endif /* CLAUDE_TRACE_H */
