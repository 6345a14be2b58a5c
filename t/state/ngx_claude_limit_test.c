
/*
 * The limit zone without nginx: who is counted together, who is forgotten, and
 * a process killed at every store of a request.
 */


#include "ngx_shim.h"

#include "../../src/state/ngx_claude_limit.h"
#include "killed.h"

#include <sodium.h>


static ngx_shm_zone_t      zone;
static ngx_claude_limit_t  limit;
static claude_gcra_t       state;


static void
open_zone(size_t size, uint32_t count)
{
    shim_zone(&zone, "ip", size);
    memset(&limit, 0, sizeof(limit));

    limit.rate.count = count;
    limit.rate.period = 60000;
    limit.key.data = (u_char *) "$binary_remote_addr";
    limit.key.len = strlen("$binary_remote_addr");

    zone.data = &limit;

    if (ngx_claude_limit_init_zone(&zone, NULL) != NGX_OK) {
        bail("a zone of %zu bytes can't be made", size);
    }
}


static ngx_int_t
ask(uint32_t client, ngx_uint_t burst)
{
    ngx_str_t  key;

    key.data = (u_char *) &client;
    key.len = sizeof(client);

    return ngx_claude_limit_request(&limit, &key, burst, &state);
}


static void
test_requests(void)
{
    open_zone(32 * 1024, 60);

    is(ask(1, 2), NGX_OK, "a request passes");
    is(state.remaining, 1, "one more would");
    is(ask(1, 2), NGX_OK, "it does");
    is(ask(1, 2), NGX_BUSY, "the third is too many");
    is(state.retry, 1000, "for a second");
    is(ask(2, 2), NGX_OK, "another client is another matter");

    ngx_current_msec += 1000;
    is(ask(1, 2), NGX_OK, "then one passes");
    is(ask(1, 2), NGX_BUSY, "and no more");

    shim_zone_free(&zone);
}


static void
test_reload(void)
{
    ngx_claude_limit_t  fresh;

    open_zone(32 * 1024, 60);
    (void) ask(1, 1);

    fresh = limit;
    fresh.shm = NULL;
    zone.data = &fresh;

    is(ngx_claude_limit_init_zone(&zone, &limit), NGX_OK,
       "a zone is taken over");
    limit = fresh;
    is(ask(1, 1), NGX_BUSY, "with those that it counts");

    limit.rate.count = 120;
    is(ask(1, 1), NGX_OK, "who was counted at another rate begins anew");
    is(ask(1, 1), NGX_BUSY, "once");

    fresh.key.data = (u_char *) "$http_x_real_ip_addr";
    is(ngx_claude_limit_init_zone(&zone, &limit), NGX_ERROR,
       "another key is refused");
    is_str(shim_log(), "claude_limit_zone \"ip\" uses the \"$http_x_real_ip_"
           "add\" key while previously it used the \"$binary_remote_addr\" "
           "key", "with the reason");

    *(uint32_t *) limit.shm = 0;
    is(ngx_claude_limit_init_zone(&zone, &limit), NGX_ERROR,
       "so is a zone of another layout");

    shim_zone_free(&zone);
}


static void
test_eviction(void)
{
    uint32_t  i, busy;

    open_zone(10 * 1024 * 1024, 60);

    (void) ask(0, 1);

    for (i = 1, busy = 0; i <= 1000000; i++) {
        busy += (ask(i, 1) != NGX_OK);
    }

    is(busy, 0, "a million addresses are let in");
    is(ask(0, 1), NGX_OK, "the first is forgotten by then");

    for (i = 999999, busy = 0; ask(i, 1) == NGX_BUSY; i--) {
        busy++;
    }

    ok(busy > 180000 && busy < 200000, "10 MB remember the last %u", busy);

    /* who comes again stays */

    (void) ask(5, 1);

    for (i = 2000000, busy = 0; i < 2400000; i++) {
        (void) ask(i, 1);

        if (i % 100000 == 0) {
            busy += (ask(5, 1) == NGX_BUSY);
        }
    }

    is(busy, 4, "who asks again is not the oldest");

    shim_zone_free(&zone);
}


/* a client that is found, one that is new, one that takes the oldest's place */

static void  do_known(void)  { (void) ask(3, 100); }
static void  do_new(void)  { (void) ask(1000000, 100); }


static const char *
check_killed(void)
{
    uint32_t  i;

    /* all are there, and the zone goes on, until each was forgotten twice */

    for (i = 0; i < 3; i++) {
        if (ask(i, 1) != NGX_BUSY) {
            return "a client is forgotten";
        }
    }

    for (i = 0; i < 1500; i++) {
        if (ask(5000 + i, 1) != NGX_OK) {
            return "a client is taken for another";
        }
    }

    if (ask(5000 + i - 1, 1) != NGX_BUSY) {
        return "a client is not counted";
    }

    return NULL;
}


static void
test_killed(void)
{
    uint32_t     i;
    unsigned     stores;
    const char  *first;

    open_zone(32 * 1024, 60);

    for (i = 0; i < 20; i++) {
        (void) ask(i, 1);
    }

    stores = killed_anywhere(&zone, do_known, check_killed, &first);
    is_str(first, NULL, "killed at any of %u stores, a known client", stores);

    stores = killed_anywhere(&zone, do_new, check_killed, &first);
    is_str(first, NULL, "killed at any of %u stores, a new client", stores);

    for (i = 0; i < 2000; i++) {
        (void) ask(100 + i, 1);
    }

    for (i = 0; i < 3; i++) {
        (void) ask(i, 1);
    }

    stores = killed_anywhere(&zone, do_new, check_killed, &first);
    is_str(first, NULL, "killed at any of %u stores, one forgotten", stores);

    shim_zone_free(&zone);
}


int
main(void)
{
    if (sodium_init() == -1) {
        bail("libsodium");
    }

    test_requests();
    test_reload();
    test_eviction();
    test_killed();

    return done_testing();
}
