
#include "ngx_claude_keystore_index.h"


static ngx_int_t ngx_claude_keystore_carve(ngx_claude_keystore_t *ks);
static size_t ngx_claude_keystore_size(ngx_claude_keys_shm_t *shm,
    size_t capacity);
static void ngx_claude_keystore_copy(ngx_claude_keys_shm_t *shm,
    uint32_t slot, ngx_claude_key_t *key);
static void ngx_claude_keystore_limits(ngx_claude_keys_shm_t *shm,
    const ngx_claude_record_t *record, claude_limits_t *limits);
static void ngx_claude_keystore_read(ngx_claude_keys_shm_t *shm,
    const ngx_claude_record_t *from, claude_record_t *record);
static void ngx_claude_keystore_view(ngx_claude_keys_shm_t *shm,
    ngx_claude_record_t *record, ngx_claude_key_view_t *view);
static ngx_uint_t ngx_claude_keystore_serves(
    const ngx_claude_record_t *record, ngx_claude_key_ref_t *ref, time_t now);


_Static_assert(sizeof(ngx_claude_record_t) + 33
               <= NGX_CLAUDE_KEYSTORE_KEY_SIZE, "a key's size is documented");
_Static_assert(CLAUDE_NAME_MAX + CLAUDE_SEALED_MAX + CLAUDE_LIMIT_MODELS_LEN
               + CLAUDE_LIMIT_ADDRESSES * sizeof(claude_cidr_t)
               <= NGX_CLAUDE_INLINE + NGX_CLAUDE_RESTS * NGX_CLAUDE_REST,
               "a key fits its records");
_Static_assert(CLAUDE_NAME_MAX <= NGX_CLAUDE_INLINE + NGX_CLAUDE_REST,
               "a name is of two pieces");


ngx_int_t
ngx_claude_keystore_create(ngx_claude_keystore_t *ks)
{
    ngx_uint_t              i;
    ngx_claude_keys_shm_t  *shm;

    ks->shpool = (ngx_slab_pool_t *) ks->zone->shm.addr;
    ks->shm = ngx_slab_calloc(ks->shpool, sizeof(ngx_claude_keys_shm_t));

    ks->ledger = ngx_claude_ledger_create(ks->shpool);

    if (ks->shm == NULL || ks->ledger == NULL
        || ngx_claude_keystore_carve(ks) != NGX_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, ks->zone->shm.log, 0,
                      "claude_keystore zone \"%V\" is too small for one key",
                      &ks->zone->shm.name);
        return NGX_ERROR;
    }

    shm = ks->shm;

    shm->ledger = ks->ledger;
    shm->free = NGX_CLAUDE_SLOT_NONE;
    randombytes_buf(shm->hash_key, sizeof(shm->hash_key));

    for (i = 0; i < NGX_CLAUDE_TICKS; i++) {
        shm->ticks[i] = ngx_current_msec;
    }

    shm->followed = ngx_current_msec;
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

    ngx_memzero(p, 3 * index + shm->words * sizeof(uint64_t));

    shm->used = (uint64_t *) p;
    p += shm->words * sizeof(uint64_t);

    shm->by_digest = (uint32_t *) p;
    shm->by_id = (uint32_t *) (p + 2 * index);

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
           + entries * 3 * sizeof(uint32_t);
}


ngx_int_t
ngx_claude_keystore_attach(ngx_claude_keystore_t *ks)
{
    ks->shpool = (ngx_slab_pool_t *) ks->zone->shm.addr;
    ks->shm = ks->shpool->data;

    if (ks->shm == NULL || ks->shm->layout != NGX_CLAUDE_KEYS_LAYOUT) {
        return NGX_DECLINED;
    }

    ks->ledger = ks->shm->ledger;

    return NGX_OK;
}


ngx_claude_key_state_e
ngx_claude_keystore_find(ngx_claude_keystore_t *ks,
    const u_char digest[CLAUDE_DIGEST_LEN], time_t now, ngx_claude_key_t *key)
{
    uint32_t                 slot;
    ngx_uint_t               previous;
    ngx_claude_record_t     *record;
    ngx_claude_keys_shm_t   *shm;
    ngx_claude_key_state_e   state;

    shm = ks->shm;

    ngx_claude_keys_lock(ks);

    slot = ngx_claude_keys_by_digest(shm, digest, &previous);

    if (slot == NGX_CLAUDE_SLOT_NONE) {
        state = NGX_CLAUDE_KEY_UNKNOWN;
        goto done;
    }

    record = &shm->records[slot];

    if (previous && record->previous_until <= now) {
        state = NGX_CLAUDE_KEY_UNKNOWN;
        goto done;
    }

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

    key->previous = previous;
    key->ref.slot = slot;
    key->ref.version = record->version;
    key->ref.rotation = record->rotation - previous;
    key->ref.until = 0;

    (void) ngx_claude_keystore_serves(record, &key->ref, now);

done:

    ngx_claude_keys_unlock(ks);

    return state;
}


static void
ngx_claude_keystore_copy(ngx_claude_keys_shm_t *shm, uint32_t slot,
    ngx_claude_key_t *key)
{
    ngx_claude_record_t  *record;

    record = &shm->records[slot];

    key->token_form = record->token_form;
    key->sealed_len = record->sealed_len;
    key->name_len = record->name_len;

    ngx_memcpy(key->id, record->id, CLAUDE_KEY_ID_LEN);
    ngx_memcpy(key->digest, record->digest, CLAUDE_DIGEST_LEN);

    ngx_claude_keys_read(shm, record, 0, record->name_len, key->name);
    ngx_claude_keys_read(shm, record, record->name_len, record->sealed_len,
                         key->sealed);

    ngx_claude_keystore_limits(shm, record, &key->limits);
}


static void
ngx_claude_keystore_limits(ngx_claude_keys_shm_t *shm,
    const ngx_claude_record_t *record, claude_limits_t *limits)
{
    size_t  at;

    limits->requests = record->requests;
    limits->concurrent = record->concurrent;
    limits->tokens = record->tokens;
    limits->day_tokens = record->day_tokens;
    limits->month_tokens = record->month_tokens;
    limits->day_cost = record->day_cost;
    limits->month_cost = record->month_cost;
    limits->models_len = record->models_len;
    limits->naddresses = record->naddresses;
    limits->reading = 0;

    at = record->name_len + record->sealed_len;

    ngx_claude_keys_read(shm, record, at, record->models_len, limits->models);

    at += record->models_len;

    ngx_claude_keys_read(shm, record, at,
                         record->naddresses * sizeof(claude_cidr_t),
                         (u_char *) limits->addresses);
}


/*
 * Whether calls of the key of ref, which has the record's version, go on.  One
 * that merely came to the end that ref knows lets them; an end that was moved
 * to what has passed doesn't.
 */

static ngx_uint_t
ngx_claude_keystore_serves(const ngx_claude_record_t *record,
    ngx_claude_key_ref_t *ref, time_t now)
{
    time_t  until;

    until = record->expires;

    if (ref->rotation != record->rotation) {

        if (ref->rotation + 1 != record->rotation
            || record->previous_until == 0)
        {
            return 0;
        }

        if (until == 0 || record->previous_until < until) {
            until = record->previous_until;
        }
    }

    if (until && until <= now && until != ref->until) {
        return 0;
    }

    ref->until = until;

    return 1;
}


ngx_atomic_uint_t
ngx_claude_keystore_generation(ngx_claude_keystore_t *ks)
{
    return ks->shm->generation;
}


ngx_uint_t
ngx_claude_keystore_alive(ngx_claude_keystore_t *ks,
    ngx_claude_key_ref_t *ref, time_t now)
{
    ngx_uint_t            alive;
    ngx_claude_record_t  *record;

    ngx_claude_keys_lock(ks);

    record = &ks->shm->records[ref->slot];

    alive = (record->state == NGX_CLAUDE_SLOT_KEY
             && record->version == ref->version
             && record->enabled
             && ngx_claude_keystore_serves(record, ref, now));

    ngx_claude_keys_unlock(ks);

    return alive;
}


ngx_uint_t
ngx_claude_keystore_lacks(ngx_claude_keystore_t *ks,
    const u_char id[CLAUDE_KEY_ID_LEN])
{
    uint32_t    slot;
    ngx_uint_t  lacks;

    ngx_claude_keys_lock(ks);

    slot = ngx_claude_keys_by_id(ks->shm, id);

    /* without room for any key: it may as well have been deleted meanwhile */

    lacks = (slot == NGX_CLAUDE_SLOT_NONE)
            ? ngx_claude_keys_available(ks->shm) <= NGX_CLAUDE_RESTS
            : ks->shm->records[slot].partial;

    ngx_claude_keys_unlock(ks);

    return lacks;
}


ngx_int_t
ngx_claude_keystore_get(ngx_claude_keystore_t *ks,
    const u_char id[CLAUDE_KEY_ID_LEN], claude_record_t *record,
    ngx_claude_account_t *account)
{
    uint32_t              slot;
    ngx_int_t             rc;
    ngx_claude_record_t  *from;

    ngx_claude_keys_lock(ks);

    rc = NGX_DECLINED;
    slot = ngx_claude_keys_by_id(ks->shm, id);

    if (slot != NGX_CLAUDE_SLOT_NONE) {
        from = &ks->shm->records[slot];
        rc = from->partial ? NGX_ERROR
             : ngx_claude_keys_gone(ks->shm, slot) ? NGX_BUSY : NGX_OK;

        ngx_claude_keystore_read(ks->shm, from, record);

        if (account) {
            *account = from->account;
        }
    }

    ngx_claude_keys_unlock(ks);

    return rc;
}


static void
ngx_claude_keystore_read(ngx_claude_keys_shm_t *shm,
    const ngx_claude_record_t *from, claude_record_t *record)
{
    ngx_memzero(record, sizeof(claude_record_t));

    record->token_form = from->token_form;
    record->sealed_len = from->sealed_len;
    record->name_len = from->name_len;
    record->created = from->created;
    record->last_used = from->last_used;
    record->expires = from->expires;
    record->previous_until = from->previous_until;
    record->enabled = from->enabled;

    ngx_memcpy(record->id, from->id, CLAUDE_KEY_ID_LEN);
    ngx_memcpy(record->digest, from->digest, CLAUDE_DIGEST_LEN);
    ngx_memcpy(record->previous, from->previous, CLAUDE_DIGEST_LEN);
    ngx_memcpy(record->head, from->head, CLAUDE_HEAD_LEN);
    ngx_memcpy(record->tail, from->tail, CLAUDE_TAIL_LEN);
    ngx_memcpy(record->token_tail, from->token_tail, CLAUDE_TAIL_LEN);

    ngx_claude_keys_read(shm, from, 0, from->name_len, record->name);
    ngx_claude_keys_read(shm, from, from->name_len, from->sealed_len,
                         record->sealed);

    ngx_claude_keystore_limits(shm, from, &record->limits);
}


ngx_int_t
ngx_claude_keystore_scan(ngx_claude_keystore_t *ks, uint32_t *cursor,
    ngx_uint_t n, ngx_claude_key_handler_pt handler, void *data)
{
    uint32_t                slot, end;
    ngx_int_t               rc;
    ngx_claude_record_t    *record;
    ngx_claude_key_view_t   view;

    ngx_claude_keys_lock(ks);

    slot = *cursor;
    end = ks->shm->fresh;
    end = (slot < end && n < end - slot) ? slot + n : end;

    for ( /* void */ ; slot < end; slot++) {
        record = &ks->shm->records[slot];

        if (record->state == NGX_CLAUDE_SLOT_KEY) {
            ngx_claude_keystore_view(ks->shm, record, &view);
            handler(data, &view);
        }
    }

    *cursor = slot;
    rc = (slot < ks->shm->fresh) ? NGX_OK : NGX_DONE;

    ngx_claude_keys_unlock(ks);

    return rc;
}


static void
ngx_claude_keystore_view(ngx_claude_keys_shm_t *shm,
    ngx_claude_record_t *record, ngx_claude_key_view_t *view)
{
    size_t  len;

    len = ngx_min(record->name_len, NGX_CLAUDE_INLINE);

    view->id = record->id;
    view->head = record->head;
    view->tail = record->tail;
    view->name[0] = record->data;
    view->name_len[0] = len;
    view->name[1] = (len < record->name_len)
                    ? shm->records[record->further[0]].rest : NULL;
    view->name_len[1] = record->name_len - len;
    view->created = record->created;
    view->last_used = record->last_used;
    view->expires = record->expires;
    view->previous_until = record->previous_until;
    view->account = &record->account;
    view->day_tokens = record->day_tokens;
    view->month_tokens = record->month_tokens;
    view->day_cost = record->day_cost;
    view->month_cost = record->month_cost;
    view->enabled = record->enabled;
}


void
ngx_claude_keystore_lock(ngx_claude_keystore_t *ks)
{
    ngx_claude_keys_lock(ks);
}


void
ngx_claude_keystore_unlock(ngx_claude_keystore_t *ks)
{
    ngx_claude_keys_unlock(ks);
}


ngx_claude_account_t *
ngx_claude_keystore_account(ngx_claude_keystore_t *ks, uint32_t slot,
    const u_char id[CLAUDE_KEY_ID_LEN])
{
    ngx_claude_record_t  *record;

    if (slot >= ks->shm->fresh
        || ks->shm->records[slot].state != NGX_CLAUDE_SLOT_KEY
        || ngx_memcmp(ks->shm->records[slot].id, id, CLAUDE_KEY_ID_LEN) != 0)
    {
        slot = ngx_claude_keys_by_id(ks->shm, id);

        if (slot == NGX_CLAUDE_SLOT_NONE) {
            return NULL;
        }
    }

    record = &ks->shm->records[slot];

    return &record->account;
}


void
ngx_claude_keystore_stat(ngx_claude_keystore_t *ks,
    ngx_claude_keystore_stat_t *stat)
{
    ngx_claude_keys_lock(ks);

    stat->keys = ks->shm->keys;
    stat->enabled = ks->shm->enabled;
    stat->capacity = ks->shm->capacity;
    stat->records = stat->capacity - ngx_claude_keys_available(ks->shm);
    stat->trouble = (const char *) ks->shm->trouble;
    stat->lag = ngx_current_msec - ks->shm->followed;
    stat->failed = ks->shm->failed;

    ngx_claude_keys_unlock(ks);

    /* another process's clock may be a moment ahead */

    if ((ngx_msec_int_t) stat->lag < 0) {
        stat->lag = 0;
    }
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

    } else {
        shm->followed = ngx_current_msec;
    }

    shm->trouble = (uintptr_t) trouble;

    ngx_claude_keys_unlock(ks);

    return first;
}


void
ngx_claude_keystore_wrote(ngx_claude_keystore_t *ks, ngx_uint_t failed)
{
    ks->shm->failed = failed;
}


ngx_atomic_uint_t
ngx_claude_keystore_patience(ngx_claude_keystore_t *ks)
{
    return ks->shm->patience;
}


void
ngx_claude_keystore_be_patient(ngx_claude_keystore_t *ks,
    ngx_atomic_uint_t size)
{
    ks->shm->patience = size;
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
