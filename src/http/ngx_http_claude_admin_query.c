
#include "ngx_http_claude_admin_query.h"

#include "../core/claude_json_reader.h"


static ngx_int_t ngx_http_claude_admin_decode(ngx_http_request_t *r,
    const ngx_str_t *raw, ngx_str_t *value);
static ngx_int_t ngx_http_claude_admin_hex(u_char c);


ngx_int_t
ngx_http_claude_admin_arg(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    size_t      len;
    u_char     *p, *end, *next;
    ngx_str_t   raw;

    len = ngx_strlen(name);
    end = r->args.data + r->args.len;

    for (p = r->args.data; p < end; p = next + 1) {

        next = ngx_strlchr(p, end, '&');
        if (next == NULL) {
            next = end;
        }

        if ((size_t) (next - p) > len && p[len] == '='
            && ngx_memcmp(p, name, len) == 0)
        {
            raw.data = p + len + 1;
            raw.len = next - raw.data;

            return ngx_http_claude_admin_decode(r, &raw, value);
        }
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_claude_admin_decode(ngx_http_request_t *r, const ngx_str_t *raw,
    ngx_str_t *value)
{
    u_char     *p, *end, c;
    ngx_int_t   high, low;

    value->len = 0;
    value->data = ngx_pnalloc(r->pool, raw->len + 1);

    if (value->data == NULL) {
        return NGX_ERROR;
    }

    end = raw->data + raw->len;

    for (p = raw->data; p < end; p++) {
        c = (*p == '+') ? ' ' : *p;

        if (c == '%') {
            if (end - p < 3) {
                return NGX_ERROR;
            }

            high = ngx_http_claude_admin_hex(p[1]);
            low = ngx_http_claude_admin_hex(p[2]);

            if (high == NGX_ERROR || low == NGX_ERROR) {
                return NGX_ERROR;
            }

            c = (u_char) (high << 4 | low);
            p += 2;
        }

        if (c < 0x20 || c == 0x7f) {
            return NGX_ERROR;
        }

        value->data[value->len++] = c;
    }

    return (claude_utf8_span(value->data, value->len) == value->len)
           ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_claude_admin_hex(u_char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : NGX_ERROR;
}


ngx_int_t
ngx_http_claude_admin_arg_uint(ngx_http_request_t *r, const char *name,
    uint64_t min, uint64_t max, uint64_t *value)
{
    uint64_t      number;
    ngx_int_t     rc;
    ngx_str_t     text;
    claude_str_t  raw;

    rc = ngx_http_claude_admin_arg(r, name, &text);

    if (rc != NGX_OK) {
        return rc;
    }

    raw.data = text.data;
    raw.len = text.len;

    if (claude_json_uint(&raw, max, &number) != CLAUDE_OK || number < min) {
        return NGX_ERROR;
    }

    *value = number;

    return NGX_OK;
}


ngx_int_t
ngx_http_claude_admin_arg_word(ngx_http_request_t *r, const char *name,
    const char *const *words, ngx_uint_t *value)
{
    ngx_int_t   rc;
    ngx_str_t   text;
    ngx_uint_t  i;

    rc = ngx_http_claude_admin_arg(r, name, &text);

    if (rc != NGX_OK) {
        return rc;
    }

    for (i = 0; words[i]; i++) {
        if (ngx_strlen(words[i]) == text.len
            && ngx_memcmp(words[i], text.data, text.len) == 0)
        {
            *value = i;
            return NGX_OK;
        }
    }

    return NGX_ERROR;
}
