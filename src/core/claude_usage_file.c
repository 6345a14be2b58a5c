
#include "claude_usage_file.h"

#include "claude_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>


#define CLAUDE_USAGE_SUFFIX  ".usage"
#define CLAUDE_USAGE_TRIES   100        /* files replaced while they are opened
                                         * and turns of waiting for a lock */
#define CLAUDE_USAGE_POLL    (CLAUDE_USAGE_WAIT / CLAUDE_USAGE_TRIES)


static claude_rc_t claude_usage_lock(claude_usage_file_t *file, uint32_t day,
    unsigned *tries, claude_usage_error_t *error);
static claude_rc_t claude_usage_check(claude_usage_file_t *file,
    uint32_t day, unsigned make, claude_usage_error_t *error);
static claude_rc_t claude_usage_take(claude_usage_handler_pt handler,
    void *ctx, uint32_t day, const claude_str_t *text, uint64_t *damaged,
    uint64_t *bytes);


claude_rc_t
claude_usage_dir(const char *log, char dir[PATH_MAX])
{
    int  n;

    n = snprintf(dir, PATH_MAX, "%s" CLAUDE_USAGE_SUFFIX, log);

    return (n < 0 || n >= PATH_MAX) ? CLAUDE_TOO_LARGE : CLAUDE_OK;
}


claude_rc_t
claude_usage_open_dir(const char *path, unsigned make, int *dir,
    claude_usage_error_t *error)
{
    struct stat  st;

    if (make && mkdir(path, 0700) == -1 && errno != EEXIST) {
        return claude_usage_fail_sys(error, 0, "can't be made");
    }

    *dir = open(path, O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);

    if (*dir == -1) {
        return (errno == ENOENT && !make)
               ? CLAUDE_DECLINED
               : claude_usage_fail_sys(error, 0, "can't be opened");
    }

    if (fstat(*dir, &st) == -1 || st.st_mode & 022) {
        close(*dir);

        return claude_usage_fail(error, CLAUDE_INVALID, 0,
                                 "may be written by others");
    }

    return CLAUDE_OK;
}


/*
 * A compaction replaces the file: who got the lock of one that is no longer
 * there begins again.
 */

claude_rc_t
claude_usage_open(int dir, uint32_t day, unsigned lock, unsigned make,
    claude_usage_file_t *file, claude_usage_error_t *error)
{
    int          flags;
    unsigned     tries;
    claude_rc_t  rc;

    claude_usage_date(day, file->name);
    memcpy(file->name + CLAUDE_USAGE_DATE_LEN, ".jsonl", sizeof(".jsonl"));

    flags = (lock ? O_RDWR : O_RDONLY) | (make ? O_CREAT : 0)
            | O_NOFOLLOW|O_NONBLOCK|O_NOCTTY|O_CLOEXEC;

    file->dir = dir;
    tries = CLAUDE_USAGE_TRIES;

    do {
        file->fd = openat(dir, file->name, flags, 0600);

        if (file->fd == -1) {
            return (errno == ENOENT)
                   ? CLAUDE_DECLINED
                   : claude_usage_fail_sys(error, day, "can't be opened");
        }

        rc = lock ? claude_usage_lock(file, day, &tries, error) : CLAUDE_OK;

        if (rc == CLAUDE_OK) {
            rc = claude_usage_check(file, day, make, error);
        }

        if (rc != CLAUDE_OK) {
            claude_usage_close(file);
        }

    } while (rc == CLAUDE_AGAIN);

    return rc;
}


static claude_rc_t
claude_usage_lock(claude_usage_file_t *file, uint32_t day, unsigned *tries,
    claude_usage_error_t *error)
{
    struct stat      st, at;
    struct timespec  ts = { 0, CLAUDE_USAGE_POLL * 1000000 };

    while (flock(file->fd, LOCK_EX|LOCK_NB) == -1) {

        if (errno != EWOULDBLOCK && errno != EINTR) {
            return claude_usage_fail_sys(error, day, "can't be locked");
        }

        if (*tries == 0) {
            return claude_usage_fail(error, CLAUDE_BUSY, day,
                                     "is locked by another process");
        }

        (*tries)--;
        (void) nanosleep(&ts, NULL);
    }

    if (fstat(file->fd, &st) == -1
        || fstatat(file->dir, file->name, &at, AT_SYMLINK_NOFOLLOW) == -1
        || st.st_ino != at.st_ino || st.st_dev != at.st_dev)
    {
        if (*tries == 0) {
            return claude_usage_fail(error, CLAUDE_BUSY, day,
                                     "is replaced again and again");
        }

        (*tries)--;

        return CLAUDE_AGAIN;
    }

    return CLAUDE_OK;
}


/* what root has made belongs to whoever owns the directory */

static claude_rc_t
claude_usage_check(claude_usage_file_t *file, uint32_t day, unsigned make,
    claude_usage_error_t *error)
{
    struct stat  dir;

    if (fstat(file->fd, &file->st) == -1 || fstat(file->dir, &dir) == -1) {
        return claude_usage_fail_sys(error, day, "can't be looked at");
    }

    if (!S_ISREG(file->st.st_mode)) {
        return claude_usage_fail(error, CLAUDE_INVALID, day,
                                 "is not a regular file");
    }

    if (make && geteuid() == 0
        && (file->st.st_uid != dir.st_uid || file->st.st_gid != dir.st_gid)
        && fchown(file->fd, dir.st_uid, dir.st_gid) == -1)
    {
        return claude_usage_fail_sys(error, day, "can't be given its owner");
    }

    return CLAUDE_OK;
}


void
claude_usage_close(claude_usage_file_t *file)
{
    (void) flock(file->fd, LOCK_UN);
    close(file->fd);
}


claude_rc_t
claude_usage_scan(claude_usage_file_t *file, uint32_t day,
    claude_usage_handler_pt handler, void *ctx, uint64_t *damaged,
    uint64_t *bytes, claude_usage_error_t *error)
{
    size_t          len, used;
    ssize_t         n;
    unsigned        skip;
    claude_rc_t     rc;
    claude_str_t    text;
    unsigned char  *buf, *lf;

    buf = claude_file_buffer();

    if (buf == NULL) {
        return claude_usage_fail(error, CLAUDE_NO_MEMORY, day,
                                 "needs more memory to be read");
    }

    rc = CLAUDE_OK;
    len = 0;
    skip = 0;

    while (rc == CLAUDE_OK) {

        n = claude_file_read(file->fd, buf + len, CLAUDE_FILE_BUFFER - len);

        if (n == -1) {
            rc = claude_usage_fail_sys(error, day, "can't be read");
            break;
        }

        if (n == 0) {
            break;
        }

        len += n;
        used = 0;

        while (rc == CLAUDE_OK
               && (lf = memchr(buf + used, '\n', len - used)) != NULL)
        {
            text.data = buf + used;
            text.len = lf - text.data;
            used += text.len + 1;

            if (!skip) {
                rc = claude_usage_take(handler, ctx, day, &text, damaged,
                                       bytes);
            }

            skip = 0;
        }

        /* a line that fills the buffer is none of ours */

        if (used == 0 && len == CLAUDE_FILE_BUFFER) {
            *damaged += !skip;
            skip = 1;
            used = len;
        }

        memmove(buf, buf + used, len - used);
        len -= used;
    }

    claude_file_buffer_free(buf);

    return rc;
}


static claude_rc_t
claude_usage_take(claude_usage_handler_pt handler, void *ctx, uint32_t day,
    const claude_str_t *text, uint64_t *damaged, uint64_t *bytes)
{
    uint64_t             mark;
    claude_rc_t          rc;
    claude_usage_line_t  line;

    rc = claude_usage_read_line(text, &line, &mark);

    if (rc == CLAUDE_OK) {
        line.day = day;
        return handler(ctx, &line);
    }

    if (rc == CLAUDE_DECLINED) {
        if (bytes) {
            *bytes = mark;
        }

        return CLAUDE_OK;
    }

    if (rc == CLAUDE_INVALID) {
        (*damaged)++;
        return CLAUDE_OK;
    }

    return rc;
}


claude_rc_t
claude_usage_fail(claude_usage_error_t *error, claude_rc_t rc, uint32_t day,
    const char *reason)
{
    error->reason = reason;
    error->sys = 0;
    error->day = day;

    return rc;
}


claude_rc_t
claude_usage_fail_sys(claude_usage_error_t *error, uint32_t day,
    const char *reason)
{
    error->reason = reason;
    error->sys = errno;
    error->day = day;

    return CLAUDE_IO;
}
