
#include "ngx_claude_keystore_index.h"


static ngx_int_t ngx_claude_keystore_carve(ngx_claude_keystore_t *ks);
static size_t ngx_claude_keystore_size(ngx_claude_keys_shm_t *shm,
    size_t capacity);
static void ngx_claude_keystore_copy(ngx_claude_keys_shm_t *shm,
    uint32_t slot, ngx_claude_key_t *key);


_Static_assert(sizeof(ngx_claude_record_t) + 22
               <= NGX_CLAUDE_KEYSTORE_KEY_SIZE, "a key's size is documented");


ngx_int_t
ngx_claude_keystore_create(ngx_claude_keystore_t *ks)
{
    ngx_uint_t              i;
    ngx_claude_keys_shm_t  *shm;

    ks->shpool = (ngx_slab_pool_t *) ks->zone->shm.addr;
    ks->shm = ngx_slab_calloc(ks->shpool, sizeof(ngx_claude_keys_shm_t));

    if (ks->shm == NULL || ngx_claude_keystore_carve(ks) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, ks->zone->shm.log, 0,
                      "claude_keystore zone \"%V\" is too small for one key",
                      &ks->zone->shm.name);
        return NGX_ERROR;
    }

    shm = ks->shm;

    shm->free = NGX_CLAUDE_SLOT_NONE;
    randombytes_buf(shm->hash_key, sizeof(shm->hash_key));

    for (i = 0; i < NGX_CLAUDE_TICKS; i++) {
        shm->ticks[i] = ngx_current_msec;
    }

    shm->layout = NGX_CLAUDE_KEYS_LAYOUT;
    ks->shpool->data = shm;

    return NGX_OK;
}


/*
 * As many records as fit with their indices and bits.  Records are not touched
 * before they are used, so that a large zone takes memory only as it fills.
 */

static ngx_int_t
ngx_claude_keystore_carve(ngx_claude_keystore_t *ks)
{
    u_char                 *p;
    size_t                  room, size, capacity, index;
    ngx_claude_keys_shm_t  *shm;

    shm = ks->shm;
    room = ks->shpool->pfree * ngx_pagesize;
    capacity = ngx_min(room / sizeof(ngx_claude_record_t), (size_t) 1 << 30);

    for ( ;; ) {
        size = ngx_claude_keystore_size(shm, capacity);

        if (size <= room) {
            break;
        }

        size = (size - room) / sizeof(ngx_claude_record_t) + 1;
        capacity -= ngx_min(capacity, size);
    }

    if (capacity == 0) {
        return NGX_ERROR;
    }

    p = ngx_slab_alloc(ks->shpool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    index = ((size_t) shm->mask + 1) * sizeof(uint32_t);
    size = capacity * sizeof(ngx_claude_record_t);

    shm->records = (ngx_claude_record_t *) p;
    p += size;

    ngx_memzero(p, 2 * index + shm->words * sizeof(uint64_t));

    shm->used = (uint64_t *) p;
    p += shm->words * sizeof(uint64_t);

    shm->by_digest = (uint32_t *) p;
    shm->by_id = (uint32_t *) (p + index);

    return NGX_OK;
}


static size_t
ngx_claude_keystore_size(ngx_claude_keys_shm_t *shm, size_t capacity)
{
    size_t  entries;

    for (entries = 4; entries * 3 < capacity * 4; entries *= 2) { /* void */ }

    shm->capacity = capacity;
    shm->mask = entries - 1;
    shm->words = (capacity + 63) / 64;

    return capacity * sizeof(ngx_claude_record_t)
           + shm->words * sizeof(uint64_t)
           + entries * 2 * sizeof(uint32_t);
}


ngx_int_t
ngx_claude_keystore_attach(ngx_claude_keystore_t *ks)
{
    ks->shpool = (ngx_slab_pool_t *) ks->zone->shm.addr;
    ks->shm = ks->shpool->data;

    if (ks->shm == NULL || ks->shm->layout != NGX_CLAUDE_KEYS_LAYOUT) {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


ngx_claude_key_state_e
ngx_claude_keystore_find(ngx_claude_keystore_t *ks,
    const u_char digest[CLAUDE_DIGEST_LEN], time_t now, ngx_claude_key_t *key)
{
    uint32_t                 slot;
    ngx_claude_record_t     *record;
    ngx_claude_keys_shm_t   *shm;
    ngx_claude_key_state_e   state;

    shm = ks->shm;

    ngx_claude_keys_lock(ks);

    slot = ngx_claude_keys_by_digest(shm, digest);

    if (slot == NGX_CLAUDE_SLOT_NONE) {
        state = NGX_CLAUDE_KEY_UNKNOWN;
        goto done;
    }

    record = &shm->records[slot];

    if (!record->enabled) {
        state = NGX_CLAUDE_KEY_DISABLED;
        goto done;
    }

    if (record->expires && record->expires <= now) {
        state = NGX_CLAUDE_KEY_EXPIRED;
        goto done;
    }

    state = NGX_CLAUDE_KEY_OK;

    if (record->last_used < now) {
        record->last_used = now;
        shm->used[slot / 64] |= (uint64_t) 1 << (slot % 64);
    }

    ngx_claude_keystore_copy(shm, slot, key);

done:

    ngx_claude_keys_unlock(ks);

    return state;
}


static void
ngx_claude_keystore_copy(ngx_claude_keys_shm_t *shm, uint32_t slot,
    ngx_claude_key_t *key)
{
    size_t                len;
    ngx_claude_record_t  *record;

    record = &shm->records[slot];

    key->ref.slot = slot;
    key->ref.version = record->version;
    key->token_form = record->token_form;
    key->sealed_len = record->sealed_len;
    key->name_len = record->name_len;

    ngx_memcpy(key->id, record->id, CLAUDE_KEY_ID_LEN);
    ngx_memcpy(key->digest, record->digest, CLAUDE_DIGEST_LEN);
    ngx_memcpy(key->sealed, record->sealed, record->sealed_len);

    len = ngx_min(record->name_len, NGX_CLAUDE_NAME_INLINE);
    ngx_memcpy(key->name, record->name, len);

    if (len < record->name_len) {
        ngx_memcpy(key->name + len, shm->records[record->link].rest,
                   record->name_len - len);
    }
}


ngx_atomic_uint_t
ngx_claude_keystore_generation(ngx_claude_keystore_t *ks)
{
    return ks->shm->generation;
}


ngx_uint_t
ngx_claude_keystore_alive(ngx_claude_keystore_t *ks,
    const ngx_claude_key_ref_t *ref, time_t now)
{
    ngx_uint_t            alive;
    ngx_claude_record_t  *record;

    ngx_claude_keys_lock(ks);

    record = &ks->shm->records[ref->slot];

    alive = (record->state == NGX_CLAUDE_SLOT_KEY
             && record->version == ref->version
             && record->enabled
             && (record->expires == 0 || record->expires > now));

    ngx_claude_keys_unlock(ks);

    return alive;
}


ngx_uint_t
ngx_claude_keystore_lacks(ngx_claude_keystore_t *ks,
    const u_char id[CLAUDE_KEY_ID_LEN])
{
    ngx_uint_t  lacks;

    ngx_claude_keys_lock(ks);

    lacks = (ngx_claude_keys_available(ks->shm) == 0
             && ngx_claude_keys_by_id(ks->shm, id) == NGX_CLAUDE_SLOT_NONE);

    ngx_claude_keys_unlock(ks);

    return lacks;
}


void
ngx_claude_keystore_stat(ngx_claude_keystore_t *ks,
    ngx_claude_keystore_stat_t *stat)
{
    ngx_claude_keys_lock(ks);

    stat->keys = ks->shm->keys;
    stat->enabled = ks->shm->enabled;
    stat->capacity = ks->shm->capacity;

    ngx_claude_keys_unlock(ks);
}


ngx_uint_t
ngx_claude_keystore_complain(ngx_claude_keystore_t *ks,
    const claude_log_pos_t *pos, const char *trouble)
{
    ngx_uint_t              first;
    ngx_claude_keys_shm_t  *shm;

    shm = ks->shm;

    ngx_claude_keys_lock(ks);

    first = (shm->trouble != (uintptr_t) trouble);

    if (trouble) {
        first |= (!ngx_claude_same_file(&shm->complaint, pos)
                  || shm->complaint.offset != pos->offset);
        shm->complaint = *pos;
    }

    shm->trouble = (uintptr_t) trouble;

    ngx_claude_keys_unlock(ks);

    return first;
}


ngx_uint_t
ngx_claude_keystore_take_used(ngx_claude_keystore_t *ks,
    claude_change_t *uses, ngx_uint_t n)
{
    uint32_t                word, slot;
    uint64_t               *bits;
    ngx_uint_t              i, taken;
    ngx_claude_record_t    *record;
    ngx_claude_keys_shm_t  *shm;

    taken = 0;
    shm = ks->shm;

    ngx_claude_keys_lock(ks);

    word = shm->word;

    for (i = 0; i < shm->words && taken < n; i++) {
        bits = &shm->used[word];

        while (*bits && taken < n) {
            slot = word * 64 + __builtin_ctzll(*bits);
            record = &shm->records[slot];

            /* the use of a key that was here before is nothing to this one */

            if (record->state == NGX_CLAUDE_SLOT_KEY && record->last_used) {
                uses[taken].op = CLAUDE_OP_USE;
                uses[taken].record.last_used = record->last_used;
                ngx_memcpy(uses[taken].record.id, record->id,
                           CLAUDE_KEY_ID_LEN);
                taken++;
            }

            *bits &= *bits - 1;
        }

        if (*bits == 0) {
            word = (word + 1 < shm->words) ? word + 1 : 0;
        }
    }

    shm->word = word;

    ngx_claude_keys_unlock(ks);

    return taken;
}


void
ngx_claude_keystore_give_used(ngx_claude_keystore_t *ks,
    const claude_change_t *uses, ngx_uint_t n)
{
    uint32_t                slot;
    ngx_uint_t              i;
    ngx_claude_keys_shm_t  *shm;

    shm = ks->shm;

    ngx_claude_keys_lock(ks);

    for (i = 0; i < n; i++) {
        slot = ngx_claude_keys_by_id(shm, uses[i].record.id);

        if (slot != NGX_CLAUDE_SLOT_NONE) {
            shm->used[slot / 64] |= (uint64_t) 1 << (slot % 64);
        }
    }

    ngx_claude_keys_unlock(ks);
}


/*
 * ngx_current_msec is CLOCK_MONOTONIC and thus the same in all processes, give
 * or take the turn of an event loop.  A time further away than the interval
 * was set by a configuration with a longer one.
 */

ngx_uint_t
ngx_claude_keystore_tick(ngx_claude_keystore_t *ks, ngx_claude_tick_e which,
    ngx_msec_t interval)
{
    ngx_msec_t         now;
    ngx_msec_int_t     left;
    ngx_atomic_uint_t  next;

    now = ngx_current_msec;
    next = ks->shm->ticks[which];
    left = (ngx_msec_int_t) (next - now);

    if (left > 0 && left <= (ngx_msec_int_t) interval) {
        return 0;
    }

    return ngx_atomic_cmp_set(&ks->shm->ticks[which], next, now + interval);
}
