
/*
 * Cross-origin requests (Fetch, 3.2): browsers may call the API from the
 * configured origins, and never with credentials of their own.
 */


#include "ngx_http_claude.h"


ngx_str_t *
ngx_http_claude_cors_origin(ngx_http_request_t *r,
    ngx_http_claude_loc_conf_t *lcf)
{
    ngx_str_t        *origin;
    ngx_uint_t        i;
    ngx_table_elt_t  *h;

    if (lcf->cors == NULL) {
        return NULL;
    }

    h = ngx_http_claude_find_header(r, "origin", NULL);
    if (h == NULL) {
        return NULL;
    }

    origin = lcf->cors->elts;

    for (i = 0; i < lcf->cors->nelts; i++) {

        if ((origin[i].len == 1 && origin[i].data[0] == '*')
            || (origin[i].len == h->value.len
                && ngx_strncasecmp(origin[i].data, h->value.data,
                                   h->value.len)
                   == 0))
        {
            return &origin[i];
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_claude_cors_headers(ngx_http_request_t *r,
    ngx_http_claude_loc_conf_t *lcf)
{
    ngx_str_t  *origin;

    static ngx_str_t  vary = ngx_string("Origin");
    static ngx_str_t  expose = ngx_string("Retry-After, Retry-After-Ms, "
        "Traceparent, X-Request-Id, X-Should-Retry, "
        "X-RateLimit-Limit-Requests, X-RateLimit-Remaining-Requests, "
        "X-RateLimit-Reset-Requests");

    if (lcf->cors == NULL) {
        return NGX_OK;
    }

    if (ngx_http_claude_add_header(r, "Vary", &vary) != NGX_OK) {
        return NGX_ERROR;
    }

    origin = ngx_http_claude_cors_origin(r, lcf);

    if (origin == NULL) {
        return NGX_OK;
    }

    if (ngx_http_claude_add_header(r, "Access-Control-Allow-Origin", origin)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_claude_add_header(r, "Access-Control-Expose-Headers",
                                      &expose);
}


ngx_int_t
ngx_http_claude_preflight(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx,
    ngx_http_claude_loc_conf_t *lcf)
{
    ngx_int_t  rc;

    static ngx_str_t  methods = ngx_string("GET, POST");
    static ngx_str_t  headers = ngx_string("Authorization, Content-Type, "
                                           "X-Api-Key, *");
    static ngx_str_t  age = ngx_string("86400");

    if (lcf->pass == NULL || r->method != NGX_HTTP_OPTIONS
        || ngx_http_claude_find_header(r, "access-control-request-method",
                                       NULL)
           == NULL
        || ngx_http_claude_cors_origin(r, lcf) == NULL)
    {
        return NGX_DECLINED;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_claude_add_header(r, "Access-Control-Allow-Methods",
                                   &methods)
        != NGX_OK
        || ngx_http_claude_add_header(r, "Access-Control-Allow-Headers",
                                      &headers)
           != NGX_OK
        || ngx_http_claude_add_header(r, "Access-Control-Max-Age", &age)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->answered = 1;

    r->header_only = 1;
    r->headers_out.status = NGX_HTTP_NO_CONTENT;

    return ngx_http_send_header(r);
}
