
/*
 * Request limits in shared memory: one GCRA state a client, in a table by keyed
 * digest and a queue by last use.  When the zone is full the client that was
 * quiet the longest is forgotten.  A client takes 52 to 56 bytes, whatever its
 * key: 10 MB hold some 190,000.
 */


#ifndef NGX_CLAUDE_LIMIT_H
#define NGX_CLAUDE_LIMIT_H


#include <ngx_config.h>
#include <ngx_core.h>

#include "../core/claude_gcra.h"


typedef struct ngx_claude_limit_shm_s  ngx_claude_limit_shm_t;

typedef struct {
    ngx_claude_limit_shm_t  *shm;
    ngx_slab_pool_t         *shpool;
    claude_rate_t            rate;      /* burst is the caller's, a call */
    ngx_str_t                key;       /* the key's source text: a zone is
                                         * reused only for the same */
} ngx_claude_limit_t;


/* the zone's init handler; zone->data is the ngx_claude_limit_t */

ngx_int_t ngx_claude_limit_init_zone(ngx_shm_zone_t *zone, void *data);

/*
 * One request of the client that key names, at ngx_current_msec.  NGX_OK, or
 * NGX_BUSY when it is over the limit; state is filled.  A client that was
 * counted at another rate, before a reload, begins anew.
 */

ngx_int_t ngx_claude_limit_request(ngx_claude_limit_t *limit,
    const ngx_str_t *key, ngx_uint_t burst, claude_gcra_t *state);

/* for status, without the lock: clients, and how many there is room for */

void ngx_claude_limit_count(ngx_claude_limit_t *limit, ngx_uint_t *n,
    ngx_uint_t *capacity);


#endif /* NGX_CLAUDE_LIMIT_H */
