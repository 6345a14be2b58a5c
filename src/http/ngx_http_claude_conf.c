
/*
 * The configuration's structures: made, defaulted and merged.
 */


#include "ngx_http_claude_metrics.h"


static ngx_int_t ngx_http_claude_open_store(ngx_conf_t *cf,
    ngx_http_claude_main_conf_t *mcf);
static void ngx_http_claude_worker_user(ngx_conf_t *cf,
    ngx_claude_store_t *store);
static char *ngx_http_claude_merge_access(ngx_conf_t *cf,
    ngx_http_claude_loc_conf_t *prev, ngx_http_claude_loc_conf_t *conf);
static char *ngx_http_claude_merge_pass(ngx_conf_t *cf,
    ngx_http_claude_loc_conf_t *prev, ngx_http_claude_loc_conf_t *conf);
static void ngx_http_claude_merge_pages(ngx_http_core_loc_conf_t *clcf,
    ngx_http_claude_loc_conf_t *prev, ngx_http_claude_loc_conf_t *conf);
static void ngx_http_claude_merge_upstream(ngx_http_upstream_conf_t *prev,
    ngx_http_upstream_conf_t *conf);
static void ngx_http_claude_warn_log(ngx_conf_t *cf,
    ngx_http_core_loc_conf_t *clcf);


void *
ngx_http_claude_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_claude_main_conf_t));
    if (mcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     mcf->master = NULL;
     *     mcf->store = NULL;
     *     mcf->threads = NULL;
     *     mcf->default_limit = NULL;
     *     mcf->sessions = NULL;
     *     mcf->attempts = NULL;
     *     mcf->metrics = NULL;
     *     mcf->ring = NULL;
     *     mcf->warned = 0;
     */

    if (ngx_array_init(&mcf->uses, cf->pool, 4,
                       sizeof(ngx_http_claude_use_t *))
        != NGX_OK
        || ngx_array_init(&mcf->audit_logs, cf->pool, 2,
                          sizeof(ngx_http_claude_audit_log_t *))
           != NGX_OK)
    {
        return NULL;
    }

    if (ngx_array_init(&mcf->admins, cf->pool, 1,
                       sizeof(ngx_http_claude_admin_at_t))
        != NGX_OK)
    {
        return NULL;
    }

    return mcf;
}


char *
ngx_http_claude_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_claude_main_conf_t *mcf = conf;

    static ngx_str_t  request_id = ngx_string("request_id");
    static ngx_str_t  authorization = ngx_string("http_authorization");
    static ngx_str_t  api_key = ngx_string("http_x_api_key");

    mcf->request_id = ngx_http_get_variable_index(cf, &request_id);
    mcf->authorization = ngx_http_get_variable_index(cf, &authorization);
    mcf->api_key = ngx_http_get_variable_index(cf, &api_key);

    if (mcf->request_id == NGX_ERROR || mcf->authorization == NGX_ERROR
        || mcf->api_key == NGX_ERROR)
    {
        return NGX_CONF_ERROR;
    }

    if (mcf->credentials == 0) {
        mcf->credentials = CLAUDE_FORM_OAUTH;
    }

    if ((mcf->audit_logs.nelts || mcf->admins.nelts)
        && ngx_http_claude_audit_ring(cf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_claude_admin_zones(cf, mcf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (mcf->store == NULL) {
        return NGX_CONF_OK;
    }

    if (mcf->threads == NULL) {
        mcf->threads = ngx_thread_pool_add(cf, NULL);
        if (mcf->threads == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_http_claude_open_store(cf, mcf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_claude_open_store(ngx_conf_t *cf, ngx_http_claude_main_conf_t *mcf)
{
    ngx_int_t            rc;
    ngx_conf_file_t     *here;
    ngx_claude_store_t  *store;

    store = mcf->store;

    if (mcf->master == NULL) {
        ngx_http_claude_log_at(cf, &mcf->store_at,
                               "\"%s\" needs \"claude_master_key\"",
                               "claude_keystore");
        return NGX_ERROR;
    }

    /* nginx -s without credentials: nothing is opened */

    if (mcf->master->n == 0) {
        return NGX_OK;
    }

    store->master = mcf->master;
    store->threads = mcf->threads;
    ngx_http_claude_worker_user(cf, store);

    /* what is wrong with the store is reported where it is named */

    here = cf->conf_file;
    cf->conf_file = &mcf->store_at;

    rc = store->ops->open(cf, store);

    cf->conf_file = here;

    return rc;
}


/*
 * The core module settles its user only after http{} is read, so what it will
 * settle on is worked out here.
 */

static void
ngx_http_claude_worker_user(ngx_conf_t *cf, ngx_claude_store_t *store)
{
    struct passwd    *pwd;
    ngx_core_conf_t  *ccf;

    store->uid = geteuid();
    store->gid = getegid();

    if (store->uid != 0) {
        return;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                           ngx_core_module);

    if (ccf->user != (ngx_uid_t) NGX_CONF_UNSET_UINT) {
        store->uid = ccf->user;
        store->gid = ccf->group;
        return;
    }

    pwd = getpwnam(NGX_USER);

    if (pwd != NULL) {
        store->uid = pwd->pw_uid;
        store->gid = pwd->pw_gid;
    }
}


void *
ngx_http_claude_create_srv_conf(ngx_conf_t *cf)
{
    ngx_http_claude_srv_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_claude_srv_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     conf->pass = 0;
     *     conf->admin = 0;
     *     conf->names = NULL;
     *     conf->https_port = { 0, NULL };
     */

    conf->audit_log = NGX_CONF_UNSET_PTR;

    return conf;
}


char *
ngx_http_claude_merge_srv_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_claude_srv_conf_t *prev = parent;
    ngx_http_claude_srv_conf_t *conf = child;

    ngx_conf_merge_ptr_value(conf->audit_log, prev->audit_log, NULL);

    return NGX_CONF_OK;
}


void *
ngx_http_claude_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_claude_loc_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_claude_loc_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     conf->limit = NULL;
     *     conf->limit_burst = 0;
     *     conf->limit_set = 0;
     *     conf->pass = NULL;
     *     conf->models = { 0, 0, 0 };
     *     conf->trace_value = NULL;
     *     conf->admin = { 0, … };
     *     conf->metrics = NULL;
     *
     *     conf->upstream.bufs.num = 0;
     *     conf->upstream.next_upstream = 0;
     *     conf->upstream.upstream = NULL;
     *     conf->upstream.buffering = 0;
     *     conf->upstream.ignore_client_abort = 0;
     *     conf->upstream.intercept_errors = 0;
     *     conf->upstream.pass_request_headers = 0;
     *     conf->upstream.pass_request_body = 0;
     */

    conf->auth = NGX_CONF_UNSET;
    conf->model_elts = NGX_CONF_UNSET_PTR;
    conf->builtin = NGX_CONF_UNSET_UINT;
    conf->ping = NGX_CONF_UNSET_MSEC;
    conf->security_headers = NGX_CONF_UNSET;
    conf->cors = NGX_CONF_UNSET_PTR;
    conf->trace = NGX_CONF_UNSET_UINT;

    conf->upstream.local = NGX_CONF_UNSET_PTR;
    conf->upstream.socket_keepalive = NGX_CONF_UNSET;
    conf->upstream.next_upstream_tries = NGX_CONF_UNSET_UINT;
    conf->upstream.connect_timeout = NGX_CONF_UNSET_MSEC;
    conf->upstream.send_timeout = NGX_CONF_UNSET_MSEC;
    conf->upstream.read_timeout = NGX_CONF_UNSET_MSEC;
    conf->upstream.next_upstream_timeout = NGX_CONF_UNSET_MSEC;
    conf->upstream.buffer_size = NGX_CONF_UNSET_SIZE;

    ngx_str_set(&conf->upstream.module, "claude");

    return conf;
}


char *
ngx_http_claude_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_claude_loc_conf_t *prev = parent;
    ngx_http_claude_loc_conf_t *conf = child;

    ngx_conf_merge_ptr_value(conf->model_elts, prev->model_elts, NULL);
    ngx_conf_merge_uint_value(conf->builtin, prev->builtin, 1);
    ngx_conf_merge_msec_value(conf->ping, prev->ping, 15000);
    ngx_conf_merge_value(conf->security_headers, prev->security_headers, 1);
    ngx_conf_merge_ptr_value(conf->cors, prev->cors, NULL);

    if (conf->trace == NGX_CONF_UNSET_UINT) {
        conf->trace_value = prev->trace_value;
    }

    ngx_conf_merge_uint_value(conf->trace, prev->trace,
                              NGX_HTTP_CLAUDE_TRACE_ON);

    conf->models.builtin = conf->builtin;

    if (conf->model_elts != NULL) {
        conf->models.elts = conf->model_elts->elts;
        conf->models.nelts = conf->model_elts->nelts;
    }

    ngx_http_claude_merge_upstream(&prev->upstream, &conf->upstream);

    if (ngx_http_claude_merge_pass(cf, prev, conf) != NGX_CONF_OK
        || ngx_http_claude_admin_merge(cf, prev, conf) != NGX_CONF_OK
        || ngx_http_claude_metrics_merge(cf, prev, conf) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    /* health is answered without delay, or said to be bad */

    conf->health = conf->upstream;
    conf->health.connect_timeout = ngx_min(conf->upstream.connect_timeout,
                                           NGX_HTTP_CLAUDE_HEALTH_TIMEOUT);
    conf->health.send_timeout = conf->health.connect_timeout;
    conf->health.read_timeout = conf->health.connect_timeout;

    return ngx_http_claude_merge_access(cf, prev, conf);
}


/*
 * Neither auth nor limit has its default settled here, but only where a
 * claude_pass needs one: a server in between must not settle it for its
 * locations.
 */

static char *
ngx_http_claude_merge_access(ngx_conf_t *cf, ngx_http_claude_loc_conf_t *prev,
    ngx_http_claude_loc_conf_t *conf)
{
    if (conf->auth == NGX_CONF_UNSET) {
        conf->auth = prev->auth;
    }

    if (!conf->limit_set && prev->limit_set) {
        conf->limit = prev->limit;
        conf->limit_burst = prev->limit_burst;
        conf->limit_set = 1;
    }

    if (conf->auth == 1 || conf->pass != NULL || conf->admin.on) {
        ngx_http_claude_warn_log(cf,
               ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
    }

    if (conf->pass == NULL) {
        return NGX_CONF_OK;
    }

    if (conf->auth == 0) {
        ngx_http_claude_log_at(cf, &conf->pass->at,
                               "\"%s\" can't be used with \"claude_auth off\"",
                               conf->pass->name);
        return NGX_CONF_ERROR;
    }

    conf->auth = 1;

    if (!conf->limit_set) {
        conf->limit = ngx_http_claude_default_limit(cf);
        if (conf->limit == NULL) {
            return NGX_CONF_ERROR;
        }

        conf->limit_set = 1;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_claude_merge_pass(ngx_conf_t *cf, ngx_http_claude_loc_conf_t *prev,
    ngx_http_claude_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t    *clcf;
    ngx_http_claude_srv_conf_t  *scf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    conf->error_pages = clcf->error_pages;

    /* the inside of if{} and limit_except{} is the same location */

    if (clcf->noname && prev->pass != NULL && clcf->handler == NULL) {
        conf->pass = prev->pass;
        conf->exact = prev->exact;
        conf->upstream.upstream = prev->upstream.upstream;
        clcf->handler = ngx_http_claude_content_handler;
    }

    if (conf->pass == NULL) {
        return NGX_CONF_OK;
    }

    if (clcf->handler != ngx_http_claude_content_handler) {
        ngx_http_claude_log_at(cf, &conf->pass->at,
                               "\"%s\" and another content handler "
                               "in one location", conf->pass->name);
        return NGX_CONF_ERROR;
    }

    ngx_http_claude_merge_pages(clcf, prev, conf);

    scf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_claude_module);
    scf->pass = 1;

    return NGX_CONF_OK;
}


void
ngx_http_claude_merge_apart(ngx_http_core_loc_conf_t *clcf,
    ngx_http_claude_loc_conf_t *prev, ngx_http_claude_loc_conf_t *conf)
{
    conf->auth = (conf->auth == NGX_CONF_UNSET) ? 0 : conf->auth;
    conf->cors = NULL;

    ngx_http_claude_merge_pages(clcf, prev, conf);
}


/* pages for people, set for all of a server, are not for API clients */

static void
ngx_http_claude_merge_pages(ngx_http_core_loc_conf_t *clcf,
    ngx_http_claude_loc_conf_t *prev, ngx_http_claude_loc_conf_t *conf)
{
    if (conf->error_pages == prev->error_pages) {
        clcf->error_pages = NULL;
    }
}


static void
ngx_http_claude_merge_upstream(ngx_http_upstream_conf_t *prev,
    ngx_http_upstream_conf_t *conf)
{
    ngx_conf_merge_ptr_value(conf->local, prev->local, NULL);
    ngx_conf_merge_value(conf->socket_keepalive, prev->socket_keepalive, 0);

    ngx_conf_merge_uint_value(conf->next_upstream_tries,
                              prev->next_upstream_tries, 0);
    ngx_conf_merge_msec_value(conf->next_upstream_timeout,
                              prev->next_upstream_timeout, 0);

    ngx_conf_merge_msec_value(conf->connect_timeout, prev->connect_timeout,
                              60000);
    ngx_conf_merge_msec_value(conf->send_timeout, prev->send_timeout, 60000);

    /* longer than the bridge's own patience, so that its word comes first */

    ngx_conf_merge_msec_value(conf->read_timeout, prev->read_timeout, 360000);

    ngx_conf_merge_size_value(conf->buffer_size, prev->buffer_size,
                              (size_t) ngx_pagesize);

    ngx_conf_merge_bitmask_value(conf->next_upstream, prev->next_upstream,
                                 (NGX_CONF_BITMASK_SET
                                  |NGX_HTTP_UPSTREAM_FT_ERROR
                                  |NGX_HTTP_UPSTREAM_FT_TIMEOUT));

    if (conf->next_upstream & NGX_HTTP_UPSTREAM_FT_OFF) {
        conf->next_upstream = NGX_CONF_BITMASK_SET|NGX_HTTP_UPSTREAM_FT_OFF;
    }
}


/*
 * nginx itself prints a repeated Authorization header at level info, and every
 * header at debug.
 */

static void
ngx_http_claude_warn_log(ngx_conf_t *cf, ngx_http_core_loc_conf_t *clcf)
{
    ngx_log_t                    *log;
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_claude_module);

    if (mcf->warned) {
        return;
    }

    for (log = clcf->error_log; log != NULL; log = log->next) {

        if ((log->log_level & NGX_LOG_DEBUG_ALL)
            || (log->log_level & 0xf) >= NGX_LOG_INFO)
        {
            mcf->warned = 1;
            ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                          "the \"error_log\" of location \"%V\" is at level "
                          "\"info\" or \"debug\": nginx writes API keys and "
                          "cookies of clients to it", &clcf->name);
            return;
        }
    }
}
