
/*
 * claude_admin_password_file, claude_session_zone: who may sign in, and where
 * their sessions are.
 */


#include "ngx_http_claude_admin.h"
#include "ngx_http_claude_audit.h"


#define NGX_HTTP_CLAUDE_SESSION_DAY   (24 * 60 * 60 * 1000)
#define NGX_HTTP_CLAUDE_SESSION_SIZE  (1024 * 1024)


static ngx_int_t ngx_http_claude_session_param(ngx_conf_t *cf,
    ngx_str_t *value, size_t skip, ngx_msec_t *msec);
static void ngx_http_claude_admin_credentials(
    ngx_http_claude_main_conf_t *mcf, claude_people_t *people);
static ngx_uint_t ngx_http_claude_admin_keep(void *data,
    const u_char *credential);


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
    claude_secret_rc_e     secret;
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

    rc = claude_password_read((char *) value[1].data, &mem, people, &line,
                              &secret);

    if (rc == CLAUDE_PASSWORD_OK) {
        lcf->admin.people = people;
        return NGX_CONF_OK;
    }

    if (rc == CLAUDE_PASSWORD_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf,
                           secret == CLAUDE_SECRET_MISSING
                           || secret == CLAUDE_SECRET_IO ? ngx_errno : 0,
                           "password file \"%V\" %s", &value[1],
                           claude_file_secret_reason(secret));

    } else if (line != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "password file \"%V\" %s, line %ui", &value[1],
                           claude_password_reason(rc), (ngx_uint_t) line);

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "password file \"%V\" %s",
                           &value[1], claude_password_reason(rc));
    }

    return NGX_CONF_ERROR;
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

    if (*msec >= 1000 && *msec <= NGX_HTTP_CLAUDE_SESSION_DAY) {
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid time \"%V\": it must be 1s to 24h", value);
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
