
#include "claude_chat_parse.h"

#include <string.h>


static void claude_chat_on_format_type(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_json_schema(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_format_end(claude_parse_t *parse);
static void claude_chat_on_schema_name(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_schema(claude_parse_t *parse,
    const claude_json_token_t *token);


static const claude_parse_field_t  claude_chat_format_fields[] = {

    { claude_string("type"),
      CLAUDE_PARSE_STRING, 0, 0, claude_chat_on_format_type,
      "must be a string" },

    { claude_string("json_schema"),
      claude_parse_null_or(CLAUDE_PARSE_OBJECT), 0, 0,
      claude_chat_on_json_schema, "must be an object" },

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


static const claude_parse_field_t  claude_chat_schema_fields[] = {

    { claude_string("name"),
      CLAUDE_PARSE_STRING, 0, 0, claude_chat_on_schema_name,
      "must be a string" },

    { claude_string("schema"),
      claude_parse_null_or(CLAUDE_PARSE_OBJECT), 0, 0, claude_chat_on_schema,
      "must be an object, a JSON Schema" },

    { claude_string("description"),
      claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0, NULL,
      "must be a string" },

    { claude_string("strict"),
      claude_parse_null_or(CLAUDE_PARSE_BOOL), 0, 0, NULL,
      "must be a boolean" },

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


static const claude_parse_place_t  claude_chat_format_place = {
    claude_chat_format_fields, NULL, claude_chat_format_end
};

static const claude_parse_place_t  claude_chat_schema_place = {
    claude_chat_schema_fields, NULL, NULL
};


static const claude_parse_choice_t  claude_chat_formats[] = {
    { claude_string("text"), CLAUDE_CHAT_FORMAT_TEXT },
    { claude_string("json_object"), CLAUDE_CHAT_FORMAT_OBJECT },
    { claude_string("json_schema"), CLAUDE_CHAT_FORMAT_SCHEMA },
    { { 0, NULL }, CLAUDE_CHAT_FORMAT_NONE }
};


void
claude_chat_on_format(claude_parse_t *parse, const claude_json_token_t *token)
{
    (void) token;

    claude_parse_enter(parse, &claude_chat_format_place);
}


static void
claude_chat_on_format_type(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    chat->format = claude_parse_choose(claude_chat_formats, &token->text);

    if (chat->format == CLAUDE_CHAT_FORMAT_NONE) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                          "must be text, json_object or json_schema");
    }
}


static void
claude_chat_on_json_schema(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    (void) token;

    chat->has_json_schema = 1;
    claude_parse_enter(parse, &claude_chat_schema_place);
}


static void
claude_chat_on_schema_name(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    chat->has_format_name = (claude_chat_name(parse, token).len != 0);
}


static void
claude_chat_on_schema(claude_parse_t *parse, const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    claude_parse_capture(parse, token, &chat->schema);
}


static void
claude_chat_format_end(claude_parse_t *parse)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    if (chat->format == CLAUDE_CHAT_FORMAT_NONE) {
        claude_parse_fail(parse, CLAUDE_ERR_MISSING, "type", NULL);

    } else if (chat->format != CLAUDE_CHAT_FORMAT_SCHEMA) {
        chat->schema.len = 0;

    } else if (!chat->has_json_schema) {
        claude_parse_fail(parse, CLAUDE_ERR_MISSING, "json_schema", NULL);

    } else if (!chat->has_format_name) {
        claude_parse_fail(parse, CLAUDE_ERR_MISSING, "json_schema.name",
                          NULL);
    }
}
