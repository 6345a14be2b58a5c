
/*
 * Directives of the admin, and what is refused once the whole configuration is
 * known.
 */


#include "ngx_http_claude_admin.h"
#include "ngx_http_claude_audit.h"


#define NGX_HTTP_CLAUDE_SESSION_DAY   (24 * 60 * 60 * 1000)
#define NGX_HTTP_CLAUDE_SESSION_SIZE  (1024 * 1024)


static ngx_int_t ngx_http_claude_session_param(ngx_conf_t *cf,
    ngx_str_t *value, size_t skip, ngx_msec_t *msec);
static ngx_int_t ngx_http_claude_admin_listens(ngx_conf_t *cf,
    ngx_http_claude_admin_at_t *at, ngx_uint_t *plain);
static ngx_uint_t ngx_http_claude_admin_serves(ngx_http_conf_addr_t *addr,
    ngx_http_core_srv_conf_t *cscf);
static ngx_int_t ngx_http_claude_admin_port(ngx_conf_t *cf,
    ngx_http_claude_srv_conf_t *scf, in_port_t port);
static void ngx_http_claude_admin_credentials(
    ngx_http_claude_main_conf_t *mcf, claude_people_t *people);
static ngx_uint_t ngx_http_claude_admin_keep(void *data,
    const u_char *credential);


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

    return NGX_CONF_OK;
}


/* read here and now, by the user who starts nginx; workers inherit it */

char *
ngx_http_claude_admin_password_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_claude_loc_conf_t *lcf = conf;

    unsigned               line;
    ngx_str_t             *value;
    claude_mem_t           mem;
    claude_people_t       *people;
    claude_password_rc_e   rc;

    if (lcf->admin.people != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_conf_full_name(cf->cycle, &value[1], 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    people = ngx_pcalloc(cf->pool, sizeof(claude_people_t));
    if (people == NULL) {
        return NGX_CONF_ERROR;
    }

    mem = ngx_http_claude_mem(cf->pool);

    rc = claude_password_read((char *) value[1].data, &mem, people, &line);

    if (rc == CLAUDE_PASSWORD_OK) {
        lcf->admin.people = people;
        return NGX_CONF_OK;
    }

    if (line != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "password file \"%V\" %s, line %ui", &value[1],
                           claude_password_reason(rc), (ngx_uint_t) line);

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf,
                           rc == CLAUDE_PASSWORD_MISSING
                           || rc == CLAUDE_PASSWORD_IO ? ngx_errno : 0,
                           "password file \"%V\" %s", &value[1],
                           claude_password_reason(rc));
    }

    return NGX_CONF_ERROR;
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
ngx_http_claude_session_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_claude_main_conf_t *mcf = conf;

    ssize_t                 size;
    ngx_str_t              *value, name;
    ngx_uint_t              i;
    ngx_claude_sessions_t  *ss;

    if (mcf->sessions != NULL) {
        return "is duplicate";
    }

    ss = ngx_pcalloc(cf->pool, sizeof(ngx_claude_sessions_t));
    if (ss == NULL) {
        return NGX_CONF_ERROR;
    }

    ss->timeout = NGX_HTTP_CLAUDE_SESSION_DAY;
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

        if (ngx_strncmp(value[i].data, "timeout=", 8) == 0) {

            if (ngx_http_claude_session_param(cf, &value[i], 8, &ss->timeout)
                != NGX_OK)
            {
                return NGX_CONF_ERROR;
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "idle=", 5) == 0) {

            if (ngx_http_claude_session_param(cf, &value[i], 5, &ss->idle)
                != NGX_OK)
            {
                return NGX_CONF_ERROR;
            }

            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                           &value[i]);
        return NGX_CONF_ERROR;
    }

    if (name.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" must have \"zone=\"", &cmd->name);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_claude_zone_add(cf, &name, size,
                                 ngx_claude_session_init_zone, ss)
        == NULL)
    {
        return NGX_CONF_ERROR;
    }

    mcf->sessions = ss;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_claude_session_param(ngx_conf_t *cf, ngx_str_t *value, size_t skip,
    ngx_msec_t *msec)
{
    ngx_str_t  s;

    s.data = value->data + skip;
    s.len = value->len - skip;

    *msec = ngx_parse_time(&s, 0);

    if (*msec >= 1 && *msec <= NGX_HTTP_CLAUDE_SESSION_DAY) {
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid time \"%V\": it must be longer than zero and "
                       "at most 24h", value);
    return NGX_ERROR;
}


/* zones that no directive declares; before the configuration is merged */

ngx_int_t
ngx_http_claude_admin_zones(ngx_conf_t *cf, ngx_http_claude_main_conf_t *mcf)
{
    static ngx_str_t  sessions = ngx_string("claude_default_sessions");
    static ngx_str_t  attempts = ngx_string("claude_login_attempts");

    if (mcf->admins.nelts == 0) {
        return NGX_OK;
    }

    if (mcf->sessions == NULL) {
        mcf->sessions = ngx_pcalloc(cf->pool, sizeof(ngx_claude_sessions_t));
        if (mcf->sessions == NULL) {
            return NGX_ERROR;
        }

        mcf->sessions->timeout = NGX_HTTP_CLAUDE_SESSION_DAY;

        if (ngx_http_claude_zone_add(cf, &sessions,
                                     NGX_HTTP_CLAUDE_SESSION_SIZE,
                                     ngx_claude_session_init_zone,
                                     mcf->sessions)
            == NULL)
        {
            return NGX_ERROR;
        }
    }

    mcf->attempts = ngx_pcalloc(cf->pool, sizeof(ngx_claude_attempts_t));
    if (mcf->attempts == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_claude_zone_add(cf, &attempts, NGX_CLAUDE_ATTEMPTS_SIZE,
                                 ngx_claude_attempts_init_zone,
                                 mcf->attempts)
        == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
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

    /* neither keys nor other origins have anything to do with it, nor have
     * pages for people that are set for all of a server */

    conf->auth = (conf->auth == NGX_CONF_UNSET) ? 0 : conf->auth;
    conf->cors = NULL;

    if (conf->error_pages == prev->error_pages) {
        clcf->error_pages = NULL;
    }

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

        if (ngx_http_claude_admin_listens(cf, &at[i], &plain) != NGX_OK) {
            return NGX_ERROR;
        }

        if (plain && at[i].lcf->admin.redirect.len == 0
            && !ngx_http_claude_admin_is_name(&at[i].cscf->server_name))
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

            if (ngx_http_claude_admin_port(cf, at->scf, ntohs(port[i].port))
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


/*
 * A session counts only where its credential is that of a person of today, so
 * those whose password has changed have none already; here they are counted
 * and their places freed.
 */

ngx_int_t
ngx_http_claude_admin_init_process(ngx_cycle_t *cycle,
    ngx_http_claude_main_conf_t *mcf)
{
    ngx_uint_t                   i, n;
    ngx_http_claude_admin_at_t  *at;

    at = mcf->admins.elts;

    for (i = 0; i < mcf->admins.nelts; i++) {
        ngx_http_claude_admin_credentials(mcf, at[i].lcf->admin.people);
    }

    if (mcf->admins.nelts == 0) {
        return NGX_OK;
    }

    n = ngx_claude_session_sweep(mcf->sessions, ngx_http_claude_admin_keep,
                                 mcf);

    if (n) {
        ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0,
                      "%ui admin sessions ended: the password file has "
                      "changed", n);
    }

    while (n--) {
        ngx_http_claude_audit(NULL, NGX_HTTP_CLAUDE_AUDIT_SESSION_ENDED, NULL,
                              "password_changed");
    }

    return NGX_OK;
}


static void
ngx_http_claude_admin_credentials(ngx_http_claude_main_conf_t *mcf,
    claude_people_t *people)
{
    unsigned          i;
    ngx_str_t         name, hash;
    claude_person_t  *person;

    for (i = 0; i < people->n; i++) {
        person = &people->people[i];

        name.data = person->name;
        name.len = person->len;

        hash.data = (u_char *) person->hash;
        hash.len = CLAUDE_PASSWORD_HASH;

        ngx_claude_session_credential(mcf->sessions, &name, &hash,
                                      person->credential);
    }
}


static ngx_uint_t
ngx_http_claude_admin_keep(void *data, const u_char *credential)
{
    ngx_http_claude_main_conf_t *mcf = data;

    ngx_uint_t                   i;
    ngx_http_claude_admin_at_t  *at;

    at = mcf->admins.elts;

    for (i = 0; i < mcf->admins.nelts; i++) {

        if (ngx_http_claude_admin_person(at[i].lcf->admin.people, credential)
            != NULL)
        {
            return 1;
        }
    }

    return 0;
}


const claude_person_t *
ngx_http_claude_admin_person(const claude_people_t *people,
    const u_char *credential)
{
    unsigned  i;

    for (i = 0; i < people->n; i++) {

        if (ngx_memcmp(people->people[i].credential, credential,
                       NGX_CLAUDE_SESSION_CREDENTIAL)
            == 0)
        {
            return &people->people[i];
        }
    }

    return NULL;
}
