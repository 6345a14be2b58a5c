
/*
 * Headers of the answers that are the module's.
 */


#include "ngx_http_claude.h"


static ngx_int_t ngx_http_claude_id_headers(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);
static ngx_int_t ngx_http_claude_trace_header(ngx_http_request_t *r);
static ngx_int_t ngx_http_claude_security_headers(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);
static ngx_int_t ngx_http_claude_limit_headers(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);
static ngx_int_t ngx_http_claude_limit_header(ngx_http_request_t *r,
    const char **names, uint64_t limit, uint64_t remaining, uint64_t ms);
static uint64_t ngx_http_claude_retry(ngx_http_claude_ctx_t *ctx,
    const claude_fault_t *fault);
static ngx_int_t ngx_http_claude_number_header(ngx_http_request_t *r,
    const char *name, ngx_uint_t value);


typedef struct {
    const char  *name;
    ngx_str_t    value;
} ngx_http_claude_header_t;


static const ngx_str_t  ngx_http_claude_csp =
    ngx_string("default-src 'none'; frame-ancestors 'none'");

static ngx_http_claude_header_t  ngx_http_claude_security[] = {
    { "X-Frame-Options", ngx_string("DENY") },
    { "X-Content-Type-Options", ngx_string("nosniff") },
    { "X-XSS-Protection", ngx_string("1; mode=block") },
    { "Referrer-Policy", ngx_string("strict-origin-when-cross-origin") },
    { NULL, ngx_null_string }
};


ngx_table_elt_t *
ngx_http_claude_find_header(ngx_http_request_t *r, const char *name,
    const ngx_table_elt_t *after)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    len = ngx_strlen(name);
    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return NULL;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (after != NULL) {
            if (&h[i] == after) {
                after = NULL;
            }

            continue;
        }

        if (h[i].key.len == len
            && ngx_strncasecmp(h[i].key.data, (u_char *) name, len) == 0)
        {
            return &h[i];
        }
    }
}


ngx_int_t
ngx_http_claude_add_header(ngx_http_request_t *r, const char *name,
    const ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key.len = ngx_strlen(name);
    h->key.data = (u_char *) name;
    h->value = *value;
    ngx_http_claude_header_end(h);

    return NGX_OK;
}


static ngx_int_t
ngx_http_claude_number_header(ngx_http_request_t *r, const char *name,
    ngx_uint_t value)
{
    ngx_str_t  s;

    s.data = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
    if (s.data == NULL) {
        return NGX_ERROR;
    }

    s.len = ngx_sprintf(s.data, "%ui", value) - s.data;

    return ngx_http_claude_add_header(r, name, &s);
}


ngx_msec_t
ngx_http_claude_elapsed(ngx_http_request_t *r)
{
    ngx_time_t      *tp;
    ngx_msec_int_t   ms;

    tp = ngx_timeofday();
    ms = (tp->sec - r->start_sec) * 1000 + (tp->msec - r->start_msec);

    return ngx_max(ms, 0);
}


ngx_int_t
ngx_http_claude_answer_headers(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx)
{
    ngx_http_claude_srv_conf_t  *scf;
    ngx_http_claude_loc_conf_t  *lcf;

    static ngx_str_t  no_store = ngx_string("no-store");

    scf = ngx_http_get_module_srv_conf(r, ngx_http_claude_module);
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_claude_module);

    if (ngx_http_claude_id_headers(r, ctx) != NGX_OK
        || ngx_http_claude_trace_header(r) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* a request that could not be parsed has no location */

    if ((lcf->admin.on || lcf->metrics != NULL
         || (scf->admin && r->phase_handler == 0))
        && ngx_http_claude_add_header(r, "Cache-Control", &no_store)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!lcf->admin.on && lcf->metrics == NULL
        && ngx_http_claude_number_header(r, "Openai-Processing-Ms",
                                         ngx_http_claude_elapsed(r))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx != NULL && ngx_http_claude_limit_headers(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (lcf->security_headers
        && ngx_http_claude_security_headers(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_claude_cors_headers(r, lcf);
}


static ngx_int_t
ngx_http_claude_id_headers(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx)
{
    ngx_str_t                id;
    claude_str_t             request_id;
    const claude_dialect_t  *dialect;

    request_id = ngx_http_claude_request_id(r);

    if (request_id.len == 0) {
        return NGX_OK;
    }

    id.len = request_id.len;
    id.data = (u_char *) request_id.data;

    if (ngx_http_claude_add_header(r, "X-Request-Id", &id) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx == NULL) {
        return NGX_OK;
    }

    dialect = ngx_http_claude_dialect(ctx);

    return dialect->request_id
           ? ngx_http_claude_add_header(r, dialect->request_id, &id) : NGX_OK;
}


static ngx_int_t
ngx_http_claude_trace_header(ngx_http_request_t *r)
{
    ngx_str_t              value;
    const claude_trace_t  *trace;

    trace = ngx_http_claude_get_trace(r);

    if (trace == NULL) {
        return NGX_OK;
    }

    value.len = CLAUDE_TRACE_LEN;
    value.data = (u_char *) trace->parent;

    return ngx_http_claude_add_header(r, "traceparent", &value);
}


static ngx_int_t
ngx_http_claude_security_headers(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx)
{
    const ngx_str_t           *csp;
    ngx_http_claude_header_t  *h;

    static ngx_str_t  hsts = ngx_string("max-age=31536000");

    csp = ctx != NULL && ctx->csp != NULL ? ctx->csp : &ngx_http_claude_csp;

    if (ngx_http_claude_add_header(r, "Content-Security-Policy", csp)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (h = ngx_http_claude_security; h->name != NULL; h++) {
        if (ngx_http_claude_add_header(r, h->name, &h->value) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ngx_http_claude_is_https(r)
           ? ngx_http_claude_add_header(r, "Strict-Transport-Security", &hsts)
           : NGX_OK;
}


/* of two limits of requests, the address's and the key's, the nearer one */

static ngx_int_t
ngx_http_claude_limit_headers(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx)
{
    claude_gcra_t           *key, *limit;
    const claude_verdict_t  *quota;

    static const char  *requests[] = {
        "X-RateLimit-Limit-Requests", "X-RateLimit-Remaining-Requests",
        "X-RateLimit-Reset-Requests"
    };

    static const char  *tokens[] = {
        "X-RateLimit-Limit-Tokens", "X-RateLimit-Remaining-Tokens",
        "X-RateLimit-Reset-Tokens"
    };

    quota = &ctx->quota;
    key = &ctx->quota.requests;
    limit = ctx->limited ? &ctx->limit : NULL;

    if (key->limit != 0
        && (limit == NULL || key->remaining <= limit->remaining))
    {
        limit = key;
    }

    if (limit != NULL
        && ngx_http_claude_limit_header(r, requests, limit->limit,
                                        limit->remaining, limit->reset)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (quota->tokens == 0) {
        return NGX_OK;
    }

    return ngx_http_claude_limit_header(r, tokens, quota->tokens,
                                        quota->tokens_left,
                                        quota->tokens_reset);
}


static ngx_int_t
ngx_http_claude_limit_header(ngx_http_request_t *r, const char **names,
    uint64_t limit, uint64_t remaining, uint64_t ms)
{
    u_char     *p;
    ngx_str_t   reset;

    if (ngx_http_claude_number_header(r, names[0], limit) != NGX_OK
        || ngx_http_claude_number_header(r, names[1], remaining) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* a duration as OpenAI writes it: 12ms, 1.2s, 6m0s */

    p = ngx_pnalloc(r->pool, 2 * NGX_INT64_LEN + sizeof("m.s"));
    if (p == NULL) {
        return NGX_ERROR;
    }

    reset.data = p;

    if (ms < 1000) {
        p = ngx_sprintf(p, "%uLms", ms);

    } else if (ms < 60000) {
        p = ngx_sprintf(p, "%uL.%uLs", ms / 1000, ms % 1000 / 100);

    } else {
        p = ngx_sprintf(p, "%uLm%uLs", ms / 60000, ms % 60000 / 1000);
    }

    reset.len = p - reset.data;

    return ngx_http_claude_add_header(r, names[2], &reset);
}


/*
 * OpenAI's clients obey retry-after-ms before Retry-After, and x-should-retry
 * before the status.
 */

ngx_int_t
ngx_http_claude_error_headers(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, const claude_fault_t *fault)
{
    uint64_t        ms;
    claude_fault_t  told;

    static ngx_str_t  yes = ngx_string("true");
    static ngx_str_t  no = ngx_string("false");
    static ngx_str_t  bearer = ngx_string("Bearer");

    if (claude_error_status(fault->err) == NGX_HTTP_UNAUTHORIZED
        && ctx->admin == NULL
        && ngx_http_claude_add_header(r, "WWW-Authenticate", &bearer)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ms = ngx_http_claude_retry(ctx, fault);

    told = *fault;
    told.retry_after = (ms + 999) / 1000;

    if (ngx_http_claude_add_header(r, "X-Should-Retry",
                                   claude_fault_retryable(&told) ? &yes : &no)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ms == 0) {
        return NGX_OK;
    }

    if (ngx_http_claude_number_header(r, "Retry-After", (ms + 999) / 1000)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_claude_number_header(r, "Retry-After-Ms", ms);
}


/* ms until the request may pass; 0: not known */

static uint64_t
ngx_http_claude_retry(ngx_http_claude_ctx_t *ctx, const claude_fault_t *fault)
{
    if (fault->err == CLAUDE_ERR_RATE_LIMIT && ctx->rejected) {
        return ctx->limit.retry;
    }

    if (ctx->checked && fault->err == ctx->quota.err) {
        return ctx->quota.retry;
    }

    return (uint64_t) fault->retry_after * 1000;
}
