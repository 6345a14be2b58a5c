
#include "ngx_claude_store_log.h"


/* changes that one write to the log has, and ms that one may take to begin */

#define NGX_CLAUDE_LOG_WRITE_MAX   1024
#define NGX_CLAUDE_LOG_DEADLINE   10000


/* one call of append, or of modify, which has one change */

struct ngx_claude_log_write_s {
    ngx_claude_log_write_t    *next;
    ngx_claude_store_done_pt   done;
    void                      *data;
    ngx_msec_t                 deadline;
    ngx_uint_t                 modify;
    ngx_claude_store_edit_pt   edit;
    void                      *edit_data;
    ngx_uint_t                 n;
    claude_change_t            changes[];
};


static ngx_claude_log_write_t *ngx_claude_log_write(ngx_uint_t n,
    ngx_claude_store_done_pt done, void *data);
static void ngx_claude_log_enqueue(ngx_claude_store_t *store,
    ngx_claude_log_write_t *write);
static void ngx_claude_log_step(ngx_claude_store_t *store);
static ngx_claude_log_write_t **ngx_claude_log_batch(
    ngx_claude_log_ctx_t *ctx, ngx_uint_t *n);
static ngx_int_t ngx_claude_log_collect(ngx_claude_store_t *store);
static void ngx_claude_log_worked(ngx_event_t *event);
static void ngx_claude_log_read_end(ngx_claude_store_t *store, ngx_int_t rc);
static void ngx_claude_log_append_end(ngx_claude_store_t *store,
    ngx_int_t rc);
static void ngx_claude_log_again(ngx_claude_store_t *store);
static void ngx_claude_log_expire(ngx_claude_store_t *store);
static void ngx_claude_log_finish(ngx_claude_store_t *store,
    ngx_claude_log_write_t *list, claude_rc_t rc, const char *reason);
static ngx_uint_t ngx_claude_log_no_room(ngx_claude_store_t *store,
    const ngx_claude_log_write_t *write);


/*
 * A process has one task under way at a time, which either reads or appends,
 * so that what it holds of the log is bounded and its own appends never wait
 * for each other: those that come meanwhile are written, and fsynced, at once.
 *
 * A task knows nothing of the zone.  What it read from one position up to
 * another is given to the zone when it is back in the event loop, and the zone
 * takes it only where it fits.  Where it doesn't, another process has been
 * faster, and there is another read, from where the zone stands then.
 */

ngx_int_t
ngx_claude_store_log_append(ngx_claude_store_t *store,
    const claude_change_t *changes, ngx_uint_t n,
    ngx_claude_store_done_pt done, void *data)
{
    ngx_claude_log_write_t  *write;

    if (n == 0 || n > NGX_CLAUDE_LOG_WRITE_MAX) {
        return NGX_ERROR;
    }

    write = ngx_claude_log_write(n, done, data);
    if (write == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(write->changes, changes, n * sizeof(claude_change_t));

    ngx_claude_log_enqueue(store, write);

    return NGX_OK;
}


ngx_int_t
ngx_claude_store_log_modify(ngx_claude_store_t *store,
    const u_char id[CLAUDE_KEY_ID_LEN], ngx_claude_store_edit_pt edit,
    void *edit_data, ngx_claude_store_done_pt done, void *data)
{
    ngx_claude_log_write_t  *write;

    write = ngx_claude_log_write(1, done, data);
    if (write == NULL) {
        return NGX_ERROR;
    }

    write->modify = 1;
    write->edit = edit;
    write->edit_data = edit_data;

    ngx_memzero(write->changes, sizeof(claude_change_t));
    ngx_memcpy(write->changes[0].record.id, id, CLAUDE_KEY_ID_LEN);

    write->changes[0].op = edit ? CLAUDE_OP_PUT : CLAUDE_OP_DELETE;

    ngx_claude_log_enqueue(store, write);

    return NGX_OK;
}


static ngx_claude_log_write_t *
ngx_claude_log_write(ngx_uint_t n, ngx_claude_store_done_pt done, void *data)
{
    ngx_claude_log_write_t  *write;

    write = ngx_alloc(sizeof(ngx_claude_log_write_t)
                      + n * sizeof(claude_change_t), ngx_cycle->log);
    if (write == NULL) {
        return NULL;
    }

    write->next = NULL;
    write->done = done;
    write->data = data;
    write->deadline = ngx_current_msec + NGX_CLAUDE_LOG_DEADLINE;
    write->modify = 0;
    write->edit = NULL;
    write->edit_data = NULL;
    write->n = n;

    return write;
}


static void
ngx_claude_log_enqueue(ngx_claude_store_t *store,
    ngx_claude_log_write_t *write)
{
    ngx_claude_log_ctx_t  *ctx;

    ctx = store->ctx;

    *ctx->last = write;
    ctx->last = &write->next;

    ngx_claude_log_step(store);
}


void
ngx_claude_store_log_tail(ngx_claude_store_t *store)
{
    ngx_claude_log_ctx_t  *ctx;

    ctx = store->ctx;
    ctx->wanted = 1;

    ngx_claude_log_step(store);
}


/* busy is set while callbacks run too: what they append is taken up after */

static void
ngx_claude_log_step(ngx_claude_store_t *store)
{
    ngx_claude_log_ctx_t    *ctx;
    ngx_claude_log_write_t  *writing;

    ctx = store->ctx;

    if (ctx->busy) {
        return;
    }

    ctx->busy = 1;

    if (ctx->wanted || ctx->behind || ctx->written) {
        ctx->wanted = 0;

        if (ngx_claude_log_post(store, ngx_claude_log_worked) == NGX_OK) {
            return;
        }

        /* the next tick tries again */

    } else if (ngx_claude_log_collect(store) == NGX_OK) {

        if (ngx_claude_log_post(store, ngx_claude_log_worked) == NGX_OK) {
            return;
        }

        ngx_free(ctx->job.own);
        ctx->job.own = NULL;

        writing = ctx->writing;
        ctx->writing = NULL;

        ngx_claude_log_finish(store, writing, CLAUDE_BUSY,
                              "no thread was free");
    }

    ctx->busy = 0;
}


/* makes one write of what is queued; NGX_DECLINED: there is nothing */

static ngx_int_t
ngx_claude_log_collect(ngx_claude_store_t *store)
{
    ngx_uint_t                n;
    claude_change_t          *own;
    ngx_claude_log_ctx_t     *ctx;
    ngx_claude_log_write_t   *write, **last;

    ctx = store->ctx;

    ngx_claude_log_expire(store);

    last = ngx_claude_log_batch(ctx, &n);

    if (n == 0) {
        return NGX_DECLINED;
    }

    own = ngx_alloc(n * sizeof(claude_change_t), ngx_cycle->log);
    if (own == NULL) {
        return NGX_ERROR;
    }

    ctx->job.own = own;
    ctx->job.nown = n;
    ctx->job.modify = ctx->queue->modify;
    ctx->job.edit = ctx->queue->edit;
    ctx->job.edit_data = ctx->queue->edit_data;

    ctx->writing = ctx->queue;
    ctx->queue = *last;
    *last = NULL;

    if (ctx->queue == NULL) {
        ctx->last = &ctx->queue;
    }

    for (write = ctx->writing; write; write = write->next) {
        ngx_memcpy(own, write->changes, write->n * sizeof(claude_change_t));
        own += write->n;
    }

    return NGX_OK;
}


/* what is written at once: a modification alone, since it may be refused, or
 * all up to the next one; returns where that ends */

static ngx_claude_log_write_t **
ngx_claude_log_batch(ngx_claude_log_ctx_t *ctx, ngx_uint_t *n)
{
    ngx_claude_log_write_t  **last;

    *n = 0;

    for (last = &ctx->queue; *last; last = &(*last)->next) {

        if (*n + (*last)->n > NGX_CLAUDE_LOG_WRITE_MAX
            || (*n && ((*last)->modify || ctx->queue->modify)))
        {
            break;
        }

        *n += (*last)->n;
    }

    return last;
}


static void
ngx_claude_log_worked(ngx_event_t *event)
{
    ngx_int_t              rc;
    ngx_claude_store_t    *store;
    ngx_claude_log_job_t  *job;
    ngx_claude_log_ctx_t  *ctx;

    store = event->data;
    ctx = store->ctx;
    job = &ctx->job;

    rc = ngx_claude_log_publish(store);

    if (job->own) {
        ngx_free(job->own);
        job->own = NULL;

        ngx_claude_log_append_end(store, rc);

    } else {
        ngx_claude_log_read_end(store, rc);
    }

    ctx->busy = 0;

    ngx_claude_log_step(store);
}


static void
ngx_claude_log_read_end(ngx_claude_store_t *store, ngx_int_t rc)
{
    ngx_claude_log_job_t    *job;
    ngx_claude_log_ctx_t    *ctx;
    ngx_claude_log_write_t  *written;

    ctx = store->ctx;
    job = &ctx->job;

    ctx->behind = (job->rc == CLAUDE_OK || job->rc == CLAUDE_AGAIN);

    if (ctx->behind || (job->rc == CLAUDE_DONE && rc != NGX_OK)) {
        return;
    }

    written = ctx->written;
    ctx->written = NULL;

    if (job->rc != CLAUDE_DONE) {
        ngx_claude_log_trouble(store);
        ngx_claude_log_finish(store, written, job->rc,
                              ngx_claude_log_reason(job));
        return;
    }

    ngx_claude_log_well(store);
    ngx_claude_keystore_reread_end(&store->keystore, &job->pos);

    ngx_claude_log_finish(store, written, CLAUDE_OK, NULL);
}


static void
ngx_claude_log_append_end(ngx_claude_store_t *store, ngx_int_t rc)
{
    ngx_claude_log_job_t     *job;
    ngx_claude_log_ctx_t     *ctx;
    ngx_claude_log_write_t   *writing, **last;

    ctx = store->ctx;
    job = &ctx->job;

    if (job->rc == CLAUDE_AGAIN || job->full) {
        ngx_claude_log_again(store);
        return;
    }

    writing = ctx->writing;
    ctx->writing = NULL;

    if (job->rc != CLAUDE_OK) {

        /* what it is for says why it wasn't done; what the disk said is here */

        if (job->error.sys) {
            ngx_claude_keystore_wrote(&store->keystore, 1);

            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, job->error.sys,
                          "key log %V %s", &store->path,
                          ngx_claude_log_reason(job));
        }

        ngx_claude_log_finish(store, writing, job->rc,
                              ngx_claude_log_reason(job));
        return;
    }

    ngx_claude_keystore_wrote(&store->keystore, 0);

    if (rc == NGX_OK) {
        ngx_claude_log_finish(store, writing, CLAUDE_OK, NULL);
        return;
    }

    /* visible as soon as a read that begins now has come to an end */

    for (last = &ctx->written; *last; last = &(*last)->next) { /* void */ }

    *last = writing;
}


/* nothing was written: it is put back, until all that stands before is read */

static void
ngx_claude_log_again(ngx_claude_store_t *store)
{
    ngx_claude_log_ctx_t     *ctx;
    ngx_claude_log_write_t  **last;

    ctx = store->ctx;

    for (last = &ctx->writing; *last; last = &(*last)->next) { /* void */ }

    if (ctx->queue == NULL) {
        ctx->last = last;
    }

    *last = ctx->queue;
    ctx->queue = ctx->writing;
    ctx->writing = NULL;

    ctx->behind = 1;
}


/* the queue is in the order of deadlines */

static void
ngx_claude_log_expire(ngx_claude_store_t *store)
{
    ngx_claude_log_ctx_t     *ctx;
    ngx_claude_log_write_t   *late, **last;

    ctx = store->ctx;
    last = &ctx->queue;

    while (*last && (ngx_msec_int_t) ((*last)->deadline - ngx_current_msec)
                    <= 0)
    {
        last = &(*last)->next;
    }

    if (last == &ctx->queue) {
        return;
    }

    late = ctx->queue;
    ctx->queue = *last;
    *last = NULL;

    if (ctx->queue == NULL) {
        ctx->last = &ctx->queue;
    }

    ngx_claude_log_finish(store, late, CLAUDE_BUSY,
                          "could not be written in time");
}


static void
ngx_claude_log_finish(ngx_claude_store_t *store, ngx_claude_log_write_t *list,
    claude_rc_t rc, const char *reason)
{
    ngx_claude_log_write_t  *next;

    for ( /* void */ ; list; list = next) {
        next = list->next;

        if (rc == CLAUDE_OK && ngx_claude_log_no_room(store, list)) {
            list->done(list->data, CLAUDE_TOO_LARGE,
                       "was written, but the zone has no room for it");

        } else {
            list->done(list->data, rc, reason);
        }

        ngx_free(list);
    }
}


/* of a put that the zone refused, perhaps in another process */

static ngx_uint_t
ngx_claude_log_no_room(ngx_claude_store_t *store,
    const ngx_claude_log_write_t *write)
{
    ngx_uint_t              i;
    const claude_change_t  *change;

    for (i = 0; i < write->n; i++) {
        change = &write->changes[i];

        if (change->op == CLAUDE_OP_PUT
            && ngx_claude_keystore_lacks(&store->keystore, change->record.id))
        {
            return 1;
        }
    }

    return 0;
}
