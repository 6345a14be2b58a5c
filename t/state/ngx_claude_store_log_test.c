
/*
 * The store that is a key log, at work: appends, what others append, a log that
 * is compacted, damaged, moved away or locked.
 */


#include "store_log.h"


#define MANY  3000


static void
test_append(void)
{
    claude_change_t  one, two, three, four;

    new_file();
    start(1024 * 1024);

    one = put();
    two = put();
    three = put();

    is(a.ops->append(&a, &one, 1, done, NULL), NGX_OK, "an append begins");
    is(find(&one), NGX_CLAUDE_KEY_UNKNOWN, "nothing is visible at once");
    is(shim_run(), 1, "a task writes it");
    is(find(&one), NGX_CLAUDE_KEY_UNKNOWN, "from a task nothing is visible");

    a.ops->append(&a, &two, 1, done, NULL);
    a.ops->append(&a, &three, 1, done, NULL);
    is(shim_run(), 0, "a worker has one task at a time");

    shim_complete(0);
    is(done_n, 1, "then it is done");
    is(done_rc, CLAUDE_OK, "well");
    is(find(&one), NGX_CLAUDE_KEY_OK, "and visible");

    is(shim_run(), 1, "one more task");
    is(lines(), 4, "writes both others");
    shim_complete(0);
    is(done_n, 3, "which are done");
    is(find(&three), NGX_CLAUDE_KEY_OK, "and visible too");
    is(shim_run(), 0, "nothing is left to do");

    /* two workers: whoever is back first brings what both have written */

    one = put();
    two = put();
    done_n = 0;
    b.ops->append(&b, &one, 1, done, NULL);
    a.ops->append(&a, &two, 1, done, NULL);
    is(shim_run(), 2, "two workers write");
    shim_complete(1);
    is(done_n, 2, "they come back the other way round");
    is(find(&one) | find(&two), NGX_CLAUDE_KEY_OK, "all is visible");

    /* what one deletes while the other's put is on its way */

    one = put();
    two = gone(&one);
    a.ops->append(&a, &one, 1, done, NULL);
    shim_run();
    append(&two, 1);
    b.ops->tail(&b);
    shim_run();
    shim_complete(1);
    shim_settle();
    is(done_rc, CLAUDE_OK, "a put comes back late");
    is(find(&one), NGX_CLAUDE_KEY_UNKNOWN, "and revives nothing");

    /* a use, as the timer writes it */

    four = three;
    four.op = CLAUDE_OP_USE;
    four.record.last_used = 5000;
    done_n = 0;
    a.ops->append(&a, &four, 1, done, NULL);
    shim_settle();
    is(done_n, 1, "a use is written");

    stop();
    start(1024 * 1024);
    is(find(&three), NGX_CLAUDE_KEY_OK, "a restart finds what was written");
    is(find(&one), NGX_CLAUDE_KEY_UNKNOWN, "but not what was deleted");
    stop();
}


static void
test_compaction(void)
{
    claude_change_t  one, two, three;

    new_file();
    start(1024 * 1024);

    one = put();
    two = put();
    three = put();

    a.ops->append(&a, &one, 1, done, NULL);
    shim_settle();

    /* the log is compacted away under a key that was deleted unseen */

    append(&two, 1);
    b.ops->tail(&b);
    shim_settle();
    is(find(&two), NGX_CLAUDE_KEY_OK, "what others write is followed");

    two = gone(&two);
    append(&two, 1);
    compact();
    b.ops->tail(&b);
    shim_settle();
    is(find(&two), NGX_CLAUDE_KEY_UNKNOWN,
       "what was deleted before a compaction is gone");
    is(find(&one), NGX_CLAUDE_KEY_OK, "the others are not");

    /* before a task, and between a task and its return */

    done_n = 0;
    a.ops->append(&a, &three, 1, done, NULL);
    compact();
    shim_settle();
    is(done_n, 1, "an append outlives a compaction before it");
    is(find(&three), NGX_CLAUDE_KEY_OK, "and is visible");

    two = put();
    a.ops->append(&a, &two, 1, done, NULL);
    shim_run();
    compact();
    b.ops->tail(&b);
    shim_run();
    shim_complete(1);
    is(find(&two), NGX_CLAUDE_KEY_UNKNOWN, "one behind it is not yet visible");
    is(done_n, 1, "nor done");
    shim_settle();
    is(done_n, 2, "until the new file is read");
    is(done_rc, CLAUDE_OK, "well");
    is(find(&two), NGX_CLAUDE_KEY_OK, "it is visible then");

    /* to nothing but a header */

    one = gone(&one);
    two = gone(&two);
    three = gone(&three);
    append(&one, 1);
    append(&two, 1);
    append(&three, 1);
    compact();
    b.ops->tail(&b);
    shim_settle();
    is(find(&one) | find(&two), NGX_CLAUDE_KEY_UNKNOWN,
       "a log of no keys leaves none");

    stop();
}


static void
test_many(void)
{
    unsigned                     i;
    claude_change_t             *many, one;
    ngx_claude_keystore_stat_t   stat;

    new_file();
    start(4 * 1024 * 1024);

    many = malloc(MANY * sizeof(claude_change_t));

    for (i = 0; i < MANY; i++) {
        many[i] = put();
    }

    append(many, MANY);

    one = put();
    done_n = 0;
    a.ops->append(&a, &one, 1, done, NULL);
    shim_settle();

    is(done_n, 1, "an append behind %d others is done", MANY);
    is(done_rc, CLAUDE_OK, "well");
    is(find(&one), NGX_CLAUDE_KEY_OK, "and visible");
    ngx_claude_keystore_stat(&a.keystore, &stat);
    is(stat.keys, MANY + 1, "with all of them");

    free(many);
    stop();
}


static void
test_trouble(void)
{
    int              fd;
    char             text[160];
    off_t            whole;
    claude_change_t  one, two, *three;

    new_file();
    start(1024 * 1024);

    one = put();
    two = put();
    a.ops->append(&a, &one, 1, done, NULL);
    shim_settle();

    /* a damaged line */

    whole = size();
    add_text("{\"op\":\"putt\"}\n");
    (void) shim_log();
    a.ops->tail(&a);
    shim_settle();
    snprintf(text, sizeof(text), "key log %s:3", path);
    ok(strstr(shim_log(), text) != NULL, "damage is logged, with its line");
    b.ops->tail(&b);
    shim_settle();
    is_str(shim_log(), "", "once for all workers");
    is(find(&one), NGX_CLAUDE_KEY_OK, "keys go on");

    done_n = 0;
    a.ops->append(&a, &two, 1, done, NULL);
    shim_settle();
    is(done_n, 1, "an append comes to an end");
    is(done_rc, CLAUDE_INVALID, "a bad one");
    ok(strlen(done_reason) > 5, "with a reason: %s", done_reason);

    is(truncate(path, whole), 0, "the log is mended");
    a.ops->append(&a, &two, 1, done, NULL);
    shim_settle();
    is(done_rc, CLAUDE_OK, "and written to again");
    a.ops->tail(&a);
    shim_settle();
    ok(strstr(shim_log(), "mended") != NULL, "which is logged as well");

    /* a torn one */

    whole = size();
    add_text("{\"op\":\"pu");
    b.ops->tail(&b);
    shim_settle();
    is_str(shim_log(), "", "a torn line is nobody's business");
    one = put();
    a.ops->append(&a, &one, 1, done, NULL);
    shim_settle();
    ok(strstr(shim_log(), "torn") != NULL, "until it is cut, with a warning");
    is(find(&one), NGX_CLAUDE_KEY_OK, "and what is written goes there");

    /* shorter than it was */

    is(truncate(path, whole), 0, "the log loses a line");
    a.ops->tail(&a);
    shim_settle();
    ok(strstr(shim_log(), "shorter") != NULL, "which is logged");
    is(find(&one), NGX_CLAUDE_KEY_OK, "and no key's fault");
    append(&one, 1);
    a.ops->tail(&a);
    shim_settle();

    /* gone, and another */

    is(rename(path, moved), 0, "the log is moved away");
    a.ops->tail(&a);
    shim_settle();
    ok(strstr(shim_log(), "can't be opened") != NULL, "which is logged");
    done_n = 0;
    a.ops->append(&a, &two, 1, done, NULL);
    shim_settle();
    is(done_rc, CLAUDE_IO, "nothing is written then");
    is(size(), -1, "nor made");

    {
        claude_header_t     header;
        claude_log_error_t  error;

        claude_header_create(&header, secrets[2], &master, 1000);
        is(claude_log_create(path, &header, -1, -1, &error), CLAUDE_OK,
           "another store is put there");
    }

    a.ops->tail(&a);
    shim_settle();
    ok(strstr(shim_log(), "another store") != NULL, "which is told");
    is(find(&one), NGX_CLAUDE_KEY_OK, "keys go on all the same");
    is(rename(moved, path), 0, "the log is put back");
    two = gone(&one);
    append(&two, 1);
    a.ops->tail(&a);
    shim_settle();
    is(find(&one), NGX_CLAUDE_KEY_UNKNOWN, "and followed again");

    /* locked by somebody who hangs */

    fd = open(path, O_RDWR);
    flock(fd, LOCK_EX);
    a.ops->tail(&a);
    shim_settle();
    ok(strstr(shim_log(), "locked") != NULL, "a lock that hangs is logged");
    close(fd);

    /* no thread, no time */

    one = put();
    shim_pool_full = 1;
    done_n = 0;
    is(a.ops->append(&a, &one, 1, done, NULL), NGX_OK, "no thread is free");
    is(done_rc, CLAUDE_BUSY, "which ends an append");
    a.ops->tail(&a);
    shim_pool_full = 0;
    append(&one, 1);
    a.ops->tail(&a);
    shim_settle();
    is(find(&one), NGX_CLAUDE_KEY_OK, "and not the tail");

    two = put();
    done_n = 0;
    a.ops->tail(&a);
    a.ops->append(&a, &two, 1, done, NULL);
    ngx_current_msec += 10000;
    shim_settle();
    is(done_n, 1, "an append that waited too long ends");
    is(done_rc, CLAUDE_BUSY, "unwritten");
    is(find(&two), NGX_CLAUDE_KEY_UNKNOWN, "and unseen");

    three = calloc(1025, sizeof(claude_change_t));
    is(a.ops->append(&a, three, 1025, done, NULL), NGX_ERROR,
       "an append of too much isn't begun");
    free(three);

    stop();
}


/* a key whose token is another store's */

static void
test_foreign(void)
{
    claude_change_t  one;

    new_file();
    start(1024 * 1024);

    one = put();
    one.record.sealed[40] ^= 1;
    append(&one, 1);
    (void) shim_log();
    a.ops->tail(&a);
    shim_settle();
    ok(strstr(shim_log(), "keys.jsonl:2 has a token that") != NULL,
       "a token that can't be opened is damage");
    is(find(&one), NGX_CLAUDE_KEY_UNKNOWN, "its key doesn't serve");
    stop();

    is(open_store(&a, secrets[0]), NGX_OK, "after a restart");
    is(init_zone(1024 * 1024), NGX_ERROR, "it is no start");
    ok(strstr(shim_log(), "keys.jsonl:2 has a token that") != NULL,
       "for that reason");
    stop();
}


static void
test_full(void)
{
    char                         text[64];
    unsigned                     i, fits;
    claude_change_t              one;
    ngx_claude_keystore_stat_t   stat;

    new_file();
    start(10 * 4096);

    ngx_claude_keystore_stat(&a.keystore, &stat);
    fits = stat.capacity;

    for (i = 0; i < fits; i++) {
        one = put();
        append(&one, 1);
    }

    one = put();
    (void) shim_log();
    done_n = 0;
    a.ops->append(&a, &one, 1, done, NULL);
    shim_settle();
    is(done_n, 1, "an append to a full zone is done");
    is(done_rc, CLAUDE_TOO_LARGE, "it says that there was no room");

    snprintf(text, sizeof(text), "fits %u keys and holds %u", fits, fits);
    ok(strstr(shim_log(), text) != NULL, "the log says for how many");

    append(&one, 1);
    one = gone(&one);
    append(&one, 1);
    compact();
    a.ops->tail(&a);
    shim_settle();
    stop();

    start(10 * 4096);
    ngx_claude_keystore_stat(&a.keystore, &stat);
    is(stat.keys, fits, "what fits is loaded");
    stop();

    one = put();
    append(&one, 1);
    is(open_store(&a, secrets[0]), NGX_OK, "after one more key");
    is(init_zone(10 * 4096), NGX_ERROR, "a zone that is too small is no start");
    snprintf(text, sizeof(text), "keys.jsonl:%u is one more key than",
             fits + 2);
    ok(strstr(shim_log(), text) != NULL, "and it says which key");
    stop();
}


int
main(void)
{
    begin();

    test_append();
    test_compaction();
    test_many();
    test_trouble();
    test_foreign();
    test_full();

    return end();
}
