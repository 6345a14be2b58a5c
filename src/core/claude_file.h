
/*
 * Reading files to their end, and writing those that must survive a crash.
 * All of it blocks.
 */


#ifndef CLAUDE_FILE_H
#define CLAUDE_FILE_H


#include "claude_core.h"

#include <sys/types.h>


#define CLAUDE_FILE_NONE  ((uid_t) -1)  /* as in chown() */


/* how a file of secrets was opened */

typedef enum {
    CLAUDE_SECRET_OK = 0,
    CLAUDE_SECRET_MISSING,          /* errno */
    CLAUDE_SECRET_SYMLINK,
    CLAUDE_SECRET_NOT_FILE,
    CLAUDE_SECRET_OWNER,            /* neither root's nor the caller's */
    CLAUDE_SECRET_MODE,             /* accessible to group or others */
    CLAUDE_SECRET_IO                /* errno */
} claude_secret_rc_e;


/* opens it for reading, when nobody else but root can have written it or can
 * read it; *fd is open for CLAUDE_SECRET_OK only */

claude_secret_rc_e claude_file_open_secret(const char *path, int *fd);

/* a clause: "is a symbolic link" */

const char *claude_file_secret_reason(claude_secret_rc_e rc);

/*
 * CLAUDE_FILE_BUFFER bytes to read or write a file through, or NULL.  They go
 * back to the system when they are freed: each of a pool's threads would keep
 * them otherwise, in an arena of its own.
 */

#define CLAUDE_FILE_BUFFER  65536

unsigned char *claude_file_buffer(void);
void claude_file_buffer_free(unsigned char *buf);

/* reads on to the end of the file, or until size bytes are there; how many, or
 * -1 with errno */

ssize_t claude_file_read(int fd, unsigned char *buf, size_t size);

/* writes all of data at offset; CLAUDE_IO with errno, and then any part of it
 * may have been written */

claude_rc_t claude_file_write(int fd, const void *data, size_t len,
    off_t offset);

/* how many of the first size bytes are whole lines; CLAUDE_IO with errno */

claude_rc_t claude_file_lines(int fd, off_t size, off_t *lines);

/* fsyncs the directory that path lies in; CLAUDE_IO with errno */

claude_rc_t claude_file_sync_dir(const char *path);

/* writes the directory that path lies in to dir, terminated, "." for a bare
 * name; CLAUDE_TOO_LARGE when it does not fit */

claude_rc_t claude_file_dir(const char *path, char *dir, size_t size);

/*
 * Makes a new file, mode 0600, of these bytes, fsynced with its directory and
 * visible only when whole.  uid and gid are given to it unless they are
 * CLAUDE_FILE_NONE or the caller's already.  CLAUDE_IO with errno, EEXIST when
 * path exists: nothing is ever overwritten.
 */

claude_rc_t claude_file_create(const char *path, const void *data, size_t len,
    uid_t uid, gid_t gid);


#endif /* CLAUDE_FILE_H */
