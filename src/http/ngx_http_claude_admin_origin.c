
/*
 * Where a request of the admin comes from: over TLS or not, from a page of
 * this host or of another.
 */


#include "ngx_http_claude_admin.h"


static ngx_uint_t ngx_http_claude_admin_forwarded_by(ngx_http_request_t *r,
    ngx_http_claude_admin_conf_t *acf);
static ngx_uint_t ngx_http_claude_admin_in(struct sockaddr *sa,
    ngx_http_claude_admin_conf_t *acf);
static ngx_table_elt_t *ngx_http_claude_admin_one_header(
    ngx_http_request_t *r, const char *name, ngx_uint_t *bad);
static ngx_uint_t ngx_http_claude_admin_is_host(ngx_str_t *origin,
    const ngx_str_t *host);
static ngx_int_t ngx_http_claude_admin_target(ngx_http_request_t *r,
    ngx_str_t *host, ngx_str_t *port);


ngx_uint_t
ngx_http_claude_is_https(ngx_http_request_t *r)
{
    ngx_uint_t                   bad;
    ngx_table_elt_t             *h;
    ngx_http_claude_loc_conf_t  *lcf;

#if (NGX_HTTP_SSL)

    if (r->connection->ssl) {
        return 1;
    }

#endif

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_claude_module);

    if (!ngx_http_claude_admin_forwarded_by(r, &lcf->admin)) {
        return 0;
    }

    h = ngx_http_claude_admin_one_header(r, "x-forwarded-proto", &bad);

    return h != NULL && h->value.len == 5
           && ngx_strncasecmp(h->value.data, (u_char *) "https", 5) == 0;
}


/*
 * The peer of the connection is who counts: realip may have put the client's
 * address in its place, and keeps the peer's in a variable.
 */

static ngx_uint_t
ngx_http_claude_admin_forwarded_by(ngx_http_request_t *r,
    ngx_http_claude_admin_conf_t *acf)
{
    ngx_addr_t                  addr;
    ngx_http_variable_value_t  *vv;

    static ngx_str_t  name = ngx_string("realip_remote_addr");

    if (acf->forwarded == NULL && !acf->forwarded_unix) {
        return 0;
    }

    vv = ngx_http_get_variable(r, &name,
                               ngx_hash_key(name.data, name.len));

    if (vv == NULL) {
        return 0;
    }

    if (vv->not_found || vv->len == 0) {
        return ngx_http_claude_admin_in(r->connection->sockaddr, acf);
    }

    if (vv->len == 5 && ngx_strncmp(vv->data, "unix:", 5) == 0) {
        return acf->forwarded_unix;
    }

    if (ngx_parse_addr(r->pool, &addr, vv->data, vv->len) != NGX_OK) {
        return 0;
    }

    return ngx_http_claude_admin_in(addr.sockaddr, acf);
}


static ngx_uint_t
ngx_http_claude_admin_in(struct sockaddr *sa,
    ngx_http_claude_admin_conf_t *acf)
{
    if (sa->sa_family == AF_UNIX) {
        return acf->forwarded_unix;
    }

    return acf->forwarded != NULL
           && ngx_cidr_match(sa, acf->forwarded) == NGX_OK;
}


/* the header where it is there once; bad: it is there twice */

static ngx_table_elt_t *
ngx_http_claude_admin_one_header(ngx_http_request_t *r, const char *name,
    ngx_uint_t *bad)
{
    ngx_table_elt_t  *h;

    h = ngx_http_claude_find_header(r, name, NULL);

    *bad = h != NULL && ngx_http_claude_find_header(r, name, h) != NULL;

    return *bad ? NULL : h;
}


ngx_uint_t
ngx_http_claude_admin_same_origin(ngx_http_request_t *r)
{
    ngx_uint_t                   bad[2];
    ngx_table_elt_t             *site, *origin;
    ngx_http_claude_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_claude_module);

    site = ngx_http_claude_admin_one_header(r, "sec-fetch-site", &bad[0]);
    origin = ngx_http_claude_admin_one_header(r, "origin", &bad[1]);

    if (bad[0] || bad[1] || (site == NULL && origin == NULL)) {
        return 0;
    }

    if (site != NULL
        && (site->value.len != sizeof("same-origin") - 1
            || ngx_strncmp(site->value.data, "same-origin",
                           site->value.len)
               != 0))
    {
        return 0;
    }

    if (origin == NULL) {
        return 1;
    }

    return (r->headers_in.host != NULL
            && ngx_http_claude_admin_is_host(&origin->value,
                                             &r->headers_in.host->value))
           || ngx_http_claude_admin_is_host(&origin->value,
                                            &lcf->admin.redirect);
}


/* "https://" and the host, either with ":443" or without */

static ngx_uint_t
ngx_http_claude_admin_is_host(ngx_str_t *origin, const ngx_str_t *host)
{
    ngx_str_t  a, b;

    if (origin->len < 8
        || ngx_strncasecmp(origin->data, (u_char *) "https://", 8) != 0)
    {
        return 0;
    }

    a.data = origin->data + 8;
    a.len = origin->len - 8;
    b = *host;

    if (a.len > 4 && ngx_strncmp(a.data + a.len - 4, ":443", 4) == 0) {
        a.len -= 4;
    }

    if (b.len > 4 && ngx_strncmp(b.data + b.len - 4, ":443", 4) == 0) {
        b.len -= 4;
    }

    return a.len > 0 && a.len == b.len
           && ngx_strncasecmp(a.data, b.data, a.len) == 0;
}


ngx_int_t
ngx_http_claude_admin_to_https(ngx_http_request_t *r)
{
    u_char                 *p;
    ngx_int_t               rc;
    ngx_str_t               value, host, port;
    ngx_http_claude_ctx_t  *ctx;

    if (ngx_http_claude_admin_target(r, &host, &port) != NGX_OK) {
        return NGX_HTTP_FORBIDDEN;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    value.len = sizeof("https://") - 1 + host.len + port.len
                + r->unparsed_uri.len;
    value.data = ngx_pnalloc(r->pool, value.len);

    if (value.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_cpymem(value.data, "https://", sizeof("https://") - 1);
    p = ngx_cpymem(p, host.data, host.len);

    if (port.len) {
        p = ngx_cpymem(p, port.data, port.len);
    }

    ngx_memcpy(p, r->unparsed_uri.data, r->unparsed_uri.len);

    if (ngx_http_claude_add_header(r, "Location", &value) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx = ngx_http_claude_get_ctx(r);
    ctx->answered = 1;

    r->headers_out.status = NGX_HTTP_PERMANENT_REDIRECT;
    r->headers_out.content_length_n = 0;
    r->header_only = 1;

    return ngx_http_send_header(r);
}


/*
 * What the client says is its host is no place to be sent to, unless it is a
 * name that the server has: else the directive's host, or the first name.
 */

static ngx_int_t
ngx_http_claude_admin_target(ngx_http_request_t *r, ngx_str_t *host,
    ngx_str_t *port)
{
    ngx_str_t                   *name;
    ngx_uint_t                   i;
    ngx_http_claude_srv_conf_t  *scf;
    ngx_http_claude_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_claude_module);

    if (lcf->admin.redirect.len) {
        *host = lcf->admin.redirect;
        ngx_str_null(port);
        return NGX_OK;
    }

    scf = ngx_http_get_module_srv_conf(r, ngx_http_claude_module);

    if (scf->names == NULL || scf->names->nelts == 0) {
        return NGX_DECLINED;
    }

    name = scf->names->elts;

    *host = name[0];
    *port = scf->https_port;

    for (i = 1; i < scf->names->nelts; i++) {

        if (name[i].len == r->headers_in.server.len
            && ngx_strncasecmp(name[i].data, r->headers_in.server.data,
                               name[i].len)
               == 0)
        {
            *host = name[i];
            break;
        }
    }

    return NGX_OK;
}


ngx_uint_t
ngx_http_claude_admin_is_name(const ngx_str_t *name)
{
    size_t      i;
    u_char      c;
    ngx_uint_t  letter;

    letter = 0;

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
            || (c >= 'A' && c <= 'Z'))
        {
            letter = 1;

        } else if (c != '-' && c != '_' && !(c == '.' && i > 0)) {
            return 0;
        }
    }

    return letter && name->len <= 253;
}
