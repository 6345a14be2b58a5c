
/*
 * The ring of events without nginx: who is told what, what a flood may write,
 * and a process killed at every store.
 */


#include "ngx_shim.h"

#include "../../src/state/ngx_claude_ring.h"
#include "killed.h"

#include <sodium.h>


#define NOW  INT64_C(1785283200000)


static ngx_shm_zone_t           zone;
static ngx_claude_ring_t        ring;
static ngx_claude_ring_entry_t  got[1024];
static uint64_t                 next;
static ngx_uint_t               lost;


static void
open_zone(size_t size)
{
    shim_zone(&zone, "audit", size);
    memset(&ring, 0, sizeof(ring));
    zone.data = &ring;

    if (ngx_claude_ring_init_zone(&zone, NULL) != NGX_OK) {
        bail("a zone of %zu bytes can't be made", size);
    }
}


static ngx_claude_ring_entry_t
entry(unsigned event, uint32_t address)
{
    ngx_claude_ring_entry_t  e;

    memset(&e, 0, sizeof(e));

    e.time = NOW;
    e.event = event;
    e.address_len = 4;
    memcpy(e.address, &address, 4);
    e.request_id_len = NGX_CLAUDE_RING_TEXT;
    memset(e.request_id, 'r', NGX_CLAUDE_RING_TEXT);
    memset(e.trace_id, 't', CLAUDE_TRACE_ID_LEN);
    memset(e.code, event, e.code_len = 5);

    return e;
}


static uint64_t
add(unsigned event)
{
    ngx_claude_ring_entry_t  e;

    e = entry(event, 1);
    ngx_claude_ring_add(&ring, &e);

    return e.seq;
}


static ngx_int_t
offer(unsigned event, uint32_t address, ngx_claude_ring_bound_e bound)
{
    ngx_claude_ring_entry_t  e;

    e = entry(event, address);

    return ngx_claude_ring_offer(&ring, &e, bound);
}


static ngx_uint_t
since(uint64_t after, ngx_uint_t n)
{
    return ngx_claude_ring_read(&ring, after, got, n, &next, &lost);
}


static ngx_uint_t
sweep(ngx_uint_t n)
{
    return ngx_claude_ring_sweep(&ring, NOW + 1, got, n);
}


static void
test_read(void)
{
    uint64_t    seq, after;
    ngx_uint_t  i, n, odd;

    open_zone(128 * 1024);

    is(since(0, 10), 0, "nothing there");
    is(lost, 0, "nothing lost");
    ok(next > 0, "numbers begin somewhere");

    seq = add(1);
    is(seq, next + 1, "and go on one by one");
    is(since(next, 10), 1, "an event");
    is(got[0].event == 1 && got[0].seq == seq && got[0].time == NOW, 1,
       "as it was told");
    is_mem(got[0].request_id, got[0].request_id_len,
           "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr", 32, "with all there is");
    is_mem(got[0].trace_id, CLAUDE_TRACE_ID_LEN,
           "tttttttttttttttttttttttttttttttt", 32, "its trace too");
    is(since(next, 10), 0, "it comes once");
    is(lost, 0, "and none is missed");

    after = ngx_claude_ring_tail(&ring, 0);

    for (i = 0; i < 20; i++) {
        (void) add(i);
    }

    is(since(after, 8), 8, "pages");
    is(got[0].event, 0, "from the oldest");
    is(since(next, 100), 12, "on to the newest");
    is(got[11].event, 19, "which comes last");
    is(since(ngx_claude_ring_tail(&ring, 3), 10), 3, "the last three");
    is(got[0].event, 17, "from the oldest of them");
    is(next, got[2].seq, "and on from there");
    is(since(0, 1024), 21, "all there are");
    is(lost, 0, "which lacks none");

    /* round and round */

    for (i = 0; i < 10000; i++) {
        (void) add(i % 32);
    }

    n = since(after, 1024);
    ok(n > 400 && n < 1024, "a ring of %u", (unsigned) n);
    is(lost, 1, "who is too late is told so");
    is(got[n - 1].seq, next, "up to the newest");

    for (i = 1, odd = 0; i < n; i++) {
        odd += (got[i].seq != got[i - 1].seq + 1);
    }

    is(odd, 0, "all of the latest, in order");
    is(since(0, 1), 1, "from the first there is");
    is(lost, 0, "is no loss");
    is(since(next + 100000, 1), 1, "a number of the future");
    is(lost, 1, "is of another ring");
    is(since(3, 1), 1, "and one of the past");
    is(lost, 1, "too");
    is(since(ngx_claude_ring_tail(&ring, 1024), 1024), n,
       "a tail longer than the ring");

    shim_zone_free(&zone);
}


static void
test_reload(void)
{
    uint64_t           seq;
    ngx_claude_ring_t  fresh;

    open_zone(128 * 1024);
    seq = add(1);

    memset(&fresh, 0, sizeof(fresh));
    zone.data = &fresh;
    is(ngx_claude_ring_init_zone(&zone, &ring), NGX_OK,
       "a ring is taken over");
    ring = fresh;
    is(since(seq - 1, 10), 1, "with what is in it");
    is(add(1), seq + 1, "and goes on");

    *(uint32_t *) ring.shm = 0;
    is(ngx_claude_ring_init_zone(&zone, &ring), NGX_ERROR,
       "one of another layout is refused");
    is_str(shim_log(), "zone \"audit\" was laid out for something else: "
           "restart nginx", "with the reason");
    shim_zone_free(&zone);

    open_zone(128 * 1024);
    ok(add(1) >= seq, "a restart doesn't go back");
    shim_zone_free(&zone);

    shim_zone(&zone, "audit", 8 * 4096);
    zone.data = &ring;
    is(ngx_claude_ring_init_zone(&zone, NULL), NGX_ERROR, "one too small");
    is_str(shim_log(), "zone \"audit\" is too small for one event",
           "is refused");
    shim_zone_free(&zone);
}


static void
test_alike(void)
{
    unsigned  i, told;

    open_zone(256 * 1024);

    is(offer(6, 1, NGX_CLAUDE_RING_ALIKE), NGX_OK, "the first is told");
    for (i = 0, told = 0; i < 1000; i++) {
        told += (offer(6, 1, NGX_CLAUDE_RING_ALIKE) == NGX_OK);
    }
    is(told, 0, "those after it are counted");
    is(offer(6, 2, NGX_CLAUDE_RING_ALIKE), NGX_OK, "another address is not");
    is(offer(7, 1, NGX_CLAUDE_RING_ALIKE), NGX_OK, "nor another event");
    is(since(0, 1024), 3, "three events");
    is(sweep(10), 0, "it is too early for the number");

    ngx_current_msec += NGX_CLAUDE_RING_QUIET;
    is(offer(6, 1, NGX_CLAUDE_RING_ALIKE), NGX_DECLINED,
       "one more, before it is told");
    is(sweep(10), 1, "then it is");
    ok(got[0].suppressed == 1001 && got[0].event == 6
       && got[0].time == NOW + 1 && got[0].address_len == 4,
       "with event and address");
    is(got[0].request_id_len, 0, "of no one request");
    is(got[0].trace_id[0], 0, "and of no trace");
    is(since(0, 1024), 4, "the ring has it too");
    is(offer(6, 1, NGX_CLAUDE_RING_ALIKE), NGX_DECLINED, "and so on");
    is(sweep(10), 0, "but not at once");

    ngx_current_msec += NGX_CLAUDE_RING_QUIET;
    is(sweep(10), 1, "again");
    is(got[0].suppressed, 1, "from one on");
    ngx_current_msec += NGX_CLAUDE_RING_QUIET;
    is(sweep(10), 0, "until it is quiet");
    is(offer(6, 1, NGX_CLAUDE_RING_ALIKE), NGX_OK, "which ends it");
    is(offer(6, 2, NGX_CLAUDE_RING_ALIKE), NGX_OK, "for all");

    shim_zone_free(&zone);
}


/* an attacker who has all the addresses that there are */

static void
test_flood(void)
{
    uint32_t    i;
    uint64_t    told, summed, n;
    ngx_uint_t  k, m;

    open_zone(1024 * 1024);

    for (i = 0, told = 0; i < 100000; i++) {
        told += (offer(6, i, NGX_CLAUDE_RING_ALIKE) == NGX_OK);
    }

    is(told, NGX_CLAUDE_RING_BURST, "a burst of a flood is told");

    for (i = 0; i < 100000; i++) {
        told += (offer(0, i, NGX_CLAUDE_RING_EACH) == NGX_OK);
    }

    is(told, NGX_CLAUDE_RING_BURST, "no more by another event");

    /* ten minutes of it, then quiet */

    n = 200000;
    summed = 0;
    m = 0;

    for (i = 0; i < 600000; i++) {
        told += (offer(i % 8, i, NGX_CLAUDE_RING_ALIKE) == NGX_OK);
        n++;
        ngx_current_msec++;

        if (i % 1000 == 0) {
            for (k = sweep(16); k > 0; k--, m++) {
                summed += got[k - 1].suppressed;
            }
        }
    }

    ok(told > 1700 && told <= 600 * NGX_CLAUDE_RING_RATE
                             + NGX_CLAUDE_RING_BURST, "then %u", (int) told);
    ok(m > 500 && m <= 601 + NGX_CLAUDE_RING_BURST, "and %u numbers",
       (unsigned) m);

    for (i = 0; i < 1000; i++) {
        ngx_current_msec += 1000;

        for (k = sweep(16); k > 0; k--) {
            summed += got[k - 1].suppressed;
        }
    }

    is(told + summed, n, "none is forgotten in the end");

    shim_zone_free(&zone);
}


static void  do_add(void)  { (void) add(9); }
static void  do_alike(void)  { (void) offer(6, 1, NGX_CLAUDE_RING_ALIKE); }
static void  do_new(void)  { (void) offer(6, 99, NGX_CLAUDE_RING_ALIKE); }
static void  do_each(void)  { (void) offer(2, 99, NGX_CLAUDE_RING_EACH); }
static void  do_sweep(void)  { (void) sweep(16); }


static uint64_t  kill_last;


static const char *
check_killed(void)
{
    ngx_uint_t  i, n, counted;

    n = since(0, 1024);
    counted = 0;

    if (next < kill_last) {
        return "numbers have gone back";
    }

    if (n == 0 || got[n - 1].seq != next) {
        return "a number that nothing stands for";
    }

    for (i = 0; i < n; i++) {
        if (got[i].event == 0 || got[i].event > 9 || got[i].time < NOW
            || got[i].code_len > 5
            || (got[i].code_len && got[i].code[4] != got[i].event))
        {
            return "an event in halves";
        }

        counted += got[i].suppressed;
    }

    if (add(9) <= kill_last) {
        return "a number came twice";
    }

    if (since(next, 1024) != 1 || got[0].event != 9 || lost) {
        return "the next event is not there";
    }

    ngx_current_msec += 100 * NGX_CLAUDE_RING_QUIET;

    for (n = sweep(1024); n > 0; n--) {
        counted += got[n - 1].suppressed;
    }

    return (counted >= 18) ? NULL : "what was counted is forgotten";
}


static void
kill_at(void (*change)(void), const char *name)
{
    unsigned     i, stores;
    const char  *first;
    ngx_msec_t   now;

    open_zone(128 * 1024);

    for (i = 0; i < 1000; i++) {
        (void) add(1 + i % 9);
    }

    for (i = 0; i < 10; i++) {
        (void) offer(6, 1, NGX_CLAUDE_RING_ALIKE);
        (void) offer(6, 2, NGX_CLAUDE_RING_ALIKE);
    }

    ngx_current_msec += NGX_CLAUDE_RING_QUIET;

    (void) since(0, 1024);
    now = ngx_current_msec;
    kill_last = next;

    stores = killed_anywhere(&zone, change, check_killed, &first);
    is_str(first, NULL, "killed at any of %u stores of %s", stores, name);
    ok(stores > 1, "of which there are some");

    ngx_current_msec = now;
    shim_zone_free(&zone);
}


int
main(void)
{
    if (sodium_init() == -1) {
        bail("libsodium");
    }

    test_read();
    test_reload();
    test_alike();
    test_flood();

    kill_at(do_add, "an event");
    kill_at(do_new, "a bounded one");
    kill_at(do_each, "one that is not compared");
    kill_at(do_alike, "one that is counted");
    kill_at(do_sweep, "a sweep");

    return done_testing();
}
