
/*
 * The conversation of a Messages body while it is written: the blocks of each
 * message, messages of one role joined, calls and their results by pairs.
 *
 * Raw strings (claude_parse_text_t, and claude_str_t that are said to be raw)
 * are linked or copied as they stand in the client's body, which must stay.
 */


#ifndef CLAUDE_BLOCKS_H
#define CLAUDE_BLOCKS_H


#include "claude_media.h"
#include "claude_parse.h"


typedef enum {
    CLAUDE_ROLE_UNKNOWN = 0,        /* as long as the message's isn't read */
    CLAUDE_ROLE_SYSTEM,
    CLAUDE_ROLE_USER,
    CLAUDE_ROLE_ASSISTANT
} claude_role_e;


/* calls of one turn that wait for their results */

#define CLAUDE_BLOCKS_CALLS  256

/* of an id, as Anthropic's API takes it */

#define CLAUDE_BLOCKS_ID     64


typedef struct {
    claude_request_t      *request;

    claude_out_t           system;      /* text blocks, commas between them */
    claude_out_t           messages;    /* messages, the last one still open */
    claude_out_t           held;        /* what the message that is read has
                                         * while its role isn't known */
    claude_out_t          *to;          /* where blocks go instead, or NULL */

    claude_role_e          turn;        /* of the open one in messages */
    claude_role_e          role;        /* of the message that is read */
    size_t                 count;       /* blocks written in it */
    unsigned               user:1;      /* the user has said something */

    unsigned               ncalls;
    unsigned               waiting;     /* those without a result; data of
                                         * the others is NULL */

    /* not cleared by claude_blocks_init(): most requests need none */
    claude_str_t           calls[CLAUDE_BLOCKS_CALLS];
} claude_blocks_t;


/* may be the last of a larger object, which then needn't be cleared either */

void claude_blocks_init(claude_blocks_t *blocks, claude_mem_t *mem,
    claude_request_t *request, size_t max);

/* a message begins, and its blocks follow.  Its role may be set later, or be
 * told only at its end; until then they are held. */

void claude_blocks_begin(claude_blocks_t *blocks, claude_role_e role);
void claude_blocks_end(claude_blocks_t *blocks, claude_role_e role);

/* a Messages body's begin: model, max_tokens and stream */

void claude_blocks_write_head(claude_out_t *out,
    const claude_request_t *request);

/* ,"output_config":{…} where there is an effort, or a schema, whose len is 0
 * where there is none; it is linked */

void claude_blocks_write_output(claude_out_t *out, const char *effort,
    const claude_str_t *schema);

/* adds to request->conversation a text that lies in no block */

void claude_blocks_hash(claude_blocks_t *blocks, const claude_str_t *text);

/* the conversation's end: appends ,"system":[…] where there is one, and
 * ,"messages":[…] to out */

void claude_blocks_write(claude_blocks_t *blocks, claude_out_t *out);

/* append a block.  The API refuses a text of white space: it says nothing,
 * and is left out. */

void claude_blocks_text(claude_blocks_t *blocks,
    const claude_parse_text_t *text);
void claude_blocks_image(claude_blocks_t *blocks, const claude_media_t *image);

/* title: raw, or of len 0 */

void claude_blocks_document(claude_blocks_t *blocks,
    const claude_media_t *document, const claude_str_t *title);

/* raw strings; signature may be of len 0 */

void claude_blocks_thinking(claude_blocks_t *blocks,
    const claude_str_t *thinking, const claude_str_t *signature);
void claude_blocks_redacted(claude_blocks_t *blocks, const claude_str_t *data);

/*
 * id and name as text, not raw; input is JSON: an object, or a string that
 * the client had instead of one, which goes as {"arguments":…}.  A name that
 * the API wouldn't take is the caller's to refuse: claude_blocks_name().
 */

void claude_blocks_tool_use(claude_blocks_t *blocks, const claude_str_t *id,
    const claude_str_t *name, const claude_str_t *input);

/* content: text, image and document blocks, may be empty; it is so after */

void claude_blocks_tool_result(claude_blocks_t *blocks,
    const claude_str_t *id, claude_out_t *content, unsigned is_error);

/* arguments as clients of OpenAI's write them, a string with JSON in it, to
 * an input: an object stays as it is, none at all is {}, all else goes on as
 * raw.  len 0: no memory */

claude_str_t claude_blocks_arguments(claude_parse_t *parse,
    const claude_json_token_t *token);

/* an id of [A-Za-z0-9_-]{1,64} as it is, any other by a hash: one id always
 * becomes the same, and no two do */

void claude_blocks_id(claude_out_t *out, const claude_str_t *id);

/* [A-Za-z0-9_-]{1,128} */

unsigned claude_blocks_name(const claude_str_t *name);

/*
 * Calls and results by pairs.  id, not raw, must stay.  claude_blocks_call():
 * CLAUDE_DECLINED, there is one with that id; CLAUDE_TOO_LARGE, there are
 * CLAUDE_BLOCKS_CALLS.  claude_blocks_answer(): CLAUDE_DECLINED, none waits
 * with that id.  A turn of the assistant may only begin, and the conversation
 * only end, when blocks->waiting is 0.
 */

claude_rc_t claude_blocks_call(claude_blocks_t *blocks,
    const claude_str_t *id);
claude_rc_t claude_blocks_answer(claude_blocks_t *blocks,
    const claude_str_t *id);


#endif /* CLAUDE_BLOCKS_H */
