
/*
 * Stands in for parts of the admin that are not there yet.  All of it is weak:
 * where the part is there, that counts.
 */


#include "ngx_http_claude_admin.h"


#define ngx_http_claude_weak  __attribute__((weak))


ngx_http_claude_weak
ngx_http_claude_admin_route_t  ngx_http_claude_admin_key_routes[1];

ngx_http_claude_weak
ngx_http_claude_admin_route_t  ngx_http_claude_admin_usage_routes[1];

ngx_http_claude_weak
ngx_http_claude_admin_route_t  ngx_http_claude_admin_status_routes[1];
