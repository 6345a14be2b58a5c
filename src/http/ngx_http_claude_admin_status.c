
/*
 * GET api/status: versions, uptime, the store, the bridge, the zones.
 */


#include "ngx_http_claude_admin_keys.h"
#include "ngx_http_claude_bridge.h"
#include "ngx_http_claude_zones.h"


typedef struct {
    claude_out_t              *out;
    ngx_uint_t                 n;
} ngx_http_claude_status_zones_t;


static ngx_int_t ngx_http_claude_admin_status(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx);
static void ngx_http_claude_status_report(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, claude_err_e failure, claude_out_t *doc);
static void ngx_http_claude_status_put(ngx_http_request_t *r,
    const ngx_http_claude_bridge_t *bridge, claude_out_t *out);
static void ngx_http_claude_status_store(ngx_http_request_t *r,
    claude_out_t *out);
static void ngx_http_claude_status_calls(ngx_http_request_t *r,
    claude_out_t *out);
static void ngx_http_claude_status_bridge(
    const ngx_http_claude_bridge_t *bridge, claude_out_t *out);
static void ngx_http_claude_status_number(claude_out_t *out, int64_t number);
static void ngx_http_claude_status_zones(claude_out_t *out);
static void ngx_http_claude_status_zone(void *data,
    const ngx_http_claude_zone_t *zone);


ngx_http_claude_admin_route_t  ngx_http_claude_admin_status_routes[] = {
    { ngx_string("api/status"), NGX_HTTP_GET, 0,
      ngx_http_claude_admin_status },
    { ngx_null_string, 0, 0, NULL }
};


static time_t  ngx_http_claude_started;     /* the master, over reloads */


void
ngx_http_claude_status_init(void)
{
    if (ngx_http_claude_started == 0) {
        ngx_http_claude_started = ngx_time();
    }
}


time_t
ngx_http_claude_status_started(void)
{
    return ngx_http_claude_started;
}


static ngx_int_t
ngx_http_claude_admin_status(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx)
{
    claude_out_t                 out;
    ngx_http_claude_ctx_t       *ctx;
    ngx_http_claude_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_claude_module);

    ctx = actx->ctx;
    ctx->mem = ngx_http_claude_mem(r->pool);

    if (lcf->admin.upstream == NULL) {
        claude_out_init(&out, &ctx->mem, NGX_HTTP_CLAUDE_REPORT_MAX);
        ngx_http_claude_status_put(r, NULL, &out);

        return ngx_http_claude_admin_send(r, NGX_HTTP_OK, &out);
    }

    ctx->report = ngx_http_claude_status_report;

    return ngx_http_claude_bridge_ask(r, ctx);
}


static void
ngx_http_claude_status_report(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, claude_err_e failure, claude_out_t *doc)
{
    ngx_http_claude_bridge_t  bridge;

    ngx_http_claude_bridge_read(r, ctx, failure, &bridge);
    ngx_http_claude_status_put(r, &bridge, doc);
}


/* bridge is NULL where claude_admin names none */

static void
ngx_http_claude_status_put(ngx_http_request_t *r,
    const ngx_http_claude_bridge_t *bridge, claude_out_t *out)
{
    time_t            now;
    ngx_core_conf_t  *ccf;

    now = ngx_time();
    ccf = (ngx_core_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                           ngx_core_module);

    claude_out_literal(out, "{\"version\":\"" NGX_HTTP_CLAUDE_VERSION
                            "\",\"nginx\":\"" NGINX_VERSION
                            "\",\"startedAt\":");
    claude_time_put(out, ngx_http_claude_started);
    claude_out_literal(out, ",\"uptime\":");
    claude_json_put_uint(out, ngx_max(now - ngx_http_claude_started, 0));
    claude_out_literal(out, ",\"workers\":");
    claude_json_put_uint(out, ccf->worker_processes);
    claude_out_literal(out, ",\"store\":");
    ngx_http_claude_status_store(r, out);
    claude_out_literal(out, ",\"calls\":");
    ngx_http_claude_status_calls(r, out);
    claude_out_literal(out, ",\"bridge\":");
    ngx_http_claude_status_bridge(bridge, out);
    claude_out_literal(out, ",\"zones\":[");
    ngx_http_claude_status_zones(out);
    claude_out_literal(out, "],\"time\":");
    claude_time_put(out, now);
    claude_out_literal(out, "}");
}


static void
ngx_http_claude_status_store(ngx_http_request_t *r, claude_out_t *out)
{
    ngx_claude_store_t           *store;
    ngx_claude_keystore_stat_t    stat;
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);
    store = mcf->store;

    ngx_claude_keystore_stat(&store->keystore, &stat);

    claude_out_literal(out, "{\"ok\":");
    claude_json_put_bool(out, stat.trouble == NULL);
    claude_out_literal(out, ",\"trouble\":");

    if (stat.trouble) {
        claude_json_put_string(out, (u_char *) stat.trouble,
                               ngx_strlen(stat.trouble));

    } else {
        claude_out_literal(out, "null");
    }

    claude_out_literal(out, ",\"keys\":");
    claude_json_put_uint(out, stat.keys);
    claude_out_literal(out, ",\"enabled\":");
    claude_json_put_uint(out, stat.enabled);
    claude_out_literal(out, ",\"capacity\":");
    claude_json_put_uint(out, stat.capacity);
    claude_out_literal(out, ",\"storeId\":\"");
    claude_out_put(out, store->id, CLAUDE_STORE_ID_LEN);
    claude_out_literal(out, "\"}");
}


static void
ngx_http_claude_status_calls(ngx_http_request_t *r, claude_out_t *out)
{
    ngx_claude_usage_stat_t       stat;
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);

    ngx_claude_usage_stat(mcf->store, &stat);

    claude_out_literal(out, "{\"running\":");
    claude_json_put_uint(out, stat.running);
    claude_out_literal(out, ",\"capacity\":");
    claude_json_put_uint(out, stat.leases);
    claude_out_literal(out, "}");
}


static void
ngx_http_claude_status_bridge(const ngx_http_claude_bridge_t *bridge,
    claude_out_t *out)
{
    claude_out_literal(out, "{\"configured\":");
    claude_json_put_bool(out, bridge != NULL);

    if (bridge == NULL) {
        bridge = &ngx_http_claude_bridge_none;
    }

    claude_out_literal(out, ",\"reachable\":");
    claude_json_put_bool(out, bridge->reachable);
    claude_out_literal(out, ",\"status\":");

    if (bridge->status_len) {
        claude_json_put_string(out, bridge->status, bridge->status_len);

    } else {
        claude_out_literal(out, "null");
    }

    claude_out_literal(out, ",\"ready\":");

    if (bridge->has_ready) {
        claude_json_put_bool(out, bridge->ready);

    } else {
        claude_out_literal(out, "null");
    }

    claude_out_literal(out, ",\"parked\":");
    ngx_http_claude_status_number(out, bridge->parked);
    claude_out_literal(out, ",\"busy\":");
    ngx_http_claude_status_number(out, bridge->busy);
    claude_out_literal(out, ",\"starting\":");
    ngx_http_claude_status_number(out, bridge->starting);
    claude_out_literal(out, ",\"queue\":");
    ngx_http_claude_status_number(out, bridge->queue);
    claude_out_literal(out, "}");
}


static void
ngx_http_claude_status_number(claude_out_t *out, int64_t number)
{
    if (number < 0) {
        claude_out_literal(out, "null");

    } else {
        claude_json_put_uint(out, number);
    }
}


static void
ngx_http_claude_status_zones(claude_out_t *out)
{
    ngx_http_claude_status_zones_t  zones;

    zones.out = out;
    zones.n = 0;

    ngx_http_claude_zones(ngx_http_claude_status_zone, &zones);
}


static void
ngx_http_claude_status_zone(void *data, const ngx_http_claude_zone_t *zone)
{
    ngx_http_claude_status_zones_t *zones = data;

    claude_out_t  *out;

    out = zones->out;

    if (zones->n++) {
        claude_out_literal(out, ",");
    }

    claude_out_literal(out, "{\"name\":");
    claude_json_put_string(out, zone->name.data, zone->name.len);
    claude_out_literal(out, ",\"size\":");
    claude_json_put_uint(out, zone->size);
    claude_out_literal(out, ",\"used\":");
    claude_json_put_uint(out, zone->used);
    claude_out_literal(out, "}");
}
