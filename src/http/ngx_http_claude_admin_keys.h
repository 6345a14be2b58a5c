
/*
 * What the admin's calls about keys share.
 */


#ifndef NGX_HTTP_CLAUDE_ADMIN_KEYS_H
#define NGX_HTTP_CLAUDE_ADMIN_KEYS_H


#include "ngx_http_claude_admin.h"
#include "ngx_http_claude_audit.h"

#include "../core/claude_form.h"


/* bytes of a key as JSON: a long name, all escaped, and all limits */

#define NGX_HTTP_CLAUDE_ADMIN_KEY_MAX  8192


/* a key as JSON; key, CLAUDE_KEY_LEN bytes, is shown once, NULL: not at all.
 * account may be NULL */

void ngx_http_claude_admin_put_key(claude_out_t *out,
    const claude_record_t *record, const ngx_claude_account_t *account,
    const u_char *key);

/* the members of a count, without braces */

void ngx_http_claude_admin_put_count(claude_out_t *out,
    const claude_count_t *count);

/* the key that the path names: NGX_OK, or it is answered with an error, and
 * the handler returns *rc.  account may be NULL. */

ngx_int_t ngx_http_claude_admin_get_key(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx, claude_record_t *record,
    ngx_claude_account_t *account, ngx_int_t *rc);


/* handlers of routes */

ngx_int_t ngx_http_claude_admin_key_list(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx);
ngx_int_t ngx_http_claude_admin_key_create(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx);
ngx_int_t ngx_http_claude_admin_key_change(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx);
ngx_int_t ngx_http_claude_admin_key_rotate(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx);
ngx_int_t ngx_http_claude_admin_key_token(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx);
ngx_int_t ngx_http_claude_admin_key_delete(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx);
ngx_int_t ngx_http_claude_admin_key_verify(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx);


#endif /* NGX_HTTP_CLAUDE_ADMIN_KEYS_H */
