
#define _GNU_SOURCE

#include "key_log.h"

#include "claude_live_log.h"


#define ROUNDS     40
#define APPENDERS  3
#define ALIVE_MAX  100000


static claude_log_error_t  error;


static claude_record_t
record_of(const claude_live_log_t *log, const claude_change_t *put)
{
    claude_record_t           record;
    const claude_live_key_t  *key;

    memset(&record, 0, sizeof(record));
    key = claude_live_find(&log->live, put->record.id);

    if (key && claude_log_record(log_path, &log->pos, key->offset, &record,
                                 &error) == CLAUDE_OK)
    {
        record.last_used = key->last_used;
    }

    return record;
}


static void
test_merge(void)
{
    int                i;
    off_t              size;
    seen_t             seen;
    size_t             cursor;
    struct stat        before, after;
    claude_change_t    puts[4], change;
    claude_record_t    record;
    claude_log_pos_t   old;
    claude_live_log_t  log;

    log_fresh();

    for (i = 0; i < 4; i++) {
        puts[i] = new_put();
    }

    (void) append(puts, 4);
    change = new_use(&puts[1], 1795600000);
    (void) append(&change, 1);
    change = new_delete(&puts[2]);
    (void) append(&change, 1);
    puts[0].record.enabled = 0;
    puts[0].record.last_used = 1795700000;
    (void) append(&puts[0], 1);
    change = new_use(&puts[0], 1795650000);
    (void) append(&change, 1);
    change = new_use(&puts[2], 1795650000);
    (void) append(&change, 1);
    log_add("{\"op\":\"del");

    memset(&old, 0, sizeof(old));
    (void) read_all(&old, &seen, &error);
    is(seen.changes, 9, "a log of nine changes and a torn one");

    if (geteuid() == 0) {
        (void) !chown(log_path, 1234, 2345);
    }

    chmod(log_path, 0700);
    (void) stat(log_path, &before);
    size = before.st_size;

    is(claude_log_compact(log_path, 1000, &error), CLAUDE_OK, "compacted");
    (void) stat(log_path, &after);
    ok(after.st_size < size, "it is smaller");
    is(after.st_uid, before.st_uid, "its owner stays");
    is(after.st_gid, before.st_gid, "its group");
    is(after.st_mode, before.st_mode, "its mode");
    ok(access(log_temp, F_OK) == -1, "nothing is left beside it");
    chmod(log_path, 0600);

    is(read_all(&old, &seen, &error), CLAUDE_AGAIN,
       "who read the old one begins again");
    is(seen.headers + seen.changes, 0, "nothing was read");
    is(read_all(&old, &seen, &error), CLAUDE_DONE, "now all is");
    is(seen.changes, 3, "a put for each live key");

    claude_live_log_init(&log);
    is(claude_live_log_read(&log, log_path, &error), CLAUDE_OK,
       "what is live");
    is(log.live.n, 3, "three keys");
    is(log.header.generation, 1, "compacted once");
    is_mem(log.header.wrapped, CLAUDE_WRAPPED_LEN, log_header.wrapped,
           CLAUDE_WRAPPED_LEN, "with the same wrapped keys");

    record = record_of(&log, &puts[0]);
    is_mem(&record, sizeof(record), &puts[0].record, sizeof(record),
           "the last put counts, an earlier use doesn't");

    puts[1].record.last_used = 1795600000;
    record = record_of(&log, &puts[1]);
    is_mem(&record, sizeof(record), &puts[1].record, sizeof(record),
           "a later use is merged");

    cursor = 0;
    is_mem(claude_live_next(&log.live, &cursor)->id, 24, puts[0].record.id,
           24, "they come in order: the first");
    is_mem(claude_live_next(&log.live, &cursor)->id, 24, puts[1].record.id,
           24, "the second");
    is_mem(claude_live_next(&log.live, &cursor)->id, 24, puts[3].record.id,
           24, "the fourth");
    ok(claude_live_next(&log.live, &cursor) == NULL, "and no more");

    old = log.pos;
    is(claude_log_compact(log_path, 1000, &error), CLAUDE_OK, "once more");
    is(claude_log_record(log_path, &old, 1000, &record, &error),
       CLAUDE_AGAIN, "a record is of one file only");

    claude_live_log_free(&log);
}


/* a file system that reuses inode numbers: the file with the number that a
 * reader knows is a later one */

static void
test_generation(void)
{
    seen_t            seen;
    struct stat       st;
    claude_change_t   put;
    claude_log_pos_t  pos;

    log_fresh();
    put = new_put();
    (void) append(&put, 1);
    (void) append(&put, 1);
    memset(&pos, 0, sizeof(pos));
    (void) read_all(&pos, &seen, &error);

    (void) claude_log_compact(log_path, 1000, &error);
    (void) append(&put, 1);
    (void) append(&put, 1);
    (void) stat(log_path, &st);
    pos.ino = st.st_ino;

    is(read_all(&pos, &seen, &error), CLAUDE_AGAIN,
       "another file with the same number is told apart");
    is(pos.offset, 0, "reading begins again");
    is(pos.generation, 1, "with that file");
}


static void
test_duplicates(void)
{
    off_t              size;
    claude_change_t    puts[2], rotated;
    claude_live_log_t  log;

    log_fresh();
    puts[0] = new_put();
    puts[1] = new_put();
    rotated = puts[0];
    memcpy(rotated.record.digest, new_put().record.digest, 32);

    (void) append(puts, 1);
    (void) append(&rotated, 1);
    memcpy(puts[1].record.digest, puts[0].record.digest, 32);
    (void) append(puts + 1, 1);

    claude_live_log_init(&log);
    is(claude_live_log_read(&log, log_path, &error), CLAUDE_OK,
       "a digest is free again after a rotation");
    is(log.live.n, 2, "two keys");

    (void) append(puts, 1);
    is(claude_live_log_read(&log, log_path, &error), CLAUDE_INVALID,
       "but of one key only");
    is_str(error.reason, "duplicate digest", "it is damage");
    is(error.line, 5, "of that line");

    size = log_size();
    is(claude_log_compact(log_path, 1000, &error), CLAUDE_INVALID,
       "which isn't compacted");
    is_str(error.reason, "duplicate digest", "with the reason");
    is(error.line, 5, "and the line");
    is(log_size(), size, "the log stays");
    ok(access(log_temp, F_OK) == -1, "nothing stays beside it");

    claude_live_log_free(&log);
}


static void
test_leftover(void)
{
    int  fd;

    log_fresh();
    fd = open(log_temp, O_WRONLY|O_CREAT|O_EXCL, 0644);

    if (fd == -1 || write(fd, "{\"format\":", 10) != 10) {
        bail("%s: %s", log_temp, strerror(errno));
    }

    (void) flock(fd, LOCK_EX);
    is(claude_log_compact(log_path, 1000, &error), CLAUDE_BUSY,
       "another compaction is at work");
    is_str(error.reason, "is being compacted by another process", "is told");
    is(access(log_temp, F_OK), 0, "its file stays");
    close(fd);

    is(claude_log_compact(log_path, 1000, &error), CLAUDE_OK,
       "what a killed one left is removed");
    ok(access(log_temp, F_OK) == -1, "for good");

    (void) !symlink(log_path, log_temp);
    is(claude_log_compact(log_path, 1000, &error), CLAUDE_OK,
       "a link is not followed");
    ok(access(log_temp, F_OK) == -1, "but removed");

    mkdir(log_temp, 0700);
    is(claude_log_compact(log_path, 1000, &error), CLAUDE_BUSY,
       "a directory is nobody's leftover");
    rmdir(log_temp);
}


/* with its LF, terminated; good until the next call */

static const char *
last_line(void)
{
    int           fd;
    char         *p;
    ssize_t       n;

    static char  buf[65536];

    fd = open(log_path, O_RDONLY);
    n = (fd == -1) ? -1 : read(fd, buf, sizeof(buf) - 1);

    if (n < 2) {
        bail("%s: %s", log_path, strerror(errno));
    }

    close(fd);
    buf[n] = '\0';
    p = memrchr(buf, '\n', n - 1);

    return p ? p + 1 : buf;
}


static off_t
temp_size(void)
{
    struct stat  st;

    return (stat(log_temp, &st) == 0) ? st.st_size : 0;
}


/* the lock of a reader keeps a compaction waiting where it would add what came
 * since it began */

static void
test_meanwhile(void)
{
    int                i, status;
    pid_t              holder, child;
    char               gone[80];
    const char        *line;
    claude_change_t    puts[3];
    claude_live_log_t  log;

    for (i = 0; i < 3; i++) {
        puts[i] = new_put();
    }

    /* what is to be added later, as a line */

    log_fresh();
    (void) append(&puts[2], 1);
    line = last_line();

    log_fresh();
    (void) append(puts, 2);

    holder = hold(log_path, LOCK_SH);
    child = fork();

    if (child == 0) {
        _exit(claude_log_compact(log_path, 10000, &error) == CLAUDE_OK
              ? 0 : 1);
    }

    wait_for(temp_size() > 0);
    snprintf(gone, sizeof(gone), "{\"op\":\"delete\",\"id\":\"%.24s\"}\n",
             (const char *) puts[0].record.id);
    log_add(line);
    log_add(gone);
    log_add("{\"op\":");
    release(holder);

    (void) waitpid(child, &status, 0);
    is(status, 0, "a compaction while others append");

    claude_live_log_init(&log);
    is(claude_live_log_read(&log, log_path, &error), CLAUDE_OK, "is sound");
    is(log.header.generation, 1, "compacted");
    is(log.live.n, 2, "two keys are left");
    ok(claude_live_find(&log.live, puts[0].record.id) == NULL,
       "one was deleted meanwhile");
    ok(claude_live_find(&log.live, puts[2].record.id) != NULL,
       "one was added");
    is(log_size(), (off_t) log.pos.offset, "a torn line is dropped");

    claude_live_log_free(&log);
}


/*
 * What appenders were told, and when: 'p' a put is durable, 'd' a delete is
 * about to be tried, 'D' it is durable.  One write a message: a pipe takes it
 * whole or not at all.
 */

typedef struct {
    char                   what;
    unsigned char          id[CLAUDE_KEY_ID_LEN];
} message_t;


static void
say(int fd, char what, const claude_change_t *change)
{
    message_t  message;

    message.what = what;
    memcpy(message.id, change->record.id, CLAUDE_KEY_ID_LEN);

    if (write(fd, &message, sizeof(message)) != sizeof(message)) {
        _exit(2);
    }
}


static void
appender(int fd)
{
    claude_change_t  put, gone;

    for ( ;; ) {
        put = new_put();

        if (append(&put, 1) != CLAUDE_OK) {
            _exit(3);
        }

        say(fd, 'p', &put);

        if (randombytes_uniform(2)) {
            continue;
        }

        gone = new_delete(&put);
        say(fd, 'd', &put);

        if (append(&gone, 1) != CLAUDE_OK) {
            _exit(4);
        }

        say(fd, 'D', &put);
    }
}


static void
compactor(void)
{
    claude_rc_t  rc;

    for ( ;; ) {
        rc = claude_log_compact(log_path, 10000, &error);

        if (rc != CLAUDE_OK && rc != CLAUDE_BUSY) {
            _exit(5);
        }
    }
}


/* all of them are killed at some moment; how many had failed before */

static unsigned
crash(int fds[2])
{
    int       i, status;
    pid_t     pids[APPENDERS + 1];
    unsigned  failed;

    for (i = 0; i <= APPENDERS; i++) {
        pids[i] = fork();

        if (pids[i] == -1) {
            bail("fork: %s", strerror(errno));
        }

        if (pids[i] == 0) {
            close(fds[0]);

            if (i == APPENDERS) {
                compactor();
            }

            appender(fds[1]);
        }
    }

    usleep(1000 + randombytes_uniform(40000));

    for (i = 0; i <= APPENDERS; i++) {
        kill(pids[i], SIGKILL);
    }

    for (i = 0, failed = 0; i <= APPENDERS; i++) {
        (void) waitpid(pids[i], &status, 0);

        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
            note("a process ended with status %d", status);
            failed++;
        }
    }

    return failed;
}


/* every message against what is live */

static void
test_crashes(void)
{
    int                       fds[2], round;
    size_t                    n, i;
    unsigned                  failed, unread, puts, deletes, lost, revived;
    message_t                *told, *said;
    claude_change_t           last;
    claude_live_log_t         log;
    const claude_live_key_t  *key;

    log_fresh();
    told = malloc(ALIVE_MAX * sizeof(message_t));

    if (told == NULL || pipe(fds) == -1) {
        bail("no room for what appenders say");
    }

    failed = unread = puts = deletes = lost = revived = 0;
    n = 0;
    (void) fcntl(fds[0], F_SETFL, O_NONBLOCK);
    (void) fcntl(fds[1], F_SETPIPE_SZ, 1 << 20);

    for (round = 0; round < ROUNDS; round++) {
        failed += crash(fds);

        while (n < ALIVE_MAX
               && read(fds[0], &told[n], sizeof(message_t))
                  == sizeof(message_t))
        {
            n++;
        }

        claude_live_log_init(&log);
        unread += (claude_live_log_read(&log, log_path, &error)
                   != CLAUDE_OK);

        for (i = 0; i < n; i++) {
            said = &told[i];
            key = claude_live_find(&log.live, said->id);

            if (said->what == 'D') {
                revived += (key != NULL);
                deletes += (round == ROUNDS - 1);

            } else if (said->what == 'p') {
                puts += (round == ROUNDS - 1);
                lost += (key == NULL
                         && !(i + 1 < n && memmem(said + 1, (n - i - 1)
                                                  * sizeof(message_t),
                                                  said->id,
                                                  CLAUDE_KEY_ID_LEN)));
            }
        }

        claude_live_log_free(&log);
    }

    note("%u puts, %u deletes in %d rounds", puts, deletes, ROUNDS);
    ok(puts > ROUNDS, "there was something to lose");
    is(failed, 0, "nobody failed before it was killed");
    is(unread, 0, "the log was sound each time");
    is(lost, 0, "no acknowledged key was lost");
    is(revived, 0, "no deleted key was revived");

    last = new_put();
    is(append(&last, 1), CLAUDE_OK, "and life goes on");
    is(claude_log_compact(log_path, 1000, &error), CLAUDE_OK,
       "compactions too");

    close(fds[0]);
    close(fds[1]);
    free(told);
}


int
main(void)
{
    umask(022);
    log_begin();

    test_merge();
    test_generation();
    test_duplicates();
    test_leftover();
    test_meanwhile();
    test_crashes();

    log_end();

    return done_testing();
}
