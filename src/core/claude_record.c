
#include "claude_record.h"

#include "claude_json_reader.h"

#include <sodium.h>
#include <string.h>


static uint32_t claude_name_char(const unsigned char *p, size_t len);
static unsigned claude_name_control(uint32_t c);
static void claude_record_key(const claude_secrets_t *secrets,
    claude_record_t *record, unsigned char key[CLAUDE_KEY_LEN]);
static void claude_record_seal(const claude_secrets_t *secrets,
    claude_record_t *record, const unsigned char *token, size_t len);
static void claude_record_token(claude_record_t *record,
    const claude_str_t *token, claude_token_form_e form);


claude_rc_t
claude_name_check(const unsigned char *name, size_t len)
{
    size_t    i, n, chars;
    uint32_t  c;
    unsigned  blank;

    if (len == 0 || len > CLAUDE_NAME_MAX || claude_utf8_span(name, len) != len)
    {
        return CLAUDE_INVALID;
    }

    chars = 0;
    blank = 1;

    for (i = 0; i < len; i += n) {
        for (n = 1; i + n < len && (name[i + n] & 0xc0) == 0x80; n++) {
            /* void */
        }

        c = claude_name_char(name + i, n);

        if (claude_name_control(c)) {
            return CLAUDE_INVALID;
        }

        blank &= (c == ' ' || c == 0xa0 || c == 0x3000);
        chars++;
    }

    return (blank || chars > CLAUDE_NAME_CHARS) ? CLAUDE_INVALID : CLAUDE_OK;
}


/* the character of len well-formed bytes */

static uint32_t
claude_name_char(const unsigned char *p, size_t len)
{
    size_t    i;
    uint32_t  c;

    c = (len == 1) ? p[0] : p[0] & (0x7f >> len);

    for (i = 1; i < len; i++) {
        c = c << 6 | (p[i] & 0x3f);
    }

    return c;
}


static unsigned
claude_name_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0)      /* C0, DEL, C1 */
           || c == 0x061c                           /* bidirectional */
           || (c >= 0x200e && c <= 0x200f)
           || (c >= 0x202a && c <= 0x202e)
           || (c >= 0x2066 && c <= 0x2069)
           || (c >= 0x2028 && c <= 0x2029);         /* separators */
}


claude_rc_t
claude_record_create(const claude_secrets_t *secrets,
    const claude_str_t *name, const claude_str_t *token, int64_t now,
    claude_record_t *record, unsigned char key[CLAUDE_KEY_LEN])
{
    claude_token_form_e  form;

    form = claude_token_form(token->data, token->len);

    if (form == CLAUDE_TOKEN_MALFORMED
        || claude_name_check(name->data, name->len) != CLAUDE_OK)
    {
        return CLAUDE_INVALID;
    }

    memset(record, 0, sizeof(claude_record_t));

    claude_key_id_generate(record->id);
    claude_record_key(secrets, record, key);
    claude_record_seal(secrets, record, token->data, token->len);

    claude_record_token(record, token, form);

    record->name_len = name->len;
    memcpy(record->name, name->data, name->len);

    record->created = now;
    record->enabled = 1;

    return CLAUDE_OK;
}


claude_rc_t
claude_record_rotate(const claude_secrets_t *secrets, claude_record_t *record,
    int64_t until, unsigned char key[CLAUDE_KEY_LEN])
{
    size_t         len;
    unsigned char  token[CLAUDE_TOKEN_MAX];

    if (claude_open(secrets, record->sealed, record->sealed_len, record->id,
                    record->digest, token, &len)
        != CLAUDE_OK)
    {
        return CLAUDE_DECLINED;
    }

    record->previous_until = until;

    if (until) {
        memcpy(record->previous, record->digest, CLAUDE_DIGEST_LEN);

    } else {
        memset(record->previous, 0, CLAUDE_DIGEST_LEN);
    }

    claude_record_key(secrets, record, key);
    claude_record_seal(secrets, record, token, len);

    sodium_memzero(token, sizeof(token));

    return CLAUDE_OK;
}


claude_rc_t
claude_record_replace(const claude_secrets_t *secrets,
    claude_record_t *record, const claude_str_t *token)
{
    claude_token_form_e  form;

    form = claude_token_form(token->data, token->len);

    if (form == CLAUDE_TOKEN_MALFORMED) {
        return CLAUDE_INVALID;
    }

    claude_record_seal(secrets, record, token->data, token->len);
    claude_record_token(record, token, form);

    return CLAUDE_OK;
}


static void
claude_record_key(const claude_secrets_t *secrets, claude_record_t *record,
    unsigned char key[CLAUDE_KEY_LEN])
{
    claude_key_generate(key);
    claude_digest(secrets, key, CLAUDE_KEY_LEN, record->digest);

    memcpy(record->head, key, CLAUDE_HEAD_LEN);
    memcpy(record->tail, key + CLAUDE_KEY_LEN - CLAUDE_TAIL_LEN,
           CLAUDE_TAIL_LEN);
}


static void
claude_record_token(claude_record_t *record, const claude_str_t *token,
    claude_token_form_e form)
{
    record->token_form = form;
    memcpy(record->token_tail, token->data + token->len - CLAUDE_TAIL_LEN,
           CLAUDE_TAIL_LEN);
}


static void
claude_record_seal(const claude_secrets_t *secrets, claude_record_t *record,
    const unsigned char *token, size_t len)
{
    record->sealed_len = claude_seal(secrets, token, len, record->id,
                                     record->digest, record->sealed);
}
