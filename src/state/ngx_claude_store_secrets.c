
#include "ngx_claude_store_log.h"

#include <sodium.h>


static void ngx_claude_secrets_refresh(ngx_claude_store_t *store);
static ngx_uint_t ngx_claude_secrets_same(const claude_secrets_t *a,
    const claude_secrets_t *b);
static ngx_uint_t ngx_claude_secrets_unwrap(ngx_claude_store_t *store,
    const u_char wrapped[CLAUDE_WRAPPED_LEN], claude_secrets_t *secrets);


/*
 * claude-keys may seal all credentials anew, under a secret of its own making,
 * beside a running nginx.  Whoever reads the new log's header leaves it in the
 * zone, wrapped, before anything that was sealed by it; each process unwraps
 * it by the master keys that it was started with, as soon as it is needed.
 */

claude_rc_t
ngx_claude_store_open_token(ngx_claude_store_t *store,
    const ngx_claude_key_t *key, u_char *token, size_t *len)
{
    ngx_uint_t  i, tries;

    for (tries = 0; tries < 2; tries++) {

        for (i = 0; i < NGX_CLAUDE_SECRETS_TASK; i++) {

            if (claude_open(&store->secrets[i], key->sealed, key->sealed_len,
                            key->id, key->digest, token, len)
                == CLAUDE_OK)
            {
                return CLAUDE_OK;
            }
        }

        ngx_claude_secrets_refresh(store);
    }

    return CLAUDE_DECLINED;
}


/* what the zone can't tell, or no master key opens, stays as it is */

static void
ngx_claude_secrets_refresh(ngx_claude_store_t *store)
{
    u_char             newest[CLAUDE_WRAPPED_LEN];
    u_char             before[CLAUDE_WRAPPED_LEN];
    claude_secrets_t   secrets[NGX_CLAUDE_SECRETS_TASK];

    ngx_claude_keystore_wrapped(&store->keystore, newest, before);

    if (ngx_memcmp(store->wrapped, newest, CLAUDE_WRAPPED_LEN) == 0) {
        return;
    }

    if (ngx_claude_secrets_unwrap(store, newest, &secrets[0])) {

        if (!ngx_claude_secrets_unwrap(store, before, &secrets[1])) {
            secrets[1] = store->secrets[ngx_claude_secrets_same(&secrets[0],
                                                            store->secrets)];
        }

        ngx_memcpy(store->secrets, secrets, sizeof(secrets));
        ngx_memcpy(store->wrapped, newest, CLAUDE_WRAPPED_LEN);
    }

    sodium_memzero(secrets, sizeof(secrets));
}


static ngx_uint_t
ngx_claude_secrets_same(const claude_secrets_t *a, const claude_secrets_t *b)
{
    return sodium_memcmp(a, b, sizeof(claude_secrets_t)) == 0;
}


static ngx_uint_t
ngx_claude_secrets_unwrap(ngx_claude_store_t *store,
    const u_char wrapped[CLAUDE_WRAPPED_LEN], claude_secrets_t *secrets)
{
    unsigned      which;
    claude_str_t  id;

    id.data = store->id;
    id.len = CLAUDE_STORE_ID_LEN;

    return claude_secrets_unwrap(secrets, store->master, &id, wrapped, &which)
           == CLAUDE_OK;
}


/* the zone may still have what a master key opens that the configuration before
 * had and this one doesn't */

void
ngx_claude_store_inherit(ngx_claude_store_t *store, ngx_claude_store_t *old)
{
    ngx_claude_secrets_refresh(old);

    store->secrets[1] = old->secrets[ngx_claude_secrets_same(old->secrets,
                                                         store->secrets)];
}


void
ngx_claude_secrets_lend(ngx_claude_store_t *store)
{
    ngx_claude_secrets_refresh(store);

    ngx_memcpy(&store->secrets[NGX_CLAUDE_SECRETS_TASK], store->secrets,
               NGX_CLAUDE_SECRETS_TASK * sizeof(claude_secrets_t));
}


void
ngx_claude_secrets_return(ngx_claude_store_t *store)
{
    ngx_memcpy(store->secrets, &store->secrets[NGX_CLAUDE_SECRETS_TASK],
               NGX_CLAUDE_SECRETS_TASK * sizeof(claude_secrets_t));
}


ngx_int_t
ngx_claude_secrets_header(ngx_claude_store_t *store,
    const claude_header_t *header)
{
    claude_secrets_t   secrets, *task;

    task = &store->secrets[NGX_CLAUDE_SECRETS_TASK];

    if (!ngx_claude_secrets_unwrap(store, header->wrapped, &secrets)) {
        return NGX_DECLINED;
    }

    if (!ngx_claude_secrets_same(&task[0], &secrets)) {
        task[1] = task[0];
        task[0] = secrets;
    }

    sodium_memzero(&secrets, sizeof(secrets));

    return NGX_OK;
}


ngx_int_t
ngx_claude_secrets_check(ngx_claude_store_t *store, claude_record_t *record,
    ngx_uint_t reseal)
{
    u_char             token[CLAUDE_TOKEN_MAX];
    size_t             len;
    claude_rc_t        rc;
    claude_secrets_t  *task;

    task = &store->secrets[NGX_CLAUDE_SECRETS_TASK];

    if (claude_opens(&task[0], record->sealed, record->sealed_len, record->id,
                     record->digest)
        == CLAUDE_OK)
    {
        return NGX_OK;
    }

    if (!reseal) {
        return NGX_DECLINED;
    }

    rc = claude_open(&task[1], record->sealed, record->sealed_len, record->id,
                     record->digest, token, &len);

    if (rc == CLAUDE_OK) {
        record->sealed_len = claude_seal(&task[0], token, len, record->id,
                                         record->digest, record->sealed);
    }

    sodium_memzero(token, CLAUDE_TOKEN_MAX);

    return (rc == CLAUDE_OK) ? NGX_OK : NGX_DECLINED;
}
