
/*
 * What the bridge says of itself, for the admin's status and for metrics.
 */


#ifndef NGX_HTTP_CLAUDE_BRIDGE_H
#define NGX_HTTP_CLAUDE_BRIDGE_H


#include "ngx_http_claude.h"


#define NGX_HTTP_CLAUDE_BRIDGE_WORD  32     /* bytes of its status */


/* numbers are -1 where it doesn't say them */

typedef struct {
    unsigned                   reachable:1;
    unsigned                   has_ready:1;
    unsigned                   ready:1;
    size_t                     status_len;  /* 0: it says nothing */
    u_char                     status[NGX_HTTP_CLAUDE_BRIDGE_WORD];
    int64_t                    parked;
    int64_t                    busy;
    int64_t                    starting;
    int64_t                    kept;
    int64_t                    queue;
    int64_t                    refused;     /* these since it was started */
    int64_t                    starts;
    int64_t                    failed_starts;
    int64_t                    continued;
} ngx_http_claude_bridge_t;


/* of a bridge that was not asked, or says nothing */

extern const ngx_http_claude_bridge_t  ngx_http_claude_bridge_none;

/* asks the location's upstream; ctx->report is called when there is an answer
 * or none.  As a content handler: NGX_DONE, or a status. */

ngx_int_t ngx_http_claude_bridge_ask(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);

/* in the report: what the answer says.  What can't be read is not said. */

void ngx_http_claude_bridge_read(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, claude_err_e failure,
    ngx_http_claude_bridge_t *bridge);


#endif /* NGX_HTTP_CLAUDE_BRIDGE_H */
