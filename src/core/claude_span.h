
/*
 * How far bytes go on that need no look, sixteen at a time where the processor
 * has SSE2, as each x86-64 has.
 */


#ifndef CLAUDE_SPAN_H
#define CLAUDE_SPAN_H


#include "claude_core.h"


/*
 * Length of what can stand in a JSON string as it is: up to a control byte, a
 * quote, a backslash, or the end.  *high is set to 1 where a byte of it is
 * above 0x7f, and left alone otherwise.
 */

size_t claude_span_string(const unsigned char *p, const unsigned char *end,
    unsigned *high);

/* up to an LF, a CR, or the end */

size_t claude_span_line(const unsigned char *p, const unsigned char *end);


#endif /* CLAUDE_SPAN_H */
