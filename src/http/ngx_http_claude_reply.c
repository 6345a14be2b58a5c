
/*
 * Answers that the module makes itself: JSON documents and errors.
 */


#include "ngx_http_claude.h"


static void *ngx_http_claude_alloc(void *pool, size_t size);


ngx_int_t
ngx_http_claude_send_error(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx,
    claude_err_e err)
{
    claude_fault_t  fault;

    ngx_memzero(&fault, sizeof(claude_fault_t));
    fault.err = err;

    return ngx_http_claude_send_fault(r, ctx, &fault);
}


ngx_int_t
ngx_http_claude_send_fault(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx,
    const claude_fault_t *fault)
{
    claude_mem_t  mem;
    claude_out_t  out;

    mem = ngx_http_claude_mem(r->pool);

    claude_out_init(&out, &mem, NGX_HTTP_CLAUDE_ERROR_MAX);

    ngx_http_claude_put_error(r, ctx, fault, &out);

    ctx->error = fault->err;

    if (ngx_http_claude_error_headers(r, ctx, fault) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_claude_send_json(r, ctx, claude_error_status(fault->err),
                                     &out);
}


ngx_int_t
ngx_http_claude_send_json(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx,
    ngx_uint_t status, const claude_out_t *doc)
{
    return ngx_http_claude_send(r, ctx, status, "application/json", doc);
}


ngx_int_t
ngx_http_claude_send(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx,
    ngx_uint_t status, const char *type, const claude_out_t *doc)
{
    ngx_int_t     rc;
    ngx_chain_t  *cl;

    if (doc->rc != CLAUDE_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* a client that waits for "100 Continue" keeps its body; discarding does
     * nothing where the body was read */

    r->expect_tested = 1;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    cl = ngx_http_claude_chain(r->pool, doc);
    if (cl == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->answered = 1;

    r->headers_out.status = status;
    r->headers_out.content_length_n = doc->size;
    ngx_http_claude_content_type(r, type);

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_output_filter(r, cl);
}


ngx_chain_t *
ngx_http_claude_chain(ngx_pool_t *pool, const claude_out_t *out)
{
    ngx_buf_t             *b;
    ngx_chain_t           *first, **last;
    const claude_piece_t  *piece;

    first = NULL;
    last = &first;
    b = NULL;

    for (piece = out->first; piece != NULL; piece = piece->next) {

        if (piece->str.len == 0) {
            continue;
        }

        *last = ngx_alloc_chain_link(pool);
        b = ngx_calloc_buf(pool);

        if (*last == NULL || b == NULL) {
            return NULL;
        }

        b->start = (u_char *) piece->str.data;
        b->pos = b->start;
        b->last = b->pos + piece->str.len;
        b->end = b->last;
        b->memory = 1;

        (*last)->buf = b;
        (*last)->next = NULL;
        last = &(*last)->next;
    }

    if (b != NULL) {
        b->last_buf = 1;
        b->last_in_chain = 1;
    }

    return first;
}


ngx_chain_t *
ngx_http_claude_link(ngx_pool_t *pool, ngx_buf_t *b, ngx_chain_t *next)
{
    ngx_chain_t  *cl;

    cl = ngx_alloc_chain_link(pool);

    if (cl != NULL) {
        cl->buf = b;
        cl->next = next;
    }

    return cl;
}


void
ngx_http_claude_content_type(ngx_http_request_t *r, const char *type)
{
    r->headers_out.content_type.len = ngx_strlen(type);
    r->headers_out.content_type.data = (u_char *) type;
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.charset.len = 0;
}


const claude_dialect_t *
ngx_http_claude_dialect(ngx_http_claude_ctx_t *ctx)
{
    return ctx->dialect ? ctx->dialect : ngx_http_claude_speaks(ctx->request);
}


void
ngx_http_claude_put_error(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx,
    const claude_fault_t *fault, claude_out_t *out)
{
    claude_fault_t               told;
    ngx_http_claude_loc_conf_t  *lcf;

    told = *fault;
    told.request_id = ngx_http_claude_request_id(r);

    /* nginx itself may have said so, by client_max_body_size */

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_claude_module);

    if (lcf->admin.on && told.err == CLAUDE_ERR_TOO_LARGE) {
        told.err = CLAUDE_ERR_ADMIN_TOO_LARGE;
    }

    ngx_http_claude_dialect(ctx)->error(&told, out);
}


claude_str_t
ngx_http_claude_request_id(ngx_http_request_t *r)
{
    claude_str_t                  id;
    ngx_http_variable_value_t    *vv;
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);

    id.len = 0;
    id.data = NULL;

    vv = ngx_http_get_indexed_variable(r, mcf->request_id);

    if (vv != NULL && !vv->not_found) {
        id.len = vv->len;
        id.data = vv->data;
    }

    return id;
}


claude_mem_t
ngx_http_claude_mem(ngx_pool_t *pool)
{
    claude_mem_t  mem;

    mem.alloc = ngx_http_claude_alloc;
    mem.ctx = pool;

    return mem;
}


static void *
ngx_http_claude_alloc(void *pool, size_t size)
{
    return ngx_palloc(pool, size);
}
