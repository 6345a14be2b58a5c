
/*
 * Inside the keystore: the layout of its zone, and the only two ways to change
 * it.  For ngx_claude_keystore*.c alone.
 *
 * Everything here wants ngx_claude_keys_lock().
 */


#ifndef NGX_CLAUDE_KEYSTORE_INDEX_H
#define NGX_CLAUDE_KEYSTORE_INDEX_H


#include "ngx_claude_keystore.h"
#include "ngx_claude_ledger.h"

#include <sodium.h>


/* goes up with any change below: a zone of another layout isn't taken over */

#define NGX_CLAUDE_KEYS_LAYOUT  0x636c0006

/*
 * What is of no fixed length lies one after the other: name, sealed token,
 * models, addresses.  The first of those bytes are in the record, the rest in
 * up to two further ones.
 */

#define NGX_CLAUDE_INLINE       NGX_CLAUDE_KEYSTORE_INLINE
#define NGX_CLAUDE_REST         512     /* bytes in each further record */
#define NGX_CLAUDE_RESTS        2


enum {
    NGX_CLAUDE_SLOT_FREE = 0,
    NGX_CLAUDE_SLOT_KEY,
    NGX_CLAUDE_SLOT_REST            /* of a key */
};


typedef struct {
    uint32_t                version;    /* goes up when the key is revoked */
    uint32_t                rotation;   /* goes up when it is rotated */
    uint32_t                link;       /* the next free */
    uint32_t                further[NGX_CLAUDE_RESTS];
    uint32_t                epoch;      /* of the last reread that saw it */
    uint8_t                 state;
    uint8_t                 token_form;
    uint8_t                 enabled;
    uint8_t                 partial;    /* has an older name than the log */

    union {
        struct {
            u_char          digest[CLAUDE_DIGEST_LEN];
            u_char          previous[CLAUDE_DIGEST_LEN];
            int64_t         previous_until;     /* 0: there is none */
            int64_t         expires;
            int64_t         last_used;
            int64_t         created;

            uint64_t        tokens;     /* limits */
            uint64_t        day_tokens;
            uint64_t        month_tokens;
            uint64_t        day_cost;
            uint64_t        month_cost;
            uint32_t        requests;
            uint32_t        concurrent;

            ngx_claude_account_t  account;

            u_char          id[CLAUDE_KEY_ID_LEN];
            uint16_t        name_len;
            uint16_t        sealed_len;
            uint16_t        models_len;
            uint8_t         naddresses;
            u_char          head[CLAUDE_HEAD_LEN];
            u_char          tail[CLAUDE_TAIL_LEN];
            u_char          token_tail[CLAUDE_TAIL_LEN];
            u_char          data[NGX_CLAUDE_INLINE];
        };

        u_char              rest[NGX_CLAUDE_REST];
    };
} ngx_claude_record_t;


/* how far the zone has followed the log, and whose secrets seal what it has:
 * the log's, and in a reread those of the log before */

typedef struct {
    u_char                  wrapped[CLAUDE_WRAPPED_LEN];
    u_char                  before[CLAUDE_WRAPPED_LEN];
    claude_log_pos_t        pos;
    uint32_t                epoch;
    uint32_t                rereading;
} ngx_claude_standing_t;


/* the change in hand: what slot becomes */

typedef struct {
    volatile ngx_uint_t     pending;
    uint32_t                slot;
    ngx_uint_t              revokes;
    ngx_claude_record_t     record;
    u_char                  rest[NGX_CLAUDE_RESTS][NGX_CLAUDE_REST];
} ngx_claude_redo_t;


struct ngx_claude_keys_shm_s {
    uint32_t                layout;
    uint32_t                capacity;   /* records */
    uint32_t                mask;       /* entries of by_id, less one */
    uint32_t                words;      /* of the bits of used */
    uint32_t               *by_digest;  /* twice as many: also previous ones */
    uint32_t               *by_id;
    uint64_t               *used;       /* a bit a record */
    ngx_claude_record_t    *records;
    ngx_claude_ledger_t    *ledger;
    u_char                  hash_key[crypto_shorthash_KEYBYTES];

    ngx_atomic_t            generation;
    ngx_atomic_t            ticks[NGX_CLAUDE_TICKS];
    ngx_atomic_t            patience;   /* size of the log */

    ngx_claude_standing_t   standing[2];
    volatile ngx_uint_t     current;    /* which of them holds */

    uint32_t                fresh;      /* records from here on are new */
    uint32_t                free;       /* the first of those given back */
    uint32_t                nfree;
    uint32_t                keys;
    uint32_t                enabled;
    uint32_t                word;       /* where take_used() goes on */
    claude_log_pos_t        complaint;  /* where there is trouble */
    uintptr_t               trouble;    /* which, or 0 */
    ngx_msec_t              followed;   /* when the zone had all of the log */
    volatile ngx_uint_t     failed;     /* the last writing of it */

    ngx_claude_redo_t       redo;
};


/* the lock; repairs what a process left that was killed while holding it */

void ngx_claude_keys_lock(ngx_claude_keystore_t *ks);
void ngx_claude_keys_unlock(ngx_claude_keystore_t *ks);

/* a slot, or NGX_CLAUDE_SLOT_NONE; by digest in constant time, *previous is set
 * where it is the one before the rotation, whether its grace lasts or not */

uint32_t ngx_claude_keys_by_digest(ngx_claude_keys_shm_t *shm,
    const u_char *digest, ngx_uint_t *previous);
uint32_t ngx_claude_keys_by_id(ngx_claude_keys_shm_t *shm, const u_char *id);

ngx_uint_t ngx_claude_keys_available(ngx_claude_keys_shm_t *shm);

/* which n records (1 + NGX_CLAUDE_RESTS at most) the next commit may claim;
 * NGX_DECLINED: there are not as many */

ngx_int_t ngx_claude_keys_peek(ngx_claude_keys_shm_t *shm, ngx_uint_t n,
    uint32_t *slots);

/* len bytes at offset of those that are of no fixed length */

void ngx_claude_keys_read(ngx_claude_keys_shm_t *shm,
    const ngx_claude_record_t *record, size_t offset, size_t len,
    u_char *dst);

/*
 * Makes redo.record the record of redo.slot, with redo.rest in the further ones
 * that it names, as a whole.  New slots are those that peek gave, in its order.
 */

void ngx_claude_keys_commit(ngx_claude_keys_shm_t *shm);

/* moves the zone's standing, as a whole */

void ngx_claude_keys_stand(ngx_claude_keys_shm_t *shm,
    const ngx_claude_standing_t *standing);


static ngx_inline ngx_claude_standing_t *
ngx_claude_keys_standing(ngx_claude_keys_shm_t *shm)
{
    return &shm->standing[shm->current];
}


/* in a reread, a record that the log has not named yet may be a deleted one; if
 * it is named later, it is that one that comes second */

static ngx_inline ngx_uint_t
ngx_claude_keys_gone(ngx_claude_keys_shm_t *shm, uint32_t slot)
{
    ngx_claude_standing_t  *standing;

    standing = ngx_claude_keys_standing(shm);

    return standing->rereading
           && shm->records[slot].epoch != standing->epoch;
}


static ngx_inline ngx_uint_t
ngx_claude_same_file(const claude_log_pos_t *a, const claude_log_pos_t *b)
{
    return a->dev == b->dev && a->ino == b->ino
           && a->generation == b->generation;
}


#endif /* NGX_CLAUDE_KEYSTORE_INDEX_H */
