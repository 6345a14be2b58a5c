
#include "claude_responses_parse.h"


#define CLAUDE_RESPONSES_TOKENS_MAX  10000000


static void claude_responses_on_input(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_instructions(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_stream(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_max_tokens(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_temperature(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_top_p(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_reasoning(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_text(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_tools(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_choice(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_parallel(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_include(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_included(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_logprobs(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_truncation(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_store(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_background(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_previous(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_metadata(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_user(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_safety(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_cache_key(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_keep_echo(claude_parse_t *parse,
    const claude_json_token_t *token, claude_responses_echo_e echo);


static const claude_parse_field_t  claude_responses_fields[] = {

    { claude_string("model"),
      CLAUDE_PARSE_STRING, 0, 0,
      claude_parse_model,
      "must be the name of a model" },

    { claude_string("input"),
      CLAUDE_PARSE_STRING | CLAUDE_PARSE_ARRAY, 0, 0,
      claude_responses_on_input,
      "must be a string or an array of items" },

    { claude_string("instructions"),
      claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0,
      claude_responses_on_instructions,
      "must be a string" },

    { claude_string("stream"),
      claude_parse_null_or(CLAUDE_PARSE_BOOL), 0, 0,
      claude_responses_on_stream,
      "must be a boolean" },

    { claude_string("max_output_tokens"),
      claude_parse_null_or(CLAUDE_PARSE_INTEGER), 1,
      CLAUDE_RESPONSES_TOKENS_MAX,
      claude_responses_on_max_tokens,
      "must be an integer from 1 to 10000000" },

    { claude_string("temperature"),
      claude_parse_null_or(CLAUDE_PARSE_NUMBER), 0, 2,
      claude_responses_on_temperature,
      "must be a number from 0 to 2" },

    { claude_string("top_p"),
      claude_parse_null_or(CLAUDE_PARSE_NUMBER), 0, 1,
      claude_responses_on_top_p,
      "must be a number from 0 to 1" },

    { claude_string("reasoning"),
      claude_parse_null_or(CLAUDE_PARSE_OBJECT), 0, 0,
      claude_responses_on_reasoning,
      "must be an object" },

    { claude_string("text"),
      claude_parse_null_or(CLAUDE_PARSE_OBJECT), 0, 0,
      claude_responses_on_text,
      "must be an object" },

    { claude_string("tools"),
      claude_parse_null_or(CLAUDE_PARSE_ARRAY), 0, 0,
      claude_responses_on_tools,
      "must be an array" },

    { claude_string("tool_choice"),
      claude_parse_null_or(CLAUDE_PARSE_STRING | CLAUDE_PARSE_OBJECT), 0, 0,
      claude_responses_on_choice,
      "must be a string or an object" },

    { claude_string("parallel_tool_calls"),
      claude_parse_null_or(CLAUDE_PARSE_BOOL), 0, 0,
      claude_responses_on_parallel,
      "must be a boolean" },

    { claude_string("include"),
      claude_parse_null_or(CLAUDE_PARSE_ARRAY), 0, 0,
      claude_responses_on_include,
      "must be an array" },

    { claude_string("top_logprobs"),
      claude_parse_null_or(CLAUDE_PARSE_INTEGER), 0, 20,
      claude_responses_on_logprobs,
      "must be an integer from 0 to 20" },

    { claude_string("truncation"),
      claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0,
      claude_responses_on_truncation,
      "must be a string" },

    { claude_string("store"),
      claude_parse_null_or(CLAUDE_PARSE_BOOL), 0, 0,
      claude_responses_on_store,
      "must be a boolean" },

    { claude_string("background"),
      claude_parse_null_or(CLAUDE_PARSE_BOOL), 0, 0,
      claude_responses_on_background,
      "must be a boolean" },

    { claude_string("previous_response_id"),
      CLAUDE_PARSE_ANY, 0, 0,
      claude_responses_on_previous,
      NULL },

    { claude_string("conversation"),
      CLAUDE_PARSE_ANY, 0, 0,
      claude_responses_on_previous,
      NULL },

    { claude_string("prompt"),
      CLAUDE_PARSE_ANY, 0, 0,
      claude_parse_unsupported,
      NULL },

    { claude_string("metadata"),
      claude_parse_null_or(CLAUDE_PARSE_OBJECT), 0, 0,
      claude_responses_on_metadata,
      "must be an object" },

    { claude_string("user"),
      claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0,
      claude_responses_on_user,
      "must be a string" },

    { claude_string("safety_identifier"),
      claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0,
      claude_responses_on_safety,
      "must be a string" },

    { claude_string("prompt_cache_key"),
      claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0,
      claude_responses_on_cache_key,
      "must be a string" },

    { claude_string("service_tier"),
      claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0, NULL,
      "must be a string" },

    { claude_string("max_tool_calls"),
      claude_parse_null_or(CLAUDE_PARSE_INTEGER), 0, 0, NULL,
      "must be an integer" },

    { claude_string("stream_options"),
      claude_parse_null_or(CLAUDE_PARSE_OBJECT), 0, 0, NULL,
      "must be an object" },

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


const claude_parse_place_t  claude_responses_top = {
    claude_responses_fields, NULL, NULL
};

static const claude_parse_place_t  claude_responses_include_place = {
    NULL, claude_responses_on_included, NULL
};


static void
claude_responses_on_input(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    self->has_input = 1;

    if (token->type == CLAUDE_JSON_ARRAY) {
        claude_parse_enter(parse, &claude_responses_input);
        return;
    }

    claude_responses_input_text(self, token);
}


static void
claude_responses_on_instructions(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    claude_parse_record(&self->instructions, token);
    claude_responses_keep_echo(parse, token, CLAUDE_RESPONSES_INSTRUCTIONS);
}


static void
claude_responses_on_stream(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    parse->request->stream = (token->type == CLAUDE_JSON_TRUE);
}


static void
claude_responses_on_max_tokens(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    (void) claude_json_uint(&token->raw, CLAUDE_RESPONSES_TOKENS_MAX,
                            &self->max_tokens);

    self->facts->echo[CLAUDE_RESPONSES_MAX_OUTPUT_TOKENS] = token->raw;
}


/* Anthropic's range ends at 1, its default */

static void
claude_responses_on_temperature(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    double  value;

    if (claude_json_double(&token->raw, 0, 1, &value) == CLAUDE_OK
        && value < 1)
    {
        self->temperature = token->raw;
    }

    claude_responses_keep_echo(parse, token, CLAUDE_RESPONSES_TEMPERATURE);
}


static void
claude_responses_on_top_p(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    double  value;

    if (claude_json_double(&token->raw, 0, 1, &value) == CLAUDE_OK
        && value < 1)
    {
        self->top_p = token->raw;
    }

    claude_responses_keep_echo(parse, token, CLAUDE_RESPONSES_TOP_P);
}


static void
claude_responses_on_reasoning(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    (void) token;

    claude_parse_enter(parse, &claude_responses_reasoning);
}


static void
claude_responses_on_text(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    (void) token;

    claude_parse_enter(parse, &claude_responses_text);
}


static void
claude_responses_on_tools(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    self->tools_raw = token->raw.data;
    claude_parse_enter(parse, &claude_responses_tools);
}


static void
claude_responses_on_choice(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    if (token->type == CLAUDE_JSON_OBJECT) {
        self->choice_raw = token->raw.data;
        claude_parse_enter(parse, &claude_responses_choice);
        return;
    }

    self->facts->echo[CLAUDE_RESPONSES_CHOICE] = token->raw;

    if (claude_parse_is(&token->text, "none")) {
        self->tools.choice = CLAUDE_TOOLS_NONE;

    } else if (claude_parse_is(&token->text, "required")) {
        self->tools.choice = CLAUDE_TOOLS_ANY;

    } else if (!claude_parse_is(&token->text, "auto")) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                          "must be none, auto, required or a function");
    }
}


static void
claude_responses_on_parallel(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    self->tools.serial = (token->type == CLAUDE_JSON_FALSE);
    claude_responses_keep_echo(parse, token, CLAUDE_RESPONSES_PARALLEL);
}


static void
claude_responses_on_include(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    (void) token;

    claude_parse_enter(parse, &claude_responses_include_place);
}


/* encrypted_content comes unasked, and what hosted tools find never */

static void
claude_responses_on_included(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    if (token->type != CLAUDE_JSON_STRING) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_TYPE, NULL,
                          "must be a string");

    } else if (claude_parse_is(&token->text, "message.output_text.logprobs")) {
        claude_parse_fail(parse, CLAUDE_ERR_UNSUPPORTED, NULL,
                          "the model tells no probabilities");
    }
}


static void
claude_responses_on_logprobs(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    if (!claude_parse_is(&token->raw, "0")) {
        claude_parse_fail(parse, CLAUDE_ERR_UNSUPPORTED, NULL,
                          "the model tells no probabilities");
    }
}


static void
claude_responses_on_truncation(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    if (!claude_parse_is(&token->text, "disabled")) {
        claude_parse_fail(parse, CLAUDE_ERR_UNSUPPORTED, NULL,
                          "must be disabled: the input is never cut");
    }
}


static void
claude_responses_on_store(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    if (token->type == CLAUDE_JSON_TRUE) {
        claude_parse_fail(parse, CLAUDE_ERR_UNSUPPORTED, NULL,
                          "must be false: nothing is stored");
    }
}


static void
claude_responses_on_background(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    if (token->type == CLAUDE_JSON_TRUE) {
        claude_parse_fail(parse, CLAUDE_ERR_UNSUPPORTED, NULL,
                          "must be false: nothing is stored");
    }
}


static void
claude_responses_on_previous(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    if (token->type != CLAUDE_JSON_NULL) {
        claude_parse_fail(parse, CLAUDE_ERR_UNSUPPORTED, NULL,
               "nothing is stored: send the whole conversation as input");
    }
}


static void
claude_responses_on_metadata(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    claude_parse_capture(parse, token,
                         &self->facts->echo[CLAUDE_RESPONSES_METADATA]);
}


static void
claude_responses_on_user(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_keep_echo(parse, token, CLAUDE_RESPONSES_USER);
}


static void
claude_responses_on_safety(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_keep_echo(parse, token, CLAUDE_RESPONSES_SAFETY);
}


static void
claude_responses_on_cache_key(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_keep_echo(parse, token, CLAUDE_RESPONSES_CACHE_KEY);
}


static void
claude_responses_keep_echo(claude_parse_t *parse,
    const claude_json_token_t *token, claude_responses_echo_e echo)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    self->facts->echo[echo] = token->raw;
}
