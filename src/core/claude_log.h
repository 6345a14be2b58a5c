
/*
 * The key log's file: an append-only file of the lines of claude_record.h,
 * shared by several processes (workers of several nginx masters, claude-keys)
 * under flock().
 *
 * Every call blocks on the file: from an event loop, call in a thread.  No
 * call keeps a descriptor open between calls but the reader's.
 */


#ifndef CLAUDE_LOG_H
#define CLAUDE_LOG_H


#include "claude_record.h"

#include <sys/types.h>


/* where a reader stands in the log */

typedef struct {
    uint64_t               dev;
    uint64_t               ino;     /* compaction makes a new file */
    uint64_t               offset;  /* of the first byte not yet read */
    uint64_t               line;    /* lines before it */
} claude_log_pos_t;


typedef struct {
    uint64_t               line;    /* 0: the file as a whole */
    const char            *reason;  /* static text */
    int                    sys;     /* errno, or 0 */
} claude_log_error_t;


/* gets the header, once, if reading starts at offset 0, and each change */

typedef struct {
    claude_rc_t          (*header)(void *ctx, const claude_header_t *header);
    claude_rc_t          (*change)(void *ctx, const claude_change_t *change);
    void                  *ctx;
} claude_log_handler_t;


/*
 * Makes a new log with this header and nothing else, 0600, in a directory
 * that exists, fsynced with it, visible only when whole.  CLAUDE_IO with
 * EEXIST when there is one: nothing is overwritten.
 */

claude_rc_t claude_log_create(const char *path, const claude_header_t *header,
    uid_t uid, gid_t gid, claude_log_error_t *error);

/*
 * Is the file one that may be trusted: regular, no symlink, owned by root or
 * uid, not accessible to group or others; its directory likewise not writable
 * by others.  CLAUDE_INVALID with the reason.
 */

claude_rc_t claude_log_check(const char *path, uid_t uid,
    claude_log_error_t *error);

/*
 * Reads whole lines from pos on, under no lock, and moves pos on.  A last line
 * without LF is left for the next call: it is being written, or torn, which
 * only somebody who holds the lock can tell.  Where the file is another than
 * pos says (compacted), CLAUDE_AGAIN, nothing read, and pos reset to the start
 * of the new file: the caller reads all of it again and drops what it no
 * longer names.  max bounds the changes of one call, 0 is no bound: CLAUDE_OK
 * when max was reached, CLAUDE_DONE at the end of the file.  CLAUDE_INVALID:
 * a damaged line; error says which and why.
 */

claude_rc_t claude_log_read(const char *path, claude_log_pos_t *pos,
    uint64_t max, const claude_log_handler_t *handler,
    claude_log_error_t *error);

/*
 * Appends n changes as one write and one fsync: takes the lock (CLAUDE_BUSY
 * after wait_ms), cuts a torn last line (and sets *torn), lets handler read
 * what others have appended since pos and then, unless decide refuses, writes.
 * decide, which may be NULL, is called under the lock when all that stands
 * before is known, and may refuse with any code but CLAUDE_OK: that is
 * returned, and nothing is written.  A failed write or fsync is cut back.
 * Afterwards pos stands behind the new lines, which handler has got too.
 */

typedef claude_rc_t (*claude_log_decide_pt)(void *ctx);

claude_rc_t claude_log_append(const char *path, claude_log_pos_t *pos,
    const claude_change_t *changes, size_t n, unsigned wait_ms,
    const claude_log_handler_t *handler, claude_log_decide_pt decide,
    unsigned *torn, claude_log_error_t *error);

/*
 * Rewrites the log with one put line a live record, under the lock, beside the
 * old one, and renames; owner and mode stay.  Refuses a damaged log.
 */

claude_rc_t claude_log_compact(const char *path, unsigned wait_ms,
    claude_log_error_t *error);


#endif /* CLAUDE_LOG_H */
