
/*
 * Writing what the bridge says of itself.
 */


#include "ngx_http_claude_metrics.h"


typedef struct {
    claude_metric_t            metric;
    size_t                     offset;      /* of an int64_t */
} ngx_http_claude_bridge_number_t;


static const claude_metric_t  ngx_http_claude_bridge_up =
    ngx_http_claude_gauge("claude_bridge_up", NULL,
        "Whether the bridge answers and can serve requests.");

static const claude_metric_t  ngx_http_claude_bridge_ready =
    ngx_http_claude_gauge("claude_bridge_ready", NULL,
        "Whether a process of the bridge is parked.");

static const claude_metric_t  ngx_http_claude_bridge_processes =
    ngx_http_claude_gauge("claude_bridge_processes", NULL,
        "Processes of the bridge by state.");

static const struct {
    const char                *state;
    size_t                     offset;
} ngx_http_claude_bridge_states[] = {
    { "parked", offsetof(ngx_http_claude_bridge_t, parked) },
    { "starting", offsetof(ngx_http_claude_bridge_t, starting) },
    { "kept", offsetof(ngx_http_claude_bridge_t, kept) },
    { "busy", offsetof(ngx_http_claude_bridge_t, busy) }
};

static const ngx_http_claude_bridge_number_t
    ngx_http_claude_bridge_numbers[] =
{
    { ngx_http_claude_gauge("claude_bridge_queued", NULL,
          "Requests that wait for a process."),
      offsetof(ngx_http_claude_bridge_t, queue) },

    { ngx_http_claude_counter("claude_bridge_refused", NULL,
          "Requests that got no process."),
      offsetof(ngx_http_claude_bridge_t, refused) },

    { ngx_http_claude_counter("claude_bridge_starts", NULL,
          "Processes that were started."),
      offsetof(ngx_http_claude_bridge_t, starts) },

    { ngx_http_claude_counter("claude_bridge_failed_starts", NULL,
          "Processes that ended before they were ready."),
      offsetof(ngx_http_claude_bridge_t, failed_starts) },

    { ngx_http_claude_counter("claude_bridge_continued", NULL,
          "Requests that went on in a kept process."),
      offsetof(ngx_http_claude_bridge_t, continued) }
};


static int64_t
ngx_http_claude_bridge_said(const ngx_http_claude_bridge_t *bridge,
    size_t offset)
{
    return *(const int64_t *) ((const u_char *) bridge + offset);
}


/* what it doesn't say has no sample, and no family where there is none left */

void
ngx_http_claude_metrics_put_bridge(claude_metrics_t *out,
    const ngx_http_claude_bridge_t *bridge)
{
    int64_t                                 n;
    ngx_uint_t                              i, told;
    claude_label_t                          label;
    const ngx_http_claude_bridge_number_t  *number;

    claude_metrics_family(out, &ngx_http_claude_bridge_up);
    claude_metrics_put(out, NULL, 0,
                       bridge->reachable && bridge->status_len == 2
                       && ngx_memcmp(bridge->status, "ok", 2) == 0);

    if (bridge->has_ready) {
        claude_metrics_family(out, &ngx_http_claude_bridge_ready);
        claude_metrics_put(out, NULL, 0, bridge->ready);
    }

    for (i = 0, told = 0; i < 4; i++) {
        n = ngx_http_claude_bridge_said(bridge,
                                     ngx_http_claude_bridge_states[i].offset);
        if (n < 0) {
            continue;
        }

        if (told++ == 0) {
            claude_metrics_family(out, &ngx_http_claude_bridge_processes);
        }

        ngx_http_claude_set_label(&label, "state",
                                  ngx_http_claude_bridge_states[i].state);
        claude_metrics_put(out, &label, 1, n);
    }

    for (i = 0; i < 5; i++) {
        number = &ngx_http_claude_bridge_numbers[i];

        n = ngx_http_claude_bridge_said(bridge, number->offset);

        if (n >= 0) {
            claude_metrics_family(out, &number->metric);
            claude_metrics_put(out, NULL, 0, n);
        }
    }
}
