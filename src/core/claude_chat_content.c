
#include "claude_chat_parse.h"

#include <string.h>


/* of the name of a file, in bytes as written */

#define CLAUDE_CHAT_TITLE  512


static void claude_chat_on_part(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_part_type(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_part_text(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_part_refusal(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_part_image(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_url(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_part_file(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_file_data(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_file_id(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_filename(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_part_end(claude_parse_t *parse);
static void claude_chat_part_text(claude_chat_parse_t *chat, const char *name,
    const claude_parse_text_t *text);
static void claude_chat_part_image(claude_chat_parse_t *chat);
static void claude_chat_part_file(claude_chat_parse_t *chat);
static unsigned claude_chat_part_media(claude_chat_parse_t *chat,
    const claude_chat_media_t *media, const char *name, const char *inner);


/* a part's type may come last, and clients send back parts with fields of
 * other types in them: what matters is known at the part's end */

static const claude_parse_field_t  claude_chat_part_fields[] = {

    { claude_string("type"),
      CLAUDE_PARSE_STRING, 0, 0,
      claude_chat_on_part_type,
      "must be a string" },

    { claude_string("text"),
      CLAUDE_PARSE_ANY, 0, 0,
      claude_chat_on_part_text,
      NULL },

    { claude_string("refusal"),
      CLAUDE_PARSE_ANY, 0, 0,
      claude_chat_on_part_refusal,
      NULL },

    { claude_string("image_url"),
      CLAUDE_PARSE_ANY, 0, 0,
      claude_chat_on_part_image,
      NULL },

    { claude_string("file"),
      CLAUDE_PARSE_ANY, 0, 0,
      claude_chat_on_part_file,
      NULL },

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


static const claude_parse_field_t  claude_chat_image_fields[] = {

    { claude_string("url"),
      CLAUDE_PARSE_ANY, 0, 0,
      claude_chat_on_url,
      NULL },

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


static const claude_parse_field_t  claude_chat_file_fields[] = {

    { claude_string("file_data"),
      CLAUDE_PARSE_ANY, 0, 0,
      claude_chat_on_file_data,
      NULL },

    { claude_string("file_id"),
      CLAUDE_PARSE_ANY, 0, 0,
      claude_chat_on_file_id,
      NULL },

    { claude_string("filename"),
      CLAUDE_PARSE_ANY, 0, 0,
      claude_chat_on_filename,
      NULL },

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


const claude_parse_place_t  claude_chat_content = {
    NULL, claude_chat_on_part, NULL
};

static const claude_parse_place_t  claude_chat_part_place = {
    claude_chat_part_fields, NULL, claude_chat_part_end
};

static const claude_parse_place_t  claude_chat_image_place = {
    claude_chat_image_fields, NULL, NULL
};

static const claude_parse_place_t  claude_chat_file_place = {
    claude_chat_file_fields, NULL, NULL
};


static const claude_parse_choice_t  claude_chat_parts[] = {
    { claude_string("text"), CLAUDE_CHAT_PART_TEXT },
    { claude_string("image_url"), CLAUDE_CHAT_PART_IMAGE },
    { claude_string("refusal"), CLAUDE_CHAT_PART_REFUSAL },
    { claude_string("input_audio"), CLAUDE_CHAT_PART_AUDIO },
    { claude_string("file"), CLAUDE_CHAT_PART_FILE },
    { { 0, NULL }, CLAUDE_CHAT_PART_UNKNOWN }
};


static void
claude_chat_on_part(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    if (token->type != CLAUDE_JSON_OBJECT) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_TYPE, NULL,
                          "must be an object");
        return;
    }

    memset(&chat->part, 0, sizeof(claude_chat_part_t));

    claude_parse_enter(parse, &claude_chat_part_place);
}


static void
claude_chat_on_part_type(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    chat->part.type = claude_parse_choose(claude_chat_parts, &token->text);
}


static void
claude_chat_on_part_text(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    claude_parse_record(&chat->part.text, token);
}


static void
claude_chat_on_part_refusal(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    claude_parse_record(&chat->part.refusal, token);
}


static void
claude_chat_on_part_image(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    chat->part.image.seen = 1;

    if (token->type == CLAUDE_JSON_OBJECT) {
        chat->part.image.object = 1;
        claude_parse_enter(parse, &claude_chat_image_place);
    }
}


static void
claude_chat_on_url(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    chat->part.image.text.seen = 1;

    if (token->type == CLAUDE_JSON_STRING) {
        chat->part.image.text.raw = token->raw;
        claude_media_image(parse, token, &chat->part.image.media);
    }
}


static void
claude_chat_on_part_file(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    chat->part.file.seen = 1;

    if (token->type == CLAUDE_JSON_OBJECT) {
        chat->part.file.object = 1;
        claude_parse_enter(parse, &claude_chat_file_place);
    }
}


static void
claude_chat_on_file_data(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    if (token->type == CLAUDE_JSON_NULL) {
        return;
    }

    chat->part.file.text.seen = 1;

    if (token->type == CLAUDE_JSON_STRING) {
        chat->part.file.text.raw = token->raw;
        claude_media_document(parse, token, &chat->part.file.media);
    }
}


/* nothing can be uploaded here */

static void
claude_chat_on_file_id(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    chat->part.file_id = (token->type != CLAUDE_JSON_NULL);
}


static void
claude_chat_on_filename(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    claude_parse_record(&chat->part.filename, token);
}


static void
claude_chat_part_end(claude_parse_t *parse)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    claude_chat_part_t  *part;

    part = &chat->part;

    switch (part->type) {

    case CLAUDE_CHAT_PART_NONE:
        claude_parse_fail(parse, CLAUDE_ERR_MISSING, "type", NULL);
        break;

    case CLAUDE_CHAT_PART_TEXT:
        claude_chat_part_text(chat, "text", &part->text);
        break;

    case CLAUDE_CHAT_PART_REFUSAL:
        claude_chat_part_text(chat, "refusal", &part->refusal);
        break;

    case CLAUDE_CHAT_PART_IMAGE:
        claude_chat_part_image(chat);
        break;

    case CLAUDE_CHAT_PART_AUDIO:
        claude_parse_fail(parse, CLAUDE_ERR_UNSUPPORTED, "input_audio", NULL);
        break;

    case CLAUDE_CHAT_PART_FILE:
        claude_chat_part_file(chat);
        break;

    case CLAUDE_CHAT_PART_UNKNOWN:
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, "type",
                          "must be text, image_url, file or refusal");
    }
}


static void
claude_chat_part_text(claude_chat_parse_t *chat, const char *name,
    const claude_parse_text_t *text)
{
    if (!text->seen) {
        claude_parse_fail(&chat->parse, CLAUDE_ERR_MISSING, name, NULL);

    } else if (text->raw.data == NULL) {
        claude_parse_fail(&chat->parse, CLAUDE_ERR_INVALID_TYPE, name,
                          "must be a string");

    } else {
        claude_blocks_text(&chat->blocks, text);
    }
}


static void
claude_chat_part_image(claude_chat_parse_t *chat)
{
    const claude_chat_media_t  *image;

    image = &chat->part.image;

    if (claude_chat_part_media(chat, image, "image_url", "image_url.url")) {
        claude_blocks_image(&chat->blocks, &image->media);
    }
}


static void
claude_chat_part_file(claude_chat_parse_t *chat)
{
    claude_str_t         title;
    claude_chat_part_t  *part;

    part = &chat->part;

    if (part->file_id) {
        claude_parse_fail(&chat->parse, CLAUDE_ERR_UNSUPPORTED,
                          "file.file_id", "files are taken as file_data");
        return;
    }

    if (!claude_chat_part_media(chat, &part->file, "file", "file.file_data"))
    {
        return;
    }

    title = part->filename.raw;

    if (part->filename.blank || title.data == NULL
        || title.len > CLAUDE_CHAT_TITLE)
    {
        title.len = 0;
    }

    claude_blocks_document(&chat->blocks, &part->file.media, &title);
}


/* whether it is all there; inner is the field that has the URI */

static unsigned
claude_chat_part_media(claude_chat_parse_t *chat,
    const claude_chat_media_t *media, const char *name, const char *inner)
{
    claude_parse_t  *parse;

    parse = &chat->parse;

    if (!media->seen) {
        claude_parse_fail(parse, CLAUDE_ERR_MISSING, name, NULL);

    } else if (!media->object) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_TYPE, name,
                          "must be an object");

    } else if (!media->text.seen) {
        claude_parse_fail(parse, CLAUDE_ERR_MISSING, inner, NULL);

    } else if (media->text.raw.data == NULL) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_TYPE, inner,
                          "must be a string");

    } else if (media->media.reason) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, inner,
                          media->media.reason);

    } else {

        /* the message's first one is what its role is held against */

        if (chat->message.media == 0) {
            chat->message.media = claude_parse_around(parse)->count;
        }

        return 1;
    }

    return 0;
}
