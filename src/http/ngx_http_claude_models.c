
/*
 * GET models and models/{id}: what a client may ask for.
 *
 * https://platform.openai.com/docs/api-reference/models
 */


#include "ngx_http_claude.h"


#define NGX_HTTP_CLAUDE_MODELS_MAX  (256 * 1024)


static void ngx_http_claude_put_model(claude_out_t *out,
    const claude_model_t *model);
static const claude_model_t *ngx_http_claude_nth_model(
    const claude_models_t *models, size_t n);


ngx_int_t
ngx_http_claude_models(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx)
{
    size_t                       n;
    claude_mem_t                 mem;
    ngx_uint_t                   some;
    claude_out_t                 out;
    const claude_model_t        *model;
    ngx_http_claude_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_claude_module);

    some = 0;
    mem = ngx_http_claude_mem(r->pool);

    claude_out_init(&out, &mem, NGX_HTTP_CLAUDE_MODELS_MAX);
    claude_out_literal(&out, "{\"object\":\"list\",\"data\":[");

    for (n = 0; /* void */ ; n++) {

        model = ngx_http_claude_nth_model(&lcf->models, n);

        if (model == NULL) {
            break;
        }

        if (!ngx_http_claude_quota_model(ctx, &model->alias, &model->target)) {
            continue;
        }

        if (some) {
            claude_out_literal(&out, ",");
        }

        some = 1;
        ngx_http_claude_put_model(&out, model);
    }

    claude_out_literal(&out, "]}");

    return ngx_http_claude_send_json(r, ctx, NGX_HTTP_OK, &out);
}


ngx_int_t
ngx_http_claude_one_model(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx)
{
    ngx_str_t                    path;
    claude_mem_t                 mem;
    claude_out_t                 out;
    claude_model_t               model;
    claude_fault_t               fault;
    ngx_http_claude_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_claude_module);

    path = ngx_http_claude_path(r);

    model.alias.data = path.data + ctx->route->path.len;
    model.alias.len = path.len - ctx->route->path.len;
    model.target = claude_models_find(&lcf->models, &model.alias);

    if (model.target.len == 0
        || !ngx_http_claude_quota_model(ctx, &model.alias, &model.target))
    {
        ngx_memzero(&fault, sizeof(claude_fault_t));
        fault.err = CLAUDE_ERR_MODEL;
        ngx_memcpy(fault.param, "model", sizeof("model"));

        return ngx_http_claude_send_fault(r, ctx, &fault);
    }

    mem = ngx_http_claude_mem(r->pool);

    claude_out_init(&out, &mem, NGX_HTTP_CLAUDE_ERROR_MAX);
    ngx_http_claude_put_model(&out, &model);

    return ngx_http_claude_send_json(r, ctx, NGX_HTTP_OK, &out);
}


/* created is 0: Anthropic doesn't publish it in a form that could be kept */

static void
ngx_http_claude_put_model(claude_out_t *out, const claude_model_t *model)
{
    claude_out_literal(out, "{\"id\":");
    claude_json_put_string(out, model->alias.data, model->alias.len);
    claude_out_literal(out, ",\"object\":\"model\",\"created\":0,"
                            "\"owned_by\":\"anthropic\"}");
}


/* configured names first; a built-in one that they cover is not repeated */

static const claude_model_t *
ngx_http_claude_nth_model(const claude_models_t *models, size_t n)
{
    size_t                 i;
    const claude_model_t  *b;

    if (n < models->nelts) {
        return &models->elts[n];
    }

    if (!models->builtin) {
        return NULL;
    }

    n -= models->nelts;

    for (b = claude_models_builtin; b->alias.len; b++) {

        for (i = 0; i < models->nelts; i++) {
            if (models->elts[i].alias.len == b->alias.len
                && ngx_memcmp(models->elts[i].alias.data, b->alias.data,
                              b->alias.len)
                   == 0)
            {
                break;
            }
        }

        if (i == models->nelts && n-- == 0) {
            return b;
        }
    }

    return NULL;
}
