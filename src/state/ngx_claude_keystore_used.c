
/* Keys that were used, on the way of their last use to the key log. */


#include "ngx_claude_keystore_index.h"


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


/* without the lock: more may be used by then, or fewer */

ngx_uint_t
ngx_claude_keystore_count_used(ngx_claude_keystore_t *ks, ngx_uint_t max)
{
    uint32_t                i;
    ngx_uint_t              n;
    ngx_claude_keys_shm_t  *shm;

    shm = ks->shm;
    n = 0;

    for (i = 0; i < shm->words && n < max; i++) {
        n += __builtin_popcountll(shm->used[i]);
    }

    return ngx_min(n, max);
}
