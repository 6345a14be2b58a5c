
/*
 * Writing how the store, zones, certificates and the module itself are.
 */


#include "ngx_http_claude_metrics.h"
#include "ngx_http_claude_zones.h"


typedef struct {
    claude_metrics_t          *out;
    ngx_uint_t                 used;        /* rather than the size */
} ngx_http_claude_put_zones_t;


static void ngx_http_claude_put_store(claude_metrics_t *out,
    ngx_http_claude_main_conf_t *mcf);
static void ngx_http_claude_put_zones(claude_metrics_t *out);
static void ngx_http_claude_put_zone(void *data,
    const ngx_http_claude_zone_t *zone);
static void ngx_http_claude_put_certificates(claude_metrics_t *out,
    const ngx_http_claude_metrics_main_t *main);


static const claude_metric_t  ngx_http_claude_running =
    ngx_http_claude_gauge("claude_calls_running", NULL,
        "Calls under way, of all keys.");

static const claude_metric_t  ngx_http_claude_calls_capacity =
    ngx_http_claude_gauge("claude_calls_capacity", NULL,
        "Calls under way that there is room for.");

static const claude_metric_t  ngx_http_claude_store_lag =
    ngx_http_claude_gauge("claude_store_lag_seconds", "seconds",
        "Since a worker last knew all of the key log.");

static const claude_metric_t  ngx_http_claude_store_writable =
    ngx_http_claude_gauge("claude_store_writable", NULL,
        "Whether the last attempt to read or write the file succeeded.");

static const claude_metric_t  ngx_http_claude_usage_lost =
    ngx_http_claude_counter("claude_usage_lost_calls", NULL,
        "Calls that are missing in the usage history.");

static const claude_metric_t  ngx_http_claude_zone_size =
    ngx_http_claude_gauge("claude_zone_size_bytes", "bytes",
        "Size of a shared memory zone.");

static const claude_metric_t  ngx_http_claude_zone_used =
    ngx_http_claude_gauge("claude_zone_used_bytes", "bytes",
        "What is used of a shared memory zone.");

static const claude_metric_t  ngx_http_claude_expiry =
    ngx_http_claude_gauge("claude_certificate_expiry_timestamp_seconds",
        "seconds", "When the certificate of a server ends.");

static const claude_metric_t  ngx_http_claude_unknown =
    ngx_http_claude_gauge("claude_certificate_unknown_servers", NULL,
        "Servers whose certificate is known at each handshake only.");

static const claude_metric_t  ngx_http_claude_build =
    { "claude_build", NULL, CLAUDE_METRIC_INFO, "Versions." };

static const claude_metric_t  ngx_http_claude_start =
    ngx_http_claude_gauge("claude_start_time_seconds", "seconds",
        "When the master process of nginx was started.");


void
ngx_http_claude_metrics_put_state(claude_metrics_t *out,
    ngx_http_claude_main_conf_t *mcf)
{
    claude_label_t           labels[2];
    ngx_claude_usage_stat_t  usage;

    ngx_claude_usage_stat(mcf->store, &usage);

    claude_metrics_family(out, &ngx_http_claude_running);
    claude_metrics_put(out, NULL, 0, usage.running);

    claude_metrics_family(out, &ngx_http_claude_calls_capacity);
    claude_metrics_put(out, NULL, 0, usage.leases);

    ngx_http_claude_put_store(out, mcf);

    claude_metrics_family(out, &ngx_http_claude_usage_lost);
    claude_metrics_put(out, NULL, 0, usage.lost);

    ngx_http_claude_put_zones(out);
    ngx_http_claude_put_certificates(out, mcf->metrics);

    claude_metrics_family(out, &ngx_http_claude_build);
    ngx_http_claude_set_label(&labels[0], "version", NGX_HTTP_CLAUDE_VERSION);
    ngx_http_claude_set_label(&labels[1], "nginx", NGINX_VERSION);
    claude_metrics_put(out, labels, 2, 1);

    claude_metrics_family(out, &ngx_http_claude_start);
    claude_metrics_put(out, NULL, 0, ngx_http_claude_status_started());
}


static void
ngx_http_claude_put_store(claude_metrics_t *out,
    ngx_http_claude_main_conf_t *mcf)
{
    claude_label_t              label;
    ngx_claude_usage_stat_t     usage;
    ngx_claude_keystore_stat_t  keys;

    ngx_claude_keystore_stat(&mcf->store->keystore, &keys);
    ngx_claude_usage_stat(mcf->store, &usage);

    claude_metrics_family(out, &ngx_http_claude_store_lag);
    claude_metrics_put_micro(out, NULL, 0, (uint64_t) keys.lag * 1000);

    claude_metrics_family(out, &ngx_http_claude_store_writable);

    ngx_http_claude_set_label(&label, "file", "keys");
    claude_metrics_put(out, &label, 1, keys.trouble == NULL && !keys.failed);
    ngx_http_claude_set_label(&label, "file", "usage");
    claude_metrics_put(out, &label, 1, !usage.failed);
}


static void
ngx_http_claude_put_zones(claude_metrics_t *out)
{
    ngx_http_claude_put_zones_t  zones;

    zones.out = out;

    claude_metrics_family(out, &ngx_http_claude_zone_size);
    zones.used = 0;
    ngx_http_claude_zones(ngx_http_claude_put_zone, &zones);

    claude_metrics_family(out, &ngx_http_claude_zone_used);
    zones.used = 1;
    ngx_http_claude_zones(ngx_http_claude_put_zone, &zones);
}


static void
ngx_http_claude_put_zone(void *data, const ngx_http_claude_zone_t *zone)
{
    ngx_http_claude_put_zones_t *zones = data;

    claude_label_t  labels[2];

    labels[0].name = "zone";
    labels[0].value.data = zone->name.data;
    labels[0].value.len = zone->name.len;

    ngx_http_claude_set_label(&labels[1], "kind", zone->kind);

    claude_metrics_put(zones->out, labels, 2,
                       zones->used ? zone->used : zone->size);
}


static void
ngx_http_claude_put_certificates(claude_metrics_t *out,
    const ngx_http_claude_metrics_main_t *main)
{
    ngx_uint_t                            i;
    claude_label_t                        labels[2];
    const ngx_http_claude_certificate_t  *known;

    if (main->certificates.nelts == 0 && main->unknown == 0) {
        return;
    }

    claude_metrics_family(out, &ngx_http_claude_expiry);

    known = main->certificates.elts;

    for (i = 0; i < main->certificates.nelts; i++) {
        labels[0].name = "server_name";
        labels[0].value.data = known[i].name.data;
        labels[0].value.len = known[i].name.len;

        ngx_http_claude_set_label(&labels[1], "type", known[i].type);

        claude_metrics_put(out, labels, 2, known[i].expires);
    }

    claude_metrics_family(out, &ngx_http_claude_unknown);
    claude_metrics_put(out, NULL, 0, main->unknown);
}
