
#include "claude_log_file.h"
#include "claude_file.h"
#include "claude_live_log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>


#define CLAUDE_COMPACT_SUFFIX  ".compact"
#define CLAUDE_COMPACT_TRIES   3


typedef struct {
    const char            *path;
    const claude_log_edit_t  *edit;     /* NULL: none */
    char                   temp[PATH_MAX];
    int                    fd;
    off_t                  offset;      /* of buf in the new file */
    size_t                 len;
    unsigned char         *buf;         /* CLAUDE_FILE_BUFFER */
    unsigned               renamed:1;
    claude_live_log_t      log;         /* of the old file */
    claude_log_error_t    *error;
} claude_compact_t;


static claude_rc_t claude_compact_run(claude_compact_t *compact,
    unsigned wait_ms);
static claude_rc_t claude_compact_temp(claude_compact_t *compact);
static claude_rc_t claude_compact_leftover(claude_compact_t *compact);
static unsigned claude_compact_ours(claude_compact_t *compact, int fd);
static claude_rc_t claude_compact_old(claude_compact_t *compact);
static claude_rc_t claude_compact_replaced(claude_compact_t *compact);
static claude_rc_t claude_compact_new(claude_compact_t *compact,
    const claude_log_file_t *file);
static claude_rc_t claude_compact_change(void *ctx,
    const claude_change_t *change);
static claude_rc_t claude_compact_line(void *ctx,
    const claude_change_t *change);
static claude_rc_t claude_compact_put(claude_compact_t *compact,
    const claude_str_t *line);
static claude_rc_t claude_compact_flush(claude_compact_t *compact);
static claude_rc_t claude_compact_replace(claude_compact_t *compact,
    const struct stat *st);


claude_rc_t
claude_log_compact(const char *path, unsigned wait_ms,
    claude_log_error_t *error)
{
    return claude_log_rewrite(path, wait_ms, NULL, error);
}


claude_rc_t
claude_log_rewrite(const char *path, unsigned wait_ms,
    const claude_log_edit_t *edit, claude_log_error_t *error)
{
    int               n;
    claude_rc_t       rc;
    claude_compact_t  compact;

    claude_log_error_init(error);

    compact.path = path;
    compact.edit = edit;
    compact.fd = -1;
    compact.offset = 0;
    compact.len = 0;
    compact.renamed = 0;
    compact.error = error;

    n = snprintf(compact.temp, sizeof(compact.temp), "%s%s", path,
                 CLAUDE_COMPACT_SUFFIX);

    if (n < 0 || (size_t) n >= sizeof(compact.temp)) {
        errno = ENAMETOOLONG;
        return claude_log_fail_sys(error, "can't be opened");
    }

    compact.buf = claude_file_buffer();

    if (compact.buf == NULL) {
        return claude_log_fail(error, CLAUDE_NO_MEMORY, 0,
                               "needs more memory to be compacted");
    }

    claude_live_log_init(&compact.log);

    rc = claude_compact_temp(&compact);

    if (rc == CLAUDE_OK) {
        rc = claude_compact_run(&compact, wait_ms);
        close(compact.fd);
    }

    claude_live_log_free(&compact.log);
    claude_file_buffer_free(compact.buf);

    return rc;
}


/*
 * All that takes long happens beside the running log: what it held at first is
 * merged.  Under the lock only what came since is added, so that appends wait
 * for no longer than that takes.
 */

static claude_rc_t
claude_compact_run(claude_compact_t *compact, unsigned wait_ms)
{
    claude_rc_t        rc;
    claude_log_file_t  file;

    rc = claude_compact_old(compact);

    if (rc == CLAUDE_OK) {
        rc = claude_log_open(compact->path, LOCK_EX, wait_ms, &file,
                             compact->error);
    }

    if (rc == CLAUDE_OK) {
        rc = claude_compact_new(compact, &file);

        if (rc == CLAUDE_OK) {
            rc = claude_compact_replace(compact, &file.st);
        }

        claude_log_close(&file);
    }

    if (!compact->renamed) {
        (void) unlink(compact->temp);
    }

    return rc;
}


/*
 * The new file is locked for as long as somebody works on it: one that is not
 * was left by a compaction that was killed.
 */

static claude_rc_t
claude_compact_temp(claude_compact_t *compact)
{
    int          i;
    claude_rc_t  rc;

    for (i = 0; i < CLAUDE_COMPACT_TRIES; i++) {
        compact->fd = open(compact->temp,
                           O_RDWR|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0600);

        if (compact->fd != -1) {
            if (claude_compact_ours(compact, compact->fd)) {
                return CLAUDE_OK;
            }

            close(compact->fd);
            break;
        }

        if (errno != EEXIST) {
            return claude_log_fail_sys(compact->error,
                                       "can't be rewritten beside itself");
        }

        rc = claude_compact_leftover(compact);

        if (rc != CLAUDE_OK) {
            return rc;
        }
    }

    return claude_log_fail(compact->error, CLAUDE_BUSY, 0,
                           "is being compacted by another process");
}


static claude_rc_t
claude_compact_leftover(claude_compact_t *compact)
{
    int       fd;
    unsigned  ours;

    fd = open(compact->temp, O_RDONLY|O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC);

    if (fd == -1 && errno != ELOOP) {
        return (errno == ENOENT)
               ? CLAUDE_OK
               : claude_log_fail_sys(compact->error,
                                     "can't be rewritten beside itself");
    }

    ours = (fd == -1) || claude_compact_ours(compact, fd);

    if (ours) {
        (void) unlink(compact->temp);
    }

    if (fd != -1) {
        close(fd);
    }

    return ours ? CLAUDE_OK
                : claude_log_fail(compact->error, CLAUDE_BUSY, 0,
                                  "is being compacted by another process");
}


/* locked by us, and still under its name */

static unsigned
claude_compact_ours(claude_compact_t *compact, int fd)
{
    struct stat  st, at;

    return flock(fd, LOCK_EX|LOCK_NB) == 0
           && fstat(fd, &st) == 0 && lstat(compact->temp, &at) == 0
           && st.st_dev == at.st_dev && st.st_ino == at.st_ino;
}


static claude_rc_t
claude_compact_old(claude_compact_t *compact)
{
    claude_rc_t      rc;
    claude_str_t     line;
    unsigned char    buf[CLAUDE_LINE_BUF];
    claude_header_t  header;

    rc = claude_live_log_read(&compact->log, compact->path, compact->error);

    if (rc != CLAUDE_OK) {
        return rc;
    }

    header = compact->log.header;
    header.generation++;

    if (compact->edit) {
        rc = compact->edit->header(compact->edit->ctx, &header);
    }

    if (rc == CLAUDE_OK) {
        rc = claude_log_header_line(&header, buf, &line);
    }

    if (rc == CLAUDE_OK) {
        rc = claude_compact_put(compact, &line);
    }

    if (rc == CLAUDE_OK) {
        rc = claude_live_log_each(&compact->log, compact->path,
                                  claude_compact_line, compact,
                                  compact->error);
    }

    if (rc == CLAUDE_OK) {
        rc = claude_compact_flush(compact);
    }

    if (rc == CLAUDE_OK && fsync(compact->fd) == -1) {
        rc = claude_log_fail_sys(compact->error, "can't be rewritten");
    }

    return (rc == CLAUDE_AGAIN) ? claude_compact_replaced(compact) : rc;
}


static claude_rc_t
claude_compact_replaced(claude_compact_t *compact)
{
    return claude_log_fail(compact->error, CLAUDE_BUSY, 0,
                           "was replaced while it was compacted");
}


static claude_rc_t
claude_compact_new(claude_compact_t *compact, const claude_log_file_t *file)
{
    claude_rc_t           rc;
    claude_log_handler_t  handler = { NULL, claude_compact_change, compact };

    rc = claude_log_resume(file, &compact->log.pos, compact->error);

    if (rc == CLAUDE_AGAIN) {
        return claude_compact_replaced(compact);
    }

    if (rc == CLAUDE_OK) {
        rc = claude_log_scan(file, file->st.st_size, &compact->log.pos, 0,
                             &handler, compact->error);
    }

    if (rc != CLAUDE_DONE) {
        claude_live_log_explain(&compact->log, compact->error);
        return rc;
    }

    return claude_compact_flush(compact);
}


static claude_rc_t
claude_compact_change(void *ctx, const claude_change_t *change)
{
    claude_rc_t        rc;
    claude_compact_t  *compact = ctx;

    rc = compact->log.handler.change(&compact->log, change);

    return (rc == CLAUDE_OK) ? claude_compact_line(compact, change) : rc;
}


static claude_rc_t
claude_compact_line(void *ctx, const claude_change_t *change)
{
    claude_rc_t        rc;
    claude_str_t       line;
    unsigned char      buf[CLAUDE_LINE_BUF];
    claude_change_t    edited;
    claude_compact_t  *compact = ctx;

    rc = CLAUDE_OK;

    if (compact->edit && change->op == CLAUDE_OP_PUT) {
        edited = *change;
        change = &edited;

        rc = compact->edit->put(compact->edit->ctx, &edited.record);
    }

    if (rc == CLAUDE_OK) {
        rc = claude_log_change_line(change, buf, &line);
    }

    return (rc == CLAUDE_OK) ? claude_compact_put(compact, &line) : rc;
}


static claude_rc_t
claude_compact_put(claude_compact_t *compact, const claude_str_t *line)
{
    claude_rc_t  rc;

    if (CLAUDE_FILE_BUFFER - compact->len < line->len) {
        rc = claude_compact_flush(compact);

        if (rc != CLAUDE_OK) {
            return rc;
        }
    }

    memcpy(compact->buf + compact->len, line->data, line->len);
    compact->len += line->len;

    return CLAUDE_OK;
}


static claude_rc_t
claude_compact_flush(claude_compact_t *compact)
{
    if (claude_file_write(compact->fd, compact->buf, compact->len,
                          compact->offset) != CLAUDE_OK)
    {
        return claude_log_fail_sys(compact->error, "can't be rewritten");
    }

    compact->offset += compact->len;
    compact->len = 0;

    return CLAUDE_OK;
}


static claude_rc_t
claude_compact_replace(claude_compact_t *compact, const struct stat *st)
{
    if (fchown(compact->fd, st->st_uid, st->st_gid) == -1
        || fchmod(compact->fd, st->st_mode & 07777) == -1
        || fsync(compact->fd) == -1
        || rename(compact->temp, compact->path) == -1)
    {
        return claude_log_fail_sys(compact->error, "can't be replaced");
    }

    compact->renamed = 1;

    if (claude_file_sync_dir(compact->path) != CLAUDE_OK) {
        return claude_log_fail_sys(compact->error,
                                   "was compacted, but its directory can't "
                                   "be synced");
    }

    return CLAUDE_OK;
}
