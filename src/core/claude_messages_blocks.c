
#include "claude_messages_parts.h"

#include <string.h>


static void claude_messages_on_block(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_text(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_type(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_source(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_source_text(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_block_input(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_result(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_is_error(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_block_end(claude_parse_t *parse);
static void claude_messages_result_end(claude_parse_t *parse);
static void claude_messages_unknown(claude_parse_t *parse,
    const claude_str_t *name);


#define claude_messages_any(name, value)                                      \
    { claude_string(name), CLAUDE_PARSE_ANY, 0, 0, value, NULL }


/* a block's type may come last: what matters is known at its end.  The texts
 * come first, in the order of claude_messages_text_e. */

static const claude_parse_field_t  claude_messages_block_fields[] = {
    claude_messages_any("text", claude_messages_on_text),
    claude_messages_any("thinking", claude_messages_on_text),
    claude_messages_any("signature", claude_messages_on_text),
    claude_messages_any("data", claude_messages_on_text),
    claude_messages_any("title", claude_messages_on_text),
    claude_messages_any("context", claude_messages_on_text),
    claude_messages_any("name", claude_messages_on_text),
    claude_messages_any("id", claude_messages_on_text),
    claude_messages_any("tool_use_id", claude_messages_on_text),
    claude_messages_any("tool_name", claude_messages_on_text),

    { claude_string("type"), CLAUDE_PARSE_STRING, 0, 0,
      claude_messages_on_type, "must be a string" },

    claude_messages_any("source", claude_messages_on_source),
    claude_messages_any("input", claude_messages_on_block_input),
    claude_messages_any("content", claude_messages_on_result),

    { claude_string("is_error"), claude_parse_null_or(CLAUDE_PARSE_BOOL), 0, 0,
      claude_messages_on_is_error, "must be a boolean" },

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


static const claude_parse_field_t  claude_messages_source_fields[] = {
    claude_messages_any("type", claude_messages_on_source_text),
    claude_messages_any("media_type", claude_messages_on_source_text),
    claude_messages_any("data", claude_messages_on_source_text),
    claude_messages_any("url", claude_messages_on_source_text),

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


const claude_parse_place_t  claude_messages_content = {
    NULL, claude_messages_on_block, NULL
};

static const claude_parse_place_t  claude_messages_result = {
    NULL, claude_messages_on_block, claude_messages_result_end
};

static const claude_parse_place_t  claude_messages_block = {
    claude_messages_block_fields, NULL, claude_messages_block_end
};

static const claude_parse_place_t  claude_messages_source = {
    claude_messages_source_fields, NULL, NULL
};


const claude_messages_kind_t  claude_messages_kinds[] = {

    { claude_string("text"),
      CLAUDE_MESSAGES_USER | CLAUDE_MESSAGES_ASSISTANT
      | CLAUDE_MESSAGES_SYSTEM | CLAUDE_MESSAGES_RESULT,
      claude_messages_put_text },

    { claude_string("image"),
      CLAUDE_MESSAGES_USER | CLAUDE_MESSAGES_RESULT,
      claude_messages_put_image },

    { claude_string("document"),
      CLAUDE_MESSAGES_USER | CLAUDE_MESSAGES_RESULT,
      claude_messages_put_document },

    { claude_string("tool_result"),
      CLAUDE_MESSAGES_USER, claude_messages_put_tool_result },

    { claude_string("tool_use"),
      CLAUDE_MESSAGES_ASSISTANT, claude_messages_put_tool_use },

    { claude_string("thinking"),
      CLAUDE_MESSAGES_ASSISTANT, claude_messages_put_thinking },

    { claude_string("redacted_thinking"),
      CLAUDE_MESSAGES_ASSISTANT, claude_messages_put_redacted },

    { claude_string("tool_reference"),
      CLAUDE_MESSAGES_RESULT, claude_messages_put_reference },

    { { 0, NULL }, 0, NULL }
};


static void
claude_messages_on_block(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_messages_parse_t  *m;

    m = (claude_messages_parse_t *) parse;

    if (token->type != CLAUDE_JSON_OBJECT) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_TYPE, NULL,
                          "must be an object");
        return;
    }

    memset(&m->block[m->level], 0, sizeof(claude_messages_block_t));

    if (m->level == 0) {
        claude_out_init(&m->inner, parse->mem, m->results.max);
    }

    claude_parse_enter(parse, &claude_messages_block);
}


static void
claude_messages_on_text(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    size_t                    i;
    claude_messages_block_t  *block;
    claude_messages_parse_t  *m;

    m = (claude_messages_parse_t *) parse;
    block = &m->block[m->level];

    i = claude_parse_frame(parse)->field - claude_messages_block_fields;

    claude_parse_record(&block->texts[i], token);

    if (i >= CLAUDE_MESSAGES_NAME && token->type == CLAUDE_JSON_STRING) {
        block->ids[i] = claude_parse_keep(parse, token);
    }
}


static void
claude_messages_on_type(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    const claude_str_t             *name;
    claude_messages_parse_t        *m;
    const claude_messages_kind_t   *kind;

    m = (claude_messages_parse_t *) parse;

    for (kind = claude_messages_kinds; kind->name.len; kind++) {
        name = &kind->name;

        if (name->len == token->text.len
            && memcmp(name->data, token->text.data, name->len) == 0)
        {
            m->block[m->level].kind = kind;
            return;
        }
    }

    claude_messages_unknown(parse, &token->text);
}


/* what servers of Anthropic's did and gave back is not served here */

static void
claude_messages_unknown(claude_parse_t *parse, const claude_str_t *name)
{
    size_t  i;

    static const struct {
        claude_str_t           name;
        const char            *reason;
    } hosted[] = {
        { claude_string("server_tool_use"),
          "tools that run on Anthropic's servers are not served here" },
        { claude_string("web_search_tool_result"),
          "web search is not served here" },
        { claude_string("web_fetch_tool_result"),
          "web fetch is not served here" },
        { claude_string("code_execution_tool_result"),
          "code execution is not served here" },
        { claude_string("bash_code_execution_tool_result"),
          "code execution is not served here" },
        { claude_string("text_editor_code_execution_tool_result"),
          "code execution is not served here" },
        { claude_string("tool_search_tool_result"),
          "tool search on Anthropic's servers is not served here" },
        { claude_string("mcp_tool_use"),
          "MCP on Anthropic's servers is not served here" },
        { claude_string("mcp_tool_result"),
          "MCP on Anthropic's servers is not served here" },
        { claude_string("container_upload"),
          "containers are not served here" },
        { claude_string("search_result"),
          "search results are not served here: send their text" }
    };

    for (i = 0; i < sizeof(hosted) / sizeof(hosted[0]); i++) {
        if (hosted[i].name.len == name->len
            && memcmp(hosted[i].name.data, name->data, name->len) == 0)
        {
            claude_parse_fail(parse, CLAUDE_ERR_UNSUPPORTED, NULL,
                              hosted[i].reason);
            return;
        }
    }

    claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                      "must be text, image, document, tool_use, tool_result, "
                      "thinking or redacted_thinking");
}


static void
claude_messages_on_source(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_messages_parse_t  *m;

    m = (claude_messages_parse_t *) parse;

    if (token->type == CLAUDE_JSON_OBJECT) {
        m->block[m->level].source_object = 1;
        claude_parse_enter(parse, &claude_messages_source);
    }
}


/* data may be many megabytes: it is looked at where it lies */

static void
claude_messages_on_source_text(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    size_t                    i;
    claude_messages_block_t  *block;
    claude_messages_parse_t  *m;

    m = (claude_messages_parse_t *) parse;
    block = &m->block[m->level];

    i = claude_parse_frame(parse)->field - claude_messages_source_fields;

    claude_parse_record(&block->source[i], token);

    if (token->type != CLAUDE_JSON_STRING) {
        return;
    }

    if (i == CLAUDE_MESSAGES_SOURCE_DATA) {
        block->data = claude_parse_keep(parse, token);

    } else if (i == CLAUDE_MESSAGES_SOURCE_URL) {
        claude_media_url(parse, token, &block->url);
    }
}


static void
claude_messages_on_block_input(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_messages_block_t  *block;
    claude_messages_parse_t  *m;

    m = (claude_messages_parse_t *) parse;
    block = &m->block[m->level];

    block->input_object = (token->type == CLAUDE_JSON_OBJECT);
    claude_parse_capture(parse, token, &block->input);
}


/* content of a tool's result; no other block has one that is of interest */

static void
claude_messages_on_result(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_messages_parse_t  *m;

    m = (claude_messages_parse_t *) parse;

    claude_parse_record(&m->block[m->level].content, token);
    m->block[m->level].content_type = token->type;

    if (m->level == 0 && token->type == CLAUDE_JSON_ARRAY) {
        m->level = 1;
        m->blocks.to = &m->inner;
        claude_parse_enter(parse, &claude_messages_result);
    }
}


static void
claude_messages_result_end(claude_parse_t *parse)
{
    claude_messages_parse_t  *m;

    m = (claude_messages_parse_t *) parse;
    m->level = 0;
}


static void
claude_messages_on_is_error(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_messages_parse_t  *m;

    m = (claude_messages_parse_t *) parse;

    m->block[m->level].is_error = (token->type == CLAUDE_JSON_TRUE);
}


static void
claude_messages_block_end(claude_parse_t *parse)
{
    size_t                         i;
    claude_messages_parse_t       *m;
    const claude_messages_kind_t  *kind;
    const claude_messages_block_t *block;

    m = (claude_messages_parse_t *) parse;
    block = &m->block[m->level];
    kind = block->kind;

    if (kind == NULL) {
        claude_parse_fail(parse, CLAUDE_ERR_MISSING, "type", NULL);
        return;
    }

    if (m->level == 1) {

        if (!(kind->where & CLAUDE_MESSAGES_RESULT)) {
            claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, "type",
                              "must be text, image or document");
            return;
        }

        m->blocks.to = &m->inner;
        kind->put(m, block);
        return;
    }

    i = kind - claude_messages_kinds;

    if (m->message.first[i] == 0) {
        m->message.first[i] = claude_parse_around(parse)->count;
    }

    m->blocks.to = &m->rest;
    kind->put(m, block);
}
