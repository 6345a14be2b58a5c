
/*
 * The keystore without nginx: in one process, in one that is killed at every
 * store of a change, in several that are killed at random, and with a million
 * keys.
 */


#include "ngx_shim.h"

#include "../../src/state/ngx_claude_keystore_index.h"
#include "killed.h"

#include <sys/mman.h>
#include <time.h>


#define SMALL        (10 * 4096)
#define ROUNDS       300
#define LONG_NAME    300


static ngx_shm_zone_t         zone;
static ngx_claude_keystore_t  ks;


static void
open_zone(size_t size)
{
    claude_log_pos_t  zero, fresh;

    shim_zone(&zone, "keys", size);
    ks.zone = &zone;

    if (ngx_claude_keystore_create(&ks) != NGX_OK) {
        bail("a zone of %zu bytes can't be made", size);
    }

    memset(&zero, 0, sizeof(zero));
    memset(&fresh, 0, sizeof(fresh));

    fresh.dev = 1;
    fresh.ino = 1;

    (void) ngx_claude_keystore_reread_begin(&ks, &zero, &fresh);
    ngx_claude_keystore_reread_end(&ks, &fresh);
}


/* key n, in its version v: another digest, token and name */

static claude_change_t
put(unsigned n, unsigned v, unsigned name_len)
{
    char              text[64];
    claude_change_t   change;
    claude_record_t  *record;

    memset(&change, 0, sizeof(change));

    record = &change.record;

    change.op = CLAUDE_OP_PUT;

    snprintf(text, sizeof(text), "key_%020u", n);
    memcpy(record->id, text, CLAUDE_KEY_ID_LEN);

    snprintf(text, sizeof(text), "%u/%u", n, v);
    crypto_generichash(record->digest, CLAUDE_DIGEST_LEN, (u_char *) text,
                       strlen(text), NULL, 0);

    record->token_form = CLAUDE_TOKEN_OAUTH;
    record->sealed_len = 100 + v % 50;
    memset(record->sealed, 'a' + v % 26, record->sealed_len);
    record->name_len = name_len;
    memset(record->name, 'a' + (n + v) % 26, name_len);
    record->created = 1000 + n;
    record->enabled = 1;

    return change;
}


static claude_change_t
of_key(unsigned n, claude_op_e op, int64_t last_used)
{
    claude_change_t  change;

    change = put(n, 0, 1);
    change.op = op;
    change.record.last_used = last_used;

    return change;
}


static ngx_int_t
apply(const claude_change_t *changes, ngx_uint_t n)
{
    ngx_uint_t             i;
    ngx_int_t              rc;
    claude_log_pos_t       from, to;
    ngx_claude_applied_t  *applied;

    ngx_claude_keystore_position(&ks, &from);

    to = from;
    applied = calloc(n, sizeof(ngx_claude_applied_t));

    for (i = 0; i < n; i++) {
        to.offset += 100;
        to.line++;
        applied[i].pos = to;
        applied[i].change = changes[i];
    }

    rc = ngx_claude_keystore_apply(&ks, &from, &to, applied, n);
    free(applied);

    return rc;
}


static ngx_int_t
apply_one(claude_change_t change)
{
    return apply(&change, 1);
}


static ngx_claude_key_state_e
find(unsigned n, unsigned v, time_t now, ngx_claude_key_t *key)
{
    claude_change_t   change;
    ngx_claude_key_t  other;

    change = put(n, v, 1);

    return ngx_claude_keystore_find(&ks, change.record.digest, now,
                                    key ? key : &other);
}


/* what must hold whenever the lock is free; NULL, or what doesn't */

static const char *
broken(void)
{
    u_char                 *seen;
    uint32_t                slot, n, names, keys, enabled, entries, in_id;
    const char             *what;
    ngx_claude_record_t    *record;
    ngx_claude_keys_shm_t  *shm;

    shm = ks.shm;
    what = NULL;
    seen = calloc(1, shm->fresh + 1);
    keys = enabled = names = entries = in_id = 0;

    ngx_claude_keys_lock(&ks);

    for (slot = 0; slot < shm->fresh; slot++) {
        record = &shm->records[slot];

        if (record->state == NGX_CLAUDE_SLOT_NAME) {
            names++;
        }

        if (record->state != NGX_CLAUDE_SLOT_KEY) {
            continue;
        }

        keys++;
        enabled += record->enabled;

        if (ngx_claude_keys_by_id(shm, record->id) != slot) {
            what = "a key is not found by its id";
        }

        if (ngx_claude_keys_by_digest(shm, record->digest) != slot) {
            what = "a key is not found by its digest";
        }

        if (record->link == NGX_CLAUDE_SLOT_NONE) {
            if (record->name_len > NGX_CLAUDE_NAME_INLINE) {
                what = "a long name has no rest";
            }

            continue;
        }

        if (record->link >= shm->fresh
            || shm->records[record->link].state != NGX_CLAUDE_SLOT_NAME
            || seen[record->link]++)
        {
            what = "a key links what is no rest of its name";
        }

        names--;
    }

    n = 0;

    for (slot = shm->free; slot != NGX_CLAUDE_SLOT_NONE;
         slot = shm->records[slot].link)
    {
        if (slot >= shm->fresh || seen[slot]++
            || shm->records[slot].state != NGX_CLAUDE_SLOT_FREE)
        {
            what = "the free list has what is not free";
            break;
        }

        n++;
    }

    if (what == NULL && n != shm->nfree) {
        what = "the free list is not as long as it says";
    }

    for (slot = 0; slot <= shm->mask; slot++) {
        entries += (shm->by_digest[slot] != 0);
        in_id += (shm->by_id[slot] != 0);
    }

    if (what == NULL && (names || keys != shm->keys || entries != keys
                         || in_id != keys || enabled != shm->enabled))
    {
        what = "counts are wrong";
    }

    for (slot = 0, n = 0; slot < shm->fresh; slot++) {
        n += (shm->records[slot].state != NGX_CLAUDE_SLOT_FREE);
    }

    if (what == NULL
        && n + ngx_claude_keys_available(shm) != shm->capacity)
    {
        what = "records are lost";
    }

    ngx_claude_keys_unlock(&ks);
    free(seen);

    return what;
}


/* a fingerprint of all that a client can see of keys */

static uint64_t
contents(void)
{
    u_char                     hash[16];
    uint32_t                   slot;
    uint64_t                   sum, one;
    ngx_claude_record_t       *record;
    crypto_generichash_state   state;

    sum = 0;

    ngx_claude_keys_lock(&ks);

    for (slot = 0; slot < ks.shm->fresh; slot++) {
        record = &ks.shm->records[slot];

        if (record->state != NGX_CLAUDE_SLOT_KEY) {
            continue;
        }

        crypto_generichash_init(&state, NULL, 0, 16);
        crypto_generichash_update(&state, record->digest,
                                  sizeof(ngx_claude_record_t)
                                  - offsetof(ngx_claude_record_t, digest));
        crypto_generichash_update(&state, &record->enabled, 1);

        if (record->link != NGX_CLAUDE_SLOT_NONE) {
            crypto_generichash_update(&state,
                                      ks.shm->records[record->link].rest,
                                      NGX_CLAUDE_NAME_REST);
        }

        crypto_generichash_final(&state, hash, sizeof(hash));
        memcpy(&one, hash, sizeof(one));

        sum += one;
    }

    ngx_claude_keys_unlock(&ks);

    return sum;
}


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
    is(ngx_claude_keystore_alive(&ks, &key.ref, now + 10), 0, "and end then");
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

    n = ngx_claude_keystore_take_used(&ks, uses, 3);
    is(n, 3, "some used keys are taken");
    n += ngx_claude_keystore_take_used(&ks, uses + n, 5);
    is(n, 5, "then the others, but none that is gone");
    is(uses[4].record.last_used, 104, "with the time of use");
    is(ngx_claude_keystore_take_used(&ks, uses + n, 1), 0, "once");

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


/* changes to be interrupted, each with the state that it finds */

static void
crowd(unsigned n)
{
    unsigned  i;

    for (i = 0; i < n; i++) {
        apply_one(put(i, 0, (i % 3) ? 5 : LONG_NAME));
    }
}


static void  do_insert(void)  { apply_one(put(100, 0, 5)); }
static void  do_insert_long(void)  { apply_one(put(100, 0, LONG_NAME)); }
static void  do_delete(void)  { apply_one(of_key(4, CLAUDE_OP_DELETE, 0)); }
static void  do_delete_long(void)  { apply_one(of_key(3, CLAUDE_OP_DELETE, 0)); }
static void  do_rotate(void)  { apply_one(put(4, 1, 5)); }
static void  do_shorten(void)  { apply_one(put(3, 0, 5)); }
static void  do_lengthen(void)  { apply_one(put(4, 0, LONG_NAME)); }
static void  do_rename(void)  { apply_one(put(3, 1, LONG_NAME - 1)); }
static void  do_use(void)  { apply_one(of_key(4, CLAUDE_OP_USE, 77)); }
static void  do_find(void)  { (void) find(4, 0, 77, NULL); }


static void
do_disable(void)
{
    claude_change_t  change;

    change = put(4, 0, 5);
    change.record.enabled = 0;
    apply_one(change);
}


static void
do_take(void)
{
    claude_change_t  uses[4];

    (void) ngx_claude_keystore_take_used(&ks, uses, 4);
}


static void
do_move_digest(void)
{
    claude_change_t  change;

    change = put(4, 0, 5);
    memcpy(change.record.id, put(5, 0, 5).record.id, CLAUDE_KEY_ID_LEN);
    apply_one(change);
}


static void
do_reread(void)
{
    claude_log_pos_t  old, fresh;

    ngx_claude_keystore_position(&ks, &old);

    fresh = old;
    fresh.generation++;
    fresh.offset = 0;

    ngx_claude_keystore_reread_begin(&ks, &old, &fresh);
}


static void
before_sweep(void)
{
    do_reread();

    apply_one(put(1, 0, 5));
    apply_one(put(3, 0, LONG_NAME));
}


static void
do_sweep(void)
{
    claude_log_pos_t  pos;

    ngx_claude_keystore_position(&ks, &pos);
    ngx_claude_keystore_reread_end(&ks, &pos);
}


typedef struct {
    const char  *name;
    void       (*change)(void);
    void       (*before)(void);
    unsigned     revokes;
    unsigned     gradual;       /* may stop between before and after */
} killed_t;


static const killed_t  killed[] = {
    { "an insertion", do_insert, NULL, 0, 0 },
    { "an insertion with a long name", do_insert_long, NULL, 0, 0 },
    { "a deletion", do_delete, NULL, 1, 0 },
    { "a deletion with a long name", do_delete_long, NULL, 1, 0 },
    { "an insertion into a freed record", do_insert, do_delete, 0, 0 },
    { "one into two freed records", do_insert_long, do_delete_long, 0, 0 },
    { "a rotation", do_rotate, NULL, 1, 0 },
    { "a disabling", do_disable, NULL, 1, 0 },
    { "a name made shorter", do_shorten, NULL, 0, 0 },
    { "a name made longer", do_lengthen, NULL, 0, 0 },
    { "a long name replaced", do_rename, NULL, 0, 0 },
    { "a refused digest", do_move_digest, NULL, 1, 0 },
    { "a use", do_use, NULL, 0, 0 },
    { "a look-up", do_find, NULL, 0, 0 },
    { "uses taken", do_take, do_find, 0, 0 },
    { "a reread begun", do_reread, NULL, 0, 0 },
    { "a sweep after a reread", do_sweep, before_sweep, 1, 1 }
};


static const killed_t     *kill_now;
static uint64_t            kill_before, kill_after;
static claude_log_pos_t    kill_from, kill_to;
static ngx_atomic_uint_t   kill_generation;


static const char *
check_killed(void)
{
    uint64_t           is;
    const char        *what;
    claude_log_pos_t   pos;

    what = broken();
    if (what) {
        return what;
    }

    is = contents();

    if (is != kill_before && is != kill_after && !kill_now->gradual) {
        return "neither as before nor as after";
    }

    if (is != kill_before && kill_now->revokes
        && ngx_claude_keystore_generation(&ks) == kill_generation)
    {
        return "a revocation that nobody hears of";
    }

    ngx_claude_keystore_position(&ks, &pos);

    if (memcmp(&pos, &kill_from, sizeof(pos)) != 0) {
        if (memcmp(&pos, &kill_to, sizeof(pos)) != 0) {
            return "stands where nothing is";
        }

        if (is != kill_after) {
            return "stands behind a change that is not made";
        }
    }

    kill_now->change();

    what = broken();
    if (what) {
        return what;
    }

    return (contents() == kill_after) ? NULL
                                      : "made again, it comes out otherwise";
}


static void
test_killed(const killed_t *it)
{
    u_char      *copy;
    unsigned     stores;
    const char  *first;

    open_zone(SMALL);
    crowd(20);

    if (it->before) {
        it->before();
    }

    kill_now = it;
    kill_before = contents();
    kill_generation = ngx_claude_keystore_generation(&ks);
    ngx_claude_keystore_position(&ks, &kill_from);

    copy = malloc(zone.shm.size);
    memcpy(copy, zone.shm.addr, zone.shm.size);

    it->change();

    kill_after = contents();
    ngx_claude_keystore_position(&ks, &kill_to);
    memcpy(zone.shm.addr, copy, zone.shm.size);

    stores = killed_anywhere(&zone, it->change, check_killed, &first);

    is_str(first, NULL, "killed at any of %u stores of %s", stores, it->name);
    ok(stores > 1 && contents() == kill_after, "which is made in the end");

    free(copy);
    shim_zone_free(&zone);
}


/* several at work, which are killed */

#define KILL_KEYS      200
#define KILL_VERSIONS  3
#define KILL_PROCESSES 3

static unsigned  *wrongs;


static void
work(unsigned seed)
{
    unsigned           n, v;
    ngx_claude_key_t   key;
    claude_change_t    uses[16];

    for ( ;; ) {
        seed = seed * 1103515245 + 12345;
        n = (seed >> 8) % KILL_KEYS;
        v = (seed >> 16) % KILL_VERSIONS;

        switch ((seed >> 24) % 8) {

        case 0:
        case 1:
            apply_one(put(n, v, (seed >> 28) ? 5 : LONG_NAME));
            break;

        case 2:
            apply_one(of_key(n, CLAUDE_OP_DELETE, 0));
            break;

        case 3:
            (void) ngx_claude_keystore_take_used(&ks, uses, 16);
            break;

        default:
            if (find(n, v, seed >> 8, &key) == NGX_CLAUDE_KEY_OK
                && (memcmp(key.id, put(n, v, 1).record.id, CLAUDE_KEY_ID_LEN)
                    != 0
                    || key.sealed_len != 100 + v
                    || key.sealed[0] != 'a' + v
                    || key.sealed[key.sealed_len - 1] != 'a' + v
                    || key.name[key.name_len - 1] != 'a' + (n + v) % 26))
            {
                (*wrongs)++;
            }
        }
    }
}


static void
test_random(void)
{
    pid_t            pids[KILL_PROCESSES];
    unsigned         i, round, unsound;
    struct timespec  pause;

    open_zone(64 * 4096);

    wrongs = mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS,
                  -1, 0);
    unsound = 0;
    pause.tv_sec = 0;

    for (round = 0; round < ROUNDS; round++) {

        for (i = 0; i < KILL_PROCESSES; i++) {
            pids[i] = fork();

            if (pids[i] == 0) {
                work(round * KILL_PROCESSES + i);
            }
        }

        pause.tv_nsec = 500000 + (round * 7919) % 1000 * 2000;
        (void) nanosleep(&pause, NULL);

        for (i = 0; i < KILL_PROCESSES; i++) {
            kill(pids[i], SIGKILL);
            waitpid(pids[i], NULL, 0);
            shim_unlock(&zone, pids[i]);
        }

        unsound += (broken() != NULL);
    }

    is(unsound, 0, "killed at random %u times, the zone is sound", ROUNDS);
    is(*wrongs, 0, "and nobody has seen a key in halves");

    munmap(wrongs, 4096);
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
    uint64_t          begin;
    claude_change_t  *tries;
    ngx_claude_key_t  key;

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

    open_zone(512 * 1024 * 1024);

    ngx_claude_keystore_stat(&ks, &stat);
    ok(stat.capacity >= 1000000, "%u keys fit 512 MB",
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
    unsigned  i;

    if (sodium_init() == -1) {
        bail("libsodium");
    }

    test_keys();
    test_order();
    test_refusals();
    test_used();
    test_ticks();

    for (i = 0; i < sizeof(killed) / sizeof(killed[0]); i++) {
        test_killed(&killed[i]);
    }

    test_random();
    test_million();

    return done_testing();
}
