
#include "ngx_claude_store_log.h"

#include "../core/claude_file.h"
#include "../core/claude_live.h"

#include <sodium.h>


/* how long the start waits for whoever writes */

#define NGX_CLAUDE_LOG_START_WAIT  5000


/* all of the store being read, in the master */

typedef struct {
    ngx_claude_store_t     *store;
    ngx_uint_t              reused;     /* the zone is not to be touched */
    claude_live_t           live;       /* stands for it then */
    claude_log_pos_t        pos;
    claude_log_pos_t        at;         /* where the zone stands */
    ngx_claude_applied_t    applied;
    const char             *reason;
} ngx_claude_log_load_t;


static ngx_int_t ngx_claude_store_log_open(ngx_conf_t *cf,
    ngx_claude_store_t *store);
static ngx_int_t ngx_claude_log_prepare(ngx_conf_t *cf,
    ngx_claude_store_t *store);
static claude_rc_t ngx_claude_log_header(void *data,
    const claude_header_t *header);
static ngx_int_t ngx_claude_store_log_load(ngx_claude_store_t *store,
    ngx_uint_t reused, ngx_log_t *log);
static ngx_int_t ngx_claude_log_make(ngx_claude_store_t *store,
    ngx_log_t *log);
static claude_rc_t ngx_claude_log_read_all(ngx_claude_log_load_t *load,
    claude_log_error_t *error, ngx_log_t *log);
static claude_rc_t ngx_claude_log_mend(ngx_claude_log_load_t *load,
    const claude_log_handler_t *handler, claude_log_error_t *error,
    ngx_log_t *log);
static claude_rc_t ngx_claude_log_load_header(void *data,
    const claude_header_t *header);
static claude_rc_t ngx_claude_log_load_change(void *data,
    const claude_change_t *change);
static const char *ngx_claude_log_load_apply(ngx_claude_log_load_t *load);


const char  ngx_claude_log_foreign[] =
    "is wrapped by a master key that nginx was started without, reload it";


const ngx_claude_store_ops_t  ngx_claude_store_log = {
    ngx_claude_store_log_open,
    ngx_claude_store_log_load,
    ngx_claude_store_log_append,
    ngx_claude_store_log_modify,
    ngx_claude_store_log_tail,
    ngx_claude_store_log_compact
};


static ngx_int_t
ngx_claude_store_log_open(ngx_conf_t *cf, ngx_claude_store_t *store)
{
    char                  *path;
    u_char                 line[NGX_CLAUDE_LOG_LINE_LEN];
    unsigned               which;
    claude_rc_t            rc;
    claude_log_pos_t       pos;
    claude_log_error_t     error;
    claude_log_handler_t   handler;
    ngx_claude_log_ctx_t  *ctx;

    ctx = ngx_pcalloc(cf->pool, sizeof(ngx_claude_log_ctx_t));
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    ctx->last = &ctx->queue;

    store->ctx = ctx;
    path = (char *) store->path.data;

    rc = claude_log_check(path, store->uid, &error);

    if (rc == CLAUDE_IO && error.sys == ENOENT) {
        return ngx_claude_log_prepare(cf, store);
    }

    if (rc == CLAUDE_OK) {
        ngx_memzero(&pos, sizeof(claude_log_pos_t));
        ngx_memzero(&handler, sizeof(claude_log_handler_t));

        handler.header = ngx_claude_log_header;
        handler.ctx = &ctx->header;

        rc = claude_log_read(path, &pos, 1, &handler, &error);
    }

    if (rc != CLAUDE_OK && rc != CLAUDE_DONE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, error.sys,
                           "key log %s%s %s", path,
                           ngx_claude_log_line(line, &error), error.reason);
        return NGX_ERROR;
    }

    ngx_memcpy(store->id, ctx->header.store_id, CLAUDE_STORE_ID_LEN);

    if (claude_header_open(&ctx->header, store->master, store->secrets,
                           &which)
        != CLAUDE_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "key log %s:1 can't be opened by any key of "
                           "\"claude_master_key\"", path);
        return NGX_ERROR;
    }

    store->secrets[1] = store->secrets[0];

    return NGX_OK;
}


static claude_rc_t
ngx_claude_log_header(void *data, const claude_header_t *header)
{
    claude_header_t *to = data;

    *to = *header;

    return CLAUDE_OK;
}


/*
 * A store that is missing is made only when a zone is filled from it: until
 * then this is perhaps nginx -t or nginx -s, or a reload while the file was
 * moved away.  But what would keep it from being made is said at once.
 */

static ngx_int_t
ngx_claude_log_prepare(ngx_conf_t *cf, ngx_claude_store_t *store)
{
    char                   dir[NGX_MAX_PATH];
    const char            *reason;
    ngx_file_info_t        fi;
    ngx_claude_log_ctx_t  *ctx;

    ctx = store->ctx;

    if (claude_file_dir((char *) store->path.data, dir, sizeof(dir))
        != CLAUDE_OK
        || ngx_file_info(dir, &fi) == -1)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "directory of the key log %V can't be looked at",
                           &store->path);
        return NGX_ERROR;
    }

    if (!ngx_is_dir(&fi)) {
        reason = "is not a directory";

    } else if (fi.st_mode & (S_IWGRP|S_IWOTH)) {
        reason = "may be written to by group or others";

    } else if (fi.st_uid != store->uid
               || (store->uid && (fi.st_mode & S_IRWXU) != S_IRWXU))
    {
        reason = "is not the worker user's to write to";

    } else {
        ctx->missing = 1;
        claude_header_create(&ctx->header, store->secrets, store->master,
                             ngx_time());
        store->secrets[1] = store->secrets[0];
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "directory %s of the key log %s", dir, reason);
    return NGX_ERROR;
}


static ngx_int_t
ngx_claude_store_log_load(ngx_claude_store_t *store, ngx_uint_t reused,
    ngx_log_t *log)
{
    u_char                  line[NGX_CLAUDE_LOG_LINE_LEN];
    claude_rc_t             rc;
    claude_log_error_t      error;
    ngx_claude_log_ctx_t   *ctx;
    ngx_claude_log_load_t  *load;

    ctx = store->ctx;

    if (ctx->missing) {

        if (ngx_test_config) {
            return NGX_OK;
        }

        if (ngx_claude_log_make(store, log) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    load = ngx_calloc(sizeof(ngx_claude_log_load_t), log);
    if (load == NULL) {
        return NGX_ERROR;
    }

    load->store = store;
    load->reused = reused;

    ngx_memcpy(&store->secrets[NGX_CLAUDE_SECRETS_TASK], store->secrets,
               NGX_CLAUDE_SECRETS_TASK * sizeof(claude_secrets_t));

    claude_live_init(&load->live);

    rc = ngx_claude_log_read_all(load, &error, log);

    if (rc == CLAUDE_DONE) {
        ngx_claude_secrets_return(store);

    } else {
        ngx_log_error(NGX_LOG_EMERG, log, error.sys, "key log %V%s %s",
                      &store->path, ngx_claude_log_line(line, &error),
                      load->reason ? load->reason : error.reason);
    }

    claude_live_free(&load->live);
    ngx_free(load);

    return (rc == CLAUDE_DONE) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_claude_log_make(ngx_claude_store_t *store, ngx_log_t *log)
{
    claude_log_error_t     error;
    ngx_claude_log_ctx_t  *ctx;

    ctx = store->ctx;

    if (claude_log_create((char *) store->path.data, &ctx->header, store->uid,
                          store->gid, &error)
        != CLAUDE_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, log, error.sys, "new key log %V %s",
                      &store->path, error.reason);
        return NGX_ERROR;
    }

    ngx_memcpy(store->id, ctx->header.store_id, CLAUDE_STORE_ID_LEN);
    ctx->missing = 0;

    ngx_log_error(NGX_LOG_NOTICE, log, 0, "key log %V was made",
                  &store->path);

    return NGX_OK;
}


static claude_rc_t
ngx_claude_log_read_all(ngx_claude_log_load_t *load,
    claude_log_error_t *error, ngx_log_t *log)
{
    char                  *path;
    claude_rc_t            rc;
    claude_log_handler_t   handler;

    path = (char *) load->store->path.data;

    handler.header = ngx_claude_log_load_header;
    handler.change = ngx_claude_log_load_change;
    handler.ctx = load;

    do {
        rc = claude_log_read(path, &load->pos, 0, &handler, error);
    } while (rc == CLAUDE_AGAIN);

    if (rc != CLAUDE_DONE || load->reused) {
        return rc;
    }

    if (!ngx_test_config) {
        rc = ngx_claude_log_mend(load, &handler, error, log);
    }

    ngx_claude_keystore_reread_end(&load->store->keystore, &load->at);

    return rc;
}


/*
 * Cuts a torn last line, which only the holder of the lock can tell from one
 * that is being written.  Where that can't be done, as on a disk mounted
 * read-only, the keys that are there serve all the same.
 */

static claude_rc_t
ngx_claude_log_mend(ngx_claude_log_load_t *load,
    const claude_log_handler_t *handler, claude_log_error_t *error,
    ngx_log_t *log)
{
    unsigned     torn;
    claude_rc_t  rc;

    rc = claude_log_append((char *) load->store->path.data, &load->pos, NULL,
                           0, NGX_CLAUDE_LOG_START_WAIT, handler, NULL, &torn,
                           error);

    if (torn) {
        ngx_log_error(NGX_LOG_WARN, log, 0, "key log %V:%uL was torn, cut",
                      &load->store->path, load->at.line + 1);
    }

    if (rc == CLAUDE_IO || rc == CLAUDE_BUSY) {
        ngx_log_error(NGX_LOG_WARN, log, error->sys,
                      "key log %V can't be written for now: it %s",
                      &load->store->path, error->reason);
        return CLAUDE_DONE;
    }

    /* compacted just now: the first worker will read that */

    return (rc == CLAUDE_OK || rc == CLAUDE_AGAIN) ? CLAUDE_DONE : rc;
}


static claude_rc_t
ngx_claude_log_load_header(void *data, const claude_header_t *header)
{
    ngx_claude_log_load_t *load = data;

    ngx_claude_keystore_t       *ks;
    ngx_claude_keystore_stat_t   stat;

    load->reason = ngx_claude_log_suspect_header(load->store, header);

    if (load->reason) {
        return CLAUDE_INVALID;
    }

    ks = &load->store->keystore;

    if (load->reused) {
        ngx_claude_keystore_stat(ks, &stat);

        claude_live_free(&load->live);
        claude_live_reserve(&load->live, stat.keys);

        return CLAUDE_OK;
    }

    /* a zone that was filled from nothing, or from a file that was replaced
     * before it was read to its end */

    ngx_claude_keystore_position(ks, &load->at);
    (void) ngx_claude_keystore_reread_begin(ks, &load->at, &load->pos);

    ngx_claude_keystore_rewrap(ks, &load->pos, header->wrapped);

    load->at = load->pos;

    return CLAUDE_OK;
}


static claude_rc_t
ngx_claude_log_load_change(void *data, const claude_change_t *change)
{
    ngx_claude_log_load_t *load = data;

    claude_rc_t  rc;

    if (!load->reused) {
        ngx_claude_keystore_expect(&load->store->keystore, change->record.id,
                                   change->record.digest);
    }

    load->applied.pos = load->pos;
    load->applied.change = *change;

    load->reason = ngx_claude_log_suspect(load->store, &load->applied.change,
                                          0);

    if (load->reason) {
        return CLAUDE_INVALID;
    }

    if (load->reused) {
        rc = claude_live_apply(&load->live, change, load->pos.offset);

        if (rc != CLAUDE_OK) {
            load->reason = (rc == CLAUDE_INVALID)
                           ? "has the digest of another key"
                           : "needs more memory to be checked";
        }

        return rc;
    }

    load->reason = ngx_claude_log_load_apply(load);

    return load->reason ? CLAUDE_INVALID : CLAUDE_OK;
}


static const char *
ngx_claude_log_load_apply(ngx_claude_log_load_t *load)
{
    ngx_int_t  rc;

    rc = ngx_claude_keystore_apply(&load->store->keystore, &load->at,
                                   &load->pos, &load->applied, 1);

    load->at = load->pos;

    if (rc == NGX_OK) {
        return NULL;
    }

    if (rc == NGX_DECLINED) {
        return "was taken by another process before it was loaded";
    }

    return (load->applied.taken == NGX_CLAUDE_REFUSED_DIGEST)
           ? "has the digest of another key"
           : "is one more key than the zone of \"claude_keystore\" fits";
}


const char *
ngx_claude_log_suspect_header(ngx_claude_store_t *store,
    const claude_header_t *header)
{
    if (ngx_memcmp(header->store_id, store->id, CLAUDE_STORE_ID_LEN) != 0) {
        return "is of another store";
    }

    if (ngx_claude_secrets_header(store, header) != NGX_OK) {
        return ngx_claude_log_foreign;
    }

    return NULL;
}


const char *
ngx_claude_log_suspect(ngx_claude_store_t *store, claude_change_t *change,
    ngx_uint_t own)
{
    if (change->op != CLAUDE_OP_PUT
        || ngx_claude_secrets_check(store, &change->record, own) == NGX_OK)
    {
        return NULL;
    }

    return "has a token that the store's key can't open";
}


u_char *
ngx_claude_log_line(u_char buf[NGX_CLAUDE_LOG_LINE_LEN],
    const claude_log_error_t *error)
{
    buf[0] = '\0';

    if (error->line) {
        ngx_sprintf(buf, ":%uL%Z", error->line);
    }

    return buf;
}
