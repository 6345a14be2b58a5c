
/*
 * GET health, for load balancers: asks the bridge whether it can answer.
 */


#include "ngx_http_claude.h"


static ngx_int_t ngx_http_claude_process_health(ngx_http_request_t *r);


ngx_int_t
ngx_http_claude_health(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx)
{
    ngx_int_t                    rc;
    ngx_http_claude_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_claude_module);

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    ctx->mem = ngx_http_claude_mem(r->pool);

    if (ngx_http_claude_upstream_create(r, ctx, &lcf->health,
                                        ngx_http_claude_create_health,
                                        ngx_http_claude_process_health)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->main->count++;

    ngx_http_upstream_init(r);

    return NGX_DONE;
}


ngx_int_t
ngx_http_claude_create_health(ngx_http_request_t *r)
{
    ngx_buf_t  *b;

    static u_char  request[] =
        "GET /health HTTP/1.1" CRLF
        "Host: localhost" CRLF
        CRLF;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->start = request;
    b->pos = request;
    b->last = request + sizeof(request) - 1;
    b->end = b->last;
    b->memory = 1;
    b->last_buf = 1;

    r->upstream->request_bufs = ngx_http_claude_link(r->pool, b, NULL);

    return r->upstream->request_bufs ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_claude_process_health(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_str_t               data;
    claude_out_t            out;
    claude_fault_t          fault;
    ngx_http_claude_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_claude_module);

    rc = ngx_http_claude_upstream_header(r, ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    /* the status says it all; a body that has come with it is taken, so that
     * the connection can be used again */

    do {
        rc = ngx_http_claude_upstream_body(r, ctx, &r->upstream->buffer,
                                           &data);
    } while (rc == NGX_OK);

    ctx->closing = ctx->closing || !ctx->eof;

    if (ctx->status.code == NGX_HTTP_OK) {
        claude_out_init(&out, &ctx->mem, NGX_HTTP_CLAUDE_ERROR_MAX);
        claude_out_literal(&out, "{\"status\":\"ok\"}");
        return ngx_http_claude_deliver(r, ctx, &out, NGX_HTTP_OK);
    }

    ngx_memzero(&fault, sizeof(claude_fault_t));
    fault.err = CLAUDE_ERR_UNAVAILABLE;

    return ngx_http_claude_deliver_fault(r, ctx, &fault);
}
