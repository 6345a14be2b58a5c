
#include "ngx_http_claude_bridge.h"

#include "../core/claude_fields.h"


static ngx_int_t ngx_http_claude_bridge_process(ngx_http_request_t *r);
static const char *ngx_http_claude_bridge_number(
    const claude_json_token_t *value, int64_t *number);


const ngx_http_claude_bridge_t  ngx_http_claude_bridge_none = {
    0, 0, 0, 0, { 0 }, -1, -1, -1, -1, -1, -1, -1, -1, -1
};


#define ngx_http_claude_bridge_field(field)                                   \
    static const char *                                                       \
    ngx_http_claude_bridge_##field(void *dst,                                 \
        const claude_json_token_t *value)                                     \
    {                                                                         \
        ngx_http_claude_bridge_t *bridge = dst;                               \
                                                                              \
        return ngx_http_claude_bridge_number(value, &bridge->field);          \
    }

ngx_http_claude_bridge_field(parked)
ngx_http_claude_bridge_field(busy)
ngx_http_claude_bridge_field(starting)
ngx_http_claude_bridge_field(kept)
ngx_http_claude_bridge_field(queue)
ngx_http_claude_bridge_field(refused)
ngx_http_claude_bridge_field(starts)
ngx_http_claude_bridge_field(failed_starts)
ngx_http_claude_bridge_field(continued)


static const char *
ngx_http_claude_bridge_status(void *dst, const claude_json_token_t *value)
{
    ngx_http_claude_bridge_t *bridge = dst;

    if (value->type == CLAUDE_JSON_STRING
        && value->text.len <= NGX_HTTP_CLAUDE_BRIDGE_WORD
        && claude_base64url(value->text.data, value->text.len))
    {
        ngx_memcpy(bridge->status, value->text.data, value->text.len);
        bridge->status_len = value->text.len;
    }

    return NULL;
}


static const char *
ngx_http_claude_bridge_ready(void *dst, const claude_json_token_t *value)
{
    ngx_http_claude_bridge_t *bridge = dst;

    bridge->ready = (value->type == CLAUDE_JSON_TRUE);
    bridge->has_ready = (bridge->ready || value->type == CLAUDE_JSON_FALSE);

    return NULL;
}


static const claude_field_t  ngx_http_claude_bridge_fields[] = {
    { claude_string("status"), ngx_http_claude_bridge_status },
    { claude_string("ready"), ngx_http_claude_bridge_ready },
    { claude_string("parked"), ngx_http_claude_bridge_parked },
    { claude_string("busy"), ngx_http_claude_bridge_busy },
    { claude_string("starting"), ngx_http_claude_bridge_starting },
    { claude_string("kept"), ngx_http_claude_bridge_kept },
    { claude_string("queue"), ngx_http_claude_bridge_queue },
    { claude_string("refused"), ngx_http_claude_bridge_refused },
    { claude_string("starts"), ngx_http_claude_bridge_starts },
    { claude_string("failedStarts"), ngx_http_claude_bridge_failed_starts },
    { claude_string("continued"), ngx_http_claude_bridge_continued }
};

#define NGX_HTTP_CLAUDE_BRIDGE_FIELDS                                         \
    (sizeof(ngx_http_claude_bridge_fields)                                    \
     / sizeof(ngx_http_claude_bridge_fields[0]))


ngx_int_t
ngx_http_claude_bridge_ask(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx)
{
    ngx_http_claude_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_claude_module);

    if (ngx_http_claude_upstream_create(r, ctx, &lcf->health,
                                        ngx_http_claude_create_health,
                                        ngx_http_claude_bridge_process)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->main->count++;

    ngx_http_upstream_init(r);

    return NGX_DONE;
}


static ngx_int_t
ngx_http_claude_bridge_process(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_http_claude_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_claude_module);

    rc = ngx_http_claude_upstream_header(r, ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    /* its body is JSON, whatever it says it is */

    ctx->is_sse = 0;

    r->upstream->process_header = ngx_http_claude_gather;

    return ngx_http_claude_gather(r);
}


void
ngx_http_claude_bridge_read(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, claude_err_e failure,
    ngx_http_claude_bridge_t *bridge)
{
    u_char        *p;
    uint32_t       seen;
    const char    *reason;
    claude_str_t   body;

    *bridge = ngx_http_claude_bridge_none;

    if (failure != CLAUDE_ERR_NONE) {
        return;
    }

    p = ngx_palloc(r->pool, ctx->refusal.size + 1);

    if (p != NULL && ctx->refusal.rc == CLAUDE_OK) {

        claude_out_copy(&ctx->refusal, p);

        body.data = p;
        body.len = ctx->refusal.size;

        if (claude_fields_read(&body, ngx_http_claude_bridge_fields,
                               NGX_HTTP_CLAUDE_BRIDGE_FIELDS, bridge, &seen,
                               &reason)
            != CLAUDE_OK)
        {
            *bridge = ngx_http_claude_bridge_none;
        }
    }

    bridge->reachable = 1;
}


static const char *
ngx_http_claude_bridge_number(const claude_json_token_t *value,
    int64_t *number)
{
    uint64_t  n;

    if (value->type == CLAUDE_JSON_NUMBER
        && claude_json_uint(&value->raw, UINT32_MAX, &n) == CLAUDE_OK)
    {
        *number = n;
    }

    return NULL;
}
