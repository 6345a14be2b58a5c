
#include "claude_keys_backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


/* SHA256SUMS as it stands in the archive, beside what was read */

typedef struct {
    const claude_keys_sums_t  *sums;
    size_t                     at;
    unsigned                   differs;
} claude_keys_compare_t;


static claude_keys_exit_e claude_keys_archive_index(
    claude_keys_archive_t *archive);
static claude_keys_exit_e claude_keys_archive_order(
    claude_keys_archive_t *archive);
static claude_keys_exit_e claude_keys_archive_bytes(
    claude_keys_archive_t *archive, off_t offset, void *buf, size_t len);
static claude_keys_exit_e claude_keys_archive_compare(void *ctx,
    const unsigned char *data, size_t len);
static claude_keys_exit_e claude_keys_archive_damaged(
    claude_keys_archive_t *archive, const char *reason);


void
claude_keys_sums_add(claude_keys_sums_t *sums, const char *name,
    crypto_hash_sha256_state *hash)
{
    char           *line;
    unsigned char   sum[crypto_hash_sha256_BYTES];

    crypto_hash_sha256_final(hash, sum);

    line = sums->text + sums->len;

    sodium_bin2hex(line, CLAUDE_BACKUP_SUM_LEN + 1, sum, sizeof(sum));

    sums->len += CLAUDE_BACKUP_SUM_LEN;
    sums->len += sprintf(sums->text + sums->len, "  %.*s\n",
                         CLAUDE_TAR_NAME_MAX, name);
}


claude_keys_exit_e
claude_keys_archive_open(claude_keys_archive_t *archive, const char *path)
{
    struct stat         st;
    claude_keys_exit_e  rc;

    archive->path = path;
    archive->fd = open(path, O_RDONLY|O_NONBLOCK|O_NOCTTY|O_CLOEXEC);

    if (archive->fd == -1 || fstat(archive->fd, &st) == -1) {
        rc = claude_keys_error(CLAUDE_KEYS_FAILED, "%s can't be opened: %s",
                               path, strerror(errno));

    } else if (!S_ISREG(st.st_mode)) {
        rc = claude_keys_error(CLAUDE_KEYS_FAILED, "%s is not a regular file",
                               path);

    } else {
        archive->size = st.st_size;
        rc = claude_keys_archive_index(archive);
    }

    if (rc != CLAUDE_KEYS_OK && archive->fd != -1) {
        claude_keys_archive_close(archive);
    }

    return rc;
}


void
claude_keys_archive_close(claude_keys_archive_t *archive)
{
    close(archive->fd);
}


static claude_keys_exit_e
claude_keys_archive_index(claude_keys_archive_t *archive)
{
    off_t                  offset;
    claude_rc_t            rc;
    unsigned char          block[CLAUDE_TAR_BLOCK];
    claude_keys_exit_e     status;
    claude_keys_member_t  *member;

    offset = 0;

    for (archive->n = 0; /* void */; archive->n++) {
        status = claude_keys_archive_bytes(archive, offset, block,
                                           sizeof(block));

        if (status != CLAUDE_KEYS_OK) {
            return status;
        }

        if (archive->n == CLAUDE_BACKUP_FILES) {
            return claude_keys_archive_damaged(archive, "has too many files");
        }

        member = &archive->members[archive->n];
        offset += sizeof(block);

        rc = claude_tar_read(block, &member->entry);

        if (rc == CLAUDE_DONE) {
            break;
        }

        if (rc != CLAUDE_OK) {
            return claude_keys_archive_damaged(archive, "is no backup, or is "
                                                        "damaged");
        }

        member->offset = offset;
        offset += claude_tar_padded(member->entry.size);

        if (offset > archive->size) {
            return claude_keys_archive_damaged(archive, "is cut short");
        }
    }

    return claude_keys_archive_order(archive);
}


static claude_keys_exit_e
claude_keys_archive_order(claude_keys_archive_t *archive)
{
    size_t       i, last, prefix;
    unsigned     sound;
    const char  *name, *before;

    last = archive->n - 1;
    prefix = sizeof(CLAUDE_BACKUP_USAGE) - 1;

    sound = archive->n >= 3
            && strcmp(archive->members[0].entry.name,
                      CLAUDE_BACKUP_ABOUT) == 0
            && strcmp(archive->members[1].entry.name, CLAUDE_BACKUP_LOG) == 0
            && strcmp(archive->members[last].entry.name,
                      CLAUDE_BACKUP_SUMS) == 0;

    before = "";

    for (i = 2; sound && i < last; i++) {
        name = archive->members[i].entry.name;

        sound = strncmp(name, CLAUDE_BACKUP_USAGE, prefix) == 0
                && claude_keys_usage_name(name + prefix)
                && strcmp(before, name) < 0;

        before = name;
    }

    return sound ? CLAUDE_KEYS_OK
                 : claude_keys_archive_damaged(archive,
                                               "has not the files that a "
                                               "backup has");
}


claude_keys_exit_e
claude_keys_archive_read(claude_keys_archive_t *archive, size_t i,
    claude_keys_data_pt data, void *ctx)
{
    size_t                     len;
    uint64_t                   done;
    unsigned char              buf[CLAUDE_BACKUP_BUFFER];
    claude_keys_exit_e         rc;
    claude_keys_member_t      *member;
    crypto_hash_sha256_state   hash;

    member = &archive->members[i];
    rc = CLAUDE_KEYS_OK;

    crypto_hash_sha256_init(&hash);

    for (done = 0; done < member->entry.size && rc == CLAUDE_KEYS_OK;
         done += len)
    {
        len = (member->entry.size - done < sizeof(buf))
              ? member->entry.size - done : sizeof(buf);

        rc = claude_keys_archive_bytes(archive, member->offset + done, buf,
                                       len);

        if (rc == CLAUDE_KEYS_OK) {
            crypto_hash_sha256_update(&hash, buf, len);
            rc = data ? data(ctx, buf, len) : CLAUDE_KEYS_OK;
        }
    }

    if (rc == CLAUDE_KEYS_OK) {
        claude_keys_sums_add(&archive->sums, member->entry.name, &hash);
    }

    return rc;
}


static claude_keys_exit_e
claude_keys_archive_bytes(claude_keys_archive_t *archive, off_t offset,
    void *buf, size_t len)
{
    ssize_t         n;
    unsigned char  *p = buf;

    while (len) {
        n = pread(archive->fd, p, len, offset);

        if (n == 0) {
            return claude_keys_archive_damaged(archive, "is cut short");
        }

        if (n == -1 && errno != EINTR) {
            return claude_keys_error(CLAUDE_KEYS_FAILED,
                                     "%s can't be read: %s", archive->path,
                                     strerror(errno));
        }

        if (n > 0) {
            p += n;
            len -= n;
            offset += n;
        }
    }

    return CLAUDE_KEYS_OK;
}


claude_keys_exit_e
claude_keys_archive_verify(claude_keys_archive_t *archive)
{
    claude_keys_sums_t     sums;
    claude_keys_exit_e     rc;
    claude_keys_compare_t  compare = { &sums, 0, 0 };

    sums = archive->sums;

    rc = claude_keys_archive_read(archive, archive->n - 1,
                                  claude_keys_archive_compare, &compare);

    archive->sums.len = 0;

    if (rc == CLAUDE_KEYS_OK && (compare.differs || compare.at != sums.len)) {
        return claude_keys_archive_damaged(archive, "has not the sums that "
                                                    "it says it has");
    }

    return rc;
}


claude_keys_exit_e
claude_keys_archive_skim(claude_keys_archive_t *archive)
{
    size_t              i;
    claude_keys_exit_e  rc;

    archive->sums.len = 0;
    rc = CLAUDE_KEYS_OK;

    for (i = 0; rc == CLAUDE_KEYS_OK && i < archive->n - 1; i++) {
        rc = claude_keys_archive_read(archive, i, NULL, NULL);
    }

    return (rc == CLAUDE_KEYS_OK) ? claude_keys_archive_verify(archive) : rc;
}


static claude_keys_exit_e
claude_keys_archive_compare(void *ctx, const unsigned char *data, size_t len)
{
    claude_keys_compare_t     *compare = ctx;
    const claude_keys_sums_t  *sums = compare->sums;

    if (len > sums->len - compare->at
        || memcmp(sums->text + compare->at, data, len) != 0)
    {
        compare->differs = 1;
        return CLAUDE_KEYS_OK;
    }

    compare->at += len;

    return CLAUDE_KEYS_OK;
}


static claude_keys_exit_e
claude_keys_archive_damaged(claude_keys_archive_t *archive,
    const char *reason)
{
    return claude_keys_error(CLAUDE_KEYS_DAMAGED, "%s %s", archive->path,
                             reason);
}
