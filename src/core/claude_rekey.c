
#include "claude_rekey.h"
#include "claude_log_file.h"

#include <sodium.h>


/* from and to lie in one piece of sodium_malloc() memory */

typedef struct {
    claude_secrets_t       from;
    claude_secrets_t       to;
} claude_rekey_pair_t;


typedef struct {
    const claude_master_t  *master;
    claude_rekey_pair_t   *pair;
    unsigned               reseal;
    claude_log_error_t    *error;
} claude_rekey_t;


static claude_rc_t claude_rekey_header(void *ctx, claude_header_t *header);
static claude_rc_t claude_rekey_put(void *ctx, claude_record_t *record);


claude_rc_t
claude_log_rekey(const char *path, const claude_master_t *master,
    unsigned reseal, unsigned wait_ms, claude_log_error_t *error)
{
    claude_rc_t        rc;
    claude_rekey_t     rekey;
    claude_log_edit_t  edit = { claude_rekey_header, claude_rekey_put, &rekey };

    claude_log_error_init(error);

    rekey.master = master;
    rekey.reseal = reseal;
    rekey.error = error;
    rekey.pair = sodium_malloc(sizeof(claude_rekey_pair_t));

    if (rekey.pair == NULL) {
        return claude_log_fail(error, CLAUDE_NO_MEMORY, 0,
                               "needs more memory to be rewritten");
    }

    rc = claude_log_rewrite(path, wait_ms, &edit, error);

    sodium_free(rekey.pair);

    return rc;
}


static claude_rc_t
claude_rekey_header(void *ctx, claude_header_t *header)
{
    unsigned              which;
    claude_str_t          id;
    claude_rekey_t       *rekey = ctx;
    claude_rekey_pair_t  *pair = rekey->pair;

    if (claude_header_open(header, rekey->master, &pair->from, &which)
        != CLAUDE_OK)
    {
        return claude_log_fail(rekey->error, CLAUDE_DECLINED, 1,
                               "is opened by none of the master keys");
    }

    pair->to = pair->from;

    if (rekey->reseal) {
        randombytes_buf(pair->to.seal, CLAUDE_SECRET_LEN);
    }

    id.data = header->store_id;
    id.len = CLAUDE_STORE_ID_LEN;

    claude_secrets_wrap(&pair->to, rekey->master, &id, header->wrapped);

    return CLAUDE_OK;
}


static claude_rc_t
claude_rekey_put(void *ctx, claude_record_t *record)
{
    size_t                len;
    unsigned char         token[CLAUDE_TOKEN_MAX];
    claude_rekey_t       *rekey = ctx;
    claude_rekey_pair_t  *pair = rekey->pair;

    if (claude_open(&pair->from, record->sealed, record->sealed_len,
                    record->id, record->digest, token, &len)
        != CLAUDE_OK)
    {
        return claude_log_fail(rekey->error, CLAUDE_INVALID, 0,
                               "has an oauthToken that doesn't open");
    }

    if (rekey->reseal) {
        record->sealed_len = claude_seal(&pair->to, token, len, record->id,
                                         record->digest, record->sealed);
    }

    sodium_memzero(token, sizeof(token));

    return CLAUDE_OK;
}
