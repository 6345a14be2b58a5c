
#define _GNU_SOURCE

#include "key_log.h"


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


int
main(void)
{
    umask(022);
    log_begin();

    test_create();
    test_check();
    test_read();
    test_damage();

    log_end();

    return done_testing();
}
