
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


/* edits of one key, by several at once */

typedef struct {
    unsigned               n;
    claude_rc_t            rc;
    unsigned char          letter;
    claude_record_t        record;
} edit_t;


static claude_rc_t
edit_name(claude_record_t *record, void *data)
{
    edit_t  *edit = data;

    edit->n++;

    record->name[record->name_len++] = edit->letter;
    memset(record->id, 'x', CLAUDE_KEY_ID_LEN);
    edit->record = *record;

    return edit->rc;
}


static claude_rc_t
edit_limit(claude_record_t *record, void *data)
{
    edit_t  *edit = data;

    edit->n++;
    record->limits.requests = edit->letter;

    return edit->rc;
}


static const char *
name_of(const claude_change_t *of)
{
    claude_record_t  record;

    static char      name[CLAUDE_NAME_MAX + 1];

    name[0] = '\0';

    if (ngx_claude_keystore_get(&a.keystore, of->record.id, &record, NULL)
        == NGX_OK)
    {
        memcpy(name, record.name, record.name_len);
        name[record.name_len] = '\0';
    }

    return name;
}


static void
test_modify(void)
{
    edit_t           one, two, three;
    claude_change_t  key, other, use;
    claude_record_t  record;

    new_file();
    start(1024 * 1024);

    memset(&one, 0, sizeof(one));
    memset(&two, 0, sizeof(two));
    memset(&three, 0, sizeof(three));
    one.letter = '1';
    two.letter = '2';
    three.letter = '3';

    key = put();
    other = put();
    a.ops->append(&a, &key, 1, done, NULL);
    a.ops->append(&a, &other, 1, done, NULL);
    shim_settle();

    done_n = 0;
    is(a.ops->modify(&a, key.record.id, edit_name, &one, done, NULL), NGX_OK,
       "a modification begins");
    is_str(name_of(&key), "alice", "nothing is visible at once");
    shim_settle();
    is(done_n, 1, "it is done");
    is(done_rc, CLAUDE_OK, "well");
    is(one.n, 1, "edited once");
    is_str(name_of(&key), "alice1", "and visible, under the same id");
    is_str(name_of(&other), "alice", "others are as they were");

    /* both workers, and twice in one: none is lost */

    a.ops->modify(&a, key.record.id, edit_name, &one, done, NULL);
    a.ops->modify(&a, key.record.id, edit_name, &two, done, NULL);
    b.ops->modify(&b, key.record.id, edit_name, &three, done, NULL);
    b.ops->modify(&b, key.record.id, edit_limit, &three, done, NULL);
    is(shim_run(), 2, "two are under way");
    shim_complete(1);
    shim_settle();
    is(done_n, 5, "all are done");
    is(done_rc, CLAUDE_OK, "well");
    is(strlen(name_of(&key)), 9, "none is lost: %s", name_of(&key));
    (void) ngx_claude_keystore_get(&a.keystore, key.record.id, &record, NULL);
    is(record.limits.requests, '3', "of whatever kind");

    /* what the command line wrote just before */

    memcpy(&key.record, &record, sizeof(record));
    key.record.name_len = 3;
    memcpy(key.record.name, "bob", 3);
    append(&key, 1);
    use = key;
    use.op = CLAUDE_OP_USE;
    use.record.last_used = 7777;
    append(&use, 1);
    a.ops->modify(&a, key.record.id, edit_name, &one, done, NULL);
    shim_settle();
    is_str(name_of(&key), "bob1", "what others wrote meanwhile is edited");
    is(one.record.last_used, 7777, "with its last use");

    use = gone(&key);
    append(&use, 1);
    a.ops->modify(&a, key.record.id, edit_name, &one, done, NULL);
    shim_settle();
    is(done_rc, CLAUDE_DECLINED, "what others deleted is not");
    is_str(name_of(&key), "", "nor revived");

    append(&key, 1);
    b.ops->modify(&b, key.record.id, edit_name, &two, done, NULL);
    shim_settle();
    is_str(name_of(&key), "bob2", "what others added just now is");

    /* compacted away under the zone */

    append(&use, 1);
    compact();
    done_n = 0;
    one.n = 0;
    a.ops->modify(&a, key.record.id, edit_name, &one, done, NULL);
    shim_settle();
    is(done_n, 1, "a key deleted before a compaction");
    is(done_rc, CLAUDE_DECLINED, "is not revived");
    is(one.n, 0, "nor edited");
    is(find(&key), NGX_CLAUDE_KEY_UNKNOWN, "it is gone");

    compact();
    a.ops->modify(&a, other.record.id, edit_name, &one, done, NULL);
    shim_settle();
    is(done_rc, CLAUDE_OK, "another outlives one");
    is_str(name_of(&other), "alice1", "and is edited");
    is(one.n, 1, "once");

    /* refused */

    one.rc = CLAUDE_TOO_LARGE;
    a.ops->modify(&a, other.record.id, edit_name, &one, done, NULL);
    b.ops->modify(&b, other.record.id, edit_name, &two, done, NULL);
    shim_run();
    shim_complete(0);
    is(done_rc, CLAUDE_OK, "an edit that refuses keeps no other");
    one.rc = CLAUDE_AGAIN;
    a.ops->modify(&a, other.record.id, edit_name, &one, done, NULL);
    shim_settle();
    is(done_rc, CLAUDE_INVALID, "nor is it called again");
    is_str(name_of(&other), "alice12", "it changes nothing");

    one.rc = CLAUDE_OK;
    one.letter = '\n';
    a.ops->modify(&a, other.record.id, edit_name, &one, done, NULL);
    shim_settle();
    is(done_rc, CLAUDE_INVALID, "what can't be read back is not written");
    ok(strstr(done_reason, "keyName") != NULL, "with a reason: %s",
       done_reason);
    a.ops->tail(&a);
    shim_settle();
    is_str(name_of(&other), "alice12", "and changes nothing");

    /* deleted */

    a.ops->modify(&a, other.record.id, NULL, NULL, done, NULL);
    shim_settle();
    is(done_rc, CLAUDE_OK, "a key is deleted");
    is(find(&other), NGX_CLAUDE_KEY_UNKNOWN, "at once");
    a.ops->modify(&a, other.record.id, NULL, NULL, done, NULL);
    shim_settle();
    is(done_rc, CLAUDE_DECLINED, "once");
    is(strlen(done_reason) > 5, 1, "with a reason: %s", done_reason);

    stop();
    start(1024 * 1024);
    is(find(&other), NGX_CLAUDE_KEY_UNKNOWN, "for good");
    stop();
}


/* a key in a zone that is as it was before the log was compacted */

static void
test_modify_reread(void)
{
    edit_t             one;
    unsigned           i;
    claude_change_t    key, *many;
    claude_log_pos_t   old;

    new_file();
    start(4 * 1024 * 1024);
    memset(&one, 0, sizeof(one));
    one.letter = '1';

    key = put();
    many = malloc(MANY * sizeof(claude_change_t));

    for (i = 0; i < MANY; i++) {
        many[i] = put();
    }

    append(&key, 1);
    append(many, MANY);
    a.ops->tail(&a);
    shim_settle();
    is(find(&many[MANY - 1]), NGX_CLAUDE_KEY_OK, "many keys are known");

    many[0] = gone(&key);
    append(many, 1);
    compact();

    /* b reads all of the new file but what a task takes, and then a comes */

    b.ops->tail(&b);

    for (i = 0; i < 3; i++) {
        shim_run();
        shim_complete(0);
    }

    ngx_claude_keystore_position(&a.keystore, &old);
    ok(old.generation == 1 && old.line > MANY - 1024 && old.line < MANY,
       "a reread has come to line %u", (unsigned) old.line);
    is(find(&key), NGX_CLAUDE_KEY_OK, "and has not missed the key yet");

    a.ops->modify(&a, key.record.id, edit_name, &one, done, NULL);
    shim_settle();
    is(done_rc, CLAUDE_DECLINED, "that is gone is not revived then either");
    is(find(&key), NGX_CLAUDE_KEY_UNKNOWN, "and is gone in the end");

    a.ops->modify(&a, many[MANY - 1].record.id, edit_name, &one, done, NULL);
    shim_settle();
    is(done_rc, CLAUDE_OK, "another one is edited");

    free(many);
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


static claude_rc_t
edit_long(claude_record_t *record, void *data)
{
    edit_t  *edit = data;

    edit->n++;

    for (record->name_len = 0; record->name_len < CLAUDE_NAME_MAX;
         record->name_len += 4)
    {
        memcpy(record->name + record->name_len, "\xf0\x9f\x98\x80", 4);
    }

    return CLAUDE_OK;
}


static void
test_full(void)
{
    char                         text[64];
    edit_t                       edit;
    unsigned                     i, fits;
    claude_change_t              one, first;
    ngx_claude_keystore_stat_t   stat;

    new_file();
    start(10 * 4096);

    ngx_claude_keystore_stat(&a.keystore, &stat);
    fits = stat.capacity;

    for (i = 0; i < fits; i++) {
        one = put();
        append(&one, 1);
        first = one;
    }

    one = put();
    (void) shim_log();
    done_n = 0;
    a.ops->append(&a, &one, 1, done, NULL);
    shim_settle();
    is(done_n, 1, "an append to a full zone is done");
    is(done_rc, CLAUDE_TOO_LARGE, "it says that there was no room");

    memset(&edit, 0, sizeof(edit));
    edit.letter = 'x';
    a.ops->modify(&a, first.record.id, edit_long, &edit, done, NULL);
    shim_settle();
    is(done_rc, CLAUDE_TOO_LARGE, "a longer name has no room either");
    a.ops->modify(&a, first.record.id, edit_name, &edit, done, NULL);
    shim_settle();
    is(done_rc, CLAUDE_TOO_LARGE, "and is not lost by another edit");
    is(edit.n, 1, "which is not made");
    append(&first, 1);
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
    test_modify();
    test_modify_reread();
    test_many();
    test_trouble();
    test_foreign();
    test_full();

    return end();
}
