
/*
 * The bridge's answer as HTTP/1.1: status, the few headers that matter, and
 * the body out of its transfer coding (RFC 9112, 6 and 7).
 */


#include "ngx_http_claude.h"


static ngx_int_t ngx_http_claude_header_line(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);


ngx_int_t
ngx_http_claude_upstream_header(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx)
{
    ngx_int_t             rc;
    ngx_http_upstream_t  *u;

    u = r->upstream;

again:

    if (!ctx->status_read) {
        rc = ngx_http_parse_status_line(r, &u->buffer, &ctx->status);

        if (rc == NGX_AGAIN) {
            return rc;
        }

        if (rc == NGX_ERROR) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "upstream sent no HTTP/1.1 status line");
            return NGX_HTTP_UPSTREAM_INVALID_HEADER;
        }

        ctx->status_read = 1;

        if (u->state != NULL && u->state->status == 0) {
            u->state->status = ctx->status.code;
        }

        if (ctx->status.http_version < NGX_HTTP_VERSION_11) {
            ctx->closing = 1;
        }
    }

    for ( ;; ) {

        rc = ngx_http_parse_header_line(r, &u->buffer, 1);

        if (rc == NGX_OK) {
            rc = ngx_http_claude_header_line(r, ctx);

            if (rc != NGX_OK) {
                return rc;
            }

            continue;
        }

        if (rc == NGX_AGAIN) {
            return rc;
        }

        if (rc != NGX_HTTP_PARSE_HEADER_DONE) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "upstream sent invalid header");
            return NGX_HTTP_UPSTREAM_INVALID_HEADER;
        }

        break;
    }

    /* RFC 9110, 15.2: an interim answer comes before the final one */

    if (ctx->status.code < NGX_HTTP_OK && ctx->status.code >= 100) {
        ngx_memzero(&ctx->status, sizeof(ngx_http_status_t));
        ctx->status_read = 0;
        goto again;
    }

    if (ctx->is_chunked && ctx->length != -1) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "upstream sent \"Content-Length\" beside "
                      "\"Transfer-Encoding\"");
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_claude_header_line(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx)
{
    ngx_str_t  name, value;

    name.data = r->header_name_start;
    name.len = r->header_name_end - r->header_name_start;
    value.data = r->header_start;
    value.len = r->header_end - r->header_start;

    /* longer names than nginx brings into lower case are none of these */

    if (r->lowcase_index != name.len) {
        return NGX_OK;
    }

#define ngx_http_claude_is_name(literal)                                     \
    (name.len == sizeof(literal) - 1                                         \
     && ngx_memcmp(r->lowcase_header, literal, name.len) == 0)

#define ngx_http_claude_is(s, literal)                                       \
    ((s).len == sizeof(literal) - 1                                          \
     && ngx_strncasecmp((s).data, (u_char *) literal, (s).len) == 0)

    if (ngx_http_claude_is_name("content-type")) {
        ctx->is_sse = value.len >= sizeof("text/event-stream") - 1
                      && ngx_strncasecmp(value.data,
                                         (u_char *) "text/event-stream",
                                         sizeof("text/event-stream") - 1)
                         == 0;

    } else if (ngx_http_claude_is_name("content-length")) {

        if (ctx->length != -1) {
            return NGX_HTTP_UPSTREAM_INVALID_HEADER;
        }

        ctx->length = ngx_atoof(value.data, value.len);

        if (ctx->length == NGX_ERROR) {
            return NGX_HTTP_UPSTREAM_INVALID_HEADER;
        }

    } else if (ngx_http_claude_is_name("transfer-encoding")) {

        if (!ngx_http_claude_is(value, "chunked")) {
            return NGX_HTTP_UPSTREAM_INVALID_HEADER;
        }

        ctx->is_chunked = 1;

    } else if (ngx_http_claude_is_name("connection")) {
        ctx->closing = ctx->closing || ngx_http_claude_is(value, "close");

    } else if (ngx_http_claude_is_name("retry-after")) {
        ctx->retry_after = ngx_max(ngx_atoi(value.data, value.len), 0);
    }

#undef ngx_http_claude_is
#undef ngx_http_claude_is_name

    return NGX_OK;
}


ngx_int_t
ngx_http_claude_upstream_body(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, ngx_buf_t *b, ngx_str_t *data)
{
    off_t      left;
    ngx_int_t  rc;

    if (ctx->eof) {
        return NGX_DONE;
    }

    if (ctx->is_chunked) {
        rc = ngx_http_claude_parse_chunked(r, b, &ctx->chunked);

        if (rc == NGX_DONE) {
            ctx->eof = 1;
        }

        if (rc != NGX_OK) {
            return rc;
        }

        left = ctx->chunked.size;

    } else if (ctx->length == 0) {
        ctx->eof = 1;
        return NGX_DONE;

    } else if (b->pos == b->last) {
        return NGX_AGAIN;

    } else {
        left = (ctx->length == -1) ? b->last - b->pos : ctx->length;
    }

    data->data = b->pos;
    data->len = ngx_min(left, b->last - b->pos);
    b->pos += data->len;

    if (ctx->is_chunked) {
        ctx->chunked.size -= data->len;

    } else if (ctx->length != -1) {
        ctx->length -= data->len;
    }

    return NGX_OK;
}
