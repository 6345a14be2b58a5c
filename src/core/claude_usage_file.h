
/*
 * Inside the usage history: its directory and files.  For claude_usage*.c
 * alone.
 */


#ifndef CLAUDE_USAGE_FILE_H
#define CLAUDE_USAGE_FILE_H


#include "claude_usage.h"

#include <sys/stat.h>
#include <sys/types.h>


#define CLAUDE_USAGE_NAME_LEN  sizeof("2026-11-24.jsonl")   /* terminated */
#define CLAUDE_USAGE_LINE_BUF  (CLAUDE_USAGE_LINE_MAX + 64)


typedef struct {
    int                    dir;
    int                    fd;
    struct stat            st;
    char                   name[CLAUDE_USAGE_NAME_LEN];
} claude_usage_file_t;


/* CLAUDE_DECLINED: there is none, and make was 0 */

claude_rc_t claude_usage_open_dir(const char *path, unsigned make, int *dir,
    claude_usage_error_t *error);

/*
 * Opens a day's file to read it, without a lock, or with lock to write it; a
 * missing one is made with make.  CLAUDE_DECLINED: there is none; CLAUDE_BUSY.
 */

claude_rc_t claude_usage_open(int dir, uint32_t day, unsigned lock,
    unsigned make, claude_usage_file_t *file, claude_usage_error_t *error);
void claude_usage_close(claude_usage_file_t *file);

/* gives handler the lines of an open file from its start on; bytes, where not
 * NULL, is set to what the file's first line says, or 0 */

claude_rc_t claude_usage_scan(claude_usage_file_t *file, uint32_t day,
    claude_usage_handler_pt handler, void *ctx, uint64_t *damaged,
    uint64_t *bytes, claude_usage_error_t *error);

/* a line with its LF, in buf */

claude_rc_t claude_usage_line(const claude_usage_line_t *line,
    unsigned char buf[CLAUDE_USAGE_LINE_BUF], claude_str_t *text);

/* {"compacted":BYTES} of a fixed length, its LF among it */

#define CLAUDE_USAGE_MARK_LEN  35

void claude_usage_mark(uint64_t bytes, char mark[CLAUDE_USAGE_MARK_LEN + 1]);

/* set error and return rc; fail_sys: CLAUDE_IO with errno */

claude_rc_t claude_usage_fail(claude_usage_error_t *error, claude_rc_t rc,
    uint32_t day, const char *reason);
claude_rc_t claude_usage_fail_sys(claude_usage_error_t *error, uint32_t day,
    const char *reason);


#endif /* CLAUDE_USAGE_FILE_H */
