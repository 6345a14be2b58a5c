
/*
 * Security events: one line each in the audit log, and one entry in the ring
 * in shared memory that the admin API tails.  docs/audit.md says what each
 * event means.
 */


#ifndef NGX_HTTP_CLAUDE_AUDIT_H
#define NGX_HTTP_CLAUDE_AUDIT_H


#include "ngx_http_claude.h"


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


#endif /* NGX_HTTP_CLAUDE_AUDIT_H */
