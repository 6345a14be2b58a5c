
#define _GNU_SOURCE

#include "key_log.h"

#include <dirent.h>
#include <sys/mount.h>
#include <sys/resource.h>


static claude_log_error_t  error;


/* what decide sees and does */

typedef struct {
    seen_t                 seen;
    claude_rc_t            rc;
    unsigned               calls;
    unsigned               before;      /* changes seen by then */
    claude_change_t       *fill;
    claude_change_t        with;
} decision_t;


static claude_rc_t
decide(void *ctx)
{
    decision_t  *decision = ctx;

    decision->calls++;
    decision->before = decision->seen.changes;

    if (decision->fill) {
        *decision->fill = decision->with;
    }

    return decision->rc;
}


static void
test_append(void)
{
    off_t                 end;
    seen_t                seen;
    unsigned              torn;
    decision_t            decision;
    claude_change_t       one[2], change;
    claude_log_pos_t      pos, all;
    claude_log_handler_t  handler;

    log_fresh();
    memset(&pos, 0, sizeof(pos));
    memset(&decision, 0, sizeof(decision));
    handler = see(&decision.seen, &pos);

    one[0] = new_put();
    one[1] = new_put();
    is(append(one, 1), CLAUDE_OK, "somebody appends one");

    change = new_delete(&one[0]);
    is(claude_log_append(log_path, &pos, &change, 1, 1000, &handler, decide,
                         &torn, &error), CLAUDE_OK, "and we append another");
    is(decision.calls, 1, "decide is asked once");
    is(decision.before, 1, "when all before is known");
    is(decision.seen.headers, 1, "the header too");
    is(decision.seen.changes, 2, "what is written is told too");
    is(decision.seen.last.op, CLAUDE_OP_DELETE, "after decide");
    is(decision.seen.offset, log_size(), "with the position behind it");
    is(pos.offset, log_size(), "where we stand");
    is(pos.line, 3, "in lines too");
    is(torn, 0, "nothing was torn");

    end = log_size();
    decision.rc = CLAUDE_DECLINED;
    is(claude_log_append(log_path, &pos, one, 2, 1000, &handler, decide,
                         &torn, &error), CLAUDE_DECLINED, "decide refuses");
    is(log_size(), end, "nothing is written");
    is(decision.seen.changes, 2, "nothing is told");
    is_str(error.reason, NULL, "it has its own reason");

    decision.rc = CLAUDE_OK;
    decision.fill = &change;
    decision.with = one[1];
    is(claude_log_append(log_path, &pos, &change, 1, 1000, &handler, decide,
                         &torn, &error), CLAUDE_OK, "decide fills it in");
    is_mem(&decision.seen.last, sizeof(change), &one[1], sizeof(change),
           "that is what is written");

    memset(&all, 0, sizeof(all));
    is(read_all(&all, &seen, &error), CLAUDE_DONE, "reading it again");
    is(seen.changes, 3, "gives three changes");
    is_mem(&all, sizeof(all), &pos, sizeof(pos), "up to the same position");
    is_mem(&seen.last, sizeof(change), &one[1], sizeof(change),
           "with the same last one");

    handler.change = NULL;
    is(claude_log_append(log_path, &pos, NULL, 0, 1000, &handler, NULL, &torn,
                         &error), CLAUDE_OK, "nothing may be appended too");
    is(log_size(), (off_t) pos.offset, "which changes nothing");

    unlink(log_path);
    is(claude_log_append(log_path, &pos, one, 1, 1000, &handler, NULL, &torn,
                         &error), CLAUDE_IO, "no log");
    is(error.sys, ENOENT, "is not made");
}


static void
test_torn(void)
{
    off_t                 end;
    seen_t                seen;
    unsigned              torn;
    claude_change_t       put;
    claude_log_pos_t      pos;
    claude_log_handler_t  handler;

    log_fresh();
    put = new_put();
    (void) append(&put, 1);
    end = log_size();
    log_add("{\"op\":\"delete\",\"id\":\"key_012");

    memset(&pos, 0, sizeof(pos));
    handler = see(&seen, &pos);
    is(claude_log_append(log_path, &pos, NULL, 0, 1000, &handler, NULL, &torn,
                         &error), CLAUDE_OK, "a torn line");
    is(torn, 1, "is told");
    is(log_size(), end, "and cut");

    log_add("{");
    put = new_put();
    is(claude_log_append(log_path, &pos, &put, 1, 1000, &handler, NULL, &torn,
                         &error), CLAUDE_OK, "another, before an append");
    is(torn, 1, "is told");

    is(claude_log_append(log_path, &pos, NULL, 0, 1000, &handler, NULL, &torn,
                         &error), CLAUDE_OK, "afterwards");
    is(torn, 0, "none is");

    memset(&pos, 0, sizeof(pos));
    is(read_all(&pos, &seen, &error), CLAUDE_DONE, "the log is whole");
    is(seen.changes, 2, "with both keys");
    is_mem(&seen.last, sizeof(put), &put, sizeof(put), "as they were");
}


static void
test_locked(void)
{
    pid_t                 pid;
    seen_t                seen;
    unsigned              torn;
    claude_change_t       put;
    claude_log_pos_t      pos;
    claude_log_handler_t  handler;

    log_fresh();
    put = new_put();
    memset(&pos, 0, sizeof(pos));
    handler = see(&seen, &pos);

    pid = hold(log_path, LOCK_EX);
    log_add("{\"op\":\"delete\",\"id\":\"key_0123456789abcdefghij\"}\n");

    is(claude_log_append(log_path, &pos, &put, 1, 50, &handler, NULL, &torn,
                         &error), CLAUDE_BUSY, "somebody writes");
    is_str(error.reason, "is locked by another process", "is told");
    is(claude_log_read(log_path, &pos, 0, &handler, &error), CLAUDE_BUSY,
       "a line that may be cut back yet is not seen");
    is(seen.changes, 0, "by anybody");
    is(claude_log_compact(log_path, 50, &error), CLAUDE_BUSY,
       "nor is the log compacted");
    release(pid);

    is(claude_log_read(log_path, &pos, 0, &handler, &error), CLAUDE_DONE,
       "it is when the lock is gone");
    is(seen.changes, 1, "for good");

    pid = hold(log_path, LOCK_SH);
    is(claude_log_read(log_path, &pos, 0, &handler, &error), CLAUDE_DONE,
       "readers don't mind each other");
    is(claude_log_append(log_path, &pos, &put, 1, 50, &handler, NULL, &torn,
                         &error), CLAUDE_BUSY, "but a writer waits");
    release(pid);
}


/* whether a process has this file open */

static int
has_open(pid_t pid, const char *path)
{
    int             found;
    DIR            *dir;
    char            name[300], target[128];
    ssize_t         n;
    struct dirent  *entry;

    snprintf(name, sizeof(name), "/proc/%d/fd", (int) pid);
    dir = opendir(name);
    found = 0;

    while (dir && (entry = readdir(dir)) != NULL) {
        snprintf(name, sizeof(name), "/proc/%d/fd/%.200s", (int) pid,
                 entry->d_name);
        n = readlink(name, target, sizeof(target));
        found |= (n == (ssize_t) strlen(path) && memcmp(target, path, n) == 0);
    }

    if (dir) {
        closedir(dir);
    }

    return found;
}


/* the log is replaced while an append waits for the lock on the old one */

static void
test_replaced(void)
{
    int               status;
    off_t             size;
    pid_t             holder, child;
    char              old[96];
    seen_t            seen;
    claude_change_t   put;
    claude_log_pos_t  pos;

    log_fresh();
    put = new_put();
    holder = hold(log_path, LOCK_EX);
    child = fork();

    if (child == 0) {
        _exit(append(&put, 1) == CLAUDE_OK ? 0 : 1);
    }

    wait_for(has_open(child, log_path));

    snprintf(old, sizeof(old), "%s.old", log_path);
    (void) rename(log_path, old);
    log_fresh();
    size = log_size();
    release(holder);

    (void) waitpid(child, &status, 0);
    is(status, 0, "an append succeeds");

    memset(&pos, 0, sizeof(pos));
    is(read_all(&pos, &seen, &error), CLAUDE_DONE, "in the new file");
    is(seen.changes, 1, "and there alone");

    (void) rename(old, log_path);
    is(log_size(), size, "not in the old one");
}


/*
 * In a child that may write no further than limit bytes: the append fails in
 * the middle, and what it wrote is cut back.
 */

static int
append_in_child(off_t limit, const claude_change_t *changes, size_t n)
{
    int                   status;
    pid_t                 pid;
    unsigned              torn;
    claude_rc_t           rc;
    struct rlimit         rl;
    claude_log_pos_t      pos;
    claude_log_handler_t  handler = { NULL, NULL, NULL };

    pid = fork();

    if (pid == 0) {
        signal(SIGXFSZ, SIG_IGN);
        rl.rlim_cur = rl.rlim_max = limit;
        memset(&pos, 0, sizeof(pos));

        if (setrlimit(RLIMIT_FSIZE, &rl) == -1) {
            _exit(100);
        }

        rc = claude_log_append(log_path, &pos, changes, n, 1000, &handler,
                               NULL, &torn, &error);

        _exit((rc == CLAUDE_IO && error.sys == EFBIG) ? 1 : rc ? 99 : 0);
    }

    if (pid == -1 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) {
        return -1;
    }

    return WEXITSTATUS(status);
}


static void
test_full(void)
{
    int               i, cut;
    off_t             end, one;
    seen_t            seen;
    claude_change_t   changes[3];
    claude_log_pos_t  pos;

    log_fresh();

    for (i = 0; i < 3; i++) {
        changes[i] = new_put();
    }

    one = log_size();
    (void) append(changes, 1);
    end = log_size();
    one = end - one;
    cut = 0;

    for (i = 0; i < 2; i++) {
        is(append_in_child(end + 1 + i * one, changes + 1, 2), 1,
           "no room for line %d", i + 1);
        cut += (log_size() == end);
    }

    is(cut, 2, "a failed append is cut back");
    is(append_in_child(end + 2 * one, changes + 1, 2), 0, "there is room");

    memset(&pos, 0, sizeof(pos));
    is(read_all(&pos, &seen, &error), CLAUDE_DONE, "the log is whole");
    is(seen.changes, 3, "with what was acknowledged");
}


/* the same on a file system that is full, where one can be mounted */

static void
test_no_space(void)
{
    off_t                 end;
    seen_t                seen;
    unsigned              torn, written;
    claude_rc_t           rc;
    claude_change_t       put;
    claude_log_pos_t      pos;
    claude_log_handler_t  handler = { NULL, NULL, NULL };

    if (mount("tmpfs", log_dir, "tmpfs", 0, "size=16k,mode=0700") == -1) {
        note("no tmpfs can be mounted here: %s", strerror(errno));
        return;
    }

    log_fresh();
    memset(&pos, 0, sizeof(pos));

    for (written = 0; written < 1000; written++) {
        put = new_put();
        end = log_size();
        rc = claude_log_append(log_path, &pos, &put, 1, 1000, &handler, NULL,
                               &torn, &error);

        if (rc != CLAUDE_OK) {
            break;
        }
    }

    is(rc, CLAUDE_IO, "a full disk");
    is(error.sys, ENOSPC, "is told");
    is(log_size(), end, "what was written is cut back");

    memset(&pos, 0, sizeof(pos));
    is(read_all(&pos, &seen, &error), CLAUDE_DONE, "the log is whole");
    is(seen.changes, written, "with all that was acknowledged");

    end = log_size();
    is(claude_log_compact(log_path, 1000, &error), CLAUDE_IO,
       "no room for another beside it");
    is(error.sys, ENOSPC, "is told");
    is(log_size(), end, "the log stays");
    ok(access(log_temp, F_OK) == -1, "what was begun doesn't");

    (void) umount2(log_dir, MNT_DETACH);
}


int
main(void)
{
    umask(022);
    log_begin();

    test_append();
    test_torn();
    test_locked();
    test_replaced();
    test_full();
    test_no_space();

    log_end();

    return done_testing();
}
