
/*
 * A key log that has grown is compacted by a worker, while others write to it.
 */


#include "store_log.h"


#define LARGE   (16 * 1024 * 1024)


/* makes the log larger than limit by uses of a key that are all the same */

static void
grow(const claude_change_t *key, off_t limit)
{
    int    n;
    char   line[128];
    FILE  *file;
    off_t  at;

    n = snprintf(line, sizeof(line), "{\"op\":\"use\",\"id\":\"%.*s\","
                 "\"lastUsed\":\"1970-01-01T00:50:00Z\"}\n",
                 CLAUDE_KEY_ID_LEN, (const char *) key->record.id);

    at = size();
    file = fopen(path, "a");

    for ( /* void */ ; at <= limit; at += n) {
        fputs(line, file);
    }

    fclose(file);

    a.ops->tail(&a);
    shim_settle();
}


static void
test_compact(void)
{
    claude_rc_t      rc;
    claude_change_t  one, two, three;
    claude_record_t  record;

    new_file();
    start(1024 * 1024);

    one = put();
    two = put();
    three = put();
    one.record.limits.requests = 5;
    a.ops->append(&a, &one, 1, done, NULL);
    shim_settle();

    grow(&one, 1024 * 1024);
    a.ops->compact(&a);
    is(shim_run(), 0, "a log that is not large is left alone");

    grow(&one, LARGE);
    (void) shim_log();
    a.ops->compact(&a);
    a.ops->compact(&a);
    b.ops->compact(&b);
    is(shim_run(), 1, "a large one is compacted, by one worker");
    ok(size() < 2000, "to %d bytes", (int) size());

    /* before the worker knows, and while both have something to write */

    done_n = 0;
    a.ops->append(&a, &two, 1, done, NULL);
    b.ops->append(&b, &three, 1, done, NULL);
    shim_settle();
    is(done_n, 2, "who writes meanwhile");
    is(done_rc, CLAUDE_OK, "is not refused");
    ok(strstr(shim_log(), "was compacted to") != NULL, "it is logged");
    is(find(&one), NGX_CLAUDE_KEY_OK, "the key is there");
    is(find(&two) | find(&three), NGX_CLAUDE_KEY_OK, "and the new ones");
    rc = ngx_claude_keystore_get(&a.keystore, one.record.id, &record, NULL);
    is(rc, NGX_OK, "all of it");
    is(record.limits.requests, 5, "with its limits");

    a.ops->compact(&a);
    is(shim_run(), 0, "once");

    /* one that fails */

    grow(&one, LARGE);
    is(rename(path, moved), 0, "a large log is moved away");
    (void) shim_log();
    a.ops->compact(&a);
    shim_settle();
    ok(strstr(shim_log(), "it was not compacted") != NULL,
       "which is told by whom wanted to compact it");
    is(rename(moved, path), 0, "it is put back");
    a.ops->compact(&a);
    b.ops->compact(&b);
    is(shim_run(), 0, "and not tried again at once");
    grow(&one, size() + 5 * 1024 * 1024);
    b.ops->compact(&b);
    shim_settle();
    ok(size() < 2000, "but when it has grown on");

    stop();
    start(1024 * 1024);
    is(find(&one) | find(&two) | find(&three), NGX_CLAUDE_KEY_OK,
       "a restart finds all keys");
    stop();
}


int
main(void)
{
    begin();

    test_compact();

    return end();
}
