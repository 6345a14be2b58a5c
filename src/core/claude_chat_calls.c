
/* the calls that an assistant's message of the history has */

#include "claude_chat_parse.h"

#include <stdio.h>
#include <string.h>


static void claude_chat_on_call(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_call_id(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_call_type(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_call_function(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_call_name(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_call_arguments(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_call_end(claude_parse_t *parse);
static void claude_chat_function_call_end(claude_parse_t *parse);
static unsigned claude_chat_call_check(claude_parse_t *parse,
    const char *name, const char *arguments);
static void claude_chat_call_put(claude_parse_t *parse, const char *name);


static const claude_parse_field_t  claude_chat_call_fields[] = {

    { claude_string("id"),
      CLAUDE_PARSE_STRING, 0, 0, claude_chat_on_call_id,
      "must be a string" },

    { claude_string("type"),
      CLAUDE_PARSE_STRING, 0, 0, claude_chat_on_call_type,
      "must be a string" },

    { claude_string("function"),
      CLAUDE_PARSE_OBJECT, 0, 0, claude_chat_on_call_function,
      "must be an object" },

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


static const claude_parse_field_t  claude_chat_call_function_fields[] = {

    { claude_string("name"),
      CLAUDE_PARSE_STRING, 0, 0, claude_chat_on_call_name,
      "must be a string" },

    { claude_string("arguments"),
      CLAUDE_PARSE_STRING, 0, 0, claude_chat_on_call_arguments,
      "must be a string" },

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


const claude_parse_place_t  claude_chat_calls = {
    NULL, claude_chat_on_call, NULL
};

static const claude_parse_place_t  claude_chat_call_place = {
    claude_chat_call_fields, NULL, claude_chat_call_end
};

static const claude_parse_place_t  claude_chat_call_function_place = {
    claude_chat_call_function_fields, NULL, NULL
};

const claude_parse_place_t  claude_chat_function_call = {
    claude_chat_call_function_fields, NULL, claude_chat_function_call_end
};


static void
claude_chat_on_call(claude_parse_t *parse, const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    if (token->type != CLAUDE_JSON_OBJECT) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_TYPE, NULL,
                          "must be an object");
        return;
    }

    memset(&chat->call, 0, sizeof(claude_chat_call_t));

    claude_parse_enter(parse, &claude_chat_call_place);
}


static void
claude_chat_on_call_id(claude_parse_t *parse, const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    chat->call.id = claude_parse_keep(parse, token);

    if (token->text.len == 0) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                          "must not be empty");
    }
}


static void
claude_chat_on_call_type(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    if (!claude_parse_is(&token->text, "function")) {
        claude_parse_fail(parse, CLAUDE_ERR_UNSUPPORTED, NULL,
                          "only calls of type function are taken");
    }
}


static void
claude_chat_on_call_function(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    (void) token;

    chat->call.function = 1;
    claude_parse_enter(parse, &claude_chat_call_function_place);
}


static void
claude_chat_on_call_name(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    chat->call.name = claude_chat_name(parse, token);
}


static void
claude_chat_on_call_arguments(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    chat->call.input = claude_blocks_arguments(parse, token);
}


static void
claude_chat_call_end(claude_parse_t *parse)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    if (chat->call.id.data == NULL) {
        claude_parse_fail(parse, CLAUDE_ERR_MISSING, "id", NULL);

    } else if (!chat->call.function) {
        claude_parse_fail(parse, CLAUDE_ERR_MISSING, "function", NULL);

    } else if (claude_chat_call_check(parse, "function.name",
                                      "function.arguments"))
    {
        claude_chat_call_put(parse, "id");
    }
}


/* the old form has no id: it gets one */

static void
claude_chat_function_call_end(claude_parse_t *parse)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    int    len;
    char  *id;

    if (!claude_chat_call_check(parse, "name", "arguments")) {
        return;
    }

    id = claude_alloc(parse->mem, sizeof("function_call_4294967295"));
    if (id == NULL) {
        parse->rc = CLAUDE_NO_MEMORY;
        return;
    }

    len = sprintf(id, "function_call_%u", ++chat->nfunctions);

    chat->call.id.data = (unsigned char *) id;
    chat->call.id.len = (size_t) len;
    chat->function = chat->call.id;

    claude_chat_call_put(parse, NULL);
}


static unsigned
claude_chat_call_check(claude_parse_t *parse, const char *name,
    const char *arguments)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    if (parse->rc != CLAUDE_OK) {
        return 0;
    }

    if (chat->call.name.len == 0) {
        claude_parse_fail(parse, CLAUDE_ERR_MISSING, name, NULL);
        return 0;
    }

    if (chat->call.input.len == 0) {
        claude_parse_fail(parse, CLAUDE_ERR_MISSING, arguments, NULL);
        return 0;
    }

    return 1;
}


/* calls go behind the message's content, wherever they stand in it */

static void
claude_chat_call_put(claude_parse_t *parse, const char *name)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    claude_chat_call_t  *call;

    call = &chat->call;

    /* what is left open is said at the message's end */

    if (chat->message.turn == CLAUDE_ROLE_USER && chat->message.waiting) {
        return;
    }

    switch (claude_blocks_call(&chat->blocks, &call->id)) {

    case CLAUDE_OK:
        break;

    case CLAUDE_DECLINED:
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, name,
                          "is the id of another call, too");
        return;

    default:
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                          "is one more than the 256 that are allowed at once");
        return;
    }

    chat->message.calls++;

    chat->blocks.to = &chat->calls;
    claude_blocks_tool_use(&chat->blocks, &call->id, &call->name,
                           &call->input);
    chat->blocks.to = NULL;
}
