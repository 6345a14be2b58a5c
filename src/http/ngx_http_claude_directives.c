
/*
 * Directives of servers and locations that nginx's own setters can't read, and
 * what the setters of zones share.
 */


#include "ngx_http_claude.h"


static ngx_uint_t ngx_http_claude_is_origin(ngx_str_t *value);
static ngx_int_t ngx_http_claude_model_chars(ngx_conf_t *cf,
    ngx_str_t *value);


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
    lcf->exact = clcf->exact_match;

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

        if (!ngx_http_claude_is_origin(&value[i])) {
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


/* RFC 6454, 7: scheme "://" host [ ":" port ] */

static ngx_uint_t
ngx_http_claude_is_origin(ngx_str_t *value)
{
    size_t  i;
    u_char  c;

    if (ngx_strcmp(value->data, "*") == 0) {
        return 1;
    }

    i = (ngx_strncmp(value->data, "https://", 8) == 0) ? 8
        : (ngx_strncmp(value->data, "http://", 7) == 0) ? 7 : value->len;

    if (i == value->len) {
        return 0;
    }

    for ( /* void */ ; i < value->len; i++) {
        c = value->data[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
              || (c >= 'A' && c <= 'Z')
              || c == '.' || c == '-' || c == ':' || c == '[' || c == ']'))
        {
            return 0;
        }
    }

    return 1;
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


ngx_http_claude_use_t *
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


ngx_int_t
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


ngx_shm_zone_t *
ngx_http_claude_zone_add(ngx_conf_t *cf, ngx_str_t *name, size_t size,
    ngx_shm_zone_init_pt init, void *data)
{
    ngx_shm_zone_t  *zone;

    zone = ngx_shared_memory_add(cf, name, size, &ngx_http_claude_module);
    if (zone == NULL) {
        return NULL;
    }

    if (zone->data != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" is already used", name);
        return NULL;
    }

    zone->init = init;
    zone->data = data;

    return zone;
}
