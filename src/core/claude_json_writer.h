
/*
 * Writing JSON (RFC 8259) by hand into a claude_out_t: the caller writes
 * brackets, names and commas as literals, these write the values.
 */


#ifndef CLAUDE_JSON_WRITER_H
#define CLAUDE_JSON_WRITER_H


#include "claude_out.h"


/*
 * A string with its quotes.  Control bytes, '"' and '\' are escaped, DEL and
 * U+2028/2029 too, and bytes that are not well-formed UTF-8 become U+FFFD:
 * whatever comes in, the output is one valid JSON string on one line.
 */

void claude_json_put_string(claude_out_t *out, const unsigned char *text,
    size_t len);

/* the same without the quotes: a part of a string */

void claude_json_put_text(claude_out_t *out, const unsigned char *text,
    size_t len);

void claude_json_put_uint(claude_out_t *out, uint64_t value);

void claude_json_put_bool(claude_out_t *out, unsigned value);


#endif /* CLAUDE_JSON_WRITER_H */
