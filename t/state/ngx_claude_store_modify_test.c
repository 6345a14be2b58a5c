
/*
 * Modifications of keys in a store that is a key log, by two workers and a
 * command line at once.
 */


#include "store_log.h"


#define MANY  3000


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
test_modify_full(void)
{
    edit_t                       edit;
    unsigned                     i;
    claude_change_t              first;
    ngx_claude_keystore_stat_t   stat;

    new_file();
    start(20 * 4096);

    ngx_claude_keystore_stat(&a.keystore, &stat);

    for (i = 0; i < stat.capacity; i++) {
        first = put();
        append(&first, 1);
    }

    a.ops->tail(&a);
    shim_settle();
    is(find(&first), NGX_CLAUDE_KEY_OK, "a zone is full");

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
    a.ops->modify(&a, first.record.id, edit_limit, &edit, done, NULL);
    shim_settle();
    is(done_rc, CLAUDE_OK, "once it is short again it may be edited");

    stop();
}


int
main(void)
{
    begin();

    test_modify();
    test_modify_reread();
    test_modify_full();

    return end();
}
