
#include "claude_responses.h"

#include "claude_fields.h"

#include <sodium.h>
#include <string.h>


#define CLAUDE_RESPONSES_MARK   "ct1."
#define CLAUDE_RESPONSES_HASH   16
#define CLAUDE_RESPONSES_BASE64 sodium_base64_VARIANT_URLSAFE_NO_PADDING


static void claude_responses_digest(const unsigned char *text, size_t len,
    unsigned char *digest);
static const char *claude_responses_read_thinking(void *dst,
    const claude_json_token_t *value);
static const char *claude_responses_read_signature(void *dst,
    const claude_json_token_t *value);
static const char *claude_responses_read_redacted(void *dst,
    const claude_json_token_t *value);
static const char *claude_responses_slice(claude_str_t *slice,
    const claude_json_token_t *value);


static const claude_field_t  claude_responses_thought_fields[] = {
    { claude_string("thinking"), claude_responses_read_thinking },
    { claude_string("signature"), claude_responses_read_signature },
    { claude_string("redacted"), claude_responses_read_redacted }
};

#define CLAUDE_RESPONSES_IS_THINKING  (1u | 1u << 1)
#define CLAUDE_RESPONSES_IS_REDACTED  (1u << 2)


claude_rc_t
claude_responses_seal(claude_mem_t *mem,
    const claude_responses_thought_t *thought, claude_str_t *sealed)
{
    size_t          len, size;
    claude_out_t    out;
    unsigned char  *plain, *p;

    claude_out_init(&out, mem, CLAUDE_RESPONSES_SEALED_MAX / 2);

    if (thought->is_redacted) {
        claude_out_literal(&out, "{\"redacted\":\"");
        claude_out_link(&out, thought->redacted.data, thought->redacted.len);

    } else {
        claude_out_literal(&out, "{\"thinking\":\"");
        claude_out_link(&out, thought->thinking.data, thought->thinking.len);
        claude_out_literal(&out, "\",\"signature\":\"");
        claude_out_link(&out, thought->signature.data,
                        thought->signature.len);
    }

    claude_out_literal(&out, "\"}");

    if (out.rc != CLAUDE_OK) {
        return out.rc;
    }

    len = CLAUDE_RESPONSES_HASH + out.size;
    size = sodium_base64_encoded_len(len, CLAUDE_RESPONSES_BASE64);

    plain = claude_alloc(mem, len);
    p = claude_alloc(mem, sizeof(CLAUDE_RESPONSES_MARK) - 1 + size);

    if (plain == NULL || p == NULL) {
        return CLAUDE_NO_MEMORY;
    }

    claude_out_copy(&out, plain + CLAUDE_RESPONSES_HASH);
    claude_responses_digest(plain + CLAUDE_RESPONSES_HASH, out.size, plain);

    sealed->data = p;
    sealed->len = sizeof(CLAUDE_RESPONSES_MARK) - 1 + size - 1;

    memcpy(p, CLAUDE_RESPONSES_MARK, sizeof(CLAUDE_RESPONSES_MARK) - 1);
    sodium_bin2base64((char *) p + sizeof(CLAUDE_RESPONSES_MARK) - 1, size,
                      plain, len, CLAUDE_RESPONSES_BASE64);

    return CLAUDE_OK;
}


claude_rc_t
claude_responses_unseal(claude_mem_t *mem, const claude_str_t *sealed,
    claude_responses_thought_t *thought)
{
    size_t          mark, size, len;
    uint32_t        seen;
    const char     *reason, *end;
    claude_rc_t     rc;
    claude_str_t    line;
    unsigned char  *plain, digest[CLAUDE_RESPONSES_HASH];

    memset(thought, 0, sizeof(claude_responses_thought_t));

    mark = sizeof(CLAUDE_RESPONSES_MARK) - 1;

    if (sealed->len < mark
        || memcmp(sealed->data, CLAUDE_RESPONSES_MARK, mark) != 0)
    {
        return CLAUDE_DECLINED;
    }

    if (sealed->len > CLAUDE_RESPONSES_SEALED_MAX) {
        return CLAUDE_INVALID;
    }

    size = (sealed->len - mark) / 4 * 3 + 3;

    plain = claude_alloc(mem, size);
    if (plain == NULL) {
        return CLAUDE_NO_MEMORY;
    }

    if (sodium_base642bin(plain, size, (const char *) sealed->data + mark,
                          sealed->len - mark, NULL, &len, &end,
                          CLAUDE_RESPONSES_BASE64)
        != 0
        || end != (const char *) sealed->data + sealed->len
        || len <= CLAUDE_RESPONSES_HASH)
    {
        return CLAUDE_INVALID;
    }

    line.data = plain + CLAUDE_RESPONSES_HASH;
    line.len = len - CLAUDE_RESPONSES_HASH;

    claude_responses_digest(line.data, line.len, digest);

    if (memcmp(digest, plain, CLAUDE_RESPONSES_HASH) != 0) {
        return CLAUDE_INVALID;
    }

    /* anybody can make such a hash: nothing is taken as it stands */

    rc = claude_fields_read(&line, claude_responses_thought_fields,
                            sizeof(claude_responses_thought_fields)
                            / sizeof(claude_responses_thought_fields[0]),
                            thought, &seen, &reason);

    if (rc == CLAUDE_NO_MEMORY) {
        return rc;
    }

    if (rc != CLAUDE_OK || reason != NULL) {
        return CLAUDE_INVALID;
    }

    thought->is_redacted = (seen == CLAUDE_RESPONSES_IS_REDACTED);

    return (thought->is_redacted || seen == CLAUDE_RESPONSES_IS_THINKING)
           ? CLAUDE_OK : CLAUDE_INVALID;
}


static void
claude_responses_digest(const unsigned char *text, size_t len,
    unsigned char *digest)
{
    crypto_generichash(digest, CLAUDE_RESPONSES_HASH, text, len, NULL, 0);
}


static const char *
claude_responses_read_thinking(void *dst, const claude_json_token_t *value)
{
    claude_responses_thought_t *thought = dst;

    return claude_responses_slice(&thought->thinking, value);
}


static const char *
claude_responses_read_signature(void *dst, const claude_json_token_t *value)
{
    claude_responses_thought_t *thought = dst;

    return claude_responses_slice(&thought->signature, value);
}


static const char *
claude_responses_read_redacted(void *dst, const claude_json_token_t *value)
{
    claude_responses_thought_t *thought = dst;

    return claude_responses_slice(&thought->redacted, value);
}


static const char *
claude_responses_slice(claude_str_t *slice, const claude_json_token_t *value)
{
    if (value->type != CLAUDE_JSON_STRING) {
        return "is no string";
    }

    *slice = value->raw;

    return NULL;
}
