
/* What the escapes of a JSON string stand for. */


#ifndef CLAUDE_JSON_UNESCAPE_H
#define CLAUDE_JSON_UNESCAPE_H


#include "claude_core.h"


/*
 * Writes what the text between a string's quotes means, which is shorter than
 * the text itself, and returns its length.  All of its escapes are good, and
 * surrogates come in pairs, as claude_json_scan_string() finds them.  dst has
 * room for text->len bytes.
 */

size_t claude_json_unescape(const claude_str_t *text, unsigned char *dst);


#endif /* CLAUDE_JSON_UNESCAPE_H */
