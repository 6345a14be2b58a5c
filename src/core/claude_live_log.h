
/*
 * A whole log in memory: which keys are live, and where their lines are.  What
 * claude-keys works on, compaction, and whoever loads a log.
 */


#ifndef CLAUDE_LIVE_LOG_H
#define CLAUDE_LIVE_LOG_H


#include "claude_live.h"
#include "claude_log.h"


/*
 * pos and handler are to be given to claude_log_append(); on its CLAUDE_AGAIN
 * the log is read anew by claude_live_log_read().
 */

typedef struct {
    claude_live_t          live;
    claude_header_t        header;
    claude_log_pos_t       pos;
    uint64_t               offset;      /* of the line to come */
    claude_log_handler_t   handler;
    unsigned               duplicate:1; /* it was what ended the reading */
} claude_live_log_t;


void claude_live_log_init(claude_live_log_t *log);
void claude_live_log_free(claude_live_log_t *log);

/*
 * Reads what there is from pos on, all of it again where the log was compacted
 * meanwhile.  CLAUDE_OK, or as claude_log_read(), with "duplicate digest" as
 * one more reason.
 */

claude_rc_t claude_live_log_read(claude_live_log_t *log, const char *path,
    claude_log_error_t *error);

/*
 * Gives change(), which may end it, each live key as a put, uses merged, in
 * order.  CLAUDE_AGAIN, before the first of them: the log was compacted since
 * it was read.
 */

claude_rc_t claude_live_log_each(const claude_live_log_t *log,
    const char *path,
    claude_rc_t (*change)(void *ctx, const claude_change_t *change),
    void *ctx, claude_log_error_t *error);

/* gives error the reason of a call of the caller's that the handler ended */

void claude_live_log_explain(const claude_live_log_t *log,
    claude_log_error_t *error);


#endif /* CLAUDE_LIVE_LOG_H */
