
#include "claude_chat_parse.h"

#include <string.h>


static void claude_chat_on_tool(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_tool_type(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_tool_function(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_tool_end(claude_parse_t *parse);
static void claude_chat_on_function(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_function_name(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_description(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_parameters(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_strict(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_function_end(claude_parse_t *parse);
static void claude_chat_tool_add(claude_chat_parse_t *chat, const char *name);
static void claude_chat_choice_word(claude_parse_t *parse,
    const claude_json_token_t *token, unsigned required);
static void claude_chat_on_choice_type(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_choice_function(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_choice_name(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_choice_end(claude_parse_t *parse);
static void claude_chat_choice_old_end(claude_parse_t *parse);


static const claude_parse_field_t  claude_chat_tool_fields[] = {

    { claude_string("type"),
      CLAUDE_PARSE_STRING, 0, 0, claude_chat_on_tool_type,
      "must be a string" },

    { claude_string("function"),
      CLAUDE_PARSE_OBJECT, 0, 0, claude_chat_on_tool_function,
      "must be an object" },

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


static const claude_parse_field_t  claude_chat_function_fields[] = {

    { claude_string("name"),
      CLAUDE_PARSE_STRING, 0, 0, claude_chat_on_function_name,
      "must be a string" },

    { claude_string("description"),
      claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0,
      claude_chat_on_description, "must be a string" },

    { claude_string("parameters"),
      claude_parse_null_or(CLAUDE_PARSE_OBJECT), 0, 0,
      claude_chat_on_parameters, "must be an object, a JSON Schema" },

    { claude_string("strict"),
      claude_parse_null_or(CLAUDE_PARSE_BOOL), 0, 0, claude_chat_on_strict,
      "must be a boolean" },

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


static const claude_parse_field_t  claude_chat_choice_fields[] = {

    { claude_string("type"),
      CLAUDE_PARSE_STRING, 0, 0, claude_chat_on_choice_type,
      "must be a string" },

    { claude_string("function"),
      CLAUDE_PARSE_OBJECT, 0, 0, claude_chat_on_choice_function,
      "must be an object" },

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


static const claude_parse_field_t  claude_chat_choice_name_fields[] = {

    { claude_string("name"),
      CLAUDE_PARSE_STRING, 0, 0, claude_chat_on_choice_name,
      "must be a string" },

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


static const claude_parse_place_t  claude_chat_tools = {
    NULL, claude_chat_on_tool, NULL
};

static const claude_parse_place_t  claude_chat_tool_place = {
    claude_chat_tool_fields, NULL, claude_chat_tool_end
};

static const claude_parse_place_t  claude_chat_tool_function_place = {
    claude_chat_function_fields, NULL, NULL
};

static const claude_parse_place_t  claude_chat_functions = {
    NULL, claude_chat_on_function, NULL
};

static const claude_parse_place_t  claude_chat_function_place = {
    claude_chat_function_fields, NULL, claude_chat_function_end
};

static const claude_parse_place_t  claude_chat_choice_place = {
    claude_chat_choice_fields, NULL, claude_chat_choice_end
};

static const claude_parse_place_t  claude_chat_choice_function_place = {
    claude_chat_choice_name_fields, NULL, NULL
};

static const claude_parse_place_t  claude_chat_choice_old_place = {
    claude_chat_choice_name_fields, NULL, claude_chat_choice_old_end
};


void
claude_chat_on_tools(claude_parse_t *parse, const claude_json_token_t *token)
{
    (void) token;

    claude_parse_enter(parse, &claude_chat_tools);
}


static void
claude_chat_on_tool(claude_parse_t *parse, const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    if (token->type != CLAUDE_JSON_OBJECT) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_TYPE, NULL,
                          "must be an object");
        return;
    }

    memset(&chat->tool, 0, sizeof(claude_tool_t));
    chat->tool_function = 0;
    chat->has_tools = 1;

    claude_parse_enter(parse, &claude_chat_tool_place);
}


static void
claude_chat_on_tool_type(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    if (!claude_parse_is(&token->text, "function")) {
        claude_parse_fail(parse, CLAUDE_ERR_UNSUPPORTED, NULL,
                          "only tools of type function are taken");
    }
}


static void
claude_chat_on_tool_function(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    (void) token;

    chat->tool_function = 1;
    claude_parse_enter(parse, &claude_chat_tool_function_place);
}


static void
claude_chat_tool_end(claude_parse_t *parse)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    if (!chat->tool_function) {
        claude_parse_fail(parse, CLAUDE_ERR_MISSING, "function", NULL);
        return;
    }

    claude_chat_tool_add(chat, "function.name");
}


void
claude_chat_on_functions(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    (void) token;

    claude_parse_enter(parse, &claude_chat_functions);
}


static void
claude_chat_on_function(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    if (token->type != CLAUDE_JSON_OBJECT) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_TYPE, NULL,
                          "must be an object");
        return;
    }

    memset(&chat->tool, 0, sizeof(claude_tool_t));
    chat->has_functions = 1;

    claude_parse_enter(parse, &claude_chat_function_place);
}


static void
claude_chat_on_function_name(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    chat->tool.name = claude_chat_name(parse, token);
}


claude_str_t
claude_chat_name(claude_parse_t *parse, const claude_json_token_t *token)
{
    claude_str_t  none;

    if (claude_blocks_name(&token->text)) {
        return claude_parse_keep(parse, token);
    }

    claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                      "must be of 1 to 128 letters, digits, _ and -");

    none.len = 0;
    none.data = NULL;

    return none;
}


static void
claude_chat_on_description(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    if (token->text.len) {
        chat->tool.description = token->raw;
    }
}


static void
claude_chat_on_parameters(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    claude_parse_capture(parse, token, &chat->tool.schema);
}


static void
claude_chat_on_strict(claude_parse_t *parse, const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    chat->tool.strict = (token->type == CLAUDE_JSON_TRUE);
}


static void
claude_chat_function_end(claude_parse_t *parse)
{
    claude_chat_tool_add((claude_chat_parse_t *) parse, "name");
}


static void
claude_chat_tool_add(claude_chat_parse_t *chat, const char *name)
{
    claude_parse_t  *parse;

    parse = &chat->parse;

    if (chat->tool.name.len == 0) {
        claude_parse_fail(parse, CLAUDE_ERR_MISSING, name, NULL);
        return;
    }

    switch (claude_tools_add(&chat->tools, &chat->tool)) {

    case CLAUDE_OK:
        break;

    case CLAUDE_DECLINED:
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, name,
                          "is the name of another function, too");
        break;

    case CLAUDE_TOO_LARGE:
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                          "is one more than the 4096 that are allowed");
        break;

    default:
        parse->rc = CLAUDE_NO_MEMORY;
    }
}


void
claude_chat_on_tool_choice(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    if (token->type == CLAUDE_JSON_STRING) {
        claude_chat_choice_word(parse, token, 1);
        return;
    }

    chat->choice_type = 0;
    claude_parse_enter(parse, &claude_chat_choice_place);
}


void
claude_chat_on_function_choice(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    chat->choice_old = 1;

    if (token->type == CLAUDE_JSON_STRING) {
        claude_chat_choice_word(parse, token, 0);
        return;
    }

    claude_parse_enter(parse, &claude_chat_choice_old_place);
}


static void
claude_chat_choice_word(claude_parse_t *parse,
    const claude_json_token_t *token, unsigned required)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    if (claude_parse_is(&token->text, "none")) {
        chat->tools.choice = CLAUDE_TOOLS_NONE;

    } else if (claude_parse_is(&token->text, "auto")) {
        chat->tools.choice = CLAUDE_TOOLS_AUTO;

    } else if (required && claude_parse_is(&token->text, "required")) {
        chat->tools.choice = CLAUDE_TOOLS_ANY;

    } else {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                          required ? "must be none, auto, required or one "
                                     "function"
                                   : "must be none, auto or one function");
    }
}


static void
claude_chat_on_choice_type(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    if (!claude_parse_is(&token->text, "function")) {
        claude_parse_fail(parse, CLAUDE_ERR_UNSUPPORTED, NULL,
                          "only a choice of type function is taken");
        return;
    }

    chat->choice_type = 1;
}


static void
claude_chat_on_choice_function(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    (void) token;

    claude_parse_enter(parse, &claude_chat_choice_function_place);
}


static void
claude_chat_on_choice_name(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    chat->tools.choice = CLAUDE_TOOLS_ONE;
    chat->tools.choice_name = claude_chat_name(parse, token);
}


static void
claude_chat_choice_end(claude_parse_t *parse)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    if (!chat->choice_type) {
        claude_parse_fail(parse, CLAUDE_ERR_MISSING, "type", NULL);

    } else if (chat->tools.choice != CLAUDE_TOOLS_ONE) {
        claude_parse_fail(parse, CLAUDE_ERR_MISSING, "function.name", NULL);
    }
}


static void
claude_chat_choice_old_end(claude_parse_t *parse)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    if (chat->tools.choice != CLAUDE_TOOLS_ONE) {
        claude_parse_fail(parse, CLAUDE_ERR_MISSING, "name", NULL);
    }
}


unsigned
claude_chat_tools_check(claude_chat_parse_t *chat)
{
    const char      *name;
    claude_parse_t  *parse;
    claude_tools_t  *tools;

    parse = &chat->parse;
    tools = &chat->tools;
    name = chat->choice_old ? "function_call" : "tool_choice";

    if (chat->has_tools && chat->has_functions) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, "functions",
                          "can't be used together with tools");
        return 0;
    }

    if (claude_tools_forced(tools) && tools->count == 0) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, name,
                          "is only allowed with tools");
        return 0;
    }

    if (tools->choice == CLAUDE_TOOLS_ONE
        && !claude_tools_has(tools, &tools->choice_name))
    {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, name,
                          "names none of the functions");
        return 0;
    }

    /* the old form of an answer has room for one call */

    if (chat->has_functions) {
        tools->serial = 1;
    }

    return 1;
}
