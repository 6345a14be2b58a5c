
#include "claude_key.h"

#include <sodium.h>
#include <string.h>


#define CLAUDE_KEY_PREFIX     "sk-"
#define CLAUDE_KEY_BODY       45        /* prefix and random part */
#define CLAUDE_KEY_CHECKSUM   (CLAUDE_KEY_LEN - CLAUDE_KEY_BODY)
#define CLAUDE_KEY_ID_PREFIX  "key_"

/* in the middle of OpenAI's own keys; scanners for leaked keys go by it */

#define CLAUDE_KEY_MARK       "T3BlbkFJ"

/* of which sets a byte is; both hold 0-9A-Za-z */

#define CLAUDE_KEY_BASE62     1
#define CLAUDE_KEY_BASE64URL  2

#define claude_prefix_len(s)  (sizeof(s) - 1)


static uint32_t claude_key_crc32(const unsigned char *data, size_t len);
static void claude_key_checksum(const unsigned char *key,
    unsigned char checksum[CLAUDE_KEY_CHECKSUM]);
static unsigned claude_key_marked(const unsigned char *key, size_t len);
static unsigned claude_key_common(const unsigned char *data, size_t len);
static unsigned claude_has_prefix(const unsigned char *data, size_t len,
    const char *prefix);


static const unsigned char  claude_key_sets[256] = {
    ['0' ... '9'] = CLAUDE_KEY_BASE62|CLAUDE_KEY_BASE64URL,
    ['A' ... 'Z'] = CLAUDE_KEY_BASE62|CLAUDE_KEY_BASE64URL,
    ['a' ... 'z'] = CLAUDE_KEY_BASE62|CLAUDE_KEY_BASE64URL,
    ['-'] = CLAUDE_KEY_BASE64URL,
    ['_'] = CLAUDE_KEY_BASE64URL
};


static const char  claude_base62_digits[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";


void
claude_key_generate(unsigned char *key)
{
    do {
        memcpy(key, CLAUDE_KEY_PREFIX, claude_prefix_len(CLAUDE_KEY_PREFIX));

        claude_base62_random(key + claude_prefix_len(CLAUDE_KEY_PREFIX),
                             CLAUDE_KEY_BODY
                             - claude_prefix_len(CLAUDE_KEY_PREFIX));

        claude_key_checksum(key, key + CLAUDE_KEY_BODY);

    } while (claude_key_marked(key, CLAUDE_KEY_LEN));
}


void
claude_key_id_generate(unsigned char *id)
{
    memcpy(id, CLAUDE_KEY_ID_PREFIX, claude_prefix_len(CLAUDE_KEY_ID_PREFIX));

    claude_base62_random(id + claude_prefix_len(CLAUDE_KEY_ID_PREFIX),
                         CLAUDE_KEY_ID_LEN
                         - claude_prefix_len(CLAUDE_KEY_ID_PREFIX));
}


void
claude_base62_random(unsigned char *dst, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        dst[i] = claude_base62_digits[randombytes_uniform(62)];
    }
}


claude_key_form_e
claude_key_form(const unsigned char *key, size_t len)
{
    size_t         prefix;
    unsigned       sets;
    unsigned char  checksum[CLAUDE_KEY_CHECKSUM];

    prefix = claude_prefix_len(CLAUDE_KEY_PREFIX);

    if (len <= prefix || len > CLAUDE_KEY_MAX
        || !claude_has_prefix(key, len, CLAUDE_KEY_PREFIX))
    {
        return CLAUDE_KEY_MALFORMED;
    }

    sets = claude_key_common(key + prefix, len - prefix);

    if (!(sets & CLAUDE_KEY_BASE64URL)) {
        return CLAUDE_KEY_MALFORMED;
    }

    if (len != CLAUDE_KEY_LEN || !(sets & CLAUDE_KEY_BASE62)) {
        return CLAUDE_KEY_FOREIGN;
    }

    claude_key_checksum(key, checksum);

    if (memcmp(key + CLAUDE_KEY_BODY, checksum, CLAUDE_KEY_CHECKSUM) == 0) {
        return CLAUDE_KEY_OURS;
    }

    return claude_key_marked(key, len) ? CLAUDE_KEY_FOREIGN
                                       : CLAUDE_KEY_MALFORMED;
}


unsigned
claude_key_id_valid(const unsigned char *id, size_t len)
{
    return len == CLAUDE_KEY_ID_LEN
           && claude_has_prefix(id, len, CLAUDE_KEY_ID_PREFIX)
           && claude_base62(id + claude_prefix_len(CLAUDE_KEY_ID_PREFIX),
                            len - claude_prefix_len(CLAUDE_KEY_ID_PREFIX));
}


claude_token_form_e
claude_token_form(const unsigned char *token, size_t len)
{
    if (len < CLAUDE_TOKEN_MIN || len > CLAUDE_TOKEN_MAX
        || !claude_base64url(token, len))
    {
        return CLAUDE_TOKEN_MALFORMED;
    }

    if (claude_has_prefix(token, len, CLAUDE_TOKEN_OAUTH_PREFIX)) {
        return CLAUDE_TOKEN_OAUTH;
    }

    if (claude_has_prefix(token, len, CLAUDE_TOKEN_API_KEY_PREFIX)) {
        return CLAUDE_TOKEN_API_KEY;
    }

    return CLAUDE_TOKEN_MALFORMED;
}


static void
claude_key_checksum(const unsigned char *key,
    unsigned char checksum[CLAUDE_KEY_CHECKSUM])
{
    int       i;
    uint32_t  crc;

    crc = claude_key_crc32(key, CLAUDE_KEY_BODY);

    for (i = CLAUDE_KEY_CHECKSUM - 1; i >= 0; i--) {
        checksum[i] = claude_base62_digits[crc % 62];
        crc /= 62;
    }
}


/* four bits a step: a table of 16 stays in the cache of a busy worker */

static uint32_t
claude_key_crc32(const unsigned char *data, size_t len)
{
    size_t    i;
    uint32_t  crc;

    static const uint32_t  table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
        0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c
    };

    crc = 0xffffffff;

    for (i = 0; i < len; i++) {
        crc = (crc >> 4) ^ table[(crc ^ data[i]) & 15];
        crc = (crc >> 4) ^ table[(crc ^ (data[i] >> 4)) & 15];
    }

    return crc ^ 0xffffffff;
}


static unsigned
claude_key_marked(const unsigned char *key, size_t len)
{
    size_t    i;
    unsigned  found;
    uint64_t  mark, at;

    memcpy(&mark, CLAUDE_KEY_MARK, sizeof(mark));

    found = 0;

    for (i = 0; i + sizeof(mark) <= len; i++) {
        memcpy(&at, key + i, sizeof(at));
        found |= (at == mark);
    }

    return found;
}


/*
 * No branch depends on what a key holds: the processor would learn the
 * beginnings that are tried often, and be faster with these.
 */

unsigned
claude_base62(const unsigned char *data, size_t len)
{
    return (claude_key_common(data, len) & CLAUDE_KEY_BASE62) != 0;
}


unsigned
claude_base64url(const unsigned char *data, size_t len)
{
    return (claude_key_common(data, len) & CLAUDE_KEY_BASE64URL) != 0;
}


/* the sets that hold each byte */

static unsigned
claude_key_common(const unsigned char *data, size_t len)
{
    size_t    i;
    unsigned  sets;

    sets = CLAUDE_KEY_BASE62|CLAUDE_KEY_BASE64URL;

    for (i = 0; i < len; i++) {
        sets &= claude_key_sets[data[i]];
    }

    return sets;
}


static unsigned
claude_has_prefix(const unsigned char *data, size_t len, const char *prefix)
{
    size_t  n;

    n = strlen(prefix);

    return len >= n && memcmp(data, prefix, n) == 0;
}
