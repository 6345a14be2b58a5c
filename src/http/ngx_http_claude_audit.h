
/*
 * Security events: one line each in the audit log, and one entry in the ring
 * in shared memory that the admin API tails.  docs/audit.md says what each
 * event means.
 */


#ifndef NGX_HTTP_CLAUDE_AUDIT_H
#define NGX_HTTP_CLAUDE_AUDIT_H


#include "ngx_http_claude.h"

#include "../core/claude_audit.h"


/* what a log is told of: each level includes those before */

typedef enum {
    NGX_HTTP_CLAUDE_AUDIT_SECURITY = 0,
    NGX_HTTP_CLAUDE_AUDIT_ADMIN,
    NGX_HTTP_CLAUDE_AUDIT_ALL
} ngx_http_claude_audit_level_e;


/* claude_audit_log; a file or a syslog */

struct ngx_http_claude_audit_log_s {
    ngx_open_file_t                *file;
    ngx_syslog_peer_t              *syslog;
    ngx_http_claude_audit_level_e   level;
    time_t                          complained;  /* that it can't be written */
};


/* ngx_claude_ring_entry_t.event, so none may change its number but by another
 * layout of the ring */

typedef enum {
    /* level security */
    NGX_HTTP_CLAUDE_AUDIT_LOGIN_OK = 0,     /* login, ok */
    NGX_HTTP_CLAUDE_AUDIT_LOGIN_FAILED,     /* login, failed */
    NGX_HTTP_CLAUDE_AUDIT_LOGIN_LIMITED,    /* login, limited */
    NGX_HTTP_CLAUDE_AUDIT_LOGOUT,
    NGX_HTTP_CLAUDE_AUDIT_SESSION_ENDED,    /* by its owner, or as the
                                             * password changed */
    NGX_HTTP_CLAUDE_AUDIT_ADMIN_REFUSED,    /* plain HTTP, cross origin */
    NGX_HTTP_CLAUDE_AUDIT_KEY_REFUSED,      /* an API key that is none */
    NGX_HTTP_CLAUDE_AUDIT_CREDENTIAL_REFUSED,   /* by the model's API */
    NGX_HTTP_CLAUDE_AUDIT_STORE_TROUBLE,
    NGX_HTTP_CLAUDE_AUDIT_STORE_WELL,
    NGX_HTTP_CLAUDE_AUDIT_START,            /* start or reload */

    /* level admin */
    NGX_HTTP_CLAUDE_AUDIT_KEY_CREATED,
    NGX_HTTP_CLAUDE_AUDIT_KEY_CHANGED,
    NGX_HTTP_CLAUDE_AUDIT_KEY_ROTATED,
    NGX_HTTP_CLAUDE_AUDIT_KEY_TOKEN,        /* its credential replaced */
    NGX_HTTP_CLAUDE_AUDIT_KEY_DELETED,
    NGX_HTTP_CLAUDE_AUDIT_KEY_VERIFIED,
    NGX_HTTP_CLAUDE_AUDIT_CHANGE_FAILED,    /* not durable */

    /* level all */
    NGX_HTTP_CLAUDE_AUDIT_LIMITED,          /* an address over its limit */
    NGX_HTTP_CLAUDE_AUDIT_QUOTA,            /* a key over one of its limits */

    NGX_HTTP_CLAUDE_AUDIT_EVENTS
} ngx_http_claude_audit_event_e;


/*
 * Tells an event of the request r (NULL: of no request).  key_id, of
 * CLAUDE_KEY_ID_LEN bytes, may be NULL; code, static text such as an error's
 * code, may be NULL.  Event loop only; never blocks; may not fail.
 */

void ngx_http_claude_audit(ngx_http_request_t *r,
    ngx_http_claude_audit_event_e event, const u_char *key_id,
    const char *code);

/* tells where it was the credential that made the call fail */

void ngx_http_claude_audit_fault(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);

/* the store's hook: trouble began, or it is over */

void ngx_http_claude_audit_store(ngx_claude_store_t *store,
    ngx_uint_t trouble);

/* what an entry of the ring says; points into it */

void ngx_http_claude_audit_fill(claude_audit_t *audit,
    const ngx_claude_ring_entry_t *entry);

/* tells of a start or a reload; for the module's init_module */

ngx_int_t ngx_http_claude_audit_init_module(ngx_cycle_t *cycle);

/* starts the timer that tells of what was only counted */

ngx_int_t ngx_http_claude_audit_init_process(ngx_cycle_t *cycle);

/* ngx_http_claude_audit_conf.c */

char *ngx_http_claude_audit_log(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* declares the ring's zone, once; without it events are not told */

ngx_int_t ngx_http_claude_audit_ring(ngx_conf_t *cf);


#endif /* NGX_HTTP_CLAUDE_AUDIT_H */
