
/*
 * A keystore to try: its zone, changes of keys that have a number and a
 * version, and what must hold of the zone whenever its lock is free.
 */


#ifndef KEYSTORE_H
#define KEYSTORE_H


#include "ngx_shim.h"

#include "../../src/state/ngx_claude_keystore_index.h"
#include "../unit/tap.h"


#define SMALL        (10 * 4096)
#define LONG_NAME    300


static ngx_shm_zone_t         zone;
static ngx_claude_keystore_t  ks;


static TAP_UNUSED void
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

static TAP_UNUSED claude_change_t
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


/* key n with limits: with bit 1 models, with bit 2 addresses, as many as may
 * be */

static TAP_UNUSED claude_change_t
limited(unsigned n, unsigned name_len, unsigned bits)
{
    unsigned          i;
    claude_change_t   change;
    claude_limits_t  *limits;

    change = put(n, 0, name_len);
    limits = &change.record.limits;

    limits->requests = n + 1;
    limits->concurrent = n + 2;
    limits->tokens = n + 3;
    limits->day_tokens = UINT64_C(1) << 33;
    limits->month_tokens = n + 5;
    limits->day_cost = n + 6;
    limits->month_cost = n + 7;

    if (bits & 1) {
        limits->models_len = CLAUDE_LIMIT_MODELS_LEN;
        memset(limits->models, 'm', CLAUDE_LIMIT_MODELS_LEN);
    }

    if (bits & 2) {
        limits->naddresses = CLAUDE_LIMIT_ADDRESSES;

        for (i = 0; i < CLAUDE_LIMIT_ADDRESSES; i++) {
            memset(limits->addresses[i].addr, n + i, 16);
            limits->addresses[i].prefix = 128;
        }
    }

    return change;
}


/* key n in version v, which came instead of version before */

static TAP_UNUSED claude_change_t
rotated(unsigned n, unsigned v, unsigned before, int64_t until)
{
    claude_change_t  change;

    change = put(n, v, 5);
    change.record.previous_until = until;
    memcpy(change.record.previous, put(n, before, 5).record.digest,
           CLAUDE_DIGEST_LEN);

    return change;
}


static TAP_UNUSED claude_change_t
of_key(unsigned n, claude_op_e op, int64_t last_used)
{
    claude_change_t  change;

    change = put(n, 0, 1);
    change.op = op;
    change.record.last_used = last_used;

    return change;
}


static TAP_UNUSED ngx_int_t
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


static TAP_UNUSED ngx_int_t
apply_one(claude_change_t change)
{
    return apply(&change, 1);
}


static TAP_UNUSED ngx_claude_key_state_e
find(unsigned n, unsigned v, time_t now, ngx_claude_key_t *key)
{
    claude_change_t   change;
    ngx_claude_key_t  other;

    static u_char  name[CLAUDE_NAME_MAX];

    change = put(n, v, 1);

    key = key ? key : &other;
    key->name = name;

    return ngx_claude_keystore_find(&ks, change.record.digest, now, key);
}


/* what must hold whenever the lock is free; NULL, or what doesn't */

static TAP_UNUSED const char *
broken(void)
{
    u_char                 *seen;
    uint32_t                slot, n, rests, keys, enabled, entries, in_id;
    uint32_t                previous_keys, i, further;
    ngx_uint_t              previous;
    const char             *what;
    ngx_claude_record_t    *record;
    ngx_claude_keys_shm_t  *shm;

    shm = ks.shm;
    what = NULL;
    seen = calloc(1, shm->capacity);
    keys = enabled = rests = entries = in_id = previous_keys = 0;

    ngx_claude_keys_lock(&ks);

    for (slot = 0; slot < shm->fresh; slot++) {
        record = &shm->records[slot];

        if (record->state == NGX_CLAUDE_SLOT_REST) {
            rests++;
        }

        if (record->state != NGX_CLAUDE_SLOT_KEY) {
            continue;
        }

        keys++;
        enabled += record->enabled;

        if (ngx_claude_keys_by_id(shm, record->id) != slot) {
            what = "a key is not found by its id";
        }

        if (ngx_claude_keys_by_digest(shm, record->digest, &previous) != slot
            || previous)
        {
            what = "a key is not found by its digest";
        }

        if (record->previous_until) {
            previous_keys++;

            if (ngx_claude_keys_by_digest(shm, record->previous, &previous)
                != slot
                || !previous)
            {
                what = "a key is not found by its previous digest";
            }
        }

        further = (record->name_len + record->sealed_len + record->models_len
                   + 17 * record->naddresses + NGX_CLAUDE_REST
                   - NGX_CLAUDE_INLINE - 1 + NGX_CLAUDE_REST)
                  / NGX_CLAUDE_REST - 1;

        for (i = 0; i < NGX_CLAUDE_RESTS; i++) {
            if ((record->further[i] != NGX_CLAUDE_SLOT_NONE) != (i < further)) {
                what = "a key has not as many records as it is long";
            }

            if (record->further[i] == NGX_CLAUDE_SLOT_NONE) {
                continue;
            }

            if (record->further[i] >= shm->fresh
                || shm->records[record->further[i]].state
                   != NGX_CLAUDE_SLOT_REST
                || seen[record->further[i]]++)
            {
                what = "a key names what is no record of its own";
            }

            rests--;
        }
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
        in_id += (shm->by_id[slot] != 0);
    }

    for (slot = 0; slot <= 2 * shm->mask + 1; slot++) {
        entries += (shm->by_digest[slot] != 0);
    }

    if (what == NULL && (rests || keys != shm->keys
                         || entries != keys + previous_keys
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

static TAP_UNUSED uint64_t
contents(void)
{
    u_char                     hash[16];
    uint32_t                   slot, i;
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

        for (i = 0; i < NGX_CLAUDE_RESTS; i++) {
            if (record->further[i] != NGX_CLAUDE_SLOT_NONE) {
                crypto_generichash_update(&state,
                    ks.shm->records[record->further[i]].rest,
                    NGX_CLAUDE_REST);
            }
        }

        crypto_generichash_final(&state, hash, sizeof(hash));
        memcpy(&one, hash, sizeof(one));

        sum += one;
    }

    ngx_claude_keys_unlock(&ks);

    return sum;
}


#endif /* KEYSTORE_H */
