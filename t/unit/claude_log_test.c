
#define _GNU_SOURCE

#include "key_log.h"

#include <dirent.h>
#include <sys/mount.h>
#include <sys/resource.h>


static claude_log_error_t  error;


static void
test_create(void)
{
    seen_t            seen;
    struct stat       st;
    claude_rc_t       rc;
    claude_log_pos_t  pos;

    umask(0277);
    rc = claude_log_create(log_path, &log_header, -1, -1, &error);
    umask(022);

    is(rc, CLAUDE_OK, "a new log");
    is(stat(log_path, &st), 0, "is there");
    is(st.st_mode & 07777, 0600, "mode 0600 whatever the umask");
    is(st.st_nlink, 1, "under one name");
    is(st.st_uid, geteuid(), "the caller's");

    memset(&pos, 0, sizeof(pos));
    is(read_all(&pos, &seen, &error), CLAUDE_DONE, "has an end");
    is(seen.headers, 1, "a header");
    is(seen.changes, 0, "and no changes");
    is(pos.offset, st.st_size, "all is read");
    is(pos.line, 1, "a line");

    is(claude_log_create(log_path, &log_header, -1, -1, &error), CLAUDE_IO,
       "is never overwritten");
    is(error.sys, EEXIST, "since there is one");
    is(log_size(), st.st_size, "which stays");

    unlink(log_path);

    if (geteuid() == 0) {
        is(claude_log_create(log_path, &log_header, 1234, 2345, &error),
           CLAUDE_OK, "a log for another user");
        is(stat(log_path, &st), 0, "is there");
        is(st.st_uid, 1234, "its owner");
        is(st.st_gid, 2345, "its group");
        is(st.st_mode & 07777, 0600, "its mode");
        unlink(log_path);
    }

    is(claude_log_create("/nonexistent/keys.jsonl", &log_header, -1, -1,
                         &error), CLAUDE_IO, "no directory");
    is(error.sys, ENOENT, "is told");
}


static void
checked(const char *reason, const char *name)
{
    claude_rc_t  rc;

    rc = claude_log_check(log_path, geteuid(), &error);

    is(rc, reason ? CLAUDE_INVALID : CLAUDE_OK, "%s", name);
    is_str(error.reason, reason, "%s: the reason", name);
}


static void
test_check(void)
{
    seen_t            seen;
    claude_log_pos_t  pos;

    memset(&pos, 0, sizeof(pos));
    log_fresh();
    checked(NULL, "a new log is sound");

    chmod(log_path, 0640);
    checked("is accessible to group or others", "readable by group");
    chmod(log_path, 0602);
    checked("is accessible to group or others", "writable by others");
    chmod(log_path, 0600);

    chmod(log_dir, 0755);
    checked(NULL, "a directory to look into");
    chmod(log_dir, 0770);
    checked("lies in a directory that group or others may write to",
            "a directory that group may write to");
    chmod(log_dir, 0707);
    checked("lies in a directory that group or others may write to",
            "one that others may write to");
    chmod(log_dir, 0700);

    is(claude_log_check(log_path, geteuid() + 1, &error), CLAUDE_INVALID,
       "not for another user");
    is_str(error.reason, "belongs to another user", "whose it isn't");

    if (geteuid() == 0) {
        (void) !chown(log_path, 1234, -1);
        checked("belongs to another user", "a stranger's log");
        is(claude_log_check(log_path, 1234, &error), CLAUDE_INVALID,
           "a log in a stranger's directory");
        is_str(error.reason, "lies in a directory of another user", "is told");

        (void) !chown(log_dir, 1234, -1);
        is(claude_log_check(log_path, 1234, &error), CLAUDE_OK,
           "all of it another user's");

        chmod(log_dir, 0500);
        is(claude_log_check(log_path, 1234, &error), CLAUDE_INVALID,
           "who may not write there");
        is_str(error.reason,
               "lies in a directory that its owner can't write to", "is told");

        chmod(log_dir, 0700);
        (void) !chown(log_dir, 0, -1);
    }

    rename(log_path, log_temp);
    (void) !symlink(log_temp, log_path);
    checked("is a symbolic link", "a link");
    is(append(NULL, 0), CLAUDE_IO, "which isn't followed");
    unlink(log_path);

    mkdir(log_path, 0700);
    checked("is not a regular file", "a directory");
    rmdir(log_path);

    is(claude_log_check(log_path, geteuid(), &error), CLAUDE_IO, "nothing");
    is(error.sys, ENOENT, "is told");

    (void) !mkfifo(log_path, 0600);
    is(append(NULL, 0), CLAUDE_INVALID, "a FIFO is no log");
    is(read_all(&pos, &seen, &error), CLAUDE_INVALID, "and hangs no reader");
    unlink(log_path);
    unlink(log_temp);
}


static void
test_read(void)
{
    int                   i;
    off_t                 end;
    seen_t                seen;
    claude_change_t       changes[5];
    claude_log_pos_t      pos, before;
    claude_log_handler_t  handler;

    log_fresh();
    memset(&pos, 0, sizeof(pos));
    handler = see(&seen, &pos);

    for (i = 0; i < 5; i++) {
        changes[i] = new_put();
    }

    is(append(changes, 5), CLAUDE_OK, "five keys");

    is(claude_log_read(log_path, &pos, 2, &handler, &error), CLAUDE_OK,
       "two at a time: there is more");
    is(seen.headers, 1, "with the header");
    is(seen.changes, 2, "just two");
    is(pos.line, 3, "three lines");
    is(seen.offset, pos.offset, "the handler saw the position behind it");
    is(seen.line, 3, "and its line");
    is_mem(&seen.last, sizeof(seen.last), &changes[1], sizeof(seen.last),
           "the second key is as it was written");

    is(claude_log_read(log_path, &pos, 2, &handler, &error), CLAUDE_OK,
       "two more");
    is(claude_log_read(log_path, &pos, 2, &handler, &error), CLAUDE_DONE,
       "the last");
    is(seen.headers, 1, "the header came once");
    is(seen.changes, 5, "five changes");
    is(pos.offset, log_size(), "all is read");
    is(claude_log_read(log_path, &pos, 2, &handler, &error), CLAUDE_DONE,
       "nothing new");
    is(seen.changes, 5, "is told to nobody");

    end = log_size();
    log_add("{\"op\":\"delete\",\"id\":\"key_0123456789abcd");
    is(claude_log_read(log_path, &pos, 0, &handler, &error), CLAUDE_DONE,
       "a line without an end");
    is(pos.offset, end, "is left alone");

    log_add("efghij\"}\n");
    is(claude_log_read(log_path, &pos, 0, &handler, &error), CLAUDE_DONE,
       "now it has one");
    is(seen.last.op, CLAUDE_OP_DELETE, "and is read");

    memset(&pos, 0, sizeof(pos));
    handler = see(&seen, &pos);
    seen.fail_at = 3;
    is(claude_log_read(log_path, &pos, 0, &handler, &error),
       CLAUDE_TOO_LARGE, "a handler may end it");
    is(error.line, 4, "at its line");
    is_str(error.reason, NULL, "with a reason of its own");
    is(pos.line, 3, "the position is before it");

    before = pos;
    handler = see(&seen, &pos);
    is(claude_log_read(log_path, &pos, 1, &handler, &error), CLAUDE_OK,
       "and reading goes on there");
    is_mem(&seen.last, sizeof(seen.last), &changes[2], sizeof(seen.last),
           "with the change that was refused");
    ok(before.offset < pos.offset, "the position moves on");
}


static void
damaged(const char *text, uint64_t line, const char *reason,
    const char *name)
{
    off_t             end;
    seen_t            seen;
    claude_rc_t       rc;
    claude_change_t   put;
    claude_log_pos_t  pos;

    log_fresh();
    put = new_put();
    (void) append(&put, 1);
    end = log_size();
    log_add(text);

    memset(&pos, 0, sizeof(pos));
    rc = read_all(&pos, &seen, &error);

    is(rc, CLAUDE_INVALID, "%s: is damage", name);
    is(error.line, line, "%s: its line", name);
    is(pos.offset, end, "%s: the position is before it", name);

    if (reason) {
        is_str(error.reason, reason, "%s: the reason", name);

    } else {
        ok(error.reason != NULL, "%s: has a reason", name);
    }

    end = log_size();
    is(append(&put, 1), CLAUDE_INVALID, "%s: nothing is appended", name);
    is(claude_log_compact(log_path, 1000, &error), CLAUDE_INVALID,
       "%s: nor is it compacted", name);
    is(error.line, line, "%s: with its line", name);
    is(log_size(), end, "%s: it stays as it is", name);
}


static void
test_damage(void)
{
    char              big[CLAUDE_LINE_MAX + 2];
    seen_t            seen;
    claude_change_t   put;
    claude_log_pos_t  pos;

    damaged("\n", 3, NULL, "an empty line");
    damaged("{\"op\":\"use\"}\n{}\n", 3, "lacks a name", "a short line");
    damaged("{\"op\":\"drop\",\"id\":\"key_0123456789abcdefghij\"}\n", 3,
            "op is none of put, use, delete", "an unknown op");

    memset(big, ' ', sizeof(big));
    big[CLAUDE_LINE_MAX] = '\n';
    big[CLAUDE_LINE_MAX + 1] = '\0';
    damaged(big, 3, "line is too long", "a long line");

    big[CLAUDE_LINE_MAX] = ' ';
    damaged(big, 3, "line is too long", "a long line without an end");

    log_fresh();
    (void) !truncate(log_path, 0);
    memset(&pos, 0, sizeof(pos));
    is(read_all(&pos, &seen, &error), CLAUDE_INVALID, "an empty file");
    is(error.line, 0, "as a whole");
    is_str(error.reason, "is empty", "is empty");

    log_fresh();
    (void) !truncate(log_path, log_size() - 1);
    is(read_all(&pos, &seen, &error), CLAUDE_INVALID, "a torn header");
    is(error.line, 1, "its line");
    is_str(error.reason, "has no whole header", "is not cut");
    is(append(NULL, 0), CLAUDE_INVALID, "by nobody");

    unlink(log_path);
    log_fresh();
    (void) !truncate(log_path, 0);
    log_add("{\"format\":\"claude-keys\",\"version\":2,\"next\":{}}\n");
    is(read_all(&pos, &seen, &error), CLAUDE_DECLINED, "a newer version");
    is(error.line, 1, "in line 1");
    is_str(error.reason, "version is newer than this program", "is told");

    log_fresh();
    put = new_put();
    (void) append(&put, 1);
    memset(&pos, 0, sizeof(pos));
    (void) read_all(&pos, &seen, &error);
    (void) !truncate(log_path, log_size() - 3);
    is(read_all(&pos, &seen, &error), CLAUDE_INVALID,
       "what was read is there no more");
    is_str(error.reason, "is shorter than what was read of it before",
           "is told");
}


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

    test_create();
    test_check();
    test_read();
    test_damage();
    test_append();
    test_torn();
    test_locked();
    test_replaced();
    test_full();
    test_no_space();

    log_end();

    return done_testing();
}
