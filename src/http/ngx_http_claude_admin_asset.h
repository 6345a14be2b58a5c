
/*
 * The files of the admin's page.  They are compiled in: config has
 * src/tools/claude-embed.sh write src/admin/ as the table below, into nginx's
 * directory of objects.
 */


#ifndef NGX_HTTP_CLAUDE_ADMIN_ASSET_H
#define NGX_HTTP_CLAUDE_ADMIN_ASSET_H


#include "ngx_http_claude.h"


typedef struct {
    ngx_str_t                  name;        /* "app.css" */
    const char                *type;        /* of its content */
    ngx_str_t                  body;
} ngx_http_claude_admin_asset_t;


/* ends with an empty name */

extern const ngx_http_claude_admin_asset_t  ngx_http_claude_admin_assets[];


/*
 * Answers with the file of exactly that name, "" being index.html: what
 * ngx_http_finalize_request() takes, or NGX_DECLINED, there is none.  For
 * GET and HEAD; nothing may have been answered yet.
 */

ngx_int_t ngx_http_claude_admin_asset(ngx_http_request_t *r,
    const ngx_str_t *path);


#endif /* NGX_HTTP_CLAUDE_ADMIN_ASSET_H */
