
#include "ngx_claude_store_log.h"


/*
 * A log is compacted when it is larger than this, and several times as large as
 * its keys: by the bytes that a usual key takes, and, once it was compacted, by
 * what that came to.
 */

#define NGX_CLAUDE_COMPACT_MIN     (16 * 1024 * 1024)
#define NGX_CLAUDE_COMPACT_TIMES   4
#define NGX_CLAUDE_COMPACT_KEY     600

/* bytes that it may grow by after one that failed */

#define NGX_CLAUDE_COMPACT_RETRY   (4 * 1024 * 1024)

/* ms that it waits for the file's lock, in the end */

#define NGX_CLAUDE_COMPACT_WAIT    5000


static void ngx_claude_log_compact_work(void *data, ngx_log_t *log);
static void ngx_claude_log_compacted(ngx_event_t *event);


void
ngx_claude_store_log_compact(ngx_claude_store_t *store)
{
    claude_log_pos_t              pos;
    ngx_claude_log_ctx_t         *ctx;
    ngx_claude_keystore_stat_t    stat;
    ngx_claude_log_compaction_t  *compaction;

    ctx = store->ctx;
    compaction = &ctx->compaction;

    if (compaction->busy) {
        return;
    }

    ngx_claude_keystore_position(&store->keystore, &pos);
    ngx_claude_keystore_stat(&store->keystore, &stat);

    if (pos.offset <= NGX_CLAUDE_COMPACT_MIN
        || pos.offset <= (uint64_t) stat.keys * NGX_CLAUDE_COMPACT_KEY
                         * NGX_CLAUDE_COMPACT_TIMES
        || pos.offset <= ngx_claude_keystore_patience(&store->keystore)
        || stat.trouble)
    {
        return;
    }

    compaction->store = store;
    compaction->before = pos.offset;

    compaction->task.ctx = compaction;
    compaction->task.handler = ngx_claude_log_compact_work;
    compaction->task.event.data = compaction;
    compaction->task.event.handler = ngx_claude_log_compacted;
    compaction->task.event.log = ngx_cycle->log;

    /* before it is tried: it may be what kills the process */

    ngx_claude_keystore_be_patient(&store->keystore,
                                   pos.offset + NGX_CLAUDE_COMPACT_RETRY);

    if (ngx_thread_task_post(store->threads, &compaction->task) == NGX_OK) {
        compaction->busy = 1;
    }
}


/* appends go on, until the new log takes the place of the old one */

static void
ngx_claude_log_compact_work(void *data, ngx_log_t *log)
{
    ngx_claude_log_compaction_t *compaction = data;

    char             *path;
    ngx_file_info_t   fi;

    path = (char *) compaction->store->path.data;

    compaction->rc = claude_log_compact(path, NGX_CLAUDE_COMPACT_WAIT,
                                        &compaction->error);
    compaction->after = 0;

    if (compaction->rc == CLAUDE_OK && ngx_file_info(path, &fi) == 0) {
        compaction->after = ngx_file_size(&fi);
    }
}


static void
ngx_claude_log_compacted(ngx_event_t *event)
{
    u_char                        line[NGX_CLAUDE_LOG_LINE_LEN];
    const char                   *reason;
    ngx_claude_store_t           *store;
    ngx_claude_log_compaction_t  *compaction;

    compaction = event->data;
    store = compaction->store;

    compaction->busy = 0;

    if (compaction->rc != CLAUDE_OK) {
        reason = compaction->error.reason;

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, compaction->error.sys,
                      "key log %V%s %s: it was not compacted", &store->path,
                      ngx_claude_log_line(line, &compaction->error),
                      reason ? reason : "has a line that can't be rewritten");
        return;
    }

    ngx_claude_keystore_be_patient(&store->keystore,
                                   compaction->after
                                   * NGX_CLAUDE_COMPACT_TIMES);

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "key log %V of %uL bytes was compacted to %uL",
                  &store->path, compaction->before, compaction->after);

    store->ops->tail(store);
}
