
#include "claude_chat_parse.h"

#include <string.h>


static void claude_chat_on_part(claude_chat_parse_t *chat,
    const claude_json_token_t *token);
static void claude_chat_on_part_type(claude_chat_parse_t *chat,
    const claude_json_token_t *token);
static void claude_chat_on_part_text(claude_chat_parse_t *chat,
    const claude_json_token_t *token);
static void claude_chat_on_part_refusal(claude_chat_parse_t *chat,
    const claude_json_token_t *token);
static void claude_chat_on_part_image(claude_chat_parse_t *chat,
    const claude_json_token_t *token);
static void claude_chat_on_url(claude_chat_parse_t *chat,
    const claude_json_token_t *token);
static void claude_chat_part_end(claude_chat_parse_t *chat);
static void claude_chat_part_text(claude_chat_parse_t *chat, const char *name,
    const claude_chat_text_t *text);
static void claude_chat_part_image(claude_chat_parse_t *chat);


/* a part's type may come last, and clients send back parts with fields of
 * other types in them: what matters is known at the part's end */

static const claude_chat_field_t  claude_chat_part_fields[] = {

    { claude_string("type"),
      CLAUDE_CHAT_STRING, 0, 0,
      claude_chat_on_part_type,
      "must be a string" },

    { claude_string("text"),
      CLAUDE_CHAT_ANY, 0, 0,
      claude_chat_on_part_text,
      NULL },

    { claude_string("refusal"),
      CLAUDE_CHAT_ANY, 0, 0,
      claude_chat_on_part_refusal,
      NULL },

    { claude_string("image_url"),
      CLAUDE_CHAT_ANY, 0, 0,
      claude_chat_on_part_image,
      NULL },

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


static const claude_chat_field_t  claude_chat_image_fields[] = {

    { claude_string("url"),
      CLAUDE_CHAT_ANY, 0, 0,
      claude_chat_on_url,
      NULL },

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


const claude_chat_place_t  claude_chat_content = {
    NULL, claude_chat_on_part, NULL
};

static const claude_chat_place_t  claude_chat_part_place = {
    claude_chat_part_fields, NULL, claude_chat_part_end
};

static const claude_chat_place_t  claude_chat_image_place = {
    claude_chat_image_fields, NULL, NULL
};


static const struct {
    claude_str_t           name;
    claude_chat_part_e     type;
} claude_chat_parts[] = {
    { claude_string("text"), CLAUDE_CHAT_PART_TEXT },
    { claude_string("image_url"), CLAUDE_CHAT_PART_IMAGE },
    { claude_string("refusal"), CLAUDE_CHAT_PART_REFUSAL },
    { claude_string("input_audio"), CLAUDE_CHAT_PART_AUDIO },
    { claude_string("file"), CLAUDE_CHAT_PART_FILE },
    { { 0, NULL }, CLAUDE_CHAT_PART_UNKNOWN }
};


static void
claude_chat_on_part(claude_chat_parse_t *chat,
    const claude_json_token_t *token)
{
    if (token->type != CLAUDE_JSON_OBJECT) {
        claude_chat_fail(chat, CLAUDE_ERR_INVALID_TYPE, NULL,
                         "must be an object");
        return;
    }

    memset(&chat->part, 0, sizeof(claude_chat_part_t));

    claude_chat_enter(chat, &claude_chat_part_place);
}


static void
claude_chat_on_part_type(claude_chat_parse_t *chat,
    const claude_json_token_t *token)
{
    unsigned             i;
    const claude_str_t  *name;

    for (i = 0; claude_chat_parts[i].name.len; i++) {
        name = &claude_chat_parts[i].name;

        if (name->len == token->text.len
            && memcmp(name->data, token->text.data, name->len) == 0)
        {
            break;
        }
    }

    chat->part.type = claude_chat_parts[i].type;
}


static void
claude_chat_on_part_text(claude_chat_parse_t *chat,
    const claude_json_token_t *token)
{
    claude_chat_record(&chat->part.text, token);
}


static void
claude_chat_on_part_refusal(claude_chat_parse_t *chat,
    const claude_json_token_t *token)
{
    claude_chat_record(&chat->part.refusal, token);
}


static void
claude_chat_on_part_image(claude_chat_parse_t *chat,
    const claude_json_token_t *token)
{
    chat->part.image_seen = 1;

    if (token->type == CLAUDE_JSON_OBJECT) {
        chat->part.image_object = 1;
        claude_chat_enter(chat, &claude_chat_image_place);
    }
}


static void
claude_chat_on_url(claude_chat_parse_t *chat,
    const claude_json_token_t *token)
{
    chat->part.url.seen = 1;

    if (token->type == CLAUDE_JSON_STRING) {
        chat->part.url.raw = token->raw;
        claude_chat_image(chat, token, &chat->part.image);
    }
}


static void
claude_chat_part_end(claude_chat_parse_t *chat)
{
    claude_chat_part_t  *part;

    part = &chat->part;

    switch (part->type) {

    case CLAUDE_CHAT_PART_NONE:
        claude_chat_fail(chat, CLAUDE_ERR_MISSING, "type", NULL);
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
        claude_chat_fail(chat, CLAUDE_ERR_UNSUPPORTED, "input_audio", NULL);
        break;

    case CLAUDE_CHAT_PART_FILE:
        claude_chat_fail(chat, CLAUDE_ERR_UNSUPPORTED, "file", NULL);
        break;

    case CLAUDE_CHAT_PART_UNKNOWN:
        claude_chat_fail(chat, CLAUDE_ERR_INVALID_VALUE, "type",
                         "must be text, image_url or refusal");
    }
}


static void
claude_chat_part_text(claude_chat_parse_t *chat, const char *name,
    const claude_chat_text_t *text)
{
    if (!text->seen) {
        claude_chat_fail(chat, CLAUDE_ERR_MISSING, name, NULL);

    } else if (text->raw.data == NULL) {
        claude_chat_fail(chat, CLAUDE_ERR_INVALID_TYPE, name,
                         "must be a string");

    } else {
        claude_chat_put_text(chat, text);
    }
}


static void
claude_chat_part_image(claude_chat_parse_t *chat)
{
    claude_chat_part_t  *part;

    part = &chat->part;

    if (!part->image_seen) {
        claude_chat_fail(chat, CLAUDE_ERR_MISSING, "image_url", NULL);

    } else if (!part->image_object) {
        claude_chat_fail(chat, CLAUDE_ERR_INVALID_TYPE, "image_url",
                         "must be an object");

    } else if (!part->url.seen) {
        claude_chat_fail(chat, CLAUDE_ERR_MISSING, "image_url.url", NULL);

    } else if (part->url.raw.data == NULL) {
        claude_chat_fail(chat, CLAUDE_ERR_INVALID_TYPE, "image_url.url",
                         "must be a string");

    } else if (part->image.reason) {
        claude_chat_fail(chat, CLAUDE_ERR_INVALID_VALUE, "image_url.url",
                         part->image.reason);

    } else {
        claude_chat_put_image(chat, &part->image);
    }
}
