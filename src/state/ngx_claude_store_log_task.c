
#include "ngx_claude_store_log.h"


/* changes of others that a task takes at once, and changes that one write to
 * the log has: what a process holds of them is bounded by both */

#define NGX_CLAUDE_LOG_READ_MAX    1024
#define NGX_CLAUDE_LOG_WRITE_MAX   1024

/* ms that an append waits for the file, and for all before it is written */

#define NGX_CLAUDE_LOG_WAIT        5000
#define NGX_CLAUDE_LOG_DEADLINE   10000


/* one call of append */

struct ngx_claude_log_write_s {
    ngx_claude_log_write_t    *next;
    ngx_claude_store_done_pt   done;
    void                      *data;
    ngx_msec_t                 deadline;
    ngx_uint_t                 n;
    claude_change_t            changes[];
};


static void ngx_claude_log_step(ngx_claude_store_t *store);
static ngx_int_t ngx_claude_log_collect(ngx_claude_store_t *store);
static ngx_int_t ngx_claude_log_post(ngx_claude_store_t *store);
static void ngx_claude_log_work(void *data, ngx_log_t *log);
static claude_rc_t ngx_claude_log_work_header(void *data,
    const claude_header_t *header);
static claude_rc_t ngx_claude_log_work_change(void *data,
    const claude_change_t *change);
static claude_rc_t ngx_claude_log_work_decide(void *data);
static claude_rc_t ngx_claude_log_grow(ngx_claude_log_job_t *job,
    ngx_uint_t size);
static void ngx_claude_log_worked(ngx_event_t *event);
static ngx_int_t ngx_claude_log_publish(ngx_claude_store_t *store);
static void ngx_claude_log_refused(ngx_claude_store_t *store);
static void ngx_claude_log_read_end(ngx_claude_store_t *store, ngx_int_t rc);
static void ngx_claude_log_append_end(ngx_claude_store_t *store,
    ngx_int_t rc);
static void ngx_claude_log_again(ngx_claude_store_t *store);
static const char *ngx_claude_log_trouble(ngx_claude_store_t *store);
static void ngx_claude_log_expire(ngx_claude_store_t *store);
static void ngx_claude_log_finish(ngx_claude_store_t *store,
    ngx_claude_log_write_t *list, claude_rc_t rc, const char *reason);
static ngx_uint_t ngx_claude_log_taken(ngx_claude_store_t *store,
    ngx_claude_log_write_t *write);


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
    size_t                   size;
    ngx_claude_log_ctx_t    *ctx;
    ngx_claude_log_write_t  *write;

    if (n == 0 || n > NGX_CLAUDE_LOG_WRITE_MAX) {
        return NGX_ERROR;
    }

    ctx = store->ctx;
    size = n * sizeof(claude_change_t);

    write = ngx_alloc(sizeof(ngx_claude_log_write_t) + size, ngx_cycle->log);
    if (write == NULL) {
        return NGX_ERROR;
    }

    write->next = NULL;
    write->done = done;
    write->data = data;
    write->deadline = ngx_current_msec + NGX_CLAUDE_LOG_DEADLINE;
    write->n = n;
    ngx_memcpy(write->changes, changes, size);

    *ctx->last = write;
    ctx->last = &write->next;

    ngx_claude_log_step(store);

    return NGX_OK;
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

        if (ngx_claude_log_post(store) == NGX_OK) {
            return;
        }

        /* the next tick tries again */

    } else if (ngx_claude_log_collect(store) == NGX_OK) {

        if (ngx_claude_log_post(store) == NGX_OK) {
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

    n = 0;

    for (last = &ctx->queue; *last; last = &(*last)->next) {
        if (n + (*last)->n > NGX_CLAUDE_LOG_WRITE_MAX) {
            break;
        }

        n += (*last)->n;
    }

    if (n == 0) {
        return NGX_DECLINED;
    }

    own = ngx_alloc(n * sizeof(claude_change_t), ngx_cycle->log);
    if (own == NULL) {
        return NGX_ERROR;
    }

    ctx->job.own = own;
    ctx->job.nown = n;

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


static ngx_int_t
ngx_claude_log_post(ngx_claude_store_t *store)
{
    ngx_thread_task_t     *task;
    ngx_claude_log_job_t  *job;
    ngx_claude_log_ctx_t  *ctx;

    ctx = store->ctx;
    job = &ctx->job;
    task = &ctx->task;

    job->store = store;

    ngx_claude_keystore_position(&store->keystore, &job->from);

    job->pos = job->from;
    job->changes = NULL;
    job->n = 0;
    job->size = 0;
    job->decided = 0;
    job->full = 0;
    job->reason = NULL;
    job->torn = 0;

    task->ctx = job;
    task->handler = ngx_claude_log_work;
    task->event.data = store;
    task->event.handler = ngx_claude_log_worked;
    task->event.log = ngx_cycle->log;

    return ngx_thread_task_post(store->threads, task);
}


/* in a thread, from here on */

static void
ngx_claude_log_work(void *data, ngx_log_t *log)
{
    ngx_claude_log_job_t *job = data;

    char                  *path;
    claude_log_handler_t   handler;

    job->log = log;
    path = (char *) job->store->path.data;

    handler.header = ngx_claude_log_work_header;
    handler.change = ngx_claude_log_work_change;
    handler.ctx = job;

    if (job->own) {
        job->rc = claude_log_append(path, &job->pos, job->own, job->nown,
                                    NGX_CLAUDE_LOG_WAIT, &handler,
                                    ngx_claude_log_work_decide, &job->torn,
                                    &job->error);
        return;
    }

    job->rc = claude_log_read(path, &job->pos, NGX_CLAUDE_LOG_READ_MAX,
                              &handler, &job->error);
}


static claude_rc_t
ngx_claude_log_work_header(void *data, const claude_header_t *header)
{
    ngx_claude_log_job_t *job = data;

    job->reason = ngx_claude_log_suspect_header(job->store, header);

    return job->reason ? CLAUDE_INVALID : CLAUDE_OK;
}


static claude_rc_t
ngx_claude_log_work_change(void *data, const claude_change_t *change)
{
    ngx_claude_log_job_t *job = data;

    ngx_claude_applied_t  *applied;

    if (!job->decided) {

        if (job->n == NGX_CLAUDE_LOG_READ_MAX) {
            job->full = 1;
            return CLAUDE_TOO_LARGE;
        }

        job->reason = ngx_claude_log_suspect(job->store, change);

        if (job->reason) {
            return CLAUDE_INVALID;
        }

        if (job->n == job->size
            && ngx_claude_log_grow(job, ngx_max(16, 2 * job->n))
               != CLAUDE_OK)
        {
            return CLAUDE_NO_MEMORY;
        }
    }

    applied = &job->changes[job->n++];

    applied->pos = job->pos;
    applied->change = *change;

    return CLAUDE_OK;
}


/* makes room for its own while it can still be refused */

static claude_rc_t
ngx_claude_log_work_decide(void *data)
{
    ngx_claude_log_job_t *job = data;

    job->decided = 1;

    return ngx_claude_log_grow(job, job->n + job->nown);
}


static claude_rc_t
ngx_claude_log_grow(ngx_claude_log_job_t *job, ngx_uint_t size)
{
    ngx_claude_applied_t  *changes;

    changes = ngx_alloc(size * sizeof(ngx_claude_applied_t), job->log);
    if (changes == NULL) {
        job->reason = "needs more memory to be read";
        return CLAUDE_NO_MEMORY;
    }

    if (job->n) {
        ngx_memcpy(changes, job->changes,
                   job->n * sizeof(ngx_claude_applied_t));
        ngx_free(job->changes);
    }

    job->changes = changes;
    job->size = size;

    return CLAUDE_OK;
}


/* back in the event loop */

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

    if (job->changes) {
        ngx_free(job->changes);
        job->changes = NULL;
    }

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


/* NGX_DECLINED: what was read does not go on from where the zone stands */

static ngx_int_t
ngx_claude_log_publish(ngx_claude_store_t *store)
{
    ngx_int_t              rc;
    ngx_claude_log_job_t  *job;
    ngx_claude_log_ctx_t  *ctx;

    ctx = store->ctx;
    job = &ctx->job;

    if (job->torn) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "key log %V had a torn last line, which is cut",
                      &store->path);
    }

    if (job->rc == CLAUDE_AGAIN) {
        return ngx_claude_keystore_reread_begin(&store->keystore, &job->from,
                                                &job->pos);
    }

    rc = ngx_claude_keystore_apply(&store->keystore, &job->from, &job->pos,
                                   job->changes, job->n);

    if (rc == NGX_ERROR) {
        ngx_claude_log_refused(store);
        return NGX_OK;
    }

    return rc;
}


static void
ngx_claude_log_refused(ngx_claude_store_t *store)
{
    ngx_uint_t                   i, n;
    ngx_claude_log_job_t        *job;
    ngx_claude_applied_t        *first;
    ngx_claude_log_ctx_t        *ctx;
    ngx_claude_keystore_stat_t   stat;

    n = 0;
    first = NULL;

    ctx = store->ctx;
    job = &ctx->job;

    for (i = job->n; i-- > 0; /* void */ ) {
        if (job->changes[i].taken != NGX_CLAUDE_TAKEN) {
            first = &job->changes[i];
            n++;
        }
    }

    if (first == NULL) {
        return;
    }

    if (first->taken == NGX_CLAUDE_REFUSED_DIGEST) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                      "key %*s in key log %V:%uL is refused: another key has "
                      "its digest", (size_t) CLAUDE_KEY_ID_LEN,
                      first->change.record.id, &store->path, first->pos.line);
        return;
    }

    ngx_claude_keystore_stat(&store->keystore, &stat);

    ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                  "key %*s in key log %V:%uL and %ui others after it do not "
                  "fit: zone \"%V\" fits %ui keys and holds %ui; make it "
                  "larger", (size_t) CLAUDE_KEY_ID_LEN,
                  first->change.record.id, &store->path, first->pos.line,
                  n - 1, &store->keystore.zone->shm.name, stat.capacity,
                  stat.keys);
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
        ngx_claude_log_finish(store, written, job->rc,
                              ngx_claude_log_trouble(store));
        return;
    }

    ngx_claude_keystore_reread_end(&store->keystore, &job->pos);

    ngx_claude_log_finish(store, written, CLAUDE_OK, NULL);
}


static void
ngx_claude_log_append_end(ngx_claude_store_t *store, ngx_int_t rc)
{
    const char               *reason;
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
        reason = ngx_claude_log_trouble(store);
        ngx_claude_log_finish(store, writing, job->rc, reason);
        return;
    }

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


/* the same trouble is logged once, by whichever process meets it first */

static const char *
ngx_claude_log_trouble(ngx_claude_store_t *store)
{
    const char            *reason;
    ngx_claude_log_job_t  *job;
    ngx_claude_log_ctx_t  *ctx;

    ctx = store->ctx;
    job = &ctx->job;

    reason = job->error.reason ? job->error.reason : job->reason;

    if (ngx_claude_keystore_complain(&store->keystore, &job->pos)) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, job->error.sys,
                      "key log %V:%uL %s; keys stay as they are until that "
                      "is mended", &store->path, job->error.line, reason);
    }

    return reason;
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

        if (rc == CLAUDE_OK && !ngx_claude_log_taken(store, list)) {
            list->done(list->data, CLAUDE_TOO_LARGE,
                       "was written, but the zone has no room for it");

        } else {
            list->done(list->data, rc, reason);
        }

        ngx_free(list);
    }
}


/* of a put that was refused by the zone, perhaps in another process */

static ngx_uint_t
ngx_claude_log_taken(ngx_claude_store_t *store, ngx_claude_log_write_t *write)
{
    ngx_uint_t        i;
    claude_change_t  *change;

    for (i = 0; i < write->n; i++) {
        change = &write->changes[i];

        if (change->op == CLAUDE_OP_PUT
            && !ngx_claude_keystore_has(&store->keystore, change->record.id))
        {
            return 0;
        }
    }

    return 1;
}
