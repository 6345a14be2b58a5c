
#include "ngx_claude_metrics.h"


#define NGX_CLAUDE_METRICS_LAYOUT  0x636c6d01
#define NGX_CLAUDE_METRICS_PROBES  64       /* of cells */


ngx_int_t
ngx_claude_metrics_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_claude_metrics_t      *metrics;
    ngx_claude_metrics_shm_t  *shm;

    metrics = zone->data;
    metrics->shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (data != NULL || zone->shm.exists) {

        metrics->shm = metrics->shpool->data;

        if (metrics->shm == NULL
            || metrics->shm->layout != NGX_CLAUDE_METRICS_LAYOUT)
        {
            ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                          "zone \"%V\" was laid out for something else: "
                          "restart nginx", &zone->shm.name);
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    shm = ngx_slab_calloc(metrics->shpool, sizeof(ngx_claude_metrics_shm_t));
    if (shm == NULL) {
        return NGX_ERROR;
    }

    /* the first of each table is what finds no place */

    shm->cells[0].key = ngx_claude_metrics_key(0, 0, 0);

    shm->models[0].len = sizeof("other") - 1;
    ngx_memcpy(shm->models[0].name, "other", sizeof("other") - 1);
    shm->nmodels = 1;

    shm->layout = NGX_CLAUDE_METRICS_LAYOUT;
    metrics->shpool->data = shm;
    metrics->shm = shm;

    return NGX_OK;
}


/* a cell is taken in one step, and stays what it is */

void
ngx_claude_metrics_count(ngx_claude_metrics_t *metrics, uint32_t key)
{
    uint32_t                    i, n, taken;
    ngx_claude_metrics_cell_t  *cells;

    cells = metrics->shm->cells;
    i = key * 2654435761u >> 21;

    for (n = 0; n < NGX_CLAUDE_METRICS_PROBES; n++) {

        taken = __atomic_load_n(&cells[i].key, __ATOMIC_RELAXED);

        if (taken == 0
            && __atomic_compare_exchange_n(&cells[i].key, &taken, key, 0,
                                           __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        {
            taken = key;
        }

        if (taken == key) {
            ngx_claude_metrics_add(&cells[i].count, 1);
            return;
        }

        i = (i + 1) % NGX_CLAUDE_METRICS_CELLS;
    }

    ngx_claude_metrics_add(&cells[0].count, 1);
}


ngx_claude_metrics_model_t *
ngx_claude_metrics_find(ngx_claude_metrics_t *metrics,
    const claude_str_t *name)
{
    ngx_uint_t                   i, n;
    ngx_claude_metrics_model_t  *model;

    n = metrics->shm->nmodels;
    ngx_memory_barrier();

    for (i = 0; i < n; i++) {
        model = &metrics->shm->models[i];

        if (model->len == name->len
            && ngx_memcmp(model->name, name->data, name->len) == 0)
        {
            return model;
        }
    }

    return NULL;
}


/*
 * A place is whole before nmodels says that it is there.  The lock only keeps
 * apart those who make one; whoever is killed there leaves a place that the
 * next one fills anew.
 */

ngx_claude_metrics_model_t *
ngx_claude_metrics_make(ngx_claude_metrics_t *metrics,
    const claude_str_t *name)
{
    ngx_uint_t                   n;
    ngx_claude_metrics_shm_t    *shm;
    ngx_claude_metrics_model_t  *model;

    shm = metrics->shm;

    if (shm->nmodels == NGX_CLAUDE_METRICS_MODELS || name->len == 0
        || name->len > NGX_CLAUDE_METRICS_NAME)
    {
        return &shm->models[0];
    }

    ngx_shmtx_lock(&metrics->shpool->mutex);

    model = ngx_claude_metrics_find(metrics, name);
    n = shm->nmodels;

    if (model == NULL && n == NGX_CLAUDE_METRICS_MODELS) {
        model = &shm->models[0];
    }

    if (model == NULL) {
        model = &shm->models[n];

        ngx_memcpy(model->name, name->data, name->len);
        model->len = name->len;

        ngx_memory_barrier();
        shm->nmodels = n + 1;
    }

    ngx_shmtx_unlock(&metrics->shpool->mutex);

    return model;
}


void
ngx_claude_metrics_observe(ngx_claude_metrics_histogram_t *histogram,
    const claude_bucket_t *buckets, ngx_uint_t n, uint64_t us)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        if (us <= buckets[i].bound) {
            break;
        }
    }

    ngx_claude_metrics_add(&histogram->counts[i], 1);
    ngx_claude_metrics_add(&histogram->sum, us);
}


void
ngx_claude_metrics_fill(ngx_claude_metrics_t *metrics, ngx_uint_t *n,
    ngx_uint_t *capacity)
{
    *n = metrics->shm->nmodels;
    *capacity = NGX_CLAUDE_METRICS_MODELS;
}
