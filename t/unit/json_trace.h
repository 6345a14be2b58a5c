
/* What claude_json_read() makes of a text, as a line of it. */


#ifndef JSON_TRACE_H
#define JSON_TRACE_H


#include "claude_json_reader.h"

#include <stdlib.h>
#include <string.h>


/* the tokens of a text, one letter a token: names and strings as they mean,
 * then the depth of each */

typedef struct {
    char                   tokens[2048];
    size_t                 len;
    size_t                 count;
    size_t                 stop;    /* at this token, 0: at none */
} trace_t;


static void
trace_add(trace_t *trace, const void *data, size_t len)
{
    if (trace->len + len < sizeof(trace->tokens)) {
        memcpy(trace->tokens + trace->len, data, len);
        trace->len += len;
        trace->tokens[trace->len] = '\0';
    }
}


static claude_rc_t
trace_token(void *ctx, const claude_json_token_t *token)
{
    char      depth;
    trace_t  *trace;

    static const char  types[] = " zftns:{}[]";

    trace = ctx;

    trace_add(trace, &types[token->type], 1);
    depth = (char) ('0' + token->depth);
    trace_add(trace, &depth, 1);

    if (token->type >= CLAUDE_JSON_NUMBER && token->type <= CLAUDE_JSON_NAME) {
        trace_add(trace, "(", 1);
        trace_add(trace, token->text.data, token->text.len);
        trace_add(trace, "|", 1);
        trace_add(trace, token->raw.data, token->raw.len);
        trace_add(trace, ")", 1);
    }

    return (++trace->count == trace->stop) ? CLAUDE_DONE : CLAUDE_OK;
}


/* the text lies at the end of its block, so that a sanitizer sees a byte too
 * much */

static claude_rc_t
read_text(const void *text, size_t len, trace_t *trace,
    claude_json_error_t *error)
{
    claude_rc_t     rc;
    unsigned char  *block;

    block = malloc(len ? len : 1);
    memcpy(block, text, len);

    trace->len = 0;
    trace->count = 0;
    trace->tokens[0] = '\0';

    rc = claude_json_read(block, len, trace_token, trace, error);

    free(block);

    return rc;
}


#endif /* JSON_TRACE_H */
