
/*
 * A chat answer on its way: internal to claude_chat_reply.c and
 * claude_chat_reply_calls.c.
 */


#ifndef CLAUDE_CHAT_REPLY_H
#define CLAUDE_CHAT_REPLY_H


#include "claude_chat.h"


#define CLAUDE_CHAT_HEAD_MAX  4096  /* bytes of a chunk before its delta */

/* text, thinking and calls of a whole answer: the document has room around
 * them */

#define CLAUDE_CHAT_TEXT_MAX  (CLAUDE_REPLY_MAX - CLAUDE_CHAT_HEAD_MAX)


/* a whole answer as it is gathered */

typedef struct {
    claude_out_t           text;
    claude_out_t           reasoning;
    claude_out_t           calls;   /* objects, commas between them; the last
                                     * is open while its block is */
    claude_out_t           refusal;
} claude_chat_whole_t;


/*
 * What all chunks of a stream begin with is written once:
 *
 *   data: {"id":…,"model":…,"choices":[{"index":0,"delta":{"content":"
 *                                     ^choices            ^delta     ^content
 *
 * so that a text delta is this, the slice, and a constant end.
 */

typedef struct {
    unsigned char         *head;
    size_t                 choices; /* length of head up to here */
    size_t                 delta;
    size_t                 content;

    claude_str_t           end;     /* of a chunk, from its text's quote on */
    claude_chat_whole_t   *whole;   /* NULL: it is streamed */

    unsigned               ncalls;  /* begun */
    unsigned               arguments:1; /* of the last one some came */
    unsigned               functions:1; /* claude_chat_facts_t */
    unsigned               refused:1;
} claude_chat_state_t;


/* appends text to what is gathered in part */

claude_rc_t claude_chat_gather(claude_chat_state_t *state,
    claude_out_t *part, const claude_str_t *text);

/* start, deltas and end of a tool_use block */

claude_rc_t claude_chat_call(claude_reply_t *reply,
    const claude_event_t *event, claude_out_t *out);
claude_rc_t claude_chat_call_end(claude_reply_t *reply, claude_out_t *out);

/* the fields of a whole answer's message, with the comma before them */

void claude_chat_calls_put(claude_reply_t *reply, claude_out_t *out);


#endif /* CLAUDE_CHAT_REPLY_H */
