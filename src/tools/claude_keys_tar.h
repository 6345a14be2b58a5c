
/*
 * The form of a backup: a tar archive (POSIX ustar) of regular files with
 * short names, nothing else, so that ordinary tools can read it too.
 */


#ifndef CLAUDE_KEYS_TAR_H
#define CLAUDE_KEYS_TAR_H


#include "../core/claude_core.h"


#define CLAUDE_TAR_BLOCK     512
#define CLAUDE_TAR_NAME_MAX  99
#define CLAUDE_TAR_SIZE_MAX  UINT64_C(8589934591)   /* 11 octal digits */


typedef struct {
    char                   name[CLAUDE_TAR_NAME_MAX + 1];
    uint64_t               size;
} claude_tar_entry_t;


/* bytes that a file of this size takes after its block, padding among them */

uint64_t claude_tar_padded(uint64_t size);

/* a file's block: mode 0600, nobody's name; time is seconds since the epoch.
 * The end of an archive is two blocks of zeroes. */

void claude_tar_write(unsigned char block[CLAUDE_TAR_BLOCK],
    const claude_tar_entry_t *entry, int64_t time);

/* CLAUDE_DONE: a block of zeroes; CLAUDE_INVALID: of no form as above */

claude_rc_t claude_tar_read(const unsigned char block[CLAUDE_TAR_BLOCK],
    claude_tar_entry_t *entry);


#endif /* CLAUDE_KEYS_TAR_H */
