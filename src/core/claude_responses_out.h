
/*
 * A Responses answer while it is written: internal to claude_responses_reply.c
 * and the files that write its items and the response around them.
 *
 * All texts are gathered, streaming or not: the last events of an item, and
 * of the whole, bring them once more.
 */


#ifndef CLAUDE_RESPONSES_OUT_H
#define CLAUDE_RESPONSES_OUT_H


#include "claude_responses.h"
#include "claude_json_writer.h"


/* bytes of all texts of an answer: written four times by one piece of the
 * upstream they are still below CLAUDE_REPLY_MAX */

#define CLAUDE_RESPONSES_TEXT_MAX  (3 * 1024 * 1024)


typedef enum {
    CLAUDE_RESPONSES_NO_ITEM = 0,
    CLAUDE_RESPONSES_MESSAGE,
    CLAUDE_RESPONSES_REFUSAL,       /* a message that is one */
    CLAUDE_RESPONSES_REASONING,
    CLAUDE_RESPONSES_CALL
} claude_responses_item_e;


typedef struct {
    uint64_t               sequence;    /* of the next event */

    claude_responses_item_e item;       /* that is open, or was not closed */
    unsigned               index;       /* its output_index */
    unsigned               calls;       /* items of CALL so far */
    size_t                 gathered;    /* bytes of all texts */

    claude_out_t           text;        /* of the item: a part of a string */
    claude_out_t           signature;
    claude_str_t           call_id;     /* the same, of a call */
    claude_str_t           flat;
    unsigned               part:1;      /* its summary part was begun */
    unsigned               redacted:1;
    unsigned               bare:1;      /* the request isn't told */

    claude_out_t           output;      /* items that are done */
} claude_responses_state_t;


/* claude_responses_item.c; out NULL: only gathers */

claude_rc_t claude_responses_open(claude_reply_t *reply,
    claude_responses_item_e item, claude_out_t *out);
claude_rc_t claude_responses_delta(claude_reply_t *reply,
    const claude_str_t *text, claude_out_t *out);

/* nothing where no item is open; whole: not cut by a limit */

claude_rc_t claude_responses_close(claude_reply_t *reply, unsigned whole,
    claude_out_t *out);

/* claude_responses_object.c: the item that is open, as far as it came */

claude_rc_t claude_responses_put_item(claude_reply_t *reply,
    const char *status, claude_out_t *out);
void claude_responses_put_id(claude_reply_t *reply, claude_out_t *out);

/* the one part of its content or of its summary */

void claude_responses_put_part(claude_reply_t *reply, claude_out_t *out);

/* ,"name":… of a call, and its namespace if it has one */

void claude_responses_put_name(claude_reply_t *reply, claude_out_t *out);

/* whether the client wants to see what the model thinks */

unsigned claude_responses_shown(const claude_reply_t *reply);

/* claude_responses_document.c: the object, without the field's name */

typedef enum {
    CLAUDE_RESPONSES_BEGUN = 0,         /* in progress */
    CLAUDE_RESPONSES_ENDED,             /* as reply->stop has it */
    CLAUDE_RESPONSES_FAILED
} claude_responses_status_e;

/* fault is of FAILED; neither it nor BEGUN tells the output, and it no more
 * of the request than its model */

void claude_responses_put(claude_reply_t *reply,
    claude_responses_status_e status, const claude_fault_t *fault,
    claude_out_t *out);

/* NULL, or why the answer is not complete */

const char *claude_responses_incomplete(claude_stop_e stop);

/* what an event begins with, up to the value of sequence_number; a comma is
 * the caller's */

void claude_responses_begin(claude_reply_t *reply, const char *name,
    claude_out_t *out);

#define claude_responses_end(out)  claude_out_literal(out, "}\n\n")

/* a copy of what is gathered, which stays as it is */

void claude_responses_copy(claude_out_t *out, const claude_out_t *from);


#endif /* CLAUDE_RESPONSES_OUT_H */
