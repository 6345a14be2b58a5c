
/*
 * The store that is a key log, as the master reads it: a new one, a start, a
 * reload, and what is none.
 */


#include "store_log.h"


static void
test_new(void)
{
    struct stat  st;

    new_file();

    ngx_test_config = 1;
    is(open_store(&a, secrets[0]), NGX_OK, "-t: a missing log is in order");
    is(init_zone(1024 * 1024), NGX_OK, "-t: so is its zone");
    is(size(), -1, "-t: it is not made");
    stop();
    ngx_test_config = 0;

    is(open_store(&a, secrets[0]), NGX_OK, "a missing log is in order");
    is(size(), -1, "it is not made by reading the configuration");
    is(init_zone(1024 * 1024), NGX_OK, "its zone is filled");
    is(stat(path, &st), 0, "it is made by then");
    is(st.st_mode & 07777, 0600, "for its owner alone");
    stop();

    is(open_store(&b, secrets[1]), NGX_OK, "it can be opened");
    is_mem(b.secrets, sizeof(claude_secrets_t), a.secrets,
           sizeof(claude_secrets_t), "and has the secrets that it was made of");

    chmod(dir, 0770);
    new_file();
    is(open_store(&a, secrets[0]), NGX_ERROR,
       "none is made where others may write");
    ok(strstr(shim_log(), "may be written to by group or others"),
       "with the reason");
    chmod(dir, 0700);
}


static void
test_load(void)
{
    off_t              whole;
    claude_change_t    one, two, bad;
    ngx_claude_store_t  next;

    new_file();
    start(1024 * 1024);
    one = put();
    append(&one, 1);
    stop();

    /* a torn line */

    whole = size();
    add_text("{\"op\":\"pu");
    ngx_test_config = 1;
    start(1024 * 1024);
    ok(size() > whole, "-t: a torn line is left");
    is(find(&one), NGX_CLAUDE_KEY_OK, "-t: and all before it is read");
    stop();
    ngx_test_config = 0;
    (void) shim_log();
    start(1024 * 1024);
    is(size(), whole, "a start cuts it");
    ok(strstr(shim_log(), "torn") != NULL, "with a warning");

    /* a reload */

    is(open_store(&next, secrets[1]), NGX_OK, "a reload reads the header");
    zone.data = &next;
    is(ngx_claude_store_init_zone(&zone, &a), NGX_OK, "and takes the zone");
    is(next.keystore.shm == a.keystore.shm, 1, "as it is");
    is(size(), whole, "it writes nothing");

    two = put();
    memcpy(two.record.digest, one.record.digest, CLAUDE_DIGEST_LEN);
    append(&two, 1);
    is(ngx_claude_store_init_zone(&zone, &a), NGX_ERROR,
       "a log that went bad is no reload");
    ok(strstr(shim_log(), "keys.jsonl:3") != NULL, "it says where");
    is(find(&one), NGX_CLAUDE_KEY_OK, "the zone is as it was");
    is(truncate(path, whole), 0, "that is mended");

    bad = put();
    bad.record.sealed[bad.record.sealed_len - 1] ^= 1;
    append(&bad, 1);
    is(ngx_claude_store_init_zone(&zone, &a), NGX_ERROR,
       "nor is one with a token that doesn't open");
    ok(strstr(shim_log(), "keys.jsonl:3 has a token that") != NULL,
       "it says which");
    is(truncate(path, whole), 0, "that is mended too");

    is(rename(path, moved), 0, "the log is moved away");
    is(open_store(&next, secrets[1]), NGX_OK, "a reload can't tell yet");
    zone.data = &next;
    is(ngx_claude_store_init_zone(&zone, &a), NGX_ERROR, "that is no reload");
    ok(strstr(shim_log(), "is missing") != NULL, "it says why");
    is(size(), -1, "and makes no other");
    is(rename(moved, path), 0, "the log is put back");

    is(open_store(&next, secrets[1]), NGX_OK, "a reload");
    next.path.len--;
    zone.data = &next;
    is(ngx_claude_store_init_zone(&zone, &a), NGX_ERROR,
       "another path for the same zone is none");

    *(uint32_t *) a.keystore.shm = 0;
    is(ngx_claude_store_init_zone(&zone, &a), NGX_ERROR,
       "nor is a zone of another layout");
    stop();

    /* duplicates, whole */

    append(&two, 1);
    is(open_store(&a, secrets[0]), NGX_OK, "a start");
    is(init_zone(1024 * 1024), NGX_ERROR, "with a digest twice is none");
    ok(strstr(shim_log(), "keys.jsonl:3") != NULL, "it says where too");
    stop();

    is(truncate(path, whole), 0, "without it");
    append(&bad, 1);
    is(open_store(&a, secrets[0]), NGX_OK, "a start");
    is(init_zone(1024 * 1024), NGX_ERROR,
       "with a token that doesn't open is none");
    ok(strstr(shim_log(), "keys.jsonl:3 has a token that") != NULL,
       "it says which");
    stop();

    chmod(path, 0644);
    is(open_store(&a, secrets[0]), NGX_ERROR, "a log for all to read is none");
    ok(strstr(shim_log(), "accessible to group or others") != NULL,
       "with the reason");
    chmod(path, 0600);

    master.keys[0][0] ^= 1;
    is(open_store(&a, secrets[0]), NGX_ERROR, "nor is one of another master");
    ok(strstr(shim_log(), "claude_master_key") != NULL, "it says so");
    master.keys[0][0] ^= 1;
}


int
main(void)
{
    begin();

    test_new();
    test_load();

    return end();
}
