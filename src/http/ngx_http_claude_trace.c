
/*
 * claude_trace: one trace context a request, settled when it is first asked
 * for, be it by a variable, an event, the call of the bridge, or the answer's
 * headers.
 */


#include "ngx_http_claude.h"


static ngx_int_t ngx_http_claude_trace_value(ngx_http_request_t *r,
    ngx_http_claude_loc_conf_t *lcf, ngx_str_t *value);


char *
ngx_http_claude_trace(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_claude_loc_conf_t *lcf = conf;

    ngx_str_t                         *value;
    ngx_uint_t                         i;
    ngx_http_compile_complex_value_t   ccv;

    static const ngx_str_t  names[] = {
        ngx_string("off"), ngx_string("on"), ngx_string("new")
    };

    if (lcf->trace != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {

        if (value[1].len == names[i].len
            && ngx_memcmp(value[1].data, names[i].data, names[i].len) == 0)
        {
            lcf->trace = i;
            return NGX_CONF_OK;
        }
    }

    if (ngx_http_script_variables_count(&value[1]) == 0) {
        return "must be \"on\", \"off\", \"new\", or have a variable";
    }

    lcf->trace = NGX_HTTP_CLAUDE_TRACE_VALUE;
    lcf->trace_value = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (lcf->trace_value == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &value[1];
    ccv.complex_value = lcf->trace_value;

    return ngx_http_compile_complex_value(&ccv) == NGX_OK ? NGX_CONF_OK
                                                          : NGX_CONF_ERROR;
}


const claude_trace_t *
ngx_http_claude_get_trace(ngx_http_request_t *r)
{
    u_char                       random[CLAUDE_TRACE_BYTES];
    ngx_str_t                    value;
    claude_str_t                 s;
    ngx_http_claude_ctx_t       *ctx;
    ngx_http_claude_loc_conf_t  *lcf;

    r = r->main;
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_claude_module);

    if (lcf->trace == NGX_HTTP_CLAUDE_TRACE_OFF) {
        return NULL;
    }

    ctx = ngx_http_claude_get_ctx(r);
    if (ctx == NULL) {
        return NULL;
    }

    if (ctx->traced) {
        return &ctx->trace;
    }

    if (ngx_http_claude_trace_value(r, lcf, &value) != NGX_OK) {
        return NULL;
    }

    s.len = value.len;
    s.data = value.data;

    ngx_http_claude_random(random, sizeof(random));
    claude_trace_begin(&ctx->trace, &s, random);
    ctx->traced = 1;

    return &ctx->trace;
}


/* two headers of a caller are none: whose should it be? */

static ngx_int_t
ngx_http_claude_trace_value(ngx_http_request_t *r,
    ngx_http_claude_loc_conf_t *lcf, ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    ngx_str_null(value);

    switch (lcf->trace) {

    case NGX_HTTP_CLAUDE_TRACE_VALUE:
        return ngx_http_complex_value(r, lcf->trace_value, value);

    case NGX_HTTP_CLAUDE_TRACE_ON:
        h = ngx_http_claude_find_header(r, "traceparent", NULL);

        if (h != NULL
            && ngx_http_claude_find_header(r, "traceparent", h) == NULL)
        {
            *value = h->value;
        }

        return NGX_OK;

    default: /* NGX_HTTP_CLAUDE_TRACE_NEW */
        return NGX_OK;
    }
}
