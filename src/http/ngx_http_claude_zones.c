
/*
 * The zones of this module: how large each is, and how much of it is used.
 */


#include "ngx_http_claude_zones.h"

#include "../state/ngx_claude_metrics.h"


static void ngx_http_claude_zone_read(ngx_shm_zone_t *zone,
    ngx_http_claude_zone_t *told);
static void ngx_http_claude_zone_keys(ngx_claude_store_t *store,
    ngx_uint_t *n, ngx_uint_t *capacity);


void
ngx_http_claude_zones(ngx_http_claude_zone_pt handler, void *data)
{
    ngx_uint_t               i;
    ngx_shm_zone_t          *zone;
    ngx_list_part_t         *part;
    ngx_http_claude_zone_t   told;

    for (part = (ngx_list_part_t *) &ngx_cycle->shared_memory.part;
         part;
         part = part->next)
    {
        zone = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (zone[i].tag == &ngx_http_claude_module) {
                ngx_http_claude_zone_read(&zone[i], &told);
                handler(data, &told);
            }
        }
    }
}


/* all of a zone is laid out when it is made: what counts is what is in it */

static void
ngx_http_claude_zone_read(ngx_shm_zone_t *zone, ngx_http_claude_zone_t *told)
{
    ngx_uint_t  n, capacity;

    n = 0;
    capacity = 0;

    told->name = zone->shm.name;
    told->size = zone->shm.size;
    told->kind = "other";

    if (zone->init == ngx_claude_store_init_zone) {
        told->kind = "keys";
        ngx_http_claude_zone_keys(zone->data, &n, &capacity);

    } else if (zone->init == ngx_claude_limit_init_zone) {
        told->kind = "limit";
        ngx_claude_limit_count(zone->data, &n, &capacity);

    } else if (zone->init == ngx_claude_session_init_zone) {
        told->kind = "sessions";
        ngx_claude_session_count(zone->data, &n, &capacity);

    } else if (zone->init == ngx_claude_attempts_init_zone) {
        told->kind = "attempts";
        ngx_claude_attempts_count(zone->data, &n, &capacity);

    } else if (zone->init == ngx_claude_ring_init_zone) {
        told->kind = "events";
        ngx_claude_ring_count(zone->data, &n, &capacity);

    } else if (zone->init == ngx_claude_metrics_init_zone) {
        told->kind = "metrics";
        ngx_claude_metrics_fill(zone->data, &n, &capacity);
    }

    told->used = capacity ? (size_t) ((double) told->size * n / capacity) : 0;
}


static void
ngx_http_claude_zone_keys(ngx_claude_store_t *store, ngx_uint_t *n,
    ngx_uint_t *capacity)
{
    ngx_claude_keystore_stat_t  stat;

    ngx_claude_keystore_stat(&store->keystore, &stat);

    *n = stat.records;
    *capacity = stat.capacity;
}
