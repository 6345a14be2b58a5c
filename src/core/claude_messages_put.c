
#include "claude_messages_parts.h"

#include <string.h>


/* base64 digits of a PDF that are as many tokens as a byte of text: a page has
 * some 2000 tokens, and in a file some 60 KB */

#define CLAUDE_MESSAGES_PDF  8


static unsigned claude_messages_has(claude_messages_parse_t *m,
    const claude_parse_text_t *text, const char *name);
static unsigned claude_messages_source(claude_messages_parse_t *m,
    const claude_messages_block_t *block, const char *const *types,
    size_t max, claude_media_t *media);
static unsigned claude_messages_source_url(claude_messages_parse_t *m,
    const claude_messages_block_t *block, claude_media_t *media);
static unsigned claude_messages_source_is(
    const claude_messages_block_t *block, claude_messages_source_e which,
    const char *text);


static const char *const  claude_messages_images[] = {
    "image/png", "image/jpeg", "image/gif", "image/webp", NULL
};

static const char *const  claude_messages_documents[] = {
    "application/pdf", NULL
};


void
claude_messages_put_text(claude_messages_parse_t *m,
    const claude_messages_block_t *block)
{
    const claude_parse_text_t  *text;

    text = &block->texts[CLAUDE_MESSAGES_TEXT];

    if (claude_messages_has(m, text, "text")) {
        claude_blocks_text(&m->blocks, text);
    }
}


static unsigned
claude_messages_has(claude_messages_parse_t *m,
    const claude_parse_text_t *text, const char *name)
{
    if (!text->seen) {
        claude_parse_fail(&m->parse, CLAUDE_ERR_MISSING, name, NULL);
        return 0;
    }

    if (text->raw.data == NULL) {
        claude_parse_fail(&m->parse, CLAUDE_ERR_INVALID_TYPE, name,
                          "must be a string");
        return 0;
    }

    return 1;
}


void
claude_messages_put_image(claude_messages_parse_t *m,
    const claude_messages_block_t *block)
{
    claude_media_t  media;

    if (claude_messages_source(m, block, claude_messages_images,
                               CLAUDE_MEDIA_IMAGE_MAX, &media))
    {
        claude_blocks_image(&m->blocks, &media);
    }
}


void
claude_messages_put_document(claude_messages_parse_t *m,
    const claude_messages_block_t *block)
{
    uint64_t                    text;
    claude_media_t              media;
    const claude_parse_text_t  *context;

    memset(&media, 0, sizeof(claude_media_t));

    if (claude_messages_source_is(block, CLAUDE_MESSAGES_SOURCE_TYPE,
                                  "\"text\""))
    {
        if (!claude_messages_has(m, &block->source[CLAUDE_MESSAGES_SOURCE_DATA],
                                 "source.data"))
        {
            return;
        }

        media.data = block->data;
        media.text = 1;

    } else if (!claude_messages_source(m, block, claude_messages_documents,
                                       CLAUDE_MEDIA_DOCUMENT_MAX, &media))
    {
        return;
    }

    /* what the document is about: the model reads it just before */

    context = &block->texts[CLAUDE_MESSAGES_CONTEXT];

    if (context->raw.data) {
        claude_blocks_text(&m->blocks, context);
    }

    text = m->parse.request->text;

    claude_blocks_document(&m->blocks, &media,
                           &block->texts[CLAUDE_MESSAGES_TITLE].raw);

    if (!media.text) {
        m->parse.request->text = text + media.data.len / CLAUDE_MESSAGES_PDF
                                 + CLAUDE_IMAGE_TEXT;
    }
}


/* a base64 source of one of types, or a URL */

static unsigned
claude_messages_source(claude_messages_parse_t *m,
    const claude_messages_block_t *block, const char *const *types,
    size_t max, claude_media_t *media)
{
    size_t                      len;
    const claude_str_t         *type;
    const claude_parse_text_t  *source;

    source = block->source;
    memset(media, 0, sizeof(claude_media_t));

    if (!block->source_object) {
        claude_parse_fail(&m->parse, CLAUDE_ERR_MISSING, "source",
                          "must be an object");
        return 0;
    }

    if (claude_messages_source_is(block, CLAUDE_MESSAGES_SOURCE_TYPE,
                                  "\"url\""))
    {
        return claude_messages_source_url(m, block, media);
    }

    if (!claude_messages_source_is(block, CLAUDE_MESSAGES_SOURCE_TYPE,
                                   "\"base64\""))
    {
        claude_parse_fail(&m->parse, CLAUDE_ERR_INVALID_VALUE, "source.type",
                          "must be base64 or url, or text in a document");
        return 0;
    }

    if (!claude_messages_has(m, &source[CLAUDE_MESSAGES_SOURCE_MEDIA],
                             "source.media_type")
        || !claude_messages_has(m, &source[CLAUDE_MESSAGES_SOURCE_DATA],
                                "source.data"))
    {
        return 0;
    }

    type = &source[CLAUDE_MESSAGES_SOURCE_MEDIA].raw;

    for ( /* void */ ; *types; types++) {
        len = strlen(*types);

        if (type->len == len + 2
            && memcmp(type->data + 1, *types, len) == 0)
        {
            break;
        }
    }

    if (*types == NULL) {
        claude_parse_fail(&m->parse, CLAUDE_ERR_INVALID_VALUE,
                          "source.media_type",
                          "must be image/png, image/jpeg, image/gif or "
                          "image/webp, or application/pdf in a document");
        return 0;
    }

    if (block->data.len > max
        || !claude_media_base64(block->data.data, block->data.len))
    {
        claude_parse_fail(&m->parse, CLAUDE_ERR_INVALID_VALUE, "source.data",
                          block->data.len > max ? "is too large"
                                                : "must be valid base64");
        return 0;
    }

    media->media_type = *types;
    media->data = block->data;

    return 1;
}


static unsigned
claude_messages_source_url(claude_messages_parse_t *m,
    const claude_messages_block_t *block, claude_media_t *media)
{
    if (!claude_messages_has(m, &block->source[CLAUDE_MESSAGES_SOURCE_URL],
                             "source.url"))
    {
        return 0;
    }

    if (block->url.reason) {
        claude_parse_fail(&m->parse, CLAUDE_ERR_INVALID_VALUE, "source.url",
                          block->url.reason);
        return 0;
    }

    *media = block->url;

    return 1;
}


/* text is with its quotes, as it is written */

static unsigned
claude_messages_source_is(const claude_messages_block_t *block,
    claude_messages_source_e which, const char *text)
{
    const claude_str_t  *raw;

    raw = &block->source[which].raw;

    return raw->len == strlen(text) && memcmp(raw->data, text, raw->len) == 0;
}


/* the API takes its own thinking back, and refuses any other */

void
claude_messages_put_thinking(claude_messages_parse_t *m,
    const claude_messages_block_t *block)
{
    const claude_parse_text_t  *thinking, *signature;

    thinking = &block->texts[CLAUDE_MESSAGES_THINKING];
    signature = &block->texts[CLAUDE_MESSAGES_SIGNATURE];

    if (claude_messages_has(m, thinking, "thinking")
        && claude_messages_has(m, signature, "signature"))
    {
        claude_blocks_thinking(&m->blocks, &thinking->raw, &signature->raw);
    }
}


void
claude_messages_put_redacted(claude_messages_parse_t *m,
    const claude_messages_block_t *block)
{
    const claude_parse_text_t  *data;

    data = &block->texts[CLAUDE_MESSAGES_DATA];

    if (claude_messages_has(m, data, "data")) {
        claude_blocks_redacted(&m->blocks, &data->raw);
    }
}


void
claude_messages_put_tool_use(claude_messages_parse_t *m,
    const claude_messages_block_t *block)
{
    claude_str_t         input;
    const claude_str_t  *id, *name;

    static const claude_str_t  none = claude_string("{}");

    id = &block->ids[CLAUDE_MESSAGES_ID];
    name = &block->ids[CLAUDE_MESSAGES_NAME];

    if (!claude_messages_has(m, &block->texts[CLAUDE_MESSAGES_ID], "id")
        || !claude_messages_has(m, &block->texts[CLAUDE_MESSAGES_NAME],
                                "name"))
    {
        return;
    }

    if (!claude_blocks_name(name)) {
        claude_parse_fail(&m->parse, CLAUDE_ERR_INVALID_VALUE, "name",
                          "must be 1 to 128 of A-Z, a-z, 0-9, _ and -");
        return;
    }

    if (block->input.len && !block->input_object) {
        claude_parse_fail(&m->parse, CLAUDE_ERR_INVALID_TYPE, "input",
                          "must be an object");
        return;
    }

    input = block->input.len ? block->input : none;

    if (m->nuses == 0 && m->blocks.waiting) {
        claude_parse_fail(&m->parse, CLAUDE_ERR_INVALID_MESSAGES, NULL,
                          "a tool_use block before has no tool_result block "
                          "in the message after it");
        return;
    }

    switch (claude_blocks_call(&m->blocks, id)) {

    case CLAUDE_OK:
        m->nuses++;
        claude_blocks_tool_use(&m->blocks, id, name, &input);
        return;

    case CLAUDE_DECLINED:
        claude_parse_fail(&m->parse, CLAUDE_ERR_INVALID_VALUE, "id",
                          "is another tool_use block's as well");
        return;

    default: /* CLAUDE_TOO_LARGE */
        claude_parse_fail(&m->parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                          "is one more than the 256 that a turn may have");
    }
}


void
claude_messages_put_tool_result(claude_messages_parse_t *m,
    const claude_messages_block_t *block)
{
    const claude_str_t  *id;

    id = &block->ids[CLAUDE_MESSAGES_RESULT_OF];

    if (!claude_messages_has(m, &block->texts[CLAUDE_MESSAGES_RESULT_OF],
                             "tool_use_id"))
    {
        return;
    }

    if (claude_blocks_answer(&m->blocks, id) != CLAUDE_OK) {
        claude_parse_fail(&m->parse, CLAUDE_ERR_INVALID_VALUE, "tool_use_id",
                          "there is no tool_use block of this id that waits "
                          "for its result in the message before");
        return;
    }

    switch (block->content_type) {

    case CLAUDE_JSON_STRING:
        m->blocks.to = &m->inner;
        claude_blocks_text(&m->blocks, &block->content);
        break;

    case CLAUDE_JSON_ARRAY:
    case CLAUDE_JSON_NULL:
    case 0:
        break;

    default:
        claude_parse_fail(&m->parse, CLAUDE_ERR_INVALID_TYPE, "content",
                          "must be a string or an array of blocks");
        return;
    }

    m->blocks.to = &m->results;
    claude_blocks_tool_result(&m->blocks, id, &m->inner, block->is_error);
}


/* by such a block a tool that was deferred is loaded; here all are */

void
claude_messages_put_reference(claude_messages_parse_t *m,
    const claude_messages_block_t *block)
{
    const claude_parse_text_t  *name;

    name = &block->texts[CLAUDE_MESSAGES_TOOL_NAME];

    if (claude_messages_has(m, name, "tool_name")) {
        claude_blocks_text(&m->blocks, name);
    }
}
