
/*
 * The session zone without nginx: who has a session, for how long, who makes
 * room in a full zone, and a process killed at every store of a change.
 */


#include "ngx_shim.h"

#include "../../src/state/ngx_claude_session.h"
#include "killed.h"

#include <sodium.h>


#define HOUR    (60 * 60 * 1000)
#define KEPT    8


typedef struct {
    ngx_claude_session_t  session;
    u_char                token[NGX_CLAUDE_SESSION_TOKEN];
} made_t;


static ngx_shm_zone_t         zone;
static ngx_claude_sessions_t  ss;
static made_t                 kept[KEPT];
static ngx_uint_t             capacity;


static void
open_zone(size_t size)
{
    ngx_uint_t  live;

    shim_zone(&zone, "people", size);
    memset(&ss, 0, sizeof(ss));

    ss.timeout = 24 * HOUR;
    zone.data = &ss;

    if (ngx_claude_session_init_zone(&zone, NULL) != NGX_OK) {
        bail("a zone of %zu bytes can't be made", size);
    }

    ngx_claude_session_count(&ss, &live, &capacity);
}


static void
sign_in(made_t *made, u_char who)
{
    memset(&made->session, 0, sizeof(made->session));
    memset(made->session.credential, who, NGX_CLAUDE_SESSION_CREDENTIAL);

    ngx_claude_session_create(&ss, &made->session, made->token);
}


static ngx_uint_t
is_in(const made_t *made)
{
    ngx_str_t             token;
    ngx_claude_session_t  session;

    token.data = (u_char *) made->token;
    token.len = NGX_CLAUDE_SESSION_TOKEN;

    return ngx_claude_session_find(&ss, &token, &session) == NGX_OK
           && memcmp(session.id, made->session.id, NGX_CLAUDE_SESSION_ID) == 0
           && memcmp(session.credential, made->session.credential,
                     NGX_CLAUDE_SESSION_CREDENTIAL)
              == 0;
}


static ngx_int_t
end(const made_t *made, const u_char *credential)
{
    ngx_str_t  id;

    id.data = (u_char *) made->session.id;
    id.len = NGX_CLAUDE_SESSION_ID;

    return ngx_claude_session_end(&ss, credential, &id);
}


static ngx_uint_t
live(void)
{
    ngx_uint_t  n;

    ngx_claude_session_count(&ss, &n, &capacity);

    return n;
}


static void
test_sessions(void)
{
    made_t                one, two, other;
    ngx_str_t             name, hash;
    u_char                a[NGX_CLAUDE_SESSION_CREDENTIAL];
    u_char                b[NGX_CLAUDE_SESSION_CREDENTIAL];
    ngx_claude_session_t  list[4];

    open_zone(32 * 1024);

    sign_in(&one, 'a');
    sign_in(&two, 'a');
    sign_in(&other, 'b');

    ok(is_in(&one) && is_in(&two) && is_in(&other), "three sessions");
    is(live(), 3, "are counted");
    ok(memcmp(one.token, two.token, NGX_CLAUDE_SESSION_TOKEN) != 0,
       "no two tokens are the same");
    ok(memcmp(one.session.id, one.token, NGX_CLAUDE_SESSION_ID) != 0,
       "nor is the id one");
    ok(memmem(zone.shm.addr, zone.shm.size, one.token,
              NGX_CLAUDE_SESSION_TOKEN)
       == NULL, "the zone doesn't hold the token");

    is(ngx_claude_session_list(&ss, one.session.credential, list, 4), 2,
       "a person has two of them");
    is(ngx_claude_session_list(&ss, one.session.credential, list, 1), 1,
       "or as many as there is room for");

    one.token[0] ^= 1;
    ok(!is_in(&one), "another token is none");
    one.token[0] ^= 1;

    is(end(&one, other.session.credential), NGX_DECLINED,
       "nobody ends another's");
    is(end(&one, one.session.credential), NGX_OK, "she ends one");
    ok(!is_in(&one) && is_in(&two), "that one");
    is(end(&one, one.session.credential), NGX_DECLINED, "once");

    name.data = (u_char *) "alice";
    name.len = 5;
    hash.data = (u_char *) "xy";
    hash.len = 2;
    ngx_claude_session_credential(&ss, &name, &hash, a);
    hash.len = 1;
    ngx_claude_session_credential(&ss, &name, &hash, b);
    ok(memcmp(a, b, sizeof(a)) != 0, "another hash, another credential");

    shim_zone_free(&zone);
}


static void
test_time(void)
{
    made_t      one, two;
    ngx_uint_t  i, in;

    open_zone(32 * 1024);
    ss.idle = HOUR;

    sign_in(&one, 'a');
    sign_in(&two, 'a');

    for (i = 1, in = 0; i < 48; i++) {
        ngx_current_msec += HOUR / 2;
        in += is_in(&one);

        if (i == 1) {
            ok(is_in(&two), "one that rests");

        } else if (i == 3) {
            ok(!is_in(&two), "has ended after an hour");
        }
    }

    is(in, 47, "one in use lives for a day");

    ngx_current_msec += HOUR / 2 - 1;
    ok(is_in(&one), "to the end");
    ngx_current_msec += 1;
    ok(!is_in(&one), "and not longer");
    is(live(), 0, "nobody is there");

    sign_in(&one, 'a');
    ngx_current_msec -= 5;
    ok(is_in(&one), "a worker whose clock is behind knows it too");

    shim_zone_free(&zone);
}


static void
test_full(void)
{
    made_t      first, second, made;
    ngx_uint_t  i;

    open_zone(32 * 1024);

    sign_in(&first, 'a');
    ngx_current_msec += 1;
    sign_in(&second, 'a');

    for (i = 2; i < capacity; i++) {
        ngx_current_msec += 1;
        sign_in(&made, 'b');
    }

    ok(is_in(&first), "a zone that is full of %u", (unsigned) capacity);
    sign_in(&made, 'c');
    ok(!is_in(&first) && is_in(&second) && is_in(&made),
       "the oldest makes room");

    (void) end(&made, made.session.credential);
    sign_in(&made, 'c');
    ok(is_in(&second), "but nobody has to where one has ended");
    is(live(), capacity, "and all of it is used");

    shim_zone_free(&zone);

    open_zone(16 * 1024 * 1024);
    is(capacity, NGX_CLAUDE_SESSION_MAX, "a large zone has its bound");
    shim_zone_free(&zone);
}


static ngx_uint_t
keep_b(void *data, const u_char *credential)
{
    return credential[0] == 'b';
}


static void
test_sweep(void)
{
    made_t                 made[300];
    ngx_uint_t             i, a, b;
    ngx_claude_sessions_t  fresh;

    open_zone(128 * 1024);

    for (i = 0; i < 300; i++) {
        sign_in(&made[i], i % 3 ? 'a' : 'b');
    }

    fresh = ss;
    fresh.shm = NULL;
    zone.data = &fresh;

    is(ngx_claude_session_init_zone(&zone, &ss), NGX_OK,
       "a zone is taken over");
    ss = fresh;

    is(ngx_claude_session_sweep(&ss, keep_b, NULL), 200,
       "sessions of a credential that is gone");

    for (i = 0, a = 0, b = 0; i < 300; i++) {
        a += (i % 3) && is_in(&made[i]);
        b += !(i % 3) && is_in(&made[i]);
    }

    is(a, 0, "have ended");
    is(b, 100, "no others have");

    *(uint32_t *) ss.shm = 0;
    is(ngx_claude_session_init_zone(&zone, &ss), NGX_ERROR,
       "a zone of another layout is refused");

    shim_zone_free(&zone);
}


static made_t  doomed;

static void  do_create(void)  { sign_in(&doomed, 'd'); }
static void  do_end(void)  { (void) end(&doomed, doomed.session.credential); }
static void  do_find(void)  { (void) is_in(&kept[0]); }


static const char *
check_killed(void)
{
    made_t                made;
    ngx_uint_t            i;
    ngx_claude_session_t  list;

    static const u_char  nobody[NGX_CLAUDE_SESSION_CREDENTIAL];

    if (ngx_claude_session_list(&ss, nobody, &list, 1) != 0) {
        return "there is a session of nobody";
    }

    for (i = 0; i < KEPT; i++) {
        if (!is_in(&kept[i])) {
            return "a session has ended";
        }
    }

    sign_in(&made, 'e');

    if (!is_in(&made) || end(&made, made.session.credential) != NGX_OK
        || is_in(&made))
    {
        return "the zone doesn't go on";
    }

    return NULL;
}


static void
test_killed(void)
{
    made_t       made;
    unsigned     stores;
    ngx_uint_t   i;
    const char  *first;

    open_zone(32 * 1024);

    for (i = KEPT; i < capacity; i++) {
        sign_in(&made, 'b');
    }

    ngx_current_msec += 1000;

    for (i = 0; i < KEPT; i++) {
        sign_in(&kept[i], 'a');
    }

    ngx_current_msec += 1000;

    stores = killed_anywhere(&zone, do_find, check_killed, &first);
    is_str(first, NULL, "killed at any of %u stores of a look-up", stores);

    stores = killed_anywhere(&zone, do_create, check_killed, &first);
    is_str(first, NULL, "killed at any of %u stores of a login", stores);

    sign_in(&doomed, 'd');
    stores = killed_anywhere(&zone, do_end, check_killed, &first);
    is_str(first, NULL, "killed at any of %u stores of a logout", stores);

    shim_zone_free(&zone);
}


int
main(void)
{
    if (sodium_init() == -1) {
        bail("libsodium");
    }

    test_sessions();
    test_time();
    test_full();
    test_sweep();
    test_killed();

    return done_testing();
}
