
/*
 * What differs between the nginx versions that the module builds with, from
 * 1.22 on: every guard is here.
 */


#ifndef NGX_HTTP_CLAUDE_COMPAT_H
#define NGX_HTTP_CLAUDE_COMPAT_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


#if !(NGX_THREADS)
#error ngx_http_claude_module needs an nginx built --with-threads
#endif


/* 1.23.0 chains header entries of one name */

#if (nginx_version >= 1023000)
#define ngx_http_claude_header_end(h)  (h)->next = NULL
#else
#define ngx_http_claude_header_end(h)
#endif


/* 1.25.0 listens for QUIC, which is TLS */

#if (nginx_version >= 1025000 && NGX_HTTP_V3)
#define ngx_http_claude_listens_tls(opt)  ((opt)->ssl || (opt)->quic)
#else
#define ngx_http_claude_listens_tls(opt)  ((opt)->ssl)
#endif


/* 1.27.2 can keep trailers */

#if (nginx_version >= 1027002)
#define ngx_http_claude_parse_chunked(r, b, ctx)                             \
    ngx_http_parse_chunked(r, b, ctx, 0)
#else
#define ngx_http_claude_parse_chunked(r, b, ctx)                             \
    ngx_http_parse_chunked(r, b, ctx)
#endif


#endif /* NGX_HTTP_CLAUDE_COMPAT_H */
