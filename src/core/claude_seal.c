
#include "claude_seal.h"

#include <sodium.h>
#include <string.h>


#define CLAUDE_PAIR_LEN    (2 * CLAUDE_SECRET_LEN)
#define CLAUDE_AD_LEN      (CLAUDE_KEY_ID_LEN + CLAUDE_DIGEST_LEN)


_Static_assert(CLAUDE_SECRET_LEN
               == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key");
_Static_assert(CLAUDE_NONCE_LEN
               == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce");
_Static_assert(CLAUDE_TAG_LEN
               == crypto_aead_xchacha20poly1305_ietf_ABYTES, "tag");
_Static_assert(sizeof(claude_secrets_t) == CLAUDE_PAIR_LEN, "no padding");


static size_t claude_encrypt(const unsigned char *key,
    const unsigned char *text, size_t len, const unsigned char *ad,
    size_t ad_len, unsigned char *box);
static claude_rc_t claude_decrypt(const unsigned char *key,
    const unsigned char *box, size_t len, const unsigned char *ad,
    size_t ad_len, unsigned char *text);
static void claude_record_ad(const unsigned char *id,
    const unsigned char *digest, unsigned char ad[CLAUDE_AD_LEN]);


void
claude_secrets_generate(claude_secrets_t *secrets)
{
    randombytes_buf(secrets, sizeof(claude_secrets_t));
}


void
claude_secrets_wrap(const claude_secrets_t *secrets,
    const claude_master_t *master, const claude_str_t *storeid,
    unsigned char wrapped[CLAUDE_WRAPPED_LEN])
{
    (void) claude_encrypt(master->keys[0], (const unsigned char *) secrets,
                          CLAUDE_PAIR_LEN, storeid->data, storeid->len,
                          wrapped);
}


claude_rc_t
claude_secrets_unwrap(claude_secrets_t *secrets,
    const claude_master_t *master, const claude_str_t *storeid,
    const unsigned char wrapped[CLAUDE_WRAPPED_LEN], unsigned *which)
{
    unsigned  i;

    for (i = 0; i < master->n; i++) {
        if (claude_decrypt(master->keys[i], wrapped, CLAUDE_WRAPPED_LEN,
                           storeid->data, storeid->len,
                           (unsigned char *) secrets)
            == CLAUDE_OK)
        {
            *which = i;
            return CLAUDE_OK;
        }
    }

    sodium_memzero(secrets, sizeof(claude_secrets_t));

    return CLAUDE_DECLINED;
}


void
claude_digest(const claude_secrets_t *secrets, const unsigned char *key,
    size_t len, unsigned char digest[CLAUDE_DIGEST_LEN])
{
    (void) crypto_generichash(digest, CLAUDE_DIGEST_LEN, key, len,
                              secrets->digest, CLAUDE_SECRET_LEN);
}


size_t
claude_seal(const claude_secrets_t *secrets, const unsigned char *token,
    size_t len, const unsigned char id[CLAUDE_KEY_ID_LEN],
    const unsigned char digest[CLAUDE_DIGEST_LEN],
    unsigned char sealed[CLAUDE_SEALED_MAX])
{
    unsigned char  ad[CLAUDE_AD_LEN];

    claude_record_ad(id, digest, ad);

    return claude_encrypt(secrets->seal, token, len, ad, sizeof(ad), sealed);
}


claude_rc_t
claude_open(const claude_secrets_t *secrets, const unsigned char *sealed,
    size_t len, const unsigned char id[CLAUDE_KEY_ID_LEN],
    const unsigned char digest[CLAUDE_DIGEST_LEN], unsigned char *token,
    size_t *token_len)
{
    unsigned char  ad[CLAUDE_AD_LEN];

    if (len < CLAUDE_NONCE_LEN + CLAUDE_TAG_LEN || len > CLAUDE_SEALED_MAX) {
        return CLAUDE_DECLINED;
    }

    claude_record_ad(id, digest, ad);

    *token_len = len - CLAUDE_NONCE_LEN - CLAUDE_TAG_LEN;

    return claude_decrypt(secrets->seal, sealed, len, ad, sizeof(ad), token);
}


claude_rc_t
claude_opens(const claude_secrets_t *secrets, const unsigned char *sealed,
    size_t len, const unsigned char id[CLAUDE_KEY_ID_LEN],
    const unsigned char digest[CLAUDE_DIGEST_LEN])
{
    size_t  ignored;

    return claude_open(secrets, sealed, len, id, digest, NULL, &ignored);
}


static void
claude_record_ad(const unsigned char *id, const unsigned char *digest,
    unsigned char ad[CLAUDE_AD_LEN])
{
    memcpy(ad, id, CLAUDE_KEY_ID_LEN);
    memcpy(ad + CLAUDE_KEY_ID_LEN, digest, CLAUDE_DIGEST_LEN);
}


/* a nonce of 192 random bits does not repeat */

static size_t
claude_encrypt(const unsigned char *key, const unsigned char *text,
    size_t len, const unsigned char *ad, size_t ad_len, unsigned char *box)
{
    randombytes_buf(box, CLAUDE_NONCE_LEN);

    (void) crypto_aead_xchacha20poly1305_ietf_encrypt(
               box + CLAUDE_NONCE_LEN, NULL, text, len, ad, ad_len, NULL, box,
               key);

    return CLAUDE_NONCE_LEN + len + CLAUDE_TAG_LEN;
}


/* text may be NULL: then libsodium verifies the tag alone */

static claude_rc_t
claude_decrypt(const unsigned char *key, const unsigned char *box, size_t len,
    const unsigned char *ad, size_t ad_len, unsigned char *text)
{
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            text, NULL, NULL, box + CLAUDE_NONCE_LEN, len - CLAUDE_NONCE_LEN,
            ad, ad_len, box, key)
        != 0)
    {
        return CLAUDE_DECLINED;
    }

    return CLAUDE_OK;
}
