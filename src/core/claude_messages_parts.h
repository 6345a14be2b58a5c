
/*
 * What the files of the Messages dialect share: a request while it is read,
 * by claude_messages_request.c and the files that know its fields
 * (claude_messages_fields.c, claude_messages_thinking.c), its tools
 * (claude_messages_tools.c), its messages (claude_messages_turns.c), their
 * blocks (claude_messages_blocks.c) and what becomes of them
 * (claude_messages_put.c).
 *
 * Texts are passed on as they are written, escapes and all.  Everything else
 * is read and written anew: what no table names, doesn't go on.
 */


#ifndef CLAUDE_MESSAGES_PARTS_H
#define CLAUDE_MESSAGES_PARTS_H


#include "claude_messages.h"

#include "claude_blocks.h"


/* where blocks may stand: bits */

#define CLAUDE_MESSAGES_USER       (1u << CLAUDE_ROLE_USER)
#define CLAUDE_MESSAGES_ASSISTANT  (1u << CLAUDE_ROLE_ASSISTANT)
#define CLAUDE_MESSAGES_SYSTEM     (1u << CLAUDE_ROLE_SYSTEM)
#define CLAUDE_MESSAGES_RESULT     (1u << 8)     /* a tool's result */

#define CLAUDE_MESSAGES_TOKENS_MAX  10000000

/* kinds of blocks that claude_messages_kinds names, at most */

#define CLAUDE_MESSAGES_KINDS      16


/* a block's texts, in the order of claude_messages_block_fields */

typedef enum {
    CLAUDE_MESSAGES_TEXT = 0,
    CLAUDE_MESSAGES_THINKING,
    CLAUDE_MESSAGES_SIGNATURE,
    CLAUDE_MESSAGES_DATA,
    CLAUDE_MESSAGES_TITLE,
    CLAUDE_MESSAGES_CONTEXT,
    CLAUDE_MESSAGES_NAME,
    CLAUDE_MESSAGES_ID,
    CLAUDE_MESSAGES_RESULT_OF,      /* tool_use_id */
    CLAUDE_MESSAGES_TOOL_NAME,

    CLAUDE_MESSAGES_TEXTS
} claude_messages_text_e;


/* a source's, in the order of claude_messages_source_fields */

typedef enum {
    CLAUDE_MESSAGES_SOURCE_TYPE = 0,
    CLAUDE_MESSAGES_SOURCE_MEDIA,
    CLAUDE_MESSAGES_SOURCE_DATA,
    CLAUDE_MESSAGES_SOURCE_URL,

    CLAUDE_MESSAGES_SOURCES
} claude_messages_source_e;


typedef struct claude_messages_kind_s   claude_messages_kind_t;
typedef struct claude_messages_parse_s  claude_messages_parse_t;


/* a block while it is read: its type may come last */

typedef struct {
    const claude_messages_kind_t  *kind;    /* NULL: no type was read */
    claude_parse_text_t    texts[CLAUDE_MESSAGES_TEXTS];
    claude_str_t           ids[CLAUDE_MESSAGES_TEXTS];   /* the same as text,
                                                          * of some */
    claude_parse_text_t    source[CLAUDE_MESSAGES_SOURCES];
    claude_str_t           data;        /* the source's, as text */
    claude_media_t         url;         /* the source's, looked at */
    claude_str_t           input;       /* JSON; len 0: none */
    claude_parse_text_t    content;     /* of a tool_result */
    unsigned               content_type;  /* or 0: there is none */
    unsigned               source_object:1;
    unsigned               input_object:1;
    unsigned               is_error:1;
} claude_messages_block_t;


struct claude_messages_kind_s {
    claude_str_t           name;
    unsigned               where;       /* it may stand: bits */

    /* appends it to the message, or fails */
    void                 (*put)(claude_messages_parse_t *m,
                              const claude_messages_block_t *block);
};


typedef struct {
    claude_role_e          role;
    unsigned               content_seen:1;
    size_t                 first[CLAUDE_MESSAGES_KINDS];  /* 1 + index of the
                                         * first block of a kind, or 0 */
} claude_messages_message_t;


typedef struct {
    claude_parse_text_t    name;
    claude_parse_text_t    description;
    claude_str_t           schema;      /* JSON; len 0: none */
    unsigned               schema_object:1;
    unsigned               strict:1;
    unsigned               named:1;     /* name is one */
    unsigned               searches:1;  /* for tools: not needed here */
} claude_messages_tool_t;


struct claude_messages_parse_s {
    claude_parse_t         parse;       /* the first */

    claude_out_t           tools;
    claude_out_t           stops;

    claude_messages_message_t  message;

    /* the message's blocks: in a turn of the user, the API wants results of
     * tools to come first, and all of them; what comes before waits in later
     */
    claude_out_t           results;
    claude_out_t           rest;
    claude_out_t           later;

    claude_messages_block_t  block[2];
    unsigned               level;       /* 1: in a tool's result */
    claude_out_t           inner;       /* the blocks of that */

    claude_role_e          last_role;   /* of the last message */
    size_t                 nuses;       /* of tools, in this turn */

    claude_messages_tool_t tool;
    size_t                 ntools;

    unsigned               counting:1;  /* max_tokens may be missing */
    unsigned               has_messages:1;
    unsigned               has_single:1;
    unsigned               single:1;    /* disable_parallel_tool_use */
    unsigned               has_format_type:1;
    unsigned               has_choice:1;
    unsigned               has_thinking:1;
    unsigned               schema_object:1;
    size_t                 nstops;

    uint64_t               max_tokens;
    uint64_t               budget;
    claude_str_t           temperature; /* as written, or len 0 */
    claude_str_t           top_p;
    claude_str_t           top_k;
    const char            *thinking;    /* its type, or NULL */
    const char            *display;
    const char            *effort;
    const char            *choice;      /* its type, or NULL */
    claude_parse_text_t    choice_name;
    claude_str_t           schema;      /* of output_config.format */

    claude_blocks_t        blocks;      /* the last */
};


extern const claude_parse_place_t  claude_messages_top;
extern const claude_parse_place_t  claude_messages_turns;
extern const claude_parse_place_t  claude_messages_content;
extern const claude_parse_place_t  claude_messages_tools;
extern const claude_parse_place_t  claude_messages_choice;
extern const claude_parse_place_t  claude_messages_thinking;
extern const claude_parse_place_t  claude_messages_output;
extern const claude_parse_place_t  claude_messages_format;

/* a row of a table of fields; null is as if it weren't there */

#define claude_messages_field(name, type, value, reason)                      \
    { claude_string(name), claude_parse_null_or(CLAUDE_PARSE_##type), 0, 0,   \
      claude_messages_on_##value, reason }

#define claude_messages_end_of_fields  { { 0, NULL }, 0, 0, 0, NULL, NULL }


/* up to a name of len 0 */

extern const claude_messages_kind_t  claude_messages_kinds[];


/* claude_messages_tools.c: what can only be said of tools at the end, and what
 * becomes of them */

void claude_messages_finish_tools(claude_messages_parse_t *m);
void claude_messages_write_tools(claude_messages_parse_t *m,
    claude_out_t *out);

/* claude_messages_request.c: the text of token among names, up to NULL; or
 * NULL and a fault with reason */

const char *claude_messages_one_of(claude_parse_t *parse,
    const claude_json_token_t *token, const char *const *names,
    const char *reason);

/* claude_messages_put.c: a fault names the field of the block */

void claude_messages_put_text(claude_messages_parse_t *m,
    const claude_messages_block_t *block);
void claude_messages_put_image(claude_messages_parse_t *m,
    const claude_messages_block_t *block);
void claude_messages_put_document(claude_messages_parse_t *m,
    const claude_messages_block_t *block);
void claude_messages_put_thinking(claude_messages_parse_t *m,
    const claude_messages_block_t *block);
void claude_messages_put_redacted(claude_messages_parse_t *m,
    const claude_messages_block_t *block);
void claude_messages_put_tool_use(claude_messages_parse_t *m,
    const claude_messages_block_t *block);
void claude_messages_put_tool_result(claude_messages_parse_t *m,
    const claude_messages_block_t *block);
void claude_messages_put_reference(claude_messages_parse_t *m,
    const claude_messages_block_t *block);


/*
 * The input of a tool call: from holds a JSON string, with its quotes, of
 * which the text is that input; it is empty afterwards.  Appends the text to
 * out.  CLAUDE_INVALID: it is no JSON object; out is as it was.
 */

claude_rc_t claude_messages_input(claude_mem_t *mem, claude_out_t *from,
    claude_out_t *out);


#endif /* CLAUDE_MESSAGES_PARTS_H */
