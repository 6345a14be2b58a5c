
/*
 * Counters of what all workers do, in a zone of their own.  Each is a number
 * that is only ever added to, atomically and without a lock: so a process that
 * is killed leaves nothing half valid, and who reads sees each number as it
 * was at some moment of late.
 *
 * What they count by is bounded: routes, limits and the like have numbers;
 * combinations of route, status and reason, and models, get a place in a table
 * when they first occur, and what finds none is counted as the first place.
 */


#ifndef NGX_CLAUDE_METRICS_H
#define NGX_CLAUDE_METRICS_H


#include <ngx_config.h>
#include <ngx_core.h>

#include "../core/claude_metrics.h"


#define NGX_CLAUDE_METRICS_SIZE    (256 * 1024)     /* of the zone */

#define NGX_CLAUDE_METRICS_CELLS   2048
#define NGX_CLAUDE_METRICS_MODELS  64
#define NGX_CLAUDE_METRICS_NAME    128      /* bytes of a model's name */
#define NGX_CLAUDE_METRICS_BOUNDS  16       /* of a histogram, at most */
#define NGX_CLAUDE_METRICS_ROUTES  16       /* callers name fewer */
#define NGX_CLAUDE_METRICS_EVENTS  32       /* as well */
#define NGX_CLAUDE_METRICS_TYPES   4        /* of tokens */


/* requests of one route, status and reason, packed into key, from 1 */

typedef struct {
    uint32_t                key;        /* 0: free */
    uint64_t                count;
} ngx_claude_metrics_cell_t;


typedef struct {
    uint64_t                counts[NGX_CLAUDE_METRICS_BOUNDS + 1];
    uint64_t                sum;        /* microseconds */
} ngx_claude_metrics_histogram_t;


typedef struct {
    uint64_t                tokens[NGX_CLAUDE_METRICS_TYPES];
    uint64_t                cost;       /* micro-dollars */
    ngx_claude_metrics_histogram_t  first;      /* to the first token */
    ngx_claude_metrics_histogram_t  between;    /* tokens */
    uint32_t                len;
    u_char                  name[NGX_CLAUDE_METRICS_NAME];
} ngx_claude_metrics_model_t;


typedef struct {
    uint32_t                layout;
    volatile ngx_uint_t     nmodels;    /* those in use; they stay */
    ngx_claude_metrics_cell_t       cells[NGX_CLAUDE_METRICS_CELLS];
    ngx_claude_metrics_histogram_t  durations[NGX_CLAUDE_METRICS_ROUTES];
    ngx_claude_metrics_model_t      models[NGX_CLAUDE_METRICS_MODELS];
    uint64_t                events[NGX_CLAUDE_METRICS_EVENTS];
} ngx_claude_metrics_shm_t;


typedef struct {
    ngx_claude_metrics_shm_t  *shm;
    ngx_slab_pool_t           *shpool;
} ngx_claude_metrics_t;


/* a cell's key, and what it was made of; status 0 to 1023, reason to 255 */

#define ngx_claude_metrics_key(route, status, reason)                         \
    (((uint32_t) (route) + 1) << 18 | (uint32_t) (status) << 8                \
     | (uint32_t) (reason))

#define ngx_claude_metrics_key_route(key)   (((key) >> 18) - 1)
#define ngx_claude_metrics_key_status(key)  (((key) >> 8) & 1023)
#define ngx_claude_metrics_key_reason(key)  ((key) & 255)


/* the zone's init handler; zone->data is the ngx_claude_metrics_t */

ngx_int_t ngx_claude_metrics_init_zone(ngx_shm_zone_t *zone, void *data);

static ngx_inline void
ngx_claude_metrics_add(uint64_t *counter, uint64_t n)
{
    __atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static ngx_inline uint64_t
ngx_claude_metrics_get(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* counts a request */

void ngx_claude_metrics_count(ngx_claude_metrics_t *metrics, uint32_t key);

/* the model's place; NULL: it has none.  make gives it one, or that of others:
 * where there is no room, or name doesn't fit */

ngx_claude_metrics_model_t *ngx_claude_metrics_find(
    ngx_claude_metrics_t *metrics, const claude_str_t *name);
ngx_claude_metrics_model_t *ngx_claude_metrics_make(
    ngx_claude_metrics_t *metrics, const claude_str_t *name);

/* counts one observation, in microseconds, in the first bucket that has it;
 * n is NGX_CLAUDE_METRICS_BOUNDS at most */

void ngx_claude_metrics_observe(ngx_claude_metrics_histogram_t *histogram,
    const claude_bucket_t *buckets, ngx_uint_t n, uint64_t us);

/* for status: models, and how many there is room for */

void ngx_claude_metrics_fill(ngx_claude_metrics_t *metrics, ngx_uint_t *n,
    ngx_uint_t *capacity);


#endif /* NGX_CLAUDE_METRICS_H */
