
/*
 * Inside the store that is a key log: what its files share.  For
 * ngx_claude_store_log*.c alone.
 */


#ifndef NGX_CLAUDE_STORE_LOG_H
#define NGX_CLAUDE_STORE_LOG_H


#include "ngx_claude_store.h"


/* changes of others that a task takes at once: what it holds is bounded by
 * that, and by what it is to write */

#define NGX_CLAUDE_LOG_READ_MAX  1024


typedef struct ngx_claude_log_write_s  ngx_claude_log_write_t;


/* what a thread does, and what it found; nobody else looks meanwhile */

typedef struct {
    ngx_claude_store_t     *store;
    ngx_log_t              *log;

    claude_change_t        *own;        /* to append; NULL: it only reads */
    ngx_uint_t              nown;
    ngx_uint_t              modify;     /* own is what one key is to become */
    ngx_int_t               known;      /* of that key, as keystore_get() */
    ngx_claude_store_edit_pt  edit;
    void                   *edit_data;

    claude_log_pos_t        from;
    claude_log_pos_t        pos;
    ngx_claude_applied_t   *changes;    /* that it read, its own included */
    ngx_uint_t              n;
    ngx_uint_t              size;       /* changes that there is room for */
    ngx_uint_t              decided;    /* it is its own that come now */
    ngx_uint_t              full;       /* there are more of others */

    u_char                  wrapped[CLAUDE_WRAPPED_LEN];
    ngx_uint_t              header;     /* wrapped is of the log's header */
    ngx_uint_t              blind;      /* which no master key opens */

    claude_rc_t             rc;
    claude_log_error_t      error;
    const char             *reason;     /* of a handler */
    unsigned                torn;
} ngx_claude_log_job_t;


/* a compaction: what its thread found */

typedef struct {
    ngx_thread_task_t       task;
    ngx_claude_store_t     *store;
    uint64_t                before;     /* bytes of the log */
    uint64_t                after;
    claude_rc_t             rc;
    claude_log_error_t      error;
    unsigned                busy:1;     /* it is under way */
} ngx_claude_log_compaction_t;


/* store->ctx; what a worker changes in it is its own copy */

typedef struct {
    ngx_thread_task_t       task;
    ngx_claude_log_job_t    job;

    ngx_claude_log_write_t   *queue;    /* to be written */
    ngx_claude_log_write_t  **last;
    ngx_claude_log_write_t   *writing;
    ngx_claude_log_write_t   *written;  /* durable, not visible yet */

    ngx_claude_log_compaction_t  compaction;

    claude_header_t         header;     /* of a store that is missing */

    unsigned                missing:1;
    unsigned                busy:1;     /* a task is under way */
    unsigned                wanted:1;   /* a tick asked to read */
    unsigned                behind:1;   /* there is more to read */
} ngx_claude_log_ctx_t;


/* ngx_claude_store_secrets.c */

/* event loop, no task under way: the zone's newest secrets, for the task; and
 * back, in the master, where nobody else has any */

void ngx_claude_secrets_lend(ngx_claude_store_t *store);
void ngx_claude_secrets_return(ngx_claude_store_t *store);

/* in a task, or in the master: those of the log that is read from its start;
 * NGX_DECLINED: no master key of this process opens them */

ngx_int_t ngx_claude_secrets_header(ngx_claude_store_t *store,
    const claude_header_t *header);

/*
 * In a task, or in the master: whether the token of a put opens by the log's
 * secrets.  With reseal, one that was sealed by those before is sealed anew.
 */

ngx_int_t ngx_claude_secrets_check(ngx_claude_store_t *store,
    claude_record_t *record, ngx_uint_t reseal);

/* ngx_claude_store_log.c */

/* the handlers' checks: a text for what this store can't have written, or NULL.
 * The header's secrets become the task's; the token of a put is opened by
 * those, and one of its own that it could not know them for, sealed anew. */

const char *ngx_claude_log_suspect_header(ngx_claude_store_t *store,
    const claude_header_t *header);
const char *ngx_claude_log_suspect(ngx_claude_store_t *store,
    claude_change_t *change, ngx_uint_t own);

/* of a header whose secrets this process can't have */

extern const char  ngx_claude_log_foreign[];

/* ":12", or nothing where it is the file as a whole that is at fault */

#define NGX_CLAUDE_LOG_LINE_LEN  (NGX_INT64_LEN + 2)

u_char *ngx_claude_log_line(u_char buf[NGX_CLAUDE_LOG_LINE_LEN],
    const claude_log_error_t *error);

/* ngx_claude_store_log_task.c */

/* starts the task of ctx->job: an append of job.own, or a read; handler is
 * called back.  NGX_ERROR: the thread pool's queue is full. */

ngx_int_t ngx_claude_log_post(ngx_claude_store_t *store,
    ngx_event_handler_pt handler);

/* gives the zone what the task read; NGX_DECLINED: it does not go on from
 * where the zone stands by now */

ngx_int_t ngx_claude_log_publish(ngx_claude_store_t *store);

/* why the task failed; trouble logs it, well its end, once for all processes */

const char *ngx_claude_log_reason(const ngx_claude_log_job_t *job);
void ngx_claude_log_trouble(ngx_claude_store_t *store);
void ngx_claude_log_well(ngx_claude_store_t *store);

/* ngx_claude_store_log_queue.c */

ngx_int_t ngx_claude_store_log_append(ngx_claude_store_t *store,
    const claude_change_t *changes, ngx_uint_t n,
    ngx_claude_store_done_pt done, void *data);
ngx_int_t ngx_claude_store_log_modify(ngx_claude_store_t *store,
    const u_char id[CLAUDE_KEY_ID_LEN], ngx_claude_store_edit_pt edit,
    void *edit_data, ngx_claude_store_done_pt done, void *data);
void ngx_claude_store_log_tail(ngx_claude_store_t *store);

/* ngx_claude_store_log_compact.c */

void ngx_claude_store_log_compact(ngx_claude_store_t *store);


#endif /* NGX_CLAUDE_STORE_LOG_H */
