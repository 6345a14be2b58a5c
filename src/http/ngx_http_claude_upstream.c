
/*
 * The call to the bridge: HTTP/1.1 over nginx's upstream.  Nothing of the
 * client's headers goes out, and none of the bridge's comes back.
 */


#include "ngx_http_claude.h"


#define NGX_HTTP_CLAUDE_OAUTH    CRLF "Authorization: Bearer "
#define NGX_HTTP_CLAUDE_API_KEY  CRLF "X-Api-Key: "

/* bytes kept of the body of the bridge's refusal */

#define NGX_HTTP_CLAUDE_REFUSAL_MAX  16384


static ngx_buf_t *ngx_http_claude_request_head(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);
static ngx_int_t ngx_http_claude_open_secret(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, ngx_buf_t *head);
static ngx_int_t ngx_http_claude_process_messages(ngx_http_request_t *r);
static ngx_int_t ngx_http_claude_reinit_request(ngx_http_request_t *r);
static void ngx_http_claude_abort_request(ngx_http_request_t *r);
static void ngx_http_claude_finalize_request(ngx_http_request_t *r,
    ngx_int_t rc);
static claude_err_e ngx_http_claude_failure(ngx_http_claude_ctx_t *ctx,
    ngx_http_upstream_t *u, ngx_int_t rc);


void
ngx_http_claude_upstream_start(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx)
{
    ngx_claude_store_t           *store;
    ngx_http_claude_main_conf_t  *mcf;
    ngx_http_claude_loc_conf_t   *lcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_claude_module);
    store = mcf->store;

    /* the key may have gone while the body came */

    if (ctx->generation != ngx_claude_keystore_generation(&store->keystore)
        && !ngx_claude_keystore_alive(&store->keystore, &ctx->key->ref,
                                      ngx_time()))
    {
        ngx_http_finalize_request(r,
                ngx_http_claude_send_error(r, ctx, CLAUDE_ERR_KEY_REVOKED));
        return;
    }

    if (ngx_http_claude_start_reply(r, ctx) != NGX_OK
        || ngx_http_claude_upstream_create(r, ctx, &lcf->upstream,
                                           ngx_http_claude_create_messages,
                                           ngx_http_claude_process_messages)
           != NGX_OK)
    {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_http_claude_watch_add(r, ctx);

    ngx_http_upstream_init(r);
}


ngx_int_t
ngx_http_claude_upstream_create(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, ngx_http_upstream_conf_t *conf,
    ngx_int_t (*create)(ngx_http_request_t *r),
    ngx_int_t (*process)(ngx_http_request_t *r))
{
    ngx_http_upstream_t  *u;

    if (ngx_http_upstream_create(r) != NGX_OK) {
        return NGX_ERROR;
    }

    u = r->upstream;

    ngx_str_set(&u->schema, "claude://");
    u->output.tag = (ngx_buf_tag_t) &ngx_http_claude_module;

    u->conf = conf;

    u->create_request = create;
    u->reinit_request = ngx_http_claude_reinit_request;
    u->process_header = process;
    u->abort_request = ngx_http_claude_abort_request;
    u->finalize_request = ngx_http_claude_finalize_request;

    u->input_filter_init = ngx_http_claude_filter_start;
    u->input_filter = ngx_http_claude_stream_filter;
    u->input_filter_ctx = r;

    ctx->process = process;

    return ngx_http_claude_reinit_request(r);
}


/* the answer's identity, which the client will see, is the request's own */

ngx_int_t
ngx_http_claude_start_reply(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx)
{
    claude_str_t  id;

    id = ngx_http_claude_request_id(r);

    if (id.len == 0) {
        return NGX_ERROR;
    }

    ctx->mem = ngx_http_claude_mem(r->pool);

    if (claude_reply_init(&ctx->reply, &ctx->mem, ctx->dialect, &ctx->facts,
                          &id, ngx_time())
        != CLAUDE_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_claude_create_messages(ngx_http_request_t *r)
{
    ngx_buf_t              *head;
    ngx_chain_t            *cl, *body;
    ngx_http_claude_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_claude_module);

    head = ngx_http_claude_request_head(r, ctx);
    body = NULL;

    if (ctx->pool != NULL) {
        ctx->window = ngx_http_claude_window_create(r, ctx->pool,
                                                    &ctx->messages);
    } else {
        body = ngx_http_claude_chain(r->pool, &ctx->messages);
    }

    if (head == NULL || (body == NULL && ctx->window == NULL)) {
        return NGX_ERROR;
    }

    cl = ngx_http_claude_link(r->pool, head, body);

    if (cl == NULL || ngx_http_claude_open_secret(r, ctx, head) != NGX_OK) {
        return NGX_ERROR;
    }

    r->upstream->request_bufs = cl;

    return NGX_OK;
}


/* up to where the credential follows, for which there is room, and for the
 * end */

static ngx_buf_t *
ngx_http_claude_request_head(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx)
{
    size_t                 len;
    ngx_buf_t             *b;
    claude_str_t           id;
    const claude_trace_t  *trace;

    static const char  fixed[] =
        "POST /v1/messages HTTP/1.1" CRLF
        "Host: localhost" CRLF
        "Content-Type: application/json" CRLF
        "Accept: text/event-stream" CRLF
        "Anthropic-Version: 2023-06-01" CRLF
        "X-Request-Id: ";

    static const char  key_id[] = CRLF "X-Claude-Key-Id: ";
    static const char  length[] = CRLF "Content-Length: ";
    static const char  traceparent[] = CRLF "traceparent: ";

    id = ngx_http_claude_request_id(r);
    trace = ngx_http_claude_get_trace(r);

    if (id.len == 0) {
        return NULL;
    }

    len = sizeof(fixed) + id.len + sizeof(key_id) + CLAUDE_KEY_ID_LEN
          + sizeof(length) + NGX_SIZE_T_LEN
          + sizeof(traceparent) + CLAUDE_TRACE_LEN
          + sizeof(NGX_HTTP_CLAUDE_OAUTH) + CLAUDE_TOKEN_MAX
          + sizeof(CRLF CRLF);

    b = ngx_create_temp_buf(r->pool, len);
    if (b == NULL) {
        return NULL;
    }

#define ngx_http_claude_put(b, s)                                            \
    (b)->last = ngx_cpymem((b)->last, s, sizeof(s) - 1)

    ngx_http_claude_put(b, fixed);
    b->last = ngx_cpymem(b->last, id.data, id.len);
    ngx_http_claude_put(b, key_id);
    b->last = ngx_cpymem(b->last, ctx->key->id, CLAUDE_KEY_ID_LEN);
    ngx_http_claude_put(b, length);
    b->last = ngx_sprintf(b->last, "%uz", ctx->messages.size);

    if (trace != NULL) {
        ngx_http_claude_put(b, traceparent);
        b->last = ngx_cpymem(b->last, trace->parent, CLAUDE_TRACE_LEN);
    }

    if (ctx->key->token_form == CLAUDE_TOKEN_API_KEY) {
        ngx_http_claude_put(b, NGX_HTTP_CLAUDE_API_KEY);

    } else {
        ngx_http_claude_put(b, NGX_HTTP_CLAUDE_OAUTH);
    }

#undef ngx_http_claude_put

    return b;
}


/* the head is wiped as soon as it needn't be sent again */

static ngx_int_t
ngx_http_claude_open_secret(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx,
    ngx_buf_t *head)
{
    size_t                        len;
    ngx_claude_key_t             *key;
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);
    key = ctx->key;

    ctx->secret = head;

    if (ngx_claude_store_open_token(mcf->store, key, head->last, &len)
        != CLAUDE_OK)
    {
        ngx_log_error(NGX_LOG_CRIT, r->connection->log, 0,
                      "the credential of %*s can't be opened",
                      (size_t) CLAUDE_KEY_ID_LEN, key->id);
        return NGX_ERROR;
    }

    head->last = ngx_cpymem(head->last + len, CRLF CRLF,
                            sizeof(CRLF CRLF) - 1);

    return NGX_OK;
}


void
ngx_http_claude_forget_secret(ngx_http_claude_ctx_t *ctx)
{
    if (ctx->secret != NULL) {
        ngx_explicit_memzero(ctx->secret->start,
                             ctx->secret->end - ctx->secret->start);
        ctx->secret = NULL;
    }
}


static ngx_int_t
ngx_http_claude_process_messages(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_http_claude_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_claude_module);

    ngx_http_claude_forget_secret(ctx);

    rc = ngx_http_claude_upstream_header(r, ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    /* one of no bytes would never be fed to the stream's filter */

    if (ctx->facts.stream && ctx->is_sse && ctx->status.code == NGX_HTTP_OK
        && ctx->length != 0)
    {
        return ngx_http_claude_stream_start(r, ctx);
    }

    r->upstream->process_header = ngx_http_claude_gather;

    return ngx_http_claude_gather(r);
}


/* before the first server, and before each further one */

static ngx_int_t
ngx_http_claude_reinit_request(ngx_http_request_t *r)
{
    ngx_http_claude_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_claude_module);

    r->upstream->process_header = ctx->process;

    ngx_memzero(&ctx->status, sizeof(ngx_http_status_t));
    ngx_memzero(&ctx->chunked, sizeof(ngx_http_chunked_t));

    ctx->length = -1;
    ctx->status_read = 0;
    ctx->is_chunked = 0;
    ctx->is_sse = 0;
    ctx->closing = 0;
    ctx->eof = 0;

    if (ctx->window != NULL) {
        ngx_http_claude_window_rewind(ctx->window);
    }

    claude_sse_init(&ctx->sse, &ctx->mem);
    claude_out_init(&ctx->refusal, &ctx->mem, NGX_HTTP_CLAUDE_REFUSAL_MAX);

    return NGX_OK;
}


static void
ngx_http_claude_abort_request(ngx_http_request_t *r)
{
    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "abort http claude request");
}


/* however the call ends; rc is 0 when the answer was passed on whole */

static void
ngx_http_claude_finalize_request(ngx_http_request_t *r, ngx_int_t rc)
{
    claude_fault_t          fault;
    ngx_http_upstream_t    *u;
    ngx_http_claude_ctx_t  *ctx;

    u = r->upstream;
    ctx = ngx_http_get_module_ctx(r, ngx_http_claude_module);

    if (ctx == NULL) {
        return;
    }

    ngx_http_claude_quota_end(ctx);
    ngx_http_claude_forget_secret(ctx);
    ngx_http_claude_watch_remove(ctx);

    if (rc < NGX_HTTP_SPECIAL_RESPONSE
        || rc == NGX_HTTP_CLIENT_CLOSED_REQUEST)
    {
        return;
    }

    ngx_memzero(&fault, sizeof(claude_fault_t));

    fault.err = ngx_http_claude_failure(ctx, u, rc);
    fault.begun = ctx->reply.started;

    if (u->header_sent) {
        ngx_http_claude_stream_last_words(r, ctx, &fault);

    } else if (ctx->fault.err == CLAUDE_ERR_NONE) {

        /* the filter says it */

        ctx->fault = fault;
    }
}


static claude_err_e
ngx_http_claude_failure(ngx_http_claude_ctx_t *ctx, ngx_http_upstream_t *u,
    ngx_int_t rc)
{
    switch (rc) {

    case NGX_HTTP_BAD_GATEWAY:
    case NGX_HTTP_GATEWAY_TIME_OUT:

        /* nobody has seen the request: it may come again; and health, which
         * speaks no dialect, knows but this */

        if (!u->request_sent || ctx->dialect == NULL) {
            return CLAUDE_ERR_UNAVAILABLE;
        }

        return rc == NGX_HTTP_BAD_GATEWAY ? CLAUDE_ERR_UPSTREAM
                                          : CLAUDE_ERR_TIMEOUT;

    default:
        return CLAUDE_ERR_INTERNAL;
    }
}
