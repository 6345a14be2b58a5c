
#include "claude_metrics.h"

#include "claude_json_reader.h"
#include "claude_json_writer.h"

#include <string.h>


#define CLAUDE_METRICS_MICRO  1000000


static void claude_metrics_text(claude_metrics_t *metrics, const char *text);
static void claude_metrics_line(claude_metrics_t *metrics, const char *kind,
    const char *text);
static void claude_metrics_sample(claude_metrics_t *metrics,
    const char *suffix, const claude_label_t *labels, unsigned n,
    const char *le);
static void claude_metrics_label(claude_metrics_t *metrics,
    const claude_str_t *value);
static void claude_metrics_micro(claude_metrics_t *metrics, uint64_t value);
static const char *claude_metrics_suffix(const claude_metric_t *metric);


static const char  *claude_metrics_types[] = {
    "gauge", "counter", "histogram", "info"
};


void
claude_metrics_init(claude_metrics_t *metrics, claude_out_t *out,
    unsigned openmetrics)
{
    metrics->out = out;
    metrics->metric = NULL;
    metrics->openmetrics = openmetrics ? 1 : 0;
}


void
claude_metrics_end(claude_metrics_t *metrics)
{
    if (metrics->openmetrics) {
        claude_out_literal(metrics->out, "# EOF\n");
    }
}


void
claude_metrics_family(claude_metrics_t *metrics,
    const claude_metric_t *metric)
{
    const char  *type;

    metrics->metric = metric;

    type = claude_metrics_types[metric->type];

    if (!metrics->openmetrics && metric->type == CLAUDE_METRIC_INFO) {
        type = "gauge";
    }

    claude_metrics_line(metrics, "HELP", metric->help);
    claude_metrics_line(metrics, "TYPE", type);

    if (metrics->openmetrics && metric->unit) {
        claude_metrics_line(metrics, "UNIT", metric->unit);
    }
}


/* in the older form the family is called as its samples are */

static void
claude_metrics_line(claude_metrics_t *metrics, const char *kind,
    const char *text)
{
    claude_out_literal(metrics->out, "# ");
    claude_metrics_text(metrics, kind);
    claude_out_literal(metrics->out, " ");
    claude_metrics_text(metrics, metrics->metric->name);

    if (!metrics->openmetrics) {
        claude_metrics_text(metrics, claude_metrics_suffix(metrics->metric));
    }

    claude_out_literal(metrics->out, " ");
    claude_metrics_text(metrics, text);
    claude_out_literal(metrics->out, "\n");
}


static void
claude_metrics_text(claude_metrics_t *metrics, const char *text)
{
    claude_out_put(metrics->out, text, strlen(text));
}


void
claude_metrics_put(claude_metrics_t *metrics, const claude_label_t *labels,
    unsigned n, uint64_t value)
{
    claude_metrics_sample(metrics, claude_metrics_suffix(metrics->metric),
                          labels, n, NULL);
    claude_json_put_uint(metrics->out, value);
    claude_out_literal(metrics->out, "\n");
}


void
claude_metrics_put_micro(claude_metrics_t *metrics,
    const claude_label_t *labels, unsigned n, uint64_t value)
{
    claude_metrics_sample(metrics, claude_metrics_suffix(metrics->metric),
                          labels, n, NULL);
    claude_metrics_micro(metrics, value);
    claude_out_literal(metrics->out, "\n");
}


void
claude_metrics_put_histogram(claude_metrics_t *metrics,
    const claude_label_t *labels, unsigned n, const claude_bucket_t *buckets,
    unsigned nbuckets, const uint64_t *counts, uint64_t sum)
{
    unsigned  i;
    uint64_t  count;

    count = 0;

    for (i = 0; i <= nbuckets; i++) {
        count += counts[i];

        claude_metrics_sample(metrics, "_bucket", labels, n,
                              i < nbuckets ? buckets[i].le : "+Inf");
        claude_json_put_uint(metrics->out, count);
        claude_out_literal(metrics->out, "\n");
    }

    claude_metrics_sample(metrics, "_count", labels, n, NULL);
    claude_json_put_uint(metrics->out, count);
    claude_out_literal(metrics->out, "\n");

    claude_metrics_sample(metrics, "_sum", labels, n, NULL);
    claude_metrics_micro(metrics, sum);
    claude_out_literal(metrics->out, "\n");
}


/* all of a sample but its value: name{label="value",…} and a space */

static void
claude_metrics_sample(claude_metrics_t *metrics, const char *suffix,
    const claude_label_t *labels, unsigned n, const char *le)
{
    unsigned  i;

    claude_metrics_text(metrics, metrics->metric->name);
    claude_metrics_text(metrics, suffix);

    if (n == 0 && le == NULL) {
        claude_out_literal(metrics->out, " ");
        return;
    }

    claude_out_literal(metrics->out, "{");

    for (i = 0; i < n; i++) {

        if (i) {
            claude_out_literal(metrics->out, ",");
        }

        claude_metrics_text(metrics, labels[i].name);
        claude_out_literal(metrics->out, "=\"");
        claude_metrics_label(metrics, &labels[i].value);
        claude_out_literal(metrics->out, "\"");
    }

    if (le) {
        claude_metrics_text(metrics, n ? ",le=\"" : "le=\"");
        claude_metrics_text(metrics, le);
        claude_out_literal(metrics->out, "\"");
    }

    claude_out_literal(metrics->out, "} ");
}


/*
 * Escaped as both forms demand; what is no UTF-8, and any control character
 * but a line feed, becomes U+FFFD: nothing can end a line or a label but what
 * stands here.
 */

static void
claude_metrics_label(claude_metrics_t *metrics, const claude_str_t *value)
{
    size_t                len;
    const unsigned char  *p, *end, *plain;

    p = value->data;
    end = p + value->len;

    while (p < end) {

        len = claude_utf8_span(p, end - p);

        for (plain = p; p < plain + len; p++) {

            if (*p < 0x20 || *p == 0x7f || *p == '"' || *p == '\\') {
                break;
            }
        }

        claude_out_put(metrics->out, plain, p - plain);

        if (p == end) {
            return;
        }

        switch (*p++) {

        case '\n':
            claude_out_literal(metrics->out, "\\n");
            break;

        case '"':
            claude_out_literal(metrics->out, "\\\"");
            break;

        case '\\':
            claude_out_literal(metrics->out, "\\\\");
            break;

        default:
            claude_out_literal(metrics->out, "\xef\xbf\xbd");
        }
    }
}


static void
claude_metrics_micro(claude_metrics_t *metrics, uint64_t value)
{
    unsigned  i, n;
    uint64_t  rest;
    char      digits[7];

    claude_json_put_uint(metrics->out, value / CLAUDE_METRICS_MICRO);

    rest = value % CLAUDE_METRICS_MICRO;

    if (rest == 0) {
        return;
    }

    for (i = 6; i > 0; i--) {
        digits[i] = (char) ('0' + rest % 10);
        rest /= 10;
    }

    digits[0] = '.';

    for (n = 7; digits[n - 1] == '0'; n--) { /* void */ }

    claude_out_put(metrics->out, digits, n);
}


static const char *
claude_metrics_suffix(const claude_metric_t *metric)
{
    switch (metric->type) {

    case CLAUDE_METRIC_COUNTER:
        return "_total";

    case CLAUDE_METRIC_INFO:
        return "_info";

    default:
        return "";
    }
}
