
#include "claude_chat_parse.h"

#include <stdio.h>
#include <string.h>


#define CLAUDE_CHAT_MESSAGES_MAX  100000

static void claude_chat_on_message(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_messages_end(claude_parse_t *parse);
static void claude_chat_on_role(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_content(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_message_refusal(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_tool_calls(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_function_call(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_tool_call_id(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_message_end(claude_parse_t *parse);
static unsigned claude_chat_message_check(claude_chat_parse_t *chat);
static unsigned claude_chat_message_content(claude_chat_parse_t *chat);
static unsigned claude_chat_message_turn(claude_chat_parse_t *chat);
static unsigned claude_chat_message_answer(claude_chat_parse_t *chat);
static void claude_chat_message_put(claude_chat_parse_t *chat);

static const claude_parse_field_t  claude_chat_message_fields[] = {

    { claude_string("role"),
      CLAUDE_PARSE_STRING, 0, 0,
      claude_chat_on_role,
      "must be a string" },

    { claude_string("content"),
      CLAUDE_PARSE_ANY, 0, 0,
      claude_chat_on_content,
      NULL },

    { claude_string("refusal"),
      CLAUDE_PARSE_ANY, 0, 0,
      claude_chat_on_message_refusal,
      NULL },

    { claude_string("tool_calls"),
      CLAUDE_PARSE_NULL | CLAUDE_PARSE_ARRAY, 0, 0,
      claude_chat_on_tool_calls,
      "must be an array" },

    { claude_string("function_call"),
      claude_parse_null_or(CLAUDE_PARSE_OBJECT), 0, 0,
      claude_chat_on_function_call,
      "must be an object" },

    { claude_string("tool_call_id"),
      claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0,
      claude_chat_on_tool_call_id,
      "must be a string" },

    { claude_string("audio"),
      CLAUDE_PARSE_ANY, 0, 0,
      claude_parse_unsupported,
      NULL },

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


const claude_parse_place_t  claude_chat_messages = {
    NULL, claude_chat_on_message, claude_chat_messages_end
};

static const claude_parse_place_t  claude_chat_message_place = {
    claude_chat_message_fields, NULL, claude_chat_message_end
};

static const claude_parse_choice_t  claude_chat_roles[] = {
    { claude_string("user"), CLAUDE_CHAT_USER },
    { claude_string("assistant"), CLAUDE_CHAT_ASSISTANT },
    { claude_string("system"), CLAUDE_CHAT_SYSTEM },
    { claude_string("developer"), CLAUDE_CHAT_SYSTEM },
    { claude_string("tool"), CLAUDE_CHAT_TOOL },
    { claude_string("function"), CLAUDE_CHAT_FUNCTION },
    { { 0, NULL }, CLAUDE_CHAT_NOBODY }
};


/* what a message's content becomes at once; results are held */

static const claude_role_e  claude_chat_blocks_role[] = {
    [CLAUDE_CHAT_NOBODY] = CLAUDE_ROLE_UNKNOWN,
    [CLAUDE_CHAT_SYSTEM] = CLAUDE_ROLE_SYSTEM,
    [CLAUDE_CHAT_USER] = CLAUDE_ROLE_USER,
    [CLAUDE_CHAT_ASSISTANT] = CLAUDE_ROLE_ASSISTANT,
    [CLAUDE_CHAT_TOOL] = CLAUDE_ROLE_UNKNOWN,
    [CLAUDE_CHAT_FUNCTION] = CLAUDE_ROLE_UNKNOWN
};


static void
claude_chat_on_message(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    if (token->type != CLAUDE_JSON_OBJECT) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_TYPE, NULL,
                          "must be an object");
        return;
    }

    if (claude_parse_frame(parse)->count > CLAUDE_CHAT_MESSAGES_MAX) {
        claude_parse_frame(parse)->inside = 0;
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_MESSAGES, NULL,
                          "must hold at most 100000 messages");
        return;
    }

    memset(&chat->message, 0, sizeof(claude_chat_message_t));

    chat->message.turn = chat->blocks.turn;
    chat->message.waiting = chat->blocks.waiting;

    claude_blocks_begin(&chat->blocks, CLAUDE_ROLE_UNKNOWN);
    claude_parse_enter(parse, &claude_chat_message_place);
}


static void
claude_chat_messages_end(claude_parse_t *parse)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    claude_parse_frame_t  *frame;

    frame = claude_parse_frame(parse);

    if (frame->count == 0) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_MESSAGES, NULL,
                          "must not be empty");
        return;
    }

    if (chat->last == 0) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_MESSAGES, NULL,
                          "must hold a message from the user");
        return;
    }

    frame->count = chat->last;

    if (chat->last_role == CLAUDE_CHAT_ASSISTANT) {
        frame->inside = 1;
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_MESSAGES, "role",
                          "the last message must be from the user or a tool");

    } else if (chat->last_blank) {
        frame->inside = 1;
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_MESSAGES, "content",
             "the last message must hold something else than white space");

    } else if (chat->blocks.waiting) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_MESSAGES, NULL,
                          "must hold a tool message for each of the last "
                          "tool_calls");
    }
}


static void
claude_chat_on_role(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    chat->message.role = claude_parse_choose(claude_chat_roles, &token->text);
    chat->blocks.role = claude_chat_blocks_role[chat->message.role];

    if (chat->message.role == CLAUDE_CHAT_NOBODY) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                          "must be system, developer, user, assistant "
                          "or tool");
    }
}


static void
claude_chat_on_content(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    claude_parse_text_t  text;

    chat->message.content_seen = 1;

    switch (token->type) {

    case CLAUDE_JSON_NULL:
        chat->message.content_null = 1;
        break;

    case CLAUDE_JSON_STRING:
        claude_parse_record(&text, token);
        claude_blocks_text(&chat->blocks, &text);
        break;

    case CLAUDE_JSON_ARRAY:
        claude_parse_enter(parse, &claude_chat_content);
        break;

    default:
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_TYPE, NULL,
                          "must be a string or an array of parts");
    }
}


static void
claude_chat_on_message_refusal(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    claude_parse_record(&chat->message.refusal, token);
}


static void
claude_chat_on_tool_calls(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    (void) token;

    claude_parse_enter(parse, &claude_chat_calls);
}


static void
claude_chat_on_function_call(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    (void) token;

    memset(&chat->call, 0, sizeof(claude_chat_call_t));

    claude_parse_enter(parse, &claude_chat_function_call);
}


static void
claude_chat_on_tool_call_id(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    chat->message.call_id = claude_parse_keep(parse, token);
}


static void
claude_chat_message_end(claude_parse_t *parse)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    claude_chat_message_t  *message;

    message = &chat->message;

    /* OpenAI's own form of an answer that was refused */

    if (message->refusal.raw.data && chat->blocks.count == message->calls
        && message->role == CLAUDE_CHAT_ASSISTANT)
    {
        message->content_seen = 1;
        message->content_null = 0;
        claude_blocks_text(&chat->blocks, &message->refusal);
    }

    if (!claude_chat_message_check(chat)) {
        return;
    }

    claude_chat_message_put(chat);

    if (message->role == CLAUDE_CHAT_SYSTEM) {
        return;
    }

    chat->last = claude_parse_around(parse)->count;
    chat->last_role = message->role;
    chat->last_blank = (chat->blocks.count == 0);
}


static unsigned
claude_chat_message_check(claude_chat_parse_t *chat)
{
    char                    name[48];
    claude_parse_t         *parse;
    claude_chat_message_t  *message;

    parse = &chat->parse;
    message = &chat->message;

    if (message->role == CLAUDE_CHAT_NOBODY) {
        claude_parse_fail(parse, CLAUDE_ERR_MISSING, "role", NULL);
        return 0;
    }

    if (message->calls && message->role != CLAUDE_CHAT_ASSISTANT) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, "role",
                          "must be assistant in a message with calls");
        return 0;
    }

    if (!claude_chat_message_content(chat)) {
        return 0;
    }

    if (message->media && (message->role == CLAUDE_CHAT_SYSTEM
                           || message->role == CLAUDE_CHAT_ASSISTANT))
    {
        snprintf(name, sizeof(name), "content[%zu].type", message->media - 1);
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, name,
                   "images and files are taken from users and tools only");
        return 0;
    }

    switch (message->role) {

    case CLAUDE_CHAT_ASSISTANT:
        return claude_chat_message_turn(chat);

    case CLAUDE_CHAT_TOOL:
    case CLAUDE_CHAT_FUNCTION:
        return claude_chat_message_answer(chat);

    default:
        return 1;
    }
}


/* an assistant that calls something needs not say anything */

static unsigned
claude_chat_message_content(claude_chat_parse_t *chat)
{
    claude_chat_message_t  *message;

    message = &chat->message;

    if (message->calls || (message->waiting && message->turn
                                               == CLAUDE_ROLE_USER))
    {
        return 1;
    }

    if (!message->content_seen) {
        claude_parse_fail(&chat->parse, CLAUDE_ERR_MISSING, "content", NULL);
        return 0;
    }

    if (message->content_null) {
        claude_parse_fail(&chat->parse, CLAUDE_ERR_INVALID_TYPE, "content",
                          "must be a string or an array of parts");
        return 0;
    }

    return 1;
}


static unsigned
claude_chat_message_turn(claude_chat_parse_t *chat)
{
    claude_chat_message_t  *message;

    message = &chat->message;

    if (chat->blocks.count && !chat->blocks.user) {
        claude_parse_fail(&chat->parse, CLAUDE_ERR_INVALID_MESSAGES, "role",
                          "the first message must be from the user");
        return 0;
    }

    if (message->waiting && message->turn == CLAUDE_ROLE_USER) {
        claude_parse_fail(&chat->parse, CLAUDE_ERR_INVALID_MESSAGES, NULL,
                          "must have a tool message for each of the "
                          "tool_calls before it");
        return 0;
    }

    return 1;
}


static unsigned
claude_chat_message_answer(claude_chat_parse_t *chat)
{
    const char             *name;
    claude_chat_message_t  *message;

    message = &chat->message;
    name = "tool_call_id";

    if (message->role == CLAUDE_CHAT_FUNCTION) {
        name = "role";
        message->call_id = chat->function;
        chat->function.data = NULL;

    } else if (message->call_id.data == NULL) {
        claude_parse_fail(&chat->parse, CLAUDE_ERR_MISSING, name, NULL);
        return 0;
    }

    if (message->call_id.data == NULL
        || claude_blocks_answer(&chat->blocks, &message->call_id)
           != CLAUDE_OK)
    {
        claude_parse_fail(&chat->parse, CLAUDE_ERR_INVALID_MESSAGES, name,
                          "must answer a call that the assistant has made "
                          "just before, once");
        return 0;
    }

    return 1;
}


static void
claude_chat_message_put(claude_chat_parse_t *chat)
{
    claude_role_e     role;
    claude_blocks_t  *blocks;

    blocks = &chat->blocks;

    switch (chat->message.role) {

    case CLAUDE_CHAT_TOOL:
    case CLAUDE_CHAT_FUNCTION:
        role = CLAUDE_ROLE_USER;
        blocks->role = role;
        claude_blocks_tool_result(blocks, &chat->message.call_id,
                                  &blocks->held, 0);
        break;

    default:
        role = claude_chat_blocks_role[chat->message.role];

        if (!claude_out_empty(&chat->calls)) {

            if (!claude_out_empty(&blocks->held)) {
                claude_out_literal(&blocks->held, ",");
            }

            claude_out_join(&blocks->held, &chat->calls);
        }
    }

    claude_blocks_end(blocks, role);
}
