
/*
 * Wrong tries to sign in, by address, in shared memory: at most
 * NGX_CLAUDE_ATTEMPTS in any NGX_CLAUDE_ATTEMPTS_WINDOW, on monotonic time.
 *
 * The table is one of sets of eight: an address has its set by a keyed digest,
 * and takes the place there that was quiet the longest.  Nothing links one
 * place to another, so a process that is killed while it writes spoils no more
 * than the one place.
 */


#ifndef NGX_CLAUDE_ATTEMPTS_H
#define NGX_CLAUDE_ATTEMPTS_H


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_CLAUDE_ATTEMPTS         5
#define NGX_CLAUDE_ATTEMPTS_WINDOW  (15 * 60 * 1000)

/* holds some 37,000 addresses */

#define NGX_CLAUDE_ATTEMPTS_SIZE    (2 * 1024 * 1024)


typedef struct ngx_claude_attempts_shm_s  ngx_claude_attempts_shm_t;

typedef struct {
    ngx_claude_attempts_shm_t  *shm;
    ngx_slab_pool_t            *shpool;
} ngx_claude_attempts_t;


/* of one try */

typedef struct {
    ngx_msec_t                  at;     /* what end() gives back */
    ngx_uint_t                  n;      /* wrong ones with it: 1 to
                                         * NGX_CLAUDE_ATTEMPTS */
    ngx_msec_t                  retry;  /* ms until there may be another one
                                         * where n has reached the bound */
} ngx_claude_attempt_t;


/* the zone's init handler; zone->data is the ngx_claude_attempts_t */

ngx_int_t ngx_claude_attempts_init_zone(ngx_shm_zone_t *zone, void *data);

/*
 * A try from the address, which counts as wrong until end() takes it back:
 * those that are checked at once can't be more than the bound.  key is what
 * claude_addr_client() made.  NGX_OK, attempt is filled; NGX_BUSY, no more
 * before attempt->retry.
 */

ngx_int_t ngx_claude_attempts_begin(ngx_claude_attempts_t *attempts,
    const ngx_str_t *key, ngx_claude_attempt_t *attempt);

/* it was right, or not looked at */

void ngx_claude_attempts_end(ngx_claude_attempts_t *attempts,
    const ngx_str_t *key, const ngx_claude_attempt_t *attempt);

/* for status, without the lock: addresses, and how many there is room for */

void ngx_claude_attempts_count(ngx_claude_attempts_t *attempts,
    ngx_uint_t *n, ngx_uint_t *capacity);


#endif /* NGX_CLAUDE_ATTEMPTS_H */
