
/*
 * OpenAI's chat completions as a dialect.  claude_chat_request.c has the way
 * in, claude_chat_reply.c the way out.
 *
 * https://platform.openai.com/docs/api-reference/chat
 */


#ifndef CLAUDE_CHAT_H
#define CLAUDE_CHAT_H


#include "claude_dialect.h"


extern const claude_dialect_t  claude_chat;


/* request->own */

typedef struct {
    unsigned               functions:1; /* calls are told the old way */
} claude_chat_facts_t;


claude_rc_t claude_chat_request(claude_mem_t *mem, const unsigned char *body,
    size_t len, const claude_models_t *models, claude_out_t *out,
    claude_request_t *request, claude_fault_t *fault);

claude_rc_t claude_chat_start(claude_reply_t *reply);
claude_rc_t claude_chat_event(claude_reply_t *reply,
    const claude_event_t *event, claude_out_t *out);
claude_rc_t claude_chat_document(claude_reply_t *reply, claude_out_t *out);
/* OpenAI's finish_reason, or NULL where stop is none that an answer may have */

const char *claude_chat_finish_reason(claude_stop_e stop);

void claude_chat_stream_error(claude_reply_t *reply,
    const claude_fault_t *fault, claude_out_t *out);


#endif /* CLAUDE_CHAT_H */
