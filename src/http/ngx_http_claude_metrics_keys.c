
#include "ngx_http_claude_metrics.h"


/* holds of the lock in a turn of the event loop */

#define NGX_HTTP_CLAUDE_METRICS_SLICES  8


static void ngx_http_claude_metrics_see(void *data,
    const ngx_claude_key_view_t *key);
static int64_t ngx_http_claude_metrics_ratio(uint64_t tokens,
    uint64_t most_tokens, uint64_t cost, uint64_t most_cost);
static void ngx_http_claude_metrics_keep(ngx_http_claude_metrics_sum_t *sum,
    const ngx_http_claude_metrics_key_t *key);
static void ngx_http_claude_metrics_sink(ngx_http_claude_metrics_sum_t *sum,
    ngx_uint_t i);
static ngx_uint_t ngx_http_claude_metrics_less(
    const ngx_http_claude_metrics_key_t *a,
    const ngx_http_claude_metrics_key_t *b);


ngx_int_t
ngx_http_claude_metrics_scan_init(ngx_pool_t *pool,
    ngx_http_claude_metrics_scan_t *scan)
{
    claude_moment(&scan->now, ngx_current_msec, ngx_time());

    scan->sum.day_ratio = -1;
    scan->sum.month_ratio = -1;

    if (scan->sum.per_key == 0) {
        return NGX_OK;
    }

    scan->sum.keys = ngx_palloc(pool, scan->sum.per_key
                                * sizeof(ngx_http_claude_metrics_key_t));

    return scan->sum.keys ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_claude_metrics_scan(ngx_claude_keystore_t *ks,
    ngx_http_claude_metrics_scan_t *scan)
{
    ngx_int_t   rc;
    ngx_uint_t  i, turn;

    for (turn = 0; turn < NGX_HTTP_CLAUDE_METRICS_SLICES; turn++) {

        scan->nslice = 0;

        rc = ngx_claude_keystore_scan(ks, &scan->cursor,
                                      NGX_HTTP_CLAUDE_METRICS_SLICE,
                                      ngx_http_claude_metrics_see, scan);

        for (i = 0; i < scan->nslice; i++) {
            ngx_http_claude_metrics_keep(&scan->sum, &scan->slice[i]);
        }

        if (rc == NGX_DONE) {
            return NGX_DONE;
        }
    }

    return NGX_AGAIN;
}


/* under the keystore's lock */

static void
ngx_http_claude_metrics_see(void *data, const ngx_claude_key_view_t *key)
{
    ngx_http_claude_metrics_scan_t *scan = data;

    int64_t                         day_ratio, month_ratio;
    claude_count_t                  day, month;
    ngx_http_claude_metrics_sum_t  *sum;
    ngx_http_claude_metrics_key_t  *seen;

    sum = &scan->sum;

    if (!key->enabled) {
        sum->disabled++;

    } else if (key->expires && key->expires <= scan->now.time) {
        sum->expired++;

    } else {
        sum->active++;
    }

    claude_account_usage(key->account, &scan->now, &day, &month);

    day_ratio = ngx_http_claude_metrics_ratio(day.prompt + day.completion,
                                              key->day_tokens, day.cost,
                                              key->day_cost);
    month_ratio = ngx_http_claude_metrics_ratio(month.prompt + month.completion,
                                                key->month_tokens, month.cost,
                                                key->month_cost);

    sum->day_ratio = ngx_max(sum->day_ratio, day_ratio);
    sum->month_ratio = ngx_max(sum->month_ratio, month_ratio);

    if (sum->per_key == 0
        || (month.requests == 0 && key->account->running == 0))
    {
        return;
    }

    seen = &scan->slice[scan->nslice++];

    ngx_memcpy(seen->id, key->id, CLAUDE_KEY_ID_LEN);
    seen->month = month;
    seen->running = key->account->running;
    seen->day_ratio = day_ratio;
    seen->month_ratio = month_ratio;
}


/* of a key's two budgets, the one that is used more; what is used may be a bit
 * over a budget, which is 10^12 at most */

static int64_t
ngx_http_claude_metrics_ratio(uint64_t tokens, uint64_t most_tokens,
    uint64_t cost, uint64_t most_cost)
{
    double  ratio;

    ratio = -1;

    if (most_tokens) {
        ratio = (double) tokens * 1000000 / most_tokens;
    }

    if (most_cost) {
        ratio = ngx_max(ratio, (double) cost * 1000000 / most_cost);
    }

    return (int64_t) ngx_min(ratio, 1e15);
}


static void
ngx_http_claude_metrics_keep(ngx_http_claude_metrics_sum_t *sum,
    const ngx_http_claude_metrics_key_t *key)
{
    ngx_uint_t  i;

    if (sum->nkeys < sum->per_key) {
        sum->keys[sum->nkeys++] = *key;

        if (sum->nkeys == sum->per_key) {

            for (i = sum->nkeys / 2; i-- > 0; /* void */ ) {
                ngx_http_claude_metrics_sink(sum, i);
            }
        }

        return;
    }

    sum->left_out++;

    if (ngx_http_claude_metrics_less(&sum->keys[0], key)) {
        sum->keys[0] = *key;
        ngx_http_claude_metrics_sink(sum, 0);
    }
}


static void
ngx_http_claude_metrics_sink(ngx_http_claude_metrics_sum_t *sum, ngx_uint_t i)
{
    ngx_uint_t                     child;
    ngx_http_claude_metrics_key_t  key;

    key = sum->keys[i];

    for ( ;; ) {
        child = 2 * i + 1;

        if (child >= sum->nkeys) {
            break;
        }

        if (child + 1 < sum->nkeys
            && ngx_http_claude_metrics_less(&sum->keys[child + 1],
                                            &sum->keys[child]))
        {
            child++;
        }

        if (!ngx_http_claude_metrics_less(&sum->keys[child], &key)) {
            break;
        }

        sum->keys[i] = sum->keys[child];
        i = child;
    }

    sum->keys[i] = key;
}


static ngx_uint_t
ngx_http_claude_metrics_less(const ngx_http_claude_metrics_key_t *a,
    const ngx_http_claude_metrics_key_t *b)
{
    if (a->month.cost != b->month.cost) {
        return a->month.cost < b->month.cost;
    }

    if (a->month.requests != b->month.requests) {
        return a->month.requests < b->month.requests;
    }

    return ngx_memcmp(a->id, b->id, CLAUDE_KEY_ID_LEN) < 0;
}
