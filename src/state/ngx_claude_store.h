
/*
 * The store: what makes keys durable, and the same everywhere.  The key log on
 * this machine (ngx_claude_store_log.c) is one; a database for a fleet would
 * be another behind the same operations.
 */


#ifndef NGX_CLAUDE_STORE_H
#define NGX_CLAUDE_STORE_H


#include "ngx_claude_keystore.h"

#include <ngx_event.h>
#include <ngx_thread_pool.h>


typedef struct ngx_claude_store_s  ngx_claude_store_t;


/*
 * Places in store->secrets: the event loop's, and a task's, which also an edit
 * is called in; each the newest, and behind it those before, which a log may
 * still have been sealed by that was read not long ago.
 */

#define NGX_CLAUDE_SECRETS       0
#define NGX_CLAUDE_SECRETS_TASK  2
#define NGX_CLAUDE_SECRETS_N     4


/* called in the event loop of the process that asked; rc says how it ended,
 * reason is static text for people */

typedef void (*ngx_claude_store_done_pt)(void *data, claude_rc_t rc,
    const char *reason);


/*
 * Edits the newest record of a key, in a thread, under the store's lock: data
 * must outlive it, and what the caller needs of the record afterwards is copied
 * here.  The id stays.  Anything but CLAUDE_OK and CLAUDE_AGAIN leaves the
 * record as it was, and is what done gets, without a reason.  Called once at
 * most.
 */

typedef claude_rc_t (*ngx_claude_store_edit_pt)(claude_record_t *record,
    void *data);


typedef struct {
    /*
     * Configuration time, in the master, as root perhaps: checks that the
     * store can be trusted, reads its header and unwraps store->secrets.
     * Writes nothing: it also runs for nginx -t and nginx -s.  Errors are
     * logged by ngx_conf_log_error() with the reason.
     */
    ngx_int_t            (*open)(ngx_conf_t *cf, ngx_claude_store_t *store);

    /*
     * init_zone, in the master: fills a fresh zone, or, with reused set,
     * checks all of the store and changes nothing.  Opens every token.  Makes
     * a missing store for a fresh zone, except under nginx -t.  Blocks.
     */
    ngx_int_t            (*load)(ngx_claude_store_t *store,
                              ngx_uint_t reused, ngx_log_t *log);

    /*
     * Worker: makes n changes durable, in order and all or none, and visible,
     * then calls done: CLAUDE_OK; CLAUDE_TOO_LARGE, the store has them, but
     * the zone has no room for one; CLAUDE_BUSY, not in time; else what was
     * wrong with the store, which may have them or not.  changes are copied.
     * NGX_ERROR: not begun, done is not called.
     */
    ngx_int_t            (*append)(ngx_claude_store_t *store,
                              const claude_change_t *changes, ngx_uint_t n,
                              ngx_claude_store_done_pt done, void *data);

    /*
     * Worker: reads a key, lets edit change it, and writes it, so that no
     * other change is lost, whoever makes it; without edit, deletes it.  As
     * append, with edit_data for edit and data for done.  CLAUDE_DECLINED:
     * there is no such key.
     */
    ngx_int_t            (*modify)(ngx_claude_store_t *store,
                              const u_char id[CLAUDE_KEY_ID_LEN],
                              ngx_claude_store_edit_pt edit, void *edit_data,
                              ngx_claude_store_done_pt done, void *data);

    /* worker, every tick: brings what others changed.  Doesn't block. */
    void                 (*tail)(ngx_claude_store_t *store);

    /* worker, now and then: makes the store as short as what it holds, if
     * that is worth it.  Doesn't block; changes go on meanwhile. */
    void                 (*compact)(ngx_claude_store_t *store);
} ngx_claude_store_ops_t;


struct ngx_claude_store_s {
    const ngx_claude_store_ops_t  *ops;
    ngx_claude_keystore_t          keystore;

    ngx_str_t                      path;      /* terminated */
    ngx_msec_t                     flush;     /* of last use */
    claude_master_t               *master;    /* sodium_malloc */
    claude_secrets_t              *secrets;   /* sodium_malloc, N of them */
    u_char                         id[CLAUDE_STORE_ID_LEN];
    ngx_thread_pool_t             *threads;
    uid_t                          uid;       /* of the workers */
    gid_t                          gid;

    u_char                         wrapped[CLAUDE_WRAPPED_LEN];
                                              /* what secrets are of */
    unsigned                       blind:1;   /* its secrets can't be had:
                                               * nginx is to be reloaded */

    /* in a worker, one of all: trouble began, or is over; or NULL */
    void                         (*told)(ngx_claude_store_t *store,
                                      ngx_uint_t trouble);

    void                          *ctx;       /* its kind's own */
};


extern const ngx_claude_store_ops_t  ngx_claude_store_log;


/* the zone's init handler; zone->data is the ngx_claude_store_t */

ngx_int_t ngx_claude_store_init_zone(ngx_shm_zone_t *zone, void *data);

/*
 * Event loop: opens the credential of a key.  token has room for
 * CLAUDE_TOKEN_MAX bytes, which the caller zeroes after use.  CLAUDE_DECLINED:
 * it doesn't open.
 */

claude_rc_t ngx_claude_store_open_token(ngx_claude_store_t *store,
    const ngx_claude_key_t *key, u_char *token, size_t *len);

/* in the master: a reload goes on with the secrets of the configuration before
 * until the zone has no more that was sealed by them */

void ngx_claude_store_inherit(ngx_claude_store_t *store,
    ngx_claude_store_t *old);

/*
 * In each worker: starts the timers that tail the store and flush last use.
 * They go on while the worker is exiting and never hold it up.
 */

ngx_int_t ngx_claude_store_init_process(ngx_claude_store_t *store,
    ngx_cycle_t *cycle);


#endif /* NGX_CLAUDE_STORE_H */
