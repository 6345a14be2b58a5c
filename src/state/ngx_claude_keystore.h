
/*
 * Keys in shared memory: the index of what the store holds.
 *
 * A zone has one contiguous allocation, made at init_zone: open-addressing
 * indices of 32-bit slot numbers (by digest, and by id) and an array of fixed
 * records with a free list.  A name, token, models and addresses that together
 * are too long for a record take a second one, and a third.
 * All access is under the zone's own mutex, held for microseconds: never
 * across I/O or cryptography.  A process killed at any moment leaves nothing
 * half valid behind; ngx_claude_keystore_index.c says how.
 */


#ifndef NGX_CLAUDE_KEYSTORE_H
#define NGX_CLAUDE_KEYSTORE_H


#include <ngx_config.h>
#include <ngx_core.h>

#include "../core/claude_log.h"
#include "ngx_claude_account.h"


typedef struct ngx_claude_keys_shm_s  ngx_claude_keys_shm_t;


/* a zone as one process sees it; the configuration's, so one a cycle */

typedef struct {
    ngx_claude_keys_shm_t  *shm;
    ngx_claude_ledger_t    *ledger;
    ngx_slab_pool_t        *shpool;
    ngx_shm_zone_t         *zone;
} ngx_claude_keystore_t;


/* names one key of one record: stale as soon as that is revoked */

typedef struct {
    uint32_t                slot;
    uint32_t                version;
    uint32_t                rotation;
    time_t                  until;      /* when it ends by itself; 0: never */
} ngx_claude_key_ref_t;


/* a copy of what a request needs of its key */

typedef struct {
    ngx_claude_key_ref_t    ref;
    u_char                  id[CLAUDE_KEY_ID_LEN];
    u_char                  digest[CLAUDE_DIGEST_LEN];  /* that sealed is
                                                         * bound to */
    claude_token_form_e     token_form;
    unsigned                previous:1; /* it is the one before a rotation */
    uint16_t                sealed_len;
    uint16_t                name_len;
    u_char                 *name;       /* CLAUDE_NAME_MAX bytes of its own */
    u_char                  sealed[CLAUDE_SEALED_MAX];
    claude_limits_t         limits;     /* the last: see
                                         * claude_limits_used() */
} ngx_claude_key_t;


typedef enum {
    NGX_CLAUDE_KEY_OK = 0,
    NGX_CLAUDE_KEY_UNKNOWN,
    NGX_CLAUDE_KEY_DISABLED,
    NGX_CLAUDE_KEY_EXPIRED
} ngx_claude_key_state_e;


/* bytes of a zone that a key takes, at most, unless it is a long one */

#define NGX_CLAUDE_KEYSTORE_KEY_SIZE  660

/* bytes of name, sealed token, models and addresses from where on a key takes
 * a second record of that size, and those from where on it takes a third */

#define NGX_CLAUDE_KEYSTORE_INLINE    256


/*
 * Lays out a fresh zone.  NGX_ERROR: the zone is too small for one key;
 * logged.
 */

ngx_int_t ngx_claude_keystore_create(ngx_claude_keystore_t *ks);

/* takes over a zone that an earlier cycle laid out; NGX_DECLINED: it is of
 * another layout */

ngx_int_t ngx_claude_keystore_attach(ngx_claude_keystore_t *ks);


/*
 * The access phase's look-up, by the keyed digest of the presented key, which
 * may be the one before a rotation while its grace lasts.  Marks the key used
 * at now (seconds) when it is OK, and fills key then, its name to where
 * key->name points.  Compares in constant time.
 */

ngx_claude_key_state_e ngx_claude_keystore_find(ngx_claude_keystore_t *ks,
    const u_char digest[CLAUDE_DIGEST_LEN], time_t now,
    ngx_claude_key_t *key);

/*
 * Changes whenever some key stopped being valid: one atomic read, no lock.
 * A stream that saw a change asks ngx_claude_keystore_alive() about its key.
 */

ngx_atomic_uint_t ngx_claude_keystore_generation(ngx_claude_keystore_t *ks);

/*
 * Whether a call that the key of ref began may go on: 1 while the key exists
 * and is enabled.  One that merely expires, or whose grace ends, lets its calls
 * come to their end, but not where that was moved to what has passed.  A
 * rotation without a grace ends the calls of the old key, and any rotation
 * those of the one before it.  A new credential, or new limits, leave calls
 * alone.  Brings ref->until up to date.
 */

ngx_uint_t ngx_claude_keystore_alive(ngx_claude_keystore_t *ks,
    ngx_claude_key_ref_t *ref, time_t now);

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
 * of a compacted log, or with a larger zone.  The account of a key stays for as
 * long as its id does.
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

/* that a put of this id and digest comes soon: what will be looked at is
 * brought into the cache meanwhile.  Takes no lock, and promises nothing. */

void ngx_claude_keystore_expect(ngx_claude_keystore_t *ks,
    const u_char id[CLAUDE_KEY_ID_LEN],
    const u_char digest[CLAUDE_DIGEST_LEN]);

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
 * The wrapped secrets of the log's header: sealed ones of the zone are of the
 * newest, or of those before until a log that was sealed anew is read again.
 * rewrap takes those of the file that pos names, unless the zone follows
 * another by now; before any of that file is applied.
 */

void ngx_claude_keystore_rewrap(ngx_claude_keystore_t *ks,
    const claude_log_pos_t *pos, const u_char wrapped[CLAUDE_WRAPPED_LEN]);
void ngx_claude_keystore_wrapped(ngx_claude_keystore_t *ks,
    u_char newest[CLAUDE_WRAPPED_LEN], u_char before[CLAUDE_WRAPPED_LEN]);

/*
 * Trouble with the log at pos, told apart by the address of its text, which no
 * reload moves; NULL: there is none, any more, and the zone has all of it.  1
 * for the first who says so, of all processes.
 */

ngx_uint_t ngx_claude_keystore_complain(ngx_claude_keystore_t *ks,
    const claude_log_pos_t *pos, const char *trouble);


/*
 * How far the log may grow before it is compacted: 0, or what the last attempt
 * has set, of any process.  Single stores, no lock.
 */

ngx_atomic_uint_t ngx_claude_keystore_patience(ngx_claude_keystore_t *ks);
void ngx_claude_keystore_be_patient(ngx_claude_keystore_t *ks,
    ngx_atomic_uint_t size);


/* takes up to n keys that were used since they were last taken, and returns
 * how many; what could not be stored is given back */

ngx_uint_t ngx_claude_keystore_take_used(ngx_claude_keystore_t *ks,
    claude_change_t *uses, ngx_uint_t n);
void ngx_claude_keystore_give_used(ngx_claude_keystore_t *ks,
    const claude_change_t *uses, ngx_uint_t n);

/* how many there are to take just now, at most max of them; no lock */

ngx_uint_t ngx_claude_keystore_count_used(ngx_claude_keystore_t *ks,
    ngx_uint_t max);

/* whether the zone is full and what was put of this id is not in it, or not
 * all of it */

ngx_uint_t ngx_claude_keystore_lacks(ngx_claude_keystore_t *ks,
    const u_char id[CLAUDE_KEY_ID_LEN]);


/*
 * All of one key, and, unless it is NULL, its account.  NGX_DECLINED: there is
 * none.  A record that is perhaps not as the log has it comes with NGX_ERROR,
 * what that says did not fit, or NGX_BUSY, a reread hasn't met it yet.
 */

ngx_int_t ngx_claude_keystore_get(ngx_claude_keystore_t *ks,
    const u_char id[CLAUDE_KEY_ID_LEN], claude_record_t *record,
    ngx_claude_account_t *account);


/* a key where it lies, in a scan's callback only */

typedef struct {
    const u_char           *id;
    const u_char           *head;
    const u_char           *tail;
    const u_char           *name[2];    /* in two pieces */
    size_t                  name_len[2];
    time_t                  created;
    time_t                  last_used;  /* 0: never */
    time_t                  expires;    /* 0: never */
    time_t                  previous_until;
    ngx_claude_account_t   *account;
    uint64_t                day_tokens; /* budgets, 0: none */
    uint64_t                month_tokens;
    uint64_t                day_cost;
    uint64_t                month_cost;
    unsigned                enabled:1;
} ngx_claude_key_view_t;

/*
 * Calls back for each key in the next n records, under the lock: handler takes
 * no time, and calls nothing of the keystore.  *cursor is 0 at first.
 * NGX_DONE at the end, else NGX_OK.  Keys that come or go meanwhile may be
 * missed; all others are seen once.
 */

typedef void (*ngx_claude_key_handler_pt)(void *data,
    const ngx_claude_key_view_t *key);

ngx_int_t ngx_claude_keystore_scan(ngx_claude_keystore_t *ks,
    uint32_t *cursor, ngx_uint_t n, ngx_claude_key_handler_pt handler,
    void *data);

/*
 * For ngx_claude_account*.c: accounts are changed in the zone, under its lock,
 * in such a way that a process may be killed between any two stores.  slot is
 * where the key was, a guess; any other than its own only costs time.  NULL:
 * there is no such key any more.
 */

#define NGX_CLAUDE_SLOT_NONE  0xffffffff

void ngx_claude_keystore_lock(ngx_claude_keystore_t *ks);
void ngx_claude_keystore_unlock(ngx_claude_keystore_t *ks);
ngx_claude_account_t *ngx_claude_keystore_account(ngx_claude_keystore_t *ks,
    uint32_t slot, const u_char id[CLAUDE_KEY_ID_LEN]);


/* whether the last attempt of any process to write the log failed: a single
 * store, no lock */

void ngx_claude_keystore_wrote(ngx_claude_keystore_t *ks, ngx_uint_t failed);


/* for status and metrics */

typedef struct {
    ngx_uint_t              keys;
    ngx_uint_t              enabled;
    ngx_uint_t              capacity;   /* of keys that are not long */
    ngx_uint_t              records;    /* in use: more than one of some */
    const char             *trouble;    /* with the log; NULL: none */
    ngx_msec_t              lag;        /* ms since the zone had all of it */
    ngx_uint_t              failed;     /* the last writing of it */
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
    NGX_CLAUDE_TICK_USAGE,
    NGX_CLAUDE_TICK_TIDY,
    NGX_CLAUDE_TICK_SWEEP,
    NGX_CLAUDE_TICK_COMPACT,
    NGX_CLAUDE_TICKS
} ngx_claude_tick_e;

ngx_uint_t ngx_claude_keystore_tick(ngx_claude_keystore_t *ks,
    ngx_claude_tick_e which, ngx_msec_t interval);


#endif /* NGX_CLAUDE_KEYSTORE_H */
