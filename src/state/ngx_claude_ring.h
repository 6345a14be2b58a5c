
/*
 * Security events in shared memory: a ring of the latest, which the admin API
 * tails, and the bound on what a flood of them may write.
 *
 * Events are numbered in the order in which they were taken.  The first number
 * is the time at which the zone was made, in ms: numbers don't go back over a
 * reload, which keeps the zone, nor over a restart, as events come more slowly
 * than one a ms in the long run.
 *
 * What anybody can cause at will is bounded.  Of events alike (the same event,
 * address, key and code) one is told at once, and the number of those that
 * follow at most every NGX_CLAUDE_RING_QUIET; and of all that are bounded not
 * more than NGX_CLAUDE_RING_RATE a second after a first NGX_CLAUDE_RING_BURST.
 * What is not told is counted, and the numbers are told one a second, after a
 * burst as large.
 */


#ifndef NGX_CLAUDE_RING_H
#define NGX_CLAUDE_RING_H


#include <ngx_config.h>
#include <ngx_core.h>

#include "../core/claude_key.h"
#include "../core/claude_trace.h"


#define NGX_CLAUDE_RING_RATE        3       /* events a second */
#define NGX_CLAUDE_RING_SWEEP_RATE  1
#define NGX_CLAUDE_RING_BURST       50
#define NGX_CLAUDE_RING_QUIET       10000   /* ms */

/* the caller's numbers of events are below */

#define NGX_CLAUDE_RING_EVENTS      32

#define NGX_CLAUDE_RING_TEXT        32


/* one event; what it hasn't is zero */

typedef struct {
    uint64_t                seq;            /* set by the ring */
    int64_t                 time;           /* ms since the epoch */
    uint32_t                suppressed;     /* how many it stands for */
    u_char                  event;
    u_char                  address_len;    /* 4, 16 or 0 */
    u_char                  request_id_len;
    u_char                  code_len;
    u_char                  address[16];    /* cut already */
    u_char                  key_id[CLAUDE_KEY_ID_LEN];
    u_char                  request_id[NGX_CLAUDE_RING_TEXT];
    u_char                  trace_id[CLAUDE_TRACE_ID_LEN];
    u_char                  code[NGX_CLAUDE_RING_TEXT];
} ngx_claude_ring_entry_t;


typedef struct ngx_claude_ring_shm_s  ngx_claude_ring_shm_t;

typedef struct {
    ngx_claude_ring_shm_t  *shm;
    ngx_slab_pool_t        *shpool;
} ngx_claude_ring_t;


/* the zone's init handler; zone->data is the ngx_claude_ring_t */

ngx_int_t ngx_claude_ring_init_zone(ngx_shm_zone_t *zone, void *data);

/*
 * Takes an event, and sets its seq.  The master, which can't wait for a lock
 * that only it can free, drops it when the lock isn't had soon: seq stays 0.
 */

void ngx_claude_ring_add(ngx_claude_ring_t *ring,
    ngx_claude_ring_entry_t *entry);

typedef enum {
    NGX_CLAUDE_RING_EACH = 0,               /* each is told, in the bound */
    NGX_CLAUDE_RING_ALIKE                   /* of those alike the first is */
} ngx_claude_ring_bound_e;

/* takes an event that is bounded: NGX_OK; NGX_DECLINED, it is only counted */

ngx_int_t ngx_claude_ring_offer(ngx_claude_ring_t *ring,
    ngx_claude_ring_entry_t *entry, ngx_claude_ring_bound_e bound);

/*
 * Takes up to n events that stand for those only counted, at time (ms since
 * the epoch), as many as the bound allows, and copies them.  Returns how many;
 * to be called every second or so.
 */

ngx_uint_t ngx_claude_ring_sweep(ngx_claude_ring_t *ring, int64_t time,
    ngx_claude_ring_entry_t *entries, ngx_uint_t n);


/*
 * Copies up to n events that came after the one numbered after, or all there
 * are with 0, the oldest first, and returns how many.  *next is what after has
 * to be to go on; *lost is set when there were others in between that are no
 * longer there.
 */

ngx_uint_t ngx_claude_ring_read(ngx_claude_ring_t *ring, uint64_t after,
    ngx_claude_ring_entry_t *entries, ngx_uint_t n, uint64_t *next,
    ngx_uint_t *lost);

/* what after has to be for the last n */

uint64_t ngx_claude_ring_tail(ngx_claude_ring_t *ring, ngx_uint_t n);

/* for status, without the lock: events, and how many there is room for */

void ngx_claude_ring_count(ngx_claude_ring_t *ring, ngx_uint_t *n,
    ngx_uint_t *capacity);


#endif /* NGX_CLAUDE_RING_H */
