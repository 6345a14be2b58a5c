
#include "claude_chat_parse.h"

#include <stdio.h>
#include <string.h>


#define CLAUDE_CHAT_MESSAGES_MAX  100000

static void claude_chat_on_message(claude_chat_parse_t *chat,
    const claude_json_token_t *token);
static void claude_chat_messages_end(claude_chat_parse_t *chat);
static void claude_chat_on_role(claude_chat_parse_t *chat,
    const claude_json_token_t *token);
static void claude_chat_on_content(claude_chat_parse_t *chat,
    const claude_json_token_t *token);
static void claude_chat_on_message_refusal(claude_chat_parse_t *chat,
    const claude_json_token_t *token);
static void claude_chat_on_tool_calls(claude_chat_parse_t *chat,
    const claude_json_token_t *token);
static void claude_chat_message_end(claude_chat_parse_t *chat);
static unsigned claude_chat_message_check(claude_chat_parse_t *chat);

static const claude_chat_field_t  claude_chat_message_fields[] = {

    { claude_string("role"),
      CLAUDE_CHAT_STRING, 0, 0,
      claude_chat_on_role,
      "must be a string" },

    { claude_string("content"),
      CLAUDE_CHAT_ANY, 0, 0,
      claude_chat_on_content,
      NULL },

    { claude_string("refusal"),
      CLAUDE_CHAT_ANY, 0, 0,
      claude_chat_on_message_refusal,
      NULL },

    { claude_string("tool_calls"),
      CLAUDE_CHAT_NULL | CLAUDE_CHAT_ARRAY, 0, 0,
      claude_chat_on_tool_calls,
      "must be an array" },

    { claude_string("function_call"),
      CLAUDE_CHAT_ANY, 0, 0,
      claude_chat_unsupported,
      NULL },

    { claude_string("audio"),
      CLAUDE_CHAT_ANY, 0, 0,
      claude_chat_unsupported,
      NULL },

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


const claude_chat_place_t  claude_chat_messages = {
    NULL, claude_chat_on_message, claude_chat_messages_end
};

static const claude_chat_place_t  claude_chat_message_place = {
    claude_chat_message_fields, NULL, claude_chat_message_end
};

static const struct {
    claude_str_t           name;
    claude_chat_role_e     role;
} claude_chat_roles[] = {
    { claude_string("user"), CLAUDE_CHAT_USER },
    { claude_string("assistant"), CLAUDE_CHAT_ASSISTANT },
    { claude_string("system"), CLAUDE_CHAT_SYSTEM },
    { claude_string("developer"), CLAUDE_CHAT_SYSTEM },
    { { 0, NULL }, CLAUDE_CHAT_NOBODY }
};


static void
claude_chat_on_message(claude_chat_parse_t *chat,
    const claude_json_token_t *token)
{
    if (token->type != CLAUDE_JSON_OBJECT) {
        claude_chat_fail(chat, CLAUDE_ERR_INVALID_TYPE, NULL,
                         "must be an object");
        return;
    }

    if (chat->frames[chat->nframes - 1].count > CLAUDE_CHAT_MESSAGES_MAX) {
        chat->frames[chat->nframes - 1].inside = 0;
        claude_chat_fail(chat, CLAUDE_ERR_INVALID_MESSAGES, NULL,
                         "must hold at most 100000 messages");
        return;
    }

    memset(&chat->message, 0, sizeof(claude_chat_message_t));

    claude_chat_enter(chat, &claude_chat_message_place);
}


static void
claude_chat_messages_end(claude_chat_parse_t *chat)
{
    claude_chat_frame_t  *frame;

    frame = &chat->frames[chat->nframes - 1];

    if (frame->count == 0) {
        claude_chat_fail(chat, CLAUDE_ERR_INVALID_MESSAGES, NULL,
                         "must not be empty");
        return;
    }

    if (chat->last == 0) {
        claude_chat_fail(chat, CLAUDE_ERR_INVALID_MESSAGES, NULL,
                         "must hold a message from the user");
        return;
    }

    frame->count = chat->last;

    if (chat->last_role != CLAUDE_CHAT_USER) {
        frame->inside = 1;
        claude_chat_fail(chat, CLAUDE_ERR_INVALID_MESSAGES, "role",
                         "the last message must be from the user");

    } else if (chat->last_blank) {
        frame->inside = 1;
        claude_chat_fail(chat, CLAUDE_ERR_INVALID_MESSAGES, "content",
             "the last message must hold something else than white space");
    }
}


static void
claude_chat_on_role(claude_chat_parse_t *chat,
    const claude_json_token_t *token)
{
    unsigned             i;
    const claude_str_t  *name;

    for (i = 0; claude_chat_roles[i].name.len; i++) {
        name = &claude_chat_roles[i].name;

        if (name->len == token->text.len
            && memcmp(name->data, token->text.data, name->len) == 0)
        {
            chat->message.role = claude_chat_roles[i].role;
            return;
        }
    }

    if (claude_chat_is(&token->text, "tool")
        || claude_chat_is(&token->text, "function"))
    {
        claude_chat_fail(chat, CLAUDE_ERR_UNSUPPORTED, NULL,
                         "tools are not supported");
        return;
    }

    claude_chat_fail(chat, CLAUDE_ERR_INVALID_VALUE, NULL,
                     "must be system, developer, user or assistant");
}


static void
claude_chat_on_content(claude_chat_parse_t *chat,
    const claude_json_token_t *token)
{
    claude_chat_text_t  text;

    chat->message.content_seen = 1;

    switch (token->type) {

    case CLAUDE_JSON_NULL:
        chat->message.content_null = 1;
        break;

    case CLAUDE_JSON_STRING:
        claude_chat_record(&text, token);
        claude_chat_put_text(chat, &text);
        break;

    case CLAUDE_JSON_ARRAY:
        claude_chat_enter(chat, &claude_chat_content);
        break;

    default:
        claude_chat_fail(chat, CLAUDE_ERR_INVALID_TYPE, NULL,
                         "must be a string or an array of parts");
    }
}


static void
claude_chat_on_message_refusal(claude_chat_parse_t *chat,
    const claude_json_token_t *token)
{
    claude_chat_record(&chat->message.refusal, token);
}


static void
claude_chat_on_tool_calls(claude_chat_parse_t *chat,
    const claude_json_token_t *token)
{
    (void) token;

    claude_chat_enter(chat, &claude_chat_tools);
}


static void
claude_chat_message_end(claude_chat_parse_t *chat)
{
    claude_out_t           *out;
    claude_chat_message_t  *message;

    message = &chat->message;

    /* OpenAI's own form of an answer that was refused */

    if (message->refusal.raw.data && message->blocks == 0
        && message->role == CLAUDE_CHAT_ASSISTANT)
    {
        message->content_seen = 1;
        message->content_null = 0;
        claude_chat_put_text(chat, &message->refusal);
    }

    if (!claude_chat_message_check(chat)) {
        return;
    }

    if (!claude_out_empty(&chat->held)) {
        out = claude_chat_open(chat, message->role);
        claude_out_join(out, &chat->held);
    }

    if (message->role == CLAUDE_CHAT_SYSTEM) {
        return;
    }

    if (message->role == CLAUDE_CHAT_USER && message->blocks) {
        chat->user = 1;
    }

    chat->last = chat->frames[chat->nframes - 2].count;
    chat->last_role = message->role;
    chat->last_blank = (message->blocks == 0);
}


static unsigned
claude_chat_message_check(claude_chat_parse_t *chat)
{
    char                    name[48];
    claude_chat_message_t  *message;

    message = &chat->message;

    if (message->role == CLAUDE_CHAT_NOBODY) {
        claude_chat_fail(chat, CLAUDE_ERR_MISSING, "role", NULL);
        return 0;
    }

    if (!message->content_seen) {
        claude_chat_fail(chat, CLAUDE_ERR_MISSING, "content", NULL);
        return 0;
    }

    if (message->content_null) {
        claude_chat_fail(chat, CLAUDE_ERR_INVALID_TYPE, "content",
                         "must be a string or an array of parts");
        return 0;
    }

    if (message->image && message->role != CLAUDE_CHAT_USER) {
        snprintf(name, sizeof(name), "content[%zu].type", message->image - 1);
        claude_chat_fail(chat, CLAUDE_ERR_INVALID_VALUE, name,
                         "images are taken from the user only");
        return 0;
    }

    if (message->role == CLAUDE_CHAT_ASSISTANT && message->blocks
        && !chat->user)
    {
        claude_chat_fail(chat, CLAUDE_ERR_INVALID_MESSAGES, "role",
                         "the first message must be from the user");
        return 0;
    }

    return 1;
}
