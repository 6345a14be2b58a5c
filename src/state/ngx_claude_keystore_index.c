
#include "ngx_claude_keystore_index.h"


static void ngx_claude_keys_recover(ngx_claude_keys_shm_t *shm);
static void ngx_claude_keys_rebuild(ngx_claude_keys_shm_t *shm);
static void ngx_claude_keys_store(ngx_claude_keys_shm_t *shm);
static void ngx_claude_keys_add(ngx_claude_keys_shm_t *shm, uint32_t slot);
static void ngx_claude_keys_drop(ngx_claude_keys_shm_t *shm, uint32_t slot);
static void ngx_claude_keys_claim(ngx_claude_keys_shm_t *shm, uint32_t slot);
static void ngx_claude_keys_give(ngx_claude_keys_shm_t *shm, uint32_t slot);
static void ngx_claude_index_add(ngx_claude_keys_shm_t *shm, uint32_t *index,
    uint32_t entry);
static void ngx_claude_index_remove(ngx_claude_keys_shm_t *shm,
    uint32_t *index, uint32_t entry);
static uint32_t ngx_claude_index_mask(ngx_claude_keys_shm_t *shm,
    uint32_t *index);
static uint32_t ngx_claude_index_hash(ngx_claude_keys_shm_t *shm,
    uint32_t *index, uint32_t entry);
static u_char *ngx_claude_index_digest(ngx_claude_keys_shm_t *shm,
    uint32_t entry);
static uint32_t ngx_claude_hash_digest(const u_char *digest);
static uint32_t ngx_claude_hash_id(ngx_claude_keys_shm_t *shm,
    const u_char *id);


/*
 * An entry of an index is a slot and, by digest, whether it is the record's
 * previous one; 0 is none.
 */

#define ngx_claude_entry(slot, previous)   (((slot) << 1 | (previous)) + 1)
#define ngx_claude_entry_slot(entry)       (((entry) - 1) >> 1)
#define ngx_claude_entry_previous(entry)   (((entry) - 1) & 1)


/*
 * Killed at any instruction.
 *
 * A process that is killed while it holds the mutex leaves whatever it had
 * stored so far; the master then unlocks for it.  Its stores are seen in
 * program order (the barriers keep the compiler to it, and a killed process
 * has no store left under way), so it is enough to ask after each one what the
 * next holder finds:
 *
 * - A change of a record, which touches indices, free list and counts too, is
 *   written to redo first.  Killed before redo.pending is set, nothing has
 *   happened.  Killed after that and before it is cleared, the next holder
 *   finds it set, whatever else is half done: it stores redo's record in its
 *   slot once more, which is the same the second time, and derives all the rest
 *   from the records alone, each of which is whole, as only the one of redo was
 *   being written.  pending is cleared last, so a process that is killed while
 *   it repairs leaves the next one to begin again.  The generation is moved by
 *   the repair as well, since a revocation may be what was in hand.
 *
 * - What does not go through redo is a single aligned store, made or not made:
 *   last_used, a bit of used, word, ticks.  Accounts see to themselves.
 *
 * - The standing is written beside the one that holds and becomes it by the
 *   store of current.  A change that was committed whose position did not
 *   become current is applied once more: a put of what is there changes
 *   nothing, a delete finds nothing, and a use takes the later time.
 *
 * - No allocator runs under the lock: what is too long for a record takes
 *   further ones, so that slab's lists can't be left torn.
 *
 * A repair reads every record in use: with a million, 0.25 s of CPU.
 */

void
ngx_claude_keys_lock(ngx_claude_keystore_t *ks)
{
    ngx_shmtx_lock(&ks->shpool->mutex);

    /* accounts first: a record that is stored again has a copy of its own */

    ngx_claude_ledger_check(ks->ledger);

    if (ks->shm->redo.pending) {
        ngx_claude_keys_recover(ks->shm);
    }
}


void
ngx_claude_keys_unlock(ngx_claude_keystore_t *ks)
{
    ngx_shmtx_unlock(&ks->shpool->mutex);
}


static void
ngx_claude_keys_recover(ngx_claude_keys_shm_t *shm)
{
    uint32_t            slot;
    ngx_uint_t          i;
    ngx_claude_redo_t  *redo;

    redo = &shm->redo;

    if (redo->slot >= shm->fresh) {
        shm->fresh = redo->slot + 1;
    }

    for (i = 0; i < NGX_CLAUDE_RESTS; i++) {
        slot = redo->record.further[i];

        if (slot != NGX_CLAUDE_SLOT_NONE && slot >= shm->fresh) {
            shm->fresh = slot + 1;
        }
    }

    ngx_claude_keys_store(shm);
    ngx_claude_keys_rebuild(shm);

    shm->generation++;

    ngx_memory_barrier();
    redo->pending = 0;
}


/* derives all from the records: a record that is no key is free, unless it is
 * a further one of a key */

static void
ngx_claude_keys_rebuild(ngx_claude_keys_shm_t *shm)
{
    size_t                size;
    uint32_t              slot;
    ngx_uint_t            i;
    ngx_claude_record_t  *record;

    size = ((size_t) shm->mask + 1) * sizeof(uint32_t);

    ngx_memzero(shm->by_digest, 2 * size);
    ngx_memzero(shm->by_id, size);

    shm->free = NGX_CLAUDE_SLOT_NONE;
    shm->nfree = 0;
    shm->keys = 0;
    shm->enabled = 0;

    for (slot = 0; slot < shm->fresh; slot++) {
        record = &shm->records[slot];

        if (record->state != NGX_CLAUDE_SLOT_KEY) {
            record->state = NGX_CLAUDE_SLOT_FREE;
        }
    }

    for (slot = 0; slot < shm->fresh; slot++) {
        record = &shm->records[slot];

        if (record->state != NGX_CLAUDE_SLOT_KEY) {
            continue;
        }

        for (i = 0; i < NGX_CLAUDE_RESTS; i++) {
            if (record->further[i] != NGX_CLAUDE_SLOT_NONE) {
                shm->records[record->further[i]].state = NGX_CLAUDE_SLOT_REST;
            }
        }

        ngx_claude_keys_add(shm, slot);
    }

    for (slot = 0; slot < shm->fresh; slot++) {
        if (shm->records[slot].state == NGX_CLAUDE_SLOT_FREE) {
            ngx_claude_keys_give(shm, slot);
        }
    }
}


void
ngx_claude_keys_commit(ngx_claude_keys_shm_t *shm)
{
    uint32_t              slot, had[NGX_CLAUDE_RESTS], *has;
    ngx_uint_t            i, was;
    ngx_claude_redo_t    *redo;
    ngx_claude_record_t  *record;

    redo = &shm->redo;
    slot = redo->slot;
    has = redo->record.further;
    record = &shm->records[slot];

    was = (slot < shm->fresh && record->state == NGX_CLAUDE_SLOT_KEY);

    for (i = 0; i < NGX_CLAUDE_RESTS; i++) {
        had[i] = was ? record->further[i] : NGX_CLAUDE_SLOT_NONE;
    }

    ngx_memory_barrier();
    redo->pending = 1;
    ngx_memory_barrier();

    if (was) {
        ngx_claude_keys_drop(shm, slot);

    } else {
        ngx_claude_keys_claim(shm, slot);
    }

    for (i = 0; i < NGX_CLAUDE_RESTS; i++) {
        if (has[i] != had[i] && has[i] != NGX_CLAUDE_SLOT_NONE) {
            ngx_claude_keys_claim(shm, has[i]);
        }
    }

    for (i = 0; i < NGX_CLAUDE_RESTS; i++) {
        if (has[i] != had[i] && had[i] != NGX_CLAUDE_SLOT_NONE) {
            ngx_claude_keys_give(shm, had[i]);
        }
    }

    ngx_claude_keys_store(shm);

    if (record->state == NGX_CLAUDE_SLOT_KEY) {
        ngx_claude_keys_add(shm, slot);

    } else {
        ngx_claude_keys_give(shm, slot);
    }

    if (redo->revokes) {
        shm->generation++;
    }

    ngx_memory_barrier();
    redo->pending = 0;
}


static void
ngx_claude_keys_store(ngx_claude_keys_shm_t *shm)
{
    ngx_uint_t            i;
    ngx_claude_redo_t    *redo;
    ngx_claude_record_t  *further;

    redo = &shm->redo;
    shm->records[redo->slot] = redo->record;

    for (i = 0; i < NGX_CLAUDE_RESTS; i++) {

        if (redo->record.further[i] == NGX_CLAUDE_SLOT_NONE) {
            continue;
        }

        further = &shm->records[redo->record.further[i]];

        further->state = NGX_CLAUDE_SLOT_REST;
        ngx_memcpy(further->rest, redo->rest[i], NGX_CLAUDE_REST);
    }
}


static void
ngx_claude_keys_add(ngx_claude_keys_shm_t *shm, uint32_t slot)
{
    ngx_claude_record_t  *record;

    record = &shm->records[slot];

    ngx_claude_index_add(shm, shm->by_digest, ngx_claude_entry(slot, 0));

    if (record->previous_until) {
        ngx_claude_index_add(shm, shm->by_digest, ngx_claude_entry(slot, 1));
    }

    ngx_claude_index_add(shm, shm->by_id, ngx_claude_entry(slot, 0));

    shm->keys++;
    shm->enabled += record->enabled;
}


static void
ngx_claude_keys_drop(ngx_claude_keys_shm_t *shm, uint32_t slot)
{
    ngx_claude_record_t  *record;

    record = &shm->records[slot];

    ngx_claude_index_remove(shm, shm->by_digest, ngx_claude_entry(slot, 0));

    if (record->previous_until) {
        ngx_claude_index_remove(shm, shm->by_digest,
                                ngx_claude_entry(slot, 1));
    }

    ngx_claude_index_remove(shm, shm->by_id, ngx_claude_entry(slot, 0));

    shm->keys--;
    shm->enabled -= record->enabled;
}


void
ngx_claude_keys_read(ngx_claude_keys_shm_t *shm,
    const ngx_claude_record_t *record, size_t offset, size_t len, u_char *dst)
{
    size_t         n, at;
    const u_char  *from;

    while (len) {

        if (offset < NGX_CLAUDE_INLINE) {
            from = record->data + offset;
            n = NGX_CLAUDE_INLINE - offset;

        } else {
            at = offset - NGX_CLAUDE_INLINE;
            from = shm->records[record->further[at / NGX_CLAUDE_REST]].rest;
            from += at % NGX_CLAUDE_REST;
            n = NGX_CLAUDE_REST - at % NGX_CLAUDE_REST;
        }

        n = ngx_min(n, len);
        dst = ngx_cpymem(dst, from, n);

        offset += n;
        len -= n;
    }
}


ngx_uint_t
ngx_claude_keys_available(ngx_claude_keys_shm_t *shm)
{
    return shm->nfree + (shm->capacity - shm->fresh);
}


ngx_int_t
ngx_claude_keys_peek(ngx_claude_keys_shm_t *shm, ngx_uint_t n,
    uint32_t *slots)
{
    uint32_t    next, fresh;
    ngx_uint_t  i;

    if (ngx_claude_keys_available(shm) < n) {
        return NGX_DECLINED;
    }

    next = shm->free;
    fresh = shm->fresh;

    for (i = 0; i < n; i++) {

        if (next == NGX_CLAUDE_SLOT_NONE) {
            slots[i] = fresh++;
            continue;
        }

        slots[i] = next;
        next = shm->records[next].link;
    }

    return NGX_OK;
}


static void
ngx_claude_keys_claim(ngx_claude_keys_shm_t *shm, uint32_t slot)
{
    if (slot == shm->fresh) {
        shm->fresh++;
        return;
    }

    shm->free = shm->records[slot].link;
    shm->nfree--;
}


static void
ngx_claude_keys_give(ngx_claude_keys_shm_t *shm, uint32_t slot)
{
    ngx_claude_record_t  *record;

    record = &shm->records[slot];

    ngx_memzero(record->rest, sizeof(ngx_claude_record_t)
                              - offsetof(ngx_claude_record_t, rest));

    record->state = NGX_CLAUDE_SLOT_FREE;
    record->link = shm->free;

    shm->free = slot;
    shm->nfree++;
}


void
ngx_claude_keys_stand(ngx_claude_keys_shm_t *shm,
    const ngx_claude_standing_t *standing)
{
    ngx_uint_t  other;

    other = !shm->current;

    shm->standing[other] = *standing;

    ngx_memory_barrier();
    shm->current = other;
}


/*
 * The indices are open-addressed with linear probing and at most three quarters
 * full.  Removal shifts back what follows, so that they don't wear out.
 */

uint32_t
ngx_claude_keys_by_digest(ngx_claude_keys_shm_t *shm, const u_char *digest,
    ngx_uint_t *previous)
{
    uint32_t  i, mask, entry;

    mask = ngx_claude_index_mask(shm, shm->by_digest);
    i = ngx_claude_hash_digest(digest) & mask;

    for ( ;; ) {
        entry = shm->by_digest[i];

        if (entry == 0) {
            return NGX_CLAUDE_SLOT_NONE;
        }

        if (crypto_verify_32(ngx_claude_index_digest(shm, entry), digest)
            == 0)
        {
            *previous = ngx_claude_entry_previous(entry);
            return ngx_claude_entry_slot(entry);
        }

        i = (i + 1) & mask;
    }
}


uint32_t
ngx_claude_keys_by_id(ngx_claude_keys_shm_t *shm, const u_char *id)
{
    uint32_t  i, slot, entry;

    i = ngx_claude_hash_id(shm, id) & shm->mask;

    for ( ;; ) {
        entry = shm->by_id[i];

        if (entry == 0) {
            return NGX_CLAUDE_SLOT_NONE;
        }

        slot = ngx_claude_entry_slot(entry);

        if (ngx_memcmp(shm->records[slot].id, id, CLAUDE_KEY_ID_LEN) == 0) {
            return slot;
        }

        i = (i + 1) & shm->mask;
    }
}


void
ngx_claude_keystore_expect(ngx_claude_keystore_t *ks,
    const u_char id[CLAUDE_KEY_ID_LEN],
    const u_char digest[CLAUDE_DIGEST_LEN])
{
    uint32_t                mask;
    ngx_claude_keys_shm_t  *shm;

    shm = ks->shm;
    mask = ngx_claude_index_mask(shm, shm->by_digest);

    __builtin_prefetch(&shm->by_digest[ngx_claude_hash_digest(digest) & mask]);
    __builtin_prefetch(&shm->by_id[ngx_claude_hash_id(shm, id) & shm->mask]);
}


static void
ngx_claude_index_add(ngx_claude_keys_shm_t *shm, uint32_t *index,
    uint32_t entry)
{
    uint32_t  i, mask;

    mask = ngx_claude_index_mask(shm, index);
    i = ngx_claude_index_hash(shm, index, entry) & mask;

    while (index[i]) {
        i = (i + 1) & mask;
    }

    index[i] = entry;
}


static void
ngx_claude_index_remove(ngx_claude_keys_shm_t *shm, uint32_t *index,
    uint32_t entry)
{
    uint32_t  i, hole, home, mask;

    mask = ngx_claude_index_mask(shm, index);
    hole = ngx_claude_index_hash(shm, index, entry) & mask;

    while (index[hole] != entry) {
        hole = (hole + 1) & mask;
    }

    for (i = (hole + 1) & mask; index[i]; i = (i + 1) & mask) {
        home = ngx_claude_index_hash(shm, index, index[i]) & mask;

        /* an entry may not go before its home */

        if (((i - home) & mask) >= ((i - hole) & mask)) {
            index[hole] = index[i];
            hole = i;
        }
    }

    index[hole] = 0;
}


static uint32_t
ngx_claude_index_mask(ngx_claude_keys_shm_t *shm, uint32_t *index)
{
    return (index == shm->by_id) ? shm->mask : 2 * shm->mask + 1;
}


static uint32_t
ngx_claude_index_hash(ngx_claude_keys_shm_t *shm, uint32_t *index,
    uint32_t entry)
{
    uint32_t  slot;

    if (index == shm->by_digest) {
        return ngx_claude_hash_digest(ngx_claude_index_digest(shm, entry));
    }

    slot = ngx_claude_entry_slot(entry);

    return ngx_claude_hash_id(shm, shm->records[slot].id);
}


static u_char *
ngx_claude_index_digest(ngx_claude_keys_shm_t *shm, uint32_t entry)
{
    ngx_claude_record_t  *record;

    record = &shm->records[ngx_claude_entry_slot(entry)];

    return ngx_claude_entry_previous(entry) ? record->previous
                                            : record->digest;
}


/* a digest is a keyed hash already */

static uint32_t
ngx_claude_hash_digest(const u_char *digest)
{
    uint32_t  hash;

    ngx_memcpy(&hash, digest, sizeof(uint32_t));

    return hash;
}


static uint32_t
ngx_claude_hash_id(ngx_claude_keys_shm_t *shm, const u_char *id)
{
    u_char    hash[crypto_shorthash_BYTES];
    uint32_t  first;

    crypto_shorthash(hash, id, CLAUDE_KEY_ID_LEN, shm->hash_key);
    ngx_memcpy(&first, hash, sizeof(uint32_t));

    return first;
}
