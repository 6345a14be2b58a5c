
/*
 * The keystore without nginx: keys with limits and accounts, keys before a
 * rotation, lists.
 */


#include "keystore.h"


/* what a request sees of limits, however long they are */

static void
test_limits(void)
{
    size_t                  i, len;
    unsigned                v;
    claude_record_t         record;
    claude_change_t         change;
    ngx_claude_key_t        key;
    ngx_claude_account_t    account;
    ngx_claude_record_t    *in;

    static const unsigned  names[] = { 5, 108, 300, CLAUDE_NAME_MAX };

    open_zone(4 * SMALL);

    for (v = 0; v < 16; v++) {
        change = limited(v, names[v / 4], v % 4);
        is(apply_one(change), NGX_OK, "a key with limits is taken, case %u",
           v);
        is(find(v, 0, 1, &key), NGX_CLAUDE_KEY_OK, "and found");
        is_mem(&key.limits, offsetof(claude_limits_t, addresses),
               &change.record.limits, offsetof(claude_limits_t, addresses),
               "with its numbers");
        is_mem(key.limits.models, key.limits.models_len,
               change.record.limits.models, change.record.limits.models_len,
               "its models");
        is_mem(key.limits.addresses,
               key.limits.naddresses * sizeof(claude_cidr_t),
               change.record.limits.addresses,
               change.record.limits.naddresses * sizeof(claude_cidr_t),
               "its addresses");
        is_mem(key.name, key.name_len, change.record.name, names[v / 4],
               "its name");
        is_mem(key.sealed, key.sealed_len, change.record.sealed,
               change.record.sealed_len, "and its token");

        memset(&record, 0xff, sizeof(record));
        is(ngx_claude_keystore_get(&ks, key.id, &record, &account), NGX_OK,
           "all of it is read");
        change.record.last_used = 1;
        is_mem(&record, sizeof(record), &change.record, sizeof(record),
               "as it was put");
        is_str(broken(), NULL, "the zone is sound");
    }

    /* from each length to each other */

    for (i = 0, len = 0; i < 64; i++) {
        v = (i * 7) % 16;
        change = limited(3, names[v / 4], v % 4);
        len += (apply_one(change) != NGX_OK || broken() != NULL);
        (void) ngx_claude_keystore_get(&ks, change.record.id, &record, NULL);
        change.record.last_used = 1;
        len += (memcmp(&record, &change.record, sizeof(record)) != 0);
    }

    is(len, 0, "a key grows and shrinks");

    /* the account */

    change = put(3, 0, 5);
    in = &ks.shm->records[ngx_claude_keys_by_id(ks.shm, change.record.id)];
    memset(&in->account, 7, sizeof(account));
    apply_one(limited(3, 300, 3));
    apply_one(put(3, 1, 5));
    (void) ngx_claude_keystore_get(&ks, change.record.id, &record, &account);
    ok(account.running == 0x07070707, "an account outlives changes");

    ngx_claude_keystore_lock(&ks);
    in = &ks.shm->records[ngx_claude_keys_by_id(ks.shm, change.record.id)];
    ok(ngx_claude_keystore_account(&ks, in - ks.shm->records,
                                   change.record.id) == &in->account,
       "it is found where it was");
    ok(ngx_claude_keystore_account(&ks, 0, change.record.id) == &in->account,
       "also by a wrong guess");
    ok(ngx_claude_keystore_account(&ks, NGX_CLAUDE_SLOT_NONE,
                                   change.record.id) == &in->account,
       "or none");
    ngx_claude_keystore_unlock(&ks);

    apply_one(of_key(3, CLAUDE_OP_DELETE, 0));
    ngx_claude_keystore_lock(&ks);
    ok(ngx_claude_keystore_account(&ks, 0, change.record.id) == NULL,
       "not of a key that is gone");
    ngx_claude_keystore_unlock(&ks);
    is(ngx_claude_keystore_get(&ks, change.record.id, &record, &account),
       NGX_DECLINED, "which is not read either");

    apply_one(put(3, 1, 5));
    (void) ngx_claude_keystore_get(&ks, change.record.id, &record, &account);
    ok(account.running == 0, "one that comes again begins at nothing");

    shim_zone_free(&zone);
}


/* rotations with a grace */

static void
test_previous(void)
{
    time_t                       now = 5000;
    claude_change_t              change;
    ngx_claude_key_t             key, first, second, third;
    ngx_atomic_uint_t            generation;

    open_zone(SMALL);

    apply_one(put(1, 0, 5));
    (void) find(1, 0, now, &first);
    is(first.previous, 0, "a key is no previous one");
    is(first.ref.until, 0, "and ends at no time");

    generation = ngx_claude_keystore_generation(&ks);
    apply_one(rotated(1, 1, 0, now + 60));
    ok(ngx_claude_keystore_generation(&ks) != generation,
       "a rotation with a grace stirs streams");
    is(ngx_claude_keystore_alive(&ks, &first.ref, now), 1, "which go on");
    is(first.ref.until, now + 60, "for as long as that");
    is(find(1, 0, now + 59, &key), NGX_CLAUDE_KEY_OK, "the old key serves");
    is(key.previous, 1, "and is known as such");
    is(key.ref.until, now + 60, "with its end");
    is_mem(key.digest, CLAUDE_DIGEST_LEN, put(1, 1, 5).record.digest,
           CLAUDE_DIGEST_LEN, "its token is that of the new one");
    is(ngx_claude_keystore_alive(&ks, &key.ref, now + 59), 1,
       "its calls are alive");
    is(ngx_claude_keystore_alive(&ks, &key.ref, now + 60), 1,
       "and come to their own end");
    is(find(1, 0, now + 60, NULL), NGX_CLAUDE_KEY_UNKNOWN,
       "the old key is unknown then");
    is(find(1, 1, now, &second), NGX_CLAUDE_KEY_OK, "the new one serves");
    is(second.previous, 0, "as itself");
    is_str(broken(), NULL, "the zone is sound");

    /* a name, a credential, a limit */

    change = rotated(1, 1, 0, now + 60);
    change.record.name_len = 3;
    change.record.sealed[3] ^= 1;
    change.record.limits.concurrent = 3;
    apply_one(change);
    is(ngx_claude_keystore_alive(&ks, &first.ref, now), 1,
       "other changes leave the calls of both alone");
    is(ngx_claude_keystore_alive(&ks, &second.ref, now), 1, "also the new");

    /* once more within the grace */

    apply_one(rotated(1, 2, 1, now + 30));
    is(ngx_claude_keystore_alive(&ks, &first.ref, now), 0,
       "the first ends with a second rotation");
    is(ngx_claude_keystore_alive(&ks, &second.ref, now), 1,
       "the second goes on");
    is(find(1, 0, now, NULL), NGX_CLAUDE_KEY_UNKNOWN, "the first is gone");
    is(find(1, 1, now, &key), NGX_CLAUDE_KEY_OK, "the second serves");
    is(find(1, 2, now, &third), NGX_CLAUDE_KEY_OK, "and the third");
    is_str(broken(), NULL, "the zone is sound");

    /* two at once, as a log shows them that was compacted meanwhile */

    apply_one(rotated(1, 4, 3, now + 30));
    is(ngx_claude_keystore_alive(&ks, &third.ref, now), 0,
       "of a key that no rotation here left, calls end");
    is(find(1, 2, now, NULL), NGX_CLAUDE_KEY_UNKNOWN, "it is gone");

    /* the grace taken back; without one */

    (void) find(1, 3, now, &first);
    (void) find(1, 4, now, &second);
    generation = ngx_claude_keystore_generation(&ks);
    apply_one(put(1, 4, 5));
    ok(ngx_claude_keystore_generation(&ks) != generation,
       "a grace taken back stirs streams");
    is(ngx_claude_keystore_alive(&ks, &first.ref, now), 0,
       "and ends those of the old key");
    is(ngx_claude_keystore_alive(&ks, &second.ref, now), 1, "no others");
    apply_one(rotated(1, 4, 9, now + 30));
    is(ngx_claude_keystore_alive(&ks, &first.ref, now), 0,
       "another previous key revives none");
    (void) find(1, 4, now, &second);
    apply_one(put(1, 5, 5));
    is(ngx_claude_keystore_alive(&ks, &second.ref, now), 0,
       "a rotation without a grace ends calls");
    is(find(1, 4, now, NULL), NGX_CLAUDE_KEY_UNKNOWN, "and the key");

    /* disabled, expired, deleted */

    change = rotated(1, 6, 5, now + 30);
    change.record.expires = now + 20;
    apply_one(change);
    (void) find(1, 5, now, &first);
    is(first.ref.until, now + 20, "an expiry before the grace's end holds");
    is(find(1, 5, now + 20, NULL), NGX_CLAUDE_KEY_EXPIRED, "for both keys");
    is(ngx_claude_keystore_alive(&ks, &first.ref, now + 20), 1,
       "which lets their calls end");
    change.record.previous_until = now + 10;
    apply_one(change);
    is(ngx_claude_keystore_alive(&ks, &first.ref, now + 11), 0,
       "a grace cut to what has passed doesn't");
    change.record.enabled = 0;
    apply_one(change);
    is(find(1, 5, now, NULL), NGX_CLAUDE_KEY_DISABLED, "so does disabling");
    is(ngx_claude_keystore_alive(&ks, &first.ref, now), 0, "of both");
    apply_one(of_key(1, CLAUDE_OP_DELETE, 0));
    is(find(1, 5, now, NULL), NGX_CLAUDE_KEY_UNKNOWN, "deletion too");
    is_str(broken(), NULL, "the zone is sound still");

    /* collisions */

    apply_one(rotated(1, 1, 0, now));
    apply_one(put(2, 0, 5));
    change = put(3, 0, 5);
    memcpy(change.record.digest, put(1, 0, 1).record.digest,
           CLAUDE_DIGEST_LEN);
    is(apply_one(change), NGX_ERROR, "another's previous digest is refused");
    change = rotated(3, 1, 0, now + 5);
    memcpy(change.record.previous, put(2, 0, 1).record.digest,
           CLAUDE_DIGEST_LEN);
    is(apply_one(change), NGX_ERROR, "another's digest as previous one too");
    memcpy(change.record.previous, put(1, 0, 1).record.digest,
           CLAUDE_DIGEST_LEN);
    is(apply_one(change), NGX_ERROR, "and a previous one twice");
    is(find(2, 0, now, NULL), NGX_CLAUDE_KEY_OK, "the others serve");
    is_str(broken(), NULL, "the zone is sound after refusals");

    shim_zone_free(&zone);
}


/* every key rotated, so that an index is as full as it gets */

static void
test_all_rotated(void)
{
    unsigned                     i, wrong;
    claude_change_t              change;
    ngx_claude_keystore_stat_t   stat;

    open_zone(4 * SMALL);
    ngx_claude_keystore_stat(&ks, &stat);
    wrong = 0;

    for (i = 0; i < stat.capacity; i++) {
        wrong += (apply_one(rotated(i, 1, 0, 100)) != NGX_OK);
    }

    for (i = 0; i < stat.capacity; i++) {
        wrong += (find(i, 0, 1, NULL) != NGX_CLAUDE_KEY_OK);
        wrong += (find(i, 1, 1, NULL) != NGX_CLAUDE_KEY_OK);
        wrong += (find(i, 2, 1, NULL) != NGX_CLAUDE_KEY_UNKNOWN);
    }

    is(wrong, 0, "%u rotated keys fill a zone", (unsigned) stat.capacity);

    ks.shm->redo.slot = 0;
    ks.shm->redo.record = ks.shm->records[0];
    ks.shm->redo.pending = 1;
    is(find(5, 0, 1, NULL), NGX_CLAUDE_KEY_OK, "a repair finds old ones too");
    is_str(broken(), NULL, "the zone is sound");

    /* no room for limits: they fail closed */

    change = limited(3, 300, 3);
    is(apply_one(change), NGX_ERROR, "limits that don't fit are refused");
    is(find(3, 0, 1, NULL), NGX_CLAUDE_KEY_UNKNOWN,
       "and the key doesn't serve without");
    is(ngx_claude_keystore_lacks(&ks, change.record.id), 1, "it is lacking");
    is_str(broken(), NULL, "the zone is sound");

    shim_zone_free(&zone);
}


/* a list, in slices */

static void
seen(void *data, const ngx_claude_key_view_t *key)
{
    u_char           name[CLAUDE_NAME_MAX];
    unsigned        *n = data, i;
    claude_change_t  change;

    i = atoi((const char *) key->id + 4);
    change = limited(i, (i % 3) ? 5 : LONG_NAME, i % 4);

    memcpy(name, key->name[0], key->name_len[0]);

    if (key->name_len[1]) {
        memcpy(name + key->name_len[0], key->name[1], key->name_len[1]);
    }

    n[i] += 1 + (key->name_len[0] + key->name_len[1] != change.record.name_len
                 || memcmp(name, change.record.name, change.record.name_len)
                    != 0
                 || key->created != change.record.created
                 || key->enabled != 1);
}


static void
test_scan(void)
{
    unsigned  i, n[40], slices, wrong;
    uint32_t  cursor;

    open_zone(4 * SMALL);

    cursor = 0;
    is(ngx_claude_keystore_scan(&ks, &cursor, 10, seen, n), NGX_DONE,
       "a list of no keys ends at once");

    for (i = 0; i < 40; i++) {
        apply_one(limited(i, (i % 3) ? 5 : LONG_NAME, i % 4));
        n[i] = 0;
    }

    apply_one(of_key(7, CLAUDE_OP_DELETE, 0));
    n[7] = 1;

    cursor = 0;
    slices = 1;

    while (ngx_claude_keystore_scan(&ks, &cursor, 7, seen, n) == NGX_OK) {
        slices++;
    }

    for (i = 0, wrong = 0; i < 40; i++) {
        wrong += (n[i] != 1);
    }

    is(wrong, 0, "each key is seen once, and right");
    is(slices, (ks.shm->fresh + 6) / 7, "in slices");

    shim_zone_free(&zone);
}


int
main(void)
{
    if (sodium_init() == -1) {
        bail("libsodium");
    }

    test_limits();
    test_previous();
    test_all_rotated();
    test_scan();

    return done_testing();
}
