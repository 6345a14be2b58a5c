
/*
 * The keystore without nginx: what it holds, in which order it takes changes,
 * what it refuses, and a million keys.
 */


#include "keystore.h"

#include <time.h>


static void
test_keys(void)
{
    time_t               now = 5000;
    claude_change_t      change;
    ngx_claude_key_t     key;
    ngx_atomic_uint_t    generation;

    open_zone(SMALL);

    is(find(1, 0, now, NULL), NGX_CLAUDE_KEY_UNKNOWN, "no key is known");

    is(apply_one(put(1, 0, 10)), NGX_OK, "a key is taken");
    is(apply_one(put(2, 0, LONG_NAME)), NGX_OK, "one with a long name too");

    is(find(1, 0, now, &key), NGX_CLAUDE_KEY_OK, "the first is found");
    change = put(1, 0, 10);
    is_mem(key.id, CLAUDE_KEY_ID_LEN, change.record.id, CLAUDE_KEY_ID_LEN,
           "with its id");
    is_mem(key.sealed, key.sealed_len, change.record.sealed,
           change.record.sealed_len, "its token");
    is_mem(key.name, key.name_len, change.record.name, 10, "and its name");

    is(find(2, 0, now, &key), NGX_CLAUDE_KEY_OK, "the second is found");
    change = put(2, 0, LONG_NAME);
    is_mem(key.name, key.name_len, change.record.name, LONG_NAME,
           "with all of its name");
    is_str(broken(), NULL, "the zone is sound");

    /* streams of the second */

    generation = ngx_claude_keystore_generation(&ks);
    change = put(2, 0, 20);
    apply_one(change);
    is(ngx_claude_keystore_alive(&ks, &key.ref, now), 1,
       "a new name leaves a stream alone");
    is(ngx_claude_keystore_generation(&ks), generation, "without a stir");

    change.record.expires = now + 10;
    apply_one(change);
    ok(ngx_claude_keystore_generation(&ks) != generation,
       "an expiry stirs streams");
    is(ngx_claude_keystore_alive(&ks, &key.ref, now), 1,
       "which go on until then");
    is(ngx_claude_keystore_alive(&ks, &key.ref, now + 10), 1,
       "and come to their own end");
    change.record.expires = now + 5;
    apply_one(change);
    is(ngx_claude_keystore_alive(&ks, &key.ref, now + 6), 0,
       "but not where it is moved to what has passed");
    change.record.expires = now + 10;
    apply_one(change);
    is(find(2, 0, now + 9, NULL), NGX_CLAUDE_KEY_OK, "a key serves until then");
    is(find(2, 0, now + 10, NULL), NGX_CLAUDE_KEY_EXPIRED, "and is expired");

    change.record.expires = 0;
    change.record.enabled = 0;
    generation = ngx_claude_keystore_generation(&ks);
    apply_one(change);
    ok(ngx_claude_keystore_generation(&ks) != generation,
       "disabling stirs streams");
    is(ngx_claude_keystore_alive(&ks, &key.ref, now), 0, "and ends them");
    is(find(2, 0, now, NULL), NGX_CLAUDE_KEY_DISABLED, "it is disabled");

    change.record.enabled = 1;
    apply_one(change);
    is(find(2, 0, now, NULL), NGX_CLAUDE_KEY_OK, "it is enabled again");
    is(ngx_claude_keystore_alive(&ks, &key.ref, now), 0,
       "which revives no stream");

    (void) find(2, 0, now, &key);
    apply_one(put(2, 1, 20));
    is(ngx_claude_keystore_alive(&ks, &key.ref, now), 0,
       "rotation ends a stream");
    is(find(2, 0, now, NULL), NGX_CLAUDE_KEY_UNKNOWN, "the old key is gone");
    is(find(2, 1, now, &key), NGX_CLAUDE_KEY_OK, "the new one serves");

    generation = ngx_claude_keystore_generation(&ks);
    apply_one(of_key(2, CLAUDE_OP_DELETE, 0));
    ok(ngx_claude_keystore_generation(&ks) != generation,
       "deletion stirs streams");
    is(ngx_claude_keystore_alive(&ks, &key.ref, now), 0, "and ends them");
    apply_one(put(2, 1, 20));
    is(ngx_claude_keystore_alive(&ks, &key.ref, now), 0,
       "a key in the same place revives none");
    is_str(broken(), NULL, "the zone is sound still");

    shim_zone_free(&zone);
}


static void
test_order(void)
{
    claude_log_pos_t       from, at, end;
    ngx_claude_applied_t   applied[3];

    open_zone(SMALL);

    ngx_claude_keystore_position(&ks, &from);
    end = from;

    for (int i = 0; i < 3; i++) {
        end.offset += 100;
        applied[i].pos = end;
    }

    applied[0].change = put(1, 0, 5);
    applied[1].change = of_key(1, CLAUDE_OP_DELETE, 0);
    applied[2].change = put(2, 0, 5);

    is(ngx_claude_keystore_apply(&ks, &applied[0].pos, &applied[1].pos,
                                 &applied[1], 1),
       NGX_DECLINED, "what lies ahead waits for its turn");
    is(ngx_claude_keystore_apply(&ks, &from, &applied[1].pos, applied, 2),
       NGX_OK, "two are applied");
    is(ngx_claude_keystore_apply(&ks, &from, &applied[0].pos, applied, 1),
       NGX_OK, "what is applied already is skipped");
    is(find(1, 0, 1, NULL), NGX_CLAUDE_KEY_UNKNOWN,
       "so that nothing is revived");
    is(ngx_claude_keystore_apply(&ks, &from, &end, applied, 3), NGX_OK,
       "a batch that is half applied goes on");
    is(find(2, 0, 1, NULL), NGX_CLAUDE_KEY_OK, "with what is new in it");

    ngx_claude_keystore_position(&ks, &at);
    is(at.offset, 300, "the zone stands behind it");

    from = at;
    at.ino++;
    is(ngx_claude_keystore_apply(&ks, &at, &at, applied, 0), NGX_DECLINED,
       "another file is none of it");

    at = from;
    at.generation++;
    at.offset = 0;
    is(ngx_claude_keystore_reread_begin(&ks, &end, &at), NGX_OK,
       "a reread begins");
    is(ngx_claude_keystore_reread_begin(&ks, &end, &at), NGX_DECLINED,
       "once");
    is(find(2, 0, 1, NULL), NGX_CLAUDE_KEY_OK, "keys serve meanwhile");

    apply_one(put(3, 0, 5));
    end.offset = 50;
    ngx_claude_keystore_reread_end(&ks, &end);
    is(find(2, 0, 1, NULL), NGX_CLAUDE_KEY_OK,
       "who has read the old file to its end ends nothing");

    ngx_claude_keystore_position(&ks, &at);
    at.offset++;
    ngx_claude_keystore_reread_end(&ks, &at);
    is(find(2, 0, 1, NULL), NGX_CLAUDE_KEY_OK,
       "nor does who has read further than the zone has come");

    ngx_claude_keystore_position(&ks, &at);
    ngx_claude_keystore_reread_end(&ks, &at);
    is(find(2, 0, 1, NULL), NGX_CLAUDE_KEY_UNKNOWN,
       "a key that the new file doesn't name is gone");
    is(find(3, 0, 1, NULL), NGX_CLAUDE_KEY_OK, "one that it names is not");
    is_str(broken(), NULL, "the zone is sound after a reread");

    shim_zone_free(&zone);
}


static void
test_refusals(void)
{
    unsigned                     i;
    claude_change_t              change;
    claude_record_t              record;
    claude_log_pos_t             old, at;
    ngx_claude_key_t             key;
    ngx_claude_keystore_stat_t   stat;

    open_zone(SMALL);

    ngx_claude_keystore_stat(&ks, &stat);
    note("%u keys fit %d bytes", (unsigned) stat.capacity, SMALL);

    for (i = 0; i < stat.capacity; i++) {
        if (apply_one(put(i, 0, 5)) != NGX_OK) {
            break;
        }
    }

    is(i, stat.capacity, "as many keys fit as it says");
    is(apply_one(put(i, 0, 5)), NGX_ERROR, "one more is refused");
    is(find(i, 0, 1, NULL), NGX_CLAUDE_KEY_UNKNOWN, "and doesn't serve");
    is(find(0, 0, 1, NULL), NGX_CLAUDE_KEY_OK, "none is dropped for it");

    change = put(1, 0, LONG_NAME);
    change.record.enabled = 0;
    is(apply_one(change), NGX_ERROR, "a longer name is refused");
    is(find(1, 0, 1, NULL), NGX_CLAUDE_KEY_DISABLED, "what came with it isn't");
    is(ngx_claude_keystore_get(&ks, change.record.id, &record, NULL),
       NGX_ERROR, "it is not what the log has");
    is(record.name_len, 5, "and keeps its old name");
    is(ngx_claude_keystore_lacks(&ks, change.record.id), 1,
       "something is lacking");

    is(apply_one(of_key(2, CLAUDE_OP_DELETE, 0)), NGX_OK,
       "a full zone hears of a deletion");
    is(apply_one(put(i, 0, 5)), NGX_OK, "which makes room");
    is_str(broken(), NULL, "a full zone is sound");

    is(apply_one(of_key(3, CLAUDE_OP_DELETE, 0)), NGX_OK, "another one goes");
    change = put(4, 0, 5);
    memcpy(change.record.id, put(3, 0, 5).record.id, CLAUDE_KEY_ID_LEN);
    is(apply_one(change), NGX_ERROR, "another key's digest is refused");
    is(find(4, 0, 1, &key), NGX_CLAUDE_KEY_OK, "the other key serves");
    is_mem(key.id, CLAUDE_KEY_ID_LEN, put(4, 0, 5).record.id,
           CLAUDE_KEY_ID_LEN, "as itself");

    change = put(4, 0, 5);
    memcpy(change.record.id, put(5, 0, 5).record.id, CLAUDE_KEY_ID_LEN);
    is(apply_one(change), NGX_ERROR, "also when it is to replace a key");
    is(find(5, 0, 1, NULL), NGX_CLAUDE_KEY_UNKNOWN,
       "that key is no longer what it was");

    ngx_claude_keystore_position(&ks, &old);
    at = old;
    at.generation++;
    at.offset = 0;
    ngx_claude_keystore_reread_begin(&ks, &old, &at);
    is(apply_one(change), NGX_OK,
       "in a reread a digest may have moved to another key");
    is(apply_one(put(4, 0, 5)), NGX_ERROR,
       "unless the key that had it comes after");
    is_str(broken(), NULL, "the zone is sound after refusals");

    shim_zone_free(&zone);
}


static void
test_used(void)
{
    unsigned          i;
    ngx_uint_t        n;
    claude_change_t   uses[8];

    open_zone(SMALL);

    for (i = 0; i < 6; i++) {
        apply_one(put(i, 0, 5));
        (void) find(i, 0, 100 + i, NULL);
        (void) find(i, 0, 100 + i, NULL);
    }

    apply_one(of_key(5, CLAUDE_OP_DELETE, 0));

    is(ngx_claude_keystore_count_used(&ks, 9), 6, "used keys are counted");
    is(ngx_claude_keystore_count_used(&ks, 4), 4, "up to a bound");

    n = ngx_claude_keystore_take_used(&ks, uses, 3);
    is(n, 3, "some used keys are taken");
    n += ngx_claude_keystore_take_used(&ks, uses + n, 5);
    is(n, 5, "then the others, but none that is gone");
    is(uses[4].record.last_used, 104, "with the time of use");
    is(ngx_claude_keystore_take_used(&ks, uses + n, 1), 0, "once");
    is(ngx_claude_keystore_count_used(&ks, 9), 0, "and count no more");

    ngx_claude_keystore_give_used(&ks, uses, 2);
    is(ngx_claude_keystore_take_used(&ks, uses, 8), 2,
       "what was given back is taken again");

    apply_one(of_key(0, CLAUDE_OP_USE, 7));
    apply_one(of_key(1, CLAUDE_OP_USE, 700));
    (void) find(0, 0, 50, NULL);
    (void) find(1, 0, 50, NULL);
    is(ngx_claude_keystore_take_used(&ks, uses, 8), 0,
       "times of use don't go back");
    (void) find(0, 0, 101, NULL);
    is(ngx_claude_keystore_take_used(&ks, uses, 8), 1, "but on");

    /* a key in the place of one that was used */

    (void) find(2, 0, 200, NULL);
    apply_one(of_key(2, CLAUDE_OP_DELETE, 0));
    apply_one(put(9, 0, 5));
    is(ngx_claude_keystore_take_used(&ks, uses, 8), 0,
       "a key that was never used is not taken for its predecessor");

    shim_zone_free(&zone);
}


static void
test_ticks(void)
{
    open_zone(SMALL);

    is(ngx_claude_keystore_tick(&ks, NGX_CLAUDE_TICK_TAIL, 500), 1,
       "the first tick is at once");
    is(ngx_claude_keystore_tick(&ks, NGX_CLAUDE_TICK_TAIL, 500), 0, "then not");
    ngx_current_msec += 499;
    is(ngx_claude_keystore_tick(&ks, NGX_CLAUDE_TICK_TAIL, 500), 0,
       "before its time");
    ngx_current_msec += 1;
    is(ngx_claude_keystore_tick(&ks, NGX_CLAUDE_TICK_TAIL, 500), 1,
       "it comes in time");
    is(ngx_claude_keystore_tick(&ks, NGX_CLAUDE_TICK_TAIL, 100), 1,
       "a shorter interval is not kept waiting");

    shim_zone_free(&zone);
}


/* a million */

static uint64_t
nanoseconds(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}


static void
fill(unsigned from, unsigned to)
{
    unsigned          i, n;
    claude_change_t   batch[64];

    for (i = from; i < to; i += n) {
        for (n = 0; n < 64 && i + n < to; n++) {
            batch[n] = put(i + n, 0, 20);
        }

        apply(batch, n);
    }
}


/* the look-up alone, of keys in no order */

static double
cost(unsigned keys)
{
    unsigned          i;
    u_char            name[CLAUDE_NAME_MAX];
    uint64_t          begin;
    claude_change_t  *tries;
    ngx_claude_key_t  key;

    key.name = name;
    tries = malloc(10000 * sizeof(claude_change_t));

    for (i = 0; i < 10000; i++) {
        tries[i] = put((uint64_t) i * 7919 % keys, 0, 1);
    }

    begin = nanoseconds();

    for (i = 0; i < 10000; i++) {
        (void) ngx_claude_keystore_find(&ks, tries[i].record.digest, 1, &key);
    }

    begin = nanoseconds() - begin;
    free(tries);

    return begin / 10000.0;
}


static void
test_million(void)
{
    unsigned                     i, missing;
    uint64_t                     begin;
    ngx_claude_keystore_stat_t   stat;

    open_zone(640 * 1024 * 1024);

    ngx_claude_keystore_stat(&ks, &stat);
    ok(stat.capacity >= 1000000, "%u keys fit 640 MB",
       (unsigned) stat.capacity);

    fill(0, 1000);
    note("a look-up among 1,000 keys: %.0f ns", cost(1000));
    fill(1000, 100000);
    note("among 100,000: %.0f ns", cost(100000));

    begin = nanoseconds();
    fill(100000, 1000000);
    note("900,000 puts: %.2f s", (nanoseconds() - begin) / 1e9);
    note("a look-up among 1,000,000 keys: %.0f ns", cost(1000000));

    for (i = 0, missing = 0; i < 1000000; i += 97) {
        missing += (find(i, 0, 2, NULL) != NGX_CLAUDE_KEY_OK);
    }

    is(missing, 0, "all of a million keys are found");

    ks.shm->redo.slot = 0;
    ks.shm->redo.record = ks.shm->records[0];
    ks.shm->redo.pending = 1;

    begin = nanoseconds();
    is(find(5, 0, 2, NULL), NGX_CLAUDE_KEY_OK, "a repair finds them all");
    note("in %.2f s", (nanoseconds() - begin) / 1e9);

    is_str(broken(), NULL, "a zone of a million is sound");

    shim_zone_free(&zone);
}


int
main(void)
{
    if (sodium_init() == -1) {
        bail("libsodium");
    }

    test_keys();
    test_order();
    test_refusals();
    test_used();
    test_ticks();
    test_million();

    return done_testing();
}
