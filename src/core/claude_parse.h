
/*
 * A request's body while it is read, whatever the dialect: tables of fields,
 * and a walk of the reader's tokens through them.
 *
 * The tokens walk through places: containers whose content matters.  An
 * object's place is a table of fields; what no table names is skipped.  The
 * first fault is kept and the rest only read for faults of the JSON itself,
 * which come first.
 *
 * A dialect has claude_parse_t as the first member of what it keeps itself,
 * so that its handlers get to the rest by a cast.
 */


#ifndef CLAUDE_PARSE_H
#define CLAUDE_PARSE_H


#include "claude_dialect.h"
#include "claude_json_reader.h"


#define CLAUDE_PARSE_PLACES  12


/* what a field may be */

#define CLAUDE_PARSE_NULL     (1u << CLAUDE_JSON_NULL)
#define CLAUDE_PARSE_BOOL     (1u << CLAUDE_JSON_FALSE | 1u << CLAUDE_JSON_TRUE)
#define CLAUDE_PARSE_NUMBER   (1u << CLAUDE_JSON_NUMBER)
#define CLAUDE_PARSE_INTEGER  (1u << CLAUDE_JSON_NUMBER | 1u)
#define CLAUDE_PARSE_STRING   (1u << CLAUDE_JSON_STRING)
#define CLAUDE_PARSE_OBJECT   (1u << CLAUDE_JSON_OBJECT)
#define CLAUDE_PARSE_ARRAY    (1u << CLAUDE_JSON_ARRAY)
#define CLAUDE_PARSE_ANY      (~1u)

#define claude_parse_null_or(type)  (CLAUDE_PARSE_NULL | (type))


typedef struct claude_parse_s  claude_parse_t;

typedef void (*claude_parse_value_pt)(claude_parse_t *parse,
    const claude_json_token_t *token);

typedef void (*claude_parse_end_pt)(claude_parse_t *parse);


typedef struct {
    claude_str_t           name;
    unsigned               types;
    double                 min;     /* of numbers; both 0: any */
    double                 max;
    claude_parse_value_pt  value;   /* not called for null, unless types is
                                     * _ANY; NULL: checked and ignored */
    const char            *reason;  /* what the value must be */
} claude_parse_field_t;


typedef struct {
    const claude_parse_field_t  *fields;   /* an object's, up to a name of len
                                            * 0 */
    claude_parse_value_pt        element;  /* an array's */
    claude_parse_end_pt          end;      /* may be NULL */
} claude_parse_place_t;


typedef struct {
    const claude_parse_place_t  *place;
    const claude_parse_field_t  *field;    /* the one whose name was read */
    size_t                       count;    /* elements begun */
    unsigned                     inside;   /* of an element */
} claude_parse_frame_t;


/* what a name stands for; the last row, of no name, is for any other */

typedef struct {
    claude_str_t           name;
    unsigned               value;
} claude_parse_choice_t;


/* any value where a text is expected */

typedef struct {
    claude_str_t           raw;         /* a JSON string; data NULL: none */
    unsigned               seen:1;      /* the field is there */
    unsigned               blank:1;     /* nothing but white space */
    unsigned               null:1;      /* it is null */
} claude_parse_text_t;


struct claude_parse_s {
    claude_mem_t          *mem;
    const claude_models_t *models;
    claude_request_t      *request;
    claude_fault_t        *fault;
    claude_rc_t            rc;          /* CLAUDE_OK or _NO_MEMORY */

    /* where faults have the code CLAUDE_ERR_INVALID_MESSAGES: a place that
     * is a field of the top; may be NULL */
    const claude_parse_place_t *messages;

    const claude_parse_place_t *top;

    claude_parse_frame_t   frames[CLAUDE_PARSE_PLACES];
    unsigned               nframes;
    unsigned               skip;        /* depth of a skipped container + 1 */
    claude_str_t          *capture;     /* gets the skipped container */
    const unsigned char   *at;          /* where the token that is read ends:
                                         * at a place's end, its container */

    unsigned               failed:1;
};


/*
 * Reads the whole body, an object of place top.  parse is as the caller has
 * zeroed and filled it; fault and request are emptied first.  CLAUDE_INVALID
 * with the fault; CLAUDE_NO_MEMORY.  Afterwards, what can only be said at the
 * end may still fail by claude_parse_fail(): look at failed.
 */

claude_rc_t claude_parse_read(claude_parse_t *parse,
    const claude_parse_place_t *top, const unsigned char *body, size_t len);

/* from the next token on, up to the end of the container that token begins,
 * place is asked.  A value of another type must not come here, and places
 * must not nest deeper than CLAUDE_PARSE_PLACES. */

void claude_parse_enter(claude_parse_t *parse,
    const claude_parse_place_t *place);

/* the same, of a container whose content doesn't matter: once it has ended,
 * *raw is all of it.  Of any other value *raw is that at once. */

void claude_parse_capture(claude_parse_t *parse,
    const claude_json_token_t *token, claude_str_t *raw);

/* the fault's param is the field or element that is being read, and name in
 * it where that isn't NULL; within messages, CLAUDE_ERR_MISSING, _INVALID_TYPE
 * and _INVALID_VALUE become CLAUDE_ERR_INVALID_MESSAGES */

void claude_parse_fail(claude_parse_t *parse, claude_err_e err,
    const char *name, const char *reason);

/* a field that must be absent or null */

void claude_parse_unsupported(claude_parse_t *parse,
    const claude_json_token_t *token);

/* the innermost frame, and the one around it */

#define claude_parse_frame(parse)   (&(parse)->frames[(parse)->nframes - 1])
#define claude_parse_around(parse)  (&(parse)->frames[(parse)->nframes - 2])

/* the token's text for as long as the request is used; len 0 where there is
 * no memory, which rc has then */

claude_str_t claude_parse_keep(claude_parse_t *parse,
    const claude_json_token_t *token);

/* any value as a text, which it is where raw.data isn't NULL */

void claude_parse_record(claude_parse_text_t *text,
    const claude_json_token_t *token);

unsigned claude_parse_choose(const claude_parse_choice_t *choices,
    const claude_str_t *name);

/* whether text is white space alone, as the API sees it */

unsigned claude_parse_blank(const claude_str_t *text);

/* the field "model" of every dialect; request->upstream_model.len is 0 until
 * then, and stays so with CLAUDE_ERR_MODEL */

void claude_parse_model(claude_parse_t *parse,
    const claude_json_token_t *token);

/* an effort as OpenAI names it, as Anthropic does: one of output_config, or
 * NULL, which is none at all.  CLAUDE_INVALID with the fault. */

claude_rc_t claude_parse_effort(claude_parse_t *parse,
    const claude_json_token_t *token, const char **effort);

#define claude_parse_is(str, s)                                               \
    ((str)->len == sizeof(s) - 1 && memcmp((str)->data, s, sizeof(s) - 1) == 0)


#endif /* CLAUDE_PARSE_H */
