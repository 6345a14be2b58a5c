
/*
 * Directives of the admin, and what is refused once the whole configuration is
 * known.
 */


#include "ngx_http_claude_admin.h"


static ngx_int_t ngx_http_claude_admin_names(ngx_conf_t *cf,
    ngx_http_claude_admin_at_t *at);
static ngx_int_t ngx_http_claude_admin_listens(ngx_conf_t *cf,
    ngx_http_claude_admin_at_t *at, ngx_uint_t *plain);
static ngx_uint_t ngx_http_claude_admin_serves(ngx_http_conf_addr_t *addr,
    ngx_http_core_srv_conf_t *cscf);
static ngx_int_t ngx_http_claude_admin_port(ngx_conf_t *cf,
    ngx_http_claude_srv_conf_t *scf, in_port_t port);


char *
ngx_http_claude_admin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_claude_loc_conf_t *lcf = conf;

    ngx_url_t                     u;
    ngx_str_t                    *value;
    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_claude_admin_at_t   *at;
    ngx_http_claude_main_conf_t  *mcf;

    if (lcf->admin.on) {
        return "is duplicate";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->named || clcf->exact_match
#if (NGX_PCRE)
        || clcf->regex
#endif
        || clcf->name.len == 0
        || clcf->name.data[clcf->name.len - 1] != '/')
    {
        return "may only stand in a prefix location that ends in \"/\"";
    }

    if (clcf->handler != NULL) {
        return "and another content handler in one location";
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_claude_module);

    at = ngx_array_push(&mcf->admins);
    if (at == NULL) {
        return NGX_CONF_ERROR;
    }

    at->use = ngx_http_claude_use(cf, "claude_admin");
    if (at->use == NULL) {
        return NGX_CONF_ERROR;
    }

    at->lcf = lcf;
    at->cscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);
    at->scf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_claude_module);

    if (cf->args->nelts == 2) {
        value = cf->args->elts;

        if (ngx_strncmp(value[1].data, "upstream=", 9) != 0
            || value[1].len == 9)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[1]);
            return NGX_CONF_ERROR;
        }

        ngx_memzero(&u, sizeof(ngx_url_t));

        u.url.data = value[1].data + 9;
        u.url.len = value[1].len - 9;
        u.no_resolve = 1;

        lcf->admin.upstream = ngx_http_upstream_add(cf, &u, 0);
        if (lcf->admin.upstream == NULL) {
            return NGX_CONF_ERROR;
        }

        lcf->upstream.upstream = lcf->admin.upstream;
        at->use->upstream = lcf->admin.upstream;
    }

    lcf->admin.on = 1;
    clcf->handler = ngx_http_claude_admin_handler;

    /* who leaves the slash away is sent to where it is */

    clcf->auto_redirect = 1;

    return NGX_CONF_OK;
}


char *
ngx_http_claude_admin_redirect(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_claude_loc_conf_t *lcf = conf;

    u_char      *p, *last;
    ngx_int_t    port;
    ngx_str_t   *value, host;

    if (lcf->admin.redirect.len) {
        return "is duplicate";
    }

    value = cf->args->elts;
    host = value[1];
    last = host.data + host.len;

    p = ngx_strlchr(host.data, last, ':');

    if (p != NULL) {
        host.len = p - host.data;
        port = ngx_atoi(p + 1, last - p - 1);

        if (port < 1 || port > 65535) {
            host.len = 0;
        }
    }

    if (!ngx_http_claude_admin_is_name(&host)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid host \"%V\": it must be a name, with a "
                           "port or without", &value[1]);
        return NGX_CONF_ERROR;
    }

    lcf->admin.redirect = value[1];

    return NGX_CONF_OK;
}


char *
ngx_http_claude_admin_forwarded(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_claude_loc_conf_t *lcf = conf;

    ngx_int_t     rc;
    ngx_str_t    *value;
    ngx_cidr_t   *cidr;
    ngx_uint_t    i;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "unix:") == 0) {
            lcf->admin.forwarded_unix = 1;
            continue;
        }

        if (lcf->admin.forwarded == NULL) {
            lcf->admin.forwarded = ngx_array_create(cf->pool, 2,
                                                    sizeof(ngx_cidr_t));
            if (lcf->admin.forwarded == NULL) {
                return NGX_CONF_ERROR;
            }
        }

        cidr = ngx_array_push(lcf->admin.forwarded);
        if (cidr == NULL) {
            return NGX_CONF_ERROR;
        }

        rc = ngx_ptocidr(&value[i], cidr);

        if (rc == NGX_ERROR) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid address \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        if (rc == NGX_DONE) {
            ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                               "low address bits of %V are meaningless",
                               &value[i]);
        }
    }

    return NGX_CONF_OK;
}


char *
ngx_http_claude_admin_merge(ngx_conf_t *cf, ngx_http_claude_loc_conf_t *prev,
    ngx_http_claude_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t      *clcf;
    ngx_http_claude_admin_conf_t  *outer, *inner;

    outer = &prev->admin;
    inner = &conf->admin;

    if (inner->people == NULL) {
        inner->people = outer->people;
    }

    if (inner->redirect.len == 0) {
        inner->redirect = outer->redirect;
    }

    if (inner->forwarded == NULL && !inner->forwarded_unix) {
        inner->forwarded = outer->forwarded;
        inner->forwarded_unix = outer->forwarded_unix;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* the inside of if{} and limit_except{} is the same location */

    if (clcf->noname && outer->on && clcf->handler == NULL) {
        inner->on = 1;
        inner->upstream = outer->upstream;
        conf->upstream.upstream = outer->upstream;
        clcf->handler = ngx_http_claude_admin_handler;
    }

    if (!inner->on) {
        return NGX_CONF_OK;
    }

    if (clcf->handler != ngx_http_claude_admin_handler) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"claude_admin\" and another content handler in "
                           "location \"%V\"", &clcf->name);
        return NGX_CONF_ERROR;
    }

    ngx_http_claude_merge_apart(clcf, prev, conf);

    /* nowhere that a Host header names: without TLS the next redirect says
     * where to */

    clcf->absolute_redirect = 0;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_claude_admin_check(ngx_conf_t *cf, ngx_http_claude_main_conf_t *mcf)
{
    ngx_uint_t                   i, plain;
    ngx_http_claude_admin_at_t  *at;

    at = mcf->admins.elts;

    for (i = 0; i < mcf->admins.nelts; i++) {

        if (at[i].lcf->admin.people == NULL) {
            ngx_http_claude_log_at(cf, &at[i].use->at,
                                   "\"%s\" needs "
                                   "\"claude_admin_password_file\"",
                                   at[i].use->name);
            return NGX_ERROR;
        }

        if (ngx_http_claude_admin_names(cf, &at[i]) != NGX_OK
            || ngx_http_claude_admin_listens(cf, &at[i], &plain) != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (plain && at[i].lcf->admin.redirect.len == 0
            && at[i].scf->names->nelts == 0)
        {
            ngx_http_claude_log_at(cf, &at[i].use->at,
                                   "\"%s\" on a listener without TLS needs "
                                   "\"claude_admin_redirect\", or a server "
                                   "name that pages are redirected to",
                                   at[i].use->name);
            return NGX_ERROR;
        }

        at[i].scf->admin = 1;
    }

    return NGX_OK;
}


/* nginx forgets them once the configuration is read */

static ngx_int_t
ngx_http_claude_admin_names(ngx_conf_t *cf, ngx_http_claude_admin_at_t *at)
{
    ngx_str_t               *copy;
    ngx_uint_t               i;
    ngx_http_server_name_t  *name;

    if (at->scf->names != NULL) {
        return NGX_OK;
    }

    at->scf->names = ngx_array_create(cf->pool, 2, sizeof(ngx_str_t));
    if (at->scf->names == NULL) {
        return NGX_ERROR;
    }

    name = at->cscf->server_names.elts;

    for (i = 0; i < at->cscf->server_names.nelts; i++) {

        if (!ngx_http_claude_admin_is_name(&name[i].name)
#if (NGX_PCRE)
            || name[i].regex
#endif
            )
        {
            continue;
        }

        copy = ngx_array_push(at->scf->names);
        if (copy == NULL) {
            return NGX_ERROR;
        }

        *copy = name[i].name;
    }

    return NGX_OK;
}


/* plain: the server listens without TLS somewhere */

static ngx_int_t
ngx_http_claude_admin_listens(ngx_conf_t *cf, ngx_http_claude_admin_at_t *at,
    ngx_uint_t *plain)
{
    ngx_uint_t                  i, j, tls;
    ngx_http_conf_addr_t       *addr;
    ngx_http_conf_port_t       *port;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    *plain = 0;
    tls = 0;

    if (cmcf->ports == NULL) {
        return NGX_OK;
    }

    port = cmcf->ports->elts;

    for (i = 0; i < cmcf->ports->nelts; i++) {
        addr = port[i].addrs.elts;

        for (j = 0; j < port[i].addrs.nelts; j++) {

            if (!ngx_http_claude_admin_serves(&addr[j], at->cscf)) {
                continue;
            }

            if (!ngx_http_claude_listens_tls(&addr[j].opt)) {
                *plain = 1;
                continue;
            }

            if (tls++) {
                continue;
            }

            if (ngx_http_claude_admin_port(cf, at->scf, port[i].port)
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_claude_admin_serves(ngx_http_conf_addr_t *addr,
    ngx_http_core_srv_conf_t *cscf)
{
    ngx_uint_t                  i;
    ngx_http_core_srv_conf_t  **server;

    server = addr->servers.elts;

    for (i = 0; i < addr->servers.nelts; i++) {
        if (server[i] == cscf) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_claude_admin_port(ngx_conf_t *cf, ngx_http_claude_srv_conf_t *scf,
    in_port_t port)
{
    if (port == 443 || port == 0) {
        return NGX_OK;
    }

    scf->https_port.data = ngx_pnalloc(cf->pool, sizeof(":65535") - 1);
    if (scf->https_port.data == NULL) {
        return NGX_ERROR;
    }

    scf->https_port.len = ngx_sprintf(scf->https_port.data, ":%ui",
                                      (ngx_uint_t) port)
                          - scf->https_port.data;

    return NGX_OK;
}
