
#include "claude_chat_reply.h"

#include "claude_json_writer.h"

#include <string.h>


#define CLAUDE_CHAT_HEAD_CHUNK  512


/* what becomes of a block's start and deltas */

typedef claude_rc_t (*claude_chat_block_pt)(claude_reply_t *reply,
    const claude_event_t *event, claude_out_t *out);


static claude_rc_t claude_chat_start_whole(claude_reply_t *reply);
static void claude_chat_envelope(const claude_reply_t *reply,
    const char *object, claude_out_t *out);

static void claude_chat_first(const claude_chat_state_t *state,
    claude_out_t *out);
static claude_rc_t claude_chat_text(claude_reply_t *reply,
    const claude_event_t *event, claude_out_t *out);
static claude_rc_t claude_chat_thinking(claude_reply_t *reply,
    const claude_event_t *event, claude_out_t *out);
static claude_rc_t claude_chat_refused(claude_reply_t *reply,
    const claude_event_t *event, claude_out_t *out);
static claude_rc_t claude_chat_stop(claude_reply_t *reply, claude_out_t *out);

static void claude_chat_string(claude_out_t *out, claude_out_t *text,
    unsigned null);
static const char *claude_chat_reason(const claude_reply_t *reply);
static void claude_chat_usage(const claude_usage_t *usage, claude_out_t *out);


/* from the end of a string in a chunk's delta on */

static const claude_str_t  claude_chat_end =
    claude_string("\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n");

static const claude_str_t  claude_chat_end_usage =
    claude_string("\"},\"logprobs\":null,\"finish_reason\":null}],"
                  "\"usage\":null}\n\n");


/* by the kind of block or delta; NULL is left out */

static const claude_chat_block_pt  claude_chat_blocks[] = {
    [CLAUDE_BLOCK_TEXT] = claude_chat_text,
    [CLAUDE_BLOCK_THINKING] = claude_chat_thinking,
    [CLAUDE_BLOCK_SIGNATURE] = NULL,
    [CLAUDE_BLOCK_REDACTED] = NULL,
    [CLAUDE_BLOCK_TOOL_USE] = claude_chat_call
};


claude_rc_t
claude_chat_start(claude_reply_t *reply)
{
    claude_out_t          head;
    unsigned char         chunk[CLAUDE_CHAT_HEAD_CHUNK];
    claude_chat_facts_t  *facts;
    claude_chat_state_t  *state;

    state = claude_alloc(reply->mem, sizeof(claude_chat_state_t));
    if (state == NULL) {
        return CLAUDE_NO_MEMORY;
    }

    memset(state, 0, sizeof(claude_chat_state_t));
    reply->state = state;

    facts = reply->request->own;
    state->functions = (facts && facts->functions);

    if (!reply->request->stream) {
        return claude_chat_start_whole(reply);
    }

    claude_out_init_chunk(&head, reply->mem, CLAUDE_CHAT_HEAD_MAX, chunk,
                          sizeof(chunk));

    claude_out_literal(&head, "data: ");
    claude_chat_envelope(reply, "chat.completion.chunk", &head);
    state->choices = head.size;

    claude_out_literal(&head, "{\"index\":0,\"delta\":{");
    state->delta = head.size;

    claude_out_literal(&head, "\"content\":\"");
    state->content = head.size;

    if (head.rc != CLAUDE_OK) {
        return head.rc;
    }

    state->head = claude_alloc(reply->mem, head.size);
    if (state->head == NULL) {
        return CLAUDE_NO_MEMORY;
    }

    claude_out_copy(&head, state->head);

    state->end = reply->request->include_usage ? claude_chat_end_usage
                                               : claude_chat_end;

    return CLAUDE_OK;
}


static claude_rc_t
claude_chat_start_whole(claude_reply_t *reply)
{
    claude_chat_state_t  *state = reply->state;
    claude_chat_whole_t  *whole;

    whole = claude_alloc(reply->mem, sizeof(claude_chat_whole_t));
    if (whole == NULL) {
        return CLAUDE_NO_MEMORY;
    }

    state->whole = whole;

    claude_out_init(&whole->text, reply->mem, CLAUDE_CHAT_TEXT_MAX);
    claude_out_init(&whole->reasoning, reply->mem, CLAUDE_CHAT_TEXT_MAX);
    claude_out_init(&whole->calls, reply->mem, CLAUDE_CHAT_TEXT_MAX);
    claude_out_init(&whole->refusal, reply->mem, CLAUDE_CHAT_TEXT_MAX);

    return CLAUDE_OK;
}


/* a chunk or a document up to its choices */

static void
claude_chat_envelope(const claude_reply_t *reply, const char *object,
    claude_out_t *out)
{
    const claude_str_t  *model;

    model = &reply->request->model;

    claude_out_literal(out, "{\"id\":\"chatcmpl-");
    claude_out_put(out, reply->id.data, reply->id.len);
    claude_out_literal(out, "\",\"object\":\"");
    claude_out_put(out, object, strlen(object));
    claude_out_literal(out, "\",\"created\":");
    claude_json_put_uint(out, reply->created);
    claude_out_literal(out, ",\"model\":");
    claude_json_put_string(out, model->data, model->len);
    claude_out_literal(out, ",\"choices\":[");
}


claude_rc_t
claude_chat_event(claude_reply_t *reply, const claude_event_t *event,
    claude_out_t *out)
{
    claude_chat_block_pt  block;

    switch (event->type) {

    case CLAUDE_EVENT_MESSAGE_START:
        if (out) {
            claude_chat_first(reply->state, out);
        }

        return CLAUDE_OK;

    case CLAUDE_EVENT_BLOCK_START:
    case CLAUDE_EVENT_BLOCK_DELTA:
        block = claude_chat_blocks[event->block];
        return block ? block(reply, event, out) : CLAUDE_OK;

    case CLAUDE_EVENT_BLOCK_STOP:
        return (reply->block_type == CLAUDE_BLOCK_TOOL_USE)
               ? claude_chat_call_end(reply, out) : CLAUDE_OK;

    case CLAUDE_EVENT_MESSAGE_DELTA:
        return (event->stop == CLAUDE_STOP_REFUSAL)
               ? claude_chat_refused(reply, event, out) : CLAUDE_OK;

    case CLAUDE_EVENT_MESSAGE_STOP:
        return claude_chat_stop(reply, out);

    default:
        return CLAUDE_OK;
    }
}


static void
claude_chat_first(const claude_chat_state_t *state, claude_out_t *out)
{
    claude_out_put(out, state->head, state->delta);
    claude_out_literal(out, "\"role\":\"assistant\",\"content\":\"");
    claude_out_put(out, state->end.data, state->end.len);
}


static claude_rc_t
claude_chat_text(claude_reply_t *reply, const claude_event_t *event,
    claude_out_t *out)
{
    claude_chat_state_t  *state = reply->state;

    if (event->text.len == 0) {
        return CLAUDE_OK;
    }

    if (out == NULL) {
        return claude_chat_gather(state, &state->whole->text, &event->text);
    }

    claude_out_put(out, state->head, state->content);
    claude_out_put(out, event->text.data, event->text.len);
    claude_out_put(out, state->end.data, state->end.len);

    return CLAUDE_OK;
}


static claude_rc_t
claude_chat_thinking(claude_reply_t *reply, const claude_event_t *event,
    claude_out_t *out)
{
    claude_chat_state_t  *state = reply->state;

    if (event->text.len == 0) {
        return CLAUDE_OK;
    }

    if (out == NULL) {
        return claude_chat_gather(state, &state->whole->reasoning,
                                  &event->text);
    }

    claude_out_put(out, state->head, state->delta);
    claude_out_literal(out, "\"reasoning_content\":\"");
    claude_out_put(out, event->text.data, event->text.len);
    claude_out_put(out, state->end.data, state->end.len);

    return CLAUDE_OK;
}


/* what the API says of a refusal, OpenAI's clients look for as the model's
 * own words */

static claude_rc_t
claude_chat_refused(claude_reply_t *reply, const claude_event_t *event,
    claude_out_t *out)
{
    claude_str_t          text;
    claude_chat_state_t  *state = reply->state;

    static const claude_str_t  unsaid =
        claude_string("The model declined to answer.");

    if (state->refused) {
        return CLAUDE_OK;
    }

    state->refused = 1;
    text = event->explanation.len ? event->explanation : unsaid;

    if (out == NULL) {
        return claude_chat_gather(state, &state->whole->refusal, &text);
    }

    claude_out_put(out, state->head, state->delta);
    claude_out_literal(out, "\"refusal\":\"");
    claude_out_put(out, text.data, text.len);
    claude_out_put(out, state->end.data, state->end.len);

    return CLAUDE_OK;
}


claude_rc_t
claude_chat_gather(claude_chat_state_t *state, claude_out_t *part,
    const claude_str_t *text)
{
    size_t                size;
    claude_chat_whole_t  *whole = state->whole;

    size = whole->text.size + whole->reasoning.size + whole->calls.size
           + whole->refusal.size;

    if (text->len > CLAUDE_CHAT_TEXT_MAX - size) {
        return CLAUDE_TOO_LARGE;
    }

    claude_out_put(part, text->data, text->len);

    return part->rc;
}


/*
 * The finish reason is not sent with the message_delta that brings it: a
 * client takes it for the end, which only message_stop is.
 */

static claude_rc_t
claude_chat_stop(claude_reply_t *reply, claude_out_t *out)
{
    const char           *reason;
    claude_chat_state_t  *state = reply->state;

    reason = claude_chat_reason(reply);

    if (reason == NULL) {
        return CLAUDE_INVALID;
    }

    if (out == NULL) {
        return CLAUDE_OK;
    }

    claude_out_put(out, state->head, state->delta);
    claude_out_literal(out, "},\"logprobs\":null,\"finish_reason\":\"");
    claude_out_put(out, reason, strlen(reason));

    if (!reply->request->include_usage) {
        claude_out_literal(out, "\"}]}\n\ndata: [DONE]\n\n");
        return CLAUDE_OK;
    }

    claude_out_literal(out, "\"}],\"usage\":null}\n\n");

    claude_out_put(out, state->head, state->choices);
    claude_out_literal(out, "],");
    claude_chat_usage(&reply->usage, out);
    claude_out_literal(out, "}\n\ndata: [DONE]\n\n");

    return CLAUDE_OK;
}


claude_rc_t
claude_chat_document(claude_reply_t *reply, claude_out_t *out)
{
    const char           *reason;
    claude_chat_state_t  *state = reply->state;

    reason = claude_chat_reason(reply);

    if (!reply->complete || reason == NULL) {
        return CLAUDE_INVALID;
    }

    claude_chat_envelope(reply, "chat.completion", out);

    claude_out_literal(out, "{\"index\":0,\"message\":{\"role\":\"assistant\","
                            "\"content\":");
    claude_chat_string(out, &state->whole->text, state->ncalls != 0);
    claude_out_literal(out, ",\"refusal\":");
    claude_chat_string(out, &state->whole->refusal, 1);

    if (state->whole->reasoning.size) {
        claude_out_literal(out, ",\"reasoning_content\":");
        claude_chat_string(out, &state->whole->reasoning, 0);
    }

    claude_chat_calls_put(reply, out);

    claude_out_literal(out, "},\"logprobs\":null,\"finish_reason\":\"");
    claude_out_put(out, reason, strlen(reason));
    claude_out_literal(out, "\"}],");
    claude_chat_usage(&reply->usage, out);
    claude_out_literal(out, "}");

    return out->rc;
}


/* gathered text as a string; null: where there is none */

static void
claude_chat_string(claude_out_t *out, claude_out_t *text, unsigned null)
{
    if (null && text->size == 0) {
        claude_out_literal(out, "null");
        return;
    }

    claude_out_literal(out, "\"");
    claude_out_join(out, text);
    claude_out_literal(out, "\"");
}


/* calls are what the client must know of, whatever else ended the answer in
 * good order; where it was cut, the last one may be half.  An end for a call
 * that isn't there is no answer at all. */

static const char *
claude_chat_reason(const claude_reply_t *reply)
{
    const claude_chat_state_t  *state = reply->state;

    switch (reply->stop) {

    case CLAUDE_STOP_TOOL_USE:
    case CLAUDE_STOP_END_TURN:
    case CLAUDE_STOP_SEQUENCE:
    case CLAUDE_STOP_OTHER:

        if (state->ncalls) {
            return state->functions ? "function_call" : "tool_calls";
        }

        if (reply->stop == CLAUDE_STOP_TOOL_USE) {
            return NULL;
        }

        break;

    default:
        break;
    }

    return claude_chat_finish_reason(reply->stop);
}


/*
 * A reason that is not known yet counts as an end; one that says there is
 * more to come counts as cut.
 */

const char *
claude_chat_finish_reason(claude_stop_e stop)
{
    switch (stop) {

    case CLAUDE_STOP_MAX_TOKENS:
    case CLAUDE_STOP_CONTEXT:
    case CLAUDE_STOP_PAUSE_TURN:
        return "length";

    case CLAUDE_STOP_REFUSAL:
        return "content_filter";

    case CLAUDE_STOP_TOOL_USE:
        return "tool_calls";

    case CLAUDE_STOP_NONE:
        return NULL;

    default:
        return "stop";
    }
}


static void
claude_chat_usage(const claude_usage_t *usage, claude_out_t *out)
{
    uint64_t  prompt;

    prompt = usage->input_tokens + usage->cache_read_tokens
             + usage->cache_creation_tokens;

    claude_out_literal(out, "\"usage\":{\"prompt_tokens\":");
    claude_json_put_uint(out, prompt);
    claude_out_literal(out, ",\"completion_tokens\":");
    claude_json_put_uint(out, usage->output_tokens);
    claude_out_literal(out, ",\"total_tokens\":");
    claude_json_put_uint(out, prompt + usage->output_tokens);
    claude_out_literal(out, ",\"prompt_tokens_details\":{\"cached_tokens\":");
    claude_json_put_uint(out, usage->cache_read_tokens);
    claude_out_literal(out, "},\"completion_tokens_details\":"
                            "{\"reasoning_tokens\":");
    claude_json_put_uint(out, usage->thinking_tokens);
    claude_out_literal(out, "}}");
}


void
claude_chat_stream_error(claude_reply_t *reply, const claude_fault_t *fault,
    claude_out_t *out)
{
    (void) reply;

    claude_out_literal(out, "data: ");
    claude_error_body(fault, out);
    claude_out_literal(out, "\n\n");
}
