
/*
 * Keys in shared memory: the index of what the store holds.
 *
 * A zone has one contiguous allocation, made at init_zone: open-addressing
 * indices of 32-bit slot numbers (by digest, and by id) and an array of fixed
 * records with a free list.  A name too long for a record takes a second one.
 * All access is under the zone's own mutex, held for microseconds: never
 * across I/O or cryptography.  A process killed at any moment leaves nothing
 * half valid behind; ngx_claude_keystore_index.c says how.
 */


#ifndef NGX_CLAUDE_KEYSTORE_H
#define NGX_CLAUDE_KEYSTORE_H


#include <ngx_config.h>
#include <ngx_core.h>

#include "../core/claude_log.h"


typedef struct ngx_claude_keys_shm_s  ngx_claude_keys_shm_t;


/* a zone as one process sees it; the configuration's, so one a cycle */

typedef struct {
    ngx_claude_keys_shm_t  *shm;
    ngx_slab_pool_t        *shpool;
    ngx_shm_zone_t         *zone;
} ngx_claude_keystore_t;


/* names one state of one record: stale as soon as that changes for good */

typedef struct {
    uint32_t                slot;
    uint32_t                version;
} ngx_claude_key_ref_t;


/* a copy of what a request needs of its key */

typedef struct {
    ngx_claude_key_ref_t    ref;
    u_char                  id[CLAUDE_KEY_ID_LEN];
    u_char                  digest[CLAUDE_DIGEST_LEN];
    claude_token_form_e     token_form;
    uint16_t                sealed_len;
    uint16_t                name_len;
    u_char                  sealed[CLAUDE_SEALED_MAX];
    u_char                  name[CLAUDE_NAME_MAX];
} ngx_claude_key_t;


typedef enum {
    NGX_CLAUDE_KEY_OK = 0,
    NGX_CLAUDE_KEY_UNKNOWN,
    NGX_CLAUDE_KEY_DISABLED,
    NGX_CLAUDE_KEY_EXPIRED
} ngx_claude_key_state_e;


/* bytes of a zone that a key takes, at most, unless its name is long */

#define NGX_CLAUDE_KEYSTORE_KEY_SIZE  470

/* bytes of a name from where on a key takes twice that */

#define NGX_CLAUDE_KEYSTORE_NAME_INLINE  92


/*
 * Lays out a fresh zone.  NGX_ERROR: the zone is too small for one key;
 * logged.
 */

ngx_int_t ngx_claude_keystore_create(ngx_claude_keystore_t *ks);

/* takes over a zone that an earlier cycle laid out; NGX_DECLINED: it is of
 * another layout */

ngx_int_t ngx_claude_keystore_attach(ngx_claude_keystore_t *ks);


/*
 * The access phase's look-up, by the keyed digest of the presented key.  Marks
 * the key used at now (seconds) when it is OK, and fills key then.  Compares
 * in constant time.
 */

ngx_claude_key_state_e ngx_claude_keystore_find(ngx_claude_keystore_t *ks,
    const u_char digest[CLAUDE_DIGEST_LEN], time_t now,
    ngx_claude_key_t *key);

/*
 * Changes whenever some key stopped being valid: one atomic read, no lock.
 * A stream that saw a change asks ngx_claude_keystore_alive() about its key.
 */

ngx_atomic_uint_t ngx_claude_keystore_generation(ngx_claude_keystore_t *ks);

/* 1 while the key that ref names exists unchanged in secret, is enabled and
 * not expired */

ngx_uint_t ngx_claude_keystore_alive(ngx_claude_keystore_t *ks,
    const ngx_claude_key_ref_t *ref, time_t now);

/*
 * The store's side.  Changes become visible in file order only:
 * ngx_claude_keystore_apply() takes n changes that were read from *from up to
 * *to, and does nothing (NGX_DECLINED) unless the zone stands at from, or
 * behind one of the changes: those before it are skipped then.  May end with
 * NGX_DECLINED halfway too, when another process began a reread meanwhile.
 *
 * NGX_ERROR: some puts were refused, and are marked; the zone goes on behind
 * them, so that a later delete is felt whatever else goes wrong.  The key of a
 * refused put is not valid, or when it was only its new, longer name that did
 * not fit, keeps its old name.  A refused key comes back with the next reread,
 * of a compacted log, or with a larger zone.
 */

typedef enum {
    NGX_CLAUDE_TAKEN = 0,
    NGX_CLAUDE_REFUSED_FULL,
    NGX_CLAUDE_REFUSED_DIGEST       /* another key has it */
} ngx_claude_taken_e;

typedef struct {
    claude_log_pos_t        pos;    /* behind the change */
    claude_change_t         change;
    ngx_claude_taken_e      taken;  /* set by apply */
} ngx_claude_applied_t;

ngx_int_t ngx_claude_keystore_apply(ngx_claude_keystore_t *ks,
    const claude_log_pos_t *from, const claude_log_pos_t *to,
    ngx_claude_applied_t *changes, ngx_uint_t n);

/* where the zone stands in the log; all zero before anything was read */

void ngx_claude_keystore_position(ngx_claude_keystore_t *ks,
    claude_log_pos_t *pos);

/*
 * A log is read again from its start, at fresh, when it was compacted: begin
 * remembers that, every put applied afterwards marks its record, and end, for
 * whoever has read the file up to its end at pos and applied that, deletes the
 * unmarked.  In between any process may go on where another has stopped, or
 * was killed.  A fresh zone is filled in the same way, from an old position of
 * zero.  begin returns NGX_DECLINED when the zone doesn't stand at old: another
 * process has been faster.  end does nothing when there is nothing to end.
 */

ngx_int_t ngx_claude_keystore_reread_begin(ngx_claude_keystore_t *ks,
    const claude_log_pos_t *old, const claude_log_pos_t *fresh);
void ngx_claude_keystore_reread_end(ngx_claude_keystore_t *ks,
    const claude_log_pos_t *pos);

/*
 * Trouble with the log at pos, told apart by the address of its text, which no
 * reload moves; NULL: there is none, any more.  1 for the first who says so, of
 * all processes.
 */

ngx_uint_t ngx_claude_keystore_complain(ngx_claude_keystore_t *ks,
    const claude_log_pos_t *pos, const char *trouble);


/* takes up to n keys that were used since they were last taken, and returns
 * how many; what could not be stored is given back */

ngx_uint_t ngx_claude_keystore_take_used(ngx_claude_keystore_t *ks,
    claude_change_t *uses, ngx_uint_t n);
void ngx_claude_keystore_give_used(ngx_claude_keystore_t *ks,
    const claude_change_t *uses, ngx_uint_t n);

/* whether the zone is full and there is no key of this id in it */

ngx_uint_t ngx_claude_keystore_lacks(ngx_claude_keystore_t *ks,
    const u_char id[CLAUDE_KEY_ID_LEN]);


/* for status and metrics */

typedef struct {
    ngx_uint_t              keys;
    ngx_uint_t              enabled;
    ngx_uint_t              capacity;   /* of keys with names not long */
} ngx_claude_keystore_stat_t;

void ngx_claude_keystore_stat(ngx_claude_keystore_t *ks,
    ngx_claude_keystore_stat_t *stat);


/*
 * One process of all at a time does periodic work: 1 for whoever is the first
 * to ask after *which has come (ms, ngx_current_msec), which then lies
 * interval later.  No lock.
 */

typedef enum {
    NGX_CLAUDE_TICK_TAIL = 0,
    NGX_CLAUDE_TICK_FLUSH,
    NGX_CLAUDE_TICKS
} ngx_claude_tick_e;

ngx_uint_t ngx_claude_keystore_tick(ngx_claude_keystore_t *ks,
    ngx_claude_tick_e which, ngx_msec_t interval);


#endif /* NGX_CLAUDE_KEYSTORE_H */
