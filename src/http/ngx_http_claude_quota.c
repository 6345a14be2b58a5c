
/*
 * The limits of a key, and what its calls use.  A call of a model, or of
 * whatever else claude_auth guards, is under way from the access phase until
 * its answer is over; what it used is counted then, once.
 */


#include "ngx_http_claude_audit.h"


/* tokens that an answer is expected to have, at most: whoever allows more
 * seldom uses it */

#define NGX_HTTP_CLAUDE_EXPECTED  1024


static claude_err_e ngx_http_claude_quota_check(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, ngx_int_t rc);
static ngx_uint_t ngx_http_claude_quota_address(ngx_http_request_t *r,
    const claude_limits_t *limits);
static claude_err_e ngx_http_claude_quota_refuse(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, claude_err_e err);
static ngx_uint_t ngx_http_claude_quota_failed(ngx_http_claude_ctx_t *ctx);


claude_err_e
ngx_http_claude_quota_begin(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx,
    ngx_http_claude_loc_conf_t *lcf)
{
    ngx_int_t                     rc;
    ngx_uint_t                    call, counted;
    claude_gcra_t                 requests;
    ngx_http_claude_main_conf_t  *mcf;

    if (ctx->call.running) {

        /* an internal redirect came here with it */

        return CLAUDE_ERR_NONE;
    }

    if (ctx->key->limits.naddresses
        && !ngx_http_claude_quota_address(r, &ctx->key->limits))
    {
        return ngx_http_claude_quota_refuse(r, ctx,
                                            CLAUDE_ERR_ADDRESS_DENIED);
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);

    /* lists of models and the like cost nothing and are over at once */

    call = (lcf->pass == NULL
            || (ctx->route != NULL && ctx->route->dialect != NULL));

    if (!call && ctx->key->limits.requests == 0) {
        return CLAUDE_ERR_NONE;
    }

    counted = ctx->call.counted;
    requests = ctx->quota.requests;

    rc = ngx_claude_usage_begin(mcf->store, ctx->key, call, &ctx->call,
                                &ctx->quota);

    if (counted) {
        ctx->quota.requests = requests;
    }

    ctx->checked = 1;

    return ngx_http_claude_quota_check(r, ctx, rc);
}


claude_err_e
ngx_http_claude_quota_body(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx)
{
    uint64_t                      prompt, completion;
    ngx_int_t                     rc;
    ngx_http_claude_main_conf_t  *mcf;

    if (!ngx_http_claude_quota_model(ctx, &ctx->facts.model,
                                     &ctx->facts.upstream_model))
    {
        return ngx_http_claude_quota_refuse(r, ctx, CLAUDE_ERR_MODEL_DENIED);
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);

    prompt = ctx->facts.text / CLAUDE_TOKEN_TEXT + 1;
    completion = ngx_min(ctx->facts.max_tokens, NGX_HTTP_CLAUDE_EXPECTED);

    rc = ngx_claude_usage_reserve(mcf->store, ctx->key, &ctx->call,
                                  &ctx->facts.upstream_model, prompt,
                                  completion, &ctx->quota);

    return ngx_http_claude_quota_check(r, ctx, rc);
}


static claude_err_e
ngx_http_claude_quota_check(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx,
    ngx_int_t rc)
{
    if (rc == NGX_OK) {
        return CLAUDE_ERR_NONE;
    }

    return ngx_http_claude_quota_refuse(r, ctx, rc == NGX_BUSY
                                        ? ctx->quota.err
                                        : CLAUDE_ERR_KEY_REVOKED);
}


static claude_err_e
ngx_http_claude_quota_refuse(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, claude_err_e err)
{
    ngx_http_claude_audit(r, NGX_HTTP_CLAUDE_AUDIT_QUOTA, ctx->key->id,
                          claude_error_code(err));

    return err;
}


static ngx_uint_t
ngx_http_claude_quota_address(ngx_http_request_t *r,
    const claude_limits_t *limits)
{
    struct sockaddr      *sa;
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    sa = r->connection->sockaddr;

    switch (sa->sa_family) {

    case AF_INET:
        sin = (struct sockaddr_in *) sa;
        return claude_limits_address(limits, (u_char *) &sin->sin_addr, 4);

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sa;
        return claude_limits_address(limits, sin6->sin6_addr.s6_addr, 16);
#endif

    default:
        return claude_limits_address(limits, NULL, 0);
    }
}


ngx_uint_t
ngx_http_claude_quota_model(ngx_http_claude_ctx_t *ctx,
    const claude_str_t *name, const claude_str_t *target)
{
    const claude_limits_t  *limits;

    limits = &ctx->key->limits;

    return limits->models_len == 0
           || claude_limits_model(limits, name)
           || claude_limits_model(limits, target);
}


void
ngx_http_claude_quota_note(ngx_http_claude_ctx_t *ctx)
{
    claude_count_t                count;
    ngx_http_claude_main_conf_t  *mcf;

    if (!ctx->call.running) {
        return;
    }

    mcf = ngx_http_get_module_main_conf(ctx->request, ngx_http_claude_module);

    ngx_http_claude_quota_count(ctx, &count);
    ngx_claude_usage_note(mcf->store, &ctx->call, &count);
}


void
ngx_http_claude_quota_end(ngx_http_claude_ctx_t *ctx)
{
    claude_usage_t               *usage;
    ngx_claude_used_t             used;
    ngx_http_claude_main_conf_t  *mcf;

    if (!ctx->call.running) {
        return;
    }

    mcf = ngx_http_get_module_main_conf(ctx->request, ngx_http_claude_module);
    usage = &ctx->reply.usage;

    ngx_memzero(&used, sizeof(ngx_claude_used_t));

    ngx_http_claude_quota_count(ctx, &used.count);

    used.count.requests = 1;
    used.count.errors = ngx_http_claude_quota_failed(ctx);

    if (ctx->reply.started) {
        used.model = ctx->facts.upstream_model;
        used.units = usage->input_tokens * NGX_CLAUDE_UNITS_INPUT
                     + usage->cache_read_tokens * NGX_CLAUDE_UNITS_CACHE_READ
                     + usage->cache_creation_tokens
                       * NGX_CLAUDE_UNITS_CACHE_WRITE
                     + used.count.completion * NGX_CLAUDE_UNITS_OUTPUT;
    }

    if (ctx->reply.priced) {
        used.count.cost = ctx->reply.cost;
        used.priced = 1;
    }

    ngx_claude_usage_end(mcf->store, ctx->key, &ctx->call, &used);

    ctx->cost = used.count.cost;
    ctx->billed = ctx->reply.started;
}


/* an answer that was cut off told its last count of tokens when it began: what
 * came since is estimated */

void
ngx_http_claude_quota_count(ngx_http_claude_ctx_t *ctx, claude_count_t *count)
{
    uint64_t         text;
    claude_usage_t  *usage;

    usage = &ctx->reply.usage;

    ngx_memzero(count, sizeof(claude_count_t));

    if (!ctx->reply.started) {
        return;
    }

    count->cached = usage->cache_read_tokens;
    count->prompt = usage->input_tokens + usage->cache_read_tokens
                    + usage->cache_creation_tokens;
    count->completion = usage->output_tokens;

    if (!ctx->reply.stopped) {
        text = ctx->reply.text / CLAUDE_TOKEN_TEXT;
        count->completion = ngx_max(count->completion, text);
    }
}


static ngx_uint_t
ngx_http_claude_quota_failed(ngx_http_claude_ctx_t *ctx)
{
    ngx_http_request_t  *r;

    if (ctx->dialect != NULL && !ctx->counting) {
        return !ctx->reply.complete;
    }

    r = ctx->request;

    return r->headers_out.status >= NGX_HTTP_BAD_REQUEST
           || r->headers_out.status == 0
           || r->connection->error;
}
