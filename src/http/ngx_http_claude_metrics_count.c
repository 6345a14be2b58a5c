
/*
 * What a request counts as, once it is over: a few additions, no lock.
 */


#include "ngx_http_claude_metrics.h"


#define NGX_HTTP_CLAUDE_STATUS_MAX  999


static ngx_uint_t ngx_http_claude_metrics_find_route(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, ngx_http_claude_loc_conf_t *lcf);
static claude_err_e ngx_http_claude_metrics_error(ngx_http_claude_ctx_t *ctx,
    ngx_uint_t status);
static void ngx_http_claude_metrics_refused(ngx_claude_metrics_shm_t *shm,
    ngx_http_claude_ctx_t *ctx);
static void ngx_http_claude_metrics_call(ngx_claude_metrics_t *metrics,
    ngx_http_claude_ctx_t *ctx, ngx_msec_t ms);


static const char  *ngx_http_claude_metrics_routes[] = {
    [NGX_HTTP_CLAUDE_ROUTE_NONE] = "none",
    [NGX_HTTP_CLAUDE_ROUTE_CHAT] = "chat/completions",
    [NGX_HTTP_CLAUDE_ROUTE_RESPONSES] = "responses",
    [NGX_HTTP_CLAUDE_ROUTE_MESSAGES] = "messages",
    [NGX_HTTP_CLAUDE_ROUTE_COUNT_TOKENS] = "messages/count_tokens",
    [NGX_HTTP_CLAUDE_ROUTE_MODELS] = "models",
    [NGX_HTTP_CLAUDE_ROUTE_HEALTH] = "health",
    [NGX_HTTP_CLAUDE_ROUTE_ADMIN] = "admin",
    [NGX_HTTP_CLAUDE_ROUTE_GUARDED] = "guarded"
};


/* errors of one code are one reason: the first of them */

static u_char  ngx_http_claude_metrics_reasons[CLAUDE_ERR_MAX + 1];


#define ngx_http_claude_buckets(buckets)                                      \
    { buckets, sizeof(buckets) / sizeof(buckets[0]) }


static const claude_bucket_t  ngx_http_claude_duration_buckets[] = {
    { 5000, "0.005" }, { 10000, "0.01" }, { 25000, "0.025" },
    { 50000, "0.05" }, { 100000, "0.1" }, { 250000, "0.25" },
    { 500000, "0.5" }, { 1000000, "1.0" }, { 2500000, "2.5" },
    { 5000000, "5.0" }, { 10000000, "10.0" }, { 30000000, "30.0" },
    { 60000000, "60.0" }, { 120000000, "120.0" }, { 300000000, "300.0" }
};

static const claude_bucket_t  ngx_http_claude_first_buckets[] = {
    { 50000, "0.05" }, { 100000, "0.1" }, { 250000, "0.25" },
    { 500000, "0.5" }, { 750000, "0.75" }, { 1000000, "1.0" },
    { 1500000, "1.5" }, { 2500000, "2.5" }, { 5000000, "5.0" },
    { 10000000, "10.0" }, { 30000000, "30.0" }, { 60000000, "60.0" }
};

static const claude_bucket_t  ngx_http_claude_between_buckets[] = {
    { 1000, "0.001" }, { 2500, "0.0025" }, { 5000, "0.005" },
    { 10000, "0.01" }, { 15000, "0.015" }, { 20000, "0.02" },
    { 30000, "0.03" }, { 50000, "0.05" }, { 75000, "0.075" },
    { 100000, "0.1" }, { 250000, "0.25" }, { 500000, "0.5" },
    { 1000000, "1.0" }
};

const ngx_http_claude_histogram_t  ngx_http_claude_durations =
    ngx_http_claude_buckets(ngx_http_claude_duration_buckets);
const ngx_http_claude_histogram_t  ngx_http_claude_firsts =
    ngx_http_claude_buckets(ngx_http_claude_first_buckets);
const ngx_http_claude_histogram_t  ngx_http_claude_betweens =
    ngx_http_claude_buckets(ngx_http_claude_between_buckets);


void
ngx_http_claude_metrics_init(void)
{
    claude_err_e  err, first;

    for (err = CLAUDE_ERR_NONE + 1; err < CLAUDE_ERR_MAX; err++) {

        for (first = CLAUDE_ERR_NONE + 1; first < err; first++) {
            if (ngx_strcmp(claude_error_code(first), claude_error_code(err))
                == 0)
            {
                break;
            }
        }

        ngx_http_claude_metrics_reasons[err] = first;
    }

    ngx_http_claude_metrics_reasons[NGX_HTTP_CLAUDE_REASON_CLOSED] =
                                                NGX_HTTP_CLAUDE_REASON_CLOSED;
}


ngx_int_t
ngx_http_claude_metrics_log(ngx_http_request_t *r)
{
    uint32_t                      key;
    ngx_msec_t                    ms;
    ngx_uint_t                    route, status;
    claude_err_e                  err;
    ngx_claude_metrics_t         *metrics;
    ngx_http_claude_ctx_t        *ctx;
    ngx_http_claude_loc_conf_t   *lcf;
    ngx_http_claude_main_conf_t  *mcf;

    if (r != r->main) {
        return NGX_OK;
    }

    ctx = ngx_http_claude_last_ctx(r);
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_claude_module);

    if (ctx == NULL || lcf->metrics != NULL) {
        return NGX_OK;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);
    metrics = &mcf->metrics->zone;

    status = r->headers_out.status ? r->headers_out.status : r->err_status;

    if (status == 0 || status > NGX_HTTP_CLAUDE_STATUS_MAX) {
        status = NGX_HTTP_CLIENT_CLOSED_REQUEST;
    }

    route = ngx_http_claude_metrics_find_route(r, ctx, lcf);
    err = ngx_http_claude_metrics_error(ctx, status);
    ms = ngx_http_claude_elapsed(r);

    key = ngx_claude_metrics_key(route, status,
                                 ngx_http_claude_metrics_reasons[err]);

    ngx_claude_metrics_count(metrics, key);
    ngx_claude_metrics_observe(&metrics->shm->durations[route],
                               ngx_http_claude_durations.buckets,
                               ngx_http_claude_durations.n,
                               (uint64_t) ms * 1000);

    if (ctx->error != CLAUDE_ERR_NONE) {
        ngx_http_claude_metrics_refused(metrics->shm, ctx);
    }

    if (ctx->reply.started) {
        ngx_http_claude_metrics_call(metrics, ctx, ms);
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_claude_metrics_find_route(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, ngx_http_claude_loc_conf_t *lcf)
{
    const ngx_http_claude_route_t  *route;

    if (ctx->admin != NULL || lcf->admin.on) {
        return NGX_HTTP_CLAUDE_ROUTE_ADMIN;
    }

    route = ctx->route;

    /* what the limit of an address refuses is not looked at further */

    if (route == NULL && lcf->pass != NULL) {
        route = ngx_http_claude_find_route(r);
    }

    if (route != NULL) {
        return route->counted;
    }

    /* a request that could not be parsed has no location */

    return lcf->pass != NULL || r->uri.len == 0
           ? NGX_HTTP_CLAUDE_ROUTE_NONE : NGX_HTTP_CLAUDE_ROUTE_GUARDED;
}


static claude_err_e
ngx_http_claude_metrics_error(ngx_http_claude_ctx_t *ctx, ngx_uint_t status)
{
    if (ctx->error != CLAUDE_ERR_NONE) {
        return ctx->error;
    }

    if (status == NGX_HTTP_CLIENT_CLOSED_REQUEST) {
        return NGX_HTTP_CLAUDE_REASON_CLOSED;
    }

    if (status >= NGX_HTTP_BAD_REQUEST) {
        return claude_error_from_status(status);
    }

    /* a call that no error has ended, and that is not whole */

    if (ctx->dialect != NULL && !ctx->counting && !ctx->reply.complete) {
        return NGX_HTTP_CLAUDE_REASON_CLOSED;
    }

    return NGX_HTTP_CLAUDE_REASON_OK;
}


static void
ngx_http_claude_metrics_refused(ngx_claude_metrics_shm_t *shm,
    ngx_http_claude_ctx_t *ctx)
{
    ngx_http_claude_count_e  which;

    switch (ctx->error) {

    case CLAUDE_ERR_RATE_LIMIT:
        which = ctx->rejected ? NGX_HTTP_CLAUDE_COUNT_ADDRESS
                              : NGX_HTTP_CLAUDE_COUNT_KEY_REQUESTS;
        break;

    case CLAUDE_ERR_TOKEN_LIMIT:
        which = NGX_HTTP_CLAUDE_COUNT_KEY_TOKENS;
        break;

    case CLAUDE_ERR_CONCURRENCY:
        which = NGX_HTTP_CLAUDE_COUNT_KEY_CONCURRENCY;
        break;

    case CLAUDE_ERR_QUOTA:
        which = NGX_HTTP_CLAUDE_COUNT_KEY_BUDGET;
        break;

    case CLAUDE_ERR_MODEL_DENIED:
        which = NGX_HTTP_CLAUDE_COUNT_KEY_MODEL;
        break;

    case CLAUDE_ERR_ADDRESS_DENIED:
        which = NGX_HTTP_CLAUDE_COUNT_KEY_ADDRESS;
        break;

    case CLAUDE_ERR_CREDENTIAL:
        which = NGX_HTTP_CLAUDE_COUNT_CREDENTIAL_401;
        break;

    case CLAUDE_ERR_RATE_UPSTREAM:
        which = NGX_HTTP_CLAUDE_COUNT_CREDENTIAL_429;
        break;

    default:
        return;
    }

    ngx_claude_metrics_add(&shm->events[which], 1);
}


static void
ngx_http_claude_metrics_call(ngx_claude_metrics_t *metrics,
    ngx_http_claude_ctx_t *ctx, ngx_msec_t ms)
{
    uint64_t                     between, *tokens;
    claude_str_t                 name;
    claude_usage_t              *usage;
    claude_count_t               count;
    ngx_claude_metrics_model_t  *model;

    usage = &ctx->reply.usage;
    name = ctx->facts.upstream_model;

    model = ngx_claude_metrics_find(metrics, &name);

    if (model == NULL) {

        if (!claude_usage_model(name.data, name.len)) {
            name.len = 0;
        }

        model = ngx_claude_metrics_make(metrics, &name);
    }

    ngx_http_claude_quota_count(ctx, &count);

    ngx_claude_metrics_add(&model->tokens[NGX_HTTP_CLAUDE_TOKENS_INPUT],
                           usage->input_tokens);
    ngx_claude_metrics_add(&model->tokens[NGX_HTTP_CLAUDE_TOKENS_OUTPUT],
                           count.completion);

    if (usage->cache_read_tokens || usage->cache_creation_tokens) {
        tokens = model->tokens;

        ngx_claude_metrics_add(&tokens[NGX_HTTP_CLAUDE_TOKENS_CACHE_READ],
                               usage->cache_read_tokens);
        ngx_claude_metrics_add(&tokens[NGX_HTTP_CLAUDE_TOKENS_CACHE_WRITE],
                               usage->cache_creation_tokens);
    }

    if (ctx->cost) {
        ngx_claude_metrics_add(&model->cost, ctx->cost);
    }

    if (!ctx->timed) {
        return;
    }

    ngx_claude_metrics_observe(&model->first, ngx_http_claude_firsts.buckets,
                               ngx_http_claude_firsts.n,
                               (uint64_t) ctx->ttft * 1000);

    if (!ctx->reply.complete || count.completion < 2) {
        return;
    }

    /* a stream's end is when its last event came, not when the client went */

    if (ctx->sent) {
        ms -= ngx_min(ngx_current_msec - ctx->sent, ms);
    }

    between = ms > ctx->ttft ? ms - ctx->ttft : 0;

    ngx_claude_metrics_observe(&model->between,
                               ngx_http_claude_betweens.buckets,
                               ngx_http_claude_betweens.n,
                               between * 1000 / (count.completion - 1));
}


void
ngx_http_claude_metrics_event(ngx_http_claude_main_conf_t *mcf,
    ngx_http_claude_audit_event_e event)
{
    ngx_http_claude_count_e  which;

    if (mcf->metrics == NULL) {
        return;
    }

    switch (event) {

    case NGX_HTTP_CLAUDE_AUDIT_LOGIN_OK:
        which = NGX_HTTP_CLAUDE_COUNT_LOGIN_OK;
        break;

    case NGX_HTTP_CLAUDE_AUDIT_LOGIN_FAILED:
        which = NGX_HTTP_CLAUDE_COUNT_LOGIN_FAILED;
        break;

    case NGX_HTTP_CLAUDE_AUDIT_LOGIN_LIMITED:
        which = NGX_HTTP_CLAUDE_COUNT_LOGIN_LIMITED;
        break;

    case NGX_HTTP_CLAUDE_AUDIT_STORE_TROUBLE:
    case NGX_HTTP_CLAUDE_AUDIT_CHANGE_FAILED:
        which = NGX_HTTP_CLAUDE_COUNT_STORE;
        break;

    default:
        return;
    }

    ngx_claude_metrics_add(&mcf->metrics->zone.shm->events[which], 1);
}


const char *
ngx_http_claude_metrics_route(ngx_uint_t route)
{
    return ngx_http_claude_metrics_routes[ngx_min(route,
                                              NGX_HTTP_CLAUDE_ROUTES - 1)];
}


const char *
ngx_http_claude_metrics_reason(ngx_uint_t reason)
{
    switch (reason) {

    case NGX_HTTP_CLAUDE_REASON_OK:
        return "ok";

    case NGX_HTTP_CLAUDE_REASON_CLOSED:
        return "client_closed";

    default:
        return claude_error_code(reason);
    }
}
