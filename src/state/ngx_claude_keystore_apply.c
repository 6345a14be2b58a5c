
#include "ngx_claude_keystore_index.h"


/* changes applied, and records looked at, in one hold of the lock */

#define NGX_CLAUDE_APPLY_SLICE  64
#define NGX_CLAUDE_SWEEP_SLICE  256


static ngx_int_t ngx_claude_keystore_slice(ngx_claude_keys_shm_t *shm,
    const claude_log_pos_t *from, ngx_claude_applied_t *changes,
    ngx_uint_t n, ngx_uint_t *done, ngx_uint_t *refused);
static void ngx_claude_keystore_arrive(ngx_claude_keys_shm_t *shm,
    const claude_log_pos_t *to);
static ngx_claude_taken_e ngx_claude_keystore_change(
    ngx_claude_keys_shm_t *shm, const claude_change_t *change);
static ngx_claude_taken_e ngx_claude_keystore_put(ngx_claude_keys_shm_t *shm,
    const claude_record_t *put);
static ngx_uint_t ngx_claude_keystore_taken(ngx_claude_keys_shm_t *shm,
    const u_char *digest, uint32_t slot);
static ngx_claude_taken_e ngx_claude_keystore_place(
    ngx_claude_keys_shm_t *shm, const claude_record_t *put, uint32_t slot);
static ngx_int_t ngx_claude_keystore_room(ngx_claude_keys_shm_t *shm,
    uint32_t slot, size_t len);
static size_t ngx_claude_keystore_fill(ngx_claude_redo_t *redo,
    const claude_record_t *put, const u_char *name, size_t name_len);
static size_t ngx_claude_keystore_data(ngx_claude_redo_t *redo, size_t at,
    const void *data, size_t len);
static void ngx_claude_keystore_succeed(ngx_claude_redo_t *redo,
    const ngx_claude_record_t *old);
static uint32_t ngx_claude_keystore_rotated(const ngx_claude_record_t *record,
    const ngx_claude_record_t *old, ngx_uint_t *revoked);
static ngx_uint_t ngx_claude_keystore_earlier(int64_t now, int64_t was);
static void ngx_claude_keystore_delete(ngx_claude_keys_shm_t *shm,
    uint32_t slot);
static ngx_uint_t ngx_claude_keystore_sweep(ngx_claude_keys_shm_t *shm,
    const claude_log_pos_t *pos, uint32_t *epoch, uint32_t *slot);


ngx_int_t
ngx_claude_keystore_apply(ngx_claude_keystore_t *ks,
    const claude_log_pos_t *from, const claude_log_pos_t *to,
    ngx_claude_applied_t *changes, ngx_uint_t n)
{
    ngx_int_t   rc;
    ngx_uint_t  done, refused;

    done = 0;
    refused = 0;

    do {
        ngx_claude_keys_lock(ks);

        rc = ngx_claude_keystore_slice(ks->shm, from, changes, n, &done,
                                       &refused);
        if (rc == NGX_OK) {
            ngx_claude_keystore_arrive(ks->shm, to);
        }

        ngx_claude_keys_unlock(ks);

    } while (rc == NGX_AGAIN);

    if (rc != NGX_OK) {
        return rc;
    }

    return refused ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_claude_keystore_slice(ngx_claude_keys_shm_t *shm,
    const claude_log_pos_t *from, ngx_claude_applied_t *changes,
    ngx_uint_t n, ngx_uint_t *done, ngx_uint_t *refused)
{
    ngx_uint_t               i, end;
    ngx_claude_standing_t    standing;
    const claude_log_pos_t  *at;

    i = *done;
    standing = *ngx_claude_keys_standing(shm);

    if (!ngx_claude_same_file(&standing.pos, from)) {
        return NGX_DECLINED;
    }

    while (i < n && changes[i].pos.offset <= standing.pos.offset) {
        changes[i++].taken = NGX_CLAUDE_TAKEN;
    }

    at = i ? &changes[i - 1].pos : from;

    if (standing.pos.offset != at->offset) {

        /* behind the last change is as good */

        return (i == n && standing.pos.offset > at->offset) ? NGX_OK
                                                            : NGX_DECLINED;
    }

    end = ngx_min(n, i + NGX_CLAUDE_APPLY_SLICE);

    for ( /* void */ ; i < end; i++) {
        changes[i].taken = ngx_claude_keystore_change(shm,
                                                      &changes[i].change);

        if (changes[i].taken != NGX_CLAUDE_TAKEN) {
            (*refused)++;
        }

        standing.pos = changes[i].pos;
        ngx_claude_keys_stand(shm, &standing);
    }

    *done = i;

    return (i < n) ? NGX_AGAIN : NGX_OK;
}


/* behind the last change there may be a header, when that is all there is */

static void
ngx_claude_keystore_arrive(ngx_claude_keys_shm_t *shm,
    const claude_log_pos_t *to)
{
    ngx_claude_standing_t  standing;

    standing = *ngx_claude_keys_standing(shm);

    if (standing.pos.offset < to->offset) {
        standing.pos = *to;
        ngx_claude_keys_stand(shm, &standing);
    }
}


static ngx_claude_taken_e
ngx_claude_keystore_change(ngx_claude_keys_shm_t *shm,
    const claude_change_t *change)
{
    uint32_t              slot;
    ngx_claude_record_t  *record;

    if (change->op == CLAUDE_OP_PUT) {
        return ngx_claude_keystore_put(shm, &change->record);
    }

    slot = ngx_claude_keys_by_id(shm, change->record.id);

    if (slot == NGX_CLAUDE_SLOT_NONE) {

        /* a use that was written when the key was gone, or never taken */

        return NGX_CLAUDE_TAKEN;
    }

    if (change->op == CLAUDE_OP_DELETE) {
        ngx_claude_keystore_delete(shm, slot);
        return NGX_CLAUDE_TAKEN;
    }

    record = &shm->records[slot];

    if (record->last_used < change->record.last_used) {
        record->last_used = change->record.last_used;
    }

    return NGX_CLAUDE_TAKEN;
}


static ngx_claude_taken_e
ngx_claude_keystore_put(ngx_claude_keys_shm_t *shm,
    const claude_record_t *put)
{
    uint32_t  slot;

    slot = ngx_claude_keys_by_id(shm, put->id);

    if (!ngx_claude_keystore_taken(shm, put->digest, slot)
        && (put->previous_until == 0
            || !ngx_claude_keystore_taken(shm, put->previous, slot)))
    {
        return ngx_claude_keystore_place(shm, put, slot);
    }

    /* what this key was before, the log has taken back */

    if (slot != NGX_CLAUDE_SLOT_NONE) {
        ngx_claude_keystore_delete(shm, slot);
    }

    return NGX_CLAUDE_REFUSED_DIGEST;
}


/* whether another key has the digest; one that is gone is deleted */

static ngx_uint_t
ngx_claude_keystore_taken(ngx_claude_keys_shm_t *shm, const u_char *digest,
    uint32_t slot)
{
    uint32_t    other;
    ngx_uint_t  previous;

    other = ngx_claude_keys_by_digest(shm, digest, &previous);

    if (other == NGX_CLAUDE_SLOT_NONE || other == slot) {
        return 0;
    }

    if (!ngx_claude_keys_gone(shm, other)) {
        return 1;
    }

    ngx_claude_keystore_delete(shm, other);

    return 0;
}


static ngx_claude_taken_e
ngx_claude_keystore_place(ngx_claude_keys_shm_t *shm,
    const claude_record_t *put, uint32_t slot)
{
    u_char                name[CLAUDE_NAME_MAX];
    size_t                len;
    ngx_claude_redo_t    *redo;
    ngx_claude_record_t  *old;

    redo = &shm->redo;
    len = ngx_claude_keystore_fill(redo, put, put->name, put->name_len);

    if (ngx_claude_keystore_room(shm, slot, len) == NGX_OK) {
        ngx_claude_keys_commit(shm);
        return NGX_CLAUDE_TAKEN;
    }

    if (slot == NGX_CLAUDE_SLOT_NONE) {
        return NGX_CLAUDE_REFUSED_FULL;
    }

    /* the rest of the change may revoke or limit the key: only the name can
     * wait */

    old = &shm->records[slot];
    ngx_claude_keys_read(shm, old, 0, old->name_len, name);

    len = ngx_claude_keystore_fill(redo, put, name, old->name_len);
    redo->record.partial = 1;

    if (ngx_claude_keystore_room(shm, slot, len) == NGX_OK) {
        ngx_claude_keys_commit(shm);

    } else {
        ngx_claude_keystore_delete(shm, slot);
    }

    return NGX_CLAUDE_REFUSED_FULL;
}


/* where the filled redo goes, with len bytes of no fixed length: in place of
 * the record of slot, or, where that is none, somewhere */

static ngx_int_t
ngx_claude_keystore_room(ngx_claude_keys_shm_t *shm, uint32_t slot,
    size_t len)
{
    uint32_t              fresh[1 + NGX_CLAUDE_RESTS], *next;
    ngx_uint_t            i, n, further;
    ngx_claude_redo_t    *redo;
    ngx_claude_record_t  *old;

    redo = &shm->redo;
    old = (slot != NGX_CLAUDE_SLOT_NONE) ? &shm->records[slot] : NULL;

    further = (len <= NGX_CLAUDE_INLINE) ? 0
              : (len - NGX_CLAUDE_INLINE + NGX_CLAUDE_REST - 1)
                / NGX_CLAUDE_REST;

    n = (old == NULL);

    for (i = 0; i < further; i++) {
        n += (old == NULL || old->further[i] == NGX_CLAUDE_SLOT_NONE);
    }

    if (ngx_claude_keys_peek(shm, n, fresh) != NGX_OK) {
        return NGX_DECLINED;
    }

    next = fresh;

    if (old) {
        redo->slot = slot;
        ngx_claude_keystore_succeed(redo, old);

    } else {
        redo->slot = *next++;
        redo->record.version = shm->records[redo->slot].version + 1;
    }

    for (i = 0; i < further; i++) {
        redo->record.further[i] =
            (old && old->further[i] != NGX_CLAUDE_SLOT_NONE)
            ? old->further[i] : *next++;
    }

    redo->record.epoch = ngx_claude_keys_standing(shm)->epoch;

    return NGX_OK;
}


/* returns how many bytes are of no fixed length */

static size_t
ngx_claude_keystore_fill(ngx_claude_redo_t *redo, const claude_record_t *put,
    const u_char *name, size_t name_len)
{
    size_t                  at;
    ngx_uint_t              i;
    ngx_claude_record_t    *record;
    const claude_limits_t  *limits;

    record = &redo->record;
    limits = &put->limits;

    ngx_memzero(record, sizeof(ngx_claude_record_t));

    if (name_len + put->sealed_len + limits->models_len
        + limits->naddresses * sizeof(claude_cidr_t) > NGX_CLAUDE_INLINE)
    {
        ngx_memzero(redo->rest, sizeof(redo->rest));
    }

    redo->revokes = 0;

    record->link = NGX_CLAUDE_SLOT_NONE;

    for (i = 0; i < NGX_CLAUDE_RESTS; i++) {
        record->further[i] = NGX_CLAUDE_SLOT_NONE;
    }

    record->state = NGX_CLAUDE_SLOT_KEY;
    record->token_form = put->token_form;
    record->enabled = put->enabled;
    record->previous_until = put->previous_until;
    record->expires = put->expires;
    record->last_used = put->last_used;
    record->created = put->created;

    record->requests = limits->requests;
    record->concurrent = limits->concurrent;
    record->tokens = limits->tokens;
    record->day_tokens = limits->day_tokens;
    record->month_tokens = limits->month_tokens;
    record->day_cost = limits->day_cost;
    record->month_cost = limits->month_cost;

    record->name_len = name_len;
    record->sealed_len = put->sealed_len;
    record->models_len = limits->models_len;
    record->naddresses = limits->naddresses;

    ngx_memcpy(record->digest, put->digest, CLAUDE_DIGEST_LEN);

    if (put->previous_until) {
        ngx_memcpy(record->previous, put->previous, CLAUDE_DIGEST_LEN);
    }

    ngx_memcpy(record->id, put->id, CLAUDE_KEY_ID_LEN);
    ngx_memcpy(record->head, put->head, CLAUDE_HEAD_LEN);
    ngx_memcpy(record->tail, put->tail, CLAUDE_TAIL_LEN);
    ngx_memcpy(record->token_tail, put->token_tail, CLAUDE_TAIL_LEN);

    at = ngx_claude_keystore_data(redo, 0, name, name_len);
    at = ngx_claude_keystore_data(redo, at, put->sealed, put->sealed_len);
    at = ngx_claude_keystore_data(redo, at, limits->models,
                                  limits->models_len);

    return ngx_claude_keystore_data(redo, at, limits->addresses,
                                    limits->naddresses
                                    * sizeof(claude_cidr_t));
}


static size_t
ngx_claude_keystore_data(ngx_claude_redo_t *redo, size_t at, const void *data,
    size_t len)
{
    size_t         n, room, end;
    u_char        *to;
    const u_char  *from;

    from = data;
    end = at + len;

    while (at < end) {

        if (at < NGX_CLAUDE_INLINE) {
            to = redo->record.data + at;
            room = NGX_CLAUDE_INLINE - at;

        } else {
            to = (u_char *) redo->rest + at - NGX_CLAUDE_INLINE;
            room = sizeof(redo->rest) - (at - NGX_CLAUDE_INLINE);
        }

        n = ngx_min(room, end - at);
        ngx_memcpy(to, from, n);

        from += n;
        at += n;
    }

    return end;
}


/*
 * What is kept of the record that is replaced, and what its streams must hear
 * of.  An earlier end is theirs to look at, so it leaves the version.
 */

static void
ngx_claude_keystore_succeed(ngx_claude_redo_t *redo,
    const ngx_claude_record_t *old)
{
    ngx_uint_t            revoked;
    ngx_claude_record_t  *record;

    record = &redo->record;

    revoked = (old->enabled && !record->enabled);

    record->rotation = ngx_claude_keystore_rotated(record, old, &revoked);

    redo->revokes = revoked
                    || record->rotation != old->rotation
                    || ngx_claude_keystore_earlier(record->expires,
                                                   old->expires)
                    || ngx_claude_keystore_earlier(record->previous_until,
                                                   old->previous_until)
                    || (old->previous_until && record->previous_until == 0);

    record->version = old->version + revoked;
    record->last_used = ngx_max(old->last_used, record->last_used);
    record->account = old->account;
}


/*
 * A rotation leaves alone the calls of the key that is now the previous one,
 * and no others: where it skips one that this zone never saw, it counts twice.
 */

static uint32_t
ngx_claude_keystore_rotated(const ngx_claude_record_t *record,
    const ngx_claude_record_t *old, ngx_uint_t *revoked)
{
    if (sodium_memcmp(old->digest, record->digest, CLAUDE_DIGEST_LEN) != 0) {

        if (record->previous_until
            && sodium_memcmp(old->digest, record->previous, CLAUDE_DIGEST_LEN)
               == 0)
        {
            return old->rotation + 1;
        }

        return old->rotation + 2;
    }

    /* nobody rotates like this, but no call may take another previous key for
     * its own */

    if (record->previous_until
        && (old->previous_until == 0
            || sodium_memcmp(old->previous, record->previous,
                             CLAUDE_DIGEST_LEN)
               != 0))
    {
        *revoked = 1;
    }

    return old->rotation;
}


static ngx_uint_t
ngx_claude_keystore_earlier(int64_t now, int64_t was)
{
    return now != 0 && (was == 0 || now < was);
}


static void
ngx_claude_keystore_delete(ngx_claude_keys_shm_t *shm, uint32_t slot)
{
    ngx_uint_t          i;
    ngx_claude_redo_t  *redo;

    redo = &shm->redo;

    ngx_memzero(&redo->record, sizeof(ngx_claude_record_t));

    redo->slot = slot;
    redo->revokes = 1;
    redo->record.version = shm->records[slot].version + 1;
    redo->record.link = NGX_CLAUDE_SLOT_NONE;
    redo->record.state = NGX_CLAUDE_SLOT_FREE;

    for (i = 0; i < NGX_CLAUDE_RESTS; i++) {
        redo->record.further[i] = NGX_CLAUDE_SLOT_NONE;
    }

    ngx_claude_keys_commit(shm);
}


void
ngx_claude_keystore_position(ngx_claude_keystore_t *ks, claude_log_pos_t *pos)
{
    ngx_claude_keys_lock(ks);

    *pos = ngx_claude_keys_standing(ks->shm)->pos;

    ngx_claude_keys_unlock(ks);
}


ngx_int_t
ngx_claude_keystore_reread_begin(ngx_claude_keystore_t *ks,
    const claude_log_pos_t *old, const claude_log_pos_t *fresh)
{
    ngx_int_t              rc;
    ngx_claude_standing_t  standing;

    rc = NGX_DECLINED;

    ngx_claude_keys_lock(ks);

    standing = *ngx_claude_keys_standing(ks->shm);

    if (ngx_claude_same_file(&standing.pos, old)
        && standing.pos.offset == old->offset)
    {
        standing.pos = *fresh;
        standing.epoch++;
        standing.rereading = 1;

        ngx_claude_keys_stand(ks->shm, &standing);
        rc = NGX_OK;
    }

    ngx_claude_keys_unlock(ks);

    return rc;
}


void
ngx_claude_keystore_rewrap(ngx_claude_keystore_t *ks,
    const claude_log_pos_t *pos, const u_char wrapped[CLAUDE_WRAPPED_LEN])
{
    ngx_claude_standing_t  standing;

    ngx_claude_keys_lock(ks);

    standing = *ngx_claude_keys_standing(ks->shm);

    if (ngx_claude_same_file(&standing.pos, pos)
        && ngx_memcmp(standing.wrapped, wrapped, CLAUDE_WRAPPED_LEN) != 0)
    {
        ngx_memcpy(standing.before, standing.wrapped, CLAUDE_WRAPPED_LEN);
        ngx_memcpy(standing.wrapped, wrapped, CLAUDE_WRAPPED_LEN);

        ngx_claude_keys_stand(ks->shm, &standing);
    }

    ngx_claude_keys_unlock(ks);
}


void
ngx_claude_keystore_wrapped(ngx_claude_keystore_t *ks,
    u_char newest[CLAUDE_WRAPPED_LEN], u_char before[CLAUDE_WRAPPED_LEN])
{
    ngx_claude_standing_t  *standing;

    ngx_claude_keys_lock(ks);

    standing = ngx_claude_keys_standing(ks->shm);

    ngx_memcpy(newest, standing->wrapped, CLAUDE_WRAPPED_LEN);
    ngx_memcpy(before, standing->before, CLAUDE_WRAPPED_LEN);

    ngx_claude_keys_unlock(ks);
}


/*
 * Which file, how far, in which epoch and whether in a reread change as one, so
 * that a process killed in a reread leaves a zone from which the next one reads
 * on: there is no owner.  The same holds for the sweep, begun again from its
 * start.  Meanwhile changes from behind pos may be applied, they mark what they
 * put, and another reread may begin, which ends this sweep.
 */

void
ngx_claude_keystore_reread_end(ngx_claude_keystore_t *ks,
    const claude_log_pos_t *pos)
{
    uint32_t    slot, epoch;
    ngx_uint_t  more;

    slot = 0;
    epoch = 0;

    do {
        ngx_claude_keys_lock(ks);

        more = ngx_claude_keystore_sweep(ks->shm, pos, &epoch, &slot);

        ngx_claude_keys_unlock(ks);

    } while (more);
}


static ngx_uint_t
ngx_claude_keystore_sweep(ngx_claude_keys_shm_t *shm,
    const claude_log_pos_t *pos, uint32_t *epoch, uint32_t *slot)
{
    uint32_t               end;
    ngx_uint_t             deleted;
    ngx_claude_record_t   *record;
    ngx_claude_standing_t  standing;

    standing = *ngx_claude_keys_standing(shm);

    if (!standing.rereading
        || !ngx_claude_same_file(&standing.pos, pos)
        || standing.pos.offset < pos->offset
        || (*slot != 0 && standing.epoch != *epoch))
    {
        return 0;
    }

    *epoch = standing.epoch;
    end = ngx_min(shm->fresh, *slot + NGX_CLAUDE_SWEEP_SLICE);
    deleted = 0;

    while (*slot < end && deleted < NGX_CLAUDE_APPLY_SLICE) {
        record = &shm->records[*slot];

        if (record->state == NGX_CLAUDE_SLOT_KEY
            && record->epoch != standing.epoch)
        {
            ngx_claude_keystore_delete(shm, *slot);
            deleted++;
        }

        (*slot)++;
    }

    if (*slot < shm->fresh) {
        return 1;
    }

    standing.rereading = 0;
    ngx_claude_keys_stand(shm, &standing);

    return 0;
}
