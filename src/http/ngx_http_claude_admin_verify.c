
/*
 * POST api/keys/{id}/verify: whether the credential works, found out by the
 * smallest request that there is, one token of the cheapest model.  Whatever
 * comes of it is the answer; it is never sent twice.
 */


#include "ngx_http_claude_admin_keys.h"


#define NGX_HTTP_CLAUDE_VERIFIES        4       /* at once in a worker */
#define NGX_HTTP_CLAUDE_VERIFY_TIMEOUT  60000   /* ms between two reads */


static ngx_int_t ngx_http_claude_verify_key(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, const claude_record_t *record);
static ngx_int_t ngx_http_claude_verify_begin(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);
static ngx_int_t ngx_http_claude_verify_start(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, ngx_http_claude_loc_conf_t *lcf);
static claude_str_t ngx_http_claude_verify_model(
    const claude_models_t *models);
static ngx_uint_t ngx_http_claude_verify_is_haiku(const claude_str_t *name);
static void ngx_http_claude_verify_cleanup(void *data);
static ngx_int_t ngx_http_claude_verify_process(ngx_http_request_t *r);
static void ngx_http_claude_verify_report(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, claude_err_e failure, claude_out_t *doc);
static const char *ngx_http_claude_verify_message(claude_err_e err);


static ngx_uint_t  ngx_http_claude_verifies;    /* of this worker */


ngx_int_t
ngx_http_claude_admin_key_verify(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx)
{
    ngx_int_t                    rc;
    claude_str_t                 body;
    claude_form_t                form;
    claude_fault_t               fault;
    claude_record_t              record;
    claude_form_rules_t          rules;
    ngx_pool_cleanup_t          *cln;
    ngx_http_claude_loc_conf_t  *lcf;

    if (ngx_http_claude_admin_get_key(r, actx, &record, NULL, &rc) != NGX_OK) {
        return rc;
    }

    ngx_memzero(&rules, sizeof(claude_form_rules_t));

    body.data = actx->body.data;
    body.len = actx->body.len;

    if (claude_form_read(&body, &rules, &form, &fault) != CLAUDE_OK) {
        return ngx_http_claude_admin_fault(r, &fault);
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_claude_module);

    if (lcf->admin.upstream == NULL) {
        ngx_memzero(&fault, sizeof(claude_fault_t));

        fault.err = CLAUDE_ERR_UNAVAILABLE;
        fault.reason = "claude_admin names no upstream";

        return ngx_http_claude_admin_fault(r, &fault);
    }

    if (ngx_http_claude_verifies == NGX_HTTP_CLAUDE_VERIFIES) {
        return ngx_http_claude_admin_error(r, CLAUDE_ERR_BUSY);
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_claude_verify_cleanup;

    ngx_http_claude_verifies++;

    if (ngx_http_claude_verify_key(r, actx->ctx, &record) != NGX_OK
        || ngx_http_claude_verify_start(r, actx->ctx, lcf) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    switch (ngx_http_claude_verify_begin(r, actx->ctx)) {

    case NGX_OK:
        break;

    case NGX_DECLINED:
        return ngx_http_claude_admin_error(r, CLAUDE_ERR_KEY_NOT_FOUND);

    default:
        return ngx_http_claude_admin_error(r, CLAUDE_ERR_BUSY);
    }

    r->main->count++;

    ngx_http_upstream_init(r);

    return NGX_DONE;
}


static void
ngx_http_claude_verify_cleanup(void *data)
{
    ngx_http_claude_verifies--;
}


/* as if it had come with this key, whatever its state and its limits */

static ngx_int_t
ngx_http_claude_verify_key(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx,
    const claude_record_t *record)
{
    ngx_claude_key_t  *key;

    key = ngx_pcalloc(r->pool, sizeof(ngx_claude_key_t) + record->name_len);
    if (key == NULL) {
        return NGX_ERROR;
    }

    key->name = (u_char *) (key + 1);

    ngx_memcpy(key->id, record->id, CLAUDE_KEY_ID_LEN);
    ngx_memcpy(key->digest, record->digest, CLAUDE_DIGEST_LEN);
    ngx_memcpy(key->sealed, record->sealed, record->sealed_len);
    ngx_memcpy(key->name, record->name, record->name_len);

    key->ref.slot = NGX_CLAUDE_SLOT_NONE;
    key->sealed_len = record->sealed_len;
    key->name_len = record->name_len;
    key->token_form = record->token_form;

    ctx->key = key;
    ctx->looked_up = 1;

    return NGX_OK;
}


/* its usage is the key's; ctx->key has no limits */

static ngx_int_t
ngx_http_claude_verify_begin(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx)
{
    claude_verdict_t              verdict;
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);

    return ngx_claude_usage_begin(mcf->store, ctx->key, 1, &ctx->call,
                                  &verdict);
}


static ngx_int_t
ngx_http_claude_verify_start(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx,
    ngx_http_claude_loc_conf_t *lcf)
{
    ngx_http_upstream_conf_t  *conf;

    conf = ngx_palloc(r->pool, sizeof(ngx_http_upstream_conf_t));
    if (conf == NULL) {
        return NGX_ERROR;
    }

    *conf = lcf->upstream;
    conf->read_timeout = ngx_min(conf->read_timeout,
                                 NGX_HTTP_CLAUDE_VERIFY_TIMEOUT);

    ctx->dialect = &claude_chat;
    ctx->report = ngx_http_claude_verify_report;
    ctx->mem = ngx_http_claude_mem(r->pool);

    ctx->facts.model = ngx_http_claude_verify_model(&lcf->models);
    ctx->facts.upstream_model = ctx->facts.model;
    ctx->facts.max_tokens = 1;

    claude_out_init(&ctx->messages, &ctx->mem, NGX_HTTP_CLAUDE_REPORT_MAX);
    claude_out_literal(&ctx->messages, "{\"model\":");
    claude_json_put_string(&ctx->messages, ctx->facts.model.data,
                           ctx->facts.model.len);
    claude_out_literal(&ctx->messages,
                       ",\"max_tokens\":1,\"stream\":true,\"messages\":"
                       "[{\"role\":\"user\",\"content\":"
                       "[{\"type\":\"text\",\"text\":\"Hi\"}]}]}");

    if (ctx->messages.rc != CLAUDE_OK
        || ngx_http_claude_start_reply(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_claude_upstream_create(r, ctx, conf,
                                           ngx_http_claude_create_messages,
                                           ngx_http_claude_verify_process);
}


/* the cheapest kind of those that are configured, and of those known here */

static claude_str_t
ngx_http_claude_verify_model(const claude_models_t *models)
{
    size_t                 i;
    const claude_model_t  *model;

    for (i = 0; i < models->nelts; i++) {
        if (ngx_http_claude_verify_is_haiku(&models->elts[i].target)) {
            return models->elts[i].target;
        }
    }

    if (!models->builtin && models->nelts) {
        return models->elts[0].target;
    }

    for (model = claude_models_builtin; model->alias.len; model++) {
        if (ngx_http_claude_verify_is_haiku(&model->target)) {
            return model->target;
        }
    }

    return claude_models_builtin[0].target;
}


static ngx_uint_t
ngx_http_claude_verify_is_haiku(const claude_str_t *name)
{
    size_t  i;

    for (i = 0; i + 5 <= name->len; i++) {
        if (ngx_memcmp(name->data + i, "haiku", 5) == 0) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_claude_verify_process(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_http_claude_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_claude_module);

    ngx_http_claude_forget_secret(ctx);

    rc = ngx_http_claude_upstream_header(r, ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    r->upstream->process_header = ngx_http_claude_gather;

    return ngx_http_claude_gather(r);
}


static void
ngx_http_claude_verify_report(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, claude_err_e failure, claude_out_t *doc)
{
    claude_err_e     err;
    claude_usage_t  *usage;

    if (failure == CLAUDE_ERR_NONE) {

        if (ctx->status.code != NGX_HTTP_OK) {
            ngx_http_claude_read_refusal(r, ctx);

        } else if (ctx->fault.err == CLAUDE_ERR_NONE && !ctx->reply.complete) {
            ctx->fault.err = CLAUDE_ERR_UPSTREAM;
        }

        failure = ctx->fault.err;
    }

    err = failure;

    /* tells what it did cost */

    ngx_http_claude_quota_end(ctx);

    ngx_http_claude_audit(r, NGX_HTTP_CLAUDE_AUDIT_KEY_VERIFIED, ctx->key->id,
                          (err == CLAUDE_ERR_NONE) ? NULL
                                                   : claude_error_code(err));

    claude_out_literal(doc, "{\"works\":");
    claude_json_put_bool(doc, err == CLAUDE_ERR_NONE);

    if (err == CLAUDE_ERR_NONE) {
        claude_out_literal(doc, ",\"code\":null,\"message\":"
                                "\"The credential works.\",\"model\":");

    } else {
        claude_out_literal(doc, ",\"code\":\"");
        claude_out_put(doc, claude_error_code(err),
                       ngx_strlen(claude_error_code(err)));
        claude_out_literal(doc, "\",\"message\":\"");
        claude_out_put(doc, ngx_http_claude_verify_message(err),
                       ngx_strlen(ngx_http_claude_verify_message(err)));
        claude_out_literal(doc, "\",\"model\":");
    }

    claude_json_put_string(doc, ctx->facts.model.data, ctx->facts.model.len);
    claude_out_literal(doc, ",\"checkedAt\":");
    claude_time_put(doc, ngx_time());
    claude_out_literal(doc, ",\"usage\":");

    if (!ctx->reply.started) {
        claude_out_literal(doc, "null}");
        return;
    }

    usage = &ctx->reply.usage;

    claude_out_literal(doc, "{\"promptTokens\":");
    claude_json_put_uint(doc, usage->input_tokens + usage->cache_read_tokens
                              + usage->cache_creation_tokens);
    claude_out_literal(doc, ",\"cachedTokens\":");
    claude_json_put_uint(doc, usage->cache_read_tokens);
    claude_out_literal(doc, ",\"completionTokens\":");
    claude_json_put_uint(doc, usage->output_tokens);
    claude_out_literal(doc, ",\"cost\":");
    claude_cost_put(doc, ctx->cost);
    claude_out_literal(doc, "}}");
}


/* for people */

static const char *
ngx_http_claude_verify_message(claude_err_e err)
{
    switch (err) {

    case CLAUDE_ERR_CREDENTIAL:
        return "The model's API refused the credential: it has expired, was "
               "revoked, or is not whole.";

    case CLAUDE_ERR_FORBIDDEN:
        return "The model's API knows the credential, which may not make this "
               "request.";

    case CLAUDE_ERR_QUOTA:
        return "The account of the credential has no quota left, or a billing "
               "problem.";

    case CLAUDE_ERR_RATE_UPSTREAM:
        return "The credential has reached a limit of the model's API. Try "
               "again later.";

    case CLAUDE_ERR_MODEL:
        return "The model's API does not offer this model to the credential.";

    case CLAUDE_ERR_REJECTED:
        return "The model's API rejected the request, for a reason other than "
               "the credential.";

    case CLAUDE_ERR_UNAVAILABLE:
        return "The bridge can't be reached: nothing was learnt.";

    case CLAUDE_ERR_OVERLOADED:
        return "The bridge or the model's API is overloaded: nothing was "
               "learnt. Try again later.";

    default:
        return "The model's API gave no answer that says: nothing was learnt. "
               "Try again later.";
    }
}
