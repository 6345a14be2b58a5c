
#include "ngx_claude_limit.h"

#include <sodium.h>


#define NGX_CLAUDE_LIMIT_LAYOUT  0x636c1002
#define NGX_CLAUDE_LIMIT_DIGEST  crypto_shorthash_siphashx24_BYTES
#define NGX_CLAUDE_LIMIT_NONE    0xffffffff


typedef struct {
    u_char                  digest[NGX_CLAUDE_LIMIT_DIGEST];
    uint64_t                tat;        /* claude_gcra()'s */
    uint32_t                count;      /* the rate of tat */
    uint32_t                period;
    uint32_t                chain;      /* the next of the same bucket */
    uint32_t                newer;
    uint32_t                older;
} ngx_claude_limit_node_t;


struct ngx_claude_limit_shm_s {
    uint32_t                layout;
    uint32_t                capacity;   /* nodes */
    uint32_t                mask;       /* buckets, less one */
    volatile ngx_uint_t     pending;    /* the links are being changed */
    uint32_t               *buckets;
    ngx_claude_limit_node_t  *nodes;
    uint32_t                n;          /* nodes in use: the first n */
    uint32_t                newest;
    uint32_t                oldest;
    u_char                  key[crypto_shorthash_siphashx24_KEYBYTES];
};


static ngx_int_t ngx_claude_limit_create(ngx_shm_zone_t *zone,
    ngx_claude_limit_t *limit);
static size_t ngx_claude_limit_size(ngx_claude_limit_shm_t *shm,
    size_t capacity);
static void ngx_claude_limit_lock(ngx_claude_limit_t *limit);
static void ngx_claude_limit_unlock(ngx_claude_limit_t *limit);
static void ngx_claude_limit_rebuild(ngx_claude_limit_shm_t *shm);
static ngx_claude_limit_node_t *ngx_claude_limit_node(
    ngx_claude_limit_shm_t *shm, const u_char *digest);
static uint32_t ngx_claude_limit_claim(ngx_claude_limit_shm_t *shm);
static uint32_t *ngx_claude_limit_bucket(ngx_claude_limit_shm_t *shm,
    const u_char *digest);
static void ngx_claude_limit_enqueue(ngx_claude_limit_shm_t *shm, uint32_t i);
static void ngx_claude_limit_dequeue(ngx_claude_limit_shm_t *shm, uint32_t i);


ngx_int_t
ngx_claude_limit_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_claude_limit_t  *old = data;

    ngx_claude_limit_t  *limit;

    limit = zone->data;
    limit->shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (old == NULL && !zone->shm.exists) {
        return ngx_claude_limit_create(zone, limit);
    }

    /* a layout of another kind, if old is of another kind too */

    limit->shm = limit->shpool->data;

    if (limit->shm == NULL || limit->shm->layout != NGX_CLAUDE_LIMIT_LAYOUT) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "claude_limit_zone \"%V\" was laid out for something "
                      "else: give it another name, or restart nginx",
                      &zone->shm.name);
        return NGX_ERROR;
    }

    if (old
        && (limit->key.len != old->key.len
            || ngx_strncmp(limit->key.data, old->key.data, old->key.len)
               != 0))
    {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "claude_limit_zone \"%V\" uses the \"%V\" key while "
                      "previously it used the \"%V\" key",
                      &zone->shm.name, &limit->key, &old->key);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_claude_limit_create(ngx_shm_zone_t *zone, ngx_claude_limit_t *limit)
{
    u_char                  *p;
    size_t                   room, size, capacity;
    ngx_claude_limit_shm_t  *shm;

    shm = ngx_slab_calloc(limit->shpool, sizeof(ngx_claude_limit_shm_t));
    if (shm == NULL) {
        goto small;
    }

    room = limit->shpool->pfree * ngx_pagesize;
    capacity = ngx_min(room / sizeof(ngx_claude_limit_node_t),
                       (size_t) 1 << 30);

    for ( ;; ) {
        size = ngx_claude_limit_size(shm, capacity);

        if (size <= room) {
            break;
        }

        size = (size - room) / sizeof(ngx_claude_limit_node_t) + 1;
        capacity -= ngx_min(capacity, size);
    }

    if (capacity == 0) {
        goto small;
    }

    p = ngx_slab_alloc(limit->shpool, size);
    if (p == NULL) {
        goto small;
    }

    shm->nodes = (ngx_claude_limit_node_t *) p;
    shm->buckets = (uint32_t *) (shm->nodes + capacity);

    randombytes_buf(shm->key, sizeof(shm->key));
    ngx_claude_limit_rebuild(shm);

    shm->layout = NGX_CLAUDE_LIMIT_LAYOUT;
    limit->shpool->data = shm;
    limit->shm = shm;

    return NGX_OK;

small:

    ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                  "claude_limit_zone \"%V\" is too small for one client",
                  &zone->shm.name);

    return NGX_ERROR;
}


static size_t
ngx_claude_limit_size(ngx_claude_limit_shm_t *shm, size_t capacity)
{
    size_t  buckets;

    for (buckets = 1; buckets < capacity; buckets *= 2) { /* void */ }

    shm->capacity = capacity;
    shm->mask = buckets - 1;

    return capacity * sizeof(ngx_claude_limit_node_t)
           + buckets * sizeof(uint32_t);
}


/*
 * The digest is keyed, so nobody can choose addresses that meet in one bucket,
 * and the zone holds no address.  Nodes are of one size and never given back:
 * there is no allocator that a process killed under the lock could leave torn,
 * nor a zone full of pieces too small for the next client.
 */

ngx_int_t
ngx_claude_limit_request(ngx_claude_limit_t *limit, const ngx_str_t *key,
    ngx_uint_t burst, claude_gcra_t *state)
{
    u_char                    digest[NGX_CLAUDE_LIMIT_DIGEST];
    claude_rc_t               rc;
    claude_rate_t             rate;
    ngx_claude_limit_shm_t   *shm;
    ngx_claude_limit_node_t  *node;

    shm = limit->shm;

    rate = limit->rate;
    rate.burst = burst;

    (void) crypto_shorthash_siphashx24(digest, key->data, key->len, shm->key);

    ngx_claude_limit_lock(limit);

    node = ngx_claude_limit_node(shm, digest);

    if (node->count != rate.count || node->period != rate.period) {
        node->tat = 0;
        node->count = rate.count;
        node->period = rate.period;
    }

    rc = claude_gcra(&rate, ngx_current_msec, &node->tat, state);

    ngx_claude_limit_unlock(limit);

    return (rc == CLAUDE_OK) ? NGX_OK : NGX_BUSY;
}


/*
 * A process that was killed while it changed links leaves pending set.  The
 * nodes themselves hold all that counts, so the links are made anew from them;
 * only who was quiet the longest is forgotten.  With 190,000 nodes that takes
 * a few milliseconds.
 */

static void
ngx_claude_limit_lock(ngx_claude_limit_t *limit)
{
    ngx_shmtx_lock(&limit->shpool->mutex);

    if (limit->shm->pending) {
        ngx_claude_limit_rebuild(limit->shm);
        ngx_memory_barrier();
        limit->shm->pending = 0;
    }
}


static void
ngx_claude_limit_unlock(ngx_claude_limit_t *limit)
{
    ngx_shmtx_unlock(&limit->shpool->mutex);
}


static void
ngx_claude_limit_rebuild(ngx_claude_limit_shm_t *shm)
{
    uint32_t   i, *bucket;

    ngx_memset(shm->buckets, 0xff,
               ((size_t) shm->mask + 1) * sizeof(uint32_t));

    shm->newest = NGX_CLAUDE_LIMIT_NONE;
    shm->oldest = NGX_CLAUDE_LIMIT_NONE;

    for (i = 0; i < shm->n; i++) {
        bucket = ngx_claude_limit_bucket(shm, shm->nodes[i].digest);

        shm->nodes[i].chain = *bucket;
        *bucket = i;

        ngx_claude_limit_enqueue(shm, i);
    }
}


/* finds the client's node, or makes one, and makes it the newest */

static ngx_claude_limit_node_t *
ngx_claude_limit_node(ngx_claude_limit_shm_t *shm, const u_char *digest)
{
    uint32_t                  i, *bucket;
    ngx_claude_limit_node_t  *node;

    bucket = ngx_claude_limit_bucket(shm, digest);

    for (i = *bucket; i != NGX_CLAUDE_LIMIT_NONE; i = node->chain) {
        node = &shm->nodes[i];

        if (ngx_memcmp(node->digest, digest, NGX_CLAUDE_LIMIT_DIGEST) == 0) {
            break;
        }
    }

    if (i != NGX_CLAUDE_LIMIT_NONE && i == shm->newest) {
        return &shm->nodes[i];
    }

    shm->pending = 1;
    ngx_memory_barrier();

    if (i != NGX_CLAUDE_LIMIT_NONE) {
        ngx_claude_limit_dequeue(shm, i);

    } else {
        i = ngx_claude_limit_claim(shm);
        node = &shm->nodes[i];

        node->tat = 0;
        ngx_memcpy(node->digest, digest, NGX_CLAUDE_LIMIT_DIGEST);

        node->chain = *bucket;
        *bucket = i;
    }

    ngx_claude_limit_enqueue(shm, i);

    ngx_memory_barrier();
    shm->pending = 0;

    return &shm->nodes[i];
}


/* a node in no bucket and not in the queue: a new one, or the oldest */

static uint32_t
ngx_claude_limit_claim(ngx_claude_limit_shm_t *shm)
{
    uint32_t  i, *link;

    if (shm->n < shm->capacity) {
        return shm->n++;
    }

    i = shm->oldest;
    link = ngx_claude_limit_bucket(shm, shm->nodes[i].digest);

    while (*link != i) {
        link = &shm->nodes[*link].chain;
    }

    *link = shm->nodes[i].chain;

    ngx_claude_limit_dequeue(shm, i);

    return i;
}


static uint32_t *
ngx_claude_limit_bucket(ngx_claude_limit_shm_t *shm, const u_char *digest)
{
    uint32_t  hash;

    ngx_memcpy(&hash, digest, sizeof(uint32_t));

    return &shm->buckets[hash & shm->mask];
}


static void
ngx_claude_limit_enqueue(ngx_claude_limit_shm_t *shm, uint32_t i)
{
    ngx_claude_limit_node_t  *node;

    node = &shm->nodes[i];

    node->newer = NGX_CLAUDE_LIMIT_NONE;
    node->older = shm->newest;

    if (shm->newest != NGX_CLAUDE_LIMIT_NONE) {
        shm->nodes[shm->newest].newer = i;

    } else {
        shm->oldest = i;
    }

    shm->newest = i;
}


static void
ngx_claude_limit_dequeue(ngx_claude_limit_shm_t *shm, uint32_t i)
{
    ngx_claude_limit_node_t  *node;

    node = &shm->nodes[i];

    if (node->newer != NGX_CLAUDE_LIMIT_NONE) {
        shm->nodes[node->newer].older = node->older;

    } else {
        shm->newest = node->older;
    }

    if (node->older != NGX_CLAUDE_LIMIT_NONE) {
        shm->nodes[node->older].newer = node->newer;

    } else {
        shm->oldest = node->newer;
    }
}


void
ngx_claude_limit_count(ngx_claude_limit_t *limit, ngx_uint_t *n,
    ngx_uint_t *capacity)
{
    *n = limit->shm->n;
    *capacity = limit->shm->capacity;
}
