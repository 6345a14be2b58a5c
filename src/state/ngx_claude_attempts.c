
#include "ngx_claude_attempts.h"

#include <sodium.h>


#define NGX_CLAUDE_ATTEMPTS_LAYOUT  0x636c2001
#define NGX_CLAUDE_ATTEMPTS_DIGEST  crypto_generichash_BYTES_MIN
#define NGX_CLAUDE_ATTEMPTS_WAYS    8


typedef struct {
    u_char                  digest[NGX_CLAUDE_ATTEMPTS_DIGEST];
    ngx_msec_t              at[NGX_CLAUDE_ATTEMPTS];    /* 0: none */
} ngx_claude_attempts_node_t;


struct ngx_claude_attempts_shm_s {
    uint32_t                layout;
    uint32_t                sets;
    ngx_claude_attempts_node_t  *nodes;
    u_char                  key[crypto_generichash_KEYBYTES];
};


static ngx_int_t ngx_claude_attempts_create(ngx_shm_zone_t *zone,
    ngx_claude_attempts_t *attempts);
static void ngx_claude_attempts_digest(ngx_claude_attempts_t *attempts,
    const ngx_str_t *key, u_char *digest);
static ngx_claude_attempts_node_t *ngx_claude_attempts_node(
    ngx_claude_attempts_shm_t *shm, const u_char *digest, ngx_uint_t make);
static ngx_msec_t ngx_claude_attempts_last(ngx_claude_attempts_node_t *node);
static ngx_msec_t ngx_claude_attempts_now(void);


ngx_int_t
ngx_claude_attempts_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_claude_attempts_t  *attempts;

    attempts = zone->data;
    attempts->shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (data == NULL && !zone->shm.exists) {
        return ngx_claude_attempts_create(zone, attempts);
    }

    attempts->shm = attempts->shpool->data;

    if (attempts->shm == NULL
        || attempts->shm->layout != NGX_CLAUDE_ATTEMPTS_LAYOUT)
    {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "zone \"%V\" was laid out for something else: restart "
                      "nginx", &zone->shm.name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_claude_attempts_create(ngx_shm_zone_t *zone,
    ngx_claude_attempts_t *attempts)
{
    size_t                      set, size;
    ngx_claude_attempts_shm_t  *shm;

    set = NGX_CLAUDE_ATTEMPTS_WAYS * sizeof(ngx_claude_attempts_node_t);

    shm = ngx_slab_calloc(attempts->shpool,
                          sizeof(ngx_claude_attempts_shm_t));
    if (shm == NULL) {
        goto small;
    }

    size = attempts->shpool->pfree * ngx_pagesize;
    shm->sets = size / set;

    if (shm->sets == 0) {
        goto small;
    }

    shm->nodes = ngx_slab_calloc(attempts->shpool, shm->sets * set);
    if (shm->nodes == NULL) {
        goto small;
    }

    randombytes_buf(shm->key, sizeof(shm->key));

    shm->layout = NGX_CLAUDE_ATTEMPTS_LAYOUT;
    attempts->shpool->data = shm;
    attempts->shm = shm;

    return NGX_OK;

small:

    ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                  "zone \"%V\" is too small for one address",
                  &zone->shm.name);

    return NGX_ERROR;
}


ngx_int_t
ngx_claude_attempts_begin(ngx_claude_attempts_t *attempts,
    const ngx_str_t *key, ngx_claude_attempt_t *attempt)
{
    u_char                       digest[NGX_CLAUDE_ATTEMPTS_DIGEST];
    ngx_msec_t                   now, age, oldest;
    ngx_uint_t                   i, free;
    ngx_claude_attempts_node_t  *node;

    ngx_claude_attempts_digest(attempts, key, digest);

    now = ngx_claude_attempts_now();
    free = NGX_CLAUDE_ATTEMPTS;
    oldest = 0;

    attempt->at = now;
    attempt->n = 0;

    ngx_shmtx_lock(&attempts->shpool->mutex);

    node = ngx_claude_attempts_node(attempts->shm, digest, 1);

    for (i = 0; i < NGX_CLAUDE_ATTEMPTS; i++) {
        age = now - node->at[i];

        /* a worker's clock may be a little ahead of this one's */

        if ((ngx_msec_int_t) age < 0) {
            age = 0;
        }

        if (node->at[i] == 0 || age >= NGX_CLAUDE_ATTEMPTS_WINDOW) {
            free = i;
            continue;
        }

        attempt->n++;
        oldest = ngx_max(oldest, age);
    }

    if (free < NGX_CLAUDE_ATTEMPTS) {
        node->at[free] = now;
    }

    ngx_shmtx_unlock(&attempts->shpool->mutex);

    attempt->retry = NGX_CLAUDE_ATTEMPTS_WINDOW - oldest;

    if (free == NGX_CLAUDE_ATTEMPTS) {
        return NGX_BUSY;
    }

    attempt->n++;

    return NGX_OK;
}


void
ngx_claude_attempts_end(ngx_claude_attempts_t *attempts,
    const ngx_str_t *key, const ngx_claude_attempt_t *attempt)
{
    u_char                       digest[NGX_CLAUDE_ATTEMPTS_DIGEST];
    ngx_uint_t                   i;
    ngx_claude_attempts_node_t  *node;

    ngx_claude_attempts_digest(attempts, key, digest);

    ngx_shmtx_lock(&attempts->shpool->mutex);

    node = ngx_claude_attempts_node(attempts->shm, digest, 0);

    for (i = 0; node != NULL && i < NGX_CLAUDE_ATTEMPTS; i++) {

        if (node->at[i] == attempt->at) {
            node->at[i] = 0;
            break;
        }
    }

    ngx_shmtx_unlock(&attempts->shpool->mutex);
}


static void
ngx_claude_attempts_digest(ngx_claude_attempts_t *attempts,
    const ngx_str_t *key, u_char *digest)
{
    (void) crypto_generichash(digest, NGX_CLAUDE_ATTEMPTS_DIGEST, key->data,
                              key->len, attempts->shm->key,
                              sizeof(attempts->shm->key));
}


/* with make, the place that was quiet the longest becomes the address's */

static ngx_claude_attempts_node_t *
ngx_claude_attempts_node(ngx_claude_attempts_shm_t *shm, const u_char *digest,
    ngx_uint_t make)
{
    uint32_t                     hash;
    ngx_msec_t                   last, first;
    ngx_uint_t                   i;
    ngx_claude_attempts_node_t  *set, *node;

    ngx_memcpy(&hash, digest, sizeof(uint32_t));

    set = &shm->nodes[(size_t) (hash % shm->sets) * NGX_CLAUDE_ATTEMPTS_WAYS];
    node = set;
    first = NGX_MAX_INT_T_VALUE;

    for (i = 0; i < NGX_CLAUDE_ATTEMPTS_WAYS; i++) {

        if (ngx_memcmp(set[i].digest, digest, NGX_CLAUDE_ATTEMPTS_DIGEST)
            == 0)
        {
            return &set[i];
        }

        last = ngx_claude_attempts_last(&set[i]);

        if (last < first) {
            first = last;
            node = &set[i];
        }
    }

    if (!make) {
        return NULL;
    }

    /* the tries of another must not be taken for this one's, even if this
     * process is killed here */

    ngx_memzero(node->at, sizeof(node->at));
    ngx_memory_barrier();
    ngx_memcpy(node->digest, digest, NGX_CLAUDE_ATTEMPTS_DIGEST);

    return node;
}


static ngx_msec_t
ngx_claude_attempts_last(ngx_claude_attempts_node_t *node)
{
    ngx_uint_t  i;
    ngx_msec_t  last;

    last = 0;

    for (i = 0; i < NGX_CLAUDE_ATTEMPTS; i++) {
        last = ngx_max(last, node->at[i]);
    }

    return last;
}


/* 0 stands for no try */

static ngx_msec_t
ngx_claude_attempts_now(void)
{
    return ngx_current_msec ? ngx_current_msec : 1;
}


void
ngx_claude_attempts_count(ngx_claude_attempts_t *attempts, ngx_uint_t *n,
    ngx_uint_t *capacity)
{
    ngx_uint_t  i;

    *n = 0;
    *capacity = (ngx_uint_t) attempts->shm->sets * NGX_CLAUDE_ATTEMPTS_WAYS;

    for (i = 0; i < *capacity; i++) {
        *n += (ngx_claude_attempts_last(&attempts->shm->nodes[i]) != 0);
    }
}
