
/*
 * Writing metrics for Prometheus: OpenMetrics 1.0, or the older text form
 * 0.0.4.  The caller names a family, then its samples, family after family,
 * each family once; the writer makes of it what either form demands.
 *
 * https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/
 * OpenMetrics.md
 */


#ifndef CLAUDE_METRICS_H
#define CLAUDE_METRICS_H


#include "claude_out.h"


#define CLAUDE_METRICS_TYPE                                                   \
    "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define CLAUDE_METRICS_TYPE_TEXT                                              \
    "text/plain; version=0.0.4; charset=utf-8"


typedef enum {
    CLAUDE_METRIC_GAUGE = 0,
    CLAUDE_METRIC_COUNTER,          /* its samples end in _total */
    CLAUDE_METRIC_HISTOGRAM,
    CLAUDE_METRIC_INFO              /* its samples end in _info */
} claude_metric_e;


/* a family; name without what its samples end in; unit is the last word of
 * name, or NULL; help is one line of ASCII without '\' and '"' */

typedef struct {
    const char            *name;
    const char            *unit;
    claude_metric_e        type;
    const char            *help;
} claude_metric_t;


/* name is static text; value may be any bytes */

typedef struct {
    const char            *name;
    claude_str_t           value;
} claude_label_t;

#define CLAUDE_METRICS_LABELS  4    /* of a sample, at most */


/* a histogram's bounds, each with its text; the counts of n bounds are n + 1,
 * the last of what is above all */

typedef struct {
    uint64_t               bound;   /* millionths, included */
    const char            *le;      /* as a float: "0.5", "10.0" */
} claude_bucket_t;


typedef struct {
    claude_out_t          *out;
    const claude_metric_t *metric;
    unsigned               openmetrics:1;
} claude_metrics_t;


/* whether the client whose header Accept this is takes OpenMetrics rather than
 * text; len 0: there is no such header */

unsigned claude_metrics_accepted(const claude_str_t *accept);


/* out is the caller's; end writes what stands behind the last family */

void claude_metrics_init(claude_metrics_t *metrics, claude_out_t *out,
    unsigned openmetrics);
void claude_metrics_end(claude_metrics_t *metrics);

void claude_metrics_family(claude_metrics_t *metrics,
    const claude_metric_t *metric);

/* samples of the family: no two have the same labels */

void claude_metrics_put(claude_metrics_t *metrics,
    const claude_label_t *labels, unsigned n, uint64_t value);

/* value in millionths */

void claude_metrics_put_micro(claude_metrics_t *metrics,
    const claude_label_t *labels, unsigned n, uint64_t value);

/* counts are of each bucket alone; sum in millionths */

void claude_metrics_put_histogram(claude_metrics_t *metrics,
    const claude_label_t *labels, unsigned n, const claude_bucket_t *buckets,
    unsigned nbuckets, const uint64_t *counts, uint64_t sum);


#endif /* CLAUDE_METRICS_H */
