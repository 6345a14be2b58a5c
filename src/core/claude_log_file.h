
/*
 * What reading, appending and compacting the key log share: an open, locked
 * and identified file, and its lines.  For claude_log*.c only.
 */


#ifndef CLAUDE_LOG_FILE_H
#define CLAUDE_LOG_FILE_H


#include "claude_log.h"

#include <sys/stat.h>


/* a line as it is written, and what claude_out_t needs beside it */

#define CLAUDE_LINE_BUF    (CLAUDE_LINE_MAX + 64)


typedef struct {
    int                    fd;
    struct stat            st;          /* under the lock */
    claude_log_pos_t       start;       /* the file, at offset 0 */
    claude_header_t        header;
    size_t                 header_len;  /* of its line, LF among it */
} claude_log_file_t;


/*
 * Opens the log and reads its header.  lock is LOCK_EX, for writing, LOCK_SH,
 * or 0 for no lock: then what lies behind a known position is not to be
 * trusted, since it may be cut back.
 */

claude_rc_t claude_log_open(const char *path, int lock, unsigned wait_ms,
    claude_log_file_t *file, claude_log_error_t *error);
void claude_log_unlock(claude_log_file_t *file);

/* unlocks too */

void claude_log_close(claude_log_file_t *file);

/* whether pos is of this file; else CLAUDE_AGAIN, and it is now at its start;
 * CLAUDE_INVALID: the file lost what was read already */

claude_rc_t claude_log_resume(const claude_log_file_t *file,
    claude_log_pos_t *pos, claude_log_error_t *error);

/* gives handler the whole lines from pos to end; as claude_log_read() */

claude_rc_t claude_log_scan(const claude_log_file_t *file, uint64_t end,
    claude_log_pos_t *pos, uint64_t max, const claude_log_handler_t *handler,
    claude_log_error_t *error);

/* reads the line at offset, which is a put, as it was written */

claude_rc_t claude_log_put_at(const claude_log_file_t *file, uint64_t offset,
    claude_record_t *record, claude_log_error_t *error);

/* writes the line with its LF to buf, where *line lies then */

claude_rc_t claude_log_header_line(const claude_header_t *header,
    unsigned char buf[CLAUDE_LINE_BUF], claude_str_t *line);
claude_rc_t claude_log_change_line(const claude_change_t *change,
    unsigned char buf[CLAUDE_LINE_BUF], claude_str_t *line);

/* sets error and returns rc; fail_sys: CLAUDE_IO with errno */

claude_rc_t claude_log_fail(claude_log_error_t *error, claude_rc_t rc,
    uint64_t line, const char *reason);
claude_rc_t claude_log_fail_sys(claude_log_error_t *error,
    const char *reason);
void claude_log_error_init(claude_log_error_t *error);


#endif /* CLAUDE_LOG_FILE_H */
