
/*
 * The calls of the public API: which one a request is, and who answers those
 * that are none of a model.  Comes with ngx_http_claude.h.
 */


#ifndef NGX_HTTP_CLAUDE_ROUTE_H
#define NGX_HTTP_CLAUDE_ROUTE_H


/* what a request counts as; a table in shared memory has these numbers */

typedef enum {
    NGX_HTTP_CLAUDE_ROUTE_NONE = 0,
    NGX_HTTP_CLAUDE_ROUTE_CHAT,
    NGX_HTTP_CLAUDE_ROUTE_RESPONSES,
    NGX_HTTP_CLAUDE_ROUTE_MESSAGES,
    NGX_HTTP_CLAUDE_ROUTE_COUNT_TOKENS,
    NGX_HTTP_CLAUDE_ROUTE_MODELS,
    NGX_HTTP_CLAUDE_ROUTE_HEALTH,
    NGX_HTTP_CLAUDE_ROUTE_ADMIN,            /* whatever is below it */
    NGX_HTTP_CLAUDE_ROUTE_GUARDED,          /* another content handler's */

    NGX_HTTP_CLAUDE_ROUTES
} ngx_http_claude_route_e;


struct ngx_http_claude_route_s {
    ngx_str_t                  path;        /* below the location */
    ngx_uint_t                 prefix;      /* path is followed by a name */
    ngx_uint_t                 methods;     /* NGX_HTTP_… that it takes */
    ngx_str_t                  allow;       /* the same for people */
    ngx_uint_t                 open;        /* needs no key */
    const claude_dialect_t    *dialect;     /* of a model call, or NULL */
    ngx_int_t                (*handler)(ngx_http_request_t *r,
                                   ngx_http_claude_ctx_t *ctx);
    ngx_http_claude_route_e    counted;
};


/* ngx_http_claude_route.c */

const ngx_http_claude_route_t *ngx_http_claude_find_route(
    ngx_http_request_t *r);
ngx_int_t ngx_http_claude_content_handler(ngx_http_request_t *r);

/* what follows the location's path in the URI, without a leading slash */

ngx_str_t ngx_http_claude_path(ngx_http_request_t *r);

/* the dialect of an error before the route, or without one */

const claude_dialect_t *ngx_http_claude_speaks(ngx_http_request_t *r);

/* ngx_http_claude_models.c, ngx_http_claude_health.c */

ngx_int_t ngx_http_claude_models(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);
ngx_int_t ngx_http_claude_one_model(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);
ngx_int_t ngx_http_claude_health(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);

/* ngx_http_claude_count.c: POST messages/count_tokens */

ngx_int_t ngx_http_claude_count(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);

/* the request is translated: answers it, and finalizes it */

void ngx_http_claude_send_count(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);

/* create_request of a question to the bridge how it is */

ngx_int_t ngx_http_claude_create_health(ngx_http_request_t *r);


#endif /* NGX_HTTP_CLAUDE_ROUTE_H */
