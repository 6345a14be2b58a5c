
#include "claude_live.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>


#define CLAUDE_LIVE_FIRST  64           /* keys; doubled when they are used */
#define CLAUDE_LIVE_MAX    (1u << 30)


_Static_assert(crypto_shorthash_KEYBYTES == 16, "secret");


static claude_rc_t claude_live_put(claude_live_t *live,
    const claude_record_t *record, uint64_t offset);
static claude_rc_t claude_live_add(claude_live_t *live,
    const claude_record_t *record, uint64_t offset);
static unsigned claude_live_taken(const claude_live_t *live,
    const unsigned char *digest, const claude_live_key_t *by);
static void claude_live_set(claude_live_key_t *key,
    const claude_record_t *record, uint64_t offset);
static void claude_live_enter(claude_live_t *live, claude_live_key_t *key);
static void claude_live_leave(claude_live_t *live, claude_live_key_t *key);
static claude_rc_t claude_live_slots(claude_live_t *live, size_t n);
static void claude_live_free_slots(claude_live_t *live);
static claude_rc_t claude_live_grow(claude_live_t *live, size_t n);
static void claude_live_move(claude_live_t *to, const claude_live_t *from);

static claude_live_key_t *claude_live_key(const claude_live_t *live,
    const claude_live_index_t *index, const void *value);
static void claude_live_add_to(claude_live_t *live,
    claude_live_index_t *index, const void *value, size_t place);
static void claude_live_remove_from(claude_live_t *live,
    claude_live_index_t *index, const void *value);
static size_t claude_live_look(const claude_live_t *live,
    const claude_live_index_t *index, const void *value);
static void claude_live_remove(claude_live_t *live,
    claude_live_index_t *index, size_t slot);
static const unsigned char *claude_live_member(const claude_live_t *live,
    const claude_live_index_t *index, size_t slot);
static size_t claude_live_hash(const claude_live_t *live,
    const claude_live_index_t *index, const void *value);


void
claude_live_init(claude_live_t *live)
{
    memset(live, 0, sizeof(claude_live_t));

    live->ids.member = offsetof(claude_live_key_t, id);
    live->ids.len = CLAUDE_KEY_ID_LEN;

    live->digests.member = offsetof(claude_live_key_t, digest);
    live->digests.len = CLAUDE_DIGEST_LEN;

    live->previous.member = offsetof(claude_live_key_t, previous);
    live->previous.len = CLAUDE_DIGEST_LEN;

    randombytes_buf(live->secret, sizeof(live->secret));
}


void
claude_live_free(claude_live_t *live)
{
    free(live->keys);
    claude_live_free_slots(live);

    claude_live_init(live);
}


void
claude_live_reserve(claude_live_t *live, size_t n)
{
    if (live->size < n) {
        (void) claude_live_grow(live, n);
    }
}


claude_rc_t
claude_live_apply(claude_live_t *live, const claude_change_t *change,
    uint64_t offset)
{
    claude_live_key_t      *key;
    const claude_record_t  *record = &change->record;

    if (change->op == CLAUDE_OP_PUT) {
        return claude_live_put(live, record, offset);
    }

    key = claude_live_key(live, &live->ids, record->id);

    if (key == NULL) {
        return CLAUDE_OK;
    }

    if (change->op == CLAUDE_OP_USE) {
        if (record->last_used > key->last_used) {
            key->last_used = record->last_used;
        }

        return CLAUDE_OK;
    }

    claude_live_leave(live, key);

    key->offset = 0;
    live->n--;

    return CLAUDE_OK;
}


static claude_rc_t
claude_live_put(claude_live_t *live, const claude_record_t *record,
    uint64_t offset)
{
    claude_live_key_t  *key;

    key = claude_live_key(live, &live->ids, record->id);

    if (claude_live_taken(live, record->digest, key)
        || (record->previous_until
            && claude_live_taken(live, record->previous, key)))
    {
        return CLAUDE_INVALID;
    }

    if (key == NULL) {
        return claude_live_add(live, record, offset);
    }

    claude_live_leave(live, key);
    claude_live_set(key, record, offset);
    claude_live_enter(live, key);

    return CLAUDE_OK;
}


/* whether it is a digest of another key */

static unsigned
claude_live_taken(const claude_live_t *live, const unsigned char *digest,
    const claude_live_key_t *by)
{
    claude_live_key_t  *key;

    key = claude_live_key(live, &live->digests, digest);

    if (key && key != by) {
        return 1;
    }

    key = claude_live_key(live, &live->previous, digest);

    return key && key != by;
}


static claude_rc_t
claude_live_add(claude_live_t *live, const claude_record_t *record,
    uint64_t offset)
{
    claude_live_key_t  *key;

    if (live->used == live->size
        && claude_live_grow(live, 2 * live->n) != CLAUDE_OK)
    {
        return CLAUDE_NO_MEMORY;
    }

    key = &live->keys[live->used++];
    claude_live_set(key, record, offset);
    claude_live_enter(live, key);

    live->n++;

    return CLAUDE_OK;
}


static void
claude_live_set(claude_live_key_t *key, const claude_record_t *record,
    uint64_t offset)
{
    memcpy(key->id, record->id, CLAUDE_KEY_ID_LEN);
    memcpy(key->digest, record->digest, CLAUDE_DIGEST_LEN);
    memcpy(key->previous, record->previous, CLAUDE_DIGEST_LEN);

    key->rotated = (record->previous_until != 0);
    key->offset = offset;
    key->last_used = record->last_used;
}


/* in the indices and out of them */

static void
claude_live_enter(claude_live_t *live, claude_live_key_t *key)
{
    size_t  place;

    place = key - live->keys + 1;

    claude_live_add_to(live, &live->ids, key->id, place);
    claude_live_add_to(live, &live->digests, key->digest, place);

    if (key->rotated) {
        claude_live_add_to(live, &live->previous, key->previous, place);
    }
}


static void
claude_live_leave(claude_live_t *live, claude_live_key_t *key)
{
    claude_live_remove_from(live, &live->ids, key->id);
    claude_live_remove_from(live, &live->digests, key->digest);

    if (key->rotated) {
        claude_live_remove_from(live, &live->previous, key->previous);
    }
}


/*
 * Room for n keys, no fewer than are live; the deleted are dropped on the way.
 * Indices are at most half full.
 */

static claude_rc_t
claude_live_grow(claude_live_t *live, size_t n)
{
    size_t         size;
    claude_live_t  fresh;

    if (n > CLAUDE_LIVE_MAX) {
        return CLAUDE_NO_MEMORY;
    }

    for (size = CLAUDE_LIVE_FIRST; size < n; size *= 2) { /* void */ }

    fresh = *live;
    fresh.size = size;
    fresh.mask = 2 * size - 1;

    fresh.keys = malloc(size * sizeof(claude_live_key_t));

    if (claude_live_slots(&fresh, 2 * size) != CLAUDE_OK
        || fresh.keys == NULL)
    {
        free(fresh.keys);
        claude_live_free_slots(&fresh);

        return CLAUDE_NO_MEMORY;
    }

    claude_live_move(&fresh, live);

    free(live->keys);
    claude_live_free_slots(live);

    *live = fresh;

    return CLAUDE_OK;
}


static claude_rc_t
claude_live_slots(claude_live_t *live, size_t n)
{
    live->ids.slots = calloc(n, sizeof(uint32_t));
    live->digests.slots = calloc(n, sizeof(uint32_t));
    live->previous.slots = calloc(n, sizeof(uint32_t));

    live->ids.n = 0;
    live->digests.n = 0;
    live->previous.n = 0;

    return (live->ids.slots && live->digests.slots && live->previous.slots)
           ? CLAUDE_OK : CLAUDE_NO_MEMORY;
}


static void
claude_live_free_slots(claude_live_t *live)
{
    free(live->ids.slots);
    free(live->digests.slots);
    free(live->previous.slots);
}


static void
claude_live_move(claude_live_t *to, const claude_live_t *from)
{
    size_t                    cursor;
    const claude_live_key_t  *key;

    to->used = 0;
    cursor = 0;

    while ((key = claude_live_next(from, &cursor)) != NULL) {
        to->keys[to->used] = *key;
        claude_live_enter(to, &to->keys[to->used++]);
    }
}


const claude_live_key_t *
claude_live_find(const claude_live_t *live,
    const unsigned char id[CLAUDE_KEY_ID_LEN])
{
    return claude_live_key(live, &live->ids, id);
}


const claude_live_key_t *
claude_live_by_digest(const claude_live_t *live,
    const unsigned char digest[CLAUDE_DIGEST_LEN])
{
    return claude_live_key(live, &live->digests, digest);
}


const claude_live_key_t *
claude_live_next(const claude_live_t *live, size_t *cursor)
{
    const claude_live_key_t  *key;

    while (*cursor < live->used) {
        key = &live->keys[(*cursor)++];

        if (key->offset) {
            return key;
        }
    }

    return NULL;
}


static claude_live_key_t *
claude_live_key(const claude_live_t *live, const claude_live_index_t *index,
    const void *value)
{
    uint32_t  place;

    if (index->n == 0) {
        return NULL;
    }

    place = index->slots[claude_live_look(live, index, value)];

    return place ? &live->keys[place - 1] : NULL;
}


static void
claude_live_add_to(claude_live_t *live, claude_live_index_t *index,
    const void *value, size_t place)
{
    index->slots[claude_live_look(live, index, value)] = place;
    index->n++;
}


static void
claude_live_remove_from(claude_live_t *live, claude_live_index_t *index,
    const void *value)
{
    claude_live_remove(live, index, claude_live_look(live, index, value));
}


/* the slot where value is, or the free one where it would go */

static size_t
claude_live_look(const claude_live_t *live, const claude_live_index_t *index,
    const void *value)
{
    size_t                slot;
    const unsigned char  *other;

    slot = claude_live_hash(live, index, value);

    while (index->slots[slot]) {
        other = claude_live_member(live, index, slot);

        if (memcmp(other, value, index->len) == 0) {
            break;
        }

        slot = (slot + 1) & live->mask;
    }

    return slot;
}


/*
 * Closes the gap: whatever follows without a free slot between, and would not
 * be found across the gap, moves into it, and leaves a gap of its own.
 */

static void
claude_live_remove(claude_live_t *live, claude_live_index_t *index,
    size_t slot)
{
    size_t  gap, home;

    gap = slot;

    for ( ;; ) {
        slot = (slot + 1) & live->mask;

        if (index->slots[slot] == 0) {
            break;
        }

        home = claude_live_hash(live, index,
                                claude_live_member(live, index, slot));

        if (((slot - home) & live->mask) >= ((slot - gap) & live->mask)) {
            index->slots[gap] = index->slots[slot];
            gap = slot;
        }
    }

    index->slots[gap] = 0;
    index->n--;
}


static const unsigned char *
claude_live_member(const claude_live_t *live,
    const claude_live_index_t *index, size_t slot)
{
    return (const unsigned char *) &live->keys[index->slots[slot] - 1]
           + index->member;
}


static size_t
claude_live_hash(const claude_live_t *live, const claude_live_index_t *index,
    const void *value)
{
    uint64_t       hash;
    unsigned char  bytes[crypto_shorthash_BYTES];

    (void) crypto_shorthash(bytes, value, index->len, live->secret);

    memcpy(&hash, bytes, sizeof(hash));

    return hash & live->mask;
}
