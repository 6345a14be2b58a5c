
/*
 * A key log and two workers of one zone on it, whose tasks run and come back in
 * the order that a test wants.
 */


#ifndef STORE_LOG_H
#define STORE_LOG_H


#include "ngx_shim.h"

#include "../../src/state/ngx_claude_store.h"
#include "../unit/tap.h"

#include <sodium.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>


static char                dir[] = "store-XXXXXX";
static char                path[64], moved[64];
static claude_master_t     master;
static claude_secrets_t    secrets[3][NGX_CLAUDE_SECRETS_N];
static ngx_shm_zone_t      zone;
static ngx_claude_store_t  a, b;

static claude_rc_t         done_rc;
static unsigned            done_n;
static char                done_reason[128];


static TAP_UNUSED void
done(void *data, claude_rc_t rc, const char *reason)
{
    (void) data;

    done_rc = rc;
    done_n++;
    snprintf(done_reason, sizeof(done_reason), "%s", reason ? reason : "");
}


static TAP_UNUSED ngx_int_t
open_store(ngx_claude_store_t *store, claude_secrets_t *unwrapped)
{
    ngx_conf_t  cf;

    memset(&cf, 0, sizeof(cf));
    memset(store, 0, sizeof(ngx_claude_store_t));

    store->ops = &ngx_claude_store_log;
    store->path.data = (u_char *) path;
    store->path.len = strlen(path);
    store->flush = 60000;
    store->master = &master;
    store->secrets = unwrapped;
    store->uid = geteuid();
    store->gid = getegid();

    return store->ops->open(&cf, store);
}


static TAP_UNUSED ngx_int_t
init_zone(size_t size)
{
    shim_zone(&zone, "keys", size);
    zone.data = &a;

    return ngx_claude_store_init_zone(&zone, NULL);
}


/* both workers on a fresh zone of what the file holds */

static TAP_UNUSED void
start(size_t size)
{
    if (open_store(&a, secrets[0]) != NGX_OK || init_zone(size) != NGX_OK
        || open_store(&b, secrets[1]) != NGX_OK)
    {
        bail("no start: %s", shim_log());
    }

    b.keystore = a.keystore;
    done_n = 0;
}


static TAP_UNUSED void
stop(void)
{
    shim_zone_free(&zone);
}


static TAP_UNUSED void
new_file(void)
{
    (void) unlink(path);
}


static TAP_UNUSED claude_change_t
put(void)
{
    unsigned char    key[CLAUDE_KEY_LEN];
    claude_change_t  change;

    static claude_str_t  name = claude_string("alice");
    static claude_str_t  token = claude_string(
        "sk-ant-oat01-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");

    memset(&change, 0, sizeof(change));
    change.op = CLAUDE_OP_PUT;

    if (claude_record_create(a.secrets, &name, &token, 1000, &change.record,
                             key)
        != CLAUDE_OK)
    {
        bail("no record");
    }

    return change;
}


static TAP_UNUSED claude_change_t
gone(const claude_change_t *of)
{
    claude_change_t  change;

    change = *of;
    change.op = CLAUDE_OP_DELETE;

    return change;
}


static TAP_UNUSED ngx_claude_key_state_e
find(const claude_change_t *change)
{
    u_char            name[CLAUDE_NAME_MAX];
    ngx_claude_key_t  key;

    key.name = name;

    return ngx_claude_keystore_find(&a.keystore, change->record.digest, 2000,
                                    &key);
}


/* as claude-keys does it, beside */

static TAP_UNUSED void
append(const claude_change_t *changes, size_t n)
{
    unsigned              torn;
    claude_log_pos_t      pos;
    claude_log_error_t    error;
    claude_log_handler_t  handler;

    memset(&pos, 0, sizeof(pos));
    memset(&handler, 0, sizeof(handler));

    if (claude_log_append(path, &pos, changes, n, 1000, &handler, NULL, &torn,
                          &error)
        != CLAUDE_OK)
    {
        bail("append: %s", error.reason);
    }
}


static TAP_UNUSED void
compact(void)
{
    claude_log_error_t  error;

    if (claude_log_compact(path, 1000, &error) != CLAUDE_OK) {
        bail("compact: %s", error.reason);
    }
}


static TAP_UNUSED off_t
size(void)
{
    struct stat  st;

    return (stat(path, &st) == 0) ? st.st_size : -1;
}


static TAP_UNUSED void
add_text(const char *text)
{
    FILE  *file;

    file = fopen(path, "a");
    fputs(text, file);
    fclose(file);
}


static TAP_UNUSED unsigned
lines(void)
{
    int       c;
    FILE     *file;
    unsigned  n;

    file = fopen(path, "r");

    for (n = 0; (c = getc(file)) != EOF; n += (c == '\n')) { /* void */ }

    fclose(file);

    return n;
}


/* begin and end a program */

static TAP_UNUSED void
begin(void)
{
    if (sodium_init() == -1) {
        bail("libsodium");
    }

    if (mkdtemp(dir) == NULL) {
        bail("mkdtemp");
    }

    snprintf(path, sizeof(path), "%s/keys.jsonl", dir);
    snprintf(moved, sizeof(moved), "%s/moved", dir);

    master.n = 1;
    randombytes_buf(master.keys, sizeof(master.keys));
}


static TAP_UNUSED int
end(void)
{
    (void) unlink(path);
    (void) rmdir(dir);

    return done_testing();
}


#endif /* STORE_LOG_H */
