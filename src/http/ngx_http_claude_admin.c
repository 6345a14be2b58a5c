
/*
 * The admin's content handler: whatever is refused to all routes alike is
 * refused here, before anything of a body is read.
 */


#include "ngx_http_claude_admin.h"
#include "ngx_http_claude_admin_asset.h"
#include "ngx_http_claude_audit.h"


#define NGX_HTTP_CLAUDE_ADMIN_ID_MAX  64
#define NGX_HTTP_CLAUDE_ADMIN_TIMER   60000


static ngx_int_t ngx_http_claude_admin_page(ngx_http_request_t *r,
    ngx_str_t *path);
static ngx_int_t ngx_http_claude_admin_api(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx, ngx_str_t *path);
static ngx_uint_t ngx_http_claude_admin_find(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx, ngx_str_t *path);
static ngx_uint_t ngx_http_claude_admin_matches(
    const ngx_http_claude_admin_route_t *route, ngx_str_t *path,
    ngx_str_t *id);
static ngx_int_t ngx_http_claude_admin_method(ngx_http_request_t *r,
    ngx_uint_t methods);
static ngx_int_t ngx_http_claude_admin_allowed(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx);
static ngx_int_t ngx_http_claude_admin_refuse(ngx_http_request_t *r,
    claude_err_e err);
static void ngx_http_claude_admin_body(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);
static ngx_http_claude_admin_ctx_t *ngx_http_claude_admin_ctx(
    ngx_http_request_t *r);
static void ngx_http_claude_admin_still(ngx_event_t *event);
static void ngx_http_claude_admin_resumed(ngx_http_request_t *r);


static ngx_http_claude_admin_route_t  *ngx_http_claude_admin_tables[] = {
    ngx_http_claude_admin_login_routes,
    ngx_http_claude_admin_key_routes,
    ngx_http_claude_admin_usage_routes,
    ngx_http_claude_admin_audit_routes,
    ngx_http_claude_admin_status_routes,
    NULL
};


static struct {
    ngx_uint_t                 method;
    ngx_str_t                  name;
} ngx_http_claude_admin_methods[] = {
    { NGX_HTTP_GET, ngx_string("GET, HEAD") },
    { NGX_HTTP_POST, ngx_string("POST") },
    { NGX_HTTP_PATCH, ngx_string("PATCH") },
    { NGX_HTTP_DELETE, ngx_string("DELETE") },
    { 0, ngx_null_string }
};


ngx_int_t
ngx_http_claude_admin_handler(ngx_http_request_t *r)
{
    ngx_str_t                     path;
    ngx_http_claude_ctx_t        *ctx;
    ngx_http_claude_admin_ctx_t  *actx;

    if (r != r->main) {
        return NGX_HTTP_FORBIDDEN;
    }

    ctx = ngx_http_claude_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    actx = ngx_pcalloc(r->pool, sizeof(ngx_http_claude_admin_ctx_t));
    if (actx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    actx->ctx = ctx;
    ctx->admin = actx;

    path = ngx_http_claude_path(r);

    return ngx_http_claude_admin_is_api(r)
           ? ngx_http_claude_admin_api(r, actx, &path)
           : ngx_http_claude_admin_page(r, &path);
}


ngx_uint_t
ngx_http_claude_admin_is_api(ngx_http_request_t *r)
{
    ngx_str_t  path;

    path = ngx_http_claude_path(r);

    return path.len >= 3 && ngx_memcmp(path.data, "api", 3) == 0
           && (path.len == 3 || path.data[3] == '/');
}


static ngx_int_t
ngx_http_claude_admin_page(ngx_http_request_t *r, ngx_str_t *path)
{
    ngx_int_t  rc;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return ngx_http_claude_admin_method(r, NGX_HTTP_GET);
    }

    if (!ngx_http_claude_is_https(r)) {
        return ngx_http_claude_admin_to_https(r);
    }

    rc = ngx_http_claude_admin_asset(r, path);

    return (rc == NGX_DECLINED) ? NGX_HTTP_NOT_FOUND : rc;
}


static ngx_int_t
ngx_http_claude_admin_api(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx, ngx_str_t *path)
{
    ngx_int_t   rc;
    ngx_uint_t  methods;

    if (!ngx_http_claude_is_https(r)) {
        return ngx_http_claude_admin_refuse(r, CLAUDE_ERR_HTTPS);
    }

    methods = ngx_http_claude_admin_find(r, actx, path);

    if (methods == 0) {
        return ngx_http_claude_admin_error(r, CLAUDE_ERR_ADMIN_ENDPOINT);
    }

    if (actx->route == NULL) {
        return ngx_http_claude_admin_method(r, methods);
    }

    rc = ngx_http_claude_admin_allowed(r, actx);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {

        rc = ngx_http_discard_request_body(r);

        return (rc == NGX_OK) ? actx->route->handler(r, actx) : rc;
    }

    actx->ctx->body_max = NGX_HTTP_CLAUDE_ADMIN_BODY;
    actx->ctx->body_then = ngx_http_claude_admin_body;

    return ngx_http_claude_read_secret_body(r, actx->ctx);
}


/* the methods that the path takes, 0 where there is none; the route is the one
 * of the request's method, or NULL */

static ngx_uint_t
ngx_http_claude_admin_find(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx, ngx_str_t *path)
{
    ngx_str_t                       id;
    ngx_uint_t                      i, method, methods;
    ngx_http_claude_admin_route_t  *route;

    methods = 0;
    method = (r->method == NGX_HTTP_HEAD) ? NGX_HTTP_GET : r->method;

    for (i = 0; ngx_http_claude_admin_tables[i] != NULL; i++) {

        for (route = ngx_http_claude_admin_tables[i];
             route->path.len;
             route++)
        {
            ngx_str_null(&id);

            if (!ngx_http_claude_admin_matches(route, path, &id)) {
                continue;
            }

            methods |= route->methods;

            if (route->methods & method) {
                actx->route = route;
                actx->id = id;
            }
        }
    }

    return methods;
}


static ngx_uint_t
ngx_http_claude_admin_matches(const ngx_http_claude_admin_route_t *route,
    ngx_str_t *path, ngx_str_t *id)
{
    size_t   n;
    u_char  *p, *last, *s, *end;

    p = path->data;
    last = p + path->len;

    end = route->path.data + route->path.len;

    for (s = route->path.data; s < end; /* void */ ) {

        if (*s != '{') {

            if (p == last || *p != *s) {
                return 0;
            }

            p++;
            s++;
            continue;
        }

        id->data = p;

        while (p < last && *p != '/') {
            p++;
        }

        n = p - id->data;

        if (n == 0 || n > NGX_HTTP_CLAUDE_ADMIN_ID_MAX
            || !claude_base64url(id->data, n))
        {
            return 0;
        }

        id->len = n;
        s += sizeof("{id}") - 1;
    }

    return p == last;
}


static ngx_int_t
ngx_http_claude_admin_method(ngx_http_request_t *r, ngx_uint_t methods)
{
    u_char      *p;
    ngx_str_t    allow;
    ngx_uint_t   i;

    allow.data = ngx_pnalloc(r->pool,
                             sizeof("GET, HEAD, POST, PATCH, DELETE"));
    if (allow.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = allow.data;

    for (i = 0; ngx_http_claude_admin_methods[i].method; i++) {

        if (!(methods & ngx_http_claude_admin_methods[i].method)) {
            continue;
        }

        if (p > allow.data) {
            p = ngx_cpymem(p, ", ", 2);
        }

        p = ngx_cpymem(p, ngx_http_claude_admin_methods[i].name.data,
                       ngx_http_claude_admin_methods[i].name.len);
    }

    allow.len = p - allow.data;

    if (ngx_http_claude_add_header(r, "Allow", &allow) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_claude_admin_error(r, CLAUDE_ERR_METHOD);
}


/* NGX_DECLINED, or it is answered */

static ngx_int_t
ngx_http_claude_admin_allowed(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx)
{
    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {

        if (!ngx_http_claude_admin_same_origin(r)) {
            return ngx_http_claude_admin_refuse(r, CLAUDE_ERR_CROSS_ORIGIN);
        }

        /* a form can't send it, and a page of another origin must ask */

        if (!ngx_http_claude_is_json(r)) {
            return ngx_http_claude_admin_error(r, CLAUDE_ERR_MEDIA_TYPE);
        }
    }

    if (ngx_http_claude_admin_session(r, actx) != NGX_OK
        && !actx->route->open)
    {
        return ngx_http_claude_admin_error(r, CLAUDE_ERR_NO_SESSION);
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_claude_admin_refuse(ngx_http_request_t *r, claude_err_e err)
{
    ngx_http_claude_audit(r, NGX_HTTP_CLAUDE_AUDIT_ADMIN_REFUSED, NULL,
                          claude_error_code(err));

    return ngx_http_claude_admin_error(r, err);
}


static void
ngx_http_claude_admin_body(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx)
{
    ngx_http_claude_admin_ctx_t  *actx;

    actx = ctx->admin;

    actx->body.data = ctx->body;
    actx->body.len = ctx->body_len;

    ngx_http_finalize_request(r, actx->route->handler(r, actx));
}


static ngx_http_claude_admin_ctx_t *
ngx_http_claude_admin_ctx(ngx_http_request_t *r)
{
    ngx_http_claude_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_claude_module);

    return ctx->admin;
}


ngx_int_t
ngx_http_claude_admin_send(ngx_http_request_t *r, ngx_uint_t status,
    const claude_out_t *doc)
{
    ngx_http_claude_admin_ctx_t  *actx;

    actx = ngx_http_claude_admin_ctx(r);

    return ngx_http_claude_send(r, actx->ctx, status,
                                actx->type ? actx->type : "application/json",
                                doc);
}


ngx_int_t
ngx_http_claude_admin_error(ngx_http_request_t *r, claude_err_e err)
{
    return ngx_http_claude_send_error(r, ngx_http_claude_admin_ctx(r)->ctx,
                                      err);
}


ngx_int_t
ngx_http_claude_admin_fault(ngx_http_request_t *r,
    const claude_fault_t *fault)
{
    return ngx_http_claude_send_fault(r, ngx_http_claude_admin_ctx(r)->ctx,
                                      fault);
}


ngx_int_t
ngx_http_claude_admin_invalid(ngx_http_request_t *r, claude_err_e err,
    const char *param, const char *reason)
{
    claude_fault_t  fault;

    ngx_memzero(&fault, sizeof(claude_fault_t));

    fault.err = err;
    fault.reason = reason;

    ngx_cpystrn((u_char *) fault.param, (u_char *) param, CLAUDE_PARAM_MAX);

    return ngx_http_claude_admin_fault(r, &fault);
}


ngx_int_t
ngx_http_claude_admin_no_content(ngx_http_request_t *r)
{
    ngx_http_claude_admin_ctx(r)->ctx->answered = 1;

    r->headers_out.status = NGX_HTTP_NO_CONTENT;
    r->header_only = 1;

    return ngx_http_send_header(r);
}


/*
 * The reference goes with NGX_DONE, which the handler returns, so one more is
 * taken for what then will return.
 */

void
ngx_http_claude_admin_wait(ngx_http_request_t *r,
    ngx_http_claude_admin_then_pt then)
{
    ngx_http_claude_admin_ctx_t  *actx;

    actx = ngx_http_claude_admin_ctx(r);

    actx->then = then;
    actx->waits = 1;
    actx->resumed = 0;

    r->main->count++;
    r->main->blocked++;
    r->aio = 1;
    r->write_event_handler = ngx_http_claude_admin_resumed;

    /* a worker that exits waits for events that have timers */

    actx->timer.handler = ngx_http_claude_admin_still;
    actx->timer.data = r->connection;
    actx->timer.log = r->connection->log;

    ngx_add_timer(&actx->timer, NGX_HTTP_CLAUDE_ADMIN_TIMER);
}


static void
ngx_http_claude_admin_still(ngx_event_t *event)
{
    ngx_add_timer(event, NGX_HTTP_CLAUDE_ADMIN_TIMER);
}


void
ngx_http_claude_admin_resume(ngx_http_request_t *r)
{
    ngx_connection_t             *c;
    ngx_http_claude_admin_ctx_t  *actx;

    c = r->connection;
    actx = ngx_http_claude_admin_ctx(r);

    ngx_http_set_log_request(c->log, r);

    ngx_del_timer(&actx->timer);

    r->main->blocked--;
    r->aio = 0;

    actx->resumed = 1;

    /* nginx has put its own handler there if the request was terminated */

    r->write_event_handler(r);

    ngx_http_run_posted_requests(c);
}


/* also called for any write event of the client's connection meanwhile */

static void
ngx_http_claude_admin_resumed(ngx_http_request_t *r)
{
    ngx_http_claude_admin_ctx_t  *actx;

    actx = ngx_http_claude_admin_ctx(r);

    if (!actx->waits || !actx->resumed) {
        return;
    }

    actx->waits = 0;
    r->write_event_handler = ngx_http_request_empty_handler;

    ngx_http_finalize_request(r, actx->then(r, actx));
}
