
/*
 * Calls under way and what they used, in shared memory: counted by several
 * processes, and by processes that are killed at every store, or at random.
 */


#include "keystore.h"
#include "killed.h"

#include "../../src/state/ngx_claude_usage.h"

#include <sys/mman.h>
#include <time.h>


#define ROUNDS     200
#define PROCESSES  3
#define CALLS      4


static ngx_claude_store_t   store;
static ngx_log_t            quiet;
static ngx_claude_key_t     keys[CALLS];
static ngx_claude_call_t    call;
static ngx_pid_t            owner;


/* key n, which may have n + 2 calls at once, and plenty of tokens */

static claude_change_t
calling(unsigned n)
{
    claude_change_t  change;

    change = put(n, 0, 5);
    change.record.limits.concurrent = n + 2;
    change.record.limits.day_tokens = UINT64_C(1) << 40;

    return change;
}


static void
open_store(size_t size)
{
    unsigned  i;

    open_zone(size);
    store.keystore = ks;

    for (i = 0; i < CALLS; i++) {
        apply_one(i ? calling(i) : put(i, 0, 5));

        if (find(i, 0, 10, &keys[i]) != NGX_CLAUDE_KEY_OK) {
            bail("key %u", i);
        }
    }

    ngx_claude_account_enter(&store, &quiet);
    owner = ngx_pid;
}


static claude_err_e
begin(unsigned key, ngx_claude_call_t *c)
{
    claude_verdict_t  verdict;

    memset(c, 0, sizeof(ngx_claude_call_t));
    c->counted = 1;

    (void) ngx_claude_usage_begin(&store, &keys[key], 1, c, &verdict);

    return verdict.err;
}


static claude_err_e
reserve(unsigned key, ngx_claude_call_t *c, uint64_t n)
{
    claude_str_t      model = claude_string("claude-a");
    claude_verdict_t  verdict;

    memset(&verdict, 0, sizeof(verdict));

    (void) ngx_claude_usage_reserve(&store, &keys[key], c, &model, n, n,
                                    &verdict);
    return verdict.err;
}


static void
end(unsigned key, ngx_claude_call_t *c, const char *model, uint64_t n,
    unsigned priced)
{
    ngx_claude_used_t  used;

    memset(&used, 0, sizeof(used));

    used.count.requests = 1;
    used.count.prompt = n;
    used.count.completion = 2 * n;
    used.count.cost = priced ? 3 * n : 0;
    used.priced = priced;
    used.units = 100 * n;
    used.model.data = (const u_char *) model;
    used.model.len = strlen(model);

    ngx_claude_usage_end(&store, &keys[key], c, &used);
}


/* what must hold whenever the lock is free; NULL, or what doesn't */

static const char *
ledger_broken(void)
{
    uint32_t              i, at, free, running, linked;
    uint64_t              tokens;
    const char           *what;
    ngx_claude_ledger_t  *ledger;
    ngx_claude_record_t  *record;

    what = NULL;
    ledger = ks.ledger;

    ngx_claude_keys_lock(&ks);

    for (i = 0, running = 0; i < ledger->fresh; i++) {
        running += (ledger->leases[i].worker != 0);
    }

    if (running != ledger->running) {
        what = "not as many leases as it says";
    }

    for (at = ledger->free, free = 0; at != NGX_CLAUDE_LEDGER_NONE;
         at = ledger->leases[at].next)
    {
        if (at >= ledger->fresh || ledger->leases[at].worker
            || free++ > ledger->fresh)
        {
            what = "the free leases are not free";
            break;
        }
    }

    if (what == NULL && free + running != ledger->fresh) {
        what = "leases are lost";
    }

    for (i = 0, linked = 0; i <= ledger->mask; i++) {
        for (at = ledger->buckets[i]; at; at = ledger->deltas[at - 1].next) {
            if (at > ledger->unwritten || linked++ > ledger->unwritten) {
                what = "a bucket has what is no delta";
                break;
            }
        }
    }

    if (what == NULL && linked != ledger->unwritten) {
        what = "deltas are lost";
    }

    for (at = 0; at < ks.shm->fresh; at++) {
        record = &ks.shm->records[at];

        if (record->state != NGX_CLAUDE_SLOT_KEY) {
            continue;
        }

        for (i = 0, running = 0, tokens = 0; i < ledger->fresh; i++) {
            if (ledger->leases[i].worker
                && memcmp(ledger->leases[i].id, record->id,
                          CLAUDE_KEY_ID_LEN)
                   == 0)
            {
                running++;
                tokens += ledger->leases[i].tokens;
            }
        }

        if (record->account.running != running) {
            what = "a key has another number of calls";
        }

        if (record->account.reserved != tokens) {
            what = "a key has reserved something else";
        }
    }

    ngx_claude_keys_unlock(&ks);

    return what ? what : broken();
}


/* requests that are counted, of all keys: by accounts, and by deltas */

static void
counted(uint64_t *accounts, uint64_t *deltas)
{
    uint32_t  i;

    *accounts = 0;
    *deltas = 0;

    ngx_claude_keys_lock(&ks);

    for (i = 0; i < ks.shm->fresh; i++) {
        if (ks.shm->records[i].state == NGX_CLAUDE_SLOT_KEY) {
            *accounts += ks.shm->records[i].account.month.requests;
        }
    }

    for (i = 0; i < ks.ledger->unwritten; i++) {
        *deltas += ks.ledger->deltas[i].count.requests;
    }

    ngx_claude_keys_unlock(&ks);
}


static ngx_uint_t
take(claude_usage_line_t *lines, ngx_uint_t n)
{
    ngx_uint_t  taken;

    ngx_claude_keys_lock(&ks);
    taken = ngx_claude_ledger_take(ks.ledger, lines, n);
    ngx_claude_keys_unlock(&ks);

    return taken;
}


/* changes to be interrupted; the child passes for its parent, whose number its
 * leases have */

static void
do_begin(void)
{
    ngx_pid = owner;
    (void) begin(1, &call);
}


static void
do_reserve(void)
{
    ngx_pid = owner;
    (void) reserve(1, &call, 1);
}


static void
do_end(void)
{
    ngx_pid = owner;
    end(1, &call, "claude-a", 1, 1);
}


static void
do_take(void)
{
    claude_usage_line_t  lines[2];

    ngx_pid = owner;
    (void) take(lines, 2);
}


static void
do_leave(void)
{
    ngx_pid = owner;
    ngx_claude_account_leave(&store);
}


static void
do_delete(void)
{
    ngx_pid = owner;
    apply_one(of_key(1, CLAUDE_OP_DELETE, 0));
}


static void
none(void)
{
}


static void
only_begun(void)
{
    (void) begin(1, &call);
}


static void
begun(void)
{
    (void) begin(1, &call);
    (void) reserve(1, &call, 1);
}


static void
known(void)
{
    begun();
    end(1, &call, "claude-a", 1, 1);
    begun();
}


static void
several(void)
{
    begun();
    end(1, &call, "claude-b", 1, 0);
    begun();
    end(1, &call, "claude-c", 1, 0);
    known();
}


static unsigned  gradual;
static uint64_t  before_accounts, before_deltas;


static const char *
check(void)
{
    uint64_t     accounts, deltas;
    const char  *what;

    shim_unlock(&zone, owner);

    what = ledger_broken();
    counted(&accounts, &deltas);

    if (what || gradual) {
        return what;
    }

    /* both or none, and one request at most */

    return (accounts - before_accounts != deltas - before_deltas
            || accounts - before_accounts > 1)
           ? "counts are not as one" : NULL;
}


static void
test_killed(const char *name, void (*change)(void), void (*before)(void),
    unsigned is_gradual)
{
    unsigned     stores;
    const char  *first;

    open_store(32 * 4096);
    before();

    gradual = is_gradual;
    counted(&before_accounts, &before_deltas);

    stores = killed_anywhere(&zone, change, check, &first);

    is_str(first, NULL, "killed at any of %u stores of %s", stores, name);

    /* what the last one left under the lock is nobody's */

    shim_unlock(&zone, owner);
    is_str(ledger_broken(), NULL, "which is made in the end");

    ngx_claude_account_leave(&store);
    shim_zone_free(&zone);
}


static void
test_counts(void)
{
    ngx_uint_t            n, i;
    ngx_claude_call_t     a, b;
    claude_usage_line_t   lines[16];
    claude_usage_line_t  *line;
    ngx_claude_account_t  account;
    claude_record_t       record;

    open_store(64 * 4096);

    is(begin(1, &a), CLAUDE_ERR_NONE, "a call");
    is(begin(1, &b), CLAUDE_ERR_NONE, "another");
    is(reserve(1, &a, 2), CLAUDE_ERR_NONE, "that will use something");
    is(reserve(1, &a, 5), CLAUDE_ERR_NONE, "which is said once");
    (void) ngx_claude_keystore_get(&ks, keys[1].id, &record, &account);
    is(account.running, 2, "two are running");
    is(account.reserved, 4, "with what one has reserved");

    end(1, &a, "claude-a", 100, 1);
    end(1, &a, "claude-a", 100, 1);
    end(1, &b, "claude-a", 200, 0);

    (void) ngx_claude_keystore_get(&ks, keys[1].id, &record, &account);
    is(account.running, 0, "none is");
    is(account.reserved, 0, "and nothing is reserved");
    is(account.day.requests, 2, "an end counts once");
    is(account.day.prompt, 300, "prompt tokens");
    is(account.day.completion, 600, "completion tokens");
    is(account.day.cost, 300 + 600, "a cost that nobody told is reckoned");

    for (i = 0; i < 3; i++) {
        (void) begin(i, &a);
        end(i, &a, i ? "claude-b" : "", 1, 1);
    }

    (void) begin(2, &a);
    apply_one(of_key(2, CLAUDE_OP_DELETE, 0));
    end(2, &a, "claude-b", 1, 1);
    is_str(ledger_broken(), NULL, "a key that is deleted meanwhile");

    n = take(lines, 16);
    is(n, 4, "as many lines as keys and models");

    for (i = 0, line = NULL; i < n; i++) {
        if (memcmp(lines[i].id, keys[2].id, CLAUDE_KEY_ID_LEN) == 0) {
            line = &lines[i];
        }
    }

    is(line ? line->count.requests : 0, 2, "the deleted key's among them");
    is(take(lines, 16), 0, "taken once");

    ngx_claude_account_leave(&store);
    shim_zone_free(&zone);
}


static void
test_full(void)
{
    uint32_t              i, n;
    ngx_claude_call_t    *calls, one;
    claude_usage_line_t  *lines;
    ngx_claude_ledger_t  *ledger;

    open_store(64 * 4096);

    ledger = ks.ledger;
    n = ledger->nleases + 5;
    calls = calloc(n, sizeof(ngx_claude_call_t));

    for (i = 0; i < n; i++) {
        if (begin(0, &calls[i]) != CLAUDE_ERR_NONE) {
            break;
        }
    }

    is(i, n, "more calls than leases");
    is(ledger->running, ledger->nleases, "all leases are in use");

    while (i--) {
        end(0, &calls[i], "", 1, 1);
    }

    is_str(ledger_broken(), NULL, "all are given back");
    free(calls);

    n = ledger->ndeltas;
    lines = calloc(n + 10, sizeof(claude_usage_line_t));
    (void) take(lines, n);

    for (i = 0; i < n + 10; i++) {
        ngx_time_t  *now = (ngx_time_t *) ngx_cached_time;

        (void) begin(0, &one);
        now->sec += 86400;
        end(0, &one, "", 1, 1);
    }

    is(ledger->unwritten, n, "as many deltas as there is room for");
    is(ledger->lost, 10, "what finds none is told");
    is(take(lines, n + 10), n, "all are taken");
    is_str(ledger_broken(), NULL, "and there is room again");

    for (i = 0; i < ledger->nmodels + 10; i++) {
        char  name[32];

        snprintf(name, sizeof(name), "claude-%u", i);
        (void) begin(0, &one);
        end(0, &one, name, 1, 1);
    }

    is(ledger->known, ledger->nmodels, "models have a bound");
    is(take(lines, n), ledger->nmodels + 1, "the rest counts as of none");
    (void) begin(0, &one);
    end(0, &one, "claude-new", 1, 1);
    is(ledger->known, 1, "once all is written, others may come");

    free(lines);
    ngx_claude_account_leave(&store);
    shim_zone_free(&zone);
}


static void
work(unsigned seed)
{
    unsigned              key;
    ngx_claude_call_t     calls[CALLS];
    claude_usage_line_t   lines[4];

    static const char  *models[] = { "", "claude-a", "claude-b", "claude-c" };

    memset(calls, 0, sizeof(calls));
    ngx_claude_account_enter(&store, &quiet);

    for ( ;; ) {
        seed = seed * 1103515245 + 12345;
        key = (seed >> 8) % CALLS;

        if (calls[key].running) {
            end(key, &calls[key], models[(seed >> 16) % 4], 1, 1);

        } else if (begin(key, &calls[key]) == CLAUDE_ERR_NONE) {
            (void) reserve(key, &calls[key], 1);
        }

        if ((seed >> 24) % 64 == 0) {
            (void) take(lines, 4);
        }

        if ((seed >> 24) % 64 == 1) {
            apply_one(calling(1));
        }
    }
}


static void
test_random(void)
{
    pid_t                 pids[PROCESSES];
    unsigned              i, round, unsound, left, over;
    struct timespec       pause;
    ngx_claude_account_t  account;
    claude_record_t       record;

    open_store(64 * 4096);

    unsound = left = over = 0;
    pause.tv_sec = 0;

    for (round = 0; round < ROUNDS; round++) {

        for (i = 0; i < PROCESSES; i++) {
            pids[i] = fork();

            if (pids[i] == 0) {
                work(round * PROCESSES + i);
            }
        }

        pause.tv_nsec = 500000 + (round * 7919) % 1000 * 2000;
        (void) nanosleep(&pause, NULL);

        for (i = 0; i < PROCESSES; i++) {
            kill(pids[i], SIGKILL);
            waitpid(pids[i], NULL, 0);
            shim_unlock(&zone, pids[i]);
        }

        unsound += (ledger_broken() != NULL);

        for (i = 1; i < CALLS; i++) {
            (void) ngx_claude_keystore_get(&ks, keys[i].id, &record,
                                           &account);
            over += (account.running > record.limits.concurrent);
        }

        ngx_claude_account_sweep(&store);
        left += ks.ledger->running;
        unsound += (ledger_broken() != NULL);
    }

    is(unsound, 0, "killed at random %u times, all is sound", ROUNDS);
    is(over, 0, "never more calls than a key may have");
    is(left, 0, "and none is left of the killed");

    ngx_claude_account_leave(&store);
    shim_zone_free(&zone);
}


static double
now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return ts.tv_sec * 1e9 + ts.tv_nsec;
}


static void
test_speed(void)
{
    double             start;
    unsigned           i;
    ngx_claude_call_t  one;

    open_store(64 * 4096);
    start = now();

    for (i = 0; i < 200000; i++) {
        (void) begin(0, &one);
        end(0, &one, "claude-a", 1, 1);
    }

    note("a call without limits: %u ns", (unsigned) ((now() - start) / i));
    ok(ks.ledger->running == 0, "all ended");

    ngx_claude_account_leave(&store);
    shim_zone_free(&zone);
}


int
main(void)
{
    if (sodium_init() == -1) {
        bail("libsodium");
    }

    test_counts();
    test_full();

    test_killed("a call's begin", do_begin, none, 0);
    test_killed("one beside others", do_begin, known, 0);
    test_killed("a reservation", do_reserve, only_begun, 0);
    test_killed("a call's end", do_end, begun, 0);
    test_killed("one of a known model", do_end, known, 0);
    test_killed("a taking", do_take, several, 1);
    test_killed("a process's exit", do_leave, known, 0);
    test_killed("a deletion", do_delete, known, 1);

    test_random();
    test_speed();

    return done_testing();
}
