
/*
 * claude_audit_log, and the ring of events.
 */


#include "ngx_http_claude_audit.h"


/* bytes of the ring's zone: some 7,800 events */

#define NGX_HTTP_CLAUDE_AUDIT_ZONE  (1024 * 1024)


static ngx_int_t ngx_http_claude_audit_target(ngx_conf_t *cf,
    ngx_http_claude_audit_log_t *log);
static ngx_int_t ngx_http_claude_audit_keep(ngx_conf_t *cf,
    ngx_http_claude_audit_log_t *log);


static ngx_conf_enum_t  ngx_http_claude_audit_level[] = {
    { ngx_string("level=security"), NGX_HTTP_CLAUDE_AUDIT_SECURITY },
    { ngx_string("level=admin"), NGX_HTTP_CLAUDE_AUDIT_ADMIN },
    { ngx_string("level=all"), NGX_HTTP_CLAUDE_AUDIT_ALL },
    { ngx_null_string, 0 }
};


char *
ngx_http_claude_audit_log(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_claude_srv_conf_t *scf = conf;

    ngx_str_t                    *value;
    ngx_conf_enum_t              *e;
    ngx_http_claude_audit_log_t  *log;

    if (scf->audit_log != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        scf->audit_log = NULL;
        return cf->args->nelts == 2 ? NGX_CONF_OK : "\"off\" has no level";
    }

    log = ngx_pcalloc(cf->pool, sizeof(ngx_http_claude_audit_log_t));
    if (log == NULL) {
        return NGX_CONF_ERROR;
    }

    log->level = NGX_HTTP_CLAUDE_AUDIT_ADMIN;

    if (cf->args->nelts == 3) {

        for (e = ngx_http_claude_audit_level; e->name.len; e++) {
            if (ngx_strcmp(value[2].data, e->name.data) == 0) {
                break;
            }
        }

        if (e->name.len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter "
                               "\"%V\": it must be \"level=security\", "
                               "\"level=admin\" or \"level=all\"", &value[2]);
            return NGX_CONF_ERROR;
        }

        log->level = e->value;
    }

    scf->audit_log = log;

    if (ngx_http_claude_audit_target(cf, log) != NGX_OK
        || ngx_http_claude_audit_keep(cf, log) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_claude_audit_target(ngx_conf_t *cf, ngx_http_claude_audit_log_t *log)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (ngx_strncmp(value[1].data, "syslog:", 7) != 0) {

        /* no variables: the name must not come from a request */

        if (value[1].len == 0 || ngx_strchr(value[1].data, '$') != NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" is no file for an audit log",
                               &value[1]);
            return NGX_ERROR;
        }

        log->file = ngx_conf_open_file(cf->cycle, &value[1]);

        return log->file ? NGX_OK : NGX_ERROR;
    }

    log->syslog = ngx_pcalloc(cf->pool, sizeof(ngx_syslog_peer_t));
    if (log->syslog == NULL) {
        return NGX_ERROR;
    }

    return ngx_syslog_process_conf(cf, log->syslog) == NGX_CONF_OK
           ? NGX_OK : NGX_ERROR;
}


/* for events of no server: each log once, and as much as any asks of it */

static ngx_int_t
ngx_http_claude_audit_keep(ngx_conf_t *cf, ngx_http_claude_audit_log_t *log)
{
    ngx_uint_t                     i;
    ngx_http_claude_main_conf_t   *mcf;
    ngx_http_claude_audit_log_t  **p;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_claude_module);

    p = mcf->audit_logs.elts;

    for (i = 0; log->file != NULL && i < mcf->audit_logs.nelts; i++) {

        if (p[i]->file != log->file) {
            continue;
        }

        if (p[i]->level < log->level) {
            p[i] = log;
        }

        return NGX_OK;
    }

    p = ngx_array_push(&mcf->audit_logs);
    if (p == NULL) {
        return NGX_ERROR;
    }

    *p = log;

    return NGX_OK;
}


ngx_int_t
ngx_http_claude_audit_ring(ngx_conf_t *cf)
{
    ngx_http_claude_main_conf_t  *mcf;

    static ngx_str_t  name = ngx_string("claude_audit");

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_claude_module);

    mcf->ring = ngx_pcalloc(cf->pool, sizeof(ngx_claude_ring_t));
    if (mcf->ring == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_claude_zone_add(cf, &name, NGX_HTTP_CLAUDE_AUDIT_ZONE,
                                 ngx_claude_ring_init_zone, mcf->ring)
        == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}
