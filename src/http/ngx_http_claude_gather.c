
/*
 * A whole answer: the stream's events are gathered while nginx still waits for
 * the upstream's header, so that whatever goes wrong has its true status.
 */


#include "ngx_http_claude_audit.h"


static ngx_int_t ngx_http_claude_gather_piece(ngx_http_claude_ctx_t *ctx,
    const ngx_str_t *data);
static ngx_int_t ngx_http_claude_gather_end(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);
static ngx_int_t ngx_http_claude_gather_report(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);


ngx_int_t
ngx_http_claude_gather(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_str_t               data;
    ngx_connection_t       *c;
    ngx_http_upstream_t    *u;
    ngx_http_claude_ctx_t  *ctx;

    u = r->upstream;
    ctx = ngx_http_get_module_ctx(r, ngx_http_claude_module);

    /* an answer without framing ends with the connection, which nginx takes
     * for a failure here: the status has to say it all */

    if (!ctx->is_sse && !ctx->is_chunked && ctx->length == -1) {
        ctx->closing = 1;
        return ngx_http_claude_gather_end(r, ctx);
    }

    for ( ;; ) {

        rc = ngx_http_claude_upstream_body(r, ctx, &u->buffer, &data);

        if (rc == NGX_AGAIN && ctx->reply.complete) {
            rc = NGX_DONE;
        }

        if (rc == NGX_AGAIN) {
            break;
        }

        if (rc == NGX_OK) {
            rc = ngx_http_claude_gather_piece(ctx, &data);
        }

        if (rc == NGX_ERROR) {
            ctx->closing = 1;

            if (ctx->fault.err == CLAUDE_ERR_NONE) {
                ctx->fault.err = CLAUDE_ERR_UPSTREAM;
            }
        }

        if (rc != NGX_OK) {
            return ngx_http_claude_gather_end(r, ctx);
        }
    }

    /* nginx takes the timer for the header's: it runs anew with each read */

    c = u->peer.connection;
    ngx_add_timer(c->read, u->conf->read_timeout);

    u->buffer.pos = u->buffer.start;
    u->buffer.last = u->buffer.start;

    return NGX_AGAIN;
}


/* NGX_OK, or NGX_ERROR: no use in reading on */

static ngx_int_t
ngx_http_claude_gather_piece(ngx_http_claude_ctx_t *ctx,
    const ngx_str_t *data)
{
    if (ctx->is_sse && ctx->status.code == NGX_HTTP_OK) {
        return ngx_http_claude_feed(ctx, data, NULL) == CLAUDE_OK
               ? NGX_OK : NGX_ERROR;
    }

    /* what is over the bound is read and dropped: only the type matters */

    if (ctx->refusal.size + data->len <= ctx->refusal.max) {
        claude_out_put(&ctx->refusal, data->data, data->len);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_claude_gather_end(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx)
{
    claude_out_t  doc;

    if (ctx->report != NULL) {
        return ngx_http_claude_gather_report(r, ctx);
    }

    claude_out_init(&doc, &ctx->mem, CLAUDE_REPLY_MAX);

    if (ctx->status.code != NGX_HTTP_OK) {
        ngx_http_claude_read_refusal(r, ctx);

    } else if (ctx->fault.err == CLAUDE_ERR_NONE && !ctx->reply.complete) {
        ctx->fault.err = CLAUDE_ERR_UPSTREAM;
    }

    if (ctx->fault.err == CLAUDE_ERR_NONE
        && ctx->dialect->document(&ctx->reply, &doc) == CLAUDE_OK
        && doc.rc == CLAUDE_OK)
    {
        return ngx_http_claude_deliver(r, ctx, &doc, NGX_HTTP_OK);
    }

    if (ctx->fault.err == CLAUDE_ERR_NONE) {
        ctx->fault.err = CLAUDE_ERR_INTERNAL;
    }

    ctx->fault.begun = ctx->reply.started;

    ngx_http_claude_audit_fault(r, ctx);

    return ngx_http_claude_deliver_fault(r, ctx, &ctx->fault);
}


static ngx_int_t
ngx_http_claude_gather_report(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx)
{
    claude_out_t  doc;

    claude_out_init(&doc, &ctx->mem, ctx->report_max
                                     ? ctx->report_max
                                     : NGX_HTTP_CLAUDE_REPORT_MAX);

    ctx->report(r, ctx, CLAUDE_ERR_NONE, &doc);

    if (doc.rc != CLAUDE_OK
        || ngx_http_claude_deliver(r, ctx, &doc, NGX_HTTP_OK) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->report_type != NULL) {
        ngx_http_claude_content_type(r, ctx->report_type);
    }

    return NGX_OK;
}


/* the bridge's refusal: its status and type decide, its text stays here */

void
ngx_http_claude_read_refusal(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx)
{
    u_char          *p;
    claude_str_t     body, type;
    claude_event_t   event;
    claude_usage_t   usage;

    ngx_memzero(&usage, sizeof(claude_usage_t));
    ngx_str_null(&type);

    p = ngx_palloc(r->pool, ctx->refusal.size + 1);

    if (p != NULL && ctx->refusal.rc == CLAUDE_OK) {
        claude_out_copy(&ctx->refusal, p);

        body.data = p;
        body.len = ctx->refusal.size;

        if (claude_event_read(&body, &event, &usage) == CLAUDE_OK
            && event.type == CLAUDE_EVENT_ERROR)
        {
            type = event.error;
        }
    }

    ctx->fault.err = claude_error_from_upstream(ctx->status.code, &type);
    ctx->fault.retry_after = ctx->retry_after;

    ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                  "the bridge refused a request of %*s with %ui",
                  (size_t) CLAUDE_KEY_ID_LEN, ctx->key->id,
                  ctx->status.code);
}


/*
 * Header and document leave together: one byte stays in the buffer, so that
 * nginx calls the input filter at once, which finds the document in out_bufs.
 */

ngx_int_t
ngx_http_claude_deliver(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx,
    const claude_out_t *doc, ngx_uint_t status)
{
    ngx_buf_t            *b;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    b = ngx_create_temp_buf(r->pool, doc->size);
    if (b == NULL) {
        return NGX_ERROR;
    }

    claude_out_copy(doc, b->pos);
    b->last = b->pos + doc->size;

    ctx->delivered = ngx_http_claude_link(r->pool, b, NULL);
    if (ctx->delivered == NULL) {
        return NGX_ERROR;
    }

    ctx->answered = 1;

    u->headers_in.status_n = status;
    u->headers_in.content_length_n = doc->size;
    ngx_http_claude_content_type(r, "application/json");

    u->buffer.pos = u->buffer.start;
    u->buffer.last = u->buffer.start + 1;

    return NGX_OK;
}


ngx_int_t
ngx_http_claude_deliver_fault(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, const claude_fault_t *fault)
{
    claude_out_t  doc;

    ctx->error = fault->err;

    claude_out_init(&doc, &ctx->mem, NGX_HTTP_CLAUDE_ERROR_MAX);
    ngx_http_claude_put_error(r, ctx, fault, &doc);

    if (doc.rc != CLAUDE_OK
        || ngx_http_claude_error_headers(r, ctx, fault) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_claude_deliver(r, ctx, &doc,
                                   claude_error_status(fault->err));
}
