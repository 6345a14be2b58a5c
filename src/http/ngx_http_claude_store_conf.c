
/*
 * claude_master_key, claude_keystore, claude_thread_pool: where keys live.
 */


#include "ngx_http_claude_audit.h"


static ngx_int_t ngx_http_claude_credential(ngx_conf_t *cf, ngx_str_t *name);
static void *ngx_http_claude_secret_alloc(ngx_conf_t *cf, size_t size);
static void ngx_http_claude_secret_free(void *data);


char *
ngx_http_claude_master_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_claude_main_conf_t *mcf = conf;

    unsigned            line;
    ngx_str_t          *value;
    claude_master_rc_e  rc;

    if (mcf->master != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_http_claude_credential(cf, &value[1]) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    mcf->master = ngx_http_claude_secret_alloc(cf, sizeof(claude_master_t));
    if (mcf->master == NULL) {
        return NGX_CONF_ERROR;
    }

    line = 0;
    rc = claude_master_read((char *) value[1].data, mcf->master, &line);

    /* nginx -s is run by hand too, where there are no credentials, and needs
     * none */

    if (rc == CLAUDE_MASTER_OK
        || (rc == CLAUDE_MASTER_NO_DIRECTORY
            && ngx_process == NGX_PROCESS_SIGNALLER))
    {
        return NGX_CONF_OK;
    }

    if (line != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "master key \"%V\" %s, "
                           "line %ui", &value[1], claude_master_reason(rc),
                           (ngx_uint_t) line);

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf,
                           rc == CLAUDE_MASTER_MISSING
                           || rc == CLAUDE_MASTER_IO ? ngx_errno : 0,
                           "master key \"%V\" %s", &value[1],
                           claude_master_reason(rc));
    }

    return NGX_CONF_ERROR;
}


/*
 * The name of a credential stays as it is.  A binary upgrade starts the new
 * master with those variables alone that "env" names, so the one that it needs
 * is named here.
 */

static ngx_int_t
ngx_http_claude_credential(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_str_t        *var;
    ngx_core_conf_t  *ccf;

    static const ngx_str_t  directory = ngx_string(CLAUDE_MASTER_DIRECTORY);

    if (ngx_strncmp(name->data, CLAUDE_MASTER_CREDENTIAL,
                    sizeof(CLAUDE_MASTER_CREDENTIAL) - 1)
        != 0)
    {
        return ngx_conf_full_name(cf->cycle, name, 1);
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                           ngx_core_module);

    var = ngx_array_push(&ccf->env);
    if (var == NULL) {
        return NGX_ERROR;
    }

    *var = directory;

    return NGX_OK;
}


char *
ngx_http_claude_keystore(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_claude_main_conf_t *mcf = conf;

    ssize_t              size;
    ngx_str_t           *value, name, s;
    ngx_uint_t           i;
    ngx_claude_store_t  *store;

    if (mcf->store != NULL) {
        return "is duplicate";
    }

    store = ngx_pcalloc(cf->pool, sizeof(ngx_claude_store_t));
    if (store == NULL) {
        return NGX_CONF_ERROR;
    }

    store->secrets = ngx_http_claude_secret_alloc(cf,
                         NGX_CLAUDE_SECRETS_N * sizeof(claude_secrets_t));
    if (store->secrets == NULL) {
        return NGX_CONF_ERROR;
    }

    store->ops = &ngx_claude_store_log;
    store->told = ngx_http_claude_audit_store;
    store->flush = 60000;
    size = 0;
    ngx_str_null(&name);

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "zone=", 5) == 0) {

            if (ngx_http_claude_zone_param(cf, &value[i], &name, &size)
                != NGX_OK)
            {
                return NGX_CONF_ERROR;
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "path=", 5) == 0) {
            store->path.len = value[i].len - 5;
            store->path.data = value[i].data + 5;

            if (store->path.len == 0
                || ngx_conf_full_name(cf->cycle, &store->path, 0) != NGX_OK)
            {
                goto invalid;
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "flush=", 6) == 0) {
            s.len = value[i].len - 6;
            s.data = value[i].data + 6;

            store->flush = ngx_parse_time(&s, 0);

            if (store->flush == (ngx_msec_t) NGX_ERROR || store->flush == 0) {
                goto invalid;
            }

            continue;
        }

        goto invalid;
    }

    if (name.len == 0 || store->path.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" must have \"zone=\" and \"path=\"",
                           &cmd->name);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_claude_zone_add(cf, &name, size, ngx_claude_store_init_zone,
                                 store)
        == NULL)
    {
        return NGX_CONF_ERROR;
    }

    mcf->store = store;
    mcf->store_at = *cf->conf_file;

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                       &value[i]);
    return NGX_CONF_ERROR;
}


char *
ngx_http_claude_thread_pool(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_claude_main_conf_t *mcf = conf;

    ngx_str_t  *value;

    if (mcf->threads != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    /* the thread pool module refuses a pool that nothing declares */

    mcf->threads = ngx_thread_pool_add(cf, &value[1]);
    if (mcf->threads == NULL) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* memory of sodium_malloc(), wiped and freed with the configuration */

static void *
ngx_http_claude_secret_alloc(ngx_conf_t *cf, size_t size)
{
    void                *p;
    ngx_pool_cleanup_t  *cln;

    if (sodium_init() < 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "sodium_init() failed");
        return NULL;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    p = sodium_malloc(size);
    if (p == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "sodium_malloc(%uz) failed", size);
        return NULL;
    }

    cln->handler = ngx_http_claude_secret_free;
    cln->data = p;

    return p;
}


static void
ngx_http_claude_secret_free(void *data)
{
    sodium_free(data);
}
