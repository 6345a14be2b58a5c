
#include "claude_responses_parse.h"


#define CLAUDE_RESPONSES_ITEMS_MAX  100000


static void claude_responses_on_item(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_type(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_role(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_content(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_output(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_call_id(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_name(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_namespace(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_arguments(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_sealed(claude_parse_t *parse,
    const claude_json_token_t *token);


static const claude_parse_field_t  claude_responses_item_fields[] = {

    { claude_string("type"),
      claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0,
      claude_responses_on_type,
      "must be a string" },

    { claude_string("role"),
      claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0,
      claude_responses_on_role,
      "must be a string" },

    { claude_string("content"),
      CLAUDE_PARSE_ANY, 0, 0,
      claude_responses_on_content,
      NULL },

    { claude_string("output"),
      CLAUDE_PARSE_ANY, 0, 0,
      claude_responses_on_output,
      NULL },

    { claude_string("call_id"),
      claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0,
      claude_responses_on_call_id,
      "must be a string" },

    { claude_string("name"),
      claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0,
      claude_responses_on_name,
      "must be a string" },

    { claude_string("namespace"),
      claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0,
      claude_responses_on_namespace,
      "must be a string" },

    { claude_string("arguments"),
      claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0,
      claude_responses_on_arguments,
      "must be a string" },

    { claude_string("encrypted_content"),
      claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0,
      claude_responses_on_sealed,
      "must be a string" },

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


const claude_parse_place_t  claude_responses_input = {
    NULL, claude_responses_on_item, claude_responses_items_end
};

static const claude_parse_place_t  claude_responses_item_place = {
    claude_responses_item_fields, NULL, claude_responses_item_end
};


/* hosted: what OpenAI's own tools did, which the model can't be told */

static const claude_parse_choice_t  claude_responses_kinds[] = {
    { claude_string("message"), CLAUDE_RESPONSES_ITEM_MESSAGE },
    { claude_string("function_call"), CLAUDE_RESPONSES_ITEM_CALL },
    { claude_string("function_call_output"), CLAUDE_RESPONSES_ITEM_OUTPUT },
    { claude_string("reasoning"), CLAUDE_RESPONSES_ITEM_REASONING },
    { claude_string("web_search_call"), CLAUDE_RESPONSES_ITEM_IGNORED },
    { claude_string("item_reference"), CLAUDE_RESPONSES_ITEM_REFERENCE },
    { claude_string("file_search_call"), CLAUDE_RESPONSES_ITEM_HOSTED },
    { claude_string("computer_call"), CLAUDE_RESPONSES_ITEM_HOSTED },
    { claude_string("computer_call_output"), CLAUDE_RESPONSES_ITEM_HOSTED },
    { claude_string("code_interpreter_call"), CLAUDE_RESPONSES_ITEM_HOSTED },
    { claude_string("image_generation_call"), CLAUDE_RESPONSES_ITEM_HOSTED },
    { claude_string("local_shell_call"), CLAUDE_RESPONSES_ITEM_HOSTED },
    { claude_string("local_shell_call_output"),
      CLAUDE_RESPONSES_ITEM_HOSTED },
    { claude_string("custom_tool_call"), CLAUDE_RESPONSES_ITEM_HOSTED },
    { claude_string("custom_tool_call_output"),
      CLAUDE_RESPONSES_ITEM_HOSTED },
    { claude_string("mcp_call"), CLAUDE_RESPONSES_ITEM_HOSTED },
    { claude_string("mcp_list_tools"), CLAUDE_RESPONSES_ITEM_HOSTED },
    { claude_string("mcp_approval_request"), CLAUDE_RESPONSES_ITEM_HOSTED },
    { claude_string("mcp_approval_response"), CLAUDE_RESPONSES_ITEM_HOSTED },
    { { 0, NULL }, CLAUDE_RESPONSES_ITEM_UNKNOWN }
};


static const claude_parse_choice_t  claude_responses_roles[] = {
    { claude_string("user"), CLAUDE_ROLE_USER },
    { claude_string("assistant"), CLAUDE_ROLE_ASSISTANT },
    { claude_string("system"), CLAUDE_ROLE_SYSTEM },
    { claude_string("developer"), CLAUDE_ROLE_SYSTEM },
    { { 0, NULL }, CLAUDE_ROLE_UNKNOWN }
};


static void
claude_responses_on_item(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    if (token->type != CLAUDE_JSON_OBJECT) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_TYPE, NULL,
                          "must be an object");
        return;
    }

    if (claude_parse_frame(parse)->count > CLAUDE_RESPONSES_ITEMS_MAX) {
        claude_parse_frame(parse)->inside = 0;
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                          "must hold at most 100000 items");
        return;
    }

    memset(&self->item, 0, sizeof(claude_responses_in_t));

    claude_out_init(&self->result, parse->mem, self->result.max);
    claude_blocks_begin(&self->blocks, CLAUDE_ROLE_UNKNOWN);

    claude_parse_enter(parse, &claude_responses_item_place);
}


static void
claude_responses_on_type(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    self->item.kind = claude_parse_choose(claude_responses_kinds,
                                          &token->text);
}


static void
claude_responses_on_role(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    self->item.role = claude_parse_choose(claude_responses_roles,
                                          &token->text);

    if (self->item.role == CLAUDE_ROLE_UNKNOWN) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                          "must be system, developer, user or assistant");
    }
}


static void
claude_responses_on_content(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    claude_parse_text_t  text;

    switch (token->type) {

    case CLAUDE_JSON_NULL:
        break;

    case CLAUDE_JSON_STRING:
        self->item.content = 1;
        claude_parse_record(&text, token);
        claude_blocks_text(&self->blocks, &text);
        break;

    case CLAUDE_JSON_ARRAY:
        self->item.content = 1;
        claude_parse_enter(parse, &claude_responses_content);
        break;

    default:
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_TYPE, NULL,
                          "must be a string or an array of parts");
    }
}


/* an output of any other kind belongs to an item that is refused or ignored */

static void
claude_responses_on_output(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    claude_parse_text_t  text;

    if (token->type == CLAUDE_JSON_ARRAY) {
        self->item.output = 1;
        self->blocks.to = &self->result;
        claude_parse_enter(parse, &claude_responses_output);
        return;
    }

    if (token->type != CLAUDE_JSON_STRING) {
        return;
    }

    self->item.output = 1;

    claude_parse_record(&text, token);

    self->blocks.to = &self->result;
    claude_blocks_text(&self->blocks, &text);
    self->blocks.to = NULL;
}


static void
claude_responses_on_call_id(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    self->item.call_id = claude_parse_keep(parse, token);
}


static void
claude_responses_on_name(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    self->item.name = claude_parse_keep(parse, token);
}


static void
claude_responses_on_namespace(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    self->item.space = claude_parse_keep(parse, token);
}


static void
claude_responses_on_arguments(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    self->item.arguments = claude_blocks_arguments(parse, token);
}


static void
claude_responses_on_sealed(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    self->item.sealed = claude_parse_keep(parse, token);
}
