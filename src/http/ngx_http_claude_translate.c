
/*
 * The client's body becomes a Messages body, here or, where it is long, in a
 * thread: parsing megabytes would hold up everybody else in this worker.
 */


#include "ngx_http_claude.h"


/* a Messages body is hardly longer than what it is made of; many tiny messages
 * may make it up to twice as long */

#define NGX_HTTP_CLAUDE_POOL        16384
#define NGX_HTTP_CLAUDE_TASK_TIMER  60000


static ngx_int_t ngx_http_claude_post_task(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);
static void ngx_http_claude_task(void *data, ngx_log_t *log);
static void ngx_http_claude_task_done(ngx_event_t *ev);
static void ngx_http_claude_resume(ngx_http_request_t *r);
static void ngx_http_claude_run(ngx_http_claude_ctx_t *ctx);
static void ngx_http_claude_translated(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);


void
ngx_http_claude_translate(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx)
{
    ngx_http_claude_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_claude_module);

    ctx->models = &lcf->models;
    ctx->mem = ngx_http_claude_mem(r->pool);

    if (ctx->body_len > NGX_HTTP_CLAUDE_INLINE_MAX) {

        if (ngx_http_claude_post_task(r, ctx) != NGX_OK) {
            ngx_http_finalize_request(r,
                ngx_http_claude_send_error(r, ctx, CLAUDE_ERR_UNAVAILABLE));
        }

        return;
    }

    ngx_http_claude_run(ctx);
    ngx_http_claude_translated(r, ctx);
}


static ngx_int_t
ngx_http_claude_post_task(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx)
{
    ngx_thread_task_t            *task;
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);

    /* the request's pool is not the thread's to use */

    ctx->pool = ngx_create_pool(NGX_HTTP_CLAUDE_POOL, ngx_cycle->log);
    if (ctx->pool == NULL) {
        return NGX_ERROR;
    }

    ctx->mem = ngx_http_claude_mem(ctx->pool);

    task = ngx_thread_task_alloc(r->pool, sizeof(ngx_http_claude_ctx_t *));
    if (task == NULL) {
        return NGX_ERROR;
    }

    *(ngx_http_claude_ctx_t **) task->ctx = ctx;

    task->handler = ngx_http_claude_task;
    task->event.handler = ngx_http_claude_task_done;
    task->event.data = r;
    task->event.log = r->connection->log;

    if (ngx_thread_task_post(mcf->threads, task) != NGX_OK) {
        return NGX_ERROR;
    }

    /* the request stays until the task is done, whatever the client does */

    /* a worker that exits waits for events that have timers */

    ngx_add_timer(&task->event, NGX_HTTP_CLAUDE_TASK_TIMER);

    r->main->blocked++;
    r->aio = 1;
    r->write_event_handler = ngx_http_claude_resume;

    return NGX_OK;
}


/* in a thread */

static void
ngx_http_claude_task(void *data, ngx_log_t *log)
{
    ngx_http_claude_run(*(ngx_http_claude_ctx_t **) data);
}


static void
ngx_http_claude_task_done(ngx_event_t *ev)
{
    ngx_connection_t       *c;
    ngx_http_request_t     *r;
    ngx_http_claude_ctx_t  *ctx;

    r = ev->data;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    if (ev->timedout) {
        ev->timedout = 0;
        ngx_add_timer(ev, NGX_HTTP_CLAUDE_TASK_TIMER);
        return;
    }

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    r->main->blocked--;
    r->aio = 0;

    ctx = ngx_http_get_module_ctx(r, ngx_http_claude_module);
    ctx->translated = 1;

    /* nginx has put its own handler there if the request was terminated */

    r->write_event_handler(r);

    ngx_http_run_posted_requests(c);
}


/* also called for any write event of the client's connection meanwhile */

static void
ngx_http_claude_resume(ngx_http_request_t *r)
{
    ngx_http_claude_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_claude_module);

    if (!ctx->translated) {
        return;
    }

    r->write_event_handler = ngx_http_request_empty_handler;

    ngx_http_claude_translated(r, ctx);
}


static void
ngx_http_claude_run(ngx_http_claude_ctx_t *ctx)
{
    claude_out_init(&ctx->messages, &ctx->mem,
                    2 * ctx->body_len + NGX_HTTP_CLAUDE_POOL);

    ctx->rc = ctx->dialect->request(&ctx->mem, ctx->body, ctx->body_len,
                                    ctx->models, &ctx->messages, &ctx->facts,
                                    &ctx->fault);
}


static void
ngx_http_claude_translated(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx)
{
    ctx->translated = 1;

    switch (ctx->rc) {

    case CLAUDE_OK:
        ctx->fault.err = ngx_http_claude_quota_body(r, ctx);

        if (ctx->fault.err == CLAUDE_ERR_NONE) {
            ngx_http_claude_upstream_start(r, ctx);
            return;
        }

        break;

    case CLAUDE_INVALID:
        break;

    case CLAUDE_TOO_LARGE:
        ctx->fault.err = CLAUDE_ERR_TOO_LARGE;
        break;

    default: /* CLAUDE_NO_MEMORY */
        ctx->fault.err = CLAUDE_ERR_INTERNAL;
        break;
    }

    ngx_http_finalize_request(r,
                          ngx_http_claude_send_fault(r, ctx, &ctx->fault));
}
