
/*
 * The location that tells what is counted: looks through the keys, asks the
 * bridge, writes.
 */


#include "ngx_http_claude_metrics.h"


/* ms; a worker that exits waits for events that have timers */

#define NGX_HTTP_CLAUDE_METRICS_TIMER  60000


static ngx_int_t ngx_http_claude_metrics_begin(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);
static void ngx_http_claude_metrics_wait(ngx_http_request_t *r,
    ngx_http_claude_metrics_scan_t *scan);
static void ngx_http_claude_metrics_turn(ngx_event_t *ev);
static void ngx_http_claude_metrics_still(ngx_event_t *ev);
static void ngx_http_claude_metrics_resumed(ngx_http_request_t *r);
static ngx_int_t ngx_http_claude_metrics_answer(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);
static void ngx_http_claude_metrics_report(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, claude_err_e failure, claude_out_t *doc);
static void ngx_http_claude_metrics_write(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, const ngx_http_claude_bridge_t *bridge,
    claude_out_t *out);


ngx_int_t
ngx_http_claude_metrics_handler(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_http_claude_ctx_t  *ctx;

    static ngx_str_t  allow = ngx_string("GET, HEAD");

    if (r != r->main) {
        return NGX_HTTP_FORBIDDEN;
    }

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return ngx_http_claude_add_header(r, "Allow", &allow) == NGX_OK
               ? NGX_HTTP_NOT_ALLOWED : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    ctx = ngx_http_claude_get_ctx(r);

    if (ctx == NULL || ngx_http_claude_metrics_begin(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->scan->done) {
        return ngx_http_claude_metrics_answer(r, ctx);
    }

    ngx_http_claude_metrics_wait(r, ctx->scan);

    return NGX_DONE;
}


static ngx_int_t
ngx_http_claude_metrics_begin(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx)
{
    ngx_table_elt_t                 *h;
    claude_str_t                     accept;
    ngx_http_claude_loc_conf_t      *lcf;
    ngx_http_claude_main_conf_t     *mcf;
    ngx_http_claude_metrics_scan_t  *scan;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_claude_module);

    h = ngx_http_claude_find_header(r, "accept", NULL);

    accept.data = h ? h->value.data : (u_char *) "";
    accept.len = h ? h->value.len : 0;

    ctx->mem = ngx_http_claude_mem(r->pool);
    ctx->report = ngx_http_claude_metrics_report;
    ctx->report_max = NGX_HTTP_CLAUDE_METRICS_MAX;
    ctx->report_type = claude_metrics_accepted(&accept)
                       ? CLAUDE_METRICS_TYPE : CLAUDE_METRICS_TYPE_TEXT;

    scan = ngx_pcalloc(r->pool, sizeof(ngx_http_claude_metrics_scan_t));
    if (scan == NULL) {
        return NGX_ERROR;
    }

    scan->sum.per_key = lcf->metrics->per_key;
    ctx->scan = scan;

    if (ngx_http_claude_metrics_scan_init(r->pool, scan) != NGX_OK) {
        return NGX_ERROR;
    }

    scan->done = (ngx_http_claude_metrics_scan(&mcf->store->keystore, scan)
                  == NGX_DONE);

    return NGX_OK;
}


/* the request stays until all keys are seen, whatever the client does */

static void
ngx_http_claude_metrics_wait(ngx_http_request_t *r,
    ngx_http_claude_metrics_scan_t *scan)
{
    r->main->count++;
    r->main->blocked++;
    r->aio = 1;
    r->write_event_handler = ngx_http_claude_metrics_resumed;

    scan->timer.handler = ngx_http_claude_metrics_still;
    scan->timer.data = r->connection;
    scan->timer.log = r->connection->log;

    ngx_add_timer(&scan->timer, NGX_HTTP_CLAUDE_METRICS_TIMER);

    scan->turn.handler = ngx_http_claude_metrics_turn;
    scan->turn.data = r;
    scan->turn.log = r->connection->log;

    ngx_post_event(&scan->turn, &ngx_posted_next_events);
}


static void
ngx_http_claude_metrics_turn(ngx_event_t *ev)
{
    ngx_connection_t                *c;
    ngx_http_request_t              *r;
    ngx_http_claude_ctx_t           *ctx;
    ngx_http_claude_main_conf_t     *mcf;
    ngx_http_claude_metrics_scan_t  *scan;

    r = ev->data;
    c = r->connection;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);
    ctx = ngx_http_get_module_ctx(r, ngx_http_claude_module);
    scan = ctx->scan;

    ngx_http_set_log_request(c->log, r);

    if (ngx_http_claude_metrics_scan(&mcf->store->keystore, scan) != NGX_DONE)
    {
        ngx_post_event(&scan->turn, &ngx_posted_next_events);
        return;
    }

    ngx_del_timer(&scan->timer);

    r->main->blocked--;
    r->aio = 0;

    scan->done = 1;

    /* nginx has put its own handler there if the request was terminated */

    r->write_event_handler(r);

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_claude_metrics_still(ngx_event_t *ev)
{
    ngx_add_timer(ev, NGX_HTTP_CLAUDE_METRICS_TIMER);
}


/* also called for any write event of the client's connection meanwhile */

static void
ngx_http_claude_metrics_resumed(ngx_http_request_t *r)
{
    ngx_http_claude_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_claude_module);

    if (!ctx->scan->done) {
        return;
    }

    r->write_event_handler = ngx_http_request_empty_handler;

    ngx_http_finalize_request(r, ngx_http_claude_metrics_answer(r, ctx));
}


static ngx_int_t
ngx_http_claude_metrics_answer(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx)
{
    claude_out_t                 out;
    ngx_http_claude_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_claude_module);

    if (lcf->metrics->upstream != NULL) {
        return ngx_http_claude_bridge_ask(r, ctx);
    }

    claude_out_init(&out, &ctx->mem, NGX_HTTP_CLAUDE_METRICS_MAX);
    ngx_http_claude_metrics_write(r, ctx, NULL, &out);

    return ngx_http_claude_send(r, ctx, NGX_HTTP_OK, ctx->report_type, &out);
}


static void
ngx_http_claude_metrics_report(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, claude_err_e failure, claude_out_t *doc)
{
    ngx_http_claude_bridge_t  bridge;

    ngx_http_claude_bridge_read(r, ctx, failure, &bridge);
    ngx_http_claude_metrics_write(r, ctx, &bridge, doc);
}


static void
ngx_http_claude_metrics_write(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, const ngx_http_claude_bridge_t *bridge,
    claude_out_t *out)
{
    claude_metrics_t              metrics;
    ngx_http_claude_main_conf_t  *mcf;

    static const u_char  type[] = CLAUDE_METRICS_TYPE;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);

    claude_metrics_init(&metrics, out, ngx_strcmp(ctx->report_type, type)
                                       == 0);

    ngx_http_claude_metrics_put_calls(&metrics, mcf);
    ngx_http_claude_metrics_put_state(&metrics, mcf);
    ngx_http_claude_metrics_put_keys(&metrics, &ctx->scan->sum);

    if (bridge != NULL) {
        ngx_http_claude_metrics_put_bridge(&metrics, bridge);
    }

    claude_metrics_end(&metrics);
}
