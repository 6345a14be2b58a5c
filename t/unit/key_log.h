
/*
 * A key log in a directory of its own, for unit programs about it.
 */


#ifndef CLAUDE_TEST_KEY_LOG_H
#define CLAUDE_TEST_KEY_LOG_H


#include "tap.h"

#include "claude_log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>


static char              log_dir[] = "/tmp/claude_log_test.XXXXXX";
static char              log_path[64];
static char              log_temp[96];
static claude_header_t   log_header;
static claude_secrets_t  log_secrets;


/* what a handler saw */

typedef struct {
    unsigned               headers;
    unsigned               changes;
    unsigned               fail_at;     /* the change that is refused */
    claude_log_pos_t      *pos;
    uint64_t               offset;      /* pos at the last change */
    uint64_t               line;
    claude_change_t        last;
} seen_t;


static claude_rc_t
see_header(void *ctx, const claude_header_t *header)
{
    seen_t  *seen = ctx;

    seen->headers++;

    return memcmp(header->store_id, log_header.store_id, CLAUDE_STORE_ID_LEN)
           ? CLAUDE_INVALID : CLAUDE_OK;
}


static claude_rc_t
see_change(void *ctx, const claude_change_t *change)
{
    seen_t  *seen = ctx;

    if (++seen->changes == seen->fail_at) {
        return CLAUDE_TOO_LARGE;
    }

    seen->last = *change;

    if (seen->pos) {
        seen->offset = seen->pos->offset;
        seen->line = seen->pos->line;
    }

    return CLAUDE_OK;
}


static TAP_UNUSED claude_log_handler_t
see(seen_t *seen, claude_log_pos_t *pos)
{
    claude_log_handler_t  handler = { see_header, see_change, seen };

    memset(seen, 0, sizeof(seen_t));
    seen->pos = pos;

    return handler;
}


/* a directory, and in it no log yet */

static void
log_begin(void)
{
    claude_master_t  master;

    if (sodium_init() == -1 || mkdtemp(log_dir) == NULL) {
        bail("can't begin: %s", strerror(errno));
    }

    snprintf(log_path, sizeof(log_path), "%s/keys.jsonl", log_dir);
    snprintf(log_temp, sizeof(log_temp), "%s.compact", log_path);

    master.n = 1;
    randombytes_buf(master.keys[0], CLAUDE_SECRET_LEN);
    claude_header_create(&log_header, &log_secrets, &master, 1795508327);
}


/* an empty log instead of what is there */

static TAP_UNUSED void
log_fresh(void)
{
    claude_log_error_t  error;

    (void) unlink(log_path);

    if (claude_log_create(log_path, &log_header, -1, -1, &error)
        != CLAUDE_OK)
    {
        bail("%s %s: %s", log_path, error.reason, strerror(error.sys));
    }
}


/* bytes at the end of the log, past all of its code */

static TAP_UNUSED void
log_add(const char *text)
{
    int     fd;
    size_t  len;

    len = strlen(text);
    fd = open(log_path, O_WRONLY|O_APPEND);

    if (fd == -1 || write(fd, text, len) != (ssize_t) len) {
        bail("%s: %s", log_path, strerror(errno));
    }

    close(fd);
}


static TAP_UNUSED off_t
log_size(void)
{
    struct stat  st;

    return (stat(log_path, &st) == 0) ? st.st_size : -1;
}


static TAP_UNUSED claude_change_t
new_put(void)
{
    claude_str_t     name = claude_string("a name");
    claude_str_t     token = claude_string("sk-ant-oat01-AAAAAAAAAAAAAAAA");
    unsigned char    key[CLAUDE_KEY_LEN];
    claude_change_t  change;

    memset(&change, 0, sizeof(change));
    change.op = CLAUDE_OP_PUT;

    if (claude_record_create(&log_secrets, &name, &token, 1795508327,
                             &change.record, key) != CLAUDE_OK)
    {
        bail("no record");
    }

    return change;
}


static TAP_UNUSED claude_change_t
new_use(const claude_change_t *of, int64_t time)
{
    claude_change_t  change = *of;

    change.op = CLAUDE_OP_USE;
    change.record.last_used = time;

    return change;
}


static TAP_UNUSED claude_change_t
new_delete(const claude_change_t *of)
{
    claude_change_t  change = *of;

    change.op = CLAUDE_OP_DELETE;

    return change;
}


/* appends whatever stands before */

static TAP_UNUSED claude_rc_t
append(const claude_change_t *changes, size_t n)
{
    unsigned              torn;
    claude_rc_t           rc;
    claude_log_pos_t      pos;
    claude_log_error_t    error;
    claude_log_handler_t  handler = { NULL, NULL, NULL };

    memset(&pos, 0, sizeof(pos));

    rc = claude_log_append(log_path, &pos, changes, n, 10000, &handler, NULL,
                           &torn, &error);

    if (rc != CLAUDE_OK) {
        note("append: %d, line %llu, %s, %s", rc,
             (unsigned long long) error.line,
             error.reason ? error.reason : "", strerror(error.sys));
    }

    return rc;
}


static TAP_UNUSED claude_rc_t
read_all(claude_log_pos_t *pos, seen_t *seen, claude_log_error_t *error)
{
    claude_log_handler_t  handler;

    handler = see(seen, pos);

    return claude_log_read(log_path, pos, 0, &handler, error);
}


/* a child that holds a lock until it is killed */

static TAP_UNUSED pid_t
hold(const char *path, int lock)
{
    int    fds[2], fd;
    char   c = 0;
    pid_t  pid;

    if (pipe(fds) == -1 || (pid = fork()) == -1) {
        bail("fork: %s", strerror(errno));
    }

    if (pid == 0) {
        fd = open(path, O_RDWR);

        if (fd == -1 || flock(fd, lock) == -1 || write(fds[1], &c, 1) != 1) {
            _exit(1);
        }

        for ( ;; ) {
            pause();
        }
    }

    close(fds[1]);

    if (read(fds[0], &c, 1) != 1) {
        bail("the child has no lock");
    }

    close(fds[0]);

    return pid;
}


static TAP_UNUSED void
release(pid_t pid)
{
    kill(pid, SIGKILL);
    (void) waitpid(pid, NULL, 0);
}


/* waits for a condition, for 20 s */

#define wait_for(cond)                                                        \
    for (int tries_ = 0; !(cond); tries_++) {                                 \
        if (tries_ == 20000) {                                                \
            bail("waited in vain for " #cond);                                \
        }                                                                     \
        usleep(1000);                                                         \
    }


/* nothing but the log may be left behind */

static void
log_end(void)
{
    (void) unlink(log_path);
    is(rmdir(log_dir), 0, "no temporary file stays");
}


#endif /* CLAUDE_TEST_KEY_LOG_H */
