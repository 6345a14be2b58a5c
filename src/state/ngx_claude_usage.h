
/*
 * What keys use: calls under way, what they used since it was last written to
 * the usage history (src/core/claude_usage.h), and the writing of it.  All of
 * it lies in the keystore's zone, under its lock.
 */


#ifndef NGX_CLAUDE_USAGE_H
#define NGX_CLAUDE_USAGE_H


#include "ngx_claude_store.h"

#include "../core/claude_usage.h"


#define NGX_CLAUDE_LEASE_NONE  0xffffffff


/* a call under way, in its request's memory; zero: there is none */

typedef struct {
    uint32_t                lease;
    claude_reservation_t    reserved;
    unsigned                running:1;
    unsigned                counted:1;  /* by requests a minute: stays set */
} ngx_claude_call_t;


/* how a call ended */

typedef struct {
    claude_count_t          count;      /* requests is 1 */
    claude_str_t            model;      /* that began to answer; len 0: none */
    uint64_t                units;      /* NGX_CLAUDE_UNITS_… of its tokens */
    unsigned                priced:1;   /* count.cost is what it did cost; else
                                         * it is estimated from units */
} ngx_claude_used_t;


/* prices of tokens beside each other, as all of Anthropic's models have them:
 * what is learnt of a model is one price */

#define NGX_CLAUDE_UNITS_INPUT       20
#define NGX_CLAUDE_UNITS_CACHE_READ  2
#define NGX_CLAUDE_UNITS_CACHE_WRITE 25
#define NGX_CLAUDE_UNITS_OUTPUT      100


/*
 * A request of key comes; model says whether it is a call of one, which is
 * under way from then on.  NGX_OK; NGX_BUSY, refused, verdict says why;
 * NGX_DECLINED, the key was deleted meanwhile.  One hold of the lock.
 */

ngx_int_t ngx_claude_usage_begin(ngx_claude_store_t *store,
    const ngx_claude_key_t *key, ngx_uint_t model, ngx_claude_call_t *call,
    claude_verdict_t *verdict);

/* about how many tokens the call will use is known; as begin.  Refused, the
 * call is still to be ended.  What is reserved already stays as it is. */

ngx_int_t ngx_claude_usage_reserve(ngx_claude_store_t *store,
    const ngx_claude_key_t *key, ngx_claude_call_t *call,
    const claude_str_t *model, uint64_t prompt, uint64_t completion,
    claude_verdict_t *verdict);

/* what the call has used so far, for whoever finds it when this process was
 * killed.  No lock. */

void ngx_claude_usage_note(ngx_claude_store_t *store,
    const ngx_claude_call_t *call, const claude_count_t *count);

/* the call ends: counts what it used, once.  One hold of the lock. */

void ngx_claude_usage_end(ngx_claude_store_t *store,
    const ngx_claude_key_t *key, ngx_claude_call_t *call,
    ngx_claude_used_t *used);


/* init_zone, in the master, after the load of a fresh zone: what this month's
 * history says is counted.  Blocks.  Trouble is logged, and no reason to stop.
 */

void ngx_claude_usage_load(ngx_claude_store_t *store, ngx_log_t *log);

/* in each worker, as ngx_claude_store_init_process(); and at its exit */

ngx_int_t ngx_claude_usage_init_process(ngx_claude_store_t *store,
    ngx_cycle_t *cycle);
void ngx_claude_usage_exit_process(ngx_cycle_t *cycle);

/*
 * In a worker: writes at once what is not in the history yet, so that a sum of
 * it tells what was used up to now.  NGX_OK: there is nothing to write, or no
 * way to; NGX_AGAIN: done is called, in the event loop, when it is written or
 * could not be.  wait is the caller's until then.
 */

typedef struct {
    ngx_queue_t             queue;
    void                  (*done)(void *data);
    void                   *data;
} ngx_claude_usage_wait_t;

ngx_int_t ngx_claude_usage_write(ngx_claude_usage_wait_t *wait);


/*
 * For ngx_claude_usage.c: this process comes, sweeps, and gets a number for its
 * leases; it goes, and ends what it has not ended; the sweep ends what killed
 * processes have left.  None of it under the lock.
 */

void ngx_claude_account_enter(ngx_claude_store_t *store, ngx_log_t *log);
void ngx_claude_account_leave(ngx_claude_store_t *store);
void ngx_claude_account_sweep(ngx_claude_store_t *store);


/* for status */

typedef struct {
    ngx_uint_t              running;    /* calls under way, of all keys */
    ngx_uint_t              leases;     /* that there is room for */
    ngx_uint_t              unwritten;  /* keys and models */
    ngx_uint_t              capacity;   /* of unwritten */
    uint64_t                lost;       /* calls that no history has */
    ngx_uint_t              failed;     /* the last writing of it */
} ngx_claude_usage_stat_t;

void ngx_claude_usage_stat(ngx_claude_store_t *store,
    ngx_claude_usage_stat_t *stat);


#endif /* NGX_CLAUDE_USAGE_H */
