
#include "claude_keys_backup.h"

#include "../core/claude_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>


typedef struct {
    const claude_keys_args_t  *args;
    claude_keys_file_t        file;
    int64_t                   now;
    unsigned                  days;
    claude_tar_entry_t        entry;        /* the file in hand */
    uint64_t                  written;      /* of it */
    crypto_hash_sha256_state  hash;         /* of it */
    claude_keys_sums_t        sums;
} claude_keys_backup_t;


static claude_keys_exit_e claude_keys_backup_store(
    const claude_keys_args_t *args, const claude_live_log_t *log);
static claude_keys_exit_e claude_keys_backup_all(claude_keys_backup_t *backup,
    const claude_live_log_t *log);
static claude_keys_exit_e claude_keys_backup_about(
    claude_keys_backup_t *backup, const claude_header_t *header);
static claude_keys_exit_e claude_keys_backup_log(claude_keys_backup_t *backup);
static claude_keys_exit_e claude_keys_backup_usage(
    claude_keys_backup_t *backup);
static int claude_keys_backup_is_day(const struct dirent *entry);
static claude_keys_exit_e claude_keys_backup_day(claude_keys_backup_t *backup,
    const char *dir, const char *day);
static claude_keys_exit_e claude_keys_backup_day_lines(
    claude_keys_backup_t *backup, int fd);
static claude_keys_exit_e claude_keys_backup_sums(
    claude_keys_backup_t *backup);
static claude_keys_exit_e claude_keys_backup_done(
    claude_keys_backup_t *backup);
static claude_rc_t claude_keys_backup_size(void *ctx, uint64_t size);
static claude_rc_t claude_keys_backup_data(void *ctx,
    const unsigned char *data, size_t len);
static claude_keys_exit_e claude_keys_backup_end(
    claude_keys_backup_t *backup);


/* a damaged log is told here: its backup would be of no use */

claude_keys_exit_e
claude_keys_backup(const claude_keys_args_t *args)
{
    struct stat         st;
    claude_live_log_t   log;
    claude_keys_exit_e  rc;

    if (lstat(args->file, &st) == 0) {
        return claude_keys_error(CLAUDE_KEYS_FAILED,
                                 "%s exists: nothing is overwritten",
                                 args->file);
    }

    rc = claude_keys_load(args, &log);

    if (rc == CLAUDE_KEYS_OK) {
        rc = claude_keys_backup_store(args, &log);
    }

    claude_live_log_free(&log);

    return rc;
}


static claude_keys_exit_e
claude_keys_backup_store(const claude_keys_args_t *args,
    const claude_live_log_t *log)
{
    claude_keys_exit_e    rc;
    claude_keys_backup_t  backup;

    memset(&backup, 0, sizeof(backup));

    backup.args = args;
    backup.now = time(NULL);

    rc = claude_keys_file_make(&backup.file, args->file);

    if (rc == CLAUDE_KEYS_OK) {
        rc = claude_keys_backup_all(&backup, log);
        claude_keys_file_close(&backup.file);
    }

    if (rc != CLAUDE_KEYS_OK) {
        return rc;
    }

    printf("%s: keys: %zu, days of usage: %u\n"
           "The master key is not in it, and without that it is of no use: "
           "keep a copy\nof %s in another place.\n",
           args->file, log->live.n, backup.days, args->master);

    return claude_keys_print_end();
}


static claude_keys_exit_e
claude_keys_backup_all(claude_keys_backup_t *backup,
    const claude_live_log_t *log)
{
    claude_keys_exit_e  rc;

    rc = claude_keys_backup_about(backup, &log->header);

    if (rc == CLAUDE_KEYS_OK) {
        rc = claude_keys_backup_log(backup);
    }

    if (rc == CLAUDE_KEYS_OK) {
        rc = claude_keys_backup_usage(backup);
    }

    if (rc == CLAUDE_KEYS_OK) {
        rc = claude_keys_backup_sums(backup);
    }

    return (rc == CLAUDE_KEYS_OK) ? claude_keys_backup_done(backup) : rc;
}


static claude_keys_exit_e
claude_keys_backup_about(claude_keys_backup_t *backup,
    const claude_header_t *header)
{
    int   len;
    char  text[256], time[CLAUDE_TIME_LEN];

    claude_time_write(backup->now, time);

    len = snprintf(text, sizeof(text), "{\"format\":\"" CLAUDE_BACKUP_FORMAT
                   "\",\"version\":1,\"storeId\":\"%.*s\","
                   "\"createdAt\":\"%.*s\"}\n",
                   CLAUDE_STORE_ID_LEN, (const char *) header->store_id,
                   CLAUDE_TIME_LEN, time);

    strcpy(backup->entry.name, CLAUDE_BACKUP_ABOUT);

    if (claude_keys_backup_size(backup, len) != CLAUDE_OK
        || claude_keys_backup_data(backup, (unsigned char *) text, len)
           != CLAUDE_OK)
    {
        return CLAUDE_KEYS_FAILED;
    }

    return claude_keys_backup_end(backup);
}


static claude_keys_exit_e
claude_keys_backup_log(claude_keys_backup_t *backup)
{
    claude_rc_t         rc;
    claude_log_copy_t   copy;
    claude_log_error_t  error;

    strcpy(backup->entry.name, CLAUDE_BACKUP_LOG);

    copy.size = claude_keys_backup_size;
    copy.data = claude_keys_backup_data;
    copy.ctx = backup;

    rc = claude_log_copy(backup->args->store, CLAUDE_KEYS_WAIT, &copy, &error);

    if (rc == CLAUDE_OK) {
        return claude_keys_backup_end(backup);
    }

    /* without a reason it is the backup that couldn't be written */

    return error.reason ? claude_keys_log_error(backup->args->store, rc,
                                                &error)
                        : CLAUDE_KEYS_FAILED;
}


static claude_keys_exit_e
claude_keys_backup_usage(claude_keys_backup_t *backup)
{
    int                  i, n;
    char                 dir[PATH_MAX];
    struct dirent      **days;
    claude_keys_exit_e   rc;

    rc = claude_keys_usage_dir(backup->args->store, dir);

    if (rc != CLAUDE_KEYS_OK) {
        return rc;
    }

    n = scandir(dir, &days, claude_keys_backup_is_day, alphasort);

    if (n == -1) {
        return (errno == ENOENT)
               ? CLAUDE_KEYS_OK
               : claude_keys_error(CLAUDE_KEYS_FAILED, "%s: %s", dir,
                                   strerror(errno));
    }

    rc = (n <= CLAUDE_BACKUP_DAYS)
         ? CLAUDE_KEYS_OK
         : claude_keys_error(CLAUDE_KEYS_FAILED, "%s has over %d files", dir,
                             CLAUDE_BACKUP_DAYS);

    for (i = 0; i < n; i++) {
        if (rc == CLAUDE_KEYS_OK) {
            rc = claude_keys_backup_day(backup, dir, days[i]->d_name);
        }

        free(days[i]);
    }

    free(days);

    return rc;
}


static int
claude_keys_backup_is_day(const struct dirent *entry)
{
    return claude_keys_usage_name(entry->d_name);
}


/* one that is gone meanwhile was too old */

static claude_keys_exit_e
claude_keys_backup_day(claude_keys_backup_t *backup, const char *dir,
    const char *day)
{
    int                 fd, n;
    char                path[PATH_MAX];
    claude_keys_exit_e  rc;

    n = snprintf(path, sizeof(path), "%s/%s", dir, day);

    if (n < 0 || (size_t) n >= sizeof(path)) {
        return claude_keys_error(CLAUDE_KEYS_FAILED, "%s: %s", dir,
                                 strerror(ENAMETOOLONG));
    }

    fd = open(path, O_RDONLY|O_NOFOLLOW|O_NONBLOCK|O_NOCTTY|O_CLOEXEC);

    if (fd == -1 && errno == ENOENT) {
        return CLAUDE_KEYS_OK;
    }

    if (fd == -1) {
        return claude_keys_error(CLAUDE_KEYS_FAILED, "%s: %s", path,
                                 strerror(errno));
    }

    (void) snprintf(backup->entry.name, sizeof(backup->entry.name),
                    CLAUDE_BACKUP_USAGE "%.*s", (int) CLAUDE_BACKUP_DAY_LEN,
                    day);

    rc = claude_keys_backup_day_lines(backup, fd);

    if (rc != CLAUDE_KEYS_OK) {
        (void) claude_keys_error(rc, "%s can't be copied", path);
    }

    close(fd);

    return rc;
}


/* as with the log: what is whole under the lock is final */

static claude_keys_exit_e
claude_keys_backup_day_lines(claude_keys_backup_t *backup, int fd)
{
    off_t           size, offset;
    ssize_t         n;
    struct stat     st;
    unsigned char   buf[CLAUDE_BACKUP_BUFFER];

    while (flock(fd, LOCK_SH) == -1) {
        if (errno != EINTR) {
            return CLAUDE_KEYS_FAILED;
        }
    }

    n = fstat(fd, &st);
    (void) flock(fd, LOCK_UN);

    if (n == -1 || !S_ISREG(st.st_mode)
        || claude_file_lines(fd, st.st_size, &size) != CLAUDE_OK
        || claude_keys_backup_size(backup, size) != CLAUDE_OK)
    {
        return CLAUDE_KEYS_FAILED;
    }

    for (offset = 0; offset < size; offset += n) {
        n = (size - offset < (off_t) sizeof(buf)) ? size - offset
                                                  : (off_t) sizeof(buf);
        n = pread(fd, buf, n, offset);

        if (n == 0 || (n == -1 && errno != EINTR)) {
            return CLAUDE_KEYS_FAILED;
        }

        n = (n == -1) ? 0 : n;

        if (claude_keys_backup_data(backup, buf, n) != CLAUDE_OK) {
            return CLAUDE_KEYS_FAILED;
        }
    }

    backup->days++;

    return claude_keys_backup_end(backup);
}


static claude_keys_exit_e
claude_keys_backup_sums(claude_keys_backup_t *backup)
{
    size_t  len = backup->sums.len;

    strcpy(backup->entry.name, CLAUDE_BACKUP_SUMS);

    if (claude_keys_backup_size(backup, len) != CLAUDE_OK
        || claude_keys_backup_data(backup,
                                   (unsigned char *) backup->sums.text, len)
           != CLAUDE_OK)
    {
        return CLAUDE_KEYS_FAILED;
    }

    return claude_keys_backup_end(backup);
}


/* two blocks of zeroes end an archive */

static claude_keys_exit_e
claude_keys_backup_done(claude_keys_backup_t *backup)
{
    unsigned char       zeroes[2 * CLAUDE_TAR_BLOCK] = { 0 };
    claude_keys_exit_e  rc;

    rc = claude_keys_file_write(&backup->file, zeroes, sizeof(zeroes));

    return (rc == CLAUDE_KEYS_OK)
           ? claude_keys_file_keep(&backup->file, (uid_t) -1, (gid_t) -1)
           : rc;
}


/* the size of the file in hand, whose name is set */

static claude_rc_t
claude_keys_backup_size(void *ctx, uint64_t size)
{
    unsigned char          block[CLAUDE_TAR_BLOCK];
    claude_keys_backup_t  *backup = ctx;

    if (size > CLAUDE_TAR_SIZE_MAX) {
        (void) claude_keys_error(CLAUDE_KEYS_FAILED,
                                 "%s takes a file of 8 GB at most",
                                 backup->args->file);
        return CLAUDE_TOO_LARGE;
    }

    backup->entry.size = size;
    backup->written = 0;
    crypto_hash_sha256_init(&backup->hash);

    claude_tar_write(block, &backup->entry, backup->now);

    return (claude_keys_file_write(&backup->file, block, sizeof(block))
            == CLAUDE_KEYS_OK)
           ? CLAUDE_OK : CLAUDE_IO;
}


static claude_rc_t
claude_keys_backup_data(void *ctx, const unsigned char *data, size_t len)
{
    claude_keys_backup_t  *backup = ctx;

    crypto_hash_sha256_update(&backup->hash, data, len);
    backup->written += len;

    return (claude_keys_file_write(&backup->file, data, len)
            == CLAUDE_KEYS_OK)
           ? CLAUDE_OK : CLAUDE_IO;
}


static claude_keys_exit_e
claude_keys_backup_end(claude_keys_backup_t *backup)
{
    unsigned char  zeroes[CLAUDE_TAR_BLOCK] = { 0 };

    claude_keys_sums_add(&backup->sums, backup->entry.name, &backup->hash);

    return claude_keys_file_write(&backup->file, zeroes,
                                  claude_tar_padded(backup->written)
                                  - backup->written);
}
