
#include "ngx_http_claude_metrics.h"


static ngx_http_upstream_srv_conf_t *ngx_http_claude_metrics_upstream(
    ngx_conf_t *cf, ngx_str_t *name);
static ngx_int_t ngx_http_claude_metrics_used(ngx_conf_t *cf);


char *
ngx_http_claude_metrics(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_claude_loc_conf_t *lcf = conf;

    ngx_int_t                       n;
    ngx_str_t                      *value, name;
    ngx_uint_t                      i;
    ngx_http_claude_use_t          *use;
    ngx_http_core_loc_conf_t       *clcf;
    ngx_http_claude_metrics_loc_t  *loc;

    if (lcf->metrics != NULL) {
        return "is duplicate";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler != NULL) {
        return "and another content handler in one location";
    }

    loc = ngx_pcalloc(cf->pool, sizeof(ngx_http_claude_metrics_loc_t));
    if (loc == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "upstream=", 9) == 0
            && value[i].len > 9 && loc->upstream == NULL)
        {
            name.data = value[i].data + 9;
            name.len = value[i].len - 9;

            loc->upstream = ngx_http_claude_metrics_upstream(cf, &name);
            if (loc->upstream == NULL) {
                return NGX_CONF_ERROR;
            }

            lcf->upstream.upstream = loc->upstream;
            continue;
        }

        if (ngx_strcmp(value[i].data, "per_key") == 0
            && loc->per_key == 0)
        {
            loc->per_key = NGX_HTTP_CLAUDE_METRICS_KEYS;
            continue;
        }

        if (ngx_strncmp(value[i].data, "per_key=", 8) == 0
            && loc->per_key == 0)
        {
            n = ngx_atoi(value[i].data + 8, value[i].len - 8);

            if (n < 1 || n > NGX_HTTP_CLAUDE_METRICS_KEYS_MAX) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "invalid number in \"%V\": it must be 1 to "
                                   "%d", &value[i],
                                   NGX_HTTP_CLAUDE_METRICS_KEYS_MAX);
                return NGX_CONF_ERROR;
            }

            loc->per_key = n;
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\"", &value[i]);
        return NGX_CONF_ERROR;
    }

    use = ngx_http_claude_use(cf, "claude_metrics");
    if (use == NULL) {
        return NGX_CONF_ERROR;
    }

    use->upstream = loc->upstream;

    if (ngx_http_claude_metrics_used(cf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    lcf->metrics = loc;
    clcf->handler = ngx_http_claude_metrics_handler;

    return NGX_CONF_OK;
}


static ngx_http_upstream_srv_conf_t *
ngx_http_claude_metrics_upstream(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_url_t  u;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = *name;
    u.no_resolve = 1;

    return ngx_http_upstream_add(cf, &u, 0);
}


/* from the first such location on, all is counted */

static ngx_int_t
ngx_http_claude_metrics_used(ngx_conf_t *cf)
{
    ngx_http_claude_main_conf_t     *mcf;
    ngx_http_claude_metrics_main_t  *metrics;

    static ngx_str_t  name = ngx_string("claude_metrics");

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_claude_module);

    if (mcf->metrics != NULL) {
        return NGX_OK;
    }

    metrics = ngx_pcalloc(cf->pool, sizeof(ngx_http_claude_metrics_main_t));
    if (metrics == NULL) {
        return NGX_ERROR;
    }

    if (ngx_array_init(&metrics->certificates, cf->pool, 4,
                       sizeof(ngx_http_claude_certificate_t))
        != NGX_OK
        || ngx_http_claude_zone_add(cf, &name, NGX_CLAUDE_METRICS_SIZE,
                                    ngx_claude_metrics_init_zone,
                                    &metrics->zone)
           == NULL)
    {
        return NGX_ERROR;
    }

    mcf->metrics = metrics;

    return NGX_OK;
}


char *
ngx_http_claude_metrics_merge(ngx_conf_t *cf,
    ngx_http_claude_loc_conf_t *prev, ngx_http_claude_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* the inside of if{} and limit_except{} is the same location */

    if (clcf->noname && prev->metrics != NULL && clcf->handler == NULL) {
        conf->metrics = prev->metrics;
        conf->upstream.upstream = prev->metrics->upstream;
        clcf->handler = ngx_http_claude_metrics_handler;
    }

    if (conf->metrics == NULL) {
        return NGX_CONF_OK;
    }

    if (clcf->handler != ngx_http_claude_metrics_handler) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"claude_metrics\" and another content handler in "
                           "location \"%V\"", &clcf->name);
        return NGX_CONF_ERROR;
    }

    ngx_http_claude_merge_apart(clcf, prev, conf);

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_claude_metrics_phase(ngx_conf_t *cf)
{
    ngx_http_handler_pt          *h;
    ngx_http_core_main_conf_t    *cmcf;
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_claude_module);

    if (mcf->metrics == NULL) {
        return NGX_OK;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_claude_metrics_log;

    ngx_http_claude_metrics_init();

    return ngx_http_claude_metrics_certs(cf, mcf->metrics);
}
