
/*
 * What backup and restore agree on: a tar archive of
 *
 *   backup.json               {"format":"claude-backup","version":1,
 *                              "storeId":"store_…","createdAt":"…"}
 *   keys.jsonl                the key log
 *   usage/YYYY-MM-DD.jsonl    any number, in the order of days
 *   SHA256SUMS                of all before, as sha256sum writes it
 */


#ifndef CLAUDE_KEYS_BACKUP_H
#define CLAUDE_KEYS_BACKUP_H


#include "claude_keys.h"
#include "claude_keys_tar.h"

#include "../core/claude_usage.h"

#include <sodium.h>


#define CLAUDE_BACKUP_FORMAT    "claude-backup"
#define CLAUDE_BACKUP_ABOUT     "backup.json"
#define CLAUDE_BACKUP_LOG       "keys.jsonl"
#define CLAUDE_BACKUP_USAGE     "usage/"
#define CLAUDE_BACKUP_SUMS      "SHA256SUMS"

#define CLAUDE_BACKUP_DAYS      400     /* files of usage at most */
#define CLAUDE_BACKUP_FILES     (CLAUDE_BACKUP_DAYS + 3)
#define CLAUDE_BACKUP_BUFFER    65536
#define CLAUDE_BACKUP_DAY       ".jsonl"
#define CLAUDE_BACKUP_DAY_LEN                                                 \
    (CLAUDE_USAGE_DATE_LEN + sizeof(CLAUDE_BACKUP_DAY) - 1)
#define CLAUDE_BACKUP_SUM_LEN   (2 * crypto_hash_sha256_BYTES)

/* a line of SHA256SUMS: the sum, two spaces, a name, LF, and a NUL after it */

#define CLAUDE_BACKUP_LINE_LEN                                                \
    (CLAUDE_BACKUP_SUM_LEN + 2 + CLAUDE_TAR_NAME_MAX + 2)


/*
 * What fails has been explained on stderr when a call that returns
 * claude_keys_exit_e returns.
 */

/* claude_keys_file.c */

/* the directory of a log's usage files, terminated */

claude_keys_exit_e claude_keys_usage_dir(const char *store,
    char dir[PATH_MAX]);

/* the file of a day in that directory, by its name in an archive */

claude_keys_exit_e claude_keys_day_path(const char *dir, const char *member,
    char path[PATH_MAX]);

/* whether this is the name of a usage file */

unsigned claude_keys_usage_name(const char *name);


/* a file in the making, under another name beside its own */

typedef struct {
    const char            *path;
    char                   temp[PATH_MAX];
    int                    fd;
    off_t                  size;        /* so far */
} claude_keys_file_t;

/* mode 0600; path stays the caller's until it is closed */

claude_keys_exit_e claude_keys_file_make(claude_keys_file_t *file,
    const char *path);
claude_keys_exit_e claude_keys_file_write(claude_keys_file_t *file,
    const void *data, size_t len);

/* fsynced, and visible unless something is there; uid and gid as in chown() */

claude_keys_exit_e claude_keys_file_keep(claude_keys_file_t *file, uid_t uid,
    gid_t gid);

/* its other name goes */

void claude_keys_file_close(claude_keys_file_t *file);


/* claude_keys_archive.c */

/* the sum of a file, and the text of SHA256SUMS, which has a line for each */

typedef struct {
    size_t                 len;
    char                   text[CLAUDE_BACKUP_FILES * CLAUDE_BACKUP_LINE_LEN];
} claude_keys_sums_t;

void claude_keys_sums_add(claude_keys_sums_t *sums, const char *name,
    crypto_hash_sha256_state *hash);


/* an archive that is read; its files in their order, SHA256SUMS last */

typedef struct {
    claude_tar_entry_t     entry;
    off_t                  offset;
} claude_keys_member_t;

typedef struct {
    const char            *path;
    int                    fd;
    off_t                  size;
    size_t                 n;
    claude_keys_member_t   members[CLAUDE_BACKUP_FILES];
    claude_keys_sums_t     sums;        /* of what was read of it */
} claude_keys_archive_t;

typedef claude_keys_exit_e (*claude_keys_data_pt)(void *ctx,
    const unsigned char *data, size_t len);

/* checks names, order and sizes; closed by claude_keys_archive_close() unless
 * it fails */

claude_keys_exit_e claude_keys_archive_open(claude_keys_archive_t *archive,
    const char *path);
void claude_keys_archive_close(claude_keys_archive_t *archive);

/* gives data, unless it is NULL, all bytes of the i-th file, and adds its sum
 * to sums */

claude_keys_exit_e claude_keys_archive_read(claude_keys_archive_t *archive,
    size_t i, claude_keys_data_pt data, void *ctx);

/* when all files but the last were read once, in order, sums emptied before:
 * whether their sums are those that it holds; skim reads them for that alone */

claude_keys_exit_e claude_keys_archive_verify(claude_keys_archive_t *archive);
claude_keys_exit_e claude_keys_archive_skim(claude_keys_archive_t *archive);


/* claude_keys_archive_check.c */

typedef struct {
    size_t                 keys;        /* that are live */
    unsigned               days;
} claude_keys_checked_t;

/* reads all of an archive: each line, each sum, and with the master key each
 * credential */

claude_keys_exit_e claude_keys_archive_check(claude_keys_archive_t *archive,
    const claude_keys_args_t *args, claude_keys_checked_t *checked);


#endif /* CLAUDE_KEYS_BACKUP_H */
