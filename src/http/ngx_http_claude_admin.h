
/*
 * What the files of the admin share: its routes, the state of one admin
 * request, and how one is answered.
 *
 *   admin         content handler: HTTPS, route, session, same origin, body
 *   admin_login   login, logout, sessions           (own table of routes)
 *   admin_keys    keys: list, make, change, rotate  (own table)
 *   …
 */


#ifndef NGX_HTTP_CLAUDE_ADMIN_H
#define NGX_HTTP_CLAUDE_ADMIN_H


#include "ngx_http_claude.h"


/* bytes of a request's body at most; it lies in memory */

#define NGX_HTTP_CLAUDE_ADMIN_BODY  (64 * 1024)


/* of one request; found by ngx_http_claude_admin_ctx(r) */

typedef struct {
    ngx_http_claude_ctx_t     *ctx;         /* ngx_http_claude_get_ctx(r) */
    ngx_str_t                  id;          /* "{id}" of the path, or empty:
                                             * of [A-Za-z0-9_-], unchecked */
    ngx_str_t                  body;        /* of a POST or PATCH, whole */
    ngx_str_t                  person;      /* who is signed in: for nothing
                                             * but sessions of the same */
} ngx_http_claude_admin_ctx_t;


/*
 * path is below the location, such as "api/keys", "api/keys/{id}" or
 * "api/keys/{id}/rotate".  The handler runs when all of this holds: HTTPS,
 * a session (unless open), a same-origin request and a JSON content type
 * (methods other than GET and HEAD), a whole body.  It returns what
 * ngx_http_claude_admin_send() and the like returned, or NGX_DONE after
 * ngx_http_claude_admin_wait().
 */

typedef struct {
    ngx_str_t                  path;
    ngx_uint_t                 methods;
    unsigned                   open:1;
    ngx_int_t                (*handler)(ngx_http_request_t *r,
                                   ngx_http_claude_admin_ctx_t *actx);
} ngx_http_claude_admin_route_t;


extern ngx_http_claude_admin_route_t  ngx_http_claude_admin_login_routes[];
extern ngx_http_claude_admin_route_t  ngx_http_claude_admin_key_routes[];
extern ngx_http_claude_admin_route_t  ngx_http_claude_admin_usage_routes[];
extern ngx_http_claude_admin_route_t  ngx_http_claude_admin_audit_routes[];
extern ngx_http_claude_admin_route_t  ngx_http_claude_admin_status_routes[];


/* the answer: a JSON document of the request's pool, or an error */

ngx_int_t ngx_http_claude_admin_send(ngx_http_request_t *r,
    ngx_uint_t status, const claude_out_t *doc);
ngx_int_t ngx_http_claude_admin_error(ngx_http_request_t *r,
    claude_err_e err);

/* 400 that names the field; reason is static: "must be a positive integer" */

ngx_int_t ngx_http_claude_admin_invalid(ngx_http_request_t *r,
    claude_err_e err, const char *param, const char *reason);

/* 204, which has no body */

ngx_int_t ngx_http_claude_admin_no_content(ngx_http_request_t *r);

/*
 * The handler has begun something that comes back later, in the event loop:
 * the request stays until ngx_http_claude_admin_resume(r), whatever the client
 * does.  resume calls then with what the handler would have got, and finalizes
 * with what it returns; not when the request was terminated meanwhile.
 */

typedef ngx_int_t (*ngx_http_claude_admin_then_pt)(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx);

void ngx_http_claude_admin_wait(ngx_http_request_t *r,
    ngx_http_claude_admin_then_pt then);
void ngx_http_claude_admin_resume(ngx_http_request_t *r);


#endif /* NGX_HTTP_CLAUDE_ADMIN_H */
