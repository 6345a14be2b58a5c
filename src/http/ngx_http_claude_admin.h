
/*
 * What the files of the admin share: its routes, the state of one admin
 * request, and how one is answered.
 *
 *   admin         content handler: HTTPS, route, session, same origin, body
 *   admin_origin    TLS or not, this host's page or another's
 *   admin_conf      its directives, and what the whole configuration shows
 *   admin_people    the password file, the zones of sessions
 *   admin_sessions  the cookie; sessions
 *   admin_login     login: bcrypt in threads        (own table of routes)
 *   admin_keys      keys: list, make, change, rotate  (own table)
 *   …
 */


#ifndef NGX_HTTP_CLAUDE_ADMIN_H
#define NGX_HTTP_CLAUDE_ADMIN_H


#include "ngx_http_claude.h"


/* bytes of a request's body at most; it lies in memory */

#define NGX_HTTP_CLAUDE_ADMIN_BODY  (64 * 1024)


typedef struct ngx_http_claude_admin_route_s  ngx_http_claude_admin_route_t;

typedef ngx_int_t (*ngx_http_claude_admin_then_pt)(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx);


/* of one request: ngx_http_claude_get_ctx(r)->admin */

struct ngx_http_claude_admin_ctx_s {
    ngx_http_claude_ctx_t     *ctx;         /* ngx_http_claude_get_ctx(r) */
    ngx_str_t                  id;          /* "{id}" of the path, or empty:
                                             * of [A-Za-z0-9_-], unchecked */
    ngx_str_t                  body;        /* of other methods than GET and
                                             * HEAD, whole; wiped at the end */
    const claude_person_t     *person;      /* who is signed in: for nothing
                                             * but sessions of the same */
    ngx_claude_session_t       session;     /* where person is set */
    const char                *type;        /* of the answer, a literal; NULL:
                                             * application/json */
    void                      *data;        /* the handler's own, over waits */

    /* the router's own */
    const ngx_http_claude_admin_route_t  *route;
    ngx_http_claude_admin_then_pt  then;    /* after a wait */
    ngx_event_t                timer;       /* while it waits */
    unsigned                   waits:1;
    unsigned                   resumed:1;
};


/*
 * path is below the location, such as "api/keys", "api/keys/{id}" or
 * "api/keys/{id}/rotate"; a path may stand in several routes with different
 * methods.  The handler runs when all of this holds: HTTPS, a session (unless
 * open), a same-origin request and a JSON content type (methods other than GET
 * and HEAD), a whole body.  It returns what ngx_http_claude_admin_send() and
 * the like returned, or NGX_DONE after ngx_http_claude_admin_wait().
 */

struct ngx_http_claude_admin_route_s {
    ngx_str_t                  path;        /* empty: the end of a table */
    ngx_uint_t                 methods;     /* GET stands for HEAD too */
    unsigned                   open:1;
    ngx_int_t                (*handler)(ngx_http_request_t *r,
                                   ngx_http_claude_admin_ctx_t *actx);
};


extern ngx_http_claude_admin_route_t  ngx_http_claude_admin_login_routes[];
extern ngx_http_claude_admin_route_t  ngx_http_claude_admin_key_routes[];
extern ngx_http_claude_admin_route_t  ngx_http_claude_admin_usage_routes[];
extern ngx_http_claude_admin_route_t  ngx_http_claude_admin_audit_routes[];
extern ngx_http_claude_admin_route_t  ngx_http_claude_admin_status_routes[];


/* the answer: a JSON document (or one of actx->type) of the request's pool, or
 * an error */

ngx_int_t ngx_http_claude_admin_send(ngx_http_request_t *r,
    ngx_uint_t status, const claude_out_t *doc);
ngx_int_t ngx_http_claude_admin_error(ngx_http_request_t *r,
    claude_err_e err);

/* 400 that names the field; reason is static: "must be a positive integer" */

ngx_int_t ngx_http_claude_admin_invalid(ngx_http_request_t *r,
    claude_err_e err, const char *param, const char *reason);

/* any other, as ngx_http_claude_send_fault() */

ngx_int_t ngx_http_claude_admin_fault(ngx_http_request_t *r,
    const claude_fault_t *fault);

/* 204, which has no body */

ngx_int_t ngx_http_claude_admin_no_content(ngx_http_request_t *r);

/*
 * The handler has begun something that comes back later, in the event loop:
 * the request stays until ngx_http_claude_admin_resume(r), whatever the client
 * does.  resume calls then with what the handler would have got, and finalizes
 * with what it returns; not when the request was terminated meanwhile.  then
 * may wait again.  resume must not be called before the handler has returned.
 */

void ngx_http_claude_admin_wait(ngx_http_request_t *r,
    ngx_http_claude_admin_then_pt then);
void ngx_http_claude_admin_resume(ngx_http_request_t *r);


/* ngx_http_claude_admin_origin.c */

/* whether a request that changes something comes from a page of this host:
 * each of "Origin" and "Sec-Fetch-Site" that is there says so, and one is */

ngx_uint_t ngx_http_claude_admin_same_origin(ngx_http_request_t *r);

/* 308 to the same page over HTTPS */

ngx_int_t ngx_http_claude_admin_to_https(ngx_http_request_t *r);

/* whether it is a host's name: no pattern, no "_", no address in brackets */

ngx_uint_t ngx_http_claude_admin_is_name(const ngx_str_t *name);


/* ngx_http_claude_admin_people.c */

/* the person with that credential, or NULL */

const claude_person_t *ngx_http_claude_admin_person(
    const claude_people_t *people, const u_char *credential);

/* ngx_http_claude_admin_sessions.c */

/* looks the cookie up; NGX_DECLINED: nobody is signed in */

ngx_int_t ngx_http_claude_admin_session(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx);

/* makes a session of the person, in place of the one that there is, and its
 * cookie; fills actx->person and actx->session */

ngx_int_t ngx_http_claude_admin_begin(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx, const claude_person_t *person);

/* the address of r's client, as claude_addr_client(): its length */

size_t ngx_http_claude_admin_addr(ngx_http_request_t *r, unsigned prefix,
    u_char addr[16]);

/* writes "name":…,"createdAt":…,"expiresAt":… */

void ngx_http_claude_admin_put_session(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx, claude_out_t *out);

/* routes */

ngx_int_t ngx_http_claude_admin_logout(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx);
ngx_int_t ngx_http_claude_admin_get_session(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx);
ngx_int_t ngx_http_claude_admin_get_sessions(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx);
ngx_int_t ngx_http_claude_admin_end_session(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx);


#endif /* NGX_HTTP_CLAUDE_ADMIN_H */
