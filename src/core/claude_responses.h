
/*
 * OpenAI's Responses as a dialect, without anything that is kept: each request
 * brings its whole conversation.
 *
 *   claude_responses_request.c   the way in
 *   claude_responses_fields.c    its fields
 *   claude_responses_settings.c  those that are objects
 *   claude_responses_tools.c
 *   claude_responses_input.c     the items of its input as they are read,
 *   claude_responses_parts.c     their parts,
 *   claude_responses_items.c     and the conversation that they make
 *   claude_responses_reply.c     the way out, event by event
 *   claude_responses_item.c      the events of one output item
 *   claude_responses_object.c    the item itself
 *   claude_responses_document.c  the response itself
 *   claude_responses_seal.c      thinking, carried as encrypted_content
 *
 * https://platform.openai.com/docs/api-reference/responses
 */


#ifndef CLAUDE_RESPONSES_H
#define CLAUDE_RESPONSES_H


#include "claude_dialect.h"


/* what a response tells of its request, each as JSON on one line; one that the
 * request did not give has len 0 */

typedef enum {
    CLAUDE_RESPONSES_INSTRUCTIONS = 0,
    CLAUDE_RESPONSES_MAX_OUTPUT_TOKENS,
    CLAUDE_RESPONSES_METADATA,
    CLAUDE_RESPONSES_PARALLEL,
    CLAUDE_RESPONSES_CACHE_KEY,
    CLAUDE_RESPONSES_EFFORT,
    CLAUDE_RESPONSES_SUMMARY,
    CLAUDE_RESPONSES_SAFETY,
    CLAUDE_RESPONSES_TEMPERATURE,
    CLAUDE_RESPONSES_FORMAT,
    CLAUDE_RESPONSES_VERBOSITY,
    CLAUDE_RESPONSES_CHOICE,
    CLAUDE_RESPONSES_TOOLS,
    CLAUDE_RESPONSES_TOP_P,
    CLAUDE_RESPONSES_USER,

    CLAUDE_RESPONSES_ECHOES
} claude_responses_echo_e;


/* a longer one is not told, since three events of a stream would bring it */

#define CLAUDE_RESPONSES_ECHO_MAX  65536


/* a tool of a namespace, and the name that the model knows it by; all of
 * [A-Za-z0-9_-] */

typedef struct claude_responses_name_s  claude_responses_name_t;

struct claude_responses_name_s {
    claude_responses_name_t *next;
    claude_str_t           flat;
    claude_str_t           space;
    claude_str_t           name;
};

#define CLAUDE_RESPONSES_NAME_MAX  64


/* request->own, or NULL where nothing was asked for */

typedef struct {
    claude_str_t           echo[CLAUDE_RESPONSES_ECHOES];
    claude_responses_name_t *names;
    unsigned               summary:1;   /* thinking is to be shown */
} claude_responses_facts_t;


extern const claude_dialect_t  claude_responses;


claude_rc_t claude_responses_request(claude_mem_t *mem,
    const unsigned char *body, size_t len, const claude_models_t *models,
    claude_out_t *out, claude_request_t *request, claude_fault_t *fault);

claude_rc_t claude_responses_start(claude_reply_t *reply);
claude_rc_t claude_responses_event(claude_reply_t *reply,
    const claude_event_t *event, claude_out_t *out);
claude_rc_t claude_responses_document(claude_reply_t *reply,
    claude_out_t *out);
void claude_responses_stream_error(claude_reply_t *reply,
    const claude_fault_t *fault, claude_out_t *out);


/*
 * A thinking block as opaque text, so that the client can bring it back:
 * "ct1." and base64url of 16 bytes of BLAKE2b and the block's texts.  It holds
 * nothing that the client may not read, and the API itself refuses thinking
 * that its signature doesn't fit; the hash tells damage from another
 * service's content.
 */

typedef struct {
    claude_str_t           thinking;    /* slices of JSON strings */
    claude_str_t           signature;
    claude_str_t           redacted;    /* data of redacted_thinking */
    unsigned               is_redacted:1;
} claude_responses_thought_t;

/* bytes of what can be unsealed: more than any answer's */

#define CLAUDE_RESPONSES_SEALED_MAX  (8 * 1024 * 1024)

/* thought's slices are without quotes */

claude_rc_t claude_responses_seal(claude_mem_t *mem,
    const claude_responses_thought_t *thought, claude_str_t *sealed);

/* thought's slices have their quotes, in memory of mem.  CLAUDE_DECLINED: not
 * from here; CLAUDE_INVALID: damaged; CLAUDE_NO_MEMORY. */

claude_rc_t claude_responses_unseal(claude_mem_t *mem,
    const claude_str_t *sealed, claude_responses_thought_t *thought);


#endif /* CLAUDE_RESPONSES_H */
