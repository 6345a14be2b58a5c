
/*
 * Inside the keystore: the layout of its zone, and the only two ways to change
 * it.  For ngx_claude_keystore*.c alone.
 *
 * Everything here wants ngx_claude_keys_lock().
 */


#ifndef NGX_CLAUDE_KEYSTORE_INDEX_H
#define NGX_CLAUDE_KEYSTORE_INDEX_H


#include "ngx_claude_keystore.h"

#include <sodium.h>


/* goes up with any change below: a zone of another layout isn't taken over */

#define NGX_CLAUDE_KEYS_LAYOUT  0x636c0001

/* where a record's name ends and a second record begins to hold the rest */

#define NGX_CLAUDE_NAME_INLINE  NGX_CLAUDE_KEYSTORE_NAME_INLINE
#define NGX_CLAUDE_NAME_REST    (CLAUDE_NAME_MAX - NGX_CLAUDE_NAME_INLINE)

#define NGX_CLAUDE_SLOT_NONE    0xffffffff


enum {
    NGX_CLAUDE_SLOT_FREE = 0,
    NGX_CLAUDE_SLOT_KEY,
    NGX_CLAUDE_SLOT_NAME            /* the rest of a key's name */
};


typedef struct {
    uint32_t                version;    /* goes up when the key is revoked */
    uint32_t                link;       /* the name's rest, or the next free */
    uint32_t                epoch;      /* of the last reread that saw it */
    uint8_t                 state;
    uint8_t                 token_form;
    uint8_t                 enabled;

    union {
        struct {
            u_char          digest[CLAUDE_DIGEST_LEN];
            int64_t         expires;
            int64_t         last_used;
            int64_t         created;
            u_char          id[CLAUDE_KEY_ID_LEN];
            uint16_t        sealed_len;
            uint16_t        name_len;
            u_char          head[CLAUDE_HEAD_LEN];
            u_char          tail[CLAUDE_TAIL_LEN];
            u_char          token_tail[CLAUDE_TAIL_LEN];
            u_char          sealed[CLAUDE_SEALED_MAX];
            u_char          name[NGX_CLAUDE_NAME_INLINE];
        };

        u_char              rest[NGX_CLAUDE_NAME_REST];
    };
} ngx_claude_record_t;


/* how far the zone has followed the log */

typedef struct {
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
    u_char                  rest[NGX_CLAUDE_NAME_REST];
} ngx_claude_redo_t;


struct ngx_claude_keys_shm_s {
    uint32_t                layout;
    uint32_t                capacity;   /* records */
    uint32_t                mask;       /* entries of an index, less one */
    uint32_t                words;      /* of the bits of used */
    uint32_t               *by_digest;  /* slot + 1; 0 is empty */
    uint32_t               *by_id;
    uint64_t               *used;       /* a bit a record */
    ngx_claude_record_t    *records;
    u_char                  hash_key[crypto_shorthash_KEYBYTES];

    ngx_atomic_t            generation;
    ngx_atomic_t            ticks[NGX_CLAUDE_TICKS];

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

    ngx_claude_redo_t       redo;
};


/* the lock; repairs what a process left that was killed while holding it */

void ngx_claude_keys_lock(ngx_claude_keystore_t *ks);
void ngx_claude_keys_unlock(ngx_claude_keystore_t *ks);

/* a slot, or NGX_CLAUDE_SLOT_NONE; by digest in constant time */

uint32_t ngx_claude_keys_by_digest(ngx_claude_keys_shm_t *shm,
    const u_char *digest);
uint32_t ngx_claude_keys_by_id(ngx_claude_keys_shm_t *shm, const u_char *id);

ngx_uint_t ngx_claude_keys_available(ngx_claude_keys_shm_t *shm);

/* which n (1 or 2) records the next commit may claim; NGX_DECLINED: none */

ngx_int_t ngx_claude_keys_peek(ngx_claude_keys_shm_t *shm, ngx_uint_t n,
    uint32_t *slots);

/*
 * Makes redo.record the record of redo.slot, with redo.rest in the record that
 * it links, as a whole.  New slots are those that peek gave, in its order.
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


static ngx_inline ngx_uint_t
ngx_claude_same_file(const claude_log_pos_t *a, const claude_log_pos_t *b)
{
    return a->dev == b->dev && a->ino == b->ino
           && a->generation == b->generation;
}


#endif /* NGX_CLAUDE_KEYSTORE_INDEX_H */
