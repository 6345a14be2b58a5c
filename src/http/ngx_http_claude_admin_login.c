
/*
 * Signing in and out.
 */


#include "ngx_http_claude_admin.h"


ngx_http_claude_admin_route_t  ngx_http_claude_admin_login_routes[] = {
    { ngx_null_string, 0, 0, NULL }
};


ngx_int_t
ngx_http_claude_admin_session(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx)
{
    return NGX_DECLINED;
}
