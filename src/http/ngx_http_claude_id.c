
/*
 * Random bytes for ids, drawn many at once: a system call for each, or for
 * $request_id nginx's own way through OpenSSL's generator, is a tenth of what
 * a whole request costs.
 */


#include "ngx_http_claude.h"


#define NGX_HTTP_CLAUDE_ID_LEN       16
#define NGX_HTTP_CLAUDE_RANDOM_POOL  2048


static u_char     ngx_http_claude_pool[NGX_HTTP_CLAUDE_RANDOM_POOL];
static size_t     ngx_http_claude_pool_left;
static ngx_pid_t  ngx_http_claude_pool_pid;


/* made as nginx makes one when it is asked for, and before it is */

ngx_int_t
ngx_http_claude_make_id(ngx_http_request_t *r)
{
    u_char                       *hex;
    u_char                        random[NGX_HTTP_CLAUDE_ID_LEN];
    ngx_http_variable_value_t    *vv;
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);
    vv = &r->variables[mcf->request_id];

    if (vv->valid || vv->not_found) {
        return NGX_OK;
    }

    hex = ngx_pnalloc(r->pool, 2 * sizeof(random));
    if (hex == NULL) {
        return NGX_ERROR;
    }

    ngx_http_claude_random(random, sizeof(random));
    ngx_hex_dump(hex, random, sizeof(random));

    vv->data = hex;
    vv->len = 2 * sizeof(random);
    vv->valid = 1;
    vv->no_cacheable = 0;
    vv->not_found = 0;

    return NGX_OK;
}


/* what a process has used is gone, and a forked one draws its own */

void
ngx_http_claude_random(u_char *dst, size_t len)
{
    u_char  *p;

    if (ngx_http_claude_pool_left < len
        || ngx_http_claude_pool_pid != ngx_pid)
    {
        randombytes_buf(ngx_http_claude_pool, NGX_HTTP_CLAUDE_RANDOM_POOL);
        ngx_http_claude_pool_left = NGX_HTTP_CLAUDE_RANDOM_POOL;
        ngx_http_claude_pool_pid = ngx_pid;
    }

    ngx_http_claude_pool_left -= len;
    p = ngx_http_claude_pool + ngx_http_claude_pool_left;

    ngx_memcpy(dst, p, len);
    ngx_memzero(p, len);
}
