
/*
 * A chat request while it is read: internal to claude_chat_request.c and the
 * files that know its fields (claude_chat_fields.c), its tools
 * (claude_chat_tools.c), its messages (claude_chat_messages.c), their calls
 * (claude_chat_calls.c) and parts (claude_chat_content.c).
 *
 * Memory from mem, beside the body: texts of CLAUDE_OUT_LINK bytes and more
 * are linked, all else is copied with what Messages puts around it, and that
 * is at most twice the body where all its messages are of a few bytes.  100
 * bytes a message (there may be 100,000) come on top where the role stands
 * behind the content.  An image whose URI was written with escapes is copied
 * once, and so are the arguments of a call and a text file.  A conversation of
 * long texts takes a few kilobytes.
 */


#ifndef CLAUDE_CHAT_PARSE_H
#define CLAUDE_CHAT_PARSE_H


#include "claude_blocks.h"
#include "claude_chat.h"
#include "claude_tools.h"


typedef enum {
    CLAUDE_CHAT_NOBODY = 0,
    CLAUDE_CHAT_SYSTEM,
    CLAUDE_CHAT_USER,
    CLAUDE_CHAT_ASSISTANT,
    CLAUDE_CHAT_TOOL,
    CLAUDE_CHAT_FUNCTION            /* the old form of a tool's result */
} claude_chat_role_e;


typedef enum {
    CLAUDE_CHAT_PART_NONE = 0,
    CLAUDE_CHAT_PART_TEXT,
    CLAUDE_CHAT_PART_REFUSAL,
    CLAUDE_CHAT_PART_IMAGE,
    CLAUDE_CHAT_PART_AUDIO,
    CLAUDE_CHAT_PART_FILE,
    CLAUDE_CHAT_PART_UNKNOWN
} claude_chat_part_e;


/* what holds an image or a file */

typedef struct {
    claude_parse_text_t    text;        /* the URI or URL; blank is not set */
    claude_media_t         media;
    unsigned               seen:1;      /* image_url, file is there */
    unsigned               object:1;    /* and is an object */
} claude_chat_media_t;


typedef struct {
    claude_chat_part_e     type;
    claude_parse_text_t    text;
    claude_parse_text_t    refusal;
    claude_chat_media_t    image;
    claude_chat_media_t    file;
    claude_parse_text_t    filename;
    unsigned               file_id:1;
} claude_chat_part_t;


/* a call in the history */

typedef struct {
    claude_str_t           id;          /* data NULL: none */
    claude_str_t           name;
    claude_str_t           input;
    unsigned               function:1;  /* is there */
} claude_chat_call_t;


typedef struct {
    claude_chat_role_e     role;
    claude_role_e          turn;        /* before it */
    unsigned               waiting;
    size_t                 media;       /* 1 + index of the first image or
                                         * file, or 0 */
    claude_parse_text_t    refusal;
    claude_str_t           call_id;     /* data NULL: none */
    unsigned               calls;       /* that it has */
    unsigned               content_seen:1;
    unsigned               content_null:1;
} claude_chat_message_t;


typedef enum {
    CLAUDE_CHAT_FORMAT_NONE = 0,
    CLAUDE_CHAT_FORMAT_TEXT,
    CLAUDE_CHAT_FORMAT_OBJECT,
    CLAUDE_CHAT_FORMAT_SCHEMA
} claude_chat_format_e;


typedef struct {
    claude_parse_t         parse;       /* the first */

    claude_out_t           calls;       /* of the message that is read */
    claude_out_t           stops;
    claude_tools_t         tools;

    claude_chat_message_t  message;
    claude_chat_part_t     part;
    claude_chat_call_t     call;
    claude_str_t           function;    /* id of the last function_call, until
                                         * its result came */
    unsigned               nfunctions;

    size_t                 last;        /* 1 + index of the last message that
                                         * is no system message, or 0 */
    claude_chat_role_e     last_role;
    unsigned               last_blank:1;

    unsigned               has_messages:1;
    unsigned               has_stream_options:1;
    unsigned               has_json_schema:1;
    unsigned               has_format_name:1;
    unsigned               no_thinking:1;
    unsigned               nstops;

    /* the tool that is read, and which way tools are declared */
    claude_tool_t          tool;
    unsigned               tool_type:1;
    unsigned               tool_function:1;
    unsigned               has_tools:1;
    unsigned               has_functions:1;
    unsigned               choice_type:1;   /* {"type":"function"} */
    unsigned               choice_old:1;    /* function_call, not tool_choice */

    claude_chat_format_e   format;
    claude_str_t           schema;      /* raw, or of len 0 */

    uint64_t               max_tokens;
    uint64_t               max_completion_tokens;
    claude_str_t           temperature; /* as written; len 0: the default */
    claude_str_t           top_p;
    const char            *effort;      /* Anthropic's name, or NULL */

    claude_blocks_t        blocks;      /* the last */
} claude_chat_parse_t;


extern const claude_parse_place_t  claude_chat_top;
extern const claude_parse_place_t  claude_chat_messages;
extern const claude_parse_place_t  claude_chat_content;
extern const claude_parse_place_t  claude_chat_calls;
extern const claude_parse_place_t  claude_chat_function_call;


/* handlers of fields that have a file of their own */

void claude_chat_on_tools(claude_parse_t *parse,
    const claude_json_token_t *token);
void claude_chat_on_functions(claude_parse_t *parse,
    const claude_json_token_t *token);
void claude_chat_on_tool_choice(claude_parse_t *parse,
    const claude_json_token_t *token);
void claude_chat_on_function_choice(claude_parse_t *parse,
    const claude_json_token_t *token);
void claude_chat_on_format(claude_parse_t *parse,
    const claude_json_token_t *token);

/* what is wrong with tools and the choice of them as a whole, at the end;
 * 0 where something is */

unsigned claude_chat_tools_check(claude_chat_parse_t *chat);

/* a name that a function may have: len 0 and a fault where it may not */

claude_str_t claude_chat_name(claude_parse_t *parse,
    const claude_json_token_t *token);


#endif /* CLAUDE_CHAT_PARSE_H */
