
#include "claude_keys_backup.h"

#include "../core/claude_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


static claude_keys_exit_e claude_keys_file_failed(
    const claude_keys_file_t *file, const char *what);


claude_keys_exit_e
claude_keys_usage_dir(const char *store, char dir[PATH_MAX])
{
    return (claude_usage_dir(store, dir) == CLAUDE_OK)
           ? CLAUDE_KEYS_OK
           : claude_keys_error(CLAUDE_KEYS_FAILED,
                               "the name of the key log is too long");
}


claude_keys_exit_e
claude_keys_day_path(const char *dir, const char *member, char path[PATH_MAX])
{
    int  n;

    n = snprintf(path, PATH_MAX, "%s/%s", dir,
                 member + sizeof(CLAUDE_BACKUP_USAGE) - 1);

    return (n > 0 && n < PATH_MAX)
           ? CLAUDE_KEYS_OK
           : claude_keys_error(CLAUDE_KEYS_FAILED,
                               "the name of the key log is too long");
}


unsigned
claude_keys_usage_name(const char *name)
{
    uint32_t      day;
    claude_str_t  date;

    date.data = (const unsigned char *) name;
    date.len = CLAUDE_USAGE_DATE_LEN;

    return strlen(name) == CLAUDE_BACKUP_DAY_LEN
           && claude_usage_day(&date, &day) == CLAUDE_OK
           && strcmp(name + CLAUDE_USAGE_DATE_LEN, CLAUDE_BACKUP_DAY) == 0;
}


claude_keys_exit_e
claude_keys_file_make(claude_keys_file_t *file, const char *path)
{
    int            n;
    unsigned char  tail[8];

    file->path = path;
    file->size = 0;
    file->fd = -1;

    claude_base62_random(tail, sizeof(tail));

    n = snprintf(file->temp, sizeof(file->temp), "%s.%.8s", path,
                 (char *) tail);

    if (n < 0 || (size_t) n >= sizeof(file->temp)) {
        errno = ENAMETOOLONG;

    } else {
        file->fd = open(file->temp,
                        O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0600);
    }

    return (file->fd != -1) ? CLAUDE_KEYS_OK
                            : claude_keys_file_failed(file, "made");
}


claude_keys_exit_e
claude_keys_file_write(claude_keys_file_t *file, const void *data, size_t len)
{
    if (claude_file_write(file->fd, data, len, file->size) != CLAUDE_OK) {
        return claude_keys_file_failed(file, "written");
    }

    file->size += len;

    return CLAUDE_KEYS_OK;
}


/* a link overwrites nothing, as a rename would */

claude_keys_exit_e
claude_keys_file_keep(claude_keys_file_t *file, uid_t uid, gid_t gid)
{
    if (fchmod(file->fd, 0600) == -1 || fchown(file->fd, uid, gid) == -1
        || fsync(file->fd) == -1)
    {
        return claude_keys_file_failed(file, "written");
    }

    if (link(file->temp, file->path) == -1
        || claude_file_sync_dir(file->path) != CLAUDE_OK)
    {
        return claude_keys_file_failed(file, "made");
    }

    return CLAUDE_KEYS_OK;
}


void
claude_keys_file_close(claude_keys_file_t *file)
{
    close(file->fd);
    (void) unlink(file->temp);
}


static claude_keys_exit_e
claude_keys_file_failed(const claude_keys_file_t *file, const char *what)
{
    return claude_keys_error(CLAUDE_KEYS_FAILED, "%s can't be %s: %s",
                             file->path, what, strerror(errno));
}
