
/*
 * A Responses request while it is read: internal to claude_responses_request.c
 * and the files that know its fields, the items of its input, their parts, and
 * its tools.
 *
 * Memory from mem, beside the body: as claude_blocks.h has it, and 200 bytes a
 * tool.
 */


#ifndef CLAUDE_RESPONSES_PARSE_H
#define CLAUDE_RESPONSES_PARSE_H


#include "claude_blocks.h"
#include "claude_responses.h"
#include "claude_tools.h"

#include <string.h>


typedef enum {
    CLAUDE_RESPONSES_ITEM_MESSAGE = 0,  /* the default, where a role is */
    CLAUDE_RESPONSES_ITEM_CALL,
    CLAUDE_RESPONSES_ITEM_OUTPUT,
    CLAUDE_RESPONSES_ITEM_REASONING,
    CLAUDE_RESPONSES_ITEM_IGNORED,
    CLAUDE_RESPONSES_ITEM_HOSTED,
    CLAUDE_RESPONSES_ITEM_REFERENCE,
    CLAUDE_RESPONSES_ITEM_UNKNOWN
} claude_responses_kind_e;


typedef struct {
    claude_responses_kind_e kind;
    claude_role_e          role;
    size_t                 media;       /* 1 + index of the first part that is
                                         * an image or a file, or 0 */
    claude_str_t           call_id;     /* data NULL: none; not raw */
    claude_str_t           name;
    claude_str_t           space;
    claude_str_t           arguments;   /* JSON; len 0: none */
    claude_str_t           sealed;      /* not raw */
    unsigned               content:1;   /* the fields are there */
    unsigned               output:1;
} claude_responses_in_t;


typedef struct {
    claude_str_t           type;        /* data NULL: none */
    claude_parse_text_t    text;
    claude_parse_text_t    refusal;
    claude_parse_text_t    title;
    claude_media_t         image;
    claude_media_t         file;
    unsigned               has_image:1; /* with a URL or data to look at */
    unsigned               has_file:1;
    unsigned               by_id:1;     /* file_id: something stored */
} claude_responses_part_t;


typedef struct claude_responses_tool_s  claude_responses_tool_t;

struct claude_responses_tool_s {
    claude_responses_tool_t *next;
    claude_responses_tool_t *inner;     /* of a namespace */
    claude_responses_tool_t **last;
    claude_str_t           type;        /* data NULL: none */
    claude_tool_t          tool;
    unsigned               many:1;      /* has tools */
    unsigned               access:1;    /* says what it may access */
};


typedef struct {
    claude_parse_t         parse;       /* the first */
    claude_responses_facts_t *facts;

    claude_responses_in_t  item;
    claude_responses_part_t part;
    claude_out_t           result;      /* blocks of a call's output */
    claude_out_t           thoughts;    /* that wait for what they led to */

    claude_tools_t         tools;
    claude_responses_tool_t outer;      /* that is read */
    claude_responses_tool_t *tool;      /* it, or one of its own */
    const unsigned char   *tools_raw;   /* where it begins in the body */

    const unsigned char   *choice_raw;
    claude_str_t           choice_type;
    claude_str_t           choice_name;
    claude_str_t           choice_space;

    claude_parse_text_t    instructions;
    const unsigned char   *format_raw;
    claude_str_t           schema;      /* raw; len 0: none */
    claude_str_t           format;      /* its type */
    claude_str_t           temperature; /* as written; len 0: the default */
    claude_str_t           top_p;
    const char            *effort;      /* Anthropic's name, or NULL */
    uint64_t               max_tokens;

    unsigned               has_input:1;
    unsigned               reasoning:1; /* some thinking was asked for */
    unsigned               no_thinking:1;

    claude_blocks_t        blocks;      /* the last */
} claude_responses_parse_t;


extern const claude_parse_place_t  claude_responses_top;
extern const claude_parse_place_t  claude_responses_input;
extern const claude_parse_place_t  claude_responses_content;
extern const claude_parse_place_t  claude_responses_output;
extern const claude_parse_place_t  claude_responses_reasoning;
extern const claude_parse_place_t  claude_responses_text;
extern const claude_parse_place_t  claude_responses_tools;
extern const claude_parse_place_t  claude_responses_choice;


/* an input that is a string */

void claude_responses_input_text(claude_responses_parse_t *self,
    const claude_json_token_t *token);

/* claude_responses_items.c: self->item is whole, and goes into the
 * conversation, which must end where the model has something to say */

void claude_responses_item_end(claude_parse_t *parse);
void claude_responses_items_end(claude_parse_t *parse);

/* one name of the tool that the model knows: its own, or the namespace and
 * it.  CLAUDE_INVALID: not of [A-Za-z0-9_-]. */

claude_rc_t claude_responses_flat(claude_mem_t *mem,
    const claude_str_t *space, const claude_str_t *name, claude_str_t *flat);

/* what is to be said of the tools once all is read */

void claude_responses_tools_end(claude_responses_parse_t *self);


#endif /* CLAUDE_RESPONSES_PARSE_H */
