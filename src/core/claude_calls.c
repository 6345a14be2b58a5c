
#include "claude_blocks.h"

#include <sodium.h>
#include <string.h>


static unsigned claude_blocks_word(const claude_str_t *text, size_t max);
static claude_rc_t claude_blocks_object(void *ctx,
    const claude_json_token_t *token);


claude_rc_t
claude_blocks_call(claude_blocks_t *blocks, const claude_str_t *id)
{
    unsigned             i;
    const claude_str_t  *call;

    for (i = 0; i < blocks->ncalls; i++) {
        call = &blocks->calls[i];

        if (call->data && call->len == id->len
            && memcmp(call->data, id->data, id->len) == 0)
        {
            return CLAUDE_DECLINED;
        }
    }

    if (blocks->ncalls == CLAUDE_BLOCKS_CALLS) {
        return CLAUDE_TOO_LARGE;
    }

    blocks->calls[blocks->ncalls++] = *id;
    blocks->waiting++;

    return CLAUDE_OK;
}


claude_rc_t
claude_blocks_answer(claude_blocks_t *blocks, const claude_str_t *id)
{
    unsigned       i;
    claude_str_t  *call;

    for (i = 0; i < blocks->ncalls; i++) {
        call = &blocks->calls[i];

        if (call->data && call->len == id->len
            && memcmp(call->data, id->data, id->len) == 0)
        {
            call->data = NULL;

            if (--blocks->waiting == 0) {
                blocks->ncalls = 0;
            }

            return CLAUDE_OK;
        }
    }

    return CLAUDE_DECLINED;
}


void
claude_blocks_id(claude_out_t *out, const claude_str_t *id)
{
    char           hex[2 * crypto_generichash_BYTES_MIN + 1];
    unsigned char  hash[crypto_generichash_BYTES_MIN];

    if (claude_blocks_word(id, CLAUDE_BLOCKS_ID)) {
        claude_out_put(out, id->data, id->len);
        return;
    }

    crypto_generichash(hash, sizeof(hash), id->data, id->len, NULL, 0);
    sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));

    claude_out_literal(out, "call_");
    claude_out_put(out, hex, sizeof(hex) - 1);
}


unsigned
claude_blocks_name(const claude_str_t *name)
{
    return claude_blocks_word(name, 128);
}


static unsigned
claude_blocks_word(const claude_str_t *text, size_t max)
{
    size_t    i;
    unsigned  c;

    if (text->len == 0 || text->len > max) {
        return 0;
    }

    for (i = 0; i < text->len; i++) {
        c = text->data[i];

        if ((c < '0' || c > '9') && ((c | 0x20) < 'a' || (c | 0x20) > 'z')
            && c != '_' && c != '-')
        {
            return 0;
        }
    }

    return 1;
}


claude_str_t
claude_blocks_arguments(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_rc_t          rc;
    claude_json_error_t  error;

    static const claude_str_t  none = claude_string("{}");

    if (claude_parse_blank(&token->text)) {
        return none;
    }

    rc = claude_json_read(token->text.data, token->text.len,
                          claude_blocks_object, NULL, &error);

    if (rc == CLAUDE_OK) {
        return claude_parse_keep(parse, token);
    }

    if (rc == CLAUDE_NO_MEMORY) {
        parse->rc = rc;
    }

    return token->raw;
}


static claude_rc_t
claude_blocks_object(void *ctx, const claude_json_token_t *token)
{
    (void) ctx;

    return (token->depth || token->type == CLAUDE_JSON_OBJECT
            || token->type == CLAUDE_JSON_OBJECT_END)
           ? CLAUDE_OK : CLAUDE_INVALID;
}
