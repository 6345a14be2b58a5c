
/*
 * The content handler: which call of the public API a request is.
 */


#include "ngx_http_claude.h"


static ngx_uint_t ngx_http_claude_is_websocket(ngx_http_request_t *r,
    const ngx_http_claude_route_t *route);
static ngx_int_t ngx_http_claude_refuse_websocket(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);
static ngx_uint_t ngx_http_claude_is_messages(const ngx_str_t *path);
static ngx_uint_t ngx_http_claude_matches(const ngx_http_claude_route_t *route,
    const ngx_str_t *path);


static const ngx_http_claude_route_t  ngx_http_claude_routes[] = {

    { ngx_string("chat/completions"), 0,
      NGX_HTTP_POST, ngx_string("POST"), 0,
      &claude_chat, ngx_http_claude_read_body,
      NGX_HTTP_CLAUDE_ROUTE_CHAT },

    { ngx_string("responses"), 0,
      NGX_HTTP_POST, ngx_string("POST"), 0,
      &claude_responses, ngx_http_claude_read_body,
      NGX_HTTP_CLAUDE_ROUTE_RESPONSES },

    { ngx_string("messages"), 0,
      NGX_HTTP_POST, ngx_string("POST"), 0,
      &claude_messages, ngx_http_claude_read_body,
      NGX_HTTP_CLAUDE_ROUTE_MESSAGES },

    { ngx_string("messages/count_tokens"), 0,
      NGX_HTTP_POST, ngx_string("POST"), 0,
      NULL, ngx_http_claude_count,
      NGX_HTTP_CLAUDE_ROUTE_COUNT_TOKENS },

    { ngx_string("models"), 0,
      NGX_HTTP_GET|NGX_HTTP_HEAD, ngx_string("GET, HEAD"), 0,
      NULL, ngx_http_claude_models,
      NGX_HTTP_CLAUDE_ROUTE_MODELS },

    { ngx_string("models/"), 1,
      NGX_HTTP_GET|NGX_HTTP_HEAD, ngx_string("GET, HEAD"), 0,
      NULL, ngx_http_claude_one_model,
      NGX_HTTP_CLAUDE_ROUTE_MODELS },

    { ngx_string("health"), 0,
      NGX_HTTP_GET|NGX_HTTP_HEAD, ngx_string("GET, HEAD"), 1,
      NULL, ngx_http_claude_health,
      NGX_HTTP_CLAUDE_ROUTE_HEALTH },

    { ngx_null_string, 0, 0, ngx_null_string, 0, NULL, NULL,
      NGX_HTTP_CLAUDE_ROUTE_NONE }
};


ngx_int_t
ngx_http_claude_content_handler(ngx_http_request_t *r)
{
    ngx_http_claude_ctx_t          *ctx;
    const ngx_http_claude_route_t  *route;

    /* no subrequest has been through the access phase */

    if (r != r->main) {
        return NGX_HTTP_FORBIDDEN;
    }

    ctx = ngx_http_claude_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    route = ngx_http_claude_find_route(r);
    ctx->route = route;

    /* another check may have let it in, as "satisfy any" does */

    if (!ctx->allowed && (route == NULL || !route->open)) {
        ngx_http_claude_lookup(r, ctx);

        return ngx_http_claude_send_error(r, ctx, ctx->key == NULL
                                          ? ctx->key_error
                                          : CLAUDE_ERR_FORBIDDEN);
    }

    if (route == NULL) {
        return ngx_http_claude_send_error(r, ctx, CLAUDE_ERR_ENDPOINT);
    }

    if (!(r->method & route->methods)) {

        if (ngx_http_claude_is_websocket(r, route)) {
            return ngx_http_claude_refuse_websocket(r, ctx);
        }

        if (ngx_http_claude_add_header(r, "Allow", &route->allow) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_claude_send_error(r, ctx, CLAUDE_ERR_METHOD);
    }

    ctx->dialect = route->dialect;

    return route->handler(r, ctx);
}


/* Codex tries to have its responses by a WebSocket, and goes on by POST at
 * once where it is told 426: other statuses it takes for a failure */

static ngx_uint_t
ngx_http_claude_is_websocket(ngx_http_request_t *r,
    const ngx_http_claude_route_t *route)
{
    ngx_table_elt_t  *upgrade;

    if (route->dialect != &claude_responses || r->method != NGX_HTTP_GET) {
        return 0;
    }

    upgrade = ngx_http_claude_find_header(r, "upgrade", NULL);

    return upgrade != NULL
           && ngx_strlcasestrn(upgrade->value.data,
                               upgrade->value.data + upgrade->value.len,
                               (u_char *) "websocket",
                               sizeof("websocket") - 2)
              != NULL;
}


static ngx_int_t
ngx_http_claude_refuse_websocket(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx)
{
    static ngx_str_t  http = ngx_string("HTTP/1.1");

    /* RFC 9110, 15.5.22 */

    if (ngx_http_claude_add_header(r, "Upgrade", &http) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_claude_send_error(r, ctx, CLAUDE_ERR_WEBSOCKET);
}


const ngx_http_claude_route_t *
ngx_http_claude_find_route(ngx_http_request_t *r)
{
    ngx_str_t                       path;
    const ngx_http_claude_route_t  *route;

    path = ngx_http_claude_path(r);

    for (route = ngx_http_claude_routes; route->path.len; route++) {
        if (ngx_http_claude_matches(route, &path)) {
            return route;
        }
    }

    return NULL;
}


/* Anthropic's clients say the version of their API with whatever they ask */

const claude_dialect_t *
ngx_http_claude_speaks(ngx_http_request_t *r)
{
    ngx_str_t                       path;
    ngx_http_claude_loc_conf_t     *lcf;
    const ngx_http_claude_route_t  *route;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_claude_module);

    if (lcf->pass == NULL) {
        return &claude_chat;
    }

    route = ngx_http_claude_find_route(r);

    if (route != NULL && route->dialect != NULL) {
        return route->dialect;
    }

    path = ngx_http_claude_path(r);

    if (ngx_http_claude_is_messages(&path)
        || ngx_http_claude_find_header(r, "anthropic-version", NULL) != NULL)
    {
        return &claude_messages;
    }

    return &claude_chat;
}


/* "messages", or a path below it */

static ngx_uint_t
ngx_http_claude_is_messages(const ngx_str_t *path)
{
    static ngx_str_t  name = ngx_string("messages");

    return path->len >= name.len
           && ngx_memcmp(path->data, name.data, name.len) == 0
           && (path->len == name.len || path->data[name.len] == '/');
}


static ngx_uint_t
ngx_http_claude_matches(const ngx_http_claude_route_t *route,
    const ngx_str_t *path)
{
    if (path->len < route->path.len
        || ngx_memcmp(path->data, route->path.data, route->path.len) != 0)
    {
        return 0;
    }

    return route->prefix ? path->len > route->path.len
                         : path->len == route->path.len;
}


/*
 * Below "location /v1/" it is what follows; an exact location stands for one
 * call, which is found at the end of its own name.
 */

ngx_str_t
ngx_http_claude_path(ngx_http_request_t *r)
{
    u_char                         *p;
    ngx_str_t                       path;
    ngx_http_core_loc_conf_t       *clcf;
    ngx_http_claude_loc_conf_t     *lcf;
    const ngx_http_claude_route_t  *route;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_claude_module);

    path = r->uri;

    if (!lcf->exact) {

        if (path.len < clcf->name.len) {
            return path;
        }

        path.data += clcf->name.len;
        path.len -= clcf->name.len;

        if (clcf->name.len && clcf->name.data[clcf->name.len - 1] == '/') {
            return path;
        }

        if (path.len && path.data[0] == '/') {
            path.data++;
            path.len--;
            return path;
        }

        /* "location /v1" matches "/v1health" as well */

        ngx_str_null(&path);
        return path;
    }

    for (route = ngx_http_claude_routes; route->path.len; route++) {

        if (route->prefix || path.len <= route->path.len) {
            continue;
        }

        p = path.data + path.len - route->path.len;

        if (p[-1] == '/'
            && ngx_memcmp(p, route->path.data, route->path.len) == 0)
        {
            path.len = route->path.len;
            path.data = p;
            break;
        }
    }

    return path;
}
