
#include "claude_blocks.h"

#include "claude_json_writer.h"

#include <sodium.h>
#include <string.h>


/* of one text or image, as much tells conversations apart */

#define CLAUDE_BLOCKS_HASHED  4096      /* bytes of a text */


_Static_assert(sizeof(((claude_request_t *) NULL)->conversation)
               == crypto_shorthash_siphashx24_BYTES, "hash");


static claude_out_t *claude_blocks_next(claude_blocks_t *blocks,
    const claude_str_t *content);
static claude_out_t *claude_blocks_open(claude_blocks_t *blocks,
    claude_role_e role);


void
claude_blocks_init(claude_blocks_t *blocks, claude_mem_t *mem,
    claude_request_t *request, size_t max)
{
    memset(blocks, 0, offsetof(claude_blocks_t, calls));

    blocks->request = request;

    claude_out_init(&blocks->system, mem, max);
    claude_out_init(&blocks->messages, mem, max);
    claude_out_init(&blocks->held, mem, max);
}


void
claude_blocks_begin(claude_blocks_t *blocks, claude_role_e role)
{
    blocks->role = role;
    blocks->count = 0;
    blocks->to = NULL;
}


void
claude_blocks_end(claude_blocks_t *blocks, claude_role_e role)
{
    blocks->role = role;
    blocks->to = NULL;

    if (!claude_out_empty(&blocks->held)) {
        claude_out_join(claude_blocks_open(blocks, role), &blocks->held);
    }

    if (role == CLAUDE_ROLE_USER && blocks->count) {
        blocks->user = 1;
    }
}


/* each text keyed by the hash of those before it, and by its own length */

void
claude_blocks_hash(claude_blocks_t *blocks, const claude_str_t *text)
{
    size_t          i, n;
    unsigned char  *hash, key[crypto_shorthash_siphashx24_KEYBYTES];

    hash = blocks->request->conversation;
    n = (text->len < CLAUDE_BLOCKS_HASHED) ? text->len : CLAUDE_BLOCKS_HASHED;

    memcpy(key, hash, sizeof(key));

    for (i = 0; i < sizeof(text->len); i++) {
        key[i] ^= (unsigned char) (text->len >> 8 * i);
    }

    (void) crypto_shorthash_siphashx24(hash, text->data, n, key);
}


void
claude_blocks_write(claude_blocks_t *blocks, claude_out_t *out)
{
    if (!claude_out_empty(&blocks->system)) {
        claude_out_literal(out, ",\"system\":[");
        claude_out_join(out, &blocks->system);
        claude_out_literal(out, "]");
    }

    claude_out_literal(out, ",\"messages\":[");
    claude_out_join(out, &blocks->messages);
    claude_out_literal(out, "]}]");
}


void
claude_blocks_text(claude_blocks_t *blocks, const claude_parse_text_t *text)
{
    claude_out_t  *out;

    if (text->blank) {
        return;
    }

    out = claude_blocks_next(blocks, &text->raw);
    blocks->request->text += text->raw.len;

    claude_out_literal(out, "{\"type\":\"text\",\"text\":");
    claude_out_link(out, text->raw.data, text->raw.len);
    claude_out_literal(out, "}");
}


void
claude_blocks_image(claude_blocks_t *blocks, const claude_media_t *image)
{
    claude_out_t  *out;

    out = claude_blocks_next(blocks, &image->data);
    blocks->request->text += CLAUDE_IMAGE_TEXT;

    claude_out_literal(out, "{\"type\":\"image\",\"source\":");
    claude_media_put(image, out);
    claude_out_literal(out, "}");
}


void
claude_blocks_document(claude_blocks_t *blocks,
    const claude_media_t *document, const claude_str_t *title)
{
    claude_out_t  *out;

    out = claude_blocks_next(blocks, &document->data);
    blocks->request->text += document->data.len;

    claude_out_literal(out, "{\"type\":\"document\",\"source\":");
    claude_media_put(document, out);

    if (title->len) {
        claude_out_literal(out, ",\"title\":");
        claude_out_link(out, title->data, title->len);
    }

    claude_out_literal(out, "}");
}


void
claude_blocks_thinking(claude_blocks_t *blocks, const claude_str_t *thinking,
    const claude_str_t *signature)
{
    claude_out_t  *out;

    out = claude_blocks_next(blocks, thinking);
    blocks->request->text += thinking->len;

    claude_out_literal(out, "{\"type\":\"thinking\",\"thinking\":");
    claude_out_link(out, thinking->data, thinking->len);

    if (signature->len) {
        claude_out_literal(out, ",\"signature\":");
        claude_out_link(out, signature->data, signature->len);
    }

    claude_out_literal(out, "}");
}


void
claude_blocks_redacted(claude_blocks_t *blocks, const claude_str_t *data)
{
    claude_out_t  *out;

    out = claude_blocks_next(blocks, data);
    blocks->request->text += data->len;

    claude_out_literal(out, "{\"type\":\"redacted_thinking\",\"data\":");
    claude_out_link(out, data->data, data->len);
    claude_out_literal(out, "}");
}


void
claude_blocks_tool_use(claude_blocks_t *blocks, const claude_str_t *id,
    const claude_str_t *name, const claude_str_t *input)
{
    claude_out_t  *out;

    out = claude_blocks_next(blocks, name);
    blocks->request->text += name->len + input->len;

    claude_out_literal(out, "{\"type\":\"tool_use\",\"id\":\"");
    claude_blocks_id(out, id);
    claude_out_literal(out, "\",\"name\":\"");
    claude_out_put(out, name->data, name->len);
    claude_out_literal(out, "\",\"input\":");

    if (input->data[0] == '"') {
        claude_out_literal(out, "{\"arguments\":");
        claude_out_link(out, input->data, input->len);
        claude_out_literal(out, "}");

    } else {
        claude_out_link(out, input->data, input->len);
    }

    claude_out_literal(out, "}");
}


void
claude_blocks_tool_result(claude_blocks_t *blocks, const claude_str_t *id,
    claude_out_t *content, unsigned is_error)
{
    claude_out_t  *out;

    out = claude_blocks_next(blocks, id);

    claude_out_literal(out, "{\"type\":\"tool_result\",\"tool_use_id\":\"");
    claude_blocks_id(out, id);
    claude_out_literal(out, "\"");

    if (!claude_out_empty(content)) {
        claude_out_literal(out, ",\"content\":[");
        claude_out_join(out, content);
        claude_out_literal(out, "]");
    }

    if (is_error) {
        claude_out_literal(out, ",\"is_error\":true");
    }

    claude_out_literal(out, "}");
}


/*
 * Where the message's next block is to be written.  The conversation's hash
 * ends with the first user message, so that it stays the same while the
 * conversation grows.
 */

static claude_out_t *
claude_blocks_next(claude_blocks_t *blocks, const claude_str_t *content)
{
    claude_out_t  *out;

    if (!blocks->user) {
        claude_blocks_hash(blocks, content);
    }

    blocks->count++;

    if (blocks->to == NULL && blocks->role != CLAUDE_ROLE_UNKNOWN) {
        return claude_blocks_open(blocks, blocks->role);
    }

    out = blocks->to ? blocks->to : &blocks->held;

    if (out->first) {
        claude_out_literal(out, ",");
    }

    return out;
}


/* with all that comes before the next block written */

static claude_out_t *
claude_blocks_open(claude_blocks_t *blocks, claude_role_e role)
{
    claude_out_t  *out;

    if (role == CLAUDE_ROLE_SYSTEM) {
        if (blocks->system.first) {
            claude_out_literal(&blocks->system, ",");
        }

        return &blocks->system;
    }

    out = &blocks->messages;

    if (blocks->turn == role) {
        claude_out_literal(out, ",");
        return out;
    }

    if (blocks->turn != CLAUDE_ROLE_UNKNOWN) {
        claude_out_literal(out, "]},");
    }

    if (role == CLAUDE_ROLE_USER) {
        claude_out_literal(out, "{\"role\":\"user\",\"content\":[");

    } else {
        claude_out_literal(out, "{\"role\":\"assistant\",\"content\":[");
    }

    blocks->turn = role;

    return out;
}


void
claude_blocks_write_head(claude_out_t *out, const claude_request_t *request)
{
    claude_out_literal(out, "{\"model\":\"");
    claude_out_put(out, request->upstream_model.data,
                   request->upstream_model.len);
    claude_out_literal(out, "\",\"max_tokens\":");
    claude_json_put_uint(out, request->max_tokens);
    claude_out_literal(out, ",\"stream\":true");
}


void
claude_blocks_write_output(claude_out_t *out, const char *effort,
    const claude_str_t *schema)
{
    if (effort == NULL && schema->len == 0) {
        return;
    }

    claude_out_literal(out, ",\"output_config\":{");

    if (effort) {
        claude_out_literal(out, "\"effort\":\"");
        claude_out_put(out, effort, strlen(effort));
        claude_out_literal(out, "\"");
    }

    if (schema->len) {
        if (effort) {
            claude_out_literal(out, ",");
        }

        claude_out_literal(out, "\"format\":{\"type\":\"json_schema\","
                                "\"schema\":");
        claude_out_link(out, schema->data, schema->len);
        claude_out_literal(out, "}");
    }

    claude_out_literal(out, "}");
}
