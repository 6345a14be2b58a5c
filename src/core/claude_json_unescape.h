
/* JSON strings that are found before yajl comes to them, and escapes. */


#ifndef CLAUDE_JSON_UNESCAPE_H
#define CLAUDE_JSON_UNESCAPE_H


#include "claude_core.h"


/*
 * Length of the string that begins at quote, with its quotes, or 0 where it is
 * at fault or cut; UTF-8 is not looked at.  *escapes counts them.
 */

size_t claude_json_string(const unsigned char *quote,
    const unsigned char *end, unsigned *escapes);

/*
 * Writes what the text between a string's quotes means, which is shorter than
 * the text itself, and returns its length.  All of its escapes are good, and
 * surrogates come in pairs, as claude_json_string() finds them.  dst has room
 * for text->len bytes.
 */

size_t claude_json_unescape(const claude_str_t *text, unsigned char *dst);

/* what four hexadecimal digits mean, which were found to be such */

unsigned claude_json_unit(const unsigned char *p);


#endif /* CLAUDE_JSON_UNESCAPE_H */
