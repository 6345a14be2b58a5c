
#include "claude_keys.h"

#include "../core/claude_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>


static claude_rc_t claude_keys_decide(void *ctx);


claude_master_t *
claude_keys_master(const char *path)
{
    unsigned             line;
    claude_master_t     *master;
    claude_master_rc_e   rc;

    master = sodium_malloc(sizeof(claude_master_t));

    if (master == NULL) {
        (void) claude_keys_error(CLAUDE_KEYS_FAILED, "no memory for secrets");
        return NULL;
    }

    rc = claude_master_read(path, master, &line);

    if (rc == CLAUDE_MASTER_OK) {
        return master;
    }

    sodium_free(master);

    if (rc == CLAUDE_MASTER_MISSING || rc == CLAUDE_MASTER_IO) {
        (void) claude_keys_error(CLAUDE_KEYS_FAILED, "%s %s: %s", path,
                                 claude_master_reason(rc), strerror(errno));

    } else if (line) {
        (void) claude_keys_error(CLAUDE_KEYS_FAILED, "%s:%u: %s", path, line,
                                 claude_master_reason(rc));

    } else {
        (void) claude_keys_error(CLAUDE_KEYS_FAILED, "%s %s", path,
                                 claude_master_reason(rc));
    }

    return NULL;
}


claude_secrets_t *
claude_keys_secrets(const claude_keys_args_t *args,
    const claude_master_t *master, const claude_header_t *header)
{
    unsigned           which;
    claude_secrets_t  *secrets;

    secrets = sodium_malloc(sizeof(claude_secrets_t));

    if (secrets == NULL) {
        (void) claude_keys_error(CLAUDE_KEYS_FAILED, "no memory for secrets");
        return NULL;
    }

    if (claude_header_open(header, master, secrets, &which) == CLAUDE_OK) {
        return secrets;
    }

    sodium_free(secrets);

    (void) claude_keys_error(CLAUDE_KEYS_FAILED,
                             "%s:1: no key of %s opens its wrapped keys",
                             args->store, args->master);

    return NULL;
}


/* not through stdio, which would keep a copy */

claude_str_t
claude_keys_token(const claude_keys_args_t *args)
{
    int             fd;
    ssize_t         n;
    claude_str_t    token = { 0, NULL };
    unsigned char  *buf;

    fd = (args->given & CLAUDE_KEYS_OPT_STDIN)
         ? STDIN_FILENO : open(args->token_file, O_RDONLY|O_CLOEXEC);

    if (fd == -1) {
        (void) claude_keys_error(CLAUDE_KEYS_FAILED, "%s can't be opened: %s",
                                 args->token_file, strerror(errno));
        return token;
    }

    buf = sodium_malloc(CLAUDE_TOKEN_MAX + 2);
    n = buf ? claude_file_read(fd, buf, CLAUDE_TOKEN_MAX + 2) : -1;

    if (n == -1) {
        (void) claude_keys_error(CLAUDE_KEYS_FAILED,
                                 "the credential can't be read: %s",
                                 strerror(errno));
        goto failed;
    }

    if (n && buf[n - 1] == '\n') {
        n--;
    }

    if (claude_token_form(buf, n) == CLAUDE_TOKEN_MALFORMED) {
        (void) claude_keys_error(CLAUDE_KEYS_FAILED,
                                 "this is no credential: it is %d to %d "
                                 "characters that begin with "
                                 CLAUDE_TOKEN_OAUTH_PREFIX " or "
                                 CLAUDE_TOKEN_API_KEY_PREFIX,
                                 CLAUDE_TOKEN_MIN, CLAUDE_TOKEN_MAX);
        goto failed;
    }

    token.data = buf;
    token.len = n;
    buf = NULL;

failed:

    sodium_free(buf);

    if (fd != STDIN_FILENO) {
        close(fd);
    }

    return token;
}


/* root works on the log of whoever owns it, others on their own only */

claude_keys_exit_e
claude_keys_trust(const claude_keys_args_t *args, unsigned *missing)
{
    uid_t               uid;
    claude_rc_t         rc;
    struct stat         st;
    claude_log_error_t  error;

    uid = geteuid();

    if (uid == 0 && lstat(args->store, &st) == 0) {
        uid = st.st_uid;
    }

    rc = claude_log_check(args->store, uid, &error);

    if (missing) {
        *missing = (rc == CLAUDE_IO && error.sys == ENOENT);

        if (*missing) {
            return CLAUDE_KEYS_OK;
        }
    }

    /* what can't be trusted is not damaged: its lines were not looked at */

    if (rc != CLAUDE_OK) {
        (void) claude_keys_log_error(args->store, rc, &error);
        return CLAUDE_KEYS_FAILED;
    }

    return CLAUDE_KEYS_OK;
}


/* the log belongs to whom its directory belongs */

claude_keys_exit_e
claude_keys_create(const claude_keys_args_t *args,
    const claude_master_t *master)
{
    char                dir[PATH_MAX];
    claude_rc_t         rc;
    struct stat         st;
    claude_header_t     header;
    claude_secrets_t   *secrets;
    claude_log_error_t  error;

    if (claude_file_dir(args->store, dir, sizeof(dir)) != CLAUDE_OK) {
        return claude_keys_error(CLAUDE_KEYS_FAILED,
                                 "the name of the key log is too long");
    }

    if (stat(dir, &st) == -1) {
        return claude_keys_error(CLAUDE_KEYS_FAILED, "%s: %s", dir,
                                 strerror(errno));
    }

    secrets = sodium_malloc(sizeof(claude_secrets_t));

    if (secrets == NULL) {
        return claude_keys_error(CLAUDE_KEYS_FAILED, "no memory for secrets");
    }

    claude_header_create(&header, secrets, master, time(NULL));
    sodium_free(secrets);

    rc = claude_log_create(args->store, &header,
                           geteuid() ? (uid_t) -1 : st.st_uid,
                           geteuid() ? (gid_t) -1 : st.st_gid, &error);

    return (rc == CLAUDE_OK) ? CLAUDE_KEYS_OK
                             : claude_keys_log_error(args->store, rc, &error);
}


claude_keys_exit_e
claude_keys_load(const claude_keys_args_t *args, claude_live_log_t *log)
{
    claude_keys_exit_e  status;

    claude_live_log_init(log);

    status = claude_keys_trust(args, NULL);

    return (status == CLAUDE_KEYS_OK) ? claude_keys_reload(args, log) : status;
}


claude_keys_exit_e
claude_keys_reload(const claude_keys_args_t *args, claude_live_log_t *log)
{
    claude_rc_t         rc;
    claude_log_error_t  error;

    rc = claude_live_log_read(log, args->store, &error);

    return (rc == CLAUDE_OK) ? CLAUDE_KEYS_OK
                             : claude_keys_log_error(args->store, rc, &error);
}


/*
 * All of the log is read without the lock first.  Under it only what others
 * appended meanwhile is, and then the key is looked up.
 */

claude_keys_exit_e
claude_keys_edit(claude_keys_edit_t *edit, const claude_master_t *master)
{
    unsigned             torn;
    claude_rc_t          rc;
    claude_keys_exit_e   status;
    claude_log_error_t   error;
    claude_live_log_t   *log = &edit->log;

    status = claude_keys_load(edit->args, log);

    while (status == CLAUDE_KEYS_OK) {

        if (master) {
            edit->secrets = claude_keys_secrets(edit->args, master,
                                                &log->header);

            if (edit->secrets == NULL) {
                status = CLAUDE_KEYS_FAILED;
                break;
            }
        }

        rc = claude_log_append(edit->args->store, &log->pos, &edit->change, 1,
                               CLAUDE_KEYS_WAIT, &log->handler,
                               claude_keys_decide, &torn, &error);

        sodium_free(edit->secrets);
        edit->secrets = NULL;

        if (rc == CLAUDE_AGAIN) {
            status = claude_keys_reload(edit->args, log);
            continue;
        }

        if (rc != CLAUDE_OK && !edit->explained) {
            claude_live_log_explain(log, &error);
            status = claude_keys_log_error(edit->args->store, rc, &error);

        } else if (rc != CLAUDE_OK) {
            status = edit->found ? CLAUDE_KEYS_FAILED : CLAUDE_KEYS_NOT_FOUND;
        }

        break;
    }

    claude_live_log_free(log);

    return status;
}


static claude_rc_t
claude_keys_decide(void *ctx)
{
    claude_rc_t               rc;
    claude_log_error_t        error;
    claude_keys_edit_t       *edit = ctx;
    const claude_live_key_t  *key;

    edit->change.op = CLAUDE_OP_PUT;

    if (!edit->fresh) {
        key = claude_live_find(&edit->log.live, edit->args->id);

        edit->explained = 1;
        edit->found = (key != NULL);

        if (key == NULL) {
            if (!edit->quiet) {
                (void) claude_keys_no_key(edit->args);
            }

            return CLAUDE_DECLINED;
        }

        rc = claude_log_record(edit->args->store, &edit->log.pos, key->offset,
                               &edit->change.record, &error);

        if (rc != CLAUDE_OK) {
            (void) claude_keys_log_error(edit->args->store, rc, &error);
            return CLAUDE_INVALID;
        }

        edit->change.record.last_used = key->last_used;
        edit->explained = 0;
    }

    rc = edit->make(edit);

    if (rc != CLAUDE_OK) {
        edit->explained = 1;
    }

    return rc;
}
