
#include "claude_log_file.h"
#include "claude_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>


#define CLAUDE_LOG_POLL_MAX  10         /* ms between tries for the lock */


static claude_rc_t claude_log_open_once(const char *path, int lock,
    uint64_t deadline, claude_log_file_t *file, claude_log_error_t *error);
static claude_rc_t claude_log_lock(int fd, int lock, uint64_t deadline,
    claude_log_error_t *error);
static claude_rc_t claude_log_identify(claude_log_file_t *file,
    claude_log_error_t *error);
static claude_rc_t claude_log_pread(int fd, unsigned char *buf, size_t size,
    uint64_t offset, size_t *len, claude_log_error_t *error);
static claude_rc_t claude_log_lines(const claude_log_file_t *file,
    const unsigned char *buf, size_t len, claude_log_pos_t *pos,
    uint64_t *left, const claude_log_handler_t *handler,
    claude_log_error_t *error);
static claude_rc_t claude_log_line(const claude_str_t *line,
    claude_log_pos_t *pos, const claude_log_handler_t *handler,
    claude_log_error_t *error);
static uint64_t claude_log_now(void);
static void *claude_log_no_alloc(void *ctx, size_t size);


/*
 * The file may be replaced between open() and flock(): who got a lock on one
 * that is no longer the log begins again.
 */

claude_rc_t
claude_log_open(const char *path, int lock, unsigned wait_ms,
    claude_log_file_t *file, claude_log_error_t *error)
{
    uint64_t     deadline;
    claude_rc_t  rc;

    deadline = claude_log_now() + wait_ms;

    do {
        rc = claude_log_open_once(path, lock, deadline, file, error);
    } while (rc == CLAUDE_AGAIN);

    if (rc != CLAUDE_OK) {
        return rc;
    }

    rc = claude_log_identify(file, error);

    if (rc != CLAUDE_OK) {
        claude_log_close(file);
    }

    return rc;
}


static claude_rc_t
claude_log_open_once(const char *path, int lock, uint64_t deadline,
    claude_log_file_t *file, claude_log_error_t *error)
{
    int          flags;
    claude_rc_t  rc;
    struct stat  st;

    flags = (lock == LOCK_EX) ? O_RDWR : O_RDONLY;

    file->fd = open(path, flags|O_NOFOLLOW|O_NONBLOCK|O_NOCTTY|O_CLOEXEC);

    if (file->fd == -1) {
        return claude_log_fail_sys(error, (errno == ELOOP)
                                          ? "is a symbolic link"
                                          : "can't be opened");
    }

    rc = lock ? claude_log_lock(file->fd, lock, deadline, error) : CLAUDE_OK;

    if (rc != CLAUDE_OK) {
        close(file->fd);
        return rc;
    }

    if (fstat(file->fd, &file->st) == -1 || stat(path, &st) == -1) {
        rc = claude_log_fail_sys(error, "can't be looked at");

    } else if (!S_ISREG(file->st.st_mode)) {
        rc = claude_log_fail(error, CLAUDE_INVALID, 0,
                             "is not a regular file");

    } else if (file->st.st_dev != st.st_dev || file->st.st_ino != st.st_ino) {
        rc = CLAUDE_AGAIN;
    }

    if (rc != CLAUDE_OK) {
        claude_log_close(file);
    }

    return rc;
}


static claude_rc_t
claude_log_lock(int fd, int lock, uint64_t deadline, claude_log_error_t *error)
{
    unsigned         ms;
    struct timespec  ts;

    for (ms = 1; flock(fd, lock|LOCK_NB) == -1; ms *= 2) {
        if (errno == EINTR) {
            continue;
        }

        if (errno != EWOULDBLOCK) {
            return claude_log_fail_sys(error, "can't be locked");
        }

        if (claude_log_now() >= deadline) {
            return claude_log_fail(error, CLAUDE_BUSY, 0,
                                   "is locked by another process");
        }

        if (ms > CLAUDE_LOG_POLL_MAX) {
            ms = CLAUDE_LOG_POLL_MAX;
        }

        ts.tv_sec = 0;
        ts.tv_nsec = ms * 1000000;

        (void) nanosleep(&ts, NULL);
    }

    return CLAUDE_OK;
}


void
claude_log_unlock(claude_log_file_t *file)
{
    (void) flock(file->fd, LOCK_UN);
}


/* not by close() alone: a child that was forked meanwhile has the lock too */

void
claude_log_close(claude_log_file_t *file)
{
    claude_log_unlock(file);
    close(file->fd);
}


static claude_rc_t
claude_log_identify(claude_log_file_t *file, claude_log_error_t *error)
{
    size_t                len;
    claude_rc_t           rc;
    const char           *reason;
    claude_str_t          line;
    const unsigned char  *lf;
    unsigned char         buf[CLAUDE_LINE_MAX];

    rc = claude_log_pread(file->fd, buf, sizeof(buf), 0, &len, error);

    if (rc != CLAUDE_OK) {
        return rc;
    }

    lf = memchr(buf, '\n', len);

    if (lf == NULL) {
        return claude_log_fail(error, CLAUDE_INVALID, len ? 1 : 0,
                               len ? "has no whole header" : "is empty");
    }

    line.data = buf;
    line.len = lf - buf;

    rc = claude_header_read(&line, &file->header, &reason);

    if (rc != CLAUDE_OK) {
        return claude_log_fail(error, rc, 1, reason);
    }

    memset(&file->start, 0, sizeof(claude_log_pos_t));

    file->start.dev = file->st.st_dev;
    file->start.ino = file->st.st_ino;
    file->start.generation = file->header.generation;
    file->header_len = line.len + 1;

    return CLAUDE_OK;
}


claude_rc_t
claude_log_resume(const claude_log_file_t *file, claude_log_pos_t *pos,
    claude_log_error_t *error)
{
    if (pos->dev == 0 && pos->ino == 0 && pos->offset == 0) {
        *pos = file->start;
    }

    if (pos->dev != file->start.dev || pos->ino != file->start.ino
        || pos->generation != file->start.generation)
    {
        *pos = file->start;
        return CLAUDE_AGAIN;
    }

    if (pos->offset > (uint64_t) file->st.st_size) {
        return claude_log_fail(error, CLAUDE_INVALID, 0,
                               "is shorter than what was read of it before");
    }

    return CLAUDE_OK;
}


/* what is left of a buffer, a part of a line, is read again with the rest */

claude_rc_t
claude_log_scan(const claude_log_file_t *file, uint64_t end,
    claude_log_pos_t *pos, uint64_t max, const claude_log_handler_t *handler,
    claude_log_error_t *error)
{
    size_t          len;
    uint64_t        left, before;
    claude_rc_t     rc;
    unsigned char  *buf;

    buf = claude_file_buffer();

    if (buf == NULL) {
        return claude_log_fail(error, CLAUDE_NO_MEMORY, 0,
                               "needs more memory to be read");
    }

    left = max ? max : UINT64_MAX;

    for ( ;; ) {
        len = (end - pos->offset < CLAUDE_FILE_BUFFER) ? end - pos->offset
                                                       : CLAUDE_FILE_BUFFER;

        rc = claude_log_pread(file->fd, buf, len, pos->offset, &len, error);

        if (rc != CLAUDE_OK) {
            break;
        }

        before = pos->offset;

        rc = claude_log_lines(file, buf, len, pos, &left, handler, error);

        if (rc != CLAUDE_OK) {
            break;
        }

        if (pos->offset == before) {
            rc = (len < CLAUDE_LINE_MAX)
                 ? CLAUDE_DONE
                 : claude_log_fail(error, CLAUDE_INVALID, pos->line + 1,
                                   "line is too long");
            break;
        }

        if (left == 0) {
            rc = CLAUDE_OK;
            break;
        }
    }

    claude_file_buffer_free(buf);

    return rc;
}


static claude_rc_t
claude_log_pread(int fd, unsigned char *buf, size_t size, uint64_t offset,
    size_t *len, claude_log_error_t *error)
{
    ssize_t  n;

    for (*len = 0; *len < size; *len += n) {
        n = pread(fd, buf + *len, size - *len, offset + *len);

        if (n == 0) {
            break;
        }

        if (n == -1) {
            if (errno != EINTR) {
                return claude_log_fail_sys(error, "can't be read");
            }

            n = 0;
        }
    }

    return CLAUDE_OK;
}


static claude_rc_t
claude_log_lines(const claude_log_file_t *file, const unsigned char *buf,
    size_t len, claude_log_pos_t *pos, uint64_t *left,
    const claude_log_handler_t *handler, claude_log_error_t *error)
{
    claude_rc_t           rc;
    claude_str_t          line;
    claude_log_pos_t      before;
    const unsigned char  *end, *lf;

    line.data = buf;
    end = buf + len;

    while (*left && (lf = memchr(line.data, '\n', end - line.data)) != NULL) {
        line.len = lf - line.data;

        before = *pos;
        pos->offset += line.len + 1;
        pos->line++;

        if (before.offset == 0) {
            rc = handler->header ? handler->header(handler->ctx, &file->header)
                                 : CLAUDE_OK;

        } else {
            rc = claude_log_line(&line, pos, handler, error);
            (*left)--;
        }

        if (rc != CLAUDE_OK) {
            *pos = before;
            error->line = before.line + 1;
            return rc;
        }

        line.data = lf + 1;
    }

    return CLAUDE_OK;
}


static claude_rc_t
claude_log_line(const claude_str_t *line, claude_log_pos_t *pos,
    const claude_log_handler_t *handler, claude_log_error_t *error)
{
    claude_rc_t      rc;
    const char      *reason;
    claude_change_t  change;

    if (line->len >= CLAUDE_LINE_MAX) {
        return claude_log_fail(error, CLAUDE_INVALID, pos->line,
                               "line is too long");
    }

    rc = claude_change_read(line, &change, &reason);

    if (rc != CLAUDE_OK) {
        return claude_log_fail(error, rc, pos->line, reason);
    }

    return handler->change ? handler->change(handler->ctx, &change)
                           : CLAUDE_OK;
}


claude_rc_t
claude_log_put_at(const claude_log_file_t *file, uint64_t offset,
    claude_record_t *record, claude_log_error_t *error)
{
    size_t                len;
    claude_rc_t           rc;
    const char           *reason;
    claude_str_t          line;
    claude_change_t       change;
    const unsigned char  *lf;
    unsigned char         buf[CLAUDE_LINE_MAX];

    rc = claude_log_pread(file->fd, buf, sizeof(buf), offset, &len, error);

    if (rc != CLAUDE_OK) {
        return rc;
    }

    lf = memchr(buf, '\n', len);
    line.data = buf;
    line.len = lf ? (size_t) (lf - buf) : len;

    rc = claude_change_read(&line, &change, &reason);

    if (rc != CLAUDE_OK || change.op != CLAUDE_OP_PUT) {
        return claude_log_fail(error, CLAUDE_INVALID, 0,
                               "changed while it was read");
    }

    *record = change.record;

    return CLAUDE_OK;
}


claude_rc_t
claude_log_header_line(const claude_header_t *header,
    unsigned char buf[CLAUDE_LINE_BUF], claude_str_t *line)
{
    claude_out_t  out;
    claude_mem_t  mem = { claude_log_no_alloc, NULL };

    claude_out_init_chunk(&out, &mem, CLAUDE_LINE_MAX, buf, CLAUDE_LINE_BUF);
    claude_header_write(&out, header);

    if (out.rc == CLAUDE_OK) {
        *line = out.first->str;
    }

    return out.rc;
}


claude_rc_t
claude_log_change_line(const claude_change_t *change,
    unsigned char buf[CLAUDE_LINE_BUF], claude_str_t *line)
{
    claude_out_t  out;
    claude_mem_t  mem = { claude_log_no_alloc, NULL };

    claude_out_init_chunk(&out, &mem, CLAUDE_LINE_MAX, buf, CLAUDE_LINE_BUF);
    claude_change_write(&out, change);

    if (out.rc == CLAUDE_OK) {
        *line = out.first->str;
    }

    return out.rc;
}


/* the chunk on the stack has room for the longest line */

static void *
claude_log_no_alloc(void *ctx, size_t size)
{
    (void) ctx;
    (void) size;

    return NULL;
}


static uint64_t
claude_log_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


void
claude_log_error_init(claude_log_error_t *error)
{
    error->line = 0;
    error->reason = NULL;
    error->sys = 0;
}


claude_rc_t
claude_log_fail(claude_log_error_t *error, claude_rc_t rc, uint64_t line,
    const char *reason)
{
    error->line = line;
    error->reason = reason;
    error->sys = 0;

    return rc;
}


claude_rc_t
claude_log_fail_sys(claude_log_error_t *error, const char *reason)
{
    error->line = 0;
    error->reason = reason;
    error->sys = errno;

    return CLAUDE_IO;
}
