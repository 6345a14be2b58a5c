
#include "claude_chat_parse.h"

#include <string.h>


/* of one text or image, as much tells conversations apart */

#define CLAUDE_CHAT_HASHED  4096


static claude_out_t *claude_chat_block(claude_chat_parse_t *chat,
    const claude_str_t *content);
static size_t claude_chat_space(const unsigned char *p, size_t len);


void
claude_chat_record(claude_chat_text_t *text, const claude_json_token_t *token)
{
    memset(text, 0, sizeof(claude_chat_text_t));

    text->seen = 1;

    if (token->type == CLAUDE_JSON_STRING) {
        text->raw = token->raw;
        text->blank = claude_chat_blank(&token->text);
    }
}


void
claude_chat_put_text(claude_chat_parse_t *chat,
    const claude_chat_text_t *text)
{
    claude_out_t  *out;

    if (text->blank) {
        return;
    }

    out = claude_chat_block(chat, &text->raw);
    chat->request->text += text->raw.len;

    claude_out_literal(out, "{\"type\":\"text\",\"text\":");
    claude_out_link(out, text->raw.data, text->raw.len);
    claude_out_literal(out, "}");
}


void
claude_chat_put_image(claude_chat_parse_t *chat,
    const claude_chat_image_t *image)
{
    claude_out_t  *out;

    if (chat->message.image == 0) {
        chat->message.image = chat->frames[chat->nframes - 2].count;
    }

    out = claude_chat_block(chat, &image->data);
    chat->request->text += CLAUDE_IMAGE_TEXT;

    claude_out_literal(out, "{\"type\":\"image\",\"source\":{\"type\":");

    if (image->media_type) {
        claude_out_literal(out, "\"base64\",\"media_type\":\"");
        claude_out_put(out, image->media_type, strlen(image->media_type));
        claude_out_literal(out, "\",\"data\":\"");

    } else {
        claude_out_literal(out, "\"url\",\"url\":\"" CLAUDE_CHAT_HTTPS);
    }

    claude_out_link(out, image->data.data, image->data.len);
    claude_out_literal(out, "\"}}");
}


/*
 * Where the message's next block is to be written.  The conversation's hash
 * ends with the first user message, so that it stays the same while the
 * conversation grows.
 */

static claude_out_t *
claude_chat_block(claude_chat_parse_t *chat, const claude_str_t *content)
{
    size_t  n;

    if (!chat->user) {
        n = content->len;
        n = (n < CLAUDE_CHAT_HASHED) ? n : CLAUDE_CHAT_HASHED;

        crypto_generichash_update(&chat->hash,
                                  (const unsigned char *) &content->len,
                                  sizeof(content->len));
        crypto_generichash_update(&chat->hash, content->data, n);
    }

    chat->message.blocks++;

    if (chat->message.role != CLAUDE_CHAT_NOBODY) {
        return claude_chat_open(chat, chat->message.role);
    }

    if (chat->held.first) {
        claude_out_literal(&chat->held, ",");
    }

    return &chat->held;
}


claude_out_t *
claude_chat_open(claude_chat_parse_t *chat, claude_chat_role_e role)
{
    claude_out_t  *out;

    if (role == CLAUDE_CHAT_SYSTEM) {
        if (chat->system.first) {
            claude_out_literal(&chat->system, ",");
        }

        return &chat->system;
    }

    out = &chat->messages;

    if (chat->turn == role) {
        claude_out_literal(out, ",");
        return out;
    }

    if (chat->turn != CLAUDE_CHAT_NOBODY) {
        claude_out_literal(out, "]},");
    }

    if (role == CLAUDE_CHAT_USER) {
        claude_out_literal(out, "{\"role\":\"user\",\"content\":[");

    } else {
        claude_out_literal(out, "{\"role\":\"assistant\",\"content\":[");
    }

    chat->turn = role;

    return out;
}


unsigned
claude_chat_blank(const claude_str_t *text)
{
    size_t  i, n;

    for (i = 0; i < text->len; i += n) {
        n = claude_chat_space(text->data + i, text->len - i);

        if (n == 0) {
            return 0;
        }
    }

    return 1;
}


/* length of the white space character at p, or 0: Unicode's property
 * White_Space without U+0085, and U+FEFF, as ECMAScript has it */

static size_t
claude_chat_space(const unsigned char *p, size_t len)
{
    unsigned  c;

    if (p[0] == ' ' || (p[0] >= '\t' && p[0] <= '\r')) {
        return 1;
    }

    if (len >= 2 && p[0] == 0xc2 && p[1] == 0xa0) {
        return 2;
    }

    if (len < 3 || p[0] < 0xe1) {
        return 0;
    }

    c = (unsigned) p[0] << 16 | (unsigned) p[1] << 8 | p[2];

    switch (c) {

    case 0xe19a80:                      /* U+1680 */
    case 0xe280a8:                      /* U+2028 */
    case 0xe280a9:                      /* U+2029 */
    case 0xe280af:                      /* U+202F */
    case 0xe2819f:                      /* U+205F */
    case 0xe38080:                      /* U+3000 */
    case 0xefbbbf:                      /* U+FEFF */
        return 3;
    }

    return (c >= 0xe28080 && c <= 0xe2808a) ? 3 : 0;
}
