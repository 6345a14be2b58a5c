
/*
 * API keys as clients hold them, and what is shown of them.
 *
 * Ours: "sk-", 42 random base62 characters, and 6 base62 digits (most
 * significant first) of the CRC-32 (ISO-HDLC) of the 45 characters before.
 * base62 is 0-9A-Za-z in this order.  Others that start with "sk-" may have
 * been imported and are told by look-up alone.
 *
 * libsodium must have been initialized where something random is made.
 */


#ifndef CLAUDE_KEY_H
#define CLAUDE_KEY_H


#include "claude_core.h"


#define CLAUDE_KEY_LEN      51
#define CLAUDE_KEY_MAX      256     /* longer ones are refused unhashed */
#define CLAUDE_KEY_ID_LEN   24      /* "key_" and 20 base62 characters */
#define CLAUDE_HEAD_LEN     7       /* "sk-AbCd", what is shown of a key */
#define CLAUDE_TAIL_LEN     4       /* "wXyZ" */

#define CLAUDE_TOKEN_MIN    24
#define CLAUDE_TOKEN_MAX    200

#define CLAUDE_TOKEN_OAUTH_PREFIX    "sk-ant-oat01-"
#define CLAUDE_TOKEN_API_KEY_PREFIX  "sk-ant-api03-"


typedef enum {
    CLAUDE_KEY_OURS = 1,            /* of our form, its checksum holds */
    CLAUDE_KEY_FOREIGN,             /* "sk-…" of another form */
    CLAUDE_KEY_MALFORMED
} claude_key_form_e;


/* writes CLAUDE_KEY_LEN bytes, not terminated.  Never holds "T3BlbkFJ", the
 * mark of OpenAI's keys. */

void claude_key_generate(unsigned char *key);

/* writes CLAUDE_KEY_ID_LEN bytes, not terminated */

void claude_key_id_generate(unsigned char *id);

/* writes len random base62 characters */

void claude_base62_random(unsigned char *dst, size_t len);

/* whether all of data is 0-9A-Za-z, or that and "-" and "_" */

unsigned claude_base62(const unsigned char *data, size_t len);
unsigned claude_base64url(const unsigned char *data, size_t len);

/*
 * CLAUDE_KEY_MALFORMED also for a key of our form whose checksum is wrong,
 * for bytes other than A-Za-z0-9_- and for more than CLAUDE_KEY_MAX.  Of our
 * form is "sk-" and 48 base62 characters without OpenAI's mark: their older
 * keys are as long.
 */

claude_key_form_e claude_key_form(const unsigned char *key, size_t len);

/* whether id has the form of a key's id */

unsigned claude_key_id_valid(const unsigned char *id, size_t len);


typedef enum {
    CLAUDE_TOKEN_OAUTH = 1,         /* sk-ant-oat01-… */
    CLAUDE_TOKEN_API_KEY,           /* sk-ant-api03-… */
    CLAUDE_TOKEN_MALFORMED
} claude_token_form_e;

/* the form of an Anthropic credential: CLAUDE_TOKEN_MIN to CLAUDE_TOKEN_MAX
 * bytes of A-Za-z0-9_- with one of the two prefixes */

claude_token_form_e claude_token_form(const unsigned char *token, size_t len);


#endif /* CLAUDE_KEY_H */
