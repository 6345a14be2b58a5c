
/*
 * Keys by the admin's API: their routes, and a key as JSON.
 */


#include "ngx_http_claude_admin_keys.h"


static ngx_int_t ngx_http_claude_admin_key_show(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx);
static void ngx_http_claude_admin_put_account(claude_out_t *out,
    const ngx_claude_account_t *account);


ngx_http_claude_admin_route_t  ngx_http_claude_admin_key_routes[] = {

    { ngx_string("api/keys"), NGX_HTTP_GET, 0,
      ngx_http_claude_admin_key_list },

    { ngx_string("api/keys"), NGX_HTTP_POST, 0,
      ngx_http_claude_admin_key_create },

    { ngx_string("api/keys/{id}"), NGX_HTTP_GET, 0,
      ngx_http_claude_admin_key_show },

    { ngx_string("api/keys/{id}"), NGX_HTTP_PATCH, 0,
      ngx_http_claude_admin_key_change },

    { ngx_string("api/keys/{id}"), NGX_HTTP_DELETE, 0,
      ngx_http_claude_admin_key_delete },

    { ngx_string("api/keys/{id}/rotate"), NGX_HTTP_POST, 0,
      ngx_http_claude_admin_key_rotate },

    { ngx_string("api/keys/{id}/token"), NGX_HTTP_POST, 0,
      ngx_http_claude_admin_key_token },

    { ngx_string("api/keys/{id}/verify"), NGX_HTTP_POST, 0,
      ngx_http_claude_admin_key_verify },

    { ngx_null_string, 0, 0, NULL }
};


static ngx_int_t
ngx_http_claude_admin_key_show(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx)
{
    ngx_int_t             rc;
    claude_mem_t          mem;
    claude_out_t          out;
    claude_record_t       record;
    ngx_claude_account_t  account;

    if (ngx_http_claude_admin_get_key(r, actx, &record, &account, &rc)
        != NGX_OK)
    {
        return rc;
    }

    mem = ngx_http_claude_mem(r->pool);

    claude_out_init(&out, &mem, NGX_HTTP_CLAUDE_ADMIN_KEY_MAX);
    ngx_http_claude_admin_put_key(&out, &record, &account, NULL);

    return ngx_http_claude_admin_send(r, NGX_HTTP_OK, &out);
}


ngx_int_t
ngx_http_claude_admin_get_key(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx, claude_record_t *record,
    ngx_claude_account_t *account, ngx_int_t *rc)
{
    ngx_int_t                     found;
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);

    found = NGX_DECLINED;

    if (claude_key_id_valid(actx->id.data, actx->id.len)) {
        found = ngx_claude_keystore_get(&mcf->store->keystore, actx->id.data,
                                        record, account);
    }

    if (found != NGX_OK) {
        *rc = ngx_http_claude_admin_error(r, found == NGX_DECLINED
                                             ? CLAUDE_ERR_KEY_NOT_FOUND
                                             : CLAUDE_ERR_STORE_FULL);
    }

    return found;
}


void
ngx_http_claude_admin_put_key(claude_out_t *out, const claude_record_t *record,
    const ngx_claude_account_t *account, const u_char *key)
{
    time_t                now;
    ngx_claude_account_t  none;

    now = ngx_time();

    claude_out_literal(out, "{\"id\":\"");
    claude_out_put(out, record->id, CLAUDE_KEY_ID_LEN);
    claude_out_literal(out, "\",\"display\":\"");
    claude_record_display(out, record);
    claude_out_literal(out, "\",\"keyName\":");
    claude_json_put_string(out, record->name, record->name_len);
    claude_out_literal(out, ",\"tokenDisplay\":\"");
    claude_record_token_display(out, record);

    if (record->token_form == CLAUDE_TOKEN_API_KEY) {
        claude_out_literal(out, "\",\"tokenType\":\"api_key\",\"createdAt\":");

    } else {
        claude_out_literal(out, "\",\"tokenType\":\"oauth\",\"createdAt\":");
    }

    claude_time_put(out, record->created);
    claude_out_literal(out, ",\"lastUsed\":");
    claude_time_put(out, record->last_used);
    claude_out_literal(out, ",\"enabled\":");
    claude_json_put_bool(out, record->enabled);
    claude_out_literal(out, ",\"expiresAt\":");
    claude_time_put(out, record->expires);

    if (!record->enabled) {
        claude_out_literal(out, ",\"state\":\"disabled\"");

    } else if (record->expires && record->expires <= now) {
        claude_out_literal(out, ",\"state\":\"expired\"");

    } else {
        claude_out_literal(out, ",\"state\":\"active\"");
    }

    claude_out_literal(out, ",\"previousUntil\":");
    claude_time_put(out, record->previous_until > now
                         ? record->previous_until : 0);
    claude_limits_put(out, &record->limits, 1);

    if (account == NULL) {
        ngx_memzero(&none, sizeof(ngx_claude_account_t));
        account = &none;
    }

    ngx_http_claude_admin_put_account(out, account);

    if (key) {
        claude_out_literal(out, ",\"apiKey\":\"");
        claude_out_put(out, key, CLAUDE_KEY_LEN);
        claude_out_literal(out, "\"");
    }

    claude_out_literal(out, "}");
}


static void
ngx_http_claude_admin_put_account(claude_out_t *out,
    const ngx_claude_account_t *account)
{
    claude_count_t   day, month;
    claude_moment_t  now;

    claude_moment(&now, ngx_current_msec, ngx_time());
    claude_account_usage(account, &now, &day, &month);

    claude_out_literal(out, ",\"running\":");
    claude_json_put_uint(out, account->running);
    claude_out_literal(out, ",\"usage\":{\"today\":{");
    ngx_http_claude_admin_put_count(out, &day);
    claude_out_literal(out, "},\"month\":{");
    ngx_http_claude_admin_put_count(out, &month);
    claude_out_literal(out, "}}");
}


void
ngx_http_claude_admin_put_count(claude_out_t *out, const claude_count_t *count)
{
    claude_out_literal(out, "\"requests\":");
    claude_json_put_uint(out, count->requests);
    claude_out_literal(out, ",\"errors\":");
    claude_json_put_uint(out, count->errors);
    claude_out_literal(out, ",\"promptTokens\":");
    claude_json_put_uint(out, count->prompt);
    claude_out_literal(out, ",\"cachedTokens\":");
    claude_json_put_uint(out, count->cached);
    claude_out_literal(out, ",\"completionTokens\":");
    claude_json_put_uint(out, count->completion);
    claude_out_literal(out, ",\"cost\":");
    claude_cost_put(out, count->cost);
}
