
#include "claude_keys_backup.h"

#include "../core/claude_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


/* what is being written, and where */

typedef struct {
    const claude_keys_args_t  *args;
    claude_keys_archive_t     archive;
    claude_keys_checked_t     checked;
    uid_t                     uid;
    gid_t                     gid;
    char                      dir[PATH_MAX];    /* of usage */
    char                      temp[PATH_MAX];   /* until it is whole */
    unsigned                  made:1;
    unsigned                  moved:1;
} claude_keys_restore_t;


static claude_keys_exit_e claude_keys_restore_place(
    claude_keys_restore_t *restore);
static claude_keys_exit_e claude_keys_restore_owner(
    claude_keys_restore_t *restore);
static claude_keys_exit_e claude_keys_restore_free(const char *path);
static claude_keys_exit_e claude_keys_restore_write(
    claude_keys_restore_t *restore);
static claude_keys_exit_e claude_keys_restore_files(
    claude_keys_restore_t *restore, claude_keys_file_t *log);
static claude_keys_exit_e claude_keys_restore_usage(
    claude_keys_restore_t *restore);
static claude_keys_exit_e claude_keys_restore_day(
    claude_keys_restore_t *restore, size_t i);
static claude_keys_exit_e claude_keys_restore_data(void *ctx,
    const unsigned char *data, size_t len);
static claude_keys_exit_e claude_keys_restore_show(
    claude_keys_restore_t *restore, claude_keys_file_t *log);
static void claude_keys_restore_undo(claude_keys_restore_t *restore);


/* all of the backup is checked before anything is written */

claude_keys_exit_e
claude_keys_restore(const claude_keys_args_t *args)
{
    claude_keys_exit_e      rc;
    claude_keys_restore_t  *restore;

    restore = calloc(1, sizeof(claude_keys_restore_t));

    if (restore == NULL) {
        return claude_keys_error(CLAUDE_KEYS_FAILED, "no memory");
    }

    restore->args = args;

    rc = claude_keys_restore_place(restore);

    if (rc == CLAUDE_KEYS_OK) {
        rc = claude_keys_archive_open(&restore->archive, args->file);
    }

    if (rc == CLAUDE_KEYS_OK) {
        rc = claude_keys_archive_check(&restore->archive, args,
                                       &restore->checked);

        if (rc == CLAUDE_KEYS_OK) {
            rc = claude_keys_restore_write(restore);
        }

        claude_keys_archive_close(&restore->archive);
    }

    if (rc == CLAUDE_KEYS_OK) {
        printf("%s: keys: %zu, days of usage: %u\n", args->store,
               restore->checked.keys, restore->checked.days);
        rc = claude_keys_print_end();
    }

    free(restore);

    return rc;
}


static claude_keys_exit_e
claude_keys_restore_place(claude_keys_restore_t *restore)
{
    claude_keys_exit_e  rc;

    rc = claude_keys_usage_dir(restore->args->store, restore->dir);

    if (rc == CLAUDE_KEYS_OK) {
        rc = claude_keys_restore_free(restore->args->store);
    }

    if (rc == CLAUDE_KEYS_OK) {
        rc = claude_keys_restore_free(restore->dir);
    }

    return (rc == CLAUDE_KEYS_OK) ? claude_keys_restore_owner(restore) : rc;
}


static claude_keys_exit_e
claude_keys_restore_free(const char *path)
{
    struct stat  st;

    if (lstat(path, &st) == 0) {
        return claude_keys_error(CLAUDE_KEYS_FAILED,
                                 "%s exists, and nothing is overwritten: "
                                 "move it away first", path);
    }

    if (errno != ENOENT) {
        return claude_keys_error(CLAUDE_KEYS_FAILED, "%s: %s", path,
                                 strerror(errno));
    }

    return CLAUDE_KEYS_OK;
}


/* a log belongs to whom its directory belongs; see claude_log_check() */

static claude_keys_exit_e
claude_keys_restore_owner(claude_keys_restore_t *restore)
{
    char          dir[PATH_MAX];
    const char   *reason;
    struct stat   st;

    if (claude_file_dir(restore->args->store, dir, sizeof(dir)) != CLAUDE_OK
        || stat(dir, &st) == -1)
    {
        return claude_keys_error(CLAUDE_KEYS_FAILED,
                                 "the directory of %s can't be looked at: %s",
                                 restore->args->store, strerror(errno));
    }

    if (st.st_mode & (S_IWGRP|S_IWOTH)) {
        reason = "may be written to by group or others";

    } else if (geteuid() && geteuid() != st.st_uid) {
        reason = "belongs to another user";

    } else {
        restore->uid = geteuid() ? (uid_t) -1 : st.st_uid;
        restore->gid = geteuid() ? (gid_t) -1 : st.st_gid;

        return CLAUDE_KEYS_OK;
    }

    return claude_keys_error(CLAUDE_KEYS_FAILED, "%s %s", dir, reason);
}


/* what is written is read once more for it, and its sums compared again: the
 * archive may have changed since */

static claude_keys_exit_e
claude_keys_restore_write(claude_keys_restore_t *restore)
{
    claude_keys_file_t  log;
    claude_keys_exit_e  rc;

    rc = claude_keys_file_make(&log, restore->args->store);

    if (rc != CLAUDE_KEYS_OK) {
        return rc;
    }

    rc = claude_keys_restore_files(restore, &log);

    if (rc == CLAUDE_KEYS_OK) {
        rc = claude_keys_archive_verify(&restore->archive);
    }

    if (rc == CLAUDE_KEYS_OK) {
        rc = claude_keys_restore_show(restore, &log);
    }

    claude_keys_file_close(&log);

    if (rc != CLAUDE_KEYS_OK) {
        claude_keys_restore_undo(restore);
    }

    return rc;
}


static claude_keys_exit_e
claude_keys_restore_files(claude_keys_restore_t *restore,
    claude_keys_file_t *log)
{
    claude_keys_exit_e      rc;
    claude_keys_archive_t  *archive = &restore->archive;

    archive->sums.len = 0;

    rc = claude_keys_archive_read(archive, 0, NULL, NULL);

    if (rc == CLAUDE_KEYS_OK) {
        rc = claude_keys_archive_read(archive, 1, claude_keys_restore_data,
                                      log);
    }

    if (rc == CLAUDE_KEYS_OK && restore->checked.days) {
        rc = claude_keys_restore_usage(restore);
    }

    return rc;
}


static claude_keys_exit_e
claude_keys_restore_usage(claude_keys_restore_t *restore)
{
    int                  n;
    size_t               i;
    unsigned char        tail[8];
    claude_keys_exit_e   rc;

    claude_base62_random(tail, sizeof(tail));

    n = snprintf(restore->temp, PATH_MAX, "%s.%.8s", restore->dir,
                 (char *) tail);

    if (n < 0 || n >= PATH_MAX || mkdir(restore->temp, 0700) == -1) {
        return claude_keys_error(CLAUDE_KEYS_FAILED, "%s can't be made: %s",
                                 restore->dir, strerror(errno));
    }

    restore->made = 1;

    if (chown(restore->temp, restore->uid, restore->gid) == -1) {
        return claude_keys_error(CLAUDE_KEYS_FAILED, "%s: %s", restore->dir,
                                 strerror(errno));
    }

    rc = CLAUDE_KEYS_OK;

    for (i = 2; rc == CLAUDE_KEYS_OK && i < restore->archive.n - 1; i++) {
        rc = claude_keys_restore_day(restore, i);
    }

    return rc;
}


static claude_keys_exit_e
claude_keys_restore_day(claude_keys_restore_t *restore, size_t i)
{
    char                path[PATH_MAX];
    claude_keys_exit_e  rc;
    claude_keys_file_t  day;

    rc = claude_keys_day_path(restore->temp,
                              restore->archive.members[i].entry.name, path);

    if (rc == CLAUDE_KEYS_OK) {
        rc = claude_keys_file_make(&day, path);
    }

    if (rc != CLAUDE_KEYS_OK) {
        return rc;
    }

    rc = claude_keys_archive_read(&restore->archive, i,
                                  claude_keys_restore_data, &day);

    if (rc == CLAUDE_KEYS_OK) {
        rc = claude_keys_file_keep(&day, restore->uid, restore->gid);
    }

    claude_keys_file_close(&day);

    return rc;
}


static claude_keys_exit_e
claude_keys_restore_data(void *ctx, const unsigned char *data, size_t len)
{
    return claude_keys_file_write(ctx, data, len);
}


/* the log is the last: with it all is there */

static claude_keys_exit_e
claude_keys_restore_show(claude_keys_restore_t *restore,
    claude_keys_file_t *log)
{
    if (restore->made) {
        if (rename(restore->temp, restore->dir) == -1) {
            return claude_keys_error(CLAUDE_KEYS_FAILED,
                                     "%s can't be made: %s", restore->dir,
                                     strerror(errno));
        }

        restore->moved = 1;
    }

    return claude_keys_file_keep(log, restore->uid, restore->gid);
}


static void
claude_keys_restore_undo(claude_keys_restore_t *restore)
{
    char    path[PATH_MAX];
    size_t  i;

    if (!restore->made) {
        return;
    }

    if (restore->moved && rename(restore->dir, restore->temp) == -1) {
        return;
    }

    for (i = 2; i < restore->archive.n - 1; i++) {
        if (claude_keys_day_path(restore->temp,
                                 restore->archive.members[i].entry.name, path)
            == CLAUDE_KEYS_OK)
        {
            (void) unlink(path);
        }
    }

    (void) rmdir(restore->temp);
}
