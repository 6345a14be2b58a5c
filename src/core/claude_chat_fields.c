
#include "claude_chat_parse.h"

#include <string.h>


#define CLAUDE_CHAT_MAX_STOPS   4
#define CLAUDE_CHAT_TOKENS_MAX  10000000


static void claude_chat_on_messages(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_max_tokens(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_max_completion_tokens(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_temperature(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_top_p(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_stop(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_stop_element(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_effort(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_stream(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_stream_options(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_include_usage(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_logprobs(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_modalities(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_modality(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_chat_on_parallel(claude_parse_t *parse,
    const claude_json_token_t *token);


static const claude_parse_field_t  claude_chat_fields[] = {

    { claude_string("model"),
      CLAUDE_PARSE_STRING, 0, 0, claude_parse_model,
      "must be the name of a model" },

    { claude_string("messages"),
      CLAUDE_PARSE_ANY, 0, 0, claude_chat_on_messages,
      NULL },

    { claude_string("max_tokens"),
      claude_parse_null_or(CLAUDE_PARSE_INTEGER), 1, CLAUDE_CHAT_TOKENS_MAX,
      claude_chat_on_max_tokens, "must be an integer from 1 to 10000000" },

    { claude_string("max_completion_tokens"),
      claude_parse_null_or(CLAUDE_PARSE_INTEGER), 1, CLAUDE_CHAT_TOKENS_MAX,
      claude_chat_on_max_completion_tokens,
      "must be an integer from 1 to 10000000" },

    { claude_string("temperature"),
      claude_parse_null_or(CLAUDE_PARSE_NUMBER), 0, 2,
      claude_chat_on_temperature, "must be a number from 0 to 2" },

    { claude_string("top_p"),
      claude_parse_null_or(CLAUDE_PARSE_NUMBER), 0, 1, claude_chat_on_top_p,
      "must be a number from 0 to 1" },

    { claude_string("stop"),
      claude_parse_null_or(CLAUDE_PARSE_STRING | CLAUDE_PARSE_ARRAY), 0, 0,
      claude_chat_on_stop, "must be a string or an array of up to 4 strings" },

    { claude_string("reasoning_effort"),
      claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0, claude_chat_on_effort,
      "must be none, minimal, low, medium, high, xhigh or max" },

    { claude_string("stream"),
      claude_parse_null_or(CLAUDE_PARSE_BOOL), 0, 0, claude_chat_on_stream,
      "must be a boolean" },

    { claude_string("stream_options"),
      claude_parse_null_or(CLAUDE_PARSE_OBJECT), 0, 0,
      claude_chat_on_stream_options, "must be an object" },

    { claude_string("n"),
      claude_parse_null_or(CLAUDE_PARSE_INTEGER), 0.5, 1.5, NULL,
      "must be 1: a request has one answer" },

    { claude_string("logprobs"),
      claude_parse_null_or(CLAUDE_PARSE_BOOL), 0, 0, claude_chat_on_logprobs,
      "must be a boolean" },

    { claude_string("top_logprobs"),
      claude_parse_null_or(CLAUDE_PARSE_INTEGER), 0, 20, NULL,
      "must be an integer from 0 to 20" },

    { claude_string("modalities"),
      claude_parse_null_or(CLAUDE_PARSE_ARRAY), 0, 0, claude_chat_on_modalities,
      "must be an array" },

    { claude_string("audio"),
      CLAUDE_PARSE_ANY, 0, 0, claude_parse_unsupported,
      NULL },

    { claude_string("web_search_options"),
      CLAUDE_PARSE_ANY, 0, 0, claude_parse_unsupported,
      NULL },

    { claude_string("tools"),
      claude_parse_null_or(CLAUDE_PARSE_ARRAY), 0, 0, claude_chat_on_tools,
      "must be an array" },

    { claude_string("functions"),
      claude_parse_null_or(CLAUDE_PARSE_ARRAY), 0, 0, claude_chat_on_functions,
      "must be an array" },

    { claude_string("tool_choice"),
      claude_parse_null_or(CLAUDE_PARSE_STRING | CLAUDE_PARSE_OBJECT), 0, 0,
      claude_chat_on_tool_choice, "must be a string or an object" },

    { claude_string("function_call"),
      claude_parse_null_or(CLAUDE_PARSE_STRING | CLAUDE_PARSE_OBJECT), 0, 0,
      claude_chat_on_function_choice, "must be a string or an object" },

    { claude_string("parallel_tool_calls"),
      claude_parse_null_or(CLAUDE_PARSE_BOOL), 0, 0, claude_chat_on_parallel,
      "must be a boolean" },

    { claude_string("response_format"),
      claude_parse_null_or(CLAUDE_PARSE_OBJECT), 0, 0, claude_chat_on_format,
      "must be an object" },

    { claude_string("presence_penalty"),
      claude_parse_null_or(CLAUDE_PARSE_NUMBER), -2, 2, NULL,
      "must be a number from -2 to 2" },

    { claude_string("frequency_penalty"),
      claude_parse_null_or(CLAUDE_PARSE_NUMBER), -2, 2, NULL,
      "must be a number from -2 to 2" },

    { claude_string("seed"),
      claude_parse_null_or(CLAUDE_PARSE_INTEGER), 0, 0, NULL,
      "must be an integer" },

    { claude_string("logit_bias"),
      claude_parse_null_or(CLAUDE_PARSE_OBJECT), 0, 0, NULL,
      "must be an object" },

    { claude_string("metadata"),
      claude_parse_null_or(CLAUDE_PARSE_OBJECT), 0, 0, NULL,
      "must be an object" },

    { claude_string("store"),
      claude_parse_null_or(CLAUDE_PARSE_BOOL), 0, 0, NULL,
      "must be a boolean" },

    { claude_string("user"),
      claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0, NULL,
      "must be a string" },

    { claude_string("safety_identifier"),
      claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0, NULL,
      "must be a string" },

    { claude_string("prompt_cache_key"),
      claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0, NULL,
      "must be a string" },

    { claude_string("service_tier"),
      claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0, NULL,
      "must be a string" },

    { claude_string("verbosity"),
      claude_parse_null_or(CLAUDE_PARSE_STRING), 0, 0, NULL,
      "must be a string" },

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


static const claude_parse_field_t  claude_chat_stream_fields[] = {

    { claude_string("include_usage"),
      claude_parse_null_or(CLAUDE_PARSE_BOOL), 0, 0,
      claude_chat_on_include_usage, "must be a boolean" },

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


const claude_parse_place_t  claude_chat_top = {
    claude_chat_fields, NULL, NULL
};

static const claude_parse_place_t  claude_chat_stop_place = {
    NULL, claude_chat_on_stop_element, NULL
};

static const claude_parse_place_t  claude_chat_stream_place = {
    claude_chat_stream_fields, NULL, NULL
};

static const claude_parse_place_t  claude_chat_modality_place = {
    NULL, claude_chat_on_modality, NULL
};


static void
claude_chat_on_messages(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    if (token->type != CLAUDE_JSON_ARRAY) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_MESSAGES, NULL,
                          "must be an array");
        return;
    }

    chat->has_messages = 1;
    claude_parse_enter(parse, &claude_chat_messages);
}


static void
claude_chat_on_max_tokens(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    (void) claude_json_uint(&token->raw, CLAUDE_CHAT_TOKENS_MAX,
                            &chat->max_tokens);
}


static void
claude_chat_on_max_completion_tokens(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    (void) claude_json_uint(&token->raw, CLAUDE_CHAT_TOKENS_MAX,
                            &chat->max_completion_tokens);
}


/* Anthropic's range ends at 1, its default */

static void
claude_chat_on_temperature(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    double  value;

    if (claude_json_double(&token->raw, 0, 1, &value) == CLAUDE_OK
        && value < 1)
    {
        chat->temperature = token->raw;
    }
}


static void
claude_chat_on_top_p(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    double  value;

    if (claude_json_double(&token->raw, 0, 1, &value) == CLAUDE_OK
        && value < 1)
    {
        chat->top_p = token->raw;
    }
}


static void
claude_chat_on_stop(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    if (token->type == CLAUDE_JSON_ARRAY) {
        claude_parse_enter(parse, &claude_chat_stop_place);
        return;
    }

    claude_chat_on_stop_element(parse, token);
}


static void
claude_chat_on_stop_element(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    if (token->type != CLAUDE_JSON_STRING) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_TYPE, NULL,
                          "must be a string");
        return;
    }

    if (chat->nstops == CLAUDE_CHAT_MAX_STOPS) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                          "is one more than the 4 that are allowed");
        return;
    }

    if (claude_parse_blank(&token->text)) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                          "must hold something else than white space");
        return;
    }

    if (chat->nstops++) {
        claude_out_literal(&chat->stops, ",");
    }

    claude_out_link(&chat->stops, token->raw.data, token->raw.len);
}


static void
claude_chat_on_effort(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    if (claude_parse_effort(parse, token, &chat->effort) == CLAUDE_OK) {
        chat->no_thinking = (chat->effort == NULL);
    }
}


static void
claude_chat_on_stream(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    parse->request->stream = (token->type == CLAUDE_JSON_TRUE);
}


static void
claude_chat_on_stream_options(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    (void) token;

    chat->has_stream_options = 1;
    claude_parse_enter(parse, &claude_chat_stream_place);
}


static void
claude_chat_on_include_usage(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    parse->request->include_usage = (token->type == CLAUDE_JSON_TRUE);
}


static void
claude_chat_on_logprobs(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    if (token->type == CLAUDE_JSON_TRUE) {
        claude_parse_unsupported(parse, token);
    }
}


static void
claude_chat_on_modalities(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    (void) token;

    claude_parse_enter(parse, &claude_chat_modality_place);
}


static void
claude_chat_on_modality(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    if (token->type != CLAUDE_JSON_STRING
        || !claude_parse_is(&token->text, "text"))
    {
        claude_parse_frame(parse)->inside = 0;
        claude_parse_fail(parse, CLAUDE_ERR_UNSUPPORTED, NULL,
                          "answers are text");
    }
}


static void
claude_chat_on_parallel(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_chat_parse_t *chat = (claude_chat_parse_t *) parse;

    chat->tools.serial = (token->type == CLAUDE_JSON_FALSE);
}
