
/*
 * The last word on every answer: the module's headers, and its error body
 * instead of the HTML page that nginx makes for a request it refused itself.
 */


#include "ngx_http_claude.h"


static ngx_int_t ngx_http_claude_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_claude_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_uint_t ngx_http_claude_is_nginx_page(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);
static ngx_int_t ngx_http_claude_replace_page(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);
static ngx_int_t ngx_http_claude_allow_header(ngx_http_request_t *r);


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


ngx_int_t
ngx_http_claude_filter_init(ngx_conf_t *cf)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_claude_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_claude_body_filter;

    return NGX_OK;
}


static ngx_int_t
ngx_http_claude_header_filter(ngx_http_request_t *r)
{
    ngx_http_claude_ctx_t       *ctx;
    ngx_http_claude_loc_conf_t  *lcf;

    if (r != r->main) {
        return ngx_http_next_header_filter(r);
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_claude_module);

    if (ngx_http_claude_is_nginx_page(r, ctx)) {

        ctx = ngx_http_claude_get_ctx(r);

        if (ctx == NULL || ngx_http_claude_replace_page(r, ctx) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    /* what refused it has been overruled, as under "satisfy any" */

    if (ctx != NULL && !ctx->answered
        && r->headers_out.status < NGX_HTTP_BAD_REQUEST)
    {
        ctx->error = CLAUDE_ERR_NONE;
    }

    /* a client that lingers holds nothing any more */

    if (ctx != NULL && ctx->answered && r->upstream == NULL) {
        ngx_http_claude_quota_end(ctx);
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_claude_module);

    if ((lcf->pass != NULL || lcf->admin.on || (ctx != NULL && ctx->answered))
        && ngx_http_claude_answer_headers(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_next_header_filter(r);
}


static ngx_uint_t
ngx_http_claude_is_nginx_page(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx)
{
    ngx_http_claude_srv_conf_t  *scf;
    ngx_http_claude_loc_conf_t  *lcf;

    if (r->err_status < NGX_HTTP_BAD_REQUEST
        || (ctx != NULL && ctx->answered))
    {
        return 0;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_claude_module);

    if (lcf->pass != NULL || (ctx != NULL && ctx->report != NULL)) {
        return 1;
    }

    if (lcf->admin.on) {
        return ngx_http_claude_admin_is_api(r);
    }

    /* not where an error_page leads */

    if (lcf->auth == 1 && !r->internal) {
        return 1;
    }

    /* a request that could not be parsed has no location */

    scf = ngx_http_get_module_srv_conf(r, ngx_http_claude_module);

    return (scf->pass || scf->admin) && r->phase_handler == 0;
}


/*
 * The status stays nginx's own, unless the module knows better; err_status is
 * what nginx logs.
 */

static ngx_int_t
ngx_http_claude_replace_page(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx)
{
    claude_mem_t     mem;
    claude_out_t     out;
    claude_fault_t  *fault;

    fault = &ctx->fault;

    if (fault->err == CLAUDE_ERR_NONE) {
        fault->err = ctx->error != CLAUDE_ERR_NONE
                     ? ctx->error : claude_error_from_status(r->err_status);

    } else {
        r->headers_out.status = claude_error_status(fault->err);
        r->headers_out.status_line.len = 0;
        r->err_status = r->headers_out.status;
    }

    mem = ngx_http_claude_mem(r->pool);

    if (ctx->report != NULL) {
        r->headers_out.status = NGX_HTTP_OK;
        r->headers_out.status_line.len = 0;
        r->err_status = 0;

        claude_out_init(&out, &mem, ctx->report_max
                                    ? ctx->report_max
                                    : NGX_HTTP_CLAUDE_REPORT_MAX);
        ctx->report(r, ctx, fault->err, &out);

    } else {
        claude_out_init(&out, &mem, NGX_HTTP_CLAUDE_ERROR_MAX);
        ngx_http_claude_put_error(r, ctx, fault, &out);
    }

    if (out.rc != CLAUDE_OK) {
        return NGX_ERROR;
    }

    ctx->page = ngx_http_claude_chain(r->pool, &out);
    if (ctx->page == NULL) {
        return NGX_ERROR;
    }

    ctx->error = fault->err;
    ctx->answered = 1;

    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);
    ngx_http_clear_location(r);

    r->headers_out.content_length_n = out.size;
    ngx_http_claude_content_type(r, ctx->report_type ? ctx->report_type
                                                     : "application/json");

    if (ctx->report != NULL) {
        ctx->error = CLAUDE_ERR_NONE;
        return NGX_OK;
    }

    if (fault->err == CLAUDE_ERR_METHOD
        && ngx_http_claude_allow_header(r) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_claude_error_headers(r, ctx, fault);
}


/*
 * nginx refuses TRACE, and CONNECT, before it has looked for a location: what
 * the server takes anywhere is told (RFC 9110, 15.5.6).
 */

static ngx_int_t
ngx_http_claude_allow_header(ngx_http_request_t *r)
{
    ngx_http_claude_srv_conf_t  *scf;

    static ngx_str_t  api = ngx_string("GET, HEAD, POST");
    static ngx_str_t  admin = ngx_string("GET, HEAD, POST, PATCH, DELETE");

    if (r->phase_handler != 0) {
        return NGX_OK;
    }

    scf = ngx_http_get_module_srv_conf(r, ngx_http_claude_module);

    return ngx_http_claude_add_header(r, "Allow", scf->admin ? &admin : &api);
}


static ngx_int_t
ngx_http_claude_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_chain_t            *cl;
    ngx_http_claude_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_claude_module);

    if (ctx == NULL || in == NULL || r != r->main) {
        return ngx_http_next_body_filter(r, in);
    }

    if (ctx->ended && ngx_buf_special(in->buf)) {

        /* nginx ends a body that has ended with its last bytes */

        return NGX_OK;
    }

    if (ctx->page == NULL) {
        return ngx_http_next_body_filter(r, in);
    }

    cl = ctx->page;
    ctx->page = NULL;

    for ( /* void */ ; in != NULL; in = in->next) {
        in->buf->pos = in->buf->last;
    }

    return ngx_http_next_body_filter(r, cl);
}
