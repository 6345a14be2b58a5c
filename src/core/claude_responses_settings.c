
#include "claude_responses_parse.h"


static void claude_responses_on_effort(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_summary(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_format(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_verbosity(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_format_type(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_schema(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_format_end(claude_parse_t *parse);
static void claude_responses_on_choice_type(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_choice_name(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_choice_space(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_choice_end(claude_parse_t *parse);


static const claude_parse_field_t  claude_responses_reasoning_fields[] = {

    { claude_string("effort"),
      claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0,
      claude_responses_on_effort,
      "must be none, minimal, low, medium, high, xhigh or max" },

    { claude_string("summary"),
      claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0,
      claude_responses_on_summary,
      "must be auto, concise or detailed" },

    { claude_string("generate_summary"),
      claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0,
      claude_responses_on_summary,
      "must be auto, concise or detailed" },

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


static const claude_parse_field_t  claude_responses_text_fields[] = {

    { claude_string("format"),
      claude_parse_null_or(CLAUDE_PARSE_OBJECT), 0, 0,
      claude_responses_on_format,
      "must be an object" },

    { claude_string("verbosity"),
      claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0,
      claude_responses_on_verbosity,
      "must be a string" },

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


static const claude_parse_field_t  claude_responses_format_fields[] = {

    { claude_string("type"),
      CLAUDE_PARSE_STRING, 0, 0,
      claude_responses_on_format_type,
      "must be a string" },

    { claude_string("schema"),
      claude_parse_null_or(CLAUDE_PARSE_OBJECT), 0, 0,
      claude_responses_on_schema,
      "must be an object" },

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


static const claude_parse_field_t  claude_responses_choice_fields[] = {

    { claude_string("type"),
      CLAUDE_PARSE_STRING, 0, 0,
      claude_responses_on_choice_type,
      "must be a string" },

    { claude_string("name"),
      CLAUDE_PARSE_STRING, 0, 0,
      claude_responses_on_choice_name,
      "must be a string" },

    { claude_string("namespace"),
      claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0,
      claude_responses_on_choice_space,
      "must be a string" },

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


const claude_parse_place_t  claude_responses_reasoning = {
    claude_responses_reasoning_fields, NULL, NULL
};

const claude_parse_place_t  claude_responses_text = {
    claude_responses_text_fields, NULL, NULL
};

static const claude_parse_place_t  claude_responses_format_place = {
    claude_responses_format_fields, NULL, claude_responses_format_end
};

const claude_parse_place_t  claude_responses_choice = {
    claude_responses_choice_fields, NULL, claude_responses_choice_end
};


static void
claude_responses_on_effort(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    if (claude_parse_effort(parse, token, &self->effort) == CLAUDE_OK) {
        self->no_thinking = (self->effort == NULL);
        self->reasoning = 1;
        self->facts->echo[CLAUDE_RESPONSES_EFFORT] = token->raw;
    }
}


static void
claude_responses_on_summary(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    if (!claude_parse_is(&token->text, "auto")
        && !claude_parse_is(&token->text, "concise")
        && !claude_parse_is(&token->text, "detailed"))
    {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                          "must be auto, concise or detailed");
        return;
    }

    self->facts->summary = 1;
    self->facts->echo[CLAUDE_RESPONSES_SUMMARY] = token->raw;
    self->reasoning = 1;
}


static void
claude_responses_on_format(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    self->format_raw = token->raw.data;
    claude_parse_enter(parse, &claude_responses_format_place);
}


static void
claude_responses_on_verbosity(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    self->facts->echo[CLAUDE_RESPONSES_VERBOSITY] = token->raw;
}


static void
claude_responses_on_format_type(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    self->format = claude_parse_keep(parse, token);
}


static void
claude_responses_on_schema(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    claude_parse_capture(parse, token, &self->schema);
}


static void
claude_responses_format_end(claude_parse_t *parse)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    claude_str_t  *echo;

    static const claude_str_t  object = claude_string("{\"type\":\"object\"}");

    if (self->format.data == NULL) {
        claude_parse_fail(parse, CLAUDE_ERR_MISSING, "type", NULL);
        return;
    }

    if (claude_parse_is(&self->format, "text")) {
        self->schema.len = 0;

    } else if (claude_parse_is(&self->format, "json_object")) {
        self->schema = object;

    } else if (!claude_parse_is(&self->format, "json_schema")) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, "type",
                          "must be text, json_schema or json_object");
        return;

    } else if (self->schema.len == 0) {
        claude_parse_fail(parse, CLAUDE_ERR_MISSING, "schema", NULL);
        return;
    }

    echo = &self->facts->echo[CLAUDE_RESPONSES_FORMAT];

    echo->data = self->format_raw;
    echo->len = parse->at - self->format_raw;
}


static void
claude_responses_on_choice_type(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    self->choice_type = claude_parse_keep(parse, token);
}


static void
claude_responses_on_choice_name(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    self->choice_name = claude_parse_keep(parse, token);
}


static void
claude_responses_on_choice_space(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    self->choice_space = claude_parse_keep(parse, token);
}


static void
claude_responses_choice_end(claude_parse_t *parse)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    claude_str_t  *echo;

    if (self->choice_type.data == NULL) {
        claude_parse_fail(parse, CLAUDE_ERR_MISSING, "type", NULL);
        return;
    }

    if (!claude_parse_is(&self->choice_type, "function")) {
        claude_parse_fail(parse, CLAUDE_ERR_UNSUPPORTED, "type",
                          "must be function");
        return;
    }

    if (self->choice_name.data == NULL) {
        claude_parse_fail(parse, CLAUDE_ERR_MISSING, "name", NULL);
        return;
    }

    self->tools.choice = CLAUDE_TOOLS_ONE;

    echo = &self->facts->echo[CLAUDE_RESPONSES_CHOICE];

    echo->data = self->choice_raw;
    echo->len = parse->at - self->choice_raw;
}


void
claude_responses_tools_end(claude_responses_parse_t *self)
{
    claude_rc_t      rc;
    claude_str_t    *echo, *name;
    claude_tools_t  *tools;

    tools = &self->tools;
    echo = &self->facts->echo[CLAUDE_RESPONSES_METADATA];

    if (echo->len > CLAUDE_RESPONSES_ECHO_MAX) {
        claude_parse_fail(&self->parse, CLAUDE_ERR_INVALID_VALUE, "metadata",
                          "must be of at most 65536 bytes");
        return;
    }

    self->parse.request->tools = (tools->count != 0);

    if (tools->choice == CLAUDE_TOOLS_ANY && tools->count == 0) {
        claude_parse_fail(&self->parse, CLAUDE_ERR_INVALID_VALUE,
                          "tool_choice", "is only allowed with tools");
        return;
    }

    if (tools->choice != CLAUDE_TOOLS_ONE) {
        return;
    }

    name = &self->choice_name;

    if (self->choice_space.len) {
        rc = claude_responses_flat(self->parse.mem, &self->choice_space, name,
                                   name);

        if (rc == CLAUDE_NO_MEMORY) {
            self->parse.rc = rc;
            return;
        }
    }

    if (!claude_tools_has(tools, name)) {
        claude_parse_fail(&self->parse, CLAUDE_ERR_INVALID_VALUE,
                          "tool_choice", "must name one of the tools");
        return;
    }

    tools->choice_name = *name;
}
