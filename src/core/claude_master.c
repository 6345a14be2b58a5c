
#include "claude_seal.h"
#include "claude_file.h"

#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define CLAUDE_BASE64_KEY  44       /* 32 bytes in base64, padded */


static claude_master_rc_e claude_master_credential(const char *name, int *fd);
static unsigned claude_master_is_name(const char *name);
static claude_master_rc_e claude_master_open(const char *path, int *fd);
static claude_master_rc_e claude_master_parse(const unsigned char *text,
    size_t len, claude_master_t *master, unsigned *line);
static claude_master_rc_e claude_master_key(const unsigned char *text,
    size_t len, claude_master_t *master);


claude_master_rc_e
claude_master_read(const char *path, claude_master_t *master, unsigned *line)
{
    int                 fd, err;
    ssize_t             n;
    unsigned char       buf[CLAUDE_MASTER_FILE + 1];
    claude_master_rc_e  rc;

    *line = 0;
    sodium_memzero(master, sizeof(claude_master_t));

    n = sizeof(CLAUDE_MASTER_CREDENTIAL) - 1;

    rc = (strncmp(path, CLAUDE_MASTER_CREDENTIAL, n) == 0)
         ? claude_master_credential(path + n, &fd)
         : claude_master_open(path, &fd);

    if (rc != CLAUDE_MASTER_OK) {
        return rc;
    }

    n = claude_file_read(fd, buf, sizeof(buf));
    err = errno;

    if (n == -1) {
        rc = CLAUDE_MASTER_IO;

    } else if (n > CLAUDE_MASTER_FILE) {
        rc = CLAUDE_MASTER_FORMAT;

    } else {
        rc = claude_master_parse(buf, n, master, line);
    }

    if (rc != CLAUDE_MASTER_OK) {
        sodium_memzero(master, sizeof(claude_master_t));
    }

    sodium_memzero(buf, sizeof(buf));
    close(fd);
    errno = err;

    return rc;
}


const char *
claude_master_reason(claude_master_rc_e rc)
{
    switch (rc) {

    case CLAUDE_MASTER_OK:
        return "is sound";

    case CLAUDE_MASTER_MISSING:
        return "can't be opened";

    case CLAUDE_MASTER_SYMLINK:
        return "is a symbolic link";

    case CLAUDE_MASTER_NOT_FILE:
        return "is not a regular file";

    case CLAUDE_MASTER_OWNER:
        return "belongs to another user";

    case CLAUDE_MASTER_MODE:
        return "is accessible to group or others";

    case CLAUDE_MASTER_FORMAT:
        return "is not a list of keys of 32 bytes in base64";

    case CLAUDE_MASTER_NAME:
        return "is not the name of a credential: it may not be empty, a path, "
               "or have \":\", spaces or control characters";

    case CLAUDE_MASTER_NO_DIRECTORY:
        return "is not there: the environment has no CREDENTIALS_DIRECTORY, "
               "which systemd sets for units with LoadCredential=";

    case CLAUDE_MASTER_NO_CREDENTIAL:
        return "is not among the files of $CREDENTIALS_DIRECTORY";

    case CLAUDE_MASTER_IO:
        return "can't be read";
    }

    return "is in an unknown state";
}


static claude_master_rc_e
claude_master_credential(const char *name, int *fd)
{
    int                  n;
    char                 path[PATH_MAX];
    const char          *dir;
    claude_master_rc_e   rc;

    if (!claude_master_is_name(name)) {
        return CLAUDE_MASTER_NAME;
    }

    dir = getenv(CLAUDE_MASTER_DIRECTORY);

    if (dir == NULL || *dir != '/') {
        return CLAUDE_MASTER_NO_DIRECTORY;
    }

    n = snprintf(path, sizeof(path), "%s/%s", dir, name);

    if (n < 0 || (size_t) n >= sizeof(path)) {
        errno = ENAMETOOLONG;
        return CLAUDE_MASTER_MISSING;
    }

    rc = claude_master_open(path, fd);

    return (rc == CLAUDE_MASTER_MISSING && errno == ENOENT)
           ? CLAUDE_MASTER_NO_CREDENTIAL : rc;
}


/* as systemd names them */

static unsigned
claude_master_is_name(const char *name)
{
    const char  *p;

    for (p = name; *p; p++) {
        if (*p <= ' ' || *p > '~' || *p == '/' || *p == ':') {
            return 0;
        }
    }

    return p > name && p - name <= NAME_MAX && strcmp(name, ".") != 0
           && strcmp(name, "..") != 0;
}


static claude_master_rc_e
claude_master_open(const char *path, int *fd)
{
    switch (claude_file_open_secret(path, fd)) {

    case CLAUDE_SECRET_OK:
        return CLAUDE_MASTER_OK;

    case CLAUDE_SECRET_MISSING:
        return CLAUDE_MASTER_MISSING;

    case CLAUDE_SECRET_SYMLINK:
        return CLAUDE_MASTER_SYMLINK;

    case CLAUDE_SECRET_NOT_FILE:
        return CLAUDE_MASTER_NOT_FILE;

    case CLAUDE_SECRET_OWNER:
        return CLAUDE_MASTER_OWNER;

    case CLAUDE_SECRET_MODE:
        return CLAUDE_MASTER_MODE;

    default: /* CLAUDE_SECRET_IO */
        return CLAUDE_MASTER_IO;
    }
}


static claude_master_rc_e
claude_master_parse(const unsigned char *text, size_t len,
    claude_master_t *master, unsigned *line)
{
    unsigned              n;
    const unsigned char  *p, *lf, *end;

    end = text + len;
    n = 0;

    for (p = text; p < end; p = lf + 1) {
        n++;

        lf = memchr(p, '\n', end - p);

        if (lf == NULL) {
            lf = end;
        }

        if (p == lf || *p == '#') {
            continue;
        }

        if (claude_master_key(p, lf - p, master) != CLAUDE_MASTER_OK) {
            *line = n;
            return CLAUDE_MASTER_FORMAT;
        }
    }

    return master->n ? CLAUDE_MASTER_OK : CLAUDE_MASTER_FORMAT;
}


static claude_master_rc_e
claude_master_key(const unsigned char *text, size_t len,
    claude_master_t *master)
{
    size_t  n;

    if (len != CLAUDE_BASE64_KEY || master->n == CLAUDE_MASTER_MAX
        || sodium_base642bin(master->keys[master->n], CLAUDE_SECRET_LEN,
                             (const char *) text, len, NULL, &n, NULL,
                             sodium_base64_VARIANT_ORIGINAL) != 0
        || n != CLAUDE_SECRET_LEN)
    {
        return CLAUDE_MASTER_FORMAT;
    }

    master->n++;

    return CLAUDE_MASTER_OK;
}


claude_rc_t
claude_master_create(const char *path)
{
    char           text[CLAUDE_BASE64_KEY + 1];
    claude_rc_t    rc;
    unsigned char  key[CLAUDE_SECRET_LEN];

    randombytes_buf(key, sizeof(key));

    sodium_bin2base64(text, sizeof(text), key, sizeof(key),
                      sodium_base64_VARIANT_ORIGINAL);

    text[CLAUDE_BASE64_KEY] = '\n';

    rc = claude_file_create(path, text, sizeof(text), CLAUDE_FILE_NONE,
                            (gid_t) CLAUDE_FILE_NONE);

    sodium_memzero(key, sizeof(key));
    sodium_memzero(text, sizeof(text));

    return rc;
}
