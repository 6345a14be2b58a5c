
#include "ngx_claude_store.h"
#include "ngx_claude_usage.h"

#include <sodium.h>


/* how often a worker asks whether it is its turn, and the turns of all */

#define NGX_CLAUDE_STORE_TICK   500

/* how often one of them looks whether the store should be compacted */

#define NGX_CLAUDE_STORE_COMPACT  60000

/* keys whose last use is written at once */

#define NGX_CLAUDE_STORE_USES   512


/* begins like ngx_connection_t, where a debug log looks for a descriptor */

typedef struct {
    ngx_claude_store_t     *store;
    claude_change_t        *uses;       /* being written; NULL: none are */
    ngx_log_t              *log;
    ngx_socket_t            fd;
    ngx_uint_t              n;
    ngx_event_t             event;
} ngx_claude_store_timer_t;


static ngx_int_t ngx_claude_store_take_over(ngx_shm_zone_t *zone,
    ngx_claude_store_t *store, ngx_claude_store_t *old);
static void ngx_claude_store_tick(ngx_event_t *event);
static void ngx_claude_store_flush(ngx_claude_store_timer_t *timer);
static void ngx_claude_store_flushed(void *data, claude_rc_t rc,
    const char *reason);


ngx_int_t
ngx_claude_store_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_claude_store_t  *old = data;

    ngx_claude_store_t  *store;

    store = zone->data;
    store->keystore.zone = zone;

    if (old || zone->shm.exists) {
        return ngx_claude_store_take_over(zone, store, old);
    }

    if (ngx_claude_keystore_create(&store->keystore) != NGX_OK) {
        return NGX_ERROR;
    }

    if (store->ops->load(store, 0, zone->shm.log) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_claude_usage_load(store, zone->shm.log);

    return NGX_OK;
}


static ngx_int_t
ngx_claude_store_take_over(ngx_shm_zone_t *zone, ngx_claude_store_t *store,
    ngx_claude_store_t *old)
{
    /* the layout first: of another kind, old would be of another kind too */

    if (ngx_claude_keystore_attach(&store->keystore) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "claude_keystore zone \"%V\" was laid out for something "
                      "else: give it another name, or restart nginx",
                      &zone->shm.name);
        return NGX_ERROR;
    }

    if (old
        && (old->path.len != store->path.len
            || ngx_strncmp(old->path.data, store->path.data, old->path.len)
               != 0))
    {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "claude_keystore zone \"%V\" holds the keys of \"%V\" "
                      "and can't take those of \"%V\": give it another name",
                      &zone->shm.name, &old->path, &store->path);
        return NGX_ERROR;
    }

    if (old && ngx_memcmp(old->id, store->id, CLAUDE_STORE_ID_LEN) != 0) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "\"%V\" is missing, or is not the store that zone "
                      "\"%V\" was loaded from: put that back, or restart "
                      "nginx", &store->path, &zone->shm.name);
        return NGX_ERROR;
    }

    if (store->ops->load(store, 1, zone->shm.log) != NGX_OK) {
        return NGX_ERROR;
    }

    if (old) {
        ngx_claude_store_inherit(store, old);
    }

    return NGX_OK;
}


ngx_int_t
ngx_claude_store_init_process(ngx_claude_store_t *store, ngx_cycle_t *cycle)
{
    ngx_event_t               *event;
    ngx_claude_store_timer_t  *timer;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        /* a cache manager has neither threads nor requests */
        return NGX_OK;
    }

    /* a child doesn't inherit locks on memory; failing is no reason to stop */

    (void) sodium_mlock(store->secrets,
                        NGX_CLAUDE_SECRETS_N * sizeof(claude_secrets_t));

    timer = ngx_pcalloc(cycle->pool, sizeof(ngx_claude_store_timer_t));
    if (timer == NULL) {
        return NGX_ERROR;
    }

    timer->store = store;
    timer->log = cycle->log;
    timer->fd = (ngx_socket_t) -1;

    event = &timer->event;

    event->handler = ngx_claude_store_tick;
    event->data = timer;
    event->log = cycle->log;
    event->cancelable = 1;

    ngx_add_timer(event, NGX_CLAUDE_STORE_TICK);

    return NGX_OK;
}


static void
ngx_claude_store_tick(ngx_event_t *event)
{
    ngx_claude_store_t        *store;
    ngx_claude_store_timer_t  *timer;

    timer = event->data;
    store = timer->store;

    if (store->blind) {

        /* another process has the turns that this one could make no use of */

        return;
    }

    if (ngx_claude_keystore_tick(&store->keystore, NGX_CLAUDE_TICK_TAIL,
                                 NGX_CLAUDE_STORE_TICK))
    {
        store->ops->tail(store);
    }

    if (timer->uses == NULL
        && ngx_claude_keystore_tick(&store->keystore, NGX_CLAUDE_TICK_FLUSH,
                                    store->flush))
    {
        ngx_claude_store_flush(timer);
    }

    if (ngx_claude_keystore_tick(&store->keystore, NGX_CLAUDE_TICK_COMPACT,
                                 NGX_CLAUDE_STORE_COMPACT))
    {
        store->ops->compact(store);
    }

    ngx_add_timer(event, NGX_CLAUDE_STORE_TICK);
}


/* a batch at a time; the end of one begins the next */

static void
ngx_claude_store_flush(ngx_claude_store_timer_t *timer)
{
    ngx_uint_t           n;
    ngx_claude_store_t  *store;

    store = timer->store;

    n = ngx_claude_keystore_count_used(&store->keystore,
                                       NGX_CLAUDE_STORE_USES);
    if (n == 0) {
        return;
    }

    timer->uses = ngx_calloc(n * sizeof(claude_change_t), timer->log);
    if (timer->uses == NULL) {
        return;
    }

    timer->n = ngx_claude_keystore_take_used(&store->keystore, timer->uses,
                                             n);
    if (timer->n) {
        if (store->ops->append(store, timer->uses, timer->n,
                               ngx_claude_store_flushed, timer)
            == NGX_OK)
        {
            return;
        }

        ngx_claude_keystore_give_used(&store->keystore, timer->uses,
                                      timer->n);
    }

    ngx_free(timer->uses);
    timer->uses = NULL;
}


static void
ngx_claude_store_flushed(void *data, claude_rc_t rc, const char *reason)
{
    ngx_claude_store_timer_t *timer = data;

    ngx_uint_t  more;

    more = (rc == CLAUDE_OK && timer->n == NGX_CLAUDE_STORE_USES);

    if (rc != CLAUDE_OK) {
        ngx_log_error(NGX_LOG_ERR, timer->log, 0,
                      "last use of %ui keys could not be written to \"%V\": "
                      "%s", timer->n, &timer->store->path, reason);

        ngx_claude_keystore_give_used(&timer->store->keystore, timer->uses,
                                      timer->n);
    }

    ngx_free(timer->uses);
    timer->uses = NULL;

    if (more) {
        ngx_claude_store_flush(timer);
    }
}
