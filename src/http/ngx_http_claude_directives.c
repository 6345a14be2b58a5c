
/*
 * The directives that nginx's own setters can't read.
 */


#include "ngx_http_claude.h"


#define NGX_HTTP_CLAUDE_RATE_MAX  1000000


static ngx_int_t ngx_http_claude_zone_param(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *name, ssize_t *size);
static ngx_int_t ngx_http_claude_rate_param(ngx_conf_t *cf, ngx_str_t *value,
    claude_rate_t *rate);
static ngx_http_claude_use_t *ngx_http_claude_use(ngx_conf_t *cf,
    const char *name);
static void ngx_http_claude_zero(void *data);
static ngx_int_t ngx_http_claude_model_chars(ngx_conf_t *cf,
    ngx_str_t *value);


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

    cln->handler = ngx_http_claude_zero;
    cln->data = p;

    return p;
}


static void
ngx_http_claude_zero(void *data)
{
    sodium_free(data);
}


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

    if (ngx_conf_full_name(cf->cycle, &value[1], 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    mcf->master = ngx_http_claude_secret_alloc(cf, sizeof(claude_master_t));
    if (mcf->master == NULL) {
        return NGX_CONF_ERROR;
    }

    line = 0;
    rc = claude_master_read((char *) value[1].data, mcf->master, &line);

    if (rc == CLAUDE_MASTER_OK) {
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


char *
ngx_http_claude_keystore(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_claude_main_conf_t *mcf = conf;

    ssize_t              size;
    ngx_str_t           *value, name, s;
    ngx_uint_t           i;
    ngx_shm_zone_t      *zone;
    ngx_claude_store_t  *store;

    if (mcf->store != NULL) {
        return "is duplicate";
    }

    store = ngx_pcalloc(cf->pool, sizeof(ngx_claude_store_t));
    if (store == NULL) {
        return NGX_CONF_ERROR;
    }

    store->secrets = ngx_http_claude_secret_alloc(cf,
                                                  sizeof(claude_secrets_t));
    if (store->secrets == NULL) {
        return NGX_CONF_ERROR;
    }

    store->ops = &ngx_claude_store_log;
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

    zone = ngx_shared_memory_add(cf, &name, size, &ngx_http_claude_module);
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    if (zone->data != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" is already used", &name);
        return NGX_CONF_ERROR;
    }

    zone->init = ngx_claude_store_init_zone;
    zone->data = store;

    mcf->store = store;
    mcf->store_at = *cf->conf_file;

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                       &value[i]);
    return NGX_CONF_ERROR;
}


/* zone=NAME:SIZE */

static ngx_int_t
ngx_http_claude_zone_param(ngx_conf_t *cf, ngx_str_t *value, ngx_str_t *name,
    ssize_t *size)
{
    u_char     *p;
    ngx_str_t   s;

    name->data = value->data + 5;

    p = (u_char *) ngx_strchr(name->data, ':');

    if (p == NULL || p == name->data) {
        goto invalid;
    }

    name->len = p - name->data;

    s.data = p + 1;
    s.len = value->data + value->len - s.data;

    *size = ngx_parse_size(&s);

    if (*size == NGX_ERROR) {
        goto invalid;
    }

    if (*size < (ssize_t) (8 * ngx_pagesize)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "zone \"%V\" is too small",
                           value);
        return NGX_ERROR;
    }

    return NGX_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid zone size \"%V\"",
                       value);
    return NGX_ERROR;
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


char *
ngx_http_claude_limit_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ssize_t                            size;
    ngx_str_t                         *value, name;
    ngx_int_t                          prefix;
    ngx_uint_t                         i;
    ngx_shm_zone_t                    *zone;
    ngx_http_claude_limit_zone_t      *lz;
    ngx_http_compile_complex_value_t   ccv;

    lz = ngx_pcalloc(cf->pool, sizeof(ngx_http_claude_limit_zone_t));
    if (lz == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &value[1];
    ccv.complex_value = &lz->key;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    lz->limit.key = value[1];
    lz->address = ngx_strcmp(value[1].data, "$binary_remote_addr") == 0;
    lz->prefix = 64;
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

    zone = ngx_shared_memory_add(cf, &name, size, &ngx_http_claude_module);
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    if (zone->data != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" is already used", &name);
        return NGX_CONF_ERROR;
    }

    zone->init = ngx_claude_limit_init_zone;
    zone->data = lz;

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


ngx_shm_zone_t *
ngx_http_claude_default_limit(ngx_conf_t *cf)
{
    ngx_http_claude_main_conf_t       *mcf;
    ngx_http_claude_limit_zone_t      *lz;
    ngx_http_compile_complex_value_t   ccv;

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

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &key;
    ccv.complex_value = &lz->key;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NULL;
    }

    lz->limit.key = key;
    lz->limit.rate.count = 100;
    lz->limit.rate.period = 60000;
    lz->limit.rate.burst = 100;
    lz->address = 1;
    lz->prefix = 64;

    mcf->default_limit = ngx_shared_memory_add(cf, &name, 10 * 1024 * 1024,
                                               &ngx_http_claude_module);
    if (mcf->default_limit == NULL) {
        return NULL;
    }

    mcf->default_limit->init = ngx_claude_limit_init_zone;
    mcf->default_limit->data = lz;

    return mcf->default_limit;
}


char *
ngx_http_claude_pass(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_claude_loc_conf_t *lcf = conf;

    ngx_url_t                  u;
    ngx_str_t                 *value;
    ngx_http_core_loc_conf_t  *clcf;

    if (lcf->pass != NULL) {
        return "is duplicate";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->named
#if (NGX_PCRE)
        || clcf->regex
#endif
        )
    {
        return "may only stand in a prefix or exact location";
    }

    if (clcf->handler != NULL) {
        return "and another content handler in one location";
    }

    value = cf->args->elts;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = value[1];
    u.no_resolve = 1;

    lcf->upstream.upstream = ngx_http_upstream_add(cf, &u, 0);
    if (lcf->upstream.upstream == NULL) {
        return NGX_CONF_ERROR;
    }

    lcf->pass = ngx_http_claude_use(cf, "claude_pass");
    if (lcf->pass == NULL) {
        return NGX_CONF_ERROR;
    }

    lcf->pass->upstream = lcf->upstream.upstream;

    clcf->handler = ngx_http_claude_content_handler;

    return NGX_CONF_OK;
}


char *
ngx_http_claude_model(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_claude_loc_conf_t *lcf = conf;

    ngx_str_t       *value;
    ngx_uint_t       i;
    claude_model_t  *model;

    if (lcf->model_elts == NGX_CONF_UNSET_PTR) {
        lcf->model_elts = ngx_array_create(cf->pool, 4,
                                           sizeof(claude_model_t));
        if (lcf->model_elts == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    value = cf->args->elts;
    model = lcf->model_elts->elts;

    for (i = 0; i < lcf->model_elts->nelts; i++) {

        if (model[i].alias.len == value[1].len
            && ngx_memcmp(model[i].alias.data, value[1].data, value[1].len)
               == 0)
        {
            return "names an alias twice";
        }
    }

    if (ngx_http_claude_model_chars(cf, &value[1]) != NGX_OK
        || ngx_http_claude_model_chars(cf, &value[2]) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    model = ngx_array_push(lcf->model_elts);
    if (model == NULL) {
        return NGX_CONF_ERROR;
    }

    model->alias.len = value[1].len;
    model->alias.data = value[1].data;
    model->target.len = value[2].len;
    model->target.data = value[2].data;

    return NGX_CONF_OK;
}


/* what claude_model_t promises the core */

static ngx_int_t
ngx_http_claude_model_chars(ngx_conf_t *cf, ngx_str_t *value)
{
    size_t  i;
    u_char  c;

    for (i = 0; i < value->len; i++) {
        c = value->data[i];

        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
            || (c >= 'A' && c <= 'Z') || ngx_strchr("._:/@[]-", c) != NULL)
        {
            continue;
        }

        break;
    }

    if (i == value->len && i > 0 && i <= 128) {
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid model name \"%V\": 1 to 128 of letters, "
                       "digits and \"._:/@[]-\"", value);
    return NGX_ERROR;
}


char *
ngx_http_claude_cors(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_claude_loc_conf_t *lcf = conf;

    ngx_str_t   *value, *origin;
    ngx_uint_t   i;

    if (lcf->cors != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        lcf->cors = NULL;
        return NGX_CONF_OK;
    }

    lcf->cors = ngx_array_create(cf->pool, 4, sizeof(ngx_str_t));
    if (lcf->cors == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        /* RFC 6454, 7: scheme "://" host [ ":" port ], no path */

        if (ngx_strcmp(value[i].data, "*") != 0
            && ((ngx_strncmp(value[i].data, "https://", 8) != 0
                 && ngx_strncmp(value[i].data, "http://", 7) != 0)
                || ngx_strchr(value[i].data + 8, '/') != NULL))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid origin \"%V\": scheme, host and "
                               "port, without a path", &value[i]);
            return NGX_CONF_ERROR;
        }

        origin = ngx_array_push(lcf->cors);
        if (origin == NULL) {
            return NGX_CONF_ERROR;
        }

        *origin = value[i];
    }

    return NGX_CONF_OK;
}


char *
ngx_http_claude_check_msec(ngx_conf_t *cf, void *post, void *data)
{
    ngx_msec_t *value = data;

    return *value ? NGX_CONF_OK : "must be longer than zero";
}


char *
ngx_http_claude_check_buffer(ngx_conf_t *cf, void *post, void *data)
{
    size_t *value = data;

    /* the headers of the bridge's answer must fit */

    return (*value >= 1024 && *value <= 16 * 1024 * 1024)
           ? NGX_CONF_OK : "must be between 1k and 16m";
}


char *
ngx_http_claude_auth_at(ngx_conf_t *cf, void *post, void *data)
{
    ngx_flag_t *value = data;

    if (*value && ngx_http_claude_use(cf, "claude_auth") == NULL) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_http_claude_use_t *
ngx_http_claude_use(ngx_conf_t *cf, const char *name)
{
    ngx_http_claude_use_t        *use, **p;
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_claude_module);

    use = ngx_pcalloc(cf->pool, sizeof(ngx_http_claude_use_t));
    if (use == NULL) {
        return NULL;
    }

    p = ngx_array_push(&mcf->uses);
    if (p == NULL) {
        return NULL;
    }

    *p = use;

    use->name = name;
    use->at = *cf->conf_file;

    return use;
}
