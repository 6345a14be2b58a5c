
/*
 * GET api/status: versions, uptime, the store, the bridge, the zones.
 */


#include "ngx_http_claude_admin_keys.h"

#include "../core/claude_fields.h"


#define NGX_HTTP_CLAUDE_STATUS_WORD  32     /* bytes of the bridge's status */


/* what the bridge says of itself; its numbers are -1 where it doesn't */

typedef struct {
    unsigned                   reachable:1;
    unsigned                   has_ready:1;
    unsigned                   ready:1;
    size_t                     status_len;  /* 0: it says nothing */
    u_char                     status[NGX_HTTP_CLAUDE_STATUS_WORD];
    int64_t                    parked;
    int64_t                    busy;
    int64_t                    starting;
    int64_t                    queue;
} ngx_http_claude_bridge_t;


static ngx_int_t ngx_http_claude_admin_status(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx);
static ngx_int_t ngx_http_claude_status_process(ngx_http_request_t *r);
static void ngx_http_claude_status_report(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, claude_err_e failure, claude_out_t *doc);
static void ngx_http_claude_status_read(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, ngx_http_claude_bridge_t *bridge);
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
static size_t ngx_http_claude_status_used(ngx_shm_zone_t *zone);

static const char *ngx_http_claude_bridge_status(void *dst,
    const claude_json_token_t *value);
static const char *ngx_http_claude_bridge_ready(void *dst,
    const claude_json_token_t *value);
static const char *ngx_http_claude_bridge_parked(void *dst,
    const claude_json_token_t *value);
static const char *ngx_http_claude_bridge_busy(void *dst,
    const claude_json_token_t *value);
static const char *ngx_http_claude_bridge_starting(void *dst,
    const claude_json_token_t *value);
static const char *ngx_http_claude_bridge_queue(void *dst,
    const claude_json_token_t *value);
static const char *ngx_http_claude_bridge_number(
    const claude_json_token_t *value, int64_t *number);


ngx_http_claude_admin_route_t  ngx_http_claude_admin_status_routes[] = {
    { ngx_string("api/status"), NGX_HTTP_GET, 0,
      ngx_http_claude_admin_status },
    { ngx_null_string, 0, 0, NULL }
};


static const claude_field_t  ngx_http_claude_bridge_fields[] = {
    { claude_string("status"), ngx_http_claude_bridge_status },
    { claude_string("ready"), ngx_http_claude_bridge_ready },
    { claude_string("parked"), ngx_http_claude_bridge_parked },
    { claude_string("busy"), ngx_http_claude_bridge_busy },
    { claude_string("starting"), ngx_http_claude_bridge_starting },
    { claude_string("queue"), ngx_http_claude_bridge_queue }
};

#define NGX_HTTP_CLAUDE_BRIDGE_FIELDS                                         \
    (sizeof(ngx_http_claude_bridge_fields)                                    \
     / sizeof(ngx_http_claude_bridge_fields[0]))


static const ngx_http_claude_bridge_t  ngx_http_claude_bridge_none = {
    0, 0, 0, 0, { 0 }, -1, -1, -1, -1
};


static time_t  ngx_http_claude_started;     /* the master, over reloads */


void
ngx_http_claude_status_init(void)
{
    if (ngx_http_claude_started == 0) {
        ngx_http_claude_started = ngx_time();
    }
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

    if (ngx_http_claude_upstream_create(r, ctx, &lcf->health,
                                        ngx_http_claude_create_health,
                                        ngx_http_claude_status_process)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->main->count++;

    ngx_http_upstream_init(r);

    return NGX_DONE;
}


static ngx_int_t
ngx_http_claude_status_process(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_http_claude_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_claude_module);

    rc = ngx_http_claude_upstream_header(r, ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    /* its body is JSON, whatever it says it is */

    ctx->is_sse = 0;

    r->upstream->process_header = ngx_http_claude_gather;

    return ngx_http_claude_gather(r);
}


static void
ngx_http_claude_status_report(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, claude_err_e failure, claude_out_t *doc)
{
    ngx_http_claude_bridge_t  bridge;

    bridge = ngx_http_claude_bridge_none;

    if (failure == CLAUDE_ERR_NONE) {
        ngx_http_claude_status_read(r, ctx, &bridge);
        bridge.reachable = 1;
    }

    ngx_http_claude_status_put(r, &bridge, doc);
}


/* what can't be read is not said */

static void
ngx_http_claude_status_read(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx,
    ngx_http_claude_bridge_t *bridge)
{
    u_char        *p;
    uint32_t       seen;
    const char    *reason;
    claude_str_t   body;

    p = ngx_palloc(r->pool, ctx->refusal.size + 1);

    if (p == NULL || ctx->refusal.rc != CLAUDE_OK) {
        return;
    }

    claude_out_copy(&ctx->refusal, p);

    body.data = p;
    body.len = ctx->refusal.size;

    if (claude_fields_read(&body, ngx_http_claude_bridge_fields,
                           NGX_HTTP_CLAUDE_BRIDGE_FIELDS, bridge, &seen,
                           &reason)
        != CLAUDE_OK)
    {
        *bridge = ngx_http_claude_bridge_none;
    }
}


static const char *
ngx_http_claude_bridge_status(void *dst, const claude_json_token_t *value)
{
    ngx_http_claude_bridge_t *bridge = dst;

    if (value->type == CLAUDE_JSON_STRING
        && value->text.len <= NGX_HTTP_CLAUDE_STATUS_WORD
        && claude_base64url(value->text.data, value->text.len))
    {
        ngx_memcpy(bridge->status, value->text.data, value->text.len);
        bridge->status_len = value->text.len;
    }

    return NULL;
}


static const char *
ngx_http_claude_bridge_ready(void *dst, const claude_json_token_t *value)
{
    ngx_http_claude_bridge_t *bridge = dst;

    bridge->ready = (value->type == CLAUDE_JSON_TRUE);
    bridge->has_ready = (bridge->ready || value->type == CLAUDE_JSON_FALSE);

    return NULL;
}


static const char *
ngx_http_claude_bridge_parked(void *dst, const claude_json_token_t *value)
{
    ngx_http_claude_bridge_t *bridge = dst;

    return ngx_http_claude_bridge_number(value, &bridge->parked);
}


static const char *
ngx_http_claude_bridge_busy(void *dst, const claude_json_token_t *value)
{
    ngx_http_claude_bridge_t *bridge = dst;

    return ngx_http_claude_bridge_number(value, &bridge->busy);
}


static const char *
ngx_http_claude_bridge_starting(void *dst, const claude_json_token_t *value)
{
    ngx_http_claude_bridge_t *bridge = dst;

    return ngx_http_claude_bridge_number(value, &bridge->starting);
}


static const char *
ngx_http_claude_bridge_queue(void *dst, const claude_json_token_t *value)
{
    ngx_http_claude_bridge_t *bridge = dst;

    return ngx_http_claude_bridge_number(value, &bridge->queue);
}


static const char *
ngx_http_claude_bridge_number(const claude_json_token_t *value,
    int64_t *number)
{
    uint64_t  n;

    if (value->type == CLAUDE_JSON_NUMBER
        && claude_json_uint(&value->raw, UINT32_MAX, &n) == CLAUDE_OK)
    {
        *number = n;
    }

    return NULL;
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


/* those of this module */

static void
ngx_http_claude_status_zones(claude_out_t *out)
{
    ngx_uint_t        i, n;
    ngx_shm_zone_t   *zone;
    ngx_list_part_t  *part;

    n = 0;

    for (part = (ngx_list_part_t *) &ngx_cycle->shared_memory.part;
         part;
         part = part->next)
    {
        zone = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (zone[i].tag != &ngx_http_claude_module) {
                continue;
            }

            if (n++) {
                claude_out_literal(out, ",");
            }

            claude_out_literal(out, "{\"name\":");
            claude_json_put_string(out, zone[i].shm.name.data,
                                   zone[i].shm.name.len);
            claude_out_literal(out, ",\"size\":");
            claude_json_put_uint(out, zone[i].shm.size);
            claude_out_literal(out, ",\"used\":");
            claude_json_put_uint(out, ngx_http_claude_status_used(&zone[i]));
            claude_out_literal(out, "}");
        }
    }
}


/* all of a zone is laid out when it is made: what counts is what is in it */

static size_t
ngx_http_claude_status_used(ngx_shm_zone_t *zone)
{
    ngx_uint_t                   n, capacity;
    ngx_claude_store_t          *store;
    ngx_claude_keystore_stat_t   stat;

    n = 0;
    capacity = 0;

    if (zone->init == ngx_claude_store_init_zone) {
        store = zone->data;
        ngx_claude_keystore_stat(&store->keystore, &stat);

        n = stat.keys;
        capacity = stat.capacity;

    } else if (zone->init == ngx_claude_limit_init_zone) {
        ngx_claude_limit_count(zone->data, &n, &capacity);

    } else if (zone->init == ngx_claude_session_init_zone) {
        ngx_claude_session_count(zone->data, &n, &capacity);

    } else if (zone->init == ngx_claude_attempts_init_zone) {
        ngx_claude_attempts_count(zone->data, &n, &capacity);

    } else if (zone->init == ngx_claude_ring_init_zone) {
        ngx_claude_ring_count(zone->data, &n, &capacity);
    }

    return capacity ? (size_t) ((double) zone->shm.size * n / capacity) : 0;
}
