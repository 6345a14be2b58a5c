
/*
 * claude_limit_zone, claude_limit, and the limit that stands without them.
 */


#include "ngx_http_claude.h"


#define NGX_HTTP_CLAUDE_RATE_MAX  1000000


static ngx_int_t ngx_http_claude_rate_param(ngx_conf_t *cf, ngx_str_t *value,
    claude_rate_t *rate);
static ngx_int_t ngx_http_claude_limit_key(ngx_conf_t *cf, ngx_str_t *key,
    ngx_http_claude_limit_zone_t *lz);


char *
ngx_http_claude_limit_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ssize_t                        size;
    ngx_str_t                     *value, name;
    ngx_int_t                      prefix;
    ngx_uint_t                     i;
    ngx_http_claude_limit_zone_t  *lz;

    lz = ngx_pcalloc(cf->pool, sizeof(ngx_http_claude_limit_zone_t));
    if (lz == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    if (ngx_http_claude_limit_key(cf, &value[1], lz) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    size = 0;
    ngx_str_null(&name);

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "zone=", 5) == 0) {

            if (ngx_http_claude_zone_param(cf, &value[i], &name, &size)
                != NGX_OK)
            {
                return NGX_CONF_ERROR;
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "rate=", 5) == 0) {

            if (ngx_http_claude_rate_param(cf, &value[i], &lz->limit.rate)
                != NGX_OK)
            {
                return NGX_CONF_ERROR;
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "ipv6_prefix=", 12) == 0) {
            prefix = ngx_atoi(value[i].data + 12, value[i].len - 12);

            if (prefix < 1 || prefix > 128) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "\"ipv6_prefix\" must be between 1 and "
                                   "128, not \"%V\"", &value[i]);
                return NGX_CONF_ERROR;
            }

            lz->prefix = prefix;
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                           &value[i]);
        return NGX_CONF_ERROR;
    }

    if (name.len == 0 || lz->limit.rate.count == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" must have \"zone=\" and \"rate=\"",
                           &cmd->name);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_claude_zone_add(cf, &name, size, ngx_claude_limit_init_zone,
                                 lz)
        == NULL)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* rate=Nr/s, rate=Nr/m */

static ngx_int_t
ngx_http_claude_rate_param(ngx_conf_t *cf, ngx_str_t *value,
    claude_rate_t *rate)
{
    u_char     *p;
    size_t      len;
    ngx_int_t   n;

    len = value->len;
    p = value->data + len - 3;
    rate->period = 0;

    if (len > 8 && ngx_strncmp(p, "r/s", 3) == 0) {
        rate->period = 1000;

    } else if (len > 8 && ngx_strncmp(p, "r/m", 3) == 0) {
        rate->period = 60000;
    }

    n = rate->period ? ngx_atoi(value->data + 5, len - 8) : NGX_ERROR;

    if (n < 1 || n > NGX_HTTP_CLAUDE_RATE_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid rate \"%V\": it must be 1 to %d, "
                           "followed by \"r/s\" or \"r/m\"",
                           value, NGX_HTTP_CLAUDE_RATE_MAX);
        return NGX_ERROR;
    }

    rate->count = n;
    rate->burst = n;

    return NGX_OK;
}


char *
ngx_http_claude_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_claude_loc_conf_t *lcf = conf;

    ngx_int_t               burst;
    ngx_str_t              *value, name;
    ngx_uint_t              i;
    ngx_http_claude_use_t  *use;

    if (lcf->limit_set) {
        return "is duplicate";
    }

    lcf->limit_set = 1;
    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        return NGX_CONF_OK;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "zone=", 5) == 0
            && value[i].len > 5)
        {
            name.len = value[i].len - 5;
            name.data = value[i].data + 5;

            lcf->limit = ngx_shared_memory_add(cf, &name, 0,
                                               &ngx_http_claude_module);
            if (lcf->limit == NULL) {
                return NGX_CONF_ERROR;
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "burst=", 6) == 0) {
            burst = ngx_atoi(value[i].data + 6, value[i].len - 6);

            if (burst < 1 || burst > NGX_HTTP_CLAUDE_RATE_MAX) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "\"burst\" must be between 1 and %d, "
                                   "not \"%V\"", NGX_HTTP_CLAUDE_RATE_MAX,
                                   &value[i]);
                return NGX_CONF_ERROR;
            }

            lcf->limit_burst = burst;
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                           &value[i]);
        return NGX_CONF_ERROR;
    }

    if (lcf->limit == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" must have \"zone=\"", &cmd->name);
        return NGX_CONF_ERROR;
    }

    use = ngx_http_claude_use(cf, "claude_limit");
    if (use == NULL) {
        return NGX_CONF_ERROR;
    }

    use->zone = lcf->limit;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_claude_limit_key(ngx_conf_t *cf, ngx_str_t *key,
    ngx_http_claude_limit_zone_t *lz)
{
    ngx_http_compile_complex_value_t  ccv;

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = key;
    ccv.complex_value = &lz->key;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_ERROR;
    }

    lz->limit.key = *key;
    lz->address = ngx_strcmp(key->data, "$binary_remote_addr") == 0
                  || ngx_strcmp(key->data, "${binary_remote_addr}") == 0;
    lz->prefix = 64;

    return NGX_OK;
}


ngx_shm_zone_t *
ngx_http_claude_default_limit(ngx_conf_t *cf)
{
    ngx_http_claude_main_conf_t   *mcf;
    ngx_http_claude_limit_zone_t  *lz;

    static ngx_str_t  name = ngx_string("claude_default_limit");
    static ngx_str_t  key = ngx_string("$binary_remote_addr");

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_claude_module);

    if (mcf->default_limit != NULL) {
        return mcf->default_limit;
    }

    lz = ngx_pcalloc(cf->pool, sizeof(ngx_http_claude_limit_zone_t));
    if (lz == NULL) {
        return NULL;
    }

    if (ngx_http_claude_limit_key(cf, &key, lz) != NGX_OK) {
        return NULL;
    }

    lz->limit.rate.count = 100;
    lz->limit.rate.period = 60000;
    lz->limit.rate.burst = 100;

    mcf->default_limit = ngx_http_claude_zone_add(cf, &name,
                                                  10 * 1024 * 1024,
                                                  ngx_claude_limit_init_zone,
                                                  lz);

    return mcf->default_limit;
}
