
/*
 * Stands in for parts of the admin that are not there yet.  All of it is weak:
 * where the part is there, that counts.
 */


#include "ngx_http_claude_admin.h"
#include "ngx_http_claude_audit.h"


#define ngx_http_claude_weak  __attribute__((weak))


ngx_http_claude_weak
ngx_http_claude_admin_route_t  ngx_http_claude_admin_key_routes[1];

ngx_http_claude_weak
ngx_http_claude_admin_route_t  ngx_http_claude_admin_usage_routes[1];

ngx_http_claude_weak
ngx_http_claude_admin_route_t  ngx_http_claude_admin_audit_routes[1];

ngx_http_claude_weak
ngx_http_claude_admin_route_t  ngx_http_claude_admin_status_routes[1];


ngx_http_claude_weak void
ngx_http_claude_audit(ngx_http_request_t *r,
    ngx_http_claude_audit_event_e event, const u_char *key_id,
    const char *code)
{
}
