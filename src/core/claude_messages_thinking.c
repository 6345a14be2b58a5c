
/* how the model is to think, and what its answer has to be */


#include "claude_messages_parts.h"

#include <string.h>


#define CLAUDE_MESSAGES_BUDGET_MIN  1024


static void claude_messages_on_thinking_type(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_budget(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_display(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_thinking_end(claude_parse_t *parse);
static void claude_messages_on_effort(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_format_type(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_format_schema(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_format_end(claude_parse_t *parse);
static void claude_messages_on_output_format(claude_parse_t *parse,
    const claude_json_token_t *token);


static const claude_parse_field_t  claude_messages_thinking_fields[] = {

    { claude_string("type"), CLAUDE_PARSE_STRING, 0, 0,
      claude_messages_on_thinking_type, "must be a string" },

    { claude_string("budget_tokens"),
      claude_parse_null_or(CLAUDE_PARSE_INTEGER), CLAUDE_MESSAGES_BUDGET_MIN,
      CLAUDE_MESSAGES_TOKENS_MAX, claude_messages_on_budget,
      "must be an integer of at least 1024" },

    claude_messages_field("display", STRING, display, "must be a string"),

    claude_messages_end_of_fields
};


static const claude_parse_field_t  claude_messages_output_fields[] = {
    claude_messages_field("effort", STRING, effort, "must be a string"),
    claude_messages_field("format", OBJECT, output_format,
                          "must be an object"),

    claude_messages_end_of_fields
};


static const claude_parse_field_t  claude_messages_format_fields[] = {

    { claude_string("type"), CLAUDE_PARSE_STRING, 0, 0,
      claude_messages_on_format_type, "must be a string" },

    { claude_string("schema"), CLAUDE_PARSE_OBJECT, 0, 0,
      claude_messages_on_format_schema, "must be an object" },

    claude_messages_end_of_fields
};


const claude_parse_place_t  claude_messages_thinking = {
    claude_messages_thinking_fields, NULL, claude_messages_thinking_end
};

const claude_parse_place_t  claude_messages_output = {
    claude_messages_output_fields, NULL, NULL
};

const claude_parse_place_t  claude_messages_format = {
    claude_messages_format_fields, NULL, claude_messages_format_end
};


static void
claude_messages_on_thinking_type(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_messages_parse_t  *m;

    static const char *const  types[] = {
        "disabled", "adaptive", "enabled", NULL
    };

    m = (claude_messages_parse_t *) parse;

    m->thinking = claude_messages_one_of(parse, token, types,
                                   "must be disabled, adaptive or enabled");
}


static void
claude_messages_on_budget(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_messages_parse_t  *m;

    m = (claude_messages_parse_t *) parse;

    (void) claude_json_uint(&token->raw, CLAUDE_MESSAGES_TOKENS_MAX,
                            &m->budget);
}


static void
claude_messages_on_display(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_messages_parse_t  *m;

    static const char *const  displays[] = { "summarized", "omitted", NULL };

    m = (claude_messages_parse_t *) parse;

    m->display = claude_messages_one_of(parse, token, displays,
                                        "must be summarized or omitted");
}


static void
claude_messages_thinking_end(claude_parse_t *parse)
{
    claude_messages_parse_t  *m;

    m = (claude_messages_parse_t *) parse;

    if (m->thinking == NULL) {
        claude_parse_fail(parse, CLAUDE_ERR_MISSING, "type", NULL);

    } else if (m->thinking[0] == 'e' && m->budget == 0) {
        claude_parse_fail(parse, CLAUDE_ERR_MISSING, "budget_tokens", NULL);
    }
}


static void
claude_messages_on_effort(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_messages_parse_t  *m;

    static const char *const  efforts[] = {
        "low", "medium", "high", "xhigh", "max", NULL
    };

    m = (claude_messages_parse_t *) parse;

    m->effort = claude_messages_one_of(parse, token, efforts,
                                "must be low, medium, high, xhigh or max");
}


static void
claude_messages_on_format_type(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    if (!claude_parse_is(&token->text, "json_schema")) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                          "must be json_schema");
    }
}


static void
claude_messages_on_format_schema(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_messages_parse_t  *m;

    m = (claude_messages_parse_t *) parse;

    claude_parse_capture(parse, token, &m->schema);
}


static void
claude_messages_format_end(claude_parse_t *parse)
{
    claude_messages_parse_t  *m;

    m = (claude_messages_parse_t *) parse;

    if (m->schema.len == 0) {
        claude_parse_fail(parse, CLAUDE_ERR_MISSING, "schema", NULL);
    }
}


static void
claude_messages_on_output_format(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    (void) token;

    claude_parse_enter(parse, &claude_messages_format);
}
