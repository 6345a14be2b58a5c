
/*
 * Variables.  Those about the key look it up on demand, from whatever phase
 * asks first; those about the call are empty until it has come that far, so
 * none is cached.
 */


#include "ngx_http_claude.h"


typedef enum {
    NGX_HTTP_CLAUDE_KEY_ID = 0,
    NGX_HTTP_CLAUDE_KEY_NAME,
    NGX_HTTP_CLAUDE_MODEL,
    NGX_HTTP_CLAUDE_UPSTREAM_MODEL,
    NGX_HTTP_CLAUDE_PROMPT_TOKENS,
    NGX_HTTP_CLAUDE_CACHED_TOKENS,
    NGX_HTTP_CLAUDE_COMPLETION_TOKENS,
    NGX_HTTP_CLAUDE_COST,
    NGX_HTTP_CLAUDE_TTFT,
    NGX_HTTP_CLAUDE_FINISH_REASON,
    NGX_HTTP_CLAUDE_ERROR,
    NGX_HTTP_CLAUDE_LIMIT_STATUS,
    NGX_HTTP_CLAUDE_CONVERSATION,
    NGX_HTTP_CLAUDE_TRACEPARENT,
    NGX_HTTP_CLAUDE_TRACE_ID,
    NGX_HTTP_CLAUDE_SPAN_ID,
    NGX_HTTP_CLAUDE_PARENT_ID
} ngx_http_claude_variable_e;


static ngx_int_t ngx_http_claude_key_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_claude_call_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_claude_number_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_claude_cost_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_claude_ttft_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_claude_conversation_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_claude_trace_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static const char *ngx_http_claude_finish_reason(ngx_http_claude_ctx_t *ctx);
static ngx_uint_t ngx_http_claude_has_facts(ngx_http_claude_ctx_t *ctx);
static void ngx_http_claude_set_value(ngx_http_variable_value_t *v,
    const void *data, size_t len);


static ngx_http_variable_t  ngx_http_claude_vars[] = {

    { ngx_string("claude_key_id"), NULL, ngx_http_claude_key_variable,
      NGX_HTTP_CLAUDE_KEY_ID, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("claude_key_name"), NULL, ngx_http_claude_key_variable,
      NGX_HTTP_CLAUDE_KEY_NAME, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("claude_model"), NULL, ngx_http_claude_call_variable,
      NGX_HTTP_CLAUDE_MODEL, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("claude_upstream_model"), NULL, ngx_http_claude_call_variable,
      NGX_HTTP_CLAUDE_UPSTREAM_MODEL, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("claude_prompt_tokens"), NULL,
      ngx_http_claude_number_variable, NGX_HTTP_CLAUDE_PROMPT_TOKENS,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("claude_cached_tokens"), NULL,
      ngx_http_claude_number_variable, NGX_HTTP_CLAUDE_CACHED_TOKENS,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("claude_completion_tokens"), NULL,
      ngx_http_claude_number_variable, NGX_HTTP_CLAUDE_COMPLETION_TOKENS,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("claude_cost"), NULL, ngx_http_claude_cost_variable,
      NGX_HTTP_CLAUDE_COST, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("claude_ttft"), NULL, ngx_http_claude_ttft_variable,
      NGX_HTTP_CLAUDE_TTFT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("claude_finish_reason"), NULL, ngx_http_claude_call_variable,
      NGX_HTTP_CLAUDE_FINISH_REASON, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("claude_error"), NULL, ngx_http_claude_call_variable,
      NGX_HTTP_CLAUDE_ERROR, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("claude_limit_status"), NULL, ngx_http_claude_call_variable,
      NGX_HTTP_CLAUDE_LIMIT_STATUS, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("claude_conversation"), NULL,
      ngx_http_claude_conversation_variable, NGX_HTTP_CLAUDE_CONVERSATION,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("claude_traceparent"), NULL, ngx_http_claude_trace_variable,
      NGX_HTTP_CLAUDE_TRACEPARENT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("claude_trace_id"), NULL, ngx_http_claude_trace_variable,
      NGX_HTTP_CLAUDE_TRACE_ID, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("claude_span_id"), NULL, ngx_http_claude_trace_variable,
      NGX_HTTP_CLAUDE_SPAN_ID, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("claude_parent_id"), NULL, ngx_http_claude_trace_variable,
      NGX_HTTP_CLAUDE_PARENT_ID, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_claude_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_claude_vars; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_claude_key_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_claude_ctx_t       *ctx;
    ngx_http_claude_loc_conf_t  *lcf;

    v->not_found = 1;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_claude_module);

    if (lcf->auth != 1) {
        return NGX_OK;
    }

    ctx = ngx_http_claude_get_ctx(r->main);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    ngx_http_claude_lookup(r->main, ctx);

    if (ctx->key == NULL) {
        return NGX_OK;
    }

    if (data == NGX_HTTP_CLAUDE_KEY_ID) {
        ngx_http_claude_set_value(v, ctx->key->id, CLAUDE_KEY_ID_LEN);

    } else {
        ngx_http_claude_set_value(v, ctx->key->name, ctx->key->name_len);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_claude_call_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    const char             *s;
    ngx_http_claude_ctx_t  *ctx;

    v->not_found = 1;

    ctx = ngx_http_get_module_ctx(r->main, ngx_http_claude_module);

    if (ctx == NULL) {
        return NGX_OK;
    }

    s = NULL;

    switch (data) {

    case NGX_HTTP_CLAUDE_MODEL:
        if (ngx_http_claude_has_facts(ctx)) {
            ngx_http_claude_set_value(v, ctx->facts.model.data,
                                      ctx->facts.model.len);
        }
        break;

    case NGX_HTTP_CLAUDE_UPSTREAM_MODEL:
        if (ngx_http_claude_has_facts(ctx)) {
            ngx_http_claude_set_value(v, ctx->facts.upstream_model.data,
                                      ctx->facts.upstream_model.len);
        }
        break;

    case NGX_HTTP_CLAUDE_FINISH_REASON:
        s = ngx_http_claude_finish_reason(ctx);
        break;

    case NGX_HTTP_CLAUDE_ERROR:
        if (ctx->error != CLAUDE_ERR_NONE) {
            s = claude_error_code(ctx->error);
        }
        break;

    default: /* NGX_HTTP_CLAUDE_LIMIT_STATUS */
        if (ctx->quota.err != CLAUDE_ERR_NONE) {
            s = "REJECTED";

        } else if (ctx->limited || ctx->quota.requests.limit
                   || ctx->quota.tokens)
        {
            s = ctx->rejected ? "REJECTED" : "PASSED";
        }
        break;
    }

    if (s != NULL) {
        ngx_http_claude_set_value(v, s, ngx_strlen(s));
    }

    return NGX_OK;
}


/* in the words of chat completions, whatever the dialect: calls of an answer
 * that ended in good order are what it ended for */

static const char *
ngx_http_claude_finish_reason(ngx_http_claude_ctx_t *ctx)
{
    claude_stop_e  stop;

    if (!ctx->reply.complete || ctx->error != CLAUDE_ERR_NONE) {
        return NULL;
    }

    stop = ctx->reply.stop;

    if (ctx->reply.calls
        && (stop == CLAUDE_STOP_END_TURN || stop == CLAUDE_STOP_SEQUENCE
            || stop == CLAUDE_STOP_OTHER))
    {
        stop = CLAUDE_STOP_TOOL_USE;
    }

    return claude_chat_finish_reason(stop);
}


static ngx_int_t
ngx_http_claude_number_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                 *p;
    uint64_t                n;
    ngx_http_claude_ctx_t  *ctx;

    v->not_found = 1;

    ctx = ngx_http_get_module_ctx(r->main, ngx_http_claude_module);

    if (ctx == NULL || !ctx->reply.started) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    switch (data) {

    case NGX_HTTP_CLAUDE_COMPLETION_TOKENS:
        n = ctx->reply.usage.output_tokens;
        break;

    case NGX_HTTP_CLAUDE_CACHED_TOKENS:
        n = ctx->reply.usage.cache_read_tokens;
        break;

    default: /* NGX_HTTP_CLAUDE_PROMPT_TOKENS */
        n = ctx->reply.usage.input_tokens
            + ctx->reply.usage.cache_read_tokens
            + ctx->reply.usage.cache_creation_tokens;
        break;
    }

    ngx_http_claude_set_value(v, p, ngx_sprintf(p, "%uL", n) - p);

    return NGX_OK;
}


/* US dollars, once the call is over */

static ngx_int_t
ngx_http_claude_cost_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                 *p;
    ngx_http_claude_ctx_t  *ctx;

    v->not_found = 1;

    ctx = ngx_http_get_module_ctx(r->main, ngx_http_claude_module);

    if (ctx == NULL || !ctx->billed) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_INT64_LEN + sizeof(".000000"));
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_http_claude_set_value(v, p, ngx_sprintf(p, "%uL.%06uL",
                                                ctx->cost / 1000000,
                                                ctx->cost % 1000000) - p);

    return NGX_OK;
}


/* seconds from the request's start to the first content, as request_time */

static ngx_int_t
ngx_http_claude_ttft_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                 *p;
    ngx_http_claude_ctx_t  *ctx;

    v->not_found = 1;

    ctx = ngx_http_get_module_ctx(r->main, ngx_http_claude_module);

    if (ctx == NULL || !ctx->reply.content) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_TIME_T_LEN + sizeof(".000"));
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_http_claude_set_value(v, p, ngx_sprintf(p, "%M.%03M",
                                                ctx->ttft / 1000,
                                                ctx->ttft % 1000) - p);

    return NGX_OK;
}


/*
 * One conversation of one key: what "hash" may send to one bridge of several.
 * Neither the key nor the text can be told from it.
 */

static ngx_int_t
ngx_http_claude_conversation_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                     *p, hash[crypto_generichash_BYTES_MIN];
    crypto_generichash_state    state;
    ngx_http_claude_ctx_t      *ctx;

    v->not_found = 1;

    ctx = ngx_http_get_module_ctx(r->main, ngx_http_claude_module);

    if (ctx == NULL || ctx->key == NULL || !ngx_http_claude_has_facts(ctx)) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, 2 * sizeof(hash));
    if (p == NULL) {
        return NGX_ERROR;
    }

    crypto_generichash_init(&state, NULL, 0, sizeof(hash));
    crypto_generichash_update(&state, ctx->key->id, CLAUDE_KEY_ID_LEN);
    crypto_generichash_update(&state, ctx->facts.conversation,
                              sizeof(ctx->facts.conversation));
    crypto_generichash_final(&state, hash, sizeof(hash));

    ngx_hex_dump(p, hash, sizeof(hash));

    ngx_http_claude_set_value(v, p, 2 * sizeof(hash));

    return NGX_OK;
}


/* of any request, wherever it is asked for */

static ngx_int_t
ngx_http_claude_trace_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    const claude_trace_t  *trace;

    v->not_found = 1;

    trace = ngx_http_claude_get_trace(r);

    if (trace == NULL) {
        return NGX_OK;
    }

    switch (data) {

    case NGX_HTTP_CLAUDE_TRACEPARENT:
        ngx_http_claude_set_value(v, trace->parent, CLAUDE_TRACE_LEN);
        break;

    case NGX_HTTP_CLAUDE_TRACE_ID:
        ngx_http_claude_set_value(v, trace->parent + CLAUDE_TRACE_ID,
                                  CLAUDE_TRACE_ID_LEN);
        break;

    case NGX_HTTP_CLAUDE_SPAN_ID:
        ngx_http_claude_set_value(v, trace->parent + CLAUDE_TRACE_SPAN,
                                  CLAUDE_TRACE_SPAN_LEN);
        break;

    default: /* NGX_HTTP_CLAUDE_PARENT_ID */
        if (trace->taken) {
            ngx_http_claude_set_value(v, trace->caller,
                                      CLAUDE_TRACE_SPAN_LEN);
        }
        break;
    }

    return NGX_OK;
}


/* what a refused body holds is nobody's to log */

static ngx_uint_t
ngx_http_claude_has_facts(ngx_http_claude_ctx_t *ctx)
{
    return ctx->translated && ctx->rc == CLAUDE_OK;
}


static void
ngx_http_claude_set_value(ngx_http_variable_value_t *v, const void *data,
    size_t len)
{
    v->data = (u_char *) data;
    v->len = len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
}
