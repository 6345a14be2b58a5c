
/*
 * Writing what keys amount to, and some of them one by one.
 */


#include "ngx_http_claude_metrics.h"


typedef enum {
    NGX_HTTP_CLAUDE_KEY_REQUESTS = 0,
    NGX_HTTP_CLAUDE_KEY_ERRORS,
    NGX_HTTP_CLAUDE_KEY_TOKENS,
    NGX_HTTP_CLAUDE_KEY_COST,
    NGX_HTTP_CLAUDE_KEY_RATIO,
    NGX_HTTP_CLAUDE_KEY_RUNNING,

    NGX_HTTP_CLAUDE_KEY_SERIES
} ngx_http_claude_key_series_e;


static void ngx_http_claude_put_key(claude_metrics_t *out,
    ngx_http_claude_key_series_e which,
    const ngx_http_claude_metrics_key_t *key);
static void ngx_http_claude_put_ratio(claude_metrics_t *out,
    claude_label_t *labels, ngx_uint_t n, const char *window, int64_t ratio);


static const claude_metric_t  ngx_http_claude_keys =
    ngx_http_claude_gauge("claude_keys", NULL, "Keys by state.");

static const claude_metric_t  ngx_http_claude_budget =
    ngx_http_claude_gauge("claude_budget_used_ratio", "ratio",
        "The largest part of its budget that any key has used.");

static const claude_metric_t  ngx_http_claude_left_out =
    ngx_http_claude_gauge("claude_keys_left_out", NULL,
        "Keys that were used this month and have no series of their own.");

static const claude_metric_t  ngx_http_claude_key_series[] = {
    ngx_http_claude_counter("claude_key_requests", NULL,
        "Calls of the key this month."),
    ngx_http_claude_counter("claude_key_errors", NULL,
        "Calls of the key this month that were not answered whole."),
    ngx_http_claude_counter("claude_key_tokens", NULL,
        "Tokens of the key this month."),
    ngx_http_claude_counter("claude_key_cost_dollars", "dollars",
        "Estimated cost of the key this month."),
    ngx_http_claude_gauge("claude_key_budget_used_ratio", "ratio",
        "The part of its budget that the key has used."),
    ngx_http_claude_gauge("claude_key_running", NULL,
        "Calls of the key that are under way.")
};


void
ngx_http_claude_metrics_put_keys(claude_metrics_t *out,
    const ngx_http_claude_metrics_sum_t *sum)
{
    ngx_uint_t      i, which;
    claude_label_t  label;

    claude_metrics_family(out, &ngx_http_claude_keys);

    ngx_http_claude_set_label(&label, "state", "active");
    claude_metrics_put(out, &label, 1, sum->active);
    ngx_http_claude_set_label(&label, "state", "disabled");
    claude_metrics_put(out, &label, 1, sum->disabled);
    ngx_http_claude_set_label(&label, "state", "expired");
    claude_metrics_put(out, &label, 1, sum->expired);

    claude_metrics_family(out, &ngx_http_claude_budget);

    ngx_http_claude_put_ratio(out, &label, 0, "day",
                              ngx_max(sum->day_ratio, 0));
    ngx_http_claude_put_ratio(out, &label, 0, "month",
                              ngx_max(sum->month_ratio, 0));

    if (sum->per_key == 0) {
        return;
    }

    claude_metrics_family(out, &ngx_http_claude_left_out);
    claude_metrics_put(out, NULL, 0, sum->left_out);

    for (which = 0; which < NGX_HTTP_CLAUDE_KEY_SERIES; which++) {

        claude_metrics_family(out, &ngx_http_claude_key_series[which]);

        for (i = 0; i < sum->nkeys; i++) {
            ngx_http_claude_put_key(out, which, &sum->keys[i]);
        }
    }
}


static void
ngx_http_claude_put_key(claude_metrics_t *out,
    ngx_http_claude_key_series_e which,
    const ngx_http_claude_metrics_key_t *key)
{
    claude_label_t         labels[2];
    const claude_count_t  *month;

    month = &key->month;

    labels[0].name = "key";
    labels[0].value.data = key->id;
    labels[0].value.len = CLAUDE_KEY_ID_LEN;

    switch (which) {

    case NGX_HTTP_CLAUDE_KEY_REQUESTS:
        claude_metrics_put(out, labels, 1, month->requests);
        break;

    case NGX_HTTP_CLAUDE_KEY_ERRORS:
        claude_metrics_put(out, labels, 1, month->errors);
        break;

    case NGX_HTTP_CLAUDE_KEY_TOKENS:
        ngx_http_claude_set_label(&labels[1], "type", "input");
        claude_metrics_put(out, labels, 2,
                           month->prompt - ngx_min(month->cached,
                                                   month->prompt));
        ngx_http_claude_set_label(&labels[1], "type", "cache_read");
        claude_metrics_put(out, labels, 2, month->cached);
        ngx_http_claude_set_label(&labels[1], "type", "output");
        claude_metrics_put(out, labels, 2, month->completion);
        break;

    case NGX_HTTP_CLAUDE_KEY_COST:
        claude_metrics_put_micro(out, labels, 1, month->cost);
        break;

    case NGX_HTTP_CLAUDE_KEY_RATIO:
        ngx_http_claude_put_ratio(out, labels, 1, "day", key->day_ratio);
        ngx_http_claude_put_ratio(out, labels, 1, "month", key->month_ratio);
        break;

    default: /* NGX_HTTP_CLAUDE_KEY_RUNNING */
        claude_metrics_put(out, labels, 1, key->running);
    }
}


/* labels has room for one more than n */

static void
ngx_http_claude_put_ratio(claude_metrics_t *out, claude_label_t *labels,
    ngx_uint_t n, const char *window, int64_t ratio)
{
    if (ratio < 0) {
        return;
    }

    ngx_http_claude_set_label(&labels[n], "window", window);
    claude_metrics_put_micro(out, labels, n + 1, ratio);
}
