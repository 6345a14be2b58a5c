
/*
 * A chat request while it is read: internal to claude_chat_request.c and the
 * files that know its fields (claude_chat_fields.c), its messages
 * (claude_chat_messages.c), their parts (claude_chat_content.c), images
 * (claude_chat_image.c) and what becomes of them (claude_chat_blocks.c).
 *
 * The reader's tokens walk through places: containers whose content matters.
 * An object's place is a table of fields; what no table names is skipped.
 * The first fault is kept and the rest only read for faults of the JSON
 * itself, which come first.
 *
 * Memory from mem, beside the body: texts of CLAUDE_OUT_LINK bytes and more
 * are linked, all else is copied with what Messages puts around it, and that
 * is at most twice the body where all its messages are of a few bytes.  100
 * bytes a message (there may be 100,000) come on top where the role stands
 * behind the content.  An image whose URI was written with escapes is copied
 * once.  A conversation of long texts takes a few kilobytes.
 */


#ifndef CLAUDE_CHAT_PARSE_H
#define CLAUDE_CHAT_PARSE_H


#include "claude_dialect.h"
#include "claude_json_reader.h"

#include <sodium.h>


#define CLAUDE_CHAT_PLACES  8
#define CLAUDE_CHAT_HTTPS   "https://"


/* what a field may be */

#define CLAUDE_CHAT_NULL     (1u << CLAUDE_JSON_NULL)
#define CLAUDE_CHAT_BOOL     (1u << CLAUDE_JSON_FALSE | 1u << CLAUDE_JSON_TRUE)
#define CLAUDE_CHAT_NUMBER   (1u << CLAUDE_JSON_NUMBER)
#define CLAUDE_CHAT_INTEGER  (1u << CLAUDE_JSON_NUMBER | 1u)
#define CLAUDE_CHAT_STRING   (1u << CLAUDE_JSON_STRING)
#define CLAUDE_CHAT_OBJECT   (1u << CLAUDE_JSON_OBJECT)
#define CLAUDE_CHAT_ARRAY    (1u << CLAUDE_JSON_ARRAY)
#define CLAUDE_CHAT_ANY      (~1u)


typedef struct claude_chat_parse_s  claude_chat_parse_t;

typedef void (*claude_chat_value_pt)(claude_chat_parse_t *chat,
    const claude_json_token_t *token);

typedef void (*claude_chat_end_pt)(claude_chat_parse_t *chat);


typedef struct {
    claude_str_t           name;
    unsigned               types;
    double                 min;     /* of numbers; both 0: any */
    double                 max;
    claude_chat_value_pt   value;   /* not called for null, unless types is
                                     * _ANY; NULL: checked and ignored */
    const char            *reason;  /* what the value must be */
} claude_chat_field_t;


typedef struct {
    const claude_chat_field_t  *fields;   /* an object's, up to a name of len
                                           * 0 */
    claude_chat_value_pt        element;  /* an array's */
    claude_chat_end_pt          end;      /* may be NULL */
} claude_chat_place_t;


typedef struct {
    const claude_chat_place_t  *place;
    const claude_chat_field_t  *field;    /* the one whose name was read */
    size_t                      count;    /* elements begun */
    unsigned                    inside;   /* of an element */
} claude_chat_frame_t;


typedef enum {
    CLAUDE_CHAT_NOBODY = 0,
    CLAUDE_CHAT_SYSTEM,
    CLAUDE_CHAT_USER,
    CLAUDE_CHAT_ASSISTANT
} claude_chat_role_e;


/* an image URL that was looked at: as Messages wants it, or at fault */

typedef struct {
    const char            *media_type;  /* of base64 data, NULL: a URL */
    claude_str_t           data;        /* base64, or what follows
                                         * CLAUDE_CHAT_HTTPS: no escaping */
    const char            *reason;      /* the fault, or NULL */
} claude_chat_image_t;


typedef enum {
    CLAUDE_CHAT_PART_NONE = 0,
    CLAUDE_CHAT_PART_TEXT,
    CLAUDE_CHAT_PART_REFUSAL,
    CLAUDE_CHAT_PART_IMAGE,
    CLAUDE_CHAT_PART_AUDIO,
    CLAUDE_CHAT_PART_FILE,
    CLAUDE_CHAT_PART_UNKNOWN
} claude_chat_part_e;


typedef struct {
    claude_str_t           raw;         /* a JSON string; data NULL: none */
    unsigned               seen:1;      /* the field is there */
    unsigned               blank:1;     /* nothing but white space */
} claude_chat_text_t;


typedef struct {
    claude_chat_part_e     type;
    claude_chat_text_t     text;
    claude_chat_text_t     refusal;
    claude_chat_text_t     url;         /* blank is not set */
    claude_chat_image_t    image;
    unsigned               image_seen:1;    /* image_url is there */
    unsigned               image_object:1;  /* and is an object */
} claude_chat_part_t;


typedef struct {
    claude_chat_role_e     role;
    size_t                 blocks;      /* written */
    size_t                 image;       /* 1 + index of the first image, or
                                         * 0 */
    claude_chat_text_t     refusal;
    unsigned               content_seen:1;
    unsigned               content_null:1;
} claude_chat_message_t;


struct claude_chat_parse_s {
    claude_mem_t          *mem;
    const claude_models_t *models;
    claude_request_t      *request;
    claude_fault_t        *fault;
    claude_rc_t            rc;          /* CLAUDE_OK or _NO_MEMORY */

    claude_chat_frame_t    frames[CLAUDE_CHAT_PLACES];
    unsigned               nframes;
    unsigned               skip;        /* depth of a skipped container + 1 */

    /* content blocks, without the brackets around them; held are those of a
     * message whose role isn't known yet */
    claude_out_t           system;
    claude_out_t           messages;
    claude_out_t           held;
    claude_out_t           stops;

    claude_chat_role_e     turn;        /* whose message is open in messages */
    claude_chat_message_t  message;
    claude_chat_part_t     part;

    size_t                 last;        /* 1 + index of the last message that
                                         * is no system message, or 0 */
    claude_chat_role_e     last_role;
    unsigned               last_blank:1;
    unsigned               user:1;      /* one had a message */

    unsigned               failed:1;
    unsigned               has_model:1;
    unsigned               has_messages:1;
    unsigned               has_stream_options:1;
    unsigned               has_format_type:1;
    unsigned               no_thinking:1;
    unsigned               nstops;

    uint64_t               max_tokens;
    uint64_t               max_completion_tokens;
    claude_str_t           temperature; /* as written; len 0: the default */
    claude_str_t           top_p;
    const char            *effort;      /* Anthropic's name, or NULL */

    crypto_generichash_state  hash;
};


extern const claude_chat_place_t  claude_chat_top;
extern const claude_chat_place_t  claude_chat_messages;
extern const claude_chat_place_t  claude_chat_content;
extern const claude_chat_place_t  claude_chat_tools;


/* from the next token on, up to the end of the container that token begins,
 * place is asked */

void claude_chat_enter(claude_chat_parse_t *chat,
    const claude_chat_place_t *place);

/* the fault's param is the field or element that is being read, and name in
 * it where that isn't NULL; within messages, CLAUDE_ERR_MISSING, _INVALID_TYPE
 * and _INVALID_VALUE become CLAUDE_ERR_INVALID_MESSAGES */

void claude_chat_fail(claude_chat_parse_t *chat, claude_err_e err,
    const char *name, const char *reason);

/* a field that must be absent or null */

void claude_chat_unsupported(claude_chat_parse_t *chat,
    const claude_json_token_t *token);

/* the token's text for as long as the request is used; len 0 where there is
 * no memory, which rc has then */

claude_str_t claude_chat_keep(claude_chat_parse_t *chat,
    const claude_json_token_t *token);

/* any value as a text, which it is where raw.data isn't NULL */

void claude_chat_record(claude_chat_text_t *text,
    const claude_json_token_t *token);

/* append a content block to the message that is being read.  The API refuses
 * a text of white space: it says nothing, and is left out. */

void claude_chat_put_text(claude_chat_parse_t *chat,
    const claude_chat_text_t *text);
void claude_chat_put_image(claude_chat_parse_t *chat,
    const claude_chat_image_t *image);

/* where the blocks of role go, with all that comes before the next one
 * written */

claude_out_t *claude_chat_open(claude_chat_parse_t *chat,
    claude_chat_role_e role);

/* whether text is white space alone, as the API sees it */

unsigned claude_chat_blank(const claude_str_t *text);

/* looks at the text of token, an image_url.url */

void claude_chat_image(claude_chat_parse_t *chat,
    const claude_json_token_t *token, claude_chat_image_t *image);

#define claude_chat_is(str, s)                                                \
    ((str)->len == sizeof(s) - 1 && memcmp((str)->data, s, sizeof(s) - 1) == 0)


#endif /* CLAUDE_CHAT_PARSE_H */
