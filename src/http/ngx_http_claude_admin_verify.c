#include "ngx_http_claude_admin_keys.h"

ngx_int_t
ngx_http_claude_admin_key_verify(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx)
{
    return ngx_http_claude_admin_error(r, CLAUDE_ERR_UNAVAILABLE);
}
