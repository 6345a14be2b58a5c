
#include "claude_usage_file.h"

#include "claude_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


static claude_rc_t claude_usage_append_day(int dir,
    const claude_usage_line_t *lines, size_t n, claude_usage_error_t *error);
static claude_rc_t claude_usage_write(claude_usage_file_t *file,
    uint32_t day, const unsigned char *data, size_t len,
    claude_usage_error_t *error);


/* a run of lines of one day is one write */

claude_rc_t
claude_usage_append(const char *dir, const claude_usage_line_t *lines,
    size_t n, size_t *written, claude_usage_error_t *error)
{
    int          fd;
    size_t       first, last;
    claude_rc_t  rc;

    *written = 0;

    rc = claude_usage_open_dir(dir, 1, &fd, error);

    if (rc != CLAUDE_OK) {
        return rc;
    }

    for (first = 0; first < n; first = last) {

        for (last = first + 1; last < n; last++) {
            if (lines[last].day != lines[first].day) {
                break;
            }
        }

        rc = claude_usage_append_day(fd, lines + first, last - first, error);

        if (rc != CLAUDE_OK) {
            break;
        }

        *written = last;
    }

    if (rc == CLAUDE_OK && fsync(fd) == -1) {
        rc = claude_usage_fail_sys(error, 0, "can't be written to");
    }

    close(fd);

    return rc;
}


static claude_rc_t
claude_usage_append_day(int dir, const claude_usage_line_t *lines, size_t n,
    claude_usage_error_t *error)
{
    size_t                i, len;
    claude_rc_t           rc;
    claude_str_t          text;
    unsigned char        *data, buf[CLAUDE_USAGE_LINE_BUF];
    claude_usage_file_t   file;

    data = malloc(n * CLAUDE_USAGE_LINE_MAX);

    if (data == NULL) {
        return claude_usage_fail(error, CLAUDE_NO_MEMORY, lines->day,
                                 "needs more memory to be written to");
    }

    for (i = 0, len = 0; i < n; i++) {

        if (claude_usage_line(&lines[i], buf, &text) == CLAUDE_OK) {
            memcpy(data + len, text.data, text.len);
            len += text.len;
        }
    }

    rc = claude_usage_open(dir, lines->day, 1, 1, &file, error);

    if (rc == CLAUDE_OK) {
        rc = claude_usage_write(&file, lines->day, data, len, error);
        claude_usage_close(&file);
    }

    free(data);

    return rc;
}


/* behind the last whole line: a torn one was never made durable */

static claude_rc_t
claude_usage_write(claude_usage_file_t *file, uint32_t day,
    const unsigned char *data, size_t len, claude_usage_error_t *error)
{
    int    err;
    off_t  end;

    if (claude_file_lines(file->fd, file->st.st_size, &end) != CLAUDE_OK
        || (end < file->st.st_size && ftruncate(file->fd, end) == -1))
    {
        return claude_usage_fail_sys(error, day, "can't be read");
    }

    if (claude_file_write(file->fd, data, len, end) != CLAUDE_OK
        || fdatasync(file->fd) == -1)
    {
        err = errno;

        if (ftruncate(file->fd, end) == -1) {
            /* a torn line is cut before the next */
        }

        errno = err;

        return claude_usage_fail_sys(error, day, "can't be written to");
    }

    return CLAUDE_OK;
}


claude_rc_t
claude_usage_read(const char *dir, uint32_t from, uint32_t to,
    claude_usage_handler_pt handler, void *ctx, uint64_t *damaged,
    claude_usage_error_t *error)
{
    int                  fd;
    uint32_t             day;
    uint64_t             bad;
    claude_rc_t          rc;
    claude_usage_file_t  file;

    bad = 0;

    rc = claude_usage_open_dir(dir, 0, &fd, error);

    if (rc != CLAUDE_OK) {
        return (rc == CLAUDE_DECLINED) ? CLAUDE_OK : rc;
    }

    for (day = from; rc == CLAUDE_OK && day <= to; day++) {

        rc = claude_usage_open(fd, day, 0, 0, &file, error);

        if (rc == CLAUDE_OK) {
            rc = claude_usage_scan(&file, day, handler, ctx, &bad, NULL,
                                   error);
            claude_usage_close(&file);

        } else if (rc == CLAUDE_DECLINED) {
            rc = CLAUDE_OK;
        }
    }

    close(fd);

    if (damaged) {
        *damaged += bad;
    }

    return rc;
}
