
#include "ngx_claude_ring.h"

#include "../core/claude_gcra.h"

#include <sodium.h>


#define NGX_CLAUDE_RING_LAYOUT   0x636c4002

/* kinds of events whose repetitions are counted apart; more are together */

#define NGX_CLAUDE_RING_KINDS    256

/* places where one kind may lie */

#define NGX_CLAUDE_RING_WAYS     8

/* a ms each at most, in the master */

#define NGX_CLAUDE_RING_TRIES    20


/* what came again and again; mark tells it, and is 0 where there is none */

typedef struct {
    uint64_t                  mark;
    ngx_msec_t                since;    /* when it was last told */
    ngx_claude_ring_entry_t   entry;    /* suppressed: since then */
} ngx_claude_ring_kind_t;


struct ngx_claude_ring_shm_s {
    uint32_t                  layout;
    uint32_t                  capacity;
    uint64_t                  first;    /* numbers come after this one */
    volatile uint64_t         last;     /* the newest that is whole */
    uint64_t                  tat;      /* claude_gcra()'s, of events */
    uint64_t                  sweep_tat;  /* of those that stand for more */
    volatile ngx_uint_t       counting; /* there is something to sweep */
    u_char                    key[crypto_shorthash_KEYBYTES];
    uint32_t                  others[NGX_CLAUDE_RING_EVENTS];
    ngx_claude_ring_kind_t    kinds[NGX_CLAUDE_RING_KINDS];
    ngx_claude_ring_entry_t  *entries;
};


static ngx_int_t ngx_claude_ring_create(ngx_shm_zone_t *zone,
    ngx_claude_ring_t *ring);
static ngx_int_t ngx_claude_ring_lock(ngx_claude_ring_t *ring);
static void ngx_claude_ring_write(ngx_claude_ring_shm_t *shm,
    ngx_claude_ring_entry_t *entry);
static uint64_t ngx_claude_ring_mark(ngx_claude_ring_shm_t *shm,
    const ngx_claude_ring_entry_t *entry);
static ngx_claude_ring_kind_t *ngx_claude_ring_kind(
    ngx_claude_ring_shm_t *shm, uint64_t mark);
static ngx_uint_t ngx_claude_ring_repeated(ngx_claude_ring_kind_t *kind,
    uint64_t mark);
static void ngx_claude_ring_begin(ngx_claude_ring_shm_t *shm,
    ngx_claude_ring_kind_t *kind, uint64_t mark,
    const ngx_claude_ring_entry_t *entry, uint32_t suppressed);
static ngx_uint_t ngx_claude_ring_may(uint64_t *tat, uint32_t count);
static ngx_uint_t ngx_claude_ring_sweep_kind(ngx_claude_ring_shm_t *shm,
    ngx_claude_ring_kind_t *kind, int64_t time,
    ngx_claude_ring_entry_t *entry);
static ngx_uint_t ngx_claude_ring_sweep_others(ngx_claude_ring_shm_t *shm,
    ngx_uint_t event, int64_t time, ngx_claude_ring_entry_t *entry);
static uint64_t ngx_claude_ring_oldest(ngx_claude_ring_shm_t *shm);


ngx_int_t
ngx_claude_ring_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_claude_ring_t  *old = data;

    ngx_claude_ring_t  *ring;

    ring = zone->data;
    ring->shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (old == NULL && !zone->shm.exists) {
        return ngx_claude_ring_create(zone, ring);
    }

    ring->shm = ring->shpool->data;

    if (ring->shm == NULL || ring->shm->layout != NGX_CLAUDE_RING_LAYOUT) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "zone \"%V\" was laid out for something else: restart "
                      "nginx", &zone->shm.name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_claude_ring_create(ngx_shm_zone_t *zone, ngx_claude_ring_t *ring)
{
    size_t                  n;
    ngx_time_t             *tp;
    ngx_claude_ring_shm_t  *shm;

    shm = ngx_slab_calloc(ring->shpool, sizeof(ngx_claude_ring_shm_t));

    n = ring->shpool->pfree * ngx_pagesize / sizeof(ngx_claude_ring_entry_t);

    if (shm == NULL || n == 0) {
        goto small;
    }

    shm->entries = ngx_slab_calloc(ring->shpool,
                                   n * sizeof(ngx_claude_ring_entry_t));
    if (shm->entries == NULL) {
        goto small;
    }

    tp = ngx_timeofday();

    shm->capacity = n;
    shm->first = (uint64_t) tp->sec * 1000 + tp->msec;
    shm->last = shm->first;
    randombytes_buf(shm->key, sizeof(shm->key));

    shm->layout = NGX_CLAUDE_RING_LAYOUT;
    ring->shpool->data = shm;
    ring->shm = shm;

    return NGX_OK;

small:

    ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                  "zone \"%V\" is too small for one event", &zone->shm.name);

    return NGX_ERROR;
}


/*
 * A lock whose holder was killed is freed in the master's handler of SIGCHLD,
 * which is blocked while it reloads.
 */

static ngx_int_t
ngx_claude_ring_lock(ngx_claude_ring_t *ring)
{
    ngx_uint_t  i;

    if (ngx_process != NGX_PROCESS_MASTER) {
        ngx_shmtx_lock(&ring->shpool->mutex);
        return NGX_OK;
    }

    for (i = 0; i < NGX_CLAUDE_RING_TRIES; i++) {
        if (ngx_shmtx_trylock(&ring->shpool->mutex)) {
            return NGX_OK;
        }

        ngx_msleep(1);
    }

    return NGX_BUSY;
}


void
ngx_claude_ring_add(ngx_claude_ring_t *ring, ngx_claude_ring_entry_t *entry)
{
    entry->seq = 0;

    if (ngx_claude_ring_lock(ring) == NGX_OK) {
        ngx_claude_ring_write(ring->shm, entry);
        ngx_shmtx_unlock(&ring->shpool->mutex);
    }
}


/*
 * The place is that of the oldest event.  Whoever is killed here leaves one
 * without a number, or one with a number that nobody has heard of yet: the
 * next writer takes the same place, and the same number.
 */

static void
ngx_claude_ring_write(ngx_claude_ring_shm_t *shm,
    ngx_claude_ring_entry_t *entry)
{
    volatile uint64_t        *seq;
    ngx_claude_ring_entry_t  *place;

    entry->seq = shm->last + 1;

    place = &shm->entries[entry->seq % shm->capacity];
    seq = &place->seq;

    *seq = 0;
    ngx_memory_barrier();

    ngx_memcpy((u_char *) place + sizeof(uint64_t),
               (u_char *) entry + sizeof(uint64_t),
               sizeof(ngx_claude_ring_entry_t) - sizeof(uint64_t));

    ngx_memory_barrier();
    *seq = entry->seq;

    ngx_memory_barrier();
    shm->last = entry->seq;
}


ngx_int_t
ngx_claude_ring_offer(ngx_claude_ring_t *ring,
    ngx_claude_ring_entry_t *entry, ngx_claude_ring_bound_e bound)
{
    uint64_t                 mark;
    ngx_int_t                rc;
    ngx_claude_ring_shm_t   *shm;
    ngx_claude_ring_kind_t  *kind;

    shm = ring->shm;
    mark = ngx_claude_ring_mark(shm, entry);
    kind = NULL;
    entry->seq = 0;

    if (ngx_claude_ring_lock(ring) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (bound == NGX_CLAUDE_RING_ALIKE) {
        kind = ngx_claude_ring_kind(shm, mark);
    }

    if (kind != NULL && ngx_claude_ring_repeated(kind, mark)) {
        kind->entry.suppressed++;
        rc = NGX_DECLINED;

    } else if (ngx_claude_ring_may(&shm->tat, NGX_CLAUDE_RING_RATE)) {
        ngx_claude_ring_write(shm, entry);

        if (kind != NULL) {
            ngx_claude_ring_begin(shm, kind, mark, entry, 0);
        }

        rc = NGX_OK;

    } else {

        if (kind != NULL) {
            ngx_claude_ring_begin(shm, kind, mark, entry, 1);

        } else {
            shm->counting = 1;
            shm->others[entry->event % NGX_CLAUDE_RING_EVENTS]++;
        }

        rc = NGX_DECLINED;
    }

    ngx_shmtx_unlock(&ring->shpool->mutex);

    return rc;
}


/* keyed, so that nobody can choose addresses that take the same places */

static uint64_t
ngx_claude_ring_mark(ngx_claude_ring_shm_t *shm,
    const ngx_claude_ring_entry_t *entry)
{
    u_char    text[sizeof(ngx_claude_ring_entry_t)], *p;
    uint64_t  mark;

    p = text;

    *p++ = entry->event;
    *p++ = entry->address_len;
    p = ngx_cpymem(p, entry->address, sizeof(entry->address));
    p = ngx_cpymem(p, entry->key_id, sizeof(entry->key_id));
    p = ngx_cpymem(p, entry->code, entry->code_len);

    crypto_shorthash((u_char *) &mark, text, p - text, shm->key);

    return mark ? mark : 1;
}


/* its place, or a free one, or NULL */

static ngx_claude_ring_kind_t *
ngx_claude_ring_kind(ngx_claude_ring_shm_t *shm, uint64_t mark)
{
    ngx_uint_t               i;
    ngx_claude_ring_kind_t  *kind, *unused;

    unused = NULL;

    for (i = 0; i < NGX_CLAUDE_RING_WAYS; i++) {
        kind = &shm->kinds[(mark + i) % NGX_CLAUDE_RING_KINDS];

        if (kind->mark == mark) {
            return kind;
        }

        if (unused == NULL && !ngx_claude_ring_repeated(kind, kind->mark)) {
            unused = kind;
        }
    }

    return unused;
}


/* whether the kind is that of mark, and it is too early to tell of another */

static ngx_uint_t
ngx_claude_ring_repeated(ngx_claude_ring_kind_t *kind, uint64_t mark)
{
    if (kind->mark == 0 || kind->mark != mark) {
        return 0;
    }

    return kind->entry.suppressed
           || (ngx_msec_int_t) (ngx_current_msec - kind->since)
              < NGX_CLAUDE_RING_QUIET;
}


static void
ngx_claude_ring_begin(ngx_claude_ring_shm_t *shm,
    ngx_claude_ring_kind_t *kind, uint64_t mark,
    const ngx_claude_ring_entry_t *entry, uint32_t suppressed)
{
    volatile uint64_t  *to;

    shm->counting = 1;

    to = &kind->mark;
    *to = 0;
    ngx_memory_barrier();

    kind->since = ngx_current_msec;
    kind->entry = *entry;
    kind->entry.request_id_len = 0;
    kind->entry.trace_id[0] = '\0';
    kind->entry.suppressed = suppressed;

    ngx_memory_barrier();
    *to = mark;
}


static ngx_uint_t
ngx_claude_ring_may(uint64_t *tat, uint32_t count)
{
    claude_rate_t  rate;
    claude_gcra_t  state;

    rate.count = count;
    rate.period = 1000;
    rate.burst = NGX_CLAUDE_RING_BURST;

    return claude_gcra(&rate, ngx_current_msec, tat, &state) == CLAUDE_OK;
}


ngx_uint_t
ngx_claude_ring_sweep(ngx_claude_ring_t *ring, int64_t time,
    ngx_claude_ring_entry_t *entries, ngx_uint_t n)
{
    ngx_uint_t              i, taken, left;
    ngx_claude_ring_shm_t  *shm;

    shm = ring->shm;

    if (!shm->counting || ngx_claude_ring_lock(ring) != NGX_OK) {
        return 0;
    }

    taken = 0;
    left = 0;

    for (i = 0; i < NGX_CLAUDE_RING_KINDS && taken < n; i++) {
        taken += ngx_claude_ring_sweep_kind(shm, &shm->kinds[i], time,
                                            &entries[taken]);
        left |= (shm->kinds[i].mark != 0);
    }

    for (i = 0; i < NGX_CLAUDE_RING_EVENTS && taken < n; i++) {
        taken += ngx_claude_ring_sweep_others(shm, i, time, &entries[taken]);
        left |= (shm->others[i] != 0);
    }

    shm->counting = left || taken == n;

    ngx_shmtx_unlock(&ring->shpool->mutex);

    return taken;
}


/* a number is told twice, rather than never, by whoever is killed here */

static ngx_uint_t
ngx_claude_ring_sweep_kind(ngx_claude_ring_shm_t *shm,
    ngx_claude_ring_kind_t *kind, int64_t time,
    ngx_claude_ring_entry_t *entry)
{
    if (kind->mark == 0
        || (ngx_msec_int_t) (ngx_current_msec - kind->since)
           < NGX_CLAUDE_RING_QUIET)
    {
        return 0;
    }

    if (kind->entry.suppressed == 0) {
        kind->mark = 0;
        return 0;
    }

    if (!ngx_claude_ring_may(&shm->sweep_tat, NGX_CLAUDE_RING_SWEEP_RATE)) {
        return 0;
    }

    *entry = kind->entry;
    entry->time = time;

    ngx_claude_ring_write(shm, entry);

    kind->since = ngx_current_msec;
    kind->entry.suppressed = 0;

    return 1;
}


static ngx_uint_t
ngx_claude_ring_sweep_others(ngx_claude_ring_shm_t *shm, ngx_uint_t event,
    int64_t time, ngx_claude_ring_entry_t *entry)
{
    if (shm->others[event] == 0
        || !ngx_claude_ring_may(&shm->sweep_tat, NGX_CLAUDE_RING_SWEEP_RATE))
    {
        return 0;
    }

    ngx_memzero(entry, sizeof(ngx_claude_ring_entry_t));

    entry->time = time;
    entry->event = event;
    entry->suppressed = shm->others[event];

    ngx_claude_ring_write(shm, entry);

    shm->others[event] = 0;

    return 1;
}


ngx_uint_t
ngx_claude_ring_read(ngx_claude_ring_t *ring, uint64_t after,
    ngx_claude_ring_entry_t *entries, ngx_uint_t n, uint64_t *next,
    ngx_uint_t *lost)
{
    uint64_t                  seq, oldest;
    ngx_uint_t                taken;
    ngx_claude_ring_shm_t    *shm;
    ngx_claude_ring_entry_t  *entry;

    shm = ring->shm;
    taken = 0;
    *lost = 0;

    ngx_shmtx_lock(&ring->shpool->mutex);

    oldest = ngx_claude_ring_oldest(shm);

    if (after < oldest || after > shm->last) {
        *lost = (after != 0);
        after = oldest;
    }

    for (seq = after; seq < shm->last && taken < n; /* void */ ) {
        entry = &shm->entries[++seq % shm->capacity];

        if (entry->seq == seq) {
            entries[taken++] = *entry;

        } else {
            *lost = 1;
        }
    }

    *next = seq;

    ngx_shmtx_unlock(&ring->shpool->mutex);

    return taken;
}


/* the number before the first that there is */

static uint64_t
ngx_claude_ring_oldest(ngx_claude_ring_shm_t *shm)
{
    return (shm->last - shm->first > shm->capacity)
           ? shm->last - shm->capacity : shm->first;
}


uint64_t
ngx_claude_ring_tail(ngx_claude_ring_t *ring, ngx_uint_t n)
{
    uint64_t                after, oldest;
    ngx_claude_ring_shm_t  *shm;

    shm = ring->shm;

    ngx_shmtx_lock(&ring->shpool->mutex);

    oldest = ngx_claude_ring_oldest(shm);
    after = (shm->last - oldest > n) ? shm->last - n : oldest;

    ngx_shmtx_unlock(&ring->shpool->mutex);

    return after;
}


void
ngx_claude_ring_count(ngx_claude_ring_t *ring, ngx_uint_t *n,
    ngx_uint_t *capacity)
{
    *capacity = ring->shm->capacity;
    *n = ngx_min(ring->shm->last - ring->shm->first, *capacity);
}
