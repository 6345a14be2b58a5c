
/*
 * Checks that need the whole configuration.
 */


#include "ngx_http_claude.h"


static ngx_int_t ngx_http_claude_check_use(ngx_conf_t *cf,
    ngx_http_claude_main_conf_t *mcf, ngx_http_claude_use_t *use);
static ngx_int_t ngx_http_claude_check_upstream(ngx_conf_t *cf,
    ngx_http_claude_use_t *use);
static ngx_uint_t ngx_http_claude_is_local(struct sockaddr *sa);


ngx_int_t
ngx_http_claude_check_conf(ngx_conf_t *cf)
{
    ngx_uint_t                     i;
    ngx_core_conf_t               *ccf;
    ngx_http_claude_use_t        **use;
    ngx_http_claude_main_conf_t   *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_claude_module);

    use = mcf->uses.elts;

    for (i = 0; i < mcf->uses.nelts; i++) {
        if (ngx_http_claude_check_use(cf, mcf, use[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (ngx_http_claude_admin_check(cf, mcf) != NGX_OK) {
        return NGX_ERROR;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                           ngx_core_module);

    if (mcf->store != NULL && ccf->master == 0) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "with \"master_process off\" nobody frees the locks of "
                      "a worker that died");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_claude_check_use(ngx_conf_t *cf, ngx_http_claude_main_conf_t *mcf,
    ngx_http_claude_use_t *use)
{
    if (use->zone != NULL) {

        if (use->zone->init != ngx_claude_limit_init_zone) {
            ngx_http_claude_log_at(cf, &use->at,
                                   "\"%s\" names a zone that no "
                                   "\"claude_limit_zone\" declares",
                                   use->name);
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    if (mcf->store == NULL) {
        ngx_http_claude_log_at(cf, &use->at,
                               "\"%s\" needs \"claude_keystore\"", use->name);
        return NGX_ERROR;
    }

    if (use->upstream != NULL) {
        return ngx_http_claude_check_upstream(cf, use);
    }

    return NGX_OK;
}


/*
 * The bridge gets credentials over plain HTTP: never off this host.
 */

static ngx_int_t
ngx_http_claude_check_upstream(ngx_conf_t *cf, ngx_http_claude_use_t *use)
{
    ngx_url_t                      u;
    ngx_uint_t                     i, j;
    ngx_http_upstream_server_t    *server;
    ngx_http_upstream_srv_conf_t  *us;

    us = use->upstream;

    if (us->servers == NULL) {

        /* no upstream{}: the address stands in the directive */

        ngx_memzero(&u, sizeof(ngx_url_t));

        u.url = us->host;
        u.default_port = us->port ? us->port : 80;

        if (ngx_parse_url(cf->pool, &u) != NGX_OK) {
            ngx_http_claude_log_at(cf, &use->at,
                                   "\"%s\": host not found", use->name);
            return NGX_ERROR;
        }

        for (i = 0; i < u.naddrs; i++) {
            if (!ngx_http_claude_is_local(u.addrs[i].sockaddr)) {
                goto remote;
            }
        }

        return NGX_OK;
    }

    server = us->servers->elts;

    for (i = 0; i < us->servers->nelts; i++) {
        for (j = 0; j < server[i].naddrs; j++) {

            if (!ngx_http_claude_is_local(server[i].addrs[j].sockaddr)) {
                goto remote;
            }
        }
    }

    return NGX_OK;

remote:

    ngx_http_claude_log_at(cf, &use->at,
                           "\"%s\": plain HTTP to a bridge that is not on "
                           "this host would show it credentials", use->name);
    return NGX_ERROR;
}


static ngx_uint_t
ngx_http_claude_is_local(struct sockaddr *sa)
{
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    switch (sa->sa_family) {

#if (NGX_HAVE_UNIX_DOMAIN)
    case AF_UNIX:
        return 1;
#endif

    case AF_INET:
        sin = (struct sockaddr_in *) sa;
        return (ntohl(sin->sin_addr.s_addr) >> 24) == 127;

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sa;
        return IN6_IS_ADDR_LOOPBACK(&sin6->sin6_addr) ? 1 : 0;
#endif

    default:
        return 0;
    }
}


void
ngx_http_claude_log_at(ngx_conf_t *cf, ngx_conf_file_t *at, const char *text,
    const char *name)
{
    ngx_conf_file_t  *here;

    here = cf->conf_file;
    cf->conf_file = at;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, text, name);

    cf->conf_file = here;
}
