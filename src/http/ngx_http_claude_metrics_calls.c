
/*
 * Writing what is counted.
 */


#include "ngx_http_claude_metrics.h"


typedef struct {
    const char                *name;        /* of a label */
    const char                *value;
    ngx_uint_t                 event;
} ngx_http_claude_told_t;


static void ngx_http_claude_put_requests(claude_metrics_t *out,
    const ngx_claude_metrics_shm_t *shm);
static void ngx_http_claude_put_durations(claude_metrics_t *out,
    const ngx_claude_metrics_shm_t *shm);
static void ngx_http_claude_put_events(claude_metrics_t *out,
    const ngx_claude_metrics_shm_t *shm, const claude_metric_t *metric,
    const ngx_http_claude_told_t *told);
static void ngx_http_claude_put_models(claude_metrics_t *out,
    const ngx_claude_metrics_shm_t *shm);
static void ngx_http_claude_put_first(claude_metrics_t *out,
    const ngx_claude_metrics_model_t *model);
static void ngx_http_claude_put_between(claude_metrics_t *out,
    const ngx_claude_metrics_model_t *model);
static void ngx_http_claude_put_tokens(claude_metrics_t *out,
    const ngx_claude_metrics_model_t *model);
static void ngx_http_claude_put_cost(claude_metrics_t *out,
    const ngx_claude_metrics_model_t *model);
static void ngx_http_claude_model_label(claude_label_t *label,
    const ngx_claude_metrics_model_t *model);
static void ngx_http_claude_put_histogram(claude_metrics_t *out,
    const claude_label_t *label, const ngx_http_claude_histogram_t *told,
    const ngx_claude_metrics_histogram_t *counted);

static const claude_metric_t  ngx_http_claude_requests =
    ngx_http_claude_counter("claude_requests", NULL,
        "Requests that are over, by route, HTTP status and reason.");

static const claude_metric_t  ngx_http_claude_request_duration =
    ngx_http_claude_seconds("claude_request_duration",
        "From the first byte of a request to the last of its answer.");

static const claude_metric_t  ngx_http_claude_first_token =
    ngx_http_claude_seconds("claude_time_to_first_token",
        "From the first byte of a request to the first content.");

static const claude_metric_t  ngx_http_claude_between_tokens =
    ngx_http_claude_seconds("claude_time_between_tokens",
        "Mean time from one token of an answer to the next.");

static const claude_metric_t  ngx_http_claude_limited =
    ngx_http_claude_counter("claude_limited", NULL,
        "Requests that a limit has refused.");

static const claude_metric_t  ngx_http_claude_refusals =
    ngx_http_claude_counter("claude_credential_refusals", NULL,
        "Calls whose credential the API has refused (401) or limited (429).");

static const claude_metric_t  ngx_http_claude_logins =
    ngx_http_claude_counter("claude_login_attempts", NULL,
        "Attempts to sign in to the admin.");

static const claude_metric_t  ngx_http_claude_store_errors =
    ngx_http_claude_counter("claude_store_errors", NULL,
        "Troubles with the key log, and changes that were not durable.");

static const claude_metric_t  ngx_http_claude_tokens =
    ngx_http_claude_counter("claude_tokens", NULL,
        "Tokens by model and type.");

static const claude_metric_t  ngx_http_claude_cost =
    ngx_http_claude_counter("claude_cost_dollars", "dollars",
        "Estimated cost by model.");

static const ngx_http_claude_told_t  ngx_http_claude_limited_told[] = {
    { "limit", "address", NGX_HTTP_CLAUDE_COUNT_ADDRESS },
    { "limit", "key_requests", NGX_HTTP_CLAUDE_COUNT_KEY_REQUESTS },
    { "limit", "key_tokens", NGX_HTTP_CLAUDE_COUNT_KEY_TOKENS },
    { "limit", "key_concurrency", NGX_HTTP_CLAUDE_COUNT_KEY_CONCURRENCY },
    { "limit", "key_budget", NGX_HTTP_CLAUDE_COUNT_KEY_BUDGET },
    { "limit", "key_model", NGX_HTTP_CLAUDE_COUNT_KEY_MODEL },
    { "limit", "key_address", NGX_HTTP_CLAUDE_COUNT_KEY_ADDRESS },
    { NULL, NULL, 0 }
};

static const ngx_http_claude_told_t  ngx_http_claude_refusals_told[] = {
    { "status", "401", NGX_HTTP_CLAUDE_COUNT_CREDENTIAL_401 },
    { "status", "429", NGX_HTTP_CLAUDE_COUNT_CREDENTIAL_429 },
    { NULL, NULL, 0 }
};

static const ngx_http_claude_told_t  ngx_http_claude_logins_told[] = {
    { "outcome", "ok", NGX_HTTP_CLAUDE_COUNT_LOGIN_OK },
    { "outcome", "failed", NGX_HTTP_CLAUDE_COUNT_LOGIN_FAILED },
    { "outcome", "limited", NGX_HTTP_CLAUDE_COUNT_LOGIN_LIMITED },
    { NULL, NULL, 0 }
};

static const char  *ngx_http_claude_token_types[] = {
    "input", "cache_read", "cache_write", "output"
};


void
ngx_http_claude_metrics_put_calls(claude_metrics_t *out,
    ngx_http_claude_main_conf_t *mcf)
{
    const ngx_claude_metrics_shm_t  *shm;

    shm = mcf->metrics->zone.shm;

    ngx_http_claude_put_requests(out, shm);
    ngx_http_claude_put_durations(out, shm);
    ngx_http_claude_put_models(out, shm);
    ngx_http_claude_put_events(out, shm, &ngx_http_claude_limited,
                               ngx_http_claude_limited_told);
    ngx_http_claude_put_events(out, shm, &ngx_http_claude_refusals,
                               ngx_http_claude_refusals_told);
    ngx_http_claude_put_events(out, shm, &ngx_http_claude_logins,
                               ngx_http_claude_logins_told);

    claude_metrics_family(out, &ngx_http_claude_store_errors);
    claude_metrics_put(out, NULL, 0, ngx_claude_metrics_get(
                                   &shm->events[NGX_HTTP_CLAUDE_COUNT_STORE]));
}


static void
ngx_http_claude_put_requests(claude_metrics_t *out,
    const ngx_claude_metrics_shm_t *shm)
{
    u_char                            code[NGX_INT_T_LEN];
    uint32_t                          key;
    uint64_t                          count;
    ngx_uint_t                        i, route, reason;
    claude_label_t                    labels[3];
    const ngx_claude_metrics_cell_t  *cell;

    claude_metrics_family(out, &ngx_http_claude_requests);

    for (i = 0; i < NGX_CLAUDE_METRICS_CELLS; i++) {
        cell = &shm->cells[i];

        count = ngx_claude_metrics_get(&cell->count);
        key = cell->key;

        if (count == 0) {
            continue;
        }

        route = ngx_claude_metrics_key_route(key);
        reason = ngx_claude_metrics_key_reason(key);

        ngx_http_claude_set_label(&labels[0], "route",
                                  ngx_http_claude_metrics_route(route));
        ngx_http_claude_set_label(&labels[1], "code", "other");
        ngx_http_claude_set_label(&labels[2], "reason",
                                  ngx_http_claude_metrics_reason(reason));

        if (i == 0) {
            ngx_http_claude_set_label(&labels[2], "reason", "other");

        } else {
            labels[1].value.data = code;
            labels[1].value.len = ngx_sprintf(code, "%ui",
                                    (ngx_uint_t)
                                    ngx_claude_metrics_key_status(key))
                                  - code;
        }

        claude_metrics_put(out, labels, 3, count);
    }
}


static void
ngx_http_claude_put_durations(claude_metrics_t *out,
    const ngx_claude_metrics_shm_t *shm)
{
    ngx_uint_t      route;
    claude_label_t  label;

    claude_metrics_family(out, &ngx_http_claude_request_duration);

    for (route = 0; route < NGX_HTTP_CLAUDE_ROUTES; route++) {
        ngx_http_claude_set_label(&label, "route",
                                  ngx_http_claude_metrics_route(route));
        ngx_http_claude_put_histogram(out, &label, &ngx_http_claude_durations,
                                      &shm->durations[route]);
    }
}


static void
ngx_http_claude_put_models(claude_metrics_t *out,
    const ngx_claude_metrics_shm_t *shm)
{
    ngx_uint_t  i, n;

    n = shm->nmodels;
    ngx_memory_barrier();

    claude_metrics_family(out, &ngx_http_claude_first_token);

    for (i = 0; i < n; i++) {
        ngx_http_claude_put_first(out, &shm->models[i]);
    }

    claude_metrics_family(out, &ngx_http_claude_between_tokens);

    for (i = 0; i < n; i++) {
        ngx_http_claude_put_between(out, &shm->models[i]);
    }

    claude_metrics_family(out, &ngx_http_claude_tokens);

    for (i = 0; i < n; i++) {
        ngx_http_claude_put_tokens(out, &shm->models[i]);
    }

    claude_metrics_family(out, &ngx_http_claude_cost);

    for (i = 0; i < n; i++) {
        ngx_http_claude_put_cost(out, &shm->models[i]);
    }
}


static void
ngx_http_claude_put_first(claude_metrics_t *out,
    const ngx_claude_metrics_model_t *model)
{
    claude_label_t  label;

    ngx_http_claude_model_label(&label, model);
    ngx_http_claude_put_histogram(out, &label, &ngx_http_claude_firsts,
                                  &model->first);
}


static void
ngx_http_claude_put_between(claude_metrics_t *out,
    const ngx_claude_metrics_model_t *model)
{
    claude_label_t  label;

    ngx_http_claude_model_label(&label, model);
    ngx_http_claude_put_histogram(out, &label, &ngx_http_claude_betweens,
                                  &model->between);
}


static void
ngx_http_claude_put_tokens(claude_metrics_t *out,
    const ngx_claude_metrics_model_t *model)
{
    ngx_uint_t      type;
    claude_label_t  labels[2];

    ngx_http_claude_model_label(&labels[0], model);

    for (type = 0; type < NGX_CLAUDE_METRICS_TYPES; type++) {
        ngx_http_claude_set_label(&labels[1], "type",
                                  ngx_http_claude_token_types[type]);
        claude_metrics_put(out, labels, 2,
                           ngx_claude_metrics_get(&model->tokens[type]));
    }
}


static void
ngx_http_claude_put_cost(claude_metrics_t *out,
    const ngx_claude_metrics_model_t *model)
{
    claude_label_t  label;

    ngx_http_claude_model_label(&label, model);
    claude_metrics_put_micro(out, &label, 1,
                             ngx_claude_metrics_get(&model->cost));
}


static void
ngx_http_claude_model_label(claude_label_t *label,
    const ngx_claude_metrics_model_t *model)
{
    label->name = "model";
    label->value.data = model->name;
    label->value.len = model->len;
}


static void
ngx_http_claude_put_histogram(claude_metrics_t *out,
    const claude_label_t *label, const ngx_http_claude_histogram_t *told,
    const ngx_claude_metrics_histogram_t *counted)
{
    uint64_t    counts[NGX_CLAUDE_METRICS_BOUNDS + 1];
    ngx_uint_t  i;

    for (i = 0; i <= told->n; i++) {
        counts[i] = ngx_claude_metrics_get(&counted->counts[i]);
    }

    claude_metrics_put_histogram(out, label, 1, told->buckets, told->n,
                                 counts,
                                 ngx_claude_metrics_get(&counted->sum));
}


static void
ngx_http_claude_put_events(claude_metrics_t *out,
    const ngx_claude_metrics_shm_t *shm, const claude_metric_t *metric,
    const ngx_http_claude_told_t *told)
{
    claude_label_t  label;

    claude_metrics_family(out, metric);

    for ( /* void */ ; told->name; told++) {
        ngx_http_claude_set_label(&label, told->name, told->value);
        claude_metrics_put(out, &label, 1,
                           ngx_claude_metrics_get(&shm->events[told->event]));
    }
}
