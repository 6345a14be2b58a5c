
/*
 * The store whose log is sealed anew beside it, by claude-keys rekey: what was
 * sealed before is written by the new secrets, workers find those, and one that
 * can't leaves the log alone.
 */


#include "store_log.h"

#include "../../src/core/claude_rekey.h"


static claude_master_t  wide, narrow;   /* new and old master key; new alone */


static void
settle(void)
{
    while (shim_run()) {
        shim_complete(0);
    }
}


static void
rekey(const claude_master_t *by)
{
    claude_log_error_t  error;

    if (claude_log_rekey(path, by, 1, 1000, &error) != CLAUDE_OK) {
        bail("rekey: %s", error.reason);
    }
}


/* whether a worker opens the credential of a key, as the zone has it */

static unsigned
opens(ngx_claude_store_t *store, const claude_change_t *change)
{
    size_t            len;
    u_char            name[CLAUDE_NAME_MAX], token[CLAUDE_TOKEN_MAX];
    ngx_claude_key_t  key;

    key.name = name;

    return ngx_claude_keystore_find(&store->keystore, change->record.digest,
                                    2000, &key)
           == NGX_CLAUDE_KEY_OK
           && ngx_claude_store_open_token(store, &key, token, &len)
              == CLAUDE_OK;
}


static void
test_reseal(void)
{
    claude_change_t  one, two, three;

    new_file();
    start(1024 * 1024);

    one = put();
    a.ops->append(&a, &one, 1, done, NULL);
    settle();
    ok(opens(&a, &one) && opens(&b, &one), "a key opens");

    two = put();
    rekey(&master);
    ok(opens(&a, &one) && opens(&b, &one),
       "also when the log was sealed anew, which nobody has seen yet");

    done_n = 0;
    a.ops->append(&a, &two, 1, done, NULL);
    settle();
    is(done_n, 1, "what was sealed before is written");
    is(done_rc, CLAUDE_OK, "well");
    ok(opens(&a, &one) && opens(&a, &two), "and opens where it was made");
    ok(opens(&b, &one) && opens(&b, &two), "and in the other worker");

    three = put();
    rekey(&master);
    rekey(&master);
    b.ops->append(&b, &three, 1, done, NULL);
    settle();
    ok(opens(&a, &one) && opens(&a, &two) && opens(&a, &three),
       "twice at once as well");
    ok(opens(&b, &one) && opens(&b, &two) && opens(&b, &three),
       "in both workers");

    stop();
    start(1024 * 1024);
    ok(opens(&a, &one) && opens(&a, &two) && opens(&b, &three),
       "and after a restart, which looks at all of the log");
    stop();
}


static void
test_blind(void)
{
    claude_change_t  one, two;

    new_file();
    start(1024 * 1024);

    one = put();
    two = put();
    a.ops->append(&a, &one, 1, done, NULL);
    a.ops->append(&a, &two, 1, done, NULL);
    settle();

    a.master = &wide;
    rekey(&wide);

    b.ops->tail(&b);
    settle();
    is(b.blind, 1, "a worker without the new master key sees nothing");
    ok(strstr(shim_log(), "reload it") != NULL, "and says so");
    ok(opens(&b, &one) && opens(&a, &one), "keys stay as they are");

    a.ops->tail(&a);
    settle();
    is(a.blind, 0, "another one has the key");
    ok(opens(&a, &one), "and follows");

    two = gone(&two);
    append(&two, 1);
    a.ops->tail(&a);
    settle();
    is(find(&two), NGX_CLAUDE_KEY_UNKNOWN, "what is revoked is gone");
    stop();
}


/* the old master key goes before the new log was read */

static void
test_reload(void)
{
    claude_change_t     one;
    ngx_claude_store_t  next;

    new_file();
    start(1024 * 1024);

    one = put();
    a.ops->append(&a, &one, 1, done, NULL);
    settle();

    a.master = &wide;
    rekey(&wide);

    master = narrow;
    is(open_store(&next, secrets[2]), NGX_OK, "a reload, by the new key alone");
    zone.data = &next;
    is(ngx_claude_store_init_zone(&zone, &a), NGX_OK, "takes the zone over");
    ok(opens(&next, &one), "opens what was sealed before");

    next.ops->tail(&next);
    settle();
    ok(opens(&next, &one), "and what the new log has");
    is(next.blind, 0, "which it can read");
    stop();
}


int
main(void)
{
    begin();

    wide.n = 2;
    randombytes_buf(wide.keys[0], CLAUDE_SECRET_LEN);
    memcpy(wide.keys[1], master.keys[0], CLAUDE_SECRET_LEN);

    narrow.n = 1;
    memcpy(narrow.keys[0], wide.keys[0], CLAUDE_SECRET_LEN);

    test_reseal();
    test_blind();
    test_reload();

    return end();
}
