
#include "ngx_claude_ledger.h"

#include <sodium.h>


#define NGX_CLAUDE_LEDGER_LEASES  65536
#define NGX_CLAUDE_LEDGER_DELTAS  32768
#define NGX_CLAUDE_LEDGER_MODELS  256


static uint32_t ngx_claude_ledger_share(size_t room, ngx_uint_t part,
    size_t size, uint32_t max);
static void ngx_claude_ledger_store(ngx_claude_ledger_t *ledger);
static void ngx_claude_ledger_rebuild(ngx_claude_ledger_t *ledger);
static void ngx_claude_ledger_link(ngx_claude_ledger_t *ledger, uint32_t at);
static uint32_t ngx_claude_ledger_bucket(ngx_claude_ledger_t *ledger,
    const ngx_claude_delta_t *delta);


/*
 * Killed at any instruction, see ngx_claude_keystore_index.c: what a call
 * changes, its key's account, its lease and a delta, is written to redo first
 * and stored as a whole; whoever has the lock next stores it again where
 * pending is set, and derives all links and counts from leases and deltas
 * alone.  What doesn't go through redo is a single aligned store.
 */

ngx_claude_ledger_t *
ngx_claude_ledger_create(ngx_slab_pool_t *shpool)
{
    u_char               *p;
    size_t                room, buckets;
    ngx_claude_ledger_t  *ledger;

    ledger = ngx_slab_calloc(shpool, sizeof(ngx_claude_ledger_t));
    if (ledger == NULL) {
        return NULL;
    }

    room = shpool->pfree * ngx_pagesize;

    ledger->nleases = ngx_claude_ledger_share(room, 16,
                                              sizeof(ngx_claude_lease_t),
                                              NGX_CLAUDE_LEDGER_LEASES);
    ledger->ndeltas = ngx_claude_ledger_share(room, 32,
                                              sizeof(ngx_claude_delta_t),
                                              NGX_CLAUDE_LEDGER_DELTAS);
    ledger->nmodels = ngx_claude_ledger_share(room, 64,
                                              sizeof(ngx_claude_ledger_model_t),
                                              NGX_CLAUDE_LEDGER_MODELS);

    for (buckets = 1; buckets < ledger->ndeltas; buckets *= 2) { /* void */ }

    ledger->mask = buckets - 1;

    p = ngx_slab_calloc(shpool, ledger->nleases * sizeof(ngx_claude_lease_t)
                                + ledger->ndeltas * sizeof(ngx_claude_delta_t)
                                + ledger->nmodels
                                  * sizeof(ngx_claude_ledger_model_t)
                                + buckets * sizeof(uint32_t));
    if (p == NULL) {
        return NULL;
    }

    ledger->deltas = (ngx_claude_delta_t *) p;
    p += ledger->ndeltas * sizeof(ngx_claude_delta_t);

    ledger->models = (ngx_claude_ledger_model_t *) p;
    p += ledger->nmodels * sizeof(ngx_claude_ledger_model_t);

    ledger->leases = (ngx_claude_lease_t *) p;
    p += ledger->nleases * sizeof(ngx_claude_lease_t);

    ledger->buckets = (uint32_t *) p;

    ledger->free = NGX_CLAUDE_LEDGER_NONE;
    randombytes_buf(ledger->hash_key, sizeof(ledger->hash_key));

    return ledger;
}


static uint32_t
ngx_claude_ledger_share(size_t room, ngx_uint_t part, size_t size,
    uint32_t max)
{
    size_t  n;

    n = room / part / size;

    return (n == 0) ? 1 : ngx_min(n, max);
}


ngx_claude_ledger_redo_t *
ngx_claude_ledger_redo(ngx_claude_ledger_t *ledger)
{
    ngx_claude_ledger_redo_t  *redo;

    redo = &ledger->redo;

    redo->to = NULL;
    redo->lease_at = NGX_CLAUDE_LEDGER_NONE;
    redo->delta_at = NGX_CLAUDE_LEDGER_NONE;

    return redo;
}


void
ngx_claude_ledger_commit(ngx_claude_ledger_t *ledger)
{
    ngx_uint_t                 was;
    ngx_claude_lease_t        *lease;
    ngx_claude_ledger_redo_t  *redo;

    redo = &ledger->redo;

    ngx_memory_barrier();
    redo->pending = 1;
    ngx_memory_barrier();

    if (redo->lease_at != NGX_CLAUDE_LEDGER_NONE) {
        lease = &ledger->leases[redo->lease_at];
        was = (redo->lease_at < ledger->fresh && lease->worker);

        if (redo->lease.worker && !was) {

            if (redo->lease_at == ledger->fresh) {
                ledger->fresh++;

            } else {
                ledger->free = lease->next;
            }

            ledger->running++;

        } else if (redo->lease.worker == 0 && was) {
            redo->lease.next = ledger->free;
            ledger->free = redo->lease_at;
            ledger->running--;
        }
    }

    ngx_claude_ledger_store(ledger);

    if (redo->delta_at == ledger->unwritten) {
        ledger->unwritten++;
        ngx_claude_ledger_link(ledger, redo->delta_at);
    }

    ngx_memory_barrier();
    redo->pending = 0;
}


static void
ngx_claude_ledger_store(ngx_claude_ledger_t *ledger)
{
    uint32_t                   next;
    ngx_claude_ledger_redo_t  *redo;

    redo = &ledger->redo;

    if (redo->to) {
        *redo->to = redo->account;
    }

    if (redo->lease_at != NGX_CLAUDE_LEDGER_NONE) {
        ledger->leases[redo->lease_at] = redo->lease;
    }

    if (redo->delta_at != NGX_CLAUDE_LEDGER_NONE) {
        next = ledger->deltas[redo->delta_at].next;
        ledger->deltas[redo->delta_at] = redo->delta;
        ledger->deltas[redo->delta_at].next = next;
    }
}


void
ngx_claude_ledger_recover(ngx_claude_ledger_t *ledger)
{
    ngx_claude_ledger_redo_t  *redo;

    redo = &ledger->redo;

    ngx_claude_ledger_store(ledger);

    if (redo->lease_at != NGX_CLAUDE_LEDGER_NONE
        && redo->lease_at >= ledger->fresh)
    {
        ledger->fresh = redo->lease_at + 1;
    }

    if (redo->delta_at != NGX_CLAUDE_LEDGER_NONE
        && redo->delta_at >= ledger->unwritten)
    {
        ledger->unwritten = redo->delta_at + 1;
    }

    ngx_claude_ledger_rebuild(ledger);

    ngx_memory_barrier();
    redo->pending = 0;
}


static void
ngx_claude_ledger_rebuild(ngx_claude_ledger_t *ledger)
{
    uint32_t  i;

    ledger->free = NGX_CLAUDE_LEDGER_NONE;
    ledger->running = 0;

    for (i = 0; i < ledger->fresh; i++) {

        if (ledger->leases[i].worker) {
            ledger->running++;

        } else {
            ledger->leases[i].next = ledger->free;
            ledger->free = i;
        }
    }

    ngx_memzero(ledger->buckets,
                ((size_t) ledger->mask + 1) * sizeof(uint32_t));

    for (i = 0; i < ledger->unwritten; i++) {
        ngx_claude_ledger_link(ledger, i);
    }
}


uint32_t
ngx_claude_ledger_free(ngx_claude_ledger_t *ledger)
{
    if (ledger->free != NGX_CLAUDE_LEDGER_NONE) {
        return ledger->free;
    }

    return (ledger->fresh < ledger->nleases) ? ledger->fresh
                                             : NGX_CLAUDE_LEDGER_NONE;
}


ngx_int_t
ngx_claude_ledger_delta(ngx_claude_ledger_t *ledger,
    const u_char id[CLAUDE_KEY_ID_LEN], uint32_t day, uint32_t model)
{
    uint32_t                   at;
    ngx_claude_delta_t        *delta, *other;
    ngx_claude_ledger_redo_t  *redo;

    redo = &ledger->redo;
    delta = &redo->delta;

    ngx_memzero(delta, sizeof(ngx_claude_delta_t));

    delta->day = day;
    delta->model = model;
    ngx_memcpy(delta->id, id, CLAUDE_KEY_ID_LEN);

    at = ledger->buckets[ngx_claude_ledger_bucket(ledger, delta)];

    while (at) {
        other = &ledger->deltas[at - 1];

        if (other->day == day && other->model == model
            && ngx_memcmp(other->id, id, CLAUDE_KEY_ID_LEN) == 0)
        {
            *delta = *other;
            redo->delta_at = at - 1;
            return NGX_OK;
        }

        at = other->next;
    }

    if (ledger->unwritten == ledger->ndeltas) {
        return NGX_DECLINED;
    }

    redo->delta_at = ledger->unwritten;

    return NGX_OK;
}


static void
ngx_claude_ledger_link(ngx_claude_ledger_t *ledger, uint32_t at)
{
    uint32_t            *bucket;
    ngx_claude_delta_t  *delta;

    delta = &ledger->deltas[at];
    bucket = &ledger->buckets[ngx_claude_ledger_bucket(ledger, delta)];

    delta->next = *bucket;
    *bucket = at + 1;
}


static uint32_t
ngx_claude_ledger_bucket(ngx_claude_ledger_t *ledger,
    const ngx_claude_delta_t *delta)
{
    u_char    data[CLAUDE_KEY_ID_LEN + 2 * sizeof(uint32_t)], *p;
    uint64_t  hash;

    p = ngx_cpymem(data, delta->id, CLAUDE_KEY_ID_LEN);
    p = ngx_cpymem(p, &delta->day, sizeof(uint32_t));
    ngx_memcpy(p, &delta->model, sizeof(uint32_t));

    (void) crypto_shorthash((u_char *) &hash, data, sizeof(data),
                            ledger->hash_key);

    return (uint32_t) hash & ledger->mask;
}


/*
 * From the end, so that what is left stays dense.  Killed in between, what is
 * not out yet stays, and what is out is gone with the process: one taking at
 * most, and never counted twice.
 */

ngx_uint_t
ngx_claude_ledger_take(ngx_claude_ledger_t *ledger,
    claude_usage_line_t *lines, ngx_uint_t n)
{
    uint32_t                    at, *link;
    ngx_uint_t                  i;
    ngx_claude_delta_t         *delta;
    claude_usage_line_t        *line;
    ngx_claude_ledger_model_t  *model;

    (void) ngx_claude_ledger_redo(ledger);

    for (i = 0; i < n && ledger->unwritten; i++) {
        at = ledger->unwritten - 1;
        delta = &ledger->deltas[at];
        line = &lines[i];

        ngx_memcpy(line->id, delta->id, CLAUDE_KEY_ID_LEN);
        line->day = delta->day;
        line->count = delta->count;
        line->model_len = 0;

        if (delta->model) {
            model = &ledger->models[delta->model - 1];
            line->model_len = model->len;
            ngx_memcpy(line->model, model->name, model->len);
        }

        link = &ledger->buckets[ngx_claude_ledger_bucket(ledger, delta)];

        while (*link != at + 1) {
            link = &ledger->deltas[*link - 1].next;
        }

        /* links alone are in question */

        ledger->redo.pending = 1;
        ngx_memory_barrier();

        *link = delta->next;
        ledger->unwritten = at;

        ngx_memory_barrier();
        ledger->redo.pending = 0;
    }

    return i;
}


/*
 * A name is whole before it is known.  They are few: what a model's API
 * accepted.  When there is no room for another, all are forgotten, once no
 * delta needs them.
 */

uint32_t
ngx_claude_ledger_model(ngx_claude_ledger_t *ledger,
    const claude_str_t *name, ngx_uint_t make)
{
    size_t                      len;
    uint32_t                    i;
    ngx_claude_ledger_model_t  *model;

    len = ngx_min(name->len, CLAUDE_USAGE_MODEL_MAX);

    for (i = 0; i < ledger->known; i++) {
        model = &ledger->models[i];

        if (model->len == len
            && ngx_memcmp(model->name, name->data, len) == 0)
        {
            return i + 1;
        }
    }

    if (!make || !claude_usage_model(name->data, len)) {
        return 0;
    }

    if (i == ledger->nmodels) {

        if (ledger->unwritten) {
            return 0;
        }

        i = 0;
        ledger->known = 0;
        ngx_memory_barrier();
    }

    model = &ledger->models[i];

    model->price = 0;
    model->len = len;
    ngx_memcpy(model->name, name->data, len);

    ngx_memory_barrier();
    ledger->known = i + 1;

    return i + 1;
}
