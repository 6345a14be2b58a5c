
/*
 * A streamed answer: each event of the bridge becomes the client's as it
 * comes.
 */


#include "ngx_http_claude_audit.h"


#define NGX_HTTP_CLAUDE_SCRATCH   8192      /* bytes on the stack */
#define NGX_HTTP_CLAUDE_PING_MAX  64


static void ngx_http_claude_take(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, ngx_buf_t *in, claude_out_t *out);
static void ngx_http_claude_break_off(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, const claude_fault_t *fault,
    claude_out_t *out);
static void ngx_http_claude_end(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);
static ngx_int_t ngx_http_claude_push(ngx_http_request_t *r,
    const claude_out_t *out);
static void ngx_http_claude_ping(ngx_event_t *ev);


ngx_int_t
ngx_http_claude_stream_start(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx)
{
    ngx_http_upstream_t         *u;
    ngx_http_claude_loc_conf_t  *lcf;

    static ngx_str_t  no_cache = ngx_string("no-cache");
    static ngx_str_t  no = ngx_string("no");

    u = r->upstream;

    u->headers_in.status_n = NGX_HTTP_OK;
    u->headers_in.content_length_n = -1;

    ctx->answered = 1;

    ngx_http_claude_content_type(r, "text/event-stream; charset=utf-8");

    /* a proxy in between must not hold it back */

    if (ngx_http_claude_add_header(r, "Cache-Control", &no_cache) != NGX_OK
        || ngx_http_claude_add_header(r, "X-Accel-Buffering", &no) != NGX_OK)
    {
        return NGX_ERROR;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_claude_module);

    ctx->ping.handler = ngx_http_claude_ping;
    ctx->ping.data = r;
    ctx->ping.log = r->connection->log;
    ctx->ping.cancelable = 1;
    ctx->sent = ngx_current_msec;

    ngx_add_timer(&ctx->ping, lcf->ping);

    return NGX_OK;
}


/* the length is known only when the body ends */

ngx_int_t
ngx_http_claude_filter_start(void *data)
{
    ngx_http_request_t *r = data;

    r->upstream->length = 1;

    return NGX_OK;
}


/*
 * The buffer is not emptied here: nginx does that when the client has taken
 * what came out of it, and until then stops reading when it is full.
 */

ngx_int_t
ngx_http_claude_stream_filter(void *data, ssize_t bytes)
{
    ngx_http_request_t *r = data;

    u_char                  scratch[NGX_HTTP_CLAUDE_SCRATCH];
    ngx_buf_t               in, *b;
    claude_out_t            out;
    ngx_http_upstream_t    *u;
    ngx_http_claude_ctx_t  *ctx;

    u = r->upstream;
    ctx = ngx_http_get_module_ctx(r, ngx_http_claude_module);

    b = &u->buffer;

    ngx_memzero(&in, sizeof(ngx_buf_t));
    in.pos = b->last;
    in.last = b->last + bytes;
    b->last += bytes;

    if (ctx->delivered != NULL) {

        /* a whole answer, and the byte that ngx_http_claude_deliver() left */

        u->out_bufs = ctx->delivered;
        ctx->delivered = NULL;
        ctx->whole = 1;
        in.pos = in.last;

        if (ctx->eof || ctx->closing) {
            ngx_http_claude_end(r, ctx);
        }

        return NGX_OK;
    }

    claude_out_init_chunk(&out, &ctx->mem, CLAUDE_REPLY_MAX, scratch,
                          sizeof(scratch));

    ngx_http_claude_take(r, ctx, &in, &out);

    if (out.rc != CLAUDE_OK || ngx_http_claude_push(r, &out) != NGX_OK) {
        u->error = 1;
    }

    return NGX_OK;
}


static void
ngx_http_claude_take(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx,
    ngx_buf_t *in, claude_out_t *out)
{
    ngx_int_t  rc;
    ngx_str_t  data;

    for ( ;; ) {

        rc = ngx_http_claude_upstream_body(r, ctx, in, &data);

        if (rc == NGX_AGAIN) {

            if (ctx->reply.complete && ctx->closing) {
                ngx_http_claude_end(r, ctx);
            }

            return;
        }

        if (rc == NGX_OK && !ctx->whole) {
            rc = (ngx_http_claude_feed(ctx, &data, out) == CLAUDE_OK)
                 ? NGX_OK : NGX_ERROR;
        }

        if (rc == NGX_OK) {
            continue;
        }

        if (rc == NGX_DONE && (ctx->reply.complete || ctx->whole)) {
            ngx_http_claude_end(r, ctx);
            return;
        }

        break;
    }

    if (ctx->fault.err == CLAUDE_ERR_NONE) {
        ctx->fault.err = CLAUDE_ERR_UPSTREAM;
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "upstream broke a stream off: %s",
                  claude_error_code(ctx->fault.err));

    ngx_http_claude_audit_fault(r, ctx);

    ngx_http_claude_break_off(r, ctx, &ctx->fault, out);
    ngx_http_claude_end(r, ctx);
}


/* the last words of a stream that will not be whole */

static void
ngx_http_claude_break_off(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx,
    const claude_fault_t *fault, claude_out_t *out)
{
    claude_fault_t  told;

    told = *fault;
    told.request_id = ngx_http_claude_request_id(r);

    ctx->dialect->stream_error(&ctx->reply, &told, out);

    ctx->error = fault->err;
    ctx->failed = 1;
    ctx->closing = 1;
    r->keepalive = 0;
}


/* nothing more is wanted from the upstream */

static void
ngx_http_claude_end(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx)
{
    r->upstream->length = 0;
    r->upstream->keepalive = ctx->eof && !ctx->closing;
}


claude_rc_t
ngx_http_claude_feed(ngx_http_claude_ctx_t *ctx, const ngx_str_t *bytes,
    claude_out_t *out)
{
    claude_rc_t    rc;
    const u_char  *pos, *end;

    pos = bytes->data;
    end = pos + bytes->len;

    rc = CLAUDE_OK;

    while (pos < end && rc == CLAUDE_OK) {

        rc = claude_reply_next(&ctx->reply, ctx->dialect, &ctx->sse, &pos,
                               end, out);

        if (ctx->reply.started && !ctx->noted) {
            ctx->noted = 1;
            ngx_http_claude_quota_note(ctx);
        }

        if (ctx->reply.content && !ctx->timed) {
            ctx->timed = 1;
            ctx->ttft = ngx_http_claude_elapsed(ctx->request);
        }
    }

    if (rc == CLAUDE_AGAIN) {
        return CLAUDE_OK;
    }

    if (rc != CLAUDE_OK) {
        ctx->fault = ctx->reply.fault;
    }

    return rc;
}


/* appends out to what the client gets; buffers are used again once sent */

static ngx_int_t
ngx_http_claude_push(ngx_http_request_t *r, const claude_out_t *out)
{
    size_t                  size;
    ngx_buf_t              *b;
    ngx_chain_t            *cl, **ll;
    ngx_http_upstream_t    *u;
    ngx_http_claude_ctx_t  *ctx;

    if (out->size == 0) {
        return NGX_OK;
    }

    u = r->upstream;
    ctx = ngx_http_get_module_ctx(r, ngx_http_claude_module);

    cl = ngx_chain_get_free_buf(r->pool, &u->free_bufs);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    b = cl->buf;

    if (b->start == NULL || (size_t) (b->end - b->start) < out->size) {

        /* powers of two: a buffer that has to grow does so a few times only */

        for (size = 512; size < out->size; size *= 2) { /* void */ }

        b->start = ngx_palloc(r->pool, size);
        if (b->start == NULL) {
            return NGX_ERROR;
        }

        b->end = b->start + size;
    }

    b->pos = b->start;
    b->last = b->start + out->size;
    b->tag = u->output.tag;
    b->temporary = 1;
    b->flush = 1;

    /* the body's end leaves with its last bytes, not after them */

    b->last_buf = (u->length == 0);
    ctx->ended = b->last_buf;

    claude_out_copy(out, b->pos);

    for (ll = &u->out_bufs; *ll != NULL; ll = &(*ll)->next) { /* void */ }

    *ll = cl;

    ctx->sent = ngx_current_msec;

    return NGX_OK;
}


void
ngx_http_claude_stream_fail(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx,
    const claude_fault_t *fault)
{
    claude_out_t  out;

    if (ctx->failed || ctx->whole || ctx->reply.complete) {
        return;
    }

    claude_out_init(&out, &ctx->mem, NGX_HTTP_CLAUDE_ERROR_MAX);
    ngx_http_claude_break_off(r, ctx, fault, &out);

    if (out.rc == CLAUDE_OK) {
        (void) ngx_http_claude_push(r, &out);
    }

    ngx_http_claude_end(r, ctx);

    r->write_event_handler(r);
}


/*
 * nginx is about to close the connection.  The body ends in good order all the
 * same: clients drop what they have not read yet of one that is cut.
 */

void
ngx_http_claude_stream_last_words(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, const claude_fault_t *fault)
{
    claude_out_t          out;
    ngx_chain_t          *cl;
    ngx_http_upstream_t  *u;

    if (ctx->failed || ctx->whole || ctx->reply.complete) {
        return;
    }

    u = r->upstream;

    claude_out_init(&out, &ctx->mem, NGX_HTTP_CLAUDE_ERROR_MAX);
    ngx_http_claude_break_off(r, ctx, fault, &out);

    if (out.rc != CLAUDE_OK || ngx_http_claude_push(r, &out) != NGX_OK) {
        return;
    }

    for (cl = u->out_bufs; cl->next != NULL; cl = cl->next) { /* void */ }

    cl->buf->last_buf = 1;

    (void) ngx_http_output_filter(r, u->out_bufs);
    u->out_bufs = NULL;
}


/* keeps proxies and clients patient while the model thinks */

static void
ngx_http_claude_ping(ngx_event_t *ev)
{
    u_char                       chunk[NGX_HTTP_CLAUDE_PING_MAX];
    ngx_msec_t                   silent;
    claude_out_t                 out;
    ngx_connection_t            *c;
    ngx_http_request_t          *r;
    ngx_http_upstream_t         *u;
    ngx_http_claude_ctx_t       *ctx;
    ngx_http_claude_loc_conf_t  *lcf;

    r = ev->data;
    c = r->connection;
    u = r->upstream;

    ctx = ngx_http_get_module_ctx(r, ngx_http_claude_module);
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_claude_module);

    silent = ngx_current_msec - ctx->sent;

    if (silent < lcf->ping) {
        ngx_add_timer(ev, lcf->ping - silent);
        return;
    }

    ngx_add_timer(ev, lcf->ping);

    /* a client that doesn't read needs no ping */

    if (!u->header_sent || u->busy_bufs != NULL || u->out_bufs != NULL
        || ctx->reply.complete || ctx->failed)
    {
        return;
    }

    ngx_http_set_log_request(c->log, r);

    claude_out_init_chunk(&out, &ctx->mem, sizeof(chunk), chunk,
                          sizeof(chunk));

    if (ctx->dialect->ping.len) {
        claude_out_put(&out, ctx->dialect->ping.data, ctx->dialect->ping.len);

    } else {
        claude_out_literal(&out, ": ping\n\n");
    }

    if (ngx_http_claude_push(r, &out) == NGX_OK) {
        r->write_event_handler(r);
        ngx_http_run_posted_requests(c);
    }
}
