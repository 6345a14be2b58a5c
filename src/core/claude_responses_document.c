
#include "claude_responses_out.h"

#include <string.h>


static void claude_responses_put_echoes(const claude_request_t *request,
    unsigned told, claude_out_t *out);
static void claude_responses_put_error(const claude_fault_t *fault,
    claude_out_t *out);
static const char *claude_responses_error_code(claude_err_e err);
static void claude_responses_put_usage(const claude_usage_t *usage,
    claude_out_t *out);


/* what stands before each, and where the request says nothing */

static const struct {
    const char            *before;
    const char            *absent;
} claude_responses_echoes[CLAUDE_RESPONSES_ECHOES] = {

    [CLAUDE_RESPONSES_INSTRUCTIONS] =
        { "\"instructions\":", "null" },
    [CLAUDE_RESPONSES_MAX_OUTPUT_TOKENS] =
        { ",\"max_output_tokens\":", "null" },
    [CLAUDE_RESPONSES_METADATA] =
        { ",\"max_tool_calls\":null,\"metadata\":", "{}" },
    [CLAUDE_RESPONSES_PARALLEL] =
        { ",\"parallel_tool_calls\":", "true" },
    [CLAUDE_RESPONSES_CACHE_KEY] =
        { ",\"previous_response_id\":null,\"prompt_cache_key\":", "null" },
    [CLAUDE_RESPONSES_EFFORT] =
        { ",\"reasoning\":{\"effort\":", "null" },
    [CLAUDE_RESPONSES_SUMMARY] =
        { ",\"summary\":", "null" },
    [CLAUDE_RESPONSES_SAFETY] =
        { "},\"safety_identifier\":", "null" },
    [CLAUDE_RESPONSES_TEMPERATURE] =
        { ",\"service_tier\":\"default\",\"store\":false,\"temperature\":",
          "1" },
    [CLAUDE_RESPONSES_FORMAT] =
        { ",\"text\":{\"format\":", "{\"type\":\"text\"}" },
    [CLAUDE_RESPONSES_VERBOSITY] =
        { ",\"verbosity\":", "\"medium\"" },
    [CLAUDE_RESPONSES_CHOICE] =
        { "},\"tool_choice\":", "\"auto\"" },
    [CLAUDE_RESPONSES_TOOLS] =
        { ",\"tools\":", "[]" },
    [CLAUDE_RESPONSES_TOP_P] =
        { ",\"top_logprobs\":0,\"top_p\":", "1" },
    [CLAUDE_RESPONSES_USER] =
        { ",\"truncation\":\"disabled\",\"user\":", "null" }
};


/* the API's codes that clients act upon; all else is the server's error */

static const struct {
    claude_err_e           err;
    const char            *code;
} claude_responses_codes[] = {
    { CLAUDE_ERR_REJECTED, "invalid_prompt" },
    { CLAUDE_ERR_RATE_LIMIT, "rate_limit_exceeded" },
    { CLAUDE_ERR_TOKEN_LIMIT, "rate_limit_exceeded" },
    { CLAUDE_ERR_CONCURRENCY, "rate_limit_exceeded" },
    { CLAUDE_ERR_RATE_UPSTREAM, "rate_limit_exceeded" },
    { CLAUDE_ERR_QUOTA, "insufficient_quota" },
    { CLAUDE_ERR_OVERLOADED, "server_is_overloaded" },
    { CLAUDE_ERR_NONE, "server_error" }
};


claude_rc_t
claude_responses_document(claude_reply_t *reply, claude_out_t *out)
{
    if (!reply->complete) {
        return CLAUDE_INVALID;
    }

    claude_responses_put(reply, CLAUDE_RESPONSES_ENDED, NULL, out);

    return out->rc;
}


void
claude_responses_put(claude_reply_t *reply, claude_responses_status_e status,
    const claude_fault_t *fault, claude_out_t *out)
{
    const char                *reason;
    const claude_str_t        *model;
    claude_responses_state_t  *state = reply->state;

    reason = NULL;
    model = &reply->request->model;

    claude_out_literal(out, "{\"id\":\"resp_");
    claude_out_put(out, reply->id.data, reply->id.len);
    claude_out_literal(out, "\",\"object\":\"response\",\"created_at\":");
    claude_json_put_uint(out, reply->created);
    claude_out_literal(out, ",\"status\":\"");

    if (status == CLAUDE_RESPONSES_BEGUN) {
        claude_out_literal(out, "in_progress");

    } else if (status == CLAUDE_RESPONSES_FAILED) {
        claude_out_literal(out, "failed");

    } else {
        reason = claude_responses_incomplete(reply->stop);

        if (reason) {
            claude_out_literal(out, "in");
        }

        claude_out_literal(out, "complete");

        if (reason == NULL) {
            claude_out_literal(out, "d");
        }
    }

    claude_out_literal(out, "\",\"background\":false,\"error\":");
    claude_responses_put_error(fault, out);

    claude_out_literal(out, ",\"incomplete_details\":");

    if (reason) {
        claude_out_literal(out, "{\"reason\":\"");
        claude_out_put(out, reason, strlen(reason));
        claude_out_literal(out, "\"},");

    } else {
        claude_out_literal(out, "null,");
    }

    claude_responses_put_echoes(reply->request, !state->bare, out);

    claude_out_literal(out, ",\"model\":");
    claude_json_put_string(out, model->data, model->len);
    claude_out_literal(out, ",\"output\":[");

    if (status == CLAUDE_RESPONSES_ENDED) {
        claude_responses_copy(out, &state->output);
    }

    claude_out_literal(out, "],\"usage\":");

    if (status == CLAUDE_RESPONSES_ENDED) {
        claude_responses_put_usage(&reply->usage, out);

    } else {
        claude_out_literal(out, "null");
    }

    claude_out_literal(out, "}");
}


static void
claude_responses_put_echoes(const claude_request_t *request, unsigned told,
    claude_out_t *out)
{
    unsigned                         i;
    const char                      *text;
    const claude_responses_facts_t  *facts;

    facts = told ? request->own : NULL;

    for (i = 0; i < CLAUDE_RESPONSES_ECHOES; i++) {
        text = claude_responses_echoes[i].before;
        claude_out_put(out, text, strlen(text));

        if (facts && facts->echo[i].len) {
            claude_out_put(out, facts->echo[i].data, facts->echo[i].len);
            continue;
        }

        text = claude_responses_echoes[i].absent;
        claude_out_put(out, text, strlen(text));
    }
}


static void
claude_responses_put_error(const claude_fault_t *fault, claude_out_t *out)
{
    const char  *code;

    if (fault == NULL) {
        claude_out_literal(out, "null");
        return;
    }

    code = claude_responses_error_code(fault->err);

    claude_out_literal(out, "{\"code\":\"");
    claude_out_put(out, code, strlen(code));
    claude_out_literal(out, "\",\"message\":\"");
    claude_error_message(fault, out);
    claude_out_literal(out, "\"}");
}


static const char *
claude_responses_error_code(claude_err_e err)
{
    unsigned  i;

    for (i = 0; claude_responses_codes[i].err != CLAUDE_ERR_NONE; i++) {
        if (claude_responses_codes[i].err == err) {
            break;
        }
    }

    return claude_responses_codes[i].code;
}


const char *
claude_responses_incomplete(claude_stop_e stop)
{
    switch (stop) {

    case CLAUDE_STOP_MAX_TOKENS:
    case CLAUDE_STOP_CONTEXT:
    case CLAUDE_STOP_PAUSE_TURN:
        return "max_output_tokens";

    case CLAUDE_STOP_REFUSAL:
        return "content_filter";

    default:
        return NULL;
    }
}


static void
claude_responses_put_usage(const claude_usage_t *usage, claude_out_t *out)
{
    uint64_t  input;

    input = usage->input_tokens + usage->cache_read_tokens
            + usage->cache_creation_tokens;

    claude_out_literal(out, "{\"input_tokens\":");
    claude_json_put_uint(out, input);
    claude_out_literal(out, ",\"input_tokens_details\":{\"cached_tokens\":");
    claude_json_put_uint(out, usage->cache_read_tokens);
    claude_out_literal(out, "},\"output_tokens\":");
    claude_json_put_uint(out, usage->output_tokens);
    claude_out_literal(out, ",\"output_tokens_details\":"
                            "{\"reasoning_tokens\":");
    claude_json_put_uint(out, usage->thinking_tokens);
    claude_out_literal(out, "},\"total_tokens\":");
    claude_json_put_uint(out, input + usage->output_tokens);
    claude_out_literal(out, "}");
}


void
claude_responses_copy(claude_out_t *out, const claude_out_t *from)
{
    const claude_piece_t  *piece;

    for (piece = from->first; piece != NULL; piece = piece->next) {
        claude_out_put(out, piece->str.data, piece->str.len);
    }
}
