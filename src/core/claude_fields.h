
/*
 * A flat JSON object read into a structure, by a table of its names.  What
 * the lines of the key log share.
 */


#ifndef CLAUDE_FIELDS_H
#define CLAUDE_FIELDS_H


#include "claude_json_reader.h"


#define CLAUDE_FIELDS_MAX      30
#define CLAUDE_FIELDS_UNKNOWN  (1u << 31)   /* a name that is not in a table */


/* puts a value into dst; returns NULL, or static text that says what is wrong
 * with it.  A nested value is a token of its opening bracket; where that is
 * taken, all of its further tokens follow, up to its closing one or the first
 * that is wrong. */

typedef const char *(*claude_field_pt)(void *dst,
    const claude_json_token_t *value);


typedef struct {
    claude_str_t           name;
    claude_field_pt        read;
} claude_field_t;


/*
 * Reads the line.  *seen has the bit of each name of the table that is there,
 * CLAUDE_FIELDS_UNKNOWN where others are; *reason is the first fault of a
 * value, or NULL, and doesn't end the reading: a header of a later version may
 * differ in more than its version.  CLAUDE_INVALID with *reason when the line
 * is no JSON object; CLAUDE_NO_MEMORY.
 */

claude_rc_t claude_fields_read(const claude_str_t *line,
    const claude_field_t *fields, unsigned n, void *dst, uint32_t *seen,
    const char **reason);

/*
 * A line as programs write it, with names of the table alone, without yajl.
 * CLAUDE_OK: *seen and dst are as claude_fields_read() leaves them, which finds
 * no fault.  Any other line, good or bad, is CLAUDE_DECLINED, and what dst got
 * is to be forgotten.
 */

claude_rc_t claude_fields_scan(const claude_str_t *line,
    const claude_field_t *fields, unsigned n, void *dst, uint32_t *seen);


/* values, each 1 where it is of that form; the first: this literal */

#define claude_field_is(value, literal)                                       \
    claude_field_equals(value, literal, sizeof(literal) - 1)

unsigned claude_field_equals(const claude_json_token_t *value,
    const char *text, size_t len);

/* exactly len bytes as lower-case hexadecimal digits */

unsigned claude_field_hex(const claude_json_token_t *value,
    unsigned char *dst, size_t len);

/* base64 (RFC 4648, padded) of at most size bytes */

unsigned claude_field_base64(const claude_json_token_t *value,
    unsigned char *dst, size_t size, size_t *len);

/* a time, or null as 0 */

unsigned claude_field_time(const claude_json_token_t *value, int64_t *time);


#endif /* CLAUDE_FIELDS_H */
