
#include "claude_messages_parts.h"

#include <string.h>


/* what Claude Code writes before its own system prompt: a note to whoever
 * bills, not to the model, and another in each request */

#define CLAUDE_MESSAGES_BILLING     "x-anthropic-billing-header:"


static void claude_messages_on_messages(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_max_tokens(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_system(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_system_block(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_system_type(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_system_text(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_system_text(claude_messages_parse_t *m,
    const claude_json_token_t *token);
static void claude_messages_on_stream(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_stops(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_stop(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_temperature(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_top_p(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_top_k(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_thinking(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_output(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_format(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_tools(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_choice(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_thread(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_servers(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_server(claude_parse_t *parse,
    const claude_json_token_t *token);


static const claude_parse_field_t  claude_messages_fields[] = {

    { claude_string("model"), CLAUDE_PARSE_STRING, 0, 0,
      claude_parse_model, "must be the name of a model" },

    { claude_string("messages"), CLAUDE_PARSE_ANY, 0, 0,
      claude_messages_on_messages, NULL },

    { claude_string("max_tokens"), CLAUDE_PARSE_INTEGER, 1,
      CLAUDE_MESSAGES_TOKENS_MAX, claude_messages_on_max_tokens,
      "must be an integer from 1 to 10000000" },

    { claude_string("temperature"), claude_parse_null_or(CLAUDE_PARSE_NUMBER),
      0, 1, claude_messages_on_temperature, "must be a number from 0 to 1" },

    { claude_string("top_p"), claude_parse_null_or(CLAUDE_PARSE_NUMBER),
      0, 1, claude_messages_on_top_p, "must be a number from 0 to 1" },

    { claude_string("top_k"), claude_parse_null_or(CLAUDE_PARSE_INTEGER),
      0, 1e9, claude_messages_on_top_k,
      "must be an integer from 0 to 1000000000" },

    { claude_string("system"), CLAUDE_PARSE_NULL | CLAUDE_PARSE_STRING
      | CLAUDE_PARSE_ARRAY, 0, 0, claude_messages_on_system,
      "must be a string or an array of text blocks" },

    { claude_string("stop_sequences"),
      claude_parse_null_or(CLAUDE_PARSE_ARRAY), 0, 0,
      claude_messages_on_stops, "must be an array of strings" },

    claude_messages_field("stream", BOOL, stream, "must be a boolean"),
    claude_messages_field("thinking", OBJECT, thinking, "must be an object"),
    claude_messages_field("output_config", OBJECT, output,
                          "must be an object"),
    claude_messages_field("output_format", OBJECT, format,
                          "must be an object"),
    claude_messages_field("tools", ARRAY, tools, "must be an array"),
    claude_messages_field("tool_choice", OBJECT, choice, "must be an object"),
    claude_messages_field("mcp_servers", ARRAY, servers, "must be an array"),
    claude_messages_field("thread", OBJECT, thread, "must be an object"),

    claude_messages_end_of_fields
};


static const claude_parse_field_t  claude_messages_system_fields[] = {

    { claude_string("type"), CLAUDE_PARSE_STRING, 0, 0,
      claude_messages_on_system_type, "must be a string" },

    { claude_string("text"), CLAUDE_PARSE_STRING, 0, 0,
      claude_messages_on_system_text, "must be a string" },

    claude_messages_end_of_fields
};


const claude_parse_place_t  claude_messages_top = {
    claude_messages_fields, NULL, NULL
};

static const claude_parse_place_t  claude_messages_system = {
    NULL, claude_messages_on_system_block, NULL
};

static const claude_parse_place_t  claude_messages_system_place = {
    claude_messages_system_fields, NULL, NULL
};

static const claude_parse_place_t  claude_messages_stops = {
    NULL, claude_messages_on_stop, NULL
};

static const claude_parse_place_t  claude_messages_servers = {
    NULL, claude_messages_on_server, NULL
};


static void
claude_messages_on_messages(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_messages_parse_t  *m;

    m = (claude_messages_parse_t *) parse;

    if (token->type != CLAUDE_JSON_ARRAY) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_MESSAGES, NULL,
                          "must be an array");
        return;
    }

    m->has_messages = 1;
    claude_parse_enter(parse, &claude_messages_turns);
}


static void
claude_messages_on_max_tokens(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_messages_parse_t  *m;

    m = (claude_messages_parse_t *) parse;

    (void) claude_json_uint(&token->raw, CLAUDE_MESSAGES_TOKENS_MAX,
                            &m->max_tokens);
}


static void
claude_messages_on_system(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    if (token->type == CLAUDE_JSON_ARRAY) {
        claude_parse_enter(parse, &claude_messages_system);

    } else {
        claude_messages_system_text((claude_messages_parse_t *) parse, token);
    }
}


static void
claude_messages_on_system_block(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    if (token->type != CLAUDE_JSON_OBJECT) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_TYPE, NULL,
                          "must be an object");
        return;
    }

    claude_parse_enter(parse, &claude_messages_system_place);
}


static void
claude_messages_on_system_type(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    if (!claude_parse_is(&token->text, "text")) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                          "must be text");
    }
}


static void
claude_messages_on_system_text(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_messages_system_text((claude_messages_parse_t *) parse, token);
}


static void
claude_messages_system_text(claude_messages_parse_t *m,
    const claude_json_token_t *token)
{
    size_t               len;
    claude_parse_text_t  text;

    len = sizeof(CLAUDE_MESSAGES_BILLING) - 1;

    if (token->text.len >= len
        && memcmp(token->text.data, CLAUDE_MESSAGES_BILLING, len) == 0)
    {
        return;
    }

    claude_parse_record(&text, token);

    claude_blocks_begin(&m->blocks, CLAUDE_ROLE_SYSTEM);
    claude_blocks_text(&m->blocks, &text);
    claude_blocks_end(&m->blocks, CLAUDE_ROLE_SYSTEM);
}


static void
claude_messages_on_stream(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    parse->request->stream = (token->type == CLAUDE_JSON_TRUE);
}


static void
claude_messages_on_stops(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    (void) token;

    claude_parse_enter(parse, &claude_messages_stops);
}


static void
claude_messages_on_stop(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_messages_parse_t  *m;

    m = (claude_messages_parse_t *) parse;

    if (token->type != CLAUDE_JSON_STRING) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_TYPE, NULL,
                          "must be a string");
        return;
    }

    if (claude_parse_blank(&token->text)) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                          "must hold something else than white space");
        return;
    }

    if (m->nstops++) {
        claude_out_literal(&m->stops, ",");
    }

    claude_out_link(&m->stops, token->raw.data, token->raw.len);
}


static void
claude_messages_on_temperature(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    ((claude_messages_parse_t *) parse)->temperature = token->raw;
}


static void
claude_messages_on_top_p(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    ((claude_messages_parse_t *) parse)->top_p = token->raw;
}


static void
claude_messages_on_top_k(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    ((claude_messages_parse_t *) parse)->top_k = token->raw;
}


static void
claude_messages_on_thinking(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    (void) token;

    claude_parse_enter(parse, &claude_messages_thinking);
}


static void
claude_messages_on_output(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    (void) token;

    claude_parse_enter(parse, &claude_messages_output);
}


static void
claude_messages_on_format(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    (void) token;

    claude_parse_enter(parse, &claude_messages_format);
}


static void
claude_messages_on_tools(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    (void) token;

    claude_parse_enter(parse, &claude_messages_tools);
}


static void
claude_messages_on_choice(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    (void) token;

    claude_parse_enter(parse, &claude_messages_choice);
}


/* conversations that the server keeps: clients that try it with each first
 * request go on without, once they are told so */

static void
claude_messages_on_thread(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    (void) token;

    claude_parse_fail(parse, CLAUDE_ERR_UNSUPPORTED, NULL,
                      "conversations are not kept here: send all messages");
}


static void
claude_messages_on_servers(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    (void) token;

    claude_parse_enter(parse, &claude_messages_servers);
}


static void
claude_messages_on_server(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    (void) token;

    claude_parse_frame(parse)->inside = 0;
    claude_parse_fail(parse, CLAUDE_ERR_UNSUPPORTED, NULL,
                      "MCP on Anthropic's servers is not served here");
}
