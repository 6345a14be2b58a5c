
#include "ngx_claude_store_log.h"


/* ms that an append waits for the file's lock */

#define NGX_CLAUDE_LOG_WAIT      5000


static void ngx_claude_log_work(void *data, ngx_log_t *log);
static claude_rc_t ngx_claude_log_work_header(void *data,
    const claude_header_t *header);
static claude_rc_t ngx_claude_log_work_change(void *data,
    const claude_change_t *change);
static claude_rc_t ngx_claude_log_work_decide(void *data);
static claude_rc_t ngx_claude_log_work_modify(ngx_claude_log_job_t *job);
static claude_rc_t ngx_claude_log_grow(ngx_claude_log_job_t *job,
    ngx_uint_t size);
static void ngx_claude_log_refused(ngx_claude_store_t *store,
    ngx_claude_log_job_t *job);


ngx_int_t
ngx_claude_log_post(ngx_claude_store_t *store, ngx_event_handler_pt handler)
{
    claude_record_t       *record;
    ngx_thread_task_t     *task;
    ngx_claude_log_job_t  *job;
    ngx_claude_log_ctx_t  *ctx;

    ctx = store->ctx;
    job = &ctx->job;
    task = &ctx->task;

    job->store = store;

    ngx_claude_keystore_position(&store->keystore, &job->from);
    ngx_claude_secrets_lend(store);

    /* after the position: what changes in between is read once more */

    if (job->own && job->modify) {
        record = &job->own->record;

        job->known = ngx_claude_keystore_get(&store->keystore, record->id,
                                             record, NULL);
    }

    job->pos = job->from;
    job->changes = NULL;
    job->n = 0;
    job->size = 0;
    job->decided = 0;
    job->full = 0;
    job->header = 0;
    job->blind = 0;
    job->reason = NULL;
    job->torn = 0;

    task->ctx = job;
    task->handler = ngx_claude_log_work;
    task->event.data = store;
    task->event.handler = handler;
    task->event.log = ngx_cycle->log;

    return ngx_thread_task_post(store->threads, task);
}


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
    job->blind = (job->reason == ngx_claude_log_foreign);

    if (job->reason) {
        return CLAUDE_INVALID;
    }

    job->header = 1;
    ngx_memcpy(job->wrapped, header->wrapped, CLAUDE_WRAPPED_LEN);

    return CLAUDE_OK;
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

        if (job->n == job->size
            && ngx_claude_log_grow(job, ngx_max(16, 2 * job->n))
               != CLAUDE_OK)
        {
            return CLAUDE_NO_MEMORY;
        }
    }

    applied = &job->changes[job->n];

    applied->pos = job->pos;
    applied->change = *change;

    if (!job->decided) {
        job->reason = ngx_claude_log_suspect(job->store, &applied->change, 0);

        if (job->reason) {
            return CLAUDE_INVALID;
        }
    }

    job->n++;

    return CLAUDE_OK;
}


/* makes room for its own while it can still be refused */

static claude_rc_t
ngx_claude_log_work_decide(void *data)
{
    ngx_claude_log_job_t *job = data;

    ngx_uint_t   i;
    claude_rc_t  rc;

    if (job->modify) {
        rc = ngx_claude_log_work_modify(job);

        if (rc != CLAUDE_OK) {
            return rc;
        }
    }

    /* what was sealed before the log was sealed anew */

    for (i = 0; i < job->nown; i++) {
        job->reason = ngx_claude_log_suspect(job->store, &job->own[i], 1);

        if (job->reason) {
            return CLAUDE_INVALID;
        }
    }

    job->decided = 1;

    return ngx_claude_log_grow(job, job->n + job->nown);
}


/* own is the record as the zone had it at job->from; what was read since then
 * comes on top */

static claude_rc_t
ngx_claude_log_work_modify(ngx_claude_log_job_t *job)
{
    u_char            id[CLAUDE_KEY_ID_LEN];
    ngx_uint_t        i;
    claude_rc_t       rc;
    claude_change_t  *change;
    claude_record_t  *record;

    record = &job->own->record;

    for (i = 0; i < job->n; i++) {
        change = &job->changes[i].change;

        if (ngx_memcmp(change->record.id, record->id, CLAUDE_KEY_ID_LEN)
            != 0)
        {
            continue;
        }

        if (change->op == CLAUDE_OP_DELETE) {
            job->known = NGX_DECLINED;

        } else if (change->op == CLAUDE_OP_PUT) {
            job->known = NGX_OK;
            *record = change->record;

        } else if (record->last_used < change->record.last_used) {
            record->last_used = change->record.last_used;
        }
    }

    if (job->known == NGX_DECLINED || job->known == NGX_BUSY) {
        job->reason = "has no such key";
        return CLAUDE_DECLINED;
    }

    if (job->edit == NULL) {
        return CLAUDE_OK;
    }

    if (job->known == NGX_ERROR) {
        job->reason = "has a key that the zone has no room for";
        return CLAUDE_TOO_LARGE;
    }

    ngx_memcpy(id, record->id, CLAUDE_KEY_ID_LEN);

    rc = job->edit(record, job->edit_data);

    ngx_memcpy(record->id, id, CLAUDE_KEY_ID_LEN);

    return (rc == CLAUDE_AGAIN) ? CLAUDE_INVALID : rc;
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


ngx_int_t
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

    if (job->header) {
        ngx_claude_keystore_rewrap(&store->keystore, &job->from, job->wrapped);
    }

    rc = ngx_claude_keystore_apply(&store->keystore, &job->from, &job->pos,
                                   job->changes, job->n);

    if (rc == NGX_ERROR) {
        ngx_claude_log_refused(store, job);
        rc = NGX_OK;
    }

    ngx_free(job->changes);
    job->changes = NULL;

    return rc;
}


static void
ngx_claude_log_refused(ngx_claude_store_t *store, ngx_claude_log_job_t *job)
{
    ngx_uint_t                   i, n;
    ngx_claude_applied_t        *first;
    ngx_claude_keystore_stat_t   stat;

    n = 0;
    first = NULL;

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


void
ngx_claude_log_trouble(ngx_claude_store_t *store)
{
    u_char                 line[NGX_CLAUDE_LOG_LINE_LEN];
    const char            *reason;
    ngx_claude_log_job_t  *job;
    ngx_claude_log_ctx_t  *ctx;

    ctx = store->ctx;
    job = &ctx->job;

    reason = ngx_claude_log_reason(job);

    /* others may see more: those that were started with another master key */

    store->blind |= job->blind;

    if (ngx_claude_keystore_complain(&store->keystore, &job->pos, reason)) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, job->error.sys,
                      "key log %V%s %s; keys stay as they are until that is "
                      "mended", &store->path,
                      ngx_claude_log_line(line, &job->error), reason);

        if (store->told) {
            store->told(store, 1);
        }
    }
}


void
ngx_claude_log_well(ngx_claude_store_t *store)
{
    ngx_claude_log_job_t  *job;
    ngx_claude_log_ctx_t  *ctx;

    ctx = store->ctx;
    job = &ctx->job;

    if (ngx_claude_keystore_complain(&store->keystore, &job->pos, NULL)) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "key log %V is mended and followed again",
                      &store->path);

        if (store->told) {
            store->told(store, 0);
        }
    }
}


/* a handler's reason, where it is one that ended the task */

const char *
ngx_claude_log_reason(const ngx_claude_log_job_t *job)
{
    return job->error.reason ? job->error.reason : job->reason;
}
