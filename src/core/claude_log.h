
/*
 * The key log's file: an append-only file of the lines of claude_record.h,
 * shared by several processes (workers of several nginx masters, claude-keys)
 * under flock().
 *
 * Every call blocks on the file: from an event loop, call in a thread.  No
 * call keeps a descriptor open when it returns.  Memory is one buffer of
 * 64 KB, and for claude_log_append() the lines to write; claude_log_compact()
 * takes about 140 bytes a key.
 *
 * SIGXFSZ is the caller's to ignore where a limit on file sizes may be set.
 */


#ifndef CLAUDE_LOG_H
#define CLAUDE_LOG_H


#include "claude_record.h"

#include <sys/types.h>


#define CLAUDE_LOG_READ_WAIT  1000  /* ms that reading waits for a lock */


/*
 * Where a reader stands in the log; all zero before the first reading.  A
 * compaction makes a new file, and may be given the number of one before, so
 * that the header's generation is needed too to tell them apart.
 */

typedef struct {
    uint64_t               dev;
    uint64_t               ino;
    uint64_t               generation;
    uint64_t               offset;  /* of the first byte not yet read */
    uint64_t               line;    /* lines before it */
} claude_log_pos_t;


typedef struct {
    uint64_t               line;    /* 0: the file as a whole */
    const char            *reason;  /* static text: "is empty"; NULL where a
                                     * handler or decide ended the call */
    int                    sys;     /* errno, or 0 */
} claude_log_error_t;


/*
 * Gets the header, if reading starts at offset 0, and each change; either may
 * be NULL.  pos, as given to the call, stands behind the line by then.
 * Anything but CLAUDE_OK ends the call and is what it returns, with pos before
 * that line and its number in error.
 */

typedef struct {
    claude_rc_t          (*header)(void *ctx, const claude_header_t *header);
    claude_rc_t          (*change)(void *ctx, const claude_change_t *change);
    void                  *ctx;
} claude_log_handler_t;


/*
 * Makes a new log with this header and nothing else, 0600, in a directory
 * that exists, fsynced with it, visible only when whole.  uid and gid own it,
 * or the caller where they are -1.  CLAUDE_IO with EEXIST when there is one:
 * nothing is overwritten.
 */

claude_rc_t claude_log_create(const char *path, const claude_header_t *header,
    uid_t uid, gid_t gid, claude_log_error_t *error);

/*
 * Is the file one that may be trusted, and that the user uid can work with: a
 * regular file, no symlink, owned by uid, not accessible to group or others,
 * in a directory that is owned by uid, who may write there, and is not writable
 * by group or others.  CLAUDE_INVALID with the reason, CLAUDE_IO with errno.
 */

claude_rc_t claude_log_check(const char *path, uid_t uid,
    claude_log_error_t *error);

/*
 * Reads whole lines from pos on and moves pos on.  A shared lock is held just
 * to learn how far the file has been made durable (CLAUDE_BUSY when it is not
 * had within CLAUDE_LOG_READ_WAIT), not while reading.  A last line without LF
 * is left: it is torn, and cut by the next append.
 *
 * Where the file is another than pos says (compacted), CLAUDE_AGAIN, nothing
 * read, and pos reset to the start of the new file: the caller reads all of it
 * again and drops what it no longer names.  max bounds the changes of one
 * call, 0 is no bound: CLAUDE_OK when max was reached, CLAUDE_DONE at the end
 * of the file.  CLAUDE_INVALID: a damaged line; CLAUDE_DECLINED: a file of a
 * later version; error says which and why.
 */

claude_rc_t claude_log_read(const char *path, claude_log_pos_t *pos,
    uint64_t max, const claude_log_handler_t *handler,
    claude_log_error_t *error);

/*
 * Appends n changes as one write and one fsync: takes the lock (CLAUDE_BUSY
 * after wait_ms), cuts a torn last line (and sets *torn), lets handler read
 * what others have appended since pos and then, unless decide refuses, writes.
 * Who has far to go reads with claude_log_read() first, which holds no lock.
 * CLAUDE_AGAIN as there: nothing is written.
 *
 * decide, which may be NULL, is called under the lock when all that stands
 * before is known, and may refuse with any code but CLAUDE_OK: that is
 * returned, and nothing is written.  changes are looked at after it returned:
 * it may fill them in.  n may be 0.
 *
 * A failed write or fsync is cut back.  Afterwards pos stands behind the new
 * lines, which handler has got too; what it returns for those can't undo them
 * and is ignored.
 */

typedef claude_rc_t (*claude_log_decide_pt)(void *ctx);

claude_rc_t claude_log_append(const char *path, claude_log_pos_t *pos,
    const claude_change_t *changes, size_t n, unsigned wait_ms,
    const claude_log_handler_t *handler, claude_log_decide_pt decide,
    unsigned *torn, claude_log_error_t *error);

/*
 * Reads the put at this offset of the file that pos names, before pos.  Takes
 * no lock: decide may call it.  CLAUDE_AGAIN: it is another file by now.
 */

claude_rc_t claude_log_record(const char *path, const claude_log_pos_t *pos,
    uint64_t offset, claude_record_t *record, claude_log_error_t *error);

/*
 * Rewrites the log with one put line a live record, later uses merged into it,
 * in the order in which the ids came; what is appended meanwhile follows as it
 * is.  The new file is made beside the old one, PATH.compact, and renamed;
 * owner and mode stay.  Appends wait only at the end.  CLAUDE_INVALID: the log
 * is damaged, and is left as it is.  CLAUDE_BUSY: another compaction is at
 * work, or the lock was not had within wait_ms.
 */

claude_rc_t claude_log_compact(const char *path, unsigned wait_ms,
    claude_log_error_t *error);

/*
 * The same, with the header, its generation counted up already, and each put
 * given to edit to be changed on the way: how secrets are replaced.  What
 * either returns but CLAUDE_OK ends the call and leaves the log as it is.
 */

typedef struct {
    claude_rc_t          (*header)(void *ctx, claude_header_t *header);
    claude_rc_t          (*put)(void *ctx, claude_record_t *record);
    void                  *ctx;
} claude_log_edit_t;

claude_rc_t claude_log_rewrite(const char *path, unsigned wait_ms,
    const claude_log_edit_t *edit, claude_log_error_t *error);

/*
 * Gives copy the whole lines that stand in the log at one moment, byte for
 * byte: their size, then the bytes in pieces.  A shared lock is held to learn
 * the moment, not while reading.  What either returns but CLAUDE_OK ends the
 * call.
 */

typedef struct {
    claude_rc_t          (*size)(void *ctx, uint64_t size);
    claude_rc_t          (*data)(void *ctx, const unsigned char *data,
                              size_t len);
    void                  *ctx;
} claude_log_copy_t;

claude_rc_t claude_log_copy(const char *path, unsigned wait_ms,
    const claude_log_copy_t *copy, claude_log_error_t *error);


#endif /* CLAUDE_LOG_H */
