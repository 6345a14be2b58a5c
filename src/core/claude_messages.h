
/*
 * Anthropic's Messages API as a dialect.  Inside, requests and answers are of
 * its form already; what a client may send beyond that is dropped or refused
 * here, and what it gets is told anew, in its own name for the model.
 *
 * claude_messages_request.c and those beside it have the way in,
 * claude_messages_reply.c the way out, claude_messages_error.c the errors.
 *
 * https://docs.anthropic.com/en/api/messages
 */


#ifndef CLAUDE_MESSAGES_H
#define CLAUDE_MESSAGES_H


#include "claude_dialect.h"


extern const claude_dialect_t  claude_messages;

/* the same for requests to count the tokens of one: no max_tokens is needed,
 * and there is no answer */

extern const claude_dialect_t  claude_messages_count;


claude_rc_t claude_messages_request(claude_mem_t *mem,
    const unsigned char *body, size_t len, const claude_models_t *models,
    claude_out_t *out, claude_request_t *request, claude_fault_t *fault);
claude_rc_t claude_messages_count_request(claude_mem_t *mem,
    const unsigned char *body, size_t len, const claude_models_t *models,
    claude_out_t *out, claude_request_t *request, claude_fault_t *fault);

claude_rc_t claude_messages_start(claude_reply_t *reply);
claude_rc_t claude_messages_event(claude_reply_t *reply,
    const claude_event_t *event, claude_out_t *out);
claude_rc_t claude_messages_document(claude_reply_t *reply,
    claude_out_t *out);

/* {"type":"error","error":{"type":…,"message":…},"request_id":…}, on one
 * line; type is by the status, as Anthropic has it */

void claude_messages_error(const claude_fault_t *fault, claude_out_t *out);
void claude_messages_stream_error(claude_reply_t *reply,
    const claude_fault_t *fault, claude_out_t *out);

/*
 * What a request's tokens are estimated at: two for each seven bytes of all
 * that the model is to read.  Of English that is some more than it will count,
 * of code about as much.
 */

uint64_t claude_messages_estimate(const claude_request_t *request);


#endif /* CLAUDE_MESSAGES_H */
