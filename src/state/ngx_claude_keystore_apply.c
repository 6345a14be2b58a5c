
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
static ngx_uint_t ngx_claude_keystore_gone(ngx_claude_keys_shm_t *shm,
    uint32_t slot);
static ngx_claude_taken_e ngx_claude_keystore_place(
    ngx_claude_keys_shm_t *shm, const claude_record_t *put, uint32_t slot);
static void ngx_claude_keystore_fill(ngx_claude_redo_t *redo,
    const claude_record_t *put);
static void ngx_claude_keystore_succeed(ngx_claude_redo_t *redo,
    const ngx_claude_record_t *old);
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
    uint32_t  slot, other;

    slot = ngx_claude_keys_by_id(shm, put->id);
    other = ngx_claude_keys_by_digest(shm, put->digest);

    if (other == NGX_CLAUDE_SLOT_NONE || other == slot) {
        return ngx_claude_keystore_place(shm, put, slot);
    }

    if (ngx_claude_keystore_gone(shm, other)) {
        ngx_claude_keystore_delete(shm, other);
        return ngx_claude_keystore_place(shm, put, slot);
    }

    /* what this key was before, the log has taken back */

    if (slot != NGX_CLAUDE_SLOT_NONE) {
        ngx_claude_keystore_delete(shm, slot);
    }

    return NGX_CLAUDE_REFUSED_DIGEST;
}


/* in a reread, a record that the log has not named yet may be a deleted one; if
 * it is named later, it is that one that comes second */

static ngx_uint_t
ngx_claude_keystore_gone(ngx_claude_keys_shm_t *shm, uint32_t slot)
{
    ngx_claude_standing_t  *standing;

    standing = ngx_claude_keys_standing(shm);

    return standing->rereading
           && shm->records[slot].epoch != standing->epoch;
}


static ngx_claude_taken_e
ngx_claude_keystore_place(ngx_claude_keys_shm_t *shm,
    const claude_record_t *put, uint32_t slot)
{
    uint32_t              slots[2];
    ngx_uint_t            n;
    ngx_claude_redo_t    *redo;
    ngx_claude_taken_e    taken;
    ngx_claude_record_t  *old;

    redo = &shm->redo;
    taken = NGX_CLAUDE_TAKEN;
    old = (slot != NGX_CLAUDE_SLOT_NONE) ? &shm->records[slot] : NULL;

    ngx_claude_keystore_fill(redo, put);

    redo->record.epoch = ngx_claude_keys_standing(shm)->epoch;

    if (old) {
        ngx_claude_keystore_succeed(redo, old);
    }

    n = (old == NULL);

    if (put->name_len > NGX_CLAUDE_NAME_INLINE) {
        if (old && old->link != NGX_CLAUDE_SLOT_NONE) {
            redo->record.link = old->link;

        } else {
            n++;
        }
    }

    if (n && ngx_claude_keys_peek(shm, n, slots) != NGX_OK) {
        if (old == NULL) {
            return NGX_CLAUDE_REFUSED_FULL;
        }

        /* the rest of the change may revoke the key: only the name can wait */

        redo->record.name_len = old->name_len;
        ngx_memcpy(redo->record.name, old->name, NGX_CLAUDE_NAME_INLINE);

        taken = NGX_CLAUDE_REFUSED_FULL;
        n = 0;
    }

    if (old == NULL) {
        slot = slots[0];
        redo->record.version = shm->records[slot].version + 1;
    }

    if (n > (old == NULL)) {
        redo->record.link = slots[n - 1];
    }

    redo->slot = slot;
    ngx_claude_keys_commit(shm);

    return taken;
}


static void
ngx_claude_keystore_fill(ngx_claude_redo_t *redo, const claude_record_t *put)
{
    size_t                len;
    ngx_claude_record_t  *record;

    record = &redo->record;

    ngx_memzero(record, sizeof(ngx_claude_record_t));
    ngx_memzero(redo->rest, NGX_CLAUDE_NAME_REST);

    redo->revokes = 0;

    record->link = NGX_CLAUDE_SLOT_NONE;
    record->state = NGX_CLAUDE_SLOT_KEY;
    record->token_form = put->token_form;
    record->enabled = put->enabled;
    record->expires = put->expires;
    record->last_used = put->last_used;
    record->created = put->created;
    record->sealed_len = put->sealed_len;
    record->name_len = put->name_len;

    ngx_memcpy(record->digest, put->digest, CLAUDE_DIGEST_LEN);
    ngx_memcpy(record->id, put->id, CLAUDE_KEY_ID_LEN);
    ngx_memcpy(record->head, put->head, CLAUDE_HEAD_LEN);
    ngx_memcpy(record->tail, put->tail, CLAUDE_TAIL_LEN);
    ngx_memcpy(record->token_tail, put->token_tail, CLAUDE_TAIL_LEN);
    ngx_memcpy(record->sealed, put->sealed, put->sealed_len);

    len = ngx_min(put->name_len, NGX_CLAUDE_NAME_INLINE);

    ngx_memcpy(record->name, put->name, len);
    ngx_memcpy(redo->rest, put->name + len, put->name_len - len);
}


/* what is kept of the record that is replaced, and what its streams must hear
 * of.  An earlier expiry is theirs to look at, so it leaves the version. */

static void
ngx_claude_keystore_succeed(ngx_claude_redo_t *redo,
    const ngx_claude_record_t *old)
{
    ngx_uint_t            revoked;
    ngx_claude_record_t  *record;

    record = &redo->record;

    revoked = (old->enabled && !record->enabled)
              || old->token_form != record->token_form
              || old->sealed_len != record->sealed_len
              || ngx_memcmp(old->sealed, record->sealed, old->sealed_len) != 0
              || sodium_memcmp(old->digest, record->digest, CLAUDE_DIGEST_LEN)
                 != 0;

    redo->revokes = revoked
                    || (record->expires != 0
                        && (old->expires == 0
                            || record->expires < old->expires));

    record->version = old->version + revoked;
    record->last_used = ngx_max(old->last_used, record->last_used);
}


static void
ngx_claude_keystore_delete(ngx_claude_keys_shm_t *shm, uint32_t slot)
{
    ngx_claude_redo_t  *redo;

    redo = &shm->redo;

    ngx_memzero(&redo->record, sizeof(ngx_claude_record_t));

    redo->slot = slot;
    redo->revokes = 1;
    redo->record.version = shm->records[slot].version + 1;
    redo->record.link = NGX_CLAUDE_SLOT_NONE;
    redo->record.state = NGX_CLAUDE_SLOT_FREE;

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
