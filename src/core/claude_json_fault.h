
/*
 * Where JSON that yajl has refused is at fault: yajl's own offsets point
 * before, at or behind it.
 */


#ifndef CLAUDE_JSON_FAULT_H
#define CLAUDE_JSON_FAULT_H


#include "claude_json_reader.h"


#define claude_json_space(c)                                                  \
    ((c) == ' ' || (c) == '\n' || (c) == '\t' || (c) == '\r')


/*
 * data up to end is where yajl has stopped, from the end of the last good
 * token; separator is what may follow that token before the next one, or 0.
 * error->offset is relative to data.
 */

void claude_json_fault(const unsigned char *data, const unsigned char *end,
    unsigned separator, claude_json_error_t *error);

/* the first lone surrogate among the escapes of a string, or NULL; zero: a
 * \u0000 is a fault too */

const unsigned char *claude_json_bad_escape(const claude_str_t *raw,
    unsigned zero, const char **reason);


#endif /* CLAUDE_JSON_FAULT_H */
