
/*
 * The open calls of this worker, watched for keys that are revoked: a stream
 * ends with its error, an answer not begun with 401, within a quarter of a
 * second after the worker's zone knows.  A key that merely expires lets the
 * calls that it began come to their end.
 */


#include "ngx_http_claude.h"


#define NGX_HTTP_CLAUDE_WATCH  250          /* ms */


static void ngx_http_claude_watch_handler(ngx_event_t *ev);
static void ngx_http_claude_revoke(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);


static ngx_queue_t  ngx_http_claude_calls;
static ngx_event_t  ngx_http_claude_watch_event;


ngx_int_t
ngx_http_claude_watch_init(ngx_cycle_t *cycle)
{
    ngx_event_t  *ev;

    ngx_queue_init(&ngx_http_claude_calls);

    ev = &ngx_http_claude_watch_event;

    ngx_memzero(ev, sizeof(ngx_event_t));

    ev->handler = ngx_http_claude_watch_handler;
    ev->log = cycle->log;
    ev->data = cycle;
    ev->cancelable = 1;

    return NGX_OK;
}


void
ngx_http_claude_watch_add(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx)
{
    ngx_queue_insert_tail(&ngx_http_claude_calls, &ctx->queue);
    ctx->queued = 1;

    if (!ngx_http_claude_watch_event.timer_set) {
        ngx_add_timer(&ngx_http_claude_watch_event, NGX_HTTP_CLAUDE_WATCH);
    }
}


void
ngx_http_claude_watch_remove(ngx_http_claude_ctx_t *ctx)
{
    if (ctx->queued) {
        ngx_queue_remove(&ctx->queue);
        ctx->queued = 0;
    }

    if (ctx->ping.timer_set) {
        ngx_del_timer(&ctx->ping);
    }
}


static void
ngx_http_claude_watch_handler(ngx_event_t *ev)
{
    ngx_queue_t                  *q, *next;
    ngx_atomic_uint_t             generation;
    ngx_claude_store_t           *store;
    ngx_http_request_t           *r;
    ngx_http_claude_ctx_t        *ctx;
    ngx_http_claude_main_conf_t  *mcf;

    for (q = ngx_queue_head(&ngx_http_claude_calls);
         q != ngx_queue_sentinel(&ngx_http_claude_calls);
         q = next)
    {
        next = ngx_queue_next(q);

        ctx = ngx_queue_data(q, ngx_http_claude_ctx_t, queue);
        r = ctx->request;

        mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);
        store = mcf->store;

        generation = ngx_claude_keystore_generation(&store->keystore);

        if (ctx->generation == generation) {
            continue;
        }

        ctx->generation = generation;

        if (!ngx_claude_keystore_alive(&store->keystore, &ctx->key->ref,
                                       ngx_time()))
        {
            ngx_http_claude_revoke(r, ctx);
        }
    }

    if (!ngx_queue_empty(&ngx_http_claude_calls)) {
        ngx_add_timer(ev, NGX_HTTP_CLAUDE_WATCH);
    }
}


static void
ngx_http_claude_revoke(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx)
{
    ngx_connection_t     *c;
    ngx_http_upstream_t  *u;

    c = r->connection;
    u = r->upstream;

    ngx_http_set_log_request(c->log, r);

    ngx_log_error(NGX_LOG_NOTICE, c->log, 0, "a call of %*s is ended: its "
                  "key is no longer valid", (size_t) CLAUDE_KEY_ID_LEN,
                  ctx->key->id);

    ngx_memzero(&ctx->fault, sizeof(claude_fault_t));

    ctx->fault.err = CLAUDE_ERR_KEY_REVOKED;
    ctx->fault.begun = ctx->reply.started;

    if (u->header_sent) {
        ngx_http_claude_stream_fail(r, ctx, &ctx->fault);

    } else if (u->cleanup != NULL) {

        /* the upstream's cleanup drops a reference of its own */

        r->main->count++;
        (*u->cleanup)(r);
        ngx_http_finalize_request(r, NGX_HTTP_UNAUTHORIZED);
    }

    ngx_http_run_posted_requests(c);
}
