
/*
 * Files of the admin's page, out of memory.
 */


#include "ngx_http_claude_admin_asset.h"


static const ngx_http_claude_admin_asset_t *ngx_http_claude_admin_find_asset(
    const ngx_str_t *path);
static ngx_int_t ngx_http_claude_admin_send_asset(ngx_http_request_t *r,
    const ngx_http_claude_admin_asset_t *asset);


/* no script and no style but the files', no other host, no frame */

static const ngx_str_t  ngx_http_claude_admin_csp = ngx_string(
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'");


ngx_int_t
ngx_http_claude_admin_asset(ngx_http_request_t *r, const ngx_str_t *path)
{
    ngx_int_t                             rc;
    ngx_http_claude_ctx_t                *ctx;
    const ngx_http_claude_admin_asset_t  *asset;

    asset = ngx_http_claude_admin_find_asset(path);
    if (asset == NULL) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_claude_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    ctx->answered = 1;
    ctx->csp = &ngx_http_claude_admin_csp;

    return ngx_http_claude_admin_send_asset(r, asset);
}


/* names are compared whole, so that no path can lead anywhere else */

static const ngx_http_claude_admin_asset_t *
ngx_http_claude_admin_find_asset(const ngx_str_t *path)
{
    ngx_str_t                             name;
    const ngx_http_claude_admin_asset_t  *asset;

    name = *path;

    if (name.len == 0) {
        ngx_str_set(&name, "index.html");
    }

    for (asset = ngx_http_claude_admin_assets; asset->name.len; asset++) {

        if (asset->name.len == name.len
            && ngx_memcmp(asset->name.data, name.data, name.len) == 0)
        {
            return asset;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_claude_admin_send_asset(ngx_http_request_t *r,
    const ngx_http_claude_admin_asset_t *asset)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = asset->body.data;
    b->last = b->pos + asset->body.len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = asset->body.len;
    ngx_http_claude_content_type(r, asset->type);

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}
