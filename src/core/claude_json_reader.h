
/*
 * A strict JSON reader (RFC 8259) over yajl's SAX interface, for input that
 * lies in memory as a whole.
 *
 * yajl tokenizes; what it lets through and RFC 8259, RFC 3629 or a careful
 * receiver does not is refused here: malformed UTF-8 (overlong forms,
 * surrogates, above U+10FFFF), lone \u surrogates, \u0000 in a name, a name
 * twice in one object, a number that is not finite in a double, nesting
 * deeper than CLAUDE_JSON_DEPTH, more than CLAUDE_JSON_NAMES names in one
 * object, bytes after the value.
 *
 * Time is linear in the input (n log n in the names of one object).  Memory is
 * bounded by depth and names (8 MB where all of them are used), and by twice
 * the longest string that has escapes; a string that the input's end cuts off
 * counts as one.  All of it is freed before claude_json_read() returns.
 */


#ifndef CLAUDE_JSON_READER_H
#define CLAUDE_JSON_READER_H


#include "claude_core.h"


#define CLAUDE_JSON_DEPTH  128
#define CLAUDE_JSON_NAMES  4096


typedef enum {
    CLAUDE_JSON_NULL = 1,
    CLAUDE_JSON_FALSE,
    CLAUDE_JSON_TRUE,
    CLAUDE_JSON_NUMBER,
    CLAUDE_JSON_STRING,
    CLAUDE_JSON_NAME,
    CLAUDE_JSON_OBJECT,             /* { */
    CLAUDE_JSON_OBJECT_END,
    CLAUDE_JSON_ARRAY,              /* [ */
    CLAUDE_JSON_ARRAY_END
} claude_json_type_e;


typedef struct {
    claude_json_type_e     type;

    /* depth of the container that the token stands in: 0 for the outermost
     * value itself, the same for a container's begin and its end */
    unsigned               depth;

    /* as it stands in the input: a string with its quotes and escapes, so
     * that it can be written out again unchanged */
    claude_str_t           raw;

    /* strings and names: the bytes that they mean, valid until the handler
     * returns (or as long as the input, where nothing was escaped);
     * numbers: the same as raw */
    claude_str_t           text;
} claude_json_token_t;


/*
 * Gets each token in order.  Anything but CLAUDE_OK ends the reading and is
 * what claude_json_read() returns.
 */

typedef claude_rc_t (*claude_json_handler_pt)(void *ctx,
    const claude_json_token_t *token);


typedef struct {
    size_t                 offset;  /* of the byte at fault */
    const char            *reason;  /* static text, never of the input;
                                     * NULL when the handler ended it */
} claude_json_error_t;


/*
 * Returns CLAUDE_OK; CLAUDE_INVALID with error filled; CLAUDE_NO_MEMORY; or
 * what the handler returned, with error->offset the end of that token.  A name
 * that comes twice in a large object is seen only at the object's end, after
 * its tokens were handled: what was read counts once CLAUDE_OK is returned.
 */

claude_rc_t claude_json_read(const unsigned char *data, size_t len,
    claude_json_handler_pt handler, void *ctx, claude_json_error_t *error);


/* length of the well-formed UTF-8 (RFC 3629) at the start of data: len where
 * all of it is */

size_t claude_utf8_span(const unsigned char *data, size_t len);

/* length of the well-formed character at p, or 0; len is at least 1 */

size_t claude_utf8_char(const unsigned char *p, size_t len);

/*
 * An unsigned integer as JSON writes it, without fraction or exponent.
 * CLAUDE_INVALID when it is of another form or above max.
 */

claude_rc_t claude_json_uint(const claude_str_t *raw, uint64_t max,
    uint64_t *value);

/* CLAUDE_INVALID when the number is not in [min, max] */

claude_rc_t claude_json_double(const claude_str_t *raw, double min,
    double max, double *value);


#endif /* CLAUDE_JSON_READER_H */
