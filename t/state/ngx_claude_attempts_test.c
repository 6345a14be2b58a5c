
/*
 * Wrong tries without nginx: how many an address has, until when, and a
 * process killed at every store of one.
 */


#include "ngx_shim.h"

#include "../../src/state/ngx_claude_attempts.h"
#include "killed.h"

#include <sodium.h>


#define MINUTE  (60 * 1000)


static ngx_shm_zone_t         zone;
static ngx_claude_attempts_t  attempts;
static ngx_claude_attempt_t   attempt;


static void
open_zone(size_t size)
{
    shim_zone(&zone, "tries", size);
    memset(&attempts, 0, sizeof(attempts));
    zone.data = &attempts;

    if (ngx_claude_attempts_init_zone(&zone, NULL) != NGX_OK) {
        bail("a zone of %zu bytes can't be made", size);
    }
}


static ngx_int_t
try(uint32_t client)
{
    ngx_str_t  key;

    key.data = (u_char *) &client;
    key.len = sizeof(client);

    return ngx_claude_attempts_begin(&attempts, &key, &attempt);
}


static void
take_back(uint32_t client)
{
    ngx_str_t  key;

    key.data = (u_char *) &client;
    key.len = sizeof(client);

    ngx_claude_attempts_end(&attempts, &key, &attempt);
}


static void
test_tries(void)
{
    ngx_uint_t  i;

    open_zone(64 * 1024);

    for (i = 1; i <= 5; i++) {
        is(try(1), NGX_OK, "try %u", (unsigned) i);
        is(attempt.n, i, "is the one that it is");
        ngx_current_msec += MINUTE;
    }

    is(attempt.retry, 11 * MINUTE, "the fifth knows when the first is over");
    is(try(1), NGX_BUSY, "the sixth is too many");
    is(attempt.retry, 10 * MINUTE, "for as long");
    is(try(2), NGX_OK, "another address is another matter");

    ngx_current_msec += attempt.retry - 15 * MINUTE + 10 * MINUTE - 1;
    is(try(1), NGX_BUSY, "to the end");
    ngx_current_msec += 1;
    is(try(1), NGX_OK, "then one more");
    is(attempt.n, 5, "the fifth");
    is(try(1), NGX_BUSY, "and no other");

    ngx_current_msec += 60 * MINUTE;
    is(try(1), NGX_OK, "after a while");
    is(attempt.n, 1, "all is forgotten");
    take_back(1);
    is(try(1), NGX_OK, "one that was right");
    is(attempt.n, 1, "isn't counted");

    ngx_current_msec -= 10;
    is(try(1), NGX_OK, "a worker whose clock is behind");
    is(attempt.n, 2, "counts too");
    ok(attempt.retry <= 15 * MINUTE, "and says no nonsense");

    shim_zone_free(&zone);
}


static void
test_many(void)
{
    uint32_t    i;
    ngx_uint_t  busy, known;

    open_zone(NGX_CLAUDE_ATTEMPTS_SIZE);

    for (i = 0, busy = 0; i < 200000; i++) {
        busy += (try(i) != NGX_OK);
        ngx_current_msec += (i % 64 == 0);
    }

    is(busy, 0, "of 200,000 addresses none is taken for another");

    for (i = 199999, known = 0; i > 180000; i--) {
        (void) try(i);
        known += (attempt.n == 2);
    }

    ok(known > 15000, "%u of the last 20,000 are remembered",
       (unsigned) known);

    shim_zone_free(&zone);
}


static void  do_first(void)  { (void) try(9); }
static void  do_second(void)  { (void) try(3); }


static const char *
check_killed(void)
{
    uint32_t  i;

    for (i = 0; i < 3; i++) {
        if (try(i) != NGX_BUSY) {
            return "an address is forgotten";
        }
    }

    if (try(100) != NGX_OK || attempt.n != 1) {
        return "an address is taken for another";
    }

    if (try(9) != NGX_OK || attempt.n > 2) {
        return "an address has the tries of another";
    }

    return NULL;
}


static void
test_killed(void)
{
    uint32_t     i;
    unsigned     stores;
    const char  *first;

    open_zone(64 * 1024);

    /* every place has had somebody */

    for (i = 0; i < 30000; i++) {
        (void) try(1000 + i / 3);
    }

    ngx_current_msec += MINUTE;

    for (i = 0; i < 15; i++) {
        (void) try(i % 3);
    }

    (void) try(3);

    stores = killed_anywhere(&zone, do_first, check_killed, &first);
    is_str(first, NULL, "killed at any of %u stores of a first try", stores);

    stores = killed_anywhere(&zone, do_second, check_killed, &first);
    is_str(first, NULL, "killed at any of %u stores of a second", stores);

    shim_zone_free(&zone);
}


int
main(void)
{
    if (sodium_init() == -1) {
        bail("libsodium");
    }

    test_tries();
    test_many();
    test_killed();

    return done_testing();
}
