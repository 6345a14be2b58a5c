
#include "ngx_claude_ledger.h"
#include "ngx_claude_usage.h"

#include <signal.h>
#include <stdio.h>


/* nano-dollars a unit of a model that nothing is known of: 3 and 15 dollars a
 * million tokens of input and output */

#define NGX_CLAUDE_ACCOUNT_PRICE  150

/* leases looked at in one hold of the lock */

#define NGX_CLAUDE_SWEEP_SLICE    1024

/* ms between sweeps that refused calls ask for */

#define NGX_CLAUDE_SWEEP_AGAIN    1000


static void ngx_claude_account_now(claude_moment_t *now);
static uint32_t ngx_claude_account_worker(ngx_claude_ledger_t *ledger);
static uint64_t ngx_claude_account_cost(ngx_claude_ledger_t *ledger,
    uint32_t model, uint64_t units);
static void ngx_claude_account_learn(ngx_claude_ledger_t *ledger,
    uint32_t model, const ngx_claude_used_t *used);
static void ngx_claude_account_delta(ngx_claude_ledger_t *ledger,
    const u_char *id, uint32_t day, uint32_t model,
    const claude_count_t *count);
static void ngx_claude_account_sweep_now(ngx_claude_store_t *store);
static uint64_t ngx_claude_account_start(ngx_pid_t pid);
static ngx_uint_t ngx_claude_account_is_dead(
    const ngx_claude_ledger_worker_t *worker);
static ngx_uint_t ngx_claude_account_bury(ngx_claude_store_t *store,
    uint32_t number, const ngx_claude_ledger_worker_t *worker,
    uint32_t *at);
static void ngx_claude_account_drop(ngx_claude_store_t *store, uint32_t at,
    const claude_moment_t *now);
static uint32_t ngx_claude_account_bound(uint64_t n);


/* this process, as the ledger knows it */

static ngx_claude_ledger_t  *ngx_claude_account_at;
static ngx_pid_t             ngx_claude_account_pid;
static uint32_t              ngx_claude_account_number;
static ngx_msec_t            ngx_claude_account_swept;


ngx_int_t
ngx_claude_usage_begin(ngx_claude_store_t *store, const ngx_claude_key_t *key,
    ngx_uint_t model, ngx_claude_call_t *call, claude_verdict_t *verdict)
{
    uint32_t                   worker;
    claude_moment_t            now;
    ngx_claude_ledger_t       *ledger;
    ngx_claude_account_t      *account;
    ngx_claude_keystore_t     *ks;
    ngx_claude_ledger_redo_t  *redo;

    ks = &store->keystore;
    ledger = ks->ledger;

    call->lease = NGX_CLAUDE_LEASE_NONE;
    call->running = 0;

    ngx_memzero(&call->reserved, sizeof(claude_reservation_t));

    worker = ngx_claude_account_worker(ledger);
    ngx_claude_account_now(&now);

    ngx_claude_keystore_lock(ks);

    account = ngx_claude_keystore_account(ks, key->ref.slot, key->id);

    if (account == NULL) {
        ngx_claude_keystore_unlock(ks);
        return NGX_DECLINED;
    }

    redo = ngx_claude_ledger_redo(ledger);
    redo->account = *account;

    claude_account_admit(&redo->account, &key->limits, &now, model,
                         call->counted, verdict);

    if (verdict->err == CLAUDE_ERR_NONE) {
        redo->to = account;

        if (model && worker) {
            redo->lease_at = ngx_claude_ledger_free(ledger);

            ngx_memzero(&redo->lease, sizeof(ngx_claude_lease_t));
            ngx_memcpy(redo->lease.id, key->id, CLAUDE_KEY_ID_LEN);

            redo->lease.worker = worker;
            redo->lease.slot = key->ref.slot;

            call->lease = redo->lease_at;
        }

        ngx_claude_ledger_commit(ledger);
    }

    ngx_claude_keystore_unlock(ks);

    if (verdict->err != CLAUDE_ERR_NONE) {

        /* slots of killed processes may be among those that are taken */

        if (verdict->err == CLAUDE_ERR_CONCURRENCY) {
            ngx_claude_account_sweep_now(store);
        }

        return NGX_BUSY;
    }

    call->counted = 1;
    call->running = (model != 0);

    return NGX_OK;
}


ngx_int_t
ngx_claude_usage_reserve(ngx_claude_store_t *store,
    const ngx_claude_key_t *key, ngx_claude_call_t *call,
    const claude_str_t *model, uint64_t prompt, uint64_t completion,
    claude_verdict_t *verdict)
{
    uint64_t                   cost;
    claude_moment_t            now;
    ngx_claude_ledger_t       *ledger;
    ngx_claude_account_t      *account;
    ngx_claude_keystore_t     *ks;
    ngx_claude_ledger_redo_t  *redo;

    if (!call->running || call->reserved.tokens
        || (key->limits.tokens | key->limits.day_tokens
            | key->limits.month_tokens | key->limits.day_cost
            | key->limits.month_cost)
           == 0)
    {
        return NGX_OK;
    }

    ks = &store->keystore;
    ledger = ks->ledger;

    ngx_claude_account_now(&now);

    ngx_claude_keystore_lock(ks);

    account = ngx_claude_keystore_account(ks, key->ref.slot, key->id);

    if (account == NULL) {
        ngx_claude_keystore_unlock(ks);
        return NGX_DECLINED;
    }

    cost = ngx_claude_account_cost(ledger,
                                   ngx_claude_ledger_model(ledger, model, 0),
                                   prompt * NGX_CLAUDE_UNITS_INPUT
                                   + completion * NGX_CLAUDE_UNITS_OUTPUT);

    redo = ngx_claude_ledger_redo(ledger);
    redo->account = *account;

    claude_account_reserve(&redo->account, &key->limits, &now, prompt,
                           completion, cost, &call->reserved, verdict);

    if (verdict->err == CLAUDE_ERR_NONE) {
        redo->to = account;

        if (call->lease != NGX_CLAUDE_LEASE_NONE) {
            redo->lease_at = call->lease;
            redo->lease = ledger->leases[call->lease];
            redo->lease.tokens =
                            ngx_claude_account_bound(call->reserved.tokens);
            redo->lease.cost = ngx_claude_account_bound(call->reserved.cost);
        }

        ngx_claude_ledger_commit(ledger);
    }

    ngx_claude_keystore_unlock(ks);

    return (verdict->err == CLAUDE_ERR_NONE) ? NGX_OK : NGX_BUSY;
}


void
ngx_claude_usage_note(ngx_claude_store_t *store, const ngx_claude_call_t *call,
    const claude_count_t *count)
{
    ngx_claude_lease_t  *lease;

    if (!call->running || call->lease == NGX_CLAUDE_LEASE_NONE) {
        return;
    }

    lease = &store->keystore.ledger->leases[call->lease];

    lease->prompt = ngx_claude_account_bound(count->prompt);
    lease->cached = ngx_claude_account_bound(count->cached);
    lease->completion = ngx_claude_account_bound(count->completion);
}


void
ngx_claude_usage_end(ngx_claude_store_t *store, const ngx_claude_key_t *key,
    ngx_claude_call_t *call, ngx_claude_used_t *used)
{
    uint32_t                   model;
    claude_moment_t            now;
    ngx_claude_ledger_t       *ledger;
    ngx_claude_account_t      *account;
    ngx_claude_keystore_t     *ks;
    ngx_claude_ledger_redo_t  *redo;

    if (!call->running) {
        return;
    }

    call->running = 0;

    ks = &store->keystore;
    ledger = ks->ledger;

    ngx_claude_account_now(&now);

    ngx_claude_keystore_lock(ks);

    model = ngx_claude_ledger_model(ledger, &used->model, 1);

    if (used->priced) {
        ngx_claude_account_learn(ledger, model, used);

    } else {
        used->count.cost = ngx_claude_account_cost(ledger, model,
                                                   used->units);
    }

    redo = ngx_claude_ledger_redo(ledger);

    account = ngx_claude_keystore_account(ks, key->ref.slot, key->id);

    if (account) {
        redo->to = account;
        redo->account = *account;

        claude_account_release(&redo->account, &key->limits, &now,
                               &call->reserved, &used->count);
    }

    if (call->lease != NGX_CLAUDE_LEASE_NONE) {
        redo->lease_at = call->lease;
        ngx_memzero(&redo->lease, sizeof(ngx_claude_lease_t));
    }

    ngx_claude_account_delta(ledger, key->id, now.day, model, &used->count);

    ngx_claude_ledger_commit(ledger);

    ngx_claude_keystore_unlock(ks);

    call->lease = NGX_CLAUDE_LEASE_NONE;
}


/* the calendar is looked at once a day */

static void
ngx_claude_account_now(claude_moment_t *now)
{
    time_t  time;

    static claude_moment_t  today;

    time = ngx_time();

    if (time / 86400 != today.time / 86400 || today.time == 0) {
        claude_moment(&today, ngx_current_msec, time);
    }

    *now = today;

    now->ms = ngx_current_msec;
    now->time = time;
}


static uint32_t
ngx_claude_account_bound(uint64_t n)
{
    return (n < NGX_MAX_UINT32_VALUE) ? (uint32_t) n : NGX_MAX_UINT32_VALUE;
}


static uint64_t
ngx_claude_account_cost(ngx_claude_ledger_t *ledger, uint32_t model,
    uint64_t units)
{
    uint64_t  price;

    price = model ? ledger->models[model - 1].price : 0;

    if (price == 0) {
        price = NGX_CLAUDE_ACCOUNT_PRICE;
    }

    /* of tokens that nobody could have used, a bound will do */

    if (units > CLAUDE_LIMIT_COST_MAX) {
        units = CLAUDE_LIMIT_COST_MAX;
    }

    if (price > NGX_MAX_UINT32_VALUE / 1024) {
        price = NGX_MAX_UINT32_VALUE / 1024;
    }

    return (units * price + 999) / 1000;
}


static void
ngx_claude_account_learn(ngx_claude_ledger_t *ledger, uint32_t model,
    const ngx_claude_used_t *used)
{
    uint64_t  price;

    if (model == 0 || used->units == 0) {
        return;
    }

    price = used->count.cost * 1000 / used->units;

    if (price) {
        ledger->models[model - 1].price = price;
    }
}


/* without room for another, what is of no model has the best chances */

static void
ngx_claude_account_delta(ngx_claude_ledger_t *ledger, const u_char *id,
    uint32_t day, uint32_t model, const claude_count_t *count)
{
    if (ngx_claude_ledger_delta(ledger, id, day, model) != NGX_OK
        && (model == 0
            || ngx_claude_ledger_delta(ledger, id, day, 0) != NGX_OK))
    {
        ledger->lost++;
        return;
    }

    claude_count_add(&ledger->redo.delta.count, count);
}


/* the number of this process, from 1; 0: there is no room for one */

static uint32_t
ngx_claude_account_worker(ngx_claude_ledger_t *ledger)
{
    if (ngx_claude_account_at == ledger
        && ngx_claude_account_pid == ngx_pid)
    {
        return ngx_claude_account_number;
    }

    return 0;
}


void
ngx_claude_account_enter(ngx_claude_store_t *store, ngx_log_t *log)
{
    uint32_t                     i;
    uint64_t                     start;
    ngx_claude_ledger_t         *ledger;
    ngx_claude_ledger_worker_t  *worker;

    ledger = store->keystore.ledger;

    ngx_claude_account_sweep(store);

    start = ngx_claude_account_start(ngx_pid);

    ngx_claude_keystore_lock(&store->keystore);

    for (i = 0; i < NGX_CLAUDE_LEDGER_WORKERS; i++) {
        worker = &ledger->workers[i];

        if (worker->pid == 0) {
            worker->start = start;
            ngx_memory_barrier();
            worker->pid = ngx_pid;
            break;
        }
    }

    ngx_claude_keystore_unlock(&store->keystore);

    if (i == NGX_CLAUDE_LEDGER_WORKERS) {
        ngx_log_error(NGX_LOG_ALERT, log, 0,
                      "too many processes: if this one is killed, its calls "
                      "count as under way until nginx is restarted");
        return;
    }

    ngx_claude_account_at = ledger;
    ngx_claude_account_pid = ngx_pid;
    ngx_claude_account_number = i + 1;
}


void
ngx_claude_account_leave(ngx_claude_store_t *store)
{
    uint32_t                    i, at;
    ngx_claude_ledger_worker_t  worker;

    i = ngx_claude_account_worker(store->keystore.ledger);

    if (i == 0) {
        return;
    }

    worker = store->keystore.ledger->workers[i - 1];
    at = 0;

    while (ngx_claude_account_bury(store, i, &worker, &at)) { /* void */ }

    ngx_claude_account_at = NULL;
}


static void
ngx_claude_account_sweep_now(ngx_claude_store_t *store)
{
    if (ngx_current_msec - ngx_claude_account_swept
        >= NGX_CLAUDE_SWEEP_AGAIN)
    {
        ngx_claude_account_swept = ngx_current_msec;
        ngx_claude_account_sweep(store);
    }
}


/* who is alive is asked without the lock */

void
ngx_claude_account_sweep(ngx_claude_store_t *store)
{
    uint32_t                     i, at;
    ngx_claude_ledger_worker_t  *worker;
    ngx_claude_ledger_worker_t   workers[NGX_CLAUDE_LEDGER_WORKERS];

    ngx_claude_keystore_lock(&store->keystore);

    ngx_memcpy(workers, store->keystore.ledger->workers, sizeof(workers));

    ngx_claude_keystore_unlock(&store->keystore);

    for (i = 0; i < NGX_CLAUDE_LEDGER_WORKERS; i++) {
        worker = &workers[i];

        if (worker->pid == 0 || !ngx_claude_account_is_dead(worker)) {
            continue;
        }

        at = 0;

        while (ngx_claude_account_bury(store, i + 1, worker, &at)) {
            /* void */
        }
    }
}


static ngx_uint_t
ngx_claude_account_is_dead(const ngx_claude_ledger_worker_t *worker)
{
    uint64_t  start;

    if (kill(worker->pid, 0) == -1) {
        return ngx_errno == NGX_ESRCH;
    }

    start = ngx_claude_account_start(worker->pid);

    return start && worker->start && start != worker->start;
}


/* clock ticks after the machine's start; 0: not known */

static uint64_t
ngx_claude_account_start(ngx_pid_t pid)
{
    char                *p;
    int                  fd, i;
    ssize_t              n;
    char                 buf[1024];

    (void) snprintf(buf, sizeof(buf), "/proc/%ld/stat", (long) pid);

    fd = open(buf, O_RDONLY|O_CLOEXEC);

    if (fd == -1) {
        return 0;
    }

    n = read(fd, buf, sizeof(buf) - 1);
    (void) close(fd);

    if (n <= 0) {
        return 0;
    }

    buf[n] = '\0';

    /* the second field, a name in brackets, may hold anything */

    p = strrchr(buf, ')');

    for (i = 2; p != NULL && i < 22; i++) {
        p = strchr(p + 1, ' ');
    }

    return p ? strtoull(p, NULL, 10) : 0;
}


/* ends the calls of a process that is no more: a slice of them; 1: there are
 * more to look at */

static ngx_uint_t
ngx_claude_account_bury(ngx_claude_store_t *store, uint32_t number,
    const ngx_claude_ledger_worker_t *worker, uint32_t *at)
{
    uint32_t                     end;
    ngx_uint_t                   more;
    claude_moment_t              now;
    ngx_claude_ledger_t         *ledger;
    ngx_claude_ledger_worker_t  *entry;

    ledger = store->keystore.ledger;
    entry = &ledger->workers[number - 1];
    more = 0;

    ngx_claude_account_now(&now);

    ngx_claude_keystore_lock(&store->keystore);

    /* another process may have been faster */

    if (entry->pid == worker->pid && entry->start == worker->start) {

        end = ngx_min(ledger->fresh, *at + NGX_CLAUDE_SWEEP_SLICE);

        for ( /* void */ ; *at < end; (*at)++) {
            if (ledger->leases[*at].worker == number) {
                ngx_claude_account_drop(store, *at, &now);
            }
        }

        more = (*at < ledger->fresh);

        if (!more) {
            entry->pid = 0;
        }
    }

    ngx_claude_keystore_unlock(&store->keystore);

    return more;
}


/* the limits that it began under are gone with it: what it had reserved of the
 * minute drains by itself */

static void
ngx_claude_account_drop(ngx_claude_store_t *store, uint32_t at,
    const claude_moment_t *now)
{
    claude_count_t             count;
    claude_limits_t            limits;
    ngx_claude_lease_t        *lease;
    ngx_claude_ledger_t       *ledger;
    ngx_claude_account_t      *account;
    claude_reservation_t       reserved;
    ngx_claude_ledger_redo_t  *redo;

    ledger = store->keystore.ledger;
    lease = &ledger->leases[at];

    ngx_memzero(&count, sizeof(claude_count_t));
    limits.tokens = 0;

    count.requests = 1;
    count.errors = 1;
    count.prompt = lease->prompt;
    count.cached = ngx_min(lease->cached, lease->prompt);
    count.completion = lease->completion;
    count.cost = ngx_claude_account_cost(ledger, 0,
                     (count.prompt - count.cached) * NGX_CLAUDE_UNITS_INPUT
                     + count.cached * NGX_CLAUDE_UNITS_CACHE_READ
                     + count.completion * NGX_CLAUDE_UNITS_OUTPUT);

    reserved.tokens = lease->tokens;
    reserved.cost = lease->cost;

    redo = ngx_claude_ledger_redo(ledger);

    account = ngx_claude_keystore_account(&store->keystore, lease->slot,
                                          lease->id);
    if (account) {
        redo->to = account;
        redo->account = *account;

        claude_account_release(&redo->account, &limits, now, &reserved,
                               &count);
    }

    ngx_claude_account_delta(ledger, lease->id, now->day, 0, &count);

    redo->lease_at = at;
    ngx_memzero(&redo->lease, sizeof(ngx_claude_lease_t));

    ngx_claude_ledger_commit(ledger);
}


void
ngx_claude_usage_stat(ngx_claude_store_t *store,
    ngx_claude_usage_stat_t *stat)
{
    ngx_claude_ledger_t  *ledger;

    ledger = store->keystore.ledger;

    ngx_claude_keystore_lock(&store->keystore);

    stat->running = ledger->running;
    stat->leases = ledger->nleases;
    stat->unwritten = ledger->unwritten;
    stat->capacity = ledger->ndeltas;
    stat->lost = ledger->lost;
    stat->failed = ledger->failed;

    ngx_claude_keystore_unlock(&store->keystore);
}
