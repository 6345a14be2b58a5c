
/*
 * The zones of this module, for the admin's status and for metrics.
 */


#ifndef NGX_HTTP_CLAUDE_ZONES_H
#define NGX_HTTP_CLAUDE_ZONES_H


#include "ngx_http_claude.h"


typedef struct {
    ngx_str_t                  name;
    const char                *kind;        /* what it is for, a word */
    size_t                     size;        /* bytes */
    size_t                     used;
} ngx_http_claude_zone_t;


typedef void (*ngx_http_claude_zone_pt)(void *data,
    const ngx_http_claude_zone_t *zone);

/* calls back for each */

void ngx_http_claude_zones(ngx_http_claude_zone_pt handler, void *data);


#endif /* NGX_HTTP_CLAUDE_ZONES_H */
