
#include "tap.h"
#include "pool.h"

#include "claude_metrics.h"


static pool_t        pool;
static claude_out_t  out;

static const claude_metric_t  gauge = {
    "a_size_bytes", "bytes", CLAUDE_METRIC_GAUGE, "How large."
};
static const claude_metric_t  counter = {
    "a_cost_dollars", "dollars", CLAUDE_METRIC_COUNTER, "What it costs."
};
static const claude_metric_t  histogram = {
    "a_wait_seconds", "seconds", CLAUDE_METRIC_HISTOGRAM, "How long."
};
static const claude_metric_t  info = {
    "a_build", NULL, CLAUDE_METRIC_INFO, "Which."
};

static const claude_bucket_t  buckets[] = {
    { 500000, "0.5" }, { 1000000, "1.0" }
};


static const char *
text(void)
{
    static char  buf[8192];

    if (out.rc != CLAUDE_OK || out.size >= sizeof(buf)) {
        return NULL;
    }

    claude_out_copy(&out, (unsigned char *) buf);
    buf[out.size] = '\0';

    return buf;
}


static void
begin(claude_metrics_t *metrics, unsigned openmetrics)
{
    pool_free(&pool);
    pool_init(&pool, 1 << 20);

    claude_out_init(&out, &pool.mem, 1 << 16);
    claude_metrics_init(metrics, &out, openmetrics);
}


static void
put_all(claude_metrics_t *metrics)
{
    uint64_t        counts[] = { 1, 2, 3 };
    claude_label_t  labels[] = {
        { "x", claude_string("one") }, { "y", claude_string("two") }
    };

    claude_metrics_family(metrics, &gauge);
    claude_metrics_put(metrics, NULL, 0, 7);

    claude_metrics_family(metrics, &counter);
    claude_metrics_put_micro(metrics, labels, 1, 1234567);
    claude_metrics_put_micro(metrics, labels, 2, 2000000);

    claude_metrics_family(metrics, &histogram);
    claude_metrics_put_histogram(metrics, labels, 1, buckets, 2, counts,
                                 4500000);

    claude_metrics_family(metrics, &info);
    claude_metrics_put(metrics, labels, 1, 1);

    claude_metrics_end(metrics);
}


static void
test_forms(void)
{
    claude_metrics_t  metrics;

    begin(&metrics, 1);
    put_all(&metrics);

    is_str(text(),
           "# HELP a_size_bytes How large.\n"
           "# TYPE a_size_bytes gauge\n"
           "# UNIT a_size_bytes bytes\n"
           "a_size_bytes 7\n"
           "# HELP a_cost_dollars What it costs.\n"
           "# TYPE a_cost_dollars counter\n"
           "# UNIT a_cost_dollars dollars\n"
           "a_cost_dollars_total{x=\"one\"} 1.234567\n"
           "a_cost_dollars_total{x=\"one\",y=\"two\"} 2\n"
           "# HELP a_wait_seconds How long.\n"
           "# TYPE a_wait_seconds histogram\n"
           "# UNIT a_wait_seconds seconds\n"
           "a_wait_seconds_bucket{x=\"one\",le=\"0.5\"} 1\n"
           "a_wait_seconds_bucket{x=\"one\",le=\"1.0\"} 3\n"
           "a_wait_seconds_bucket{x=\"one\",le=\"+Inf\"} 6\n"
           "a_wait_seconds_count{x=\"one\"} 6\n"
           "a_wait_seconds_sum{x=\"one\"} 4.5\n"
           "# HELP a_build Which.\n"
           "# TYPE a_build info\n"
           "a_build_info{x=\"one\"} 1\n"
           "# EOF\n",
           "OpenMetrics");

    begin(&metrics, 0);
    put_all(&metrics);

    is_str(text(),
           "# HELP a_size_bytes How large.\n"
           "# TYPE a_size_bytes gauge\n"
           "a_size_bytes 7\n"
           "# HELP a_cost_dollars_total What it costs.\n"
           "# TYPE a_cost_dollars_total counter\n"
           "a_cost_dollars_total{x=\"one\"} 1.234567\n"
           "a_cost_dollars_total{x=\"one\",y=\"two\"} 2\n"
           "# HELP a_wait_seconds How long.\n"
           "# TYPE a_wait_seconds histogram\n"
           "a_wait_seconds_bucket{x=\"one\",le=\"0.5\"} 1\n"
           "a_wait_seconds_bucket{x=\"one\",le=\"1.0\"} 3\n"
           "a_wait_seconds_bucket{x=\"one\",le=\"+Inf\"} 6\n"
           "a_wait_seconds_count{x=\"one\"} 6\n"
           "a_wait_seconds_sum{x=\"one\"} 4.5\n"
           "# HELP a_build_info Which.\n"
           "# TYPE a_build_info gauge\n"
           "a_build_info{x=\"one\"} 1\n",
           "the older form");
}


static void
test_numbers(void)
{
    size_t            i;
    claude_metrics_t  metrics;

    static const struct {
        uint64_t      value;
        const char   *text;
    } cases[] = {
        { 0, "a_size_bytes 0\n" },
        { 1, "a_size_bytes 0.000001\n" },
        { 100000, "a_size_bytes 0.1\n" },
        { 999999, "a_size_bytes 0.999999\n" },
        { 1000000, "a_size_bytes 1\n" },
        { 1010000, "a_size_bytes 1.01\n" },
        { UINT64_MAX, "a_size_bytes 18446744073709.551615\n" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin(&metrics, 1);
        metrics.metric = &gauge;
        claude_metrics_put_micro(&metrics, NULL, 0, cases[i].value);
        is_str(text(), cases[i].text, "millionths %u", (unsigned) i);
    }
}


static void
test_labels(void)
{
    size_t            i;
    claude_label_t    label;
    claude_metrics_t  metrics;

    static const struct {
        claude_str_t  value;
        const char   *text;
    } cases[] = {
        { claude_string(""), "" },
        { claude_string("a\"b\\c\nd"), "a\\\"b\\\\c\\nd" },
        { claude_string("\"} 1\nevil 2"), "\\\"} 1\\nevil 2" },
        { claude_string("h\xc3\xa4h \xf0\x9f\x98\x80"),
          "h\xc3\xa4h \xf0\x9f\x98\x80" },
        { claude_string("\xc0\x80\xff|\xc3"),
          "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|\xef\xbf\xbd" },
        { claude_string("\xed\xa0\x80"),
          "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        { claude_string("\0\r\t\x7f"),
          "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        { claude_string("\n"), "\\n" },
        { claude_string("\\"), "\\\\" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char  expected[256];

        label.name = "m";
        label.value = cases[i].value;

        begin(&metrics, 1);
        metrics.metric = &gauge;
        claude_metrics_put(&metrics, &label, 1, 1);

        snprintf(expected, sizeof(expected), "a_size_bytes{m=\"%s\"} 1\n",
                 cases[i].text);
        is_str(text(), expected, "label %u", (unsigned) i);
    }
}


static void
test_bounds(void)
{
    claude_metrics_t  metrics;

    begin(&metrics, 1);
    claude_out_init(&out, &pool.mem, 100);
    put_all(&metrics);
    is(out.rc, CLAUDE_TOO_LARGE, "more than there may be");

    pool_free(&pool);
    pool_init(&pool, 10);
    claude_out_init(&out, &pool.mem, 10000);
    put_all(&metrics);
    is(out.rc, CLAUDE_NO_MEMORY, "no memory");
}


static void
test_accept(void)
{
    size_t        i;
    claude_str_t  accept;

#define OPEN  "application/openmetrics-text"

    static const struct {
        const char   *accept;
        unsigned      openmetrics;
    } cases[] = {
        { "", 0 },
        { "*/*", 0 },
        { "text/plain", 0 },
        { "text/html,*/*;q=0.8", 0 },
        { OPEN, 1 },
        { "Application/OpenMetrics-Text ; version=1.0.0", 1 },
        { OPEN ";version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", 1 },
        { "text/plain;q=0.9," OPEN, 1 },
        { "text/plain;q=0.5," OPEN ";q=0.4", 0 },
        { "text/plain;q=0.001 ,\t" OPEN ";q=0.002", 1 },
        { OPEN ";version=1.0.0;escaping=allow-utf-8;q=0.6,"
          OPEN ";version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4", 1 },
        { OPEN ";q=0", 0 },
        { OPEN ";q=0.000", 0 },
        { OPEN ";q=", 0 },
        { OPEN ";q=2", 0 },
        { OPEN ";q=1.5", 1 },
        { OPEN ";q=0.x", 0 },
        { OPEN ";q=10", 0 },
        { OPEN "s", 0 },
        { "application/openmetrics", 0 },
        { ",,;,=,;q,;;q=1,", 0 },
        { ", , " OPEN " ,", 1 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        accept.data = (const unsigned char *) cases[i].accept;
        accept.len = strlen(cases[i].accept);

        is(claude_metrics_accepted(&accept), cases[i].openmetrics,
           "Accept: %s", cases[i].accept);
    }
}


int
main(void)
{
    pool_init(&pool, 0);

    test_forms();
    test_numbers();
    test_labels();
    test_bounds();
    test_accept();

    pool_free(&pool);

    return done_testing();
}
