
/*
 * POST messages/count_tokens.  The SDK can count, but not for less than a
 * process and three requests of the API, and not what is asked here: see
 * "Counting tokens" in docs/bridge.md.  So it is an estimate, and says so.
 *
 * https://docs.anthropic.com/en/api/messages-count-tokens
 */


#include "ngx_http_claude.h"


ngx_int_t
ngx_http_claude_count(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx)
{
    ctx->dialect = &claude_messages_count;
    ctx->counting = 1;

    return ngx_http_claude_read_body(r, ctx);
}


void
ngx_http_claude_send_count(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx)
{
    ngx_int_t     rc;
    claude_mem_t  mem;
    claude_out_t  out;

    static ngx_str_t  estimate = ngx_string("estimate");

    if (!ngx_http_claude_quota_model(ctx, &ctx->facts.model,
                                     &ctx->facts.upstream_model))
    {
        rc = ngx_http_claude_send_error(r, ctx, CLAUDE_ERR_MODEL_DENIED);
        ngx_http_finalize_request(r, rc);
        return;
    }

    mem = ngx_http_claude_mem(r->pool);

    claude_out_init(&out, &mem, NGX_HTTP_CLAUDE_ERROR_MAX);
    claude_out_literal(&out, "{\"input_tokens\":");
    claude_json_put_uint(&out, claude_messages_estimate(&ctx->facts));
    claude_out_literal(&out, ",\"estimate\":true}");

    rc = NGX_HTTP_INTERNAL_SERVER_ERROR;

    if (ngx_http_claude_add_header(r, "X-Token-Count", &estimate) == NGX_OK) {
        rc = ngx_http_claude_send_json(r, ctx, NGX_HTTP_OK, &out);
    }

    ngx_http_finalize_request(r, rc);
}
