
/*
 * The key that a request presents: "Authorization: Bearer KEY" (RFC 6750,
 * 2.1), or "x-api-key: KEY" as Anthropic's clients send it.
 */


#include "ngx_http_claude.h"


static ngx_claude_key_t *ngx_http_claude_keep_key(ngx_pool_t *pool,
    const ngx_claude_key_t *key);
static claude_err_e ngx_http_claude_presented_key(ngx_http_request_t *r,
    ngx_str_t *key);
static claude_err_e ngx_http_claude_bearer(const ngx_str_t *value,
    ngx_str_t *key);
static ngx_uint_t ngx_http_claude_is_bearer(const ngx_str_t *value);
static claude_err_e ngx_http_claude_api_key(ngx_http_request_t *r,
    ngx_str_t *key);
static void ngx_http_claude_hide_header(ngx_table_elt_t *h);


void
ngx_http_claude_lookup(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx)
{
    u_char                        digest[CLAUDE_DIGEST_LEN];
    u_char                        name[CLAUDE_NAME_MAX];
    ngx_str_t                     presented;
    ngx_claude_key_t              key;
    ngx_http_claude_main_conf_t  *mcf;

    if (ctx->looked_up) {
        return;
    }

    ctx->looked_up = 1;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);

    if (mcf->store == NULL) {
        ctx->key_error = CLAUDE_ERR_BAD_KEY;
        return;
    }

    ngx_str_null(&presented);
    ctx->key_error = ngx_http_claude_presented_key(r, &presented);

    if (ctx->key_error != CLAUDE_ERR_NONE) {
        return;
    }

    if (claude_key_form(presented.data, presented.len)
        == CLAUDE_KEY_MALFORMED)
    {
        ctx->key_error = CLAUDE_ERR_BAD_KEY;
        return;
    }

    key.name = name;

    /* read before the look-up, so that no change in between is missed */

    ctx->generation = ngx_claude_keystore_generation(&mcf->store->keystore);

    claude_digest(mcf->store->secrets, presented.data, presented.len, digest);

    switch (ngx_claude_keystore_find(&mcf->store->keystore, digest,
                                     ngx_time(), &key))
    {
    case NGX_CLAUDE_KEY_OK:
        ctx->key = ngx_http_claude_keep_key(r->pool, &key);

        if (ctx->key == NULL) {
            ctx->key_error = CLAUDE_ERR_INTERNAL;
        }

        return;

    case NGX_CLAUDE_KEY_DISABLED:
        ctx->key_error = CLAUDE_ERR_KEY_DISABLED;
        return;

    case NGX_CLAUDE_KEY_EXPIRED:
        ctx->key_error = CLAUDE_ERR_KEY_EXPIRED;
        return;

    default: /* NGX_CLAUDE_KEY_UNKNOWN */
        ctx->key_error = CLAUDE_ERR_BAD_KEY;
        return;
    }
}


/* as much of it as is used: a thousand bytes less for each open stream */

static ngx_claude_key_t *
ngx_http_claude_keep_key(ngx_pool_t *pool, const ngx_claude_key_t *key)
{
    size_t             len;
    ngx_claude_key_t  *kept;

    len = offsetof(ngx_claude_key_t, limits)
          + claude_limits_used(&key->limits);

    kept = ngx_palloc(pool, len + key->name_len);
    if (kept == NULL) {
        return NULL;
    }

    ngx_memcpy(kept, key, len);

    kept->name = (u_char *) kept + len;
    ngx_memcpy(kept->name, key->name, key->name_len);

    return kept;
}


static claude_err_e
ngx_http_claude_presented_key(ngx_http_request_t *r, ngx_str_t *key)
{
    /* nginx itself has refused a second Authorization */

    if (r->headers_in.authorization != NULL) {
        return ngx_http_claude_bearer(&r->headers_in.authorization->value,
                                      key);
    }

    return ngx_http_claude_api_key(r, key);
}


static claude_err_e
ngx_http_claude_bearer(const ngx_str_t *value, ngx_str_t *key)
{
    u_char  *p, *last;

    p = value->data;
    last = p + value->len;

    if (!ngx_http_claude_is_bearer(value)) {
        return value->len ? CLAUDE_ERR_BAD_KEY : CLAUDE_ERR_NO_KEY;
    }

    for (p += 7; p < last && *p == ' '; p++) { /* void */ }

    if (p == last) {
        return CLAUDE_ERR_NO_KEY;
    }

    key->data = p;
    key->len = last - p;

    return CLAUDE_ERR_NONE;
}


static claude_err_e
ngx_http_claude_api_key(ngx_http_request_t *r, ngx_str_t *key)
{
    ngx_table_elt_t  *h;

    h = ngx_http_claude_find_header(r, "x-api-key", NULL);

    if (h == NULL) {
        return CLAUDE_ERR_NO_KEY;
    }

    if (ngx_http_claude_find_header(r, "x-api-key", h) != NULL) {
        return CLAUDE_ERR_BAD_KEY;
    }

    *key = h->value;

    return key->len ? CLAUDE_ERR_NONE : CLAUDE_ERR_NO_KEY;
}


/*
 * The headers that carry a key become "Keep-Alive", empty: a hop-by-hop field
 * (RFC 9110, 7.6.1) that no nginx module passes on.  They can't leave the
 * list, since others hold pointers into it.  A configuration that wants the
 * key, as in "proxy_set_header Authorization $http_authorization", gets it:
 * the variables are evaluated, and so remembered, before.
 */

void
ngx_http_claude_hide_key(ngx_http_request_t *r)
{
    ngx_table_elt_t              *h;
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);

    (void) ngx_http_get_indexed_variable(r, mcf->authorization);
    (void) ngx_http_get_indexed_variable(r, mcf->api_key);

    for (h = ngx_http_claude_find_header(r, "x-api-key", NULL);
         h != NULL;
         h = ngx_http_claude_find_header(r, "x-api-key", h))
    {
        ngx_http_claude_hide_header(h);
    }

    h = r->headers_in.authorization;

    if (h != NULL && ngx_http_claude_is_bearer(&h->value)) {
        ngx_http_claude_hide_header(h);
        r->headers_in.authorization = NULL;
    }
}


static void
ngx_http_claude_hide_header(ngx_table_elt_t *h)
{
    static u_char  lowcase[] = "keep-alive";

    ngx_str_set(&h->key, "Keep-Alive");
    ngx_str_set(&h->value, "");
    h->lowcase_key = lowcase;
    h->hash = ngx_hash_key(lowcase, sizeof(lowcase) - 1);
}


static ngx_uint_t
ngx_http_claude_is_bearer(const ngx_str_t *value)
{
    return value->len >= 7
           && ngx_strncasecmp(value->data, (u_char *) "bearer ", 7) == 0;
}
