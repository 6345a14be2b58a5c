
#include "claude_file.h"
#include "claude_key.h"

#include <errno.h>
#include <endian.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>


#define CLAUDE_FILE_ACL  1024       /* bytes of a list that is looked at */


static unsigned claude_file_is_private(int fd, mode_t mode);
static claude_rc_t claude_file_fill(int fd, const void *data, size_t len,
    uid_t uid, gid_t gid);


/* O_NONBLOCK: a FIFO in its place must not hang the caller */

claude_secret_rc_e
claude_file_open_secret(const char *path, int *fd)
{
    struct stat         st;
    claude_secret_rc_e  rc;

    *fd = open(path, O_RDONLY|O_NOFOLLOW|O_NONBLOCK|O_NOCTTY|O_CLOEXEC);

    if (*fd == -1) {
        return (errno == ELOOP) ? CLAUDE_SECRET_SYMLINK
                                : CLAUDE_SECRET_MISSING;
    }

    if (fstat(*fd, &st) == -1) {
        rc = CLAUDE_SECRET_IO;

    } else if (!S_ISREG(st.st_mode)) {
        rc = CLAUDE_SECRET_NOT_FILE;

    } else if (st.st_uid != 0 && st.st_uid != geteuid()) {
        rc = CLAUDE_SECRET_OWNER;

    } else if (!claude_file_is_private(*fd, st.st_mode)) {
        rc = CLAUDE_SECRET_MODE;

    } else {
        return CLAUDE_SECRET_OK;
    }

    close(*fd);

    return rc;
}


/*
 * The group's bits of a file that has an access control list are the bounds of
 * what the list grants.  systemd gives a unit's user its credentials so: there
 * is one more entry, for that user alone.
 */

static unsigned
claude_file_is_private(int fd, mode_t mode)
{
    ssize_t                               i, n;
    const struct posix_acl_xattr_entry   *entry;

    union {
        unsigned char                     bytes[CLAUDE_FILE_ACL];
        struct posix_acl_xattr_header     header;
        struct posix_acl_xattr_entry      align;
    } acl;

    if (!(mode & (S_IRWXG|S_IRWXO))) {
        return 1;
    }

    n = fgetxattr(fd, "system.posix_acl_access", &acl, sizeof(acl));

    if (mode & S_IRWXO || n < (ssize_t) sizeof(acl.header)
        || le32toh(acl.header.a_version) != POSIX_ACL_XATTR_VERSION)
    {
        return 0;
    }

    entry = (const struct posix_acl_xattr_entry *)
            (acl.bytes + sizeof(acl.header));
    n = (n - (ssize_t) sizeof(acl.header)) / (ssize_t) sizeof(*entry);

    for (i = 0; i < n; i++) {
        switch (le16toh(entry[i].e_tag)) {

        case ACL_USER_OBJ:
        case ACL_MASK:
            break;

        case ACL_USER:
            if (le32toh(entry[i].e_id) == geteuid()
                || le32toh(entry[i].e_id) == 0)
            {
                break;
            }

            /* fall through */

        default: /* a group, or others */
            if (entry[i].e_perm) {
                return 0;
            }
        }
    }

    return 1;
}


const char *
claude_file_secret_reason(claude_secret_rc_e rc)
{
    switch (rc) {

    case CLAUDE_SECRET_OK:
        return "is sound";

    case CLAUDE_SECRET_MISSING:
        return "can't be opened";

    case CLAUDE_SECRET_SYMLINK:
        return "is a symbolic link";

    case CLAUDE_SECRET_NOT_FILE:
        return "is not a regular file";

    case CLAUDE_SECRET_OWNER:
        return "belongs to another user";

    case CLAUDE_SECRET_MODE:
        return "is accessible to group or others";

    case CLAUDE_SECRET_IO:
        return "can't be read";
    }

    return "is in an unknown state";
}


unsigned char *
claude_file_buffer(void)
{
    void  *p;

    p = mmap(NULL, CLAUDE_FILE_BUFFER, PROT_READ|PROT_WRITE,
             MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);

    return (p == MAP_FAILED) ? NULL : p;
}


void
claude_file_buffer_free(unsigned char *buf)
{
    (void) munmap(buf, CLAUDE_FILE_BUFFER);
}


ssize_t
claude_file_read(int fd, unsigned char *buf, size_t size)
{
    size_t   len;
    ssize_t  n;

    for (len = 0; len < size; len += n) {
        n = read(fd, buf + len, size - len);

        if (n == 0) {
            break;
        }

        if (n == -1) {
            if (errno != EINTR) {
                return -1;
            }

            n = 0;
        }
    }

    return len;
}


claude_rc_t
claude_file_write(int fd, const void *data, size_t len, off_t offset)
{
    ssize_t               n;
    const unsigned char  *p = data;

    while (len) {
        n = pwrite(fd, p, len, offset);

        if (n == -1) {
            if (errno == EINTR) {
                continue;
            }

            return CLAUDE_IO;
        }

        p += n;
        len -= n;
        offset += n;
    }

    return CLAUDE_OK;
}


claude_rc_t
claude_file_lines(int fd, off_t size, off_t *lines)
{
    size_t         len;
    ssize_t        n;
    unsigned char  buf[4096];

    for ( /* void */ ; size; size -= len) {
        len = (size < (off_t) sizeof(buf)) ? (size_t) size : sizeof(buf);

        do {
            n = pread(fd, buf, len, size - (off_t) len);
        } while (n == -1 && errno == EINTR);

        if (n == -1) {
            return CLAUDE_IO;
        }

        while (n && buf[n - 1] != '\n') {
            n--;
        }

        if (n) {
            size += n - (off_t) len;
            break;
        }
    }

    *lines = size;

    return CLAUDE_OK;
}


claude_rc_t
claude_file_dir(const char *path, char *dir, size_t size)
{
    size_t       len;
    const char  *slash;

    slash = strrchr(path, '/');

    if (slash == NULL) {
        path = ".";
        len = 1;

    } else {
        len = (slash == path) ? 1 : (size_t) (slash - path);
    }

    if (len >= size) {
        return CLAUDE_TOO_LARGE;
    }

    memcpy(dir, path, len);
    dir[len] = '\0';

    return CLAUDE_OK;
}


claude_rc_t
claude_file_sync_dir(const char *path)
{
    int   fd, err;
    char  dir[PATH_MAX];

    if (claude_file_dir(path, dir, sizeof(dir)) != CLAUDE_OK) {
        errno = ENAMETOOLONG;
        return CLAUDE_IO;
    }

    fd = open(dir, O_RDONLY|O_DIRECTORY|O_CLOEXEC);

    if (fd == -1) {
        return CLAUDE_IO;
    }

    err = (fsync(fd) == -1) ? errno : 0;

    close(fd);

    errno = err;

    return err ? CLAUDE_IO : CLAUDE_OK;
}


/* a link can't replace what is there, as a rename would */

claude_rc_t
claude_file_create(const char *path, const void *data, size_t len, uid_t uid,
    gid_t gid)
{
    int            fd, n, err;
    char           temp[PATH_MAX];
    claude_rc_t    rc;
    unsigned char  tail[8];

    claude_base62_random(tail, sizeof(tail));

    n = snprintf(temp, sizeof(temp), "%s.%.8s", path, (char *) tail);

    if (n < 0 || (size_t) n >= sizeof(temp)) {
        errno = ENAMETOOLONG;
        return CLAUDE_IO;
    }

    fd = open(temp, O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0600);

    if (fd == -1) {
        return CLAUDE_IO;
    }

    rc = claude_file_fill(fd, data, len, uid, gid);

    if (rc == CLAUDE_OK && link(temp, path) == -1) {
        rc = CLAUDE_IO;
    }

    err = errno;

    close(fd);
    unlink(temp);

    errno = err;

    return (rc == CLAUDE_OK) ? claude_file_sync_dir(path) : rc;
}


/* the mode again: a umask may have taken the owner's bits */

static claude_rc_t
claude_file_fill(int fd, const void *data, size_t len, uid_t uid, gid_t gid)
{
    struct stat  st;

    if (claude_file_write(fd, data, len, 0) != CLAUDE_OK
        || fchmod(fd, 0600) == -1 || fstat(fd, &st) == -1)
    {
        return CLAUDE_IO;
    }

    uid = (uid == CLAUDE_FILE_NONE) ? st.st_uid : uid;
    gid = (gid == (gid_t) CLAUDE_FILE_NONE) ? st.st_gid : gid;

    if ((uid != st.st_uid || gid != st.st_gid) && fchown(fd, uid, gid) == -1) {
        return CLAUDE_IO;
    }

    return (fsync(fd) == -1) ? CLAUDE_IO : CLAUDE_OK;
}
