
#include "claude_log_file.h"
#include "claude_file.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>


typedef struct {
    unsigned char         *data;
    size_t                 len;
    size_t                 size;
} claude_log_lines_t;


static claude_rc_t claude_log_cut(claude_log_file_t *file, unsigned *torn,
    claude_log_error_t *error);
static claude_rc_t claude_log_write(claude_log_file_t *file,
    claude_log_pos_t *pos, const claude_change_t *changes, size_t n,
    const claude_log_handler_t *handler, claude_log_error_t *error);
static claude_rc_t claude_log_render(const claude_change_t *changes, size_t n,
    claude_log_lines_t *lines, claude_log_error_t *error);
static claude_rc_t claude_log_legible(const claude_change_t *change,
    const claude_str_t *line, claude_log_error_t *error);
static claude_rc_t claude_log_store(claude_log_file_t *file,
    const claude_log_lines_t *lines, claude_log_error_t *error);
static void claude_log_tell(claude_log_pos_t *pos,
    const claude_log_lines_t *lines, const claude_change_t *changes,
    const claude_log_handler_t *handler);


claude_rc_t
claude_log_create(const char *path, const claude_header_t *header, uid_t uid,
    gid_t gid, claude_log_error_t *error)
{
    claude_rc_t    rc;
    claude_str_t   line;
    unsigned char  buf[CLAUDE_LINE_BUF];

    claude_log_error_init(error);

    rc = claude_log_header_line(header, buf, &line);

    if (rc != CLAUDE_OK) {
        return claude_log_fail(error, rc, 1, "header does not fit a line");
    }

    if (claude_file_create(path, line.data, line.len, uid, gid) != CLAUDE_OK) {
        return claude_log_fail_sys(error, "can't be made");
    }

    return CLAUDE_OK;
}


claude_rc_t
claude_log_check(const char *path, uid_t uid, claude_log_error_t *error)
{
    char         dir[PATH_MAX];
    const char  *reason;
    struct stat  st, in;

    claude_log_error_init(error);

    if (claude_file_dir(path, dir, sizeof(dir)) != CLAUDE_OK) {
        errno = ENAMETOOLONG;
        return claude_log_fail_sys(error, "can't be looked at");
    }

    if (stat(dir, &in) == -1 || lstat(path, &st) == -1) {
        return claude_log_fail_sys(error, "can't be looked at");
    }

    if (S_ISLNK(st.st_mode)) {
        reason = "is a symbolic link";

    } else if (!S_ISREG(st.st_mode)) {
        reason = "is not a regular file";

    } else if (st.st_uid != uid) {
        reason = "belongs to another user";

    } else if (st.st_mode & (S_IRWXG|S_IRWXO)) {
        reason = "is accessible to group or others";

    } else if (in.st_mode & (S_IWGRP|S_IWOTH)) {
        reason = "lies in a directory that group or others may write to";

    } else if (in.st_uid != uid) {
        reason = "lies in a directory of another user";

    } else if (uid && (in.st_mode & S_IRWXU) != S_IRWXU) {
        reason = "lies in a directory that its owner can't write to";

    } else {
        return CLAUDE_OK;
    }

    return claude_log_fail(error, CLAUDE_INVALID, 0, reason);
}


/*
 * Under the lock nobody is in the middle of an append that may yet be cut
 * back: what stands there then is final, and is read without it.
 */

claude_rc_t
claude_log_read(const char *path, claude_log_pos_t *pos, uint64_t max,
    const claude_log_handler_t *handler, claude_log_error_t *error)
{
    claude_rc_t        rc;
    claude_log_file_t  file;

    claude_log_error_init(error);

    rc = claude_log_open(path, LOCK_SH, CLAUDE_LOG_READ_WAIT, &file, error);

    if (rc != CLAUDE_OK) {
        return rc;
    }

    claude_log_unlock(&file);

    rc = claude_log_resume(&file, pos, error);

    if (rc == CLAUDE_OK) {
        rc = claude_log_scan(&file, file.st.st_size, pos, max, handler, error);
    }

    claude_log_close(&file);

    return rc;
}


claude_rc_t
claude_log_record(const char *path, const claude_log_pos_t *pos,
    uint64_t offset, claude_record_t *record, claude_log_error_t *error)
{
    claude_rc_t        rc;
    claude_log_pos_t   at;
    claude_log_file_t  file;

    claude_log_error_init(error);

    rc = claude_log_open(path, 0, 0, &file, error);

    if (rc != CLAUDE_OK) {
        return rc;
    }

    at = *pos;
    rc = claude_log_resume(&file, &at, error);

    if (rc == CLAUDE_OK) {
        rc = claude_log_put_at(&file, offset, record, error);
    }

    claude_log_close(&file);

    return rc;
}


claude_rc_t
claude_log_append(const char *path, claude_log_pos_t *pos,
    const claude_change_t *changes, size_t n, unsigned wait_ms,
    const claude_log_handler_t *handler, claude_log_decide_pt decide,
    unsigned *torn, claude_log_error_t *error)
{
    claude_rc_t        rc;
    claude_log_file_t  file;

    claude_log_error_init(error);
    *torn = 0;

    rc = claude_log_open(path, LOCK_EX, wait_ms, &file, error);

    if (rc != CLAUDE_OK) {
        return rc;
    }

    rc = claude_log_cut(&file, torn, error);

    if (rc == CLAUDE_OK) {
        rc = claude_log_resume(&file, pos, error);
    }

    if (rc == CLAUDE_OK) {
        rc = claude_log_scan(&file, file.st.st_size, pos, 0, handler, error);
        rc = (rc == CLAUDE_DONE) ? CLAUDE_OK : rc;
    }

    if (rc == CLAUDE_OK && decide) {
        rc = decide(handler->ctx);
    }

    if (rc == CLAUDE_OK && n) {
        rc = claude_log_write(&file, pos, changes, n, handler, error);
    }

    claude_log_close(&file);

    return rc;
}


/* a torn last line is what a killed append left: no longer than a line */

static claude_rc_t
claude_log_cut(claude_log_file_t *file, unsigned *torn,
    claude_log_error_t *error)
{
    off_t          start;
    ssize_t        n;
    unsigned char  buf[CLAUDE_LINE_MAX];

    start = file->st.st_size - (off_t) sizeof(buf);

    if (start < 0) {
        start = 0;
    }

    do {
        n = pread(file->fd, buf, sizeof(buf), start);
    } while (n == -1 && errno == EINTR);

    if (n == -1) {
        return claude_log_fail_sys(error, "can't be read");
    }

    while (n && buf[n - 1] != '\n') {
        n--;
    }

    if (n == 0) {
        return claude_log_fail(error, CLAUDE_INVALID, 0,
                               "ends in a line that is too long");
    }

    start += n;

    if (start == file->st.st_size) {
        return CLAUDE_OK;
    }

    if (ftruncate(file->fd, start) == -1) {
        return claude_log_fail_sys(error, "can't be cut back");
    }

    file->st.st_size = start;
    *torn = 1;

    return CLAUDE_OK;
}


static claude_rc_t
claude_log_write(claude_log_file_t *file, claude_log_pos_t *pos,
    const claude_change_t *changes, size_t n,
    const claude_log_handler_t *handler, claude_log_error_t *error)
{
    claude_rc_t         rc;
    claude_log_lines_t  lines;

    memset(&lines, 0, sizeof(lines));

    rc = claude_log_render(changes, n, &lines, error);

    if (rc == CLAUDE_OK) {
        rc = claude_log_store(file, &lines, error);
    }

    if (rc == CLAUDE_OK) {
        claude_log_tell(pos, &lines, changes, handler);
    }

    free(lines.data);

    return rc;
}


static claude_rc_t
claude_log_render(const claude_change_t *changes, size_t n,
    claude_log_lines_t *lines, claude_log_error_t *error)
{
    size_t          i;
    claude_rc_t     rc;
    claude_str_t    line;
    unsigned char   buf[CLAUDE_LINE_BUF], *data;

    for (i = 0; i < n; i++) {
        rc = claude_log_change_line(&changes[i], buf, &line);

        if (rc != CLAUDE_OK) {
            return claude_log_fail(error, rc, 0, "takes no line as long");
        }

        rc = claude_log_legible(&changes[i], &line, error);

        if (rc != CLAUDE_OK) {
            return rc;
        }

        if (lines->size - lines->len < line.len) {
            lines->size = 2 * lines->size + CLAUDE_LINE_MAX;
            data = realloc(lines->data, lines->size);

            if (data == NULL) {
                return claude_log_fail(error, CLAUDE_NO_MEMORY, 0,
                                       "needs more memory to be written");
            }

            lines->data = data;
        }

        memcpy(lines->data + lines->len, line.data, line.len);
        lines->len += line.len;
    }

    return CLAUDE_OK;
}


/* a line that can't be read back would keep nginx from starting for good */

static claude_rc_t
claude_log_legible(const claude_change_t *change, const claude_str_t *line,
    claude_log_error_t *error)
{
    const char       *reason;
    claude_rc_t       rc;
    claude_str_t      text;
    claude_change_t   back;

    if (change->op != CLAUDE_OP_PUT) {
        return CLAUDE_OK;
    }

    text.data = line->data;
    text.len = line->len - 1;

    rc = claude_change_read(&text, &back, &reason);

    return (rc == CLAUDE_OK) ? CLAUDE_OK
                             : claude_log_fail(error, rc, 0, reason);
}


static claude_rc_t
claude_log_store(claude_log_file_t *file, const claude_log_lines_t *lines,
    claude_log_error_t *error)
{
    if (claude_file_write(file->fd, lines->data, lines->len,
                          file->st.st_size) == CLAUDE_OK
        && fsync(file->fd) == 0)
    {
        return CLAUDE_OK;
    }

    (void) claude_log_fail_sys(error, "can't be written");

    if (ftruncate(file->fd, file->st.st_size) == -1
        || fsync(file->fd) == -1)
    {
        error->reason = "can't be written, nor cut back";
    }

    return CLAUDE_IO;
}


static void
claude_log_tell(claude_log_pos_t *pos, const claude_log_lines_t *lines,
    const claude_change_t *changes, const claude_log_handler_t *handler)
{
    size_t                i;
    const unsigned char  *p, *lf;

    p = lines->data;

    for (i = 0; p < lines->data + lines->len; i++) {
        lf = memchr(p, '\n', lines->data + lines->len - p);

        pos->offset += lf + 1 - p;
        pos->line++;

        if (handler->change) {
            (void) handler->change(handler->ctx, &changes[i]);
        }

        p = lf + 1;
    }
}
