
/*
 * The query string of an admin call.  Names that nobody asks for are ignored.
 */


#ifndef NGX_HTTP_CLAUDE_ADMIN_QUERY_H
#define NGX_HTTP_CLAUDE_ADMIN_QUERY_H


#include "ngx_http_claude.h"


/*
 * The first value of a name, decoded, in the request's memory: NGX_OK;
 * NGX_DECLINED, there is none; NGX_ERROR, it is malformed: a percent sign that
 * begins no byte, a control character, or not UTF-8.
 */

ngx_int_t ngx_http_claude_admin_arg(ngx_http_request_t *r, const char *name,
    ngx_str_t *value);

/* the same of an integer from min to max, and of one of these words, which end
 * with NULL; value stays as it is unless NGX_OK is returned */

ngx_int_t ngx_http_claude_admin_arg_uint(ngx_http_request_t *r,
    const char *name, uint64_t min, uint64_t max, uint64_t *value);
ngx_int_t ngx_http_claude_admin_arg_word(ngx_http_request_t *r,
    const char *name, const char *const *words, ngx_uint_t *value);


#endif /* NGX_HTTP_CLAUDE_ADMIN_QUERY_H */
