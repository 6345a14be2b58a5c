
/*
 * Keys in shared memory: the index of what the store holds.
 *
 * A zone has two contiguous allocations, made at init_zone: open-addressing
 * indices of 32-bit slot numbers (by digest, and by id) and an array of fixed
 * records with a free list.  Names too long for a record lie in the zone's
 * slab.  All access is under the zone's own mutex, held for microseconds:
 * never across I/O or cryptography.  A record is published whole: a process
 * killed at any moment leaves nothing half valid behind.
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


/* bytes of a zone that a key takes, for messages and documentation */

extern const size_t  ngx_claude_keystore_key_size;


/*
 * Lays out a fresh zone (shm.exists and data are the caller's to look at).
 * NGX_ERROR: the zone is too small for one key; logged.
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
 * *to, and does nothing (NGX_DECLINED) unless the zone stands exactly at
 * from.  NGX_ERROR: the zone is full; everything before the change that did
 * not fit is applied, and the zone stands before it (logged with how many keys
 * fit).  A second put with another key's digest is refused by the log's
 * reader (ngx_claude_store_log.c), not here.
 */

typedef struct {
    claude_log_pos_t        pos;
    claude_change_t         change;
} ngx_claude_applied_t;         /* a change, and the position behind it */

ngx_int_t ngx_claude_keystore_apply(ngx_claude_keystore_t *ks,
    const claude_log_pos_t *from, const ngx_claude_applied_t *changes,
    ngx_uint_t n, ngx_log_t *log);

/* where the zone stands in the log */

void ngx_claude_keystore_position(ngx_claude_keystore_t *ks,
    claude_log_pos_t *pos);

/*
 * A compacted log is read again from its start: begin remembers that, every
 * put applied afterwards marks its record, and end deletes the unmarked.
 * NGX_DECLINED: another process has been faster.
 */

ngx_int_t ngx_claude_keystore_reread_begin(ngx_claude_keystore_t *ks,
    const claude_log_pos_t *old, const claude_log_pos_t *fresh);
void ngx_claude_keystore_reread_end(ngx_claude_keystore_t *ks);


/* takes up to n keys that were used since they were last taken; returns how
 * many.  What could not be stored is given back by applying a use. */

ngx_uint_t ngx_claude_keystore_take_used(ngx_claude_keystore_t *ks,
    claude_change_t *uses, ngx_uint_t n);

/* for status and metrics */

typedef struct {
    ngx_uint_t              keys;
    ngx_uint_t              enabled;
    ngx_uint_t              capacity;
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
