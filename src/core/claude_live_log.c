
#include "claude_live_log.h"
#include "claude_log_file.h"

#include <string.h>


static claude_rc_t claude_live_log_header(void *ctx,
    const claude_header_t *header);
static claude_rc_t claude_live_log_change(void *ctx,
    const claude_change_t *change);


void
claude_live_log_init(claude_live_log_t *log)
{
    memset(log, 0, sizeof(claude_live_log_t));

    claude_live_init(&log->live);

    log->handler.header = claude_live_log_header;
    log->handler.change = claude_live_log_change;
    log->handler.ctx = log;
}


void
claude_live_log_free(claude_live_log_t *log)
{
    claude_live_free(&log->live);
}


claude_rc_t
claude_live_log_read(claude_live_log_t *log, const char *path,
    claude_log_error_t *error)
{
    claude_rc_t  rc;

    do {
        rc = claude_log_read(path, &log->pos, 0, &log->handler, error);
    } while (rc == CLAUDE_AGAIN);

    if (rc != CLAUDE_DONE) {
        claude_live_log_explain(log, error);
        return rc;
    }

    return CLAUDE_OK;
}


claude_rc_t
claude_live_log_each(const claude_live_log_t *log, const char *path,
    claude_rc_t (*change)(void *ctx, const claude_change_t *change),
    void *ctx, claude_log_error_t *error)
{
    size_t                    cursor;
    claude_rc_t               rc;
    claude_change_t           put;
    claude_log_pos_t          pos;
    claude_log_file_t         file;
    const claude_live_key_t  *key;

    claude_log_error_init(error);

    rc = claude_log_open(path, 0, 0, &file, error);

    if (rc != CLAUDE_OK) {
        return rc;
    }

    pos = log->pos;
    rc = claude_log_resume(&file, &pos, error);

    put.op = CLAUDE_OP_PUT;
    cursor = 0;

    while (rc == CLAUDE_OK
           && (key = claude_live_next(&log->live, &cursor)) != NULL)
    {
        rc = claude_log_put_at(&file, key->offset, &put.record, error);

        if (rc == CLAUDE_OK) {
            put.record.last_used = key->last_used;
            rc = change(ctx, &put);
        }
    }

    claude_log_close(&file);

    return rc;
}


void
claude_live_log_explain(const claude_live_log_t *log,
    claude_log_error_t *error)
{
    if (log->duplicate && error->reason == NULL) {
        error->reason = "duplicate digest";
    }
}


/* comes first in a file, and thus again in a new one */

static claude_rc_t
claude_live_log_header(void *ctx, const claude_header_t *header)
{
    claude_live_log_t  *log = ctx;

    claude_live_free(&log->live);

    log->header = *header;
    log->offset = log->pos.offset;

    return CLAUDE_OK;
}


static claude_rc_t
claude_live_log_change(void *ctx, const claude_change_t *change)
{
    claude_rc_t         rc;
    claude_live_log_t  *log = ctx;

    rc = claude_live_apply(&log->live, change, log->offset);

    log->duplicate = (rc == CLAUDE_INVALID);

    if (rc == CLAUDE_OK) {
        log->offset = log->pos.offset;
    }

    return rc;
}
