
#include "claude_messages_parts.h"

#include <string.h>


#define CLAUDE_MESSAGES_TOOLS_MAX  4096


static void claude_messages_on_tool(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_tool_type(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_tool_name(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_description(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_schema(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_strict(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_tool_end(claude_parse_t *parse);
static void claude_messages_on_choice_type(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_choice_name(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_single(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_choice_end(claude_parse_t *parse);


static const claude_parse_field_t  claude_messages_tool_fields[] = {

    { claude_string("type"), claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0,
      claude_messages_on_tool_type, "must be a string" },

    { claude_string("name"), CLAUDE_PARSE_STRING, 0, 0,
      claude_messages_on_tool_name, "must be a string" },

    { claude_string("description"),
      claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0,
      claude_messages_on_description, "must be a string" },

    { claude_string("input_schema"), CLAUDE_PARSE_OBJECT, 0, 0,
      claude_messages_on_schema, "must be an object" },

    { claude_string("strict"), claude_parse_null_or(CLAUDE_PARSE_BOOL), 0, 0,
      claude_messages_on_strict, "must be a boolean" },

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


static const claude_parse_field_t  claude_messages_choice_fields[] = {

    { claude_string("type"), CLAUDE_PARSE_STRING, 0, 0,
      claude_messages_on_choice_type, "must be a string" },

    { claude_string("name"), claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0,
      claude_messages_on_choice_name, "must be a string" },

    { claude_string("disable_parallel_tool_use"),
      claude_parse_null_or(CLAUDE_PARSE_BOOL), 0, 0,
      claude_messages_on_single, "must be a boolean" },

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


const claude_parse_place_t  claude_messages_tools = {
    NULL, claude_messages_on_tool, NULL
};

static const claude_parse_place_t  claude_messages_tool = {
    claude_messages_tool_fields, NULL, claude_messages_tool_end
};

const claude_parse_place_t  claude_messages_choice = {
    claude_messages_choice_fields, NULL, claude_messages_choice_end
};


/* Anthropic's own tools, by the beginnings of their types.  One that searches
 * for tools has nothing to do here: all that are sent are loaded. */

static const struct {
    claude_str_t           type;
    const char            *reason;      /* NULL: left out */
} claude_messages_hosted[] = {
    { claude_string("tool_search_tool_"), NULL },
    { claude_string("web_search_"), "web search is not served here" },
    { claude_string("web_fetch_"), "web fetch is not served here" },
    { claude_string("code_execution_"), "code execution is not served here" },
    { claude_string("computer_"), "computer use is not served here" },
    { claude_string("bash_"), "Anthropic's bash tool is not served here" },
    { claude_string("text_editor_"),
      "Anthropic's text editor is not served here" },
    { claude_string("memory_"), "Anthropic's memory tool is not served here" },
    { claude_string("advisor_"), "the advisor tool is not served here" },
    { claude_string("mcp_toolset"),
      "MCP on Anthropic's servers is not served here" }
};

#define CLAUDE_MESSAGES_HOSTED                                                \
    (sizeof(claude_messages_hosted) / sizeof(claude_messages_hosted[0]))


static void
claude_messages_on_tool(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_messages_parse_t  *m;

    m = (claude_messages_parse_t *) parse;

    if (token->type != CLAUDE_JSON_OBJECT) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_TYPE, NULL,
                          "must be an object");
        return;
    }

    if (claude_parse_frame(parse)->count > CLAUDE_MESSAGES_TOOLS_MAX) {
        claude_parse_frame(parse)->inside = 0;
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                          "must hold at most 4096 tools");
        return;
    }

    memset(&m->tool, 0, sizeof(claude_messages_tool_t));

    claude_parse_enter(parse, &claude_messages_tool);
}


static void
claude_messages_on_tool_type(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    size_t                    i;
    const claude_str_t       *type;
    claude_messages_parse_t  *m;

    m = (claude_messages_parse_t *) parse;

    if (claude_parse_is(&token->text, "custom")) {
        return;
    }

    for (i = 0; i < CLAUDE_MESSAGES_HOSTED; i++) {
        type = &claude_messages_hosted[i].type;

        if (token->text.len >= type->len
            && memcmp(token->text.data, type->data, type->len) == 0)
        {
            break;
        }
    }

    if (i == CLAUDE_MESSAGES_HOSTED) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                          "must be custom");

    } else if (claude_messages_hosted[i].reason) {
        claude_parse_fail(parse, CLAUDE_ERR_UNSUPPORTED, NULL,
                          claude_messages_hosted[i].reason);

    } else {
        m->tool.searches = 1;
    }
}


static void
claude_messages_on_tool_name(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_messages_parse_t  *m;

    m = (claude_messages_parse_t *) parse;

    claude_parse_record(&m->tool.name, token);

    if (!claude_blocks_name(&token->text)) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                          "must be 1 to 128 of A-Z, a-z, 0-9, _ and -");
    }
}


static void
claude_messages_on_description(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_messages_parse_t  *m;

    m = (claude_messages_parse_t *) parse;

    claude_parse_record(&m->tool.description, token);
}


static void
claude_messages_on_schema(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_messages_parse_t  *m;

    m = (claude_messages_parse_t *) parse;

    claude_parse_capture(parse, token, &m->tool.schema);
}


static void
claude_messages_on_strict(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_messages_parse_t  *m;

    m = (claude_messages_parse_t *) parse;

    m->tool.strict = (token->type == CLAUDE_JSON_TRUE);
}


static void
claude_messages_tool_end(claude_parse_t *parse)
{
    claude_out_t             *out;
    claude_messages_tool_t   *tool;
    claude_messages_parse_t  *m;

    m = (claude_messages_parse_t *) parse;
    tool = &m->tool;
    out = &m->tools;

    if (tool->searches) {
        return;
    }

    if (!tool->name.seen || tool->schema.len == 0) {
        claude_parse_fail(parse, CLAUDE_ERR_MISSING,
                          tool->name.seen ? "input_schema" : "name", NULL);
        return;
    }

    if (m->ntools++) {
        claude_out_literal(out, ",");
    }

    claude_out_literal(out, "{\"name\":");
    claude_out_put(out, tool->name.raw.data, tool->name.raw.len);

    if (tool->description.raw.data) {
        claude_out_literal(out, ",\"description\":");
        claude_out_link(out, tool->description.raw.data,
                        tool->description.raw.len);
    }

    claude_out_literal(out, ",\"input_schema\":");
    claude_out_link(out, tool->schema.data, tool->schema.len);

    if (tool->strict) {
        claude_out_literal(out, ",\"strict\":true");
    }

    claude_out_literal(out, "}");

    parse->request->text += tool->name.raw.len + tool->description.raw.len
                            + tool->schema.len;
}


static void
claude_messages_on_choice_type(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_messages_parse_t  *m;

    static const char *const  types[] = { "auto", "any", "none", "tool", NULL };

    m = (claude_messages_parse_t *) parse;

    m->choice = claude_messages_one_of(parse, token, types,
                                       "must be auto, any, none or tool");
}


static void
claude_messages_on_choice_name(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_messages_parse_t  *m;

    m = (claude_messages_parse_t *) parse;

    claude_parse_record(&m->choice_name, token);
}


static void
claude_messages_on_single(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_messages_parse_t  *m;

    m = (claude_messages_parse_t *) parse;

    m->single = (token->type == CLAUDE_JSON_TRUE);
}


static void
claude_messages_choice_end(claude_parse_t *parse)
{
    claude_messages_parse_t  *m;

    m = (claude_messages_parse_t *) parse;

    if (m->choice == NULL) {
        claude_parse_fail(parse, CLAUDE_ERR_MISSING, "type", NULL);

    } else if (m->choice[0] == 't' && m->choice_name.raw.data == NULL) {
        claude_parse_fail(parse, CLAUDE_ERR_MISSING, "name", NULL);
    }
}


void
claude_messages_finish_tools(claude_messages_parse_t *m)
{
    if (m->ntools == 0 && m->choice
        && (strcmp(m->choice, "any") == 0 || strcmp(m->choice, "tool") == 0))
    {
        claude_parse_fail(&m->parse, CLAUDE_ERR_INVALID_VALUE, "tool_choice",
                          "needs tools");
        return;
    }

    m->parse.request->tools = m->ntools
                              && (m->choice == NULL
                                  || strcmp(m->choice, "none") != 0);
}


void
claude_messages_write_tools(claude_messages_parse_t *m, claude_out_t *out)
{
    if (m->ntools == 0) {
        return;
    }

    claude_out_literal(out, ",\"tools\":[");
    claude_out_join(out, &m->tools);
    claude_out_literal(out, "]");

    if (m->choice == NULL) {
        return;
    }

    claude_out_literal(out, ",\"tool_choice\":{\"type\":\"");
    claude_out_put(out, m->choice, strlen(m->choice));
    claude_out_literal(out, "\"");

    if (strcmp(m->choice, "tool") == 0) {
        claude_out_literal(out, ",\"name\":");
        claude_out_put(out, m->choice_name.raw.data, m->choice_name.raw.len);
    }

    if (m->single && strcmp(m->choice, "none") != 0) {
        claude_out_literal(out, ",\"disable_parallel_tool_use\":true");
    }

    claude_out_literal(out, "}");
}
