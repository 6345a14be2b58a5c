
/*
 * Headers of the answers that are the module's.
 */


#include "ngx_http_claude.h"


static ngx_int_t ngx_http_claude_security_headers(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);
static ngx_int_t ngx_http_claude_limit_headers(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);
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
    ngx_str_t                     id;
    ngx_http_variable_value_t    *vv;
    ngx_http_claude_loc_conf_t   *lcf;
    ngx_http_claude_main_conf_t  *mcf;

    static ngx_str_t  no_store = ngx_string("no-store");

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_claude_module);

    vv = ngx_http_get_indexed_variable(r, mcf->request_id);

    if (vv != NULL && !vv->not_found) {
        id.len = vv->len;
        id.data = vv->data;

        if (ngx_http_claude_add_header(r, "X-Request-Id", &id) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (lcf->admin.on
        && ngx_http_claude_add_header(r, "Cache-Control", &no_store)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!lcf->admin.on
        && ngx_http_claude_number_header(r, "Openai-Processing-Ms",
                                         ngx_http_claude_elapsed(r))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx != NULL && ctx->limited
        && ngx_http_claude_limit_headers(r, ctx) != NGX_OK)
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


static ngx_int_t
ngx_http_claude_limit_headers(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx)
{
    u_char      *p;
    uint64_t     ms;
    ngx_str_t    reset;

    if (ngx_http_claude_number_header(r, "X-RateLimit-Limit-Requests",
                                      ctx->limit.limit)
        != NGX_OK
        || ngx_http_claude_number_header(r, "X-RateLimit-Remaining-Requests",
                                         ctx->limit.remaining)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* a duration as OpenAI writes it: 12ms, 1.2s, 6m0s */

    p = ngx_pnalloc(r->pool, 2 * NGX_INT64_LEN + sizeof("m.s"));
    if (p == NULL) {
        return NGX_ERROR;
    }

    ms = ctx->limit.reset;
    reset.data = p;

    if (ms < 1000) {
        p = ngx_sprintf(p, "%uLms", ms);

    } else if (ms < 60000) {
        p = ngx_sprintf(p, "%uL.%uLs", ms / 1000, ms % 1000 / 100);

    } else {
        p = ngx_sprintf(p, "%uLm%uLs", ms / 60000, ms % 60000 / 1000);
    }

    reset.len = p - reset.data;

    return ngx_http_claude_add_header(r, "X-RateLimit-Reset-Requests",
                                      &reset);
}


/*
 * OpenAI's clients obey retry-after-ms before Retry-After, and x-should-retry
 * before the status.
 */

ngx_int_t
ngx_http_claude_error_headers(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, const claude_fault_t *fault)
{
    uint64_t  ms;

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

    if (ngx_http_claude_add_header(r, "X-Should-Retry",
                                   claude_fault_retryable(fault) ? &yes : &no)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ms = (uint64_t) fault->retry_after * 1000;

    if (fault->err == CLAUDE_ERR_RATE_LIMIT && ctx->limited) {
        ms = ctx->limit.retry;
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
