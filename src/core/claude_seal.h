
/*
 * The secrets of a store: the master keys that wrap its two keys, the digest
 * that API keys are looked up by, and the sealing of credentials.
 *
 * All of it is libsodium: XChaCha20-Poly1305 (IETF) and BLAKE2b.  The caller
 * initializes it with sodium_init().
 */


#ifndef CLAUDE_SEAL_H
#define CLAUDE_SEAL_H


#include "claude_key.h"


#define CLAUDE_SECRET_LEN   32
#define CLAUDE_DIGEST_LEN   32
#define CLAUDE_MASTER_MAX   8       /* keys in one master key file */
#define CLAUDE_MASTER_FILE  4096    /* bytes of that file at most */

#define CLAUDE_NONCE_LEN    24
#define CLAUDE_TAG_LEN      16
#define CLAUDE_SEALED_MAX   (CLAUDE_NONCE_LEN + CLAUDE_TOKEN_MAX              \
                             + CLAUDE_TAG_LEN)

/* both secrets of a store, wrapped: nonce, 64 bytes, tag */

#define CLAUDE_WRAPPED_LEN  (CLAUDE_NONCE_LEN + 2 * CLAUDE_SECRET_LEN         \
                             + CLAUDE_TAG_LEN)


/* the keys of a master key file; the first wraps, all unwrap */

typedef struct {
    unsigned               n;
    unsigned char          keys[CLAUDE_MASTER_MAX][CLAUDE_SECRET_LEN];
} claude_master_t;


/* what a store's header holds wrapped.  Lives in memory of sodium_malloc(). */

typedef struct {
    unsigned char          seal[CLAUDE_SECRET_LEN];
    unsigned char          digest[CLAUDE_SECRET_LEN];
} claude_secrets_t;


typedef enum {
    CLAUDE_MASTER_OK = 0,
    CLAUDE_MASTER_MISSING,          /* errno */
    CLAUDE_MASTER_SYMLINK,
    CLAUDE_MASTER_NOT_FILE,
    CLAUDE_MASTER_OWNER,            /* neither root's nor the caller's */
    CLAUDE_MASTER_MODE,             /* readable by group or others */
    CLAUDE_MASTER_FORMAT,           /* short, too long, not base64 */
    CLAUDE_MASTER_NAME,             /* no credential can have it */
    CLAUDE_MASTER_NO_DIRECTORY,     /* there are no credentials */
    CLAUDE_MASTER_NO_CREDENTIAL,    /* none of this name */
    CLAUDE_MASTER_IO                /* errno */
} claude_master_rc_e;


/* what stands before the name of one of systemd's credentials, a file of the
 * directory that $CREDENTIALS_DIRECTORY names */

#define CLAUDE_MASTER_CREDENTIAL  "credential:"
#define CLAUDE_MASTER_DIRECTORY   "CREDENTIALS_DIRECTORY"


/*
 * Reads a master key file, or credential: a line a key, 32 bytes as base64
 * (RFC 4648, 44 characters); empty lines and lines that begin with '#' are
 * skipped.  *line is the line at fault with CLAUDE_MASTER_FORMAT, 0 where the
 * file as a whole is: it has no key, or is too long.  master, best in memory
 * of sodium_malloc(), is all zero unless CLAUDE_MASTER_OK is returned.  Blocks
 * on the file.
 */

claude_master_rc_e claude_master_read(const char *path,
    claude_master_t *master, unsigned *line);

/* static text, such as "is readable by group or others" */

const char *claude_master_reason(claude_master_rc_e rc);

/* makes a file with one new key, mode 0600, fsynced and visible only when
 * whole; CLAUDE_IO with errno, EEXIST among others: nothing is ever
 * overwritten.  Blocks. */

claude_rc_t claude_master_create(const char *path);


/* new random secrets */

void claude_secrets_generate(claude_secrets_t *secrets);

/* storeid, the store's own id, is bound in: a header can't be moved to
 * another store unnoticed */

void claude_secrets_wrap(const claude_secrets_t *secrets,
    const claude_master_t *master, const claude_str_t *storeid,
    unsigned char wrapped[CLAUDE_WRAPPED_LEN]);

/* CLAUDE_DECLINED: no key of master opens it, secrets are zero; else *which is
 * the index of the key that did */

claude_rc_t claude_secrets_unwrap(claude_secrets_t *secrets,
    const claude_master_t *master, const claude_str_t *storeid,
    const unsigned char wrapped[CLAUDE_WRAPPED_LEN], unsigned *which);


/* keyed BLAKE2b-256 of an API key */

void claude_digest(const claude_secrets_t *secrets, const unsigned char *key,
    size_t len, unsigned char digest[CLAUDE_DIGEST_LEN]);

/*
 * Seals a credential of len bytes, CLAUDE_TOKEN_MAX at most, to the record
 * that has this id and digest.  Returns the length of sealed: nonce, as many
 * bytes as the credential, tag.
 */

size_t claude_seal(const claude_secrets_t *secrets, const unsigned char *token,
    size_t len, const unsigned char id[CLAUDE_KEY_ID_LEN],
    const unsigned char digest[CLAUDE_DIGEST_LEN],
    unsigned char sealed[CLAUDE_SEALED_MAX]);

/* the way back; token has room for CLAUDE_TOKEN_MAX bytes, which the caller
 * zeroes after use.  CLAUDE_DECLINED: forged, or of another record or store */

claude_rc_t claude_open(const claude_secrets_t *secrets,
    const unsigned char *sealed, size_t len,
    const unsigned char id[CLAUDE_KEY_ID_LEN],
    const unsigned char digest[CLAUDE_DIGEST_LEN],
    unsigned char *token, size_t *token_len);

/* whether claude_open() would, in less time, and the credential stays sealed */

claude_rc_t claude_opens(const claude_secrets_t *secrets,
    const unsigned char *sealed, size_t len,
    const unsigned char id[CLAUDE_KEY_ID_LEN],
    const unsigned char digest[CLAUDE_DIGEST_LEN]);


#endif /* CLAUDE_SEAL_H */
