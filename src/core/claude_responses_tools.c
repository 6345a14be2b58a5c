
#include "claude_responses_parse.h"

#include <sodium.h>


static void claude_responses_on_tool(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_inner(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_tool_type(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_tool_name(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_description(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_parameters(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_strict(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_inner_tools(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_access(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_tool_end(claude_parse_t *parse);
static void claude_responses_inner_end(claude_parse_t *parse);
static void claude_responses_inner_tools_end(claude_parse_t *parse);
static void claude_responses_space_end(claude_responses_parse_t *self,
    claude_responses_tool_t *space);
static unsigned claude_responses_named(claude_responses_parse_t *self,
    const claude_responses_tool_t *tool);
static void claude_responses_add(claude_responses_parse_t *self,
    const claude_tool_t *tool, const char *name);
static void claude_responses_array_end(claude_parse_t *parse);


#define CLAUDE_RESPONSES_TOOL_FIELDS                                          \
    { claude_string("type"),                                                  \
      CLAUDE_PARSE_STRING, 0, 0,                                              \
      claude_responses_on_tool_type,                                          \
      "must be a string" },                                                   \
                                                                              \
    { claude_string("name"),                                                  \
      claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0,                        \
      claude_responses_on_tool_name,                                          \
      "must be a string" },                                                   \
                                                                              \
    { claude_string("description"),                                           \
      claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0,                        \
      claude_responses_on_description,                                        \
      "must be a string" },                                                   \
                                                                              \
    { claude_string("parameters"),                                            \
      claude_parse_null_or(CLAUDE_PARSE_OBJECT), 0, 0,                        \
      claude_responses_on_parameters,                                         \
      "must be an object" },                                                  \
                                                                              \
    { claude_string("strict"),                                                \
      claude_parse_null_or(CLAUDE_PARSE_BOOL), 0, 0,                          \
      claude_responses_on_strict,                                             \
      "must be a boolean" }


static const claude_parse_field_t  claude_responses_tool_fields[] = {

    CLAUDE_RESPONSES_TOOL_FIELDS,

    { claude_string("tools"),
      claude_parse_null_or(CLAUDE_PARSE_ARRAY), 0, 0,
      claude_responses_on_inner_tools,
      "must be an array" },

    { claude_string("external_web_access"),
      CLAUDE_PARSE_ANY, 0, 0,
      claude_responses_on_access,
      NULL },

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


static const claude_parse_field_t  claude_responses_inner_fields[] = {

    CLAUDE_RESPONSES_TOOL_FIELDS,

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


const claude_parse_place_t  claude_responses_tools = {
    NULL, claude_responses_on_tool, claude_responses_array_end
};

static const claude_parse_place_t  claude_responses_tool_place = {
    claude_responses_tool_fields, NULL, claude_responses_tool_end
};

static const claude_parse_place_t  claude_responses_inner_tools = {
    NULL, claude_responses_on_inner, claude_responses_inner_tools_end
};

static const claude_parse_place_t  claude_responses_inner_place = {
    claude_responses_inner_fields, NULL, claude_responses_inner_end
};


/* tools that OpenAI runs itself, or that its own models were made for */

static const struct {
    claude_str_t           type;
    const char            *reason;
    unsigned               optional:1;  /* see claude_responses_tool_end() */
} claude_responses_hosted[] = {
    { claude_string("web_search"), "web search is not served", 1 },
    { claude_string("web_search_2025_08_26"), "web search is not served", 1 },
    { claude_string("web_search_preview"), "web search is not served", 0 },
    { claude_string("web_search_preview_2025_03_11"),
      "web search is not served", 0 },
    { claude_string("file_search"), "file search is not served", 0 },
    { claude_string("computer"), "computer use is not served", 0 },
    { claude_string("computer_use"), "computer use is not served", 0 },
    { claude_string("computer_use_preview"), "computer use is not served", 0 },
    { claude_string("code_interpreter"),
      "the code interpreter is not served", 0 },
    { claude_string("image_generation"), "image generation is not served", 0 },
    { claude_string("mcp"), "hosted MCP is not served", 0 },
    { claude_string("local_shell"), "the local shell tool is not served", 0 },
    { claude_string("shell"), "the shell tool is not served", 0 },
    { claude_string("apply_patch"), "the apply_patch tool is not served", 0 },
    { claude_string("custom"), "custom tools are not served", 0 },
    { claude_string("tool_search"), "tool search is not served", 0 },
    { { 0, NULL }, NULL, 0 }
};


static void
claude_responses_on_tool(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    if (token->type != CLAUDE_JSON_OBJECT) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_TYPE, NULL,
                          "must be an object");
        return;
    }

    memset(&self->outer, 0, sizeof(claude_responses_tool_t));

    self->outer.last = &self->outer.inner;
    self->tool = &self->outer;

    claude_parse_enter(parse, &claude_responses_tool_place);
}


static void
claude_responses_on_inner_tools(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    (void) token;

    self->outer.many = 1;
    claude_parse_enter(parse, &claude_responses_inner_tools);
}


static void
claude_responses_on_inner(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    claude_responses_tool_t  *tool;

    if (token->type != CLAUDE_JSON_OBJECT) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_TYPE, NULL,
                          "must be an object");
        return;
    }

    tool = claude_alloc(parse->mem, sizeof(claude_responses_tool_t));
    if (tool == NULL) {
        parse->rc = CLAUDE_NO_MEMORY;
        return;
    }

    memset(tool, 0, sizeof(claude_responses_tool_t));

    *self->outer.last = tool;
    self->outer.last = &tool->next;
    self->tool = tool;

    claude_parse_enter(parse, &claude_responses_inner_place);
}


static void
claude_responses_on_tool_type(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    self->tool->type = claude_parse_keep(parse, token);
}


static void
claude_responses_on_tool_name(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    self->tool->tool.name = claude_parse_keep(parse, token);
}


static void
claude_responses_on_description(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    if (token->text.len) {
        self->tool->tool.description = token->raw;
    }
}


static void
claude_responses_on_parameters(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    claude_parse_capture(parse, token, &self->tool->tool.schema);
}


static void
claude_responses_on_strict(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    self->tool->tool.strict = (token->type == CLAUDE_JSON_TRUE);
}


static void
claude_responses_on_access(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    (void) token;

    self->outer.access = 1;
}


/*
 * Codex adds its web search, which always says external_web_access, to
 * whatever model it talks to, and does without: that one is left out.
 */

static void
claude_responses_tool_end(claude_parse_t *parse)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    unsigned                  i;
    const claude_str_t       *type;
    claude_responses_tool_t  *tool;

    tool = &self->outer;
    type = &tool->type;

    if (type->data == NULL) {
        claude_parse_fail(parse, CLAUDE_ERR_MISSING, "type", NULL);
        return;
    }

    if (claude_parse_is(type, "function")) {

        if (claude_responses_named(self, tool)) {
            claude_responses_add(self, &tool->tool, "name");
        }

        return;
    }

    if (claude_parse_is(type, "namespace")) {
        claude_responses_space_end(self, tool);
        return;
    }

    for (i = 0; claude_responses_hosted[i].reason; i++) {

        if (claude_responses_hosted[i].type.len != type->len
            || memcmp(claude_responses_hosted[i].type.data, type->data,
                      type->len) != 0)
        {
            continue;
        }

        if (!tool->access || !claude_responses_hosted[i].optional) {
            claude_parse_fail(parse, CLAUDE_ERR_UNSUPPORTED, "type",
                              claude_responses_hosted[i].reason);
        }

        return;
    }

    claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, "type",
                      "must be function or namespace");
}


static void
claude_responses_inner_end(claude_parse_t *parse)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    if (self->tool->type.data
        && !claude_parse_is(&self->tool->type, "function"))
    {
        claude_parse_fail(parse, CLAUDE_ERR_UNSUPPORTED, "type",
                          "a namespace holds functions only");
        return;
    }

    (void) claude_responses_named(self, self->tool);
}


static void
claude_responses_inner_tools_end(claude_parse_t *parse)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    self->tool = &self->outer;
}


/* the namespace's own name may stand behind its tools */

static void
claude_responses_space_end(claude_responses_parse_t *self,
    claude_responses_tool_t *space)
{
    claude_tool_t             tool;
    claude_responses_name_t  *name;
    claude_responses_tool_t  *inner;

    if (!claude_responses_named(self, space)) {
        return;
    }

    if (!space->many) {
        claude_parse_fail(&self->parse, CLAUDE_ERR_MISSING, "tools", NULL);
        return;
    }

    for (inner = space->inner; inner; inner = inner->next) {
        name = claude_alloc(self->parse.mem, sizeof(claude_responses_name_t));

        if (name == NULL) {
            self->parse.rc = CLAUDE_NO_MEMORY;
            return;
        }

        name->space = space->tool.name;
        name->name = inner->tool.name;

        if (claude_responses_flat(self->parse.mem, &name->space, &name->name,
                                  &name->flat)
            != CLAUDE_OK)
        {
            self->parse.rc = CLAUDE_NO_MEMORY;
            return;
        }

        name->next = self->facts->names;
        self->facts->names = name;

        tool = inner->tool;
        tool.name = name->flat;

        claude_responses_add(self, &tool, "tools");
    }
}


static unsigned
claude_responses_named(claude_responses_parse_t *self,
    const claude_responses_tool_t *tool)
{
    const claude_str_t  *name;

    name = &tool->tool.name;

    if (name->data == NULL) {
        claude_parse_fail(&self->parse, CLAUDE_ERR_MISSING, "name", NULL);
        return 0;
    }

    if (!claude_blocks_name(name)) {
        claude_parse_fail(&self->parse, CLAUDE_ERR_INVALID_VALUE, "name",
                     "must be of letters, digits, _ and -, and 128 at most");
        return 0;
    }

    return 1;
}


static void
claude_responses_add(claude_responses_parse_t *self,
    const claude_tool_t *tool, const char *name)
{
    switch (claude_tools_add(&self->tools, tool)) {

    case CLAUDE_OK:
        break;

    case CLAUDE_DECLINED:
        claude_parse_fail(&self->parse, CLAUDE_ERR_INVALID_VALUE, name,
                          "two tools must not have the same name");
        break;

    case CLAUDE_TOO_LARGE:
        claude_parse_fail(&self->parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                          "is one more than the 4096 tools that are allowed");
        break;

    default:
        self->parse.rc = CLAUDE_NO_MEMORY;
    }
}


static void
claude_responses_array_end(claude_parse_t *parse)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    claude_str_t  *echo;

    echo = &self->facts->echo[CLAUDE_RESPONSES_TOOLS];

    echo->data = self->tools_raw;
    echo->len = parse->at - self->tools_raw;
}


/*
 * "space__name"; where that is too long, its beginning and a hash of it.  One
 * pair always has the same name, declared or in the history.  (Two that get
 * the same are refused when they are declared.)
 */

claude_rc_t
claude_responses_flat(claude_mem_t *mem, const claude_str_t *space,
    const claude_str_t *name, claude_str_t *flat)
{
    size_t                     len, keep;
    unsigned char             *p, hash[crypto_generichash_BYTES_MIN];
    crypto_generichash_state   state;

    if (!claude_blocks_name(space) || !claude_blocks_name(name)) {
        return CLAUDE_INVALID;
    }

    len = space->len + 2 + name->len;

    p = claude_alloc(mem, len + CLAUDE_RESPONSES_NAME_MAX);
    if (p == NULL) {
        return CLAUDE_NO_MEMORY;
    }

    memcpy(p, space->data, space->len);
    memcpy(p + space->len, "__", 2);
    memcpy(p + space->len + 2, name->data, name->len);

    if (len > CLAUDE_RESPONSES_NAME_MAX) {
        crypto_generichash_init(&state, NULL, 0, sizeof(hash));
        crypto_generichash_update(&state, p, len);
        crypto_generichash_final(&state, hash, sizeof(hash));

        keep = CLAUDE_RESPONSES_NAME_MAX - 1 - 2 * sizeof(hash);
        p[keep] = '_';

        sodium_bin2hex((char *) p + keep + 1, 2 * sizeof(hash) + 1, hash,
                       sizeof(hash));
        len = CLAUDE_RESPONSES_NAME_MAX;
    }

    flat->data = p;
    flat->len = len;

    return CLAUDE_OK;
}
