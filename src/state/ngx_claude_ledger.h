
/*
 * Inside the accounting: what lies in the keystore's zone beside the keys, and
 * the only way to change it.  For ngx_claude_ledger.c, ngx_claude_account.c and
 * ngx_claude_usage.c, and for the keystore, which makes and repairs it.
 *
 *   leases    a call under way each, of which process, and what it holds:
 *             so that a killed process's calls can be ended by others
 *   deltas    what a key used of a model in a day, and is not in the usage
 *             history yet
 *   workers   the processes that leases belong to
 *   models    names that deltas have numbers of, and what was learnt of prices
 *
 * Everything here wants the keystore's lock.
 */


#ifndef NGX_CLAUDE_LEDGER_H
#define NGX_CLAUDE_LEDGER_H


#include "ngx_claude_account.h"

#include "../core/claude_usage.h"


#define NGX_CLAUDE_LEDGER_NONE     0xffffffff
#define NGX_CLAUDE_LEDGER_WORKERS  256


typedef struct {
    uint32_t                worker;     /* its number, from 1; 0: free */
    uint32_t                next;       /* free one */
    uint32_t                slot;       /* of the key, a guess */
    uint32_t                tokens;     /* reserved, as is cost */
    uint32_t                cost;
    volatile uint32_t       prompt;     /* used so far; the worker writes */
    volatile uint32_t       cached;     /* these three without the lock */
    volatile uint32_t       completion;
    u_char                  id[CLAUDE_KEY_ID_LEN];
} ngx_claude_lease_t;


typedef struct {
    claude_count_t          count;
    uint32_t                day;
    uint32_t                model;      /* its number, from 1; 0: none */
    uint32_t                next;       /* of the same bucket */
    u_char                  id[CLAUDE_KEY_ID_LEN];
} ngx_claude_delta_t;


/* start tells a process from another of the same pid; 0: not known */

typedef struct {
    ngx_pid_t               pid;        /* 0: free */
    uint64_t                start;
} ngx_claude_ledger_worker_t;


typedef struct {
    uint64_t                price;      /* nano-dollars a unit; 0: not known */
    uint32_t                len;
    u_char                  name[CLAUDE_USAGE_MODEL_MAX];
} ngx_claude_ledger_model_t;


/* the change in hand: each is stored where it isn't NULL or NONE */

typedef struct {
    volatile ngx_uint_t     pending;
    ngx_claude_account_t   *to;
    uint32_t                lease_at;
    uint32_t                delta_at;
    ngx_claude_account_t    account;
    ngx_claude_lease_t      lease;
    ngx_claude_delta_t      delta;
} ngx_claude_ledger_redo_t;


struct ngx_claude_ledger_s {
    uint32_t                nleases;
    uint32_t                ndeltas;
    uint32_t                nmodels;
    uint32_t                mask;       /* buckets of deltas, less one */

    ngx_claude_lease_t     *leases;
    ngx_claude_delta_t     *deltas;
    ngx_claude_ledger_model_t  *models;
    uint32_t               *buckets;    /* a delta + 1; 0: none */

    uint32_t                free;       /* lease */
    uint32_t                fresh;      /* leases from here on are new */
    uint32_t                running;    /* leases that are not free */
    uint32_t                unwritten;  /* deltas in use: the first of them */
    uint32_t                known;      /* models in use */
    uint64_t                lost;       /* calls without a delta */
    uint64_t                told;       /* of these, in a log */
    ngx_uint_t              failed;     /* the last writing, as was told */
    u_char                  hash_key[16];

    ngx_claude_ledger_redo_t  redo;
    ngx_claude_ledger_worker_t  workers[NGX_CLAUDE_LEDGER_WORKERS];
};


/* lays it out in a fresh zone, in proportion to the zone: an eighth at most.
 * NULL: no room */

ngx_claude_ledger_t *ngx_claude_ledger_create(ngx_slab_pool_t *shpool);

/* finishes what a killed process had begun: the first thing under the lock */

void ngx_claude_ledger_recover(ngx_claude_ledger_t *ledger);

static ngx_inline void
ngx_claude_ledger_check(ngx_claude_ledger_t *ledger)
{
    if (ledger->redo.pending) {
        ngx_claude_ledger_recover(ledger);
    }
}

/* a redo to fill in, which changes nothing as it is */

ngx_claude_ledger_redo_t *ngx_claude_ledger_redo(ngx_claude_ledger_t *ledger);

/* stores it as a whole; a lease and a delta must be those that free and delta
 * gave, or that are in use */

void ngx_claude_ledger_commit(ngx_claude_ledger_t *ledger);

/* a free lease, or NGX_CLAUDE_LEDGER_NONE */

uint32_t ngx_claude_ledger_free(ngx_claude_ledger_t *ledger);

/* fills redo's delta with the one of these names, or a new one; count is to be
 * added.  NGX_DECLINED: there is no room. */

ngx_int_t ngx_claude_ledger_delta(ngx_claude_ledger_t *ledger,
    const u_char id[CLAUDE_KEY_ID_LEN], uint32_t day, uint32_t model);

/* takes up to n deltas out, into lines; how many */

ngx_uint_t ngx_claude_ledger_take(ngx_claude_ledger_t *ledger,
    claude_usage_line_t *lines, ngx_uint_t n);

/* the number of a model, from 1, which is made with make; 0: there is none */

uint32_t ngx_claude_ledger_model(ngx_claude_ledger_t *ledger,
    const claude_str_t *name, ngx_uint_t make);


#endif /* NGX_CLAUDE_LEDGER_H */
