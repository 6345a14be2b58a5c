
/*
 * The access phase: the limit of the client's address, then its key.  What is
 * refused is answered here; what may pass is marked in the context, and the
 * content handler does nothing without that mark.
 */


#include "ngx_http_claude_audit.h"


static ngx_int_t ngx_http_claude_check_limit(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, ngx_http_claude_loc_conf_t *lcf);
static void ngx_http_claude_inherit(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);
static void ngx_http_claude_cleanup(void *data);
static ngx_int_t ngx_http_claude_refuse(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, claude_err_e err);
static void ngx_http_claude_tell_refusal(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, claude_err_e err);
static ngx_int_t ngx_http_claude_answer(ngx_http_request_t *r, ngx_int_t rc);


ngx_int_t
ngx_http_claude_access_handler(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    claude_err_e                 err;
    ngx_http_claude_ctx_t       *ctx;
    ngx_http_claude_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_claude_module);

    if (lcf->auth != 1 && lcf->limit == NULL) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_claude_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_claude_preflight(r, ctx, lcf);

    if (rc != NGX_DECLINED) {
        return ngx_http_claude_answer(r, rc);
    }

    rc = ngx_http_claude_check_limit(r, ctx, lcf);

    if (rc == NGX_BUSY) {
        ngx_http_claude_tell_refusal(r, ctx, CLAUDE_ERR_RATE_LIMIT);
        return ngx_http_claude_refuse(r, ctx, CLAUDE_ERR_RATE_LIMIT);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (lcf->auth != 1) {
        return NGX_DECLINED;
    }

    if (lcf->pass != NULL) {
        ctx->route = ngx_http_claude_find_route(r);

        if (ctx->route != NULL && ctx->route->open) {
            return NGX_DECLINED;
        }
    }

    ngx_http_claude_lookup(r, ctx);

    if (ctx->key == NULL) {
        ngx_http_claude_tell_refusal(r, ctx, ctx->key_error);
        return ngx_http_claude_refuse(r, ctx, ctx->key_error);
    }

    err = ngx_http_claude_quota_begin(r, ctx, lcf);

    if (err != CLAUDE_ERR_NONE) {
        return ngx_http_claude_refuse(r, ctx, err);
    }

    ctx->allowed = 1;

    if (lcf->pass == NULL) {
        ngx_http_claude_hide_key(r);
    }

    return NGX_OK;
}


ngx_http_claude_ctx_t *
ngx_http_claude_get_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t     *cln;
    ngx_http_claude_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_claude_module);

    if (ctx != NULL) {
        return ctx;
    }

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_claude_ctx_t));
    if (ctx == NULL) {
        return NULL;
    }

    ctx->request = r;

    if (ngx_http_claude_make_id(r) != NGX_OK) {
        return NULL;
    }

    if (r->internal) {
        ngx_http_claude_inherit(r, ctx);
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_claude_cleanup;
    cln->data = ctx;

    ngx_http_set_ctx(r, ctx, ngx_http_claude_module);

    return ctx;
}


/*
 * An internal redirect clears all contexts, and goes through the access phase
 * again: the key that was found, and hidden, is still the request's, and a
 * limit counts a request once.  What was allowed is decided anew.
 */

static void
ngx_http_claude_inherit(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx)
{
    ngx_http_claude_ctx_t  *old;

    old = ngx_http_claude_last_ctx(r);

    if (old == NULL) {
        return;
    }

    ctx->looked_up = old->looked_up;
    ctx->key = old->key;
    ctx->key_error = old->key_error;
    ctx->generation = old->generation;

    ctx->traced = old->traced;
    ctx->trace = old->trace;

    ctx->limited = old->limited;
    ctx->rejected = old->rejected;
    ctx->refused = old->refused;
    ctx->limit = old->limit;
    ctx->limit_zone = old->limit_zone;

    ctx->checked = old->checked;
    ctx->quota = old->quota;
    ctx->call = old->call;
    old->call.running = 0;
}


ngx_http_claude_ctx_t *
ngx_http_claude_last_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t     *cln;
    ngx_http_claude_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_claude_module);

    if (ctx != NULL || !r->internal) {
        return ctx;
    }

    for (cln = r->pool->cleanup; cln != NULL; cln = cln->next) {
        if (cln->handler == ngx_http_claude_cleanup) {
            return cln->data;
        }
    }

    return NULL;
}


static void
ngx_http_claude_cleanup(void *data)
{
    ngx_http_claude_ctx_t *ctx = data;

    ngx_http_claude_quota_end(ctx);
    ngx_http_claude_watch_remove(ctx);
    ngx_http_claude_forget_secret(ctx);
    ngx_http_claude_body_free(ctx);
}


static ngx_int_t
ngx_http_claude_check_limit(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, ngx_http_claude_loc_conf_t *lcf)
{
    u_char                         buf[16];
    ngx_int_t                      rc;
    ngx_str_t                      key;
    ngx_uint_t                     burst;
    ngx_http_claude_limit_zone_t  *lz;

    if (lcf->limit == NULL
        || (ctx->limited && !ctx->rejected && ctx->limit_zone == lcf->limit))
    {
        return NGX_OK;
    }

    lz = lcf->limit->data;

    if (ngx_http_complex_value(r, &lz->key, &key) != NGX_OK) {
        return NGX_ERROR;
    }

    if (key.len == 0) {
        return NGX_OK;
    }

    if (lz->address) {
        key.len = claude_addr_client(key.data, key.len, lz->prefix, buf);
        key.data = buf;
    }

    burst = lcf->limit_burst ? lcf->limit_burst : lz->limit.rate.count;

    rc = ngx_claude_limit_request(&lz->limit, &key, burst, &ctx->limit);

    ctx->limited = 1;
    ctx->limit_zone = lcf->limit;
    ctx->rejected = (rc == NGX_BUSY);

    return rc;
}


/*
 * Under "satisfy any" others may still allow the request, so only the status
 * is returned; the filter makes the page that nginx sends for it ours.
 * ngx_http_send_header() and the like may return NGX_OK, which the access
 * phase would take as allowed, hence NGX_DONE.
 */

static ngx_int_t
ngx_http_claude_refuse(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx,
    claude_err_e err)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->satisfy == NGX_HTTP_SATISFY_ANY) {
        ctx->error = err;
        ngx_http_claude_hide_key(r);
        return claude_error_status(err);
    }

    return ngx_http_claude_answer(r, ngx_http_claude_send_error(r, ctx, err));
}


/*
 * Once a request, whatever internal redirects follow.  What a key's own limits
 * refuse is told by ngx_http_claude_quota.c.
 */

static void
ngx_http_claude_tell_refusal(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, claude_err_e err)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    /* who comes without a key where others may allow it, asks for nothing */

    if (ctx->refused
        || (clcf->satisfy == NGX_HTTP_SATISFY_ANY && err == CLAUDE_ERR_NO_KEY))
    {
        return;
    }

    ctx->refused = 1;

    if (err == CLAUDE_ERR_RATE_LIMIT) {
        ngx_http_claude_audit(r, NGX_HTTP_CLAUDE_AUDIT_LIMITED, NULL,
                              claude_error_code(err));

    } else if (claude_error_status(err) == NGX_HTTP_UNAUTHORIZED) {
        ngx_http_claude_audit(r, NGX_HTTP_CLAUDE_AUDIT_KEY_REFUSED, NULL,
                              claude_error_code(err));
    }
}


static ngx_int_t
ngx_http_claude_answer(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}
