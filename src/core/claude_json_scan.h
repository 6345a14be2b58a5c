
/*
 * JSON as programs write it, read without yajl: for short texts that come
 * often.  What claude_json_read() would read otherwise, or refuse, or what is
 * merely unusual, is declined; t/fuzz/fuzz_event.c holds both against each
 * other.
 */


#ifndef CLAUDE_JSON_SCAN_H
#define CLAUDE_JSON_SCAN_H


#include "claude_json_reader.h"


/*
 * CLAUDE_OK: the handler got the tokens that claude_json_read() would have
 * given it, but for the text of a string that has escapes, which is NULL.
 * Anything else: the handler has got some of them, and what it made of them is
 * to be forgotten; CLAUDE_DECLINED, or what the handler returned.
 */

claude_rc_t claude_json_scan(const unsigned char *data, size_t len,
    claude_json_handler_pt handler, void *ctx);

/*
 * Length of what can stand between the quotes of a JSON string: up to a quote,
 * a control byte, or an escape that is none.  *high is set where a byte is
 * above 0x7f: elsewhere the UTF-8 is well-formed.  *escapes counts them.
 */

size_t claude_json_scan_string(const unsigned char *p,
    const unsigned char *end, unsigned *high, unsigned *escapes);


#endif /* CLAUDE_JSON_SCAN_H */
