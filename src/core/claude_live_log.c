
#include "claude_live_log.h"

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
