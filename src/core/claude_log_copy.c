
#include "claude_log_file.h"
#include "claude_file.h"

#include <errno.h>
#include <sys/file.h>
#include <unistd.h>


static claude_rc_t claude_log_copy_lines(const claude_log_file_t *file,
    const claude_log_copy_t *copy, claude_log_error_t *error);


/* what is whole under the lock is final: see claude_log_read() */

claude_rc_t
claude_log_copy(const char *path, unsigned wait_ms,
    const claude_log_copy_t *copy, claude_log_error_t *error)
{
    claude_rc_t        rc;
    claude_log_file_t  file;

    claude_log_error_init(error);

    rc = claude_log_open(path, LOCK_SH, wait_ms, &file, error);

    if (rc != CLAUDE_OK) {
        return rc;
    }

    claude_log_unlock(&file);

    if (claude_file_lines(file.fd, file.st.st_size, &file.st.st_size)
        != CLAUDE_OK)
    {
        rc = claude_log_fail_sys(error, "can't be read");

    } else {
        rc = claude_log_copy_lines(&file, copy, error);
    }

    claude_log_close(&file);

    return rc;
}


static claude_rc_t
claude_log_copy_lines(const claude_log_file_t *file,
    const claude_log_copy_t *copy, claude_log_error_t *error)
{
    off_t           offset;
    size_t          size;
    ssize_t         n;
    claude_rc_t     rc;
    unsigned char  *buf;

    buf = claude_file_buffer();

    if (buf == NULL) {
        return claude_log_fail(error, CLAUDE_NO_MEMORY, 0,
                               "needs more memory to be copied");
    }

    rc = copy->size(copy->ctx, file->st.st_size);

    for (offset = 0; rc == CLAUDE_OK && offset < file->st.st_size;
         offset += n)
    {
        size = file->st.st_size - offset;
        size = (size < CLAUDE_FILE_BUFFER) ? size : CLAUDE_FILE_BUFFER;

        n = pread(file->fd, buf, size, offset);

        if (n == -1 && errno == EINTR) {
            n = 0;

        } else if (n == -1) {
            rc = claude_log_fail_sys(error, "can't be read");

        } else if (n == 0) {
            rc = claude_log_fail(error, CLAUDE_INVALID, 0,
                                 "became shorter while it was copied");

        } else {
            rc = copy->data(copy->ctx, buf, n);
        }
    }

    claude_file_buffer_free(buf);

    return rc;
}
