
#include "claude_messages_parts.h"

#include "claude_json_writer.h"

#include <string.h>


#define CLAUDE_MESSAGES_HEAD_MAX  4096  /* bytes of what is before content */

/* all blocks of a whole answer: the document has room around them */

#define CLAUDE_MESSAGES_CONTENT_MAX                                           \
    (CLAUDE_REPLY_MAX - CLAUDE_MESSAGES_HEAD_MAX)


typedef struct {
    unsigned               blocks;      /* begun; those of unknown types, which
                                         * are left out, don't count */
    claude_str_t           stop_sequence;
    claude_str_t           category;
    claude_str_t           explanation;

    /* of a whole answer */
    claude_out_t           content;
    claude_out_t           signature;   /* of the open thinking block */
    claude_out_t           input;       /* of the open tool_use block */
    unsigned               cut:1;       /* some tool's input was no object */
} claude_messages_state_t;


static void claude_messages_head(const claude_reply_t *reply,
    claude_out_t *out);
static void claude_messages_usage(const claude_usage_t *usage,
    claude_out_t *out);
static void claude_messages_block_start(claude_messages_state_t *state,
    const claude_event_t *event, claude_out_t *out);
static void claude_messages_block_delta(claude_messages_state_t *state,
    const claude_event_t *event, claude_out_t *out);
static void claude_messages_block_stop(claude_messages_state_t *state,
    claude_out_t *out);
static claude_rc_t claude_messages_delta(claude_reply_t *reply,
    const claude_event_t *event, claude_out_t *out);
static void claude_messages_stop(const claude_reply_t *reply,
    claude_out_t *out);
static void claude_messages_text_or_null(const claude_str_t *raw,
    claude_out_t *out);
static claude_rc_t claude_messages_keep(claude_mem_t *mem, claude_str_t *to,
    const claude_str_t *from);

static claude_rc_t claude_messages_gather(claude_reply_t *reply,
    const claude_event_t *event);
static claude_rc_t claude_messages_gather_start(
    claude_messages_state_t *state, const claude_event_t *event);
static claude_rc_t claude_messages_gather_delta(
    claude_messages_state_t *state, const claude_event_t *event);
static claude_rc_t claude_messages_gather_stop(claude_reply_t *reply);
static void claude_messages_open(claude_out_t *out,
    const claude_event_t *event);


claude_rc_t
claude_messages_start(claude_reply_t *reply)
{
    claude_messages_state_t  *state;

    state = claude_alloc(reply->mem, sizeof(claude_messages_state_t));
    if (state == NULL) {
        return CLAUDE_NO_MEMORY;
    }

    memset(state, 0, sizeof(claude_messages_state_t));
    reply->state = state;

    claude_out_init(&state->content, reply->mem, CLAUDE_MESSAGES_CONTENT_MAX);
    claude_out_init(&state->signature, reply->mem,
                    CLAUDE_MESSAGES_CONTENT_MAX);
    claude_out_init(&state->input, reply->mem, CLAUDE_MESSAGES_CONTENT_MAX);

    return CLAUDE_OK;
}


claude_rc_t
claude_messages_event(claude_reply_t *reply, const claude_event_t *event,
    claude_out_t *out)
{
    claude_messages_state_t  *state = reply->state;

    if (event->type == CLAUDE_EVENT_MESSAGE_DELTA) {
        return claude_messages_delta(reply, event, out);
    }

    if (out == NULL) {
        return claude_messages_gather(reply, event);
    }

    switch (event->type) {

    case CLAUDE_EVENT_MESSAGE_START:
        claude_out_literal(out, "event: message_start\n"
                                "data: {\"type\":\"message_start\","
                                "\"message\":");
        claude_messages_head(reply, out);
        claude_out_literal(out, "],\"stop_reason\":null,"
                                "\"stop_sequence\":null,"
                                "\"stop_details\":null,");
        claude_messages_usage(&reply->usage, out);
        claude_out_literal(out, "}}\n\n");
        break;

    case CLAUDE_EVENT_BLOCK_START:
        claude_messages_block_start(state, event, out);
        break;

    case CLAUDE_EVENT_BLOCK_DELTA:
        claude_messages_block_delta(state, event, out);
        break;

    case CLAUDE_EVENT_BLOCK_STOP:
        claude_messages_block_stop(state, out);
        break;

    case CLAUDE_EVENT_MESSAGE_STOP:
        claude_out_literal(out, "event: message_stop\n"
                                "data: {\"type\":\"message_stop\"}\n\n");
        break;

    default:
        break;
    }

    return CLAUDE_OK;
}


/* a message up to its first block */

static void
claude_messages_head(const claude_reply_t *reply, claude_out_t *out)
{
    const claude_str_t  *model;

    model = &reply->request->model;

    claude_out_literal(out, "{\"id\":\"msg_");
    claude_out_put(out, reply->id.data, reply->id.len);
    claude_out_literal(out, "\",\"type\":\"message\",\"role\":\"assistant\","
                            "\"model\":");
    claude_json_put_string(out, model->data, model->len);
    claude_out_literal(out, ",\"container\":null,\"content\":[");
}


static void
claude_messages_usage(const claude_usage_t *usage, claude_out_t *out)
{
    claude_out_literal(out, "\"usage\":{\"input_tokens\":");
    claude_json_put_uint(out, usage->input_tokens);
    claude_out_literal(out, ",\"cache_creation_input_tokens\":");
    claude_json_put_uint(out, usage->cache_creation_tokens);
    claude_out_literal(out, ",\"cache_read_input_tokens\":");
    claude_json_put_uint(out, usage->cache_read_tokens);
    claude_out_literal(out, ",\"output_tokens\":");
    claude_json_put_uint(out, usage->output_tokens);
    claude_out_literal(out, ",\"output_tokens_details\":"
                            "{\"thinking_tokens\":");
    claude_json_put_uint(out, usage->thinking_tokens);
    claude_out_literal(out, "},\"cache_creation\":null,"
                            "\"server_tool_use\":null,"
                            "\"service_tier\":null}");
}


static void
claude_messages_block_start(claude_messages_state_t *state,
    const claude_event_t *event, claude_out_t *out)
{
    claude_out_literal(out, "event: content_block_start\n"
                            "data: {\"type\":\"content_block_start\","
                            "\"index\":");
    claude_json_put_uint(out, state->blocks++);
    claude_out_literal(out, ",\"content_block\":");
    claude_messages_open(out, event);

    switch (event->block) {

    case CLAUDE_BLOCK_THINKING:
        claude_out_literal(out, "\",\"signature\":\"");
        claude_out_put(out, event->signature.data, event->signature.len);
        claude_out_literal(out, "\"}}\n\n");
        break;

    case CLAUDE_BLOCK_TOOL_USE:
        claude_out_literal(out, "{}}}\n\n");
        break;

    default:
        claude_out_literal(out, "\"}}\n\n");
    }
}


/* a block up to where its deltas would go */

static void
claude_messages_open(claude_out_t *out, const claude_event_t *event)
{
    switch (event->block) {

    case CLAUDE_BLOCK_THINKING:
        claude_out_literal(out, "{\"type\":\"thinking\",\"thinking\":\"");
        break;

    case CLAUDE_BLOCK_REDACTED:
        claude_out_literal(out, "{\"type\":\"redacted_thinking\",\"data\":\"");
        break;

    case CLAUDE_BLOCK_TOOL_USE:
        claude_out_literal(out, "{\"type\":\"tool_use\",\"id\":\"");
        claude_out_put(out, event->id.data, event->id.len);
        claude_out_literal(out, "\",\"name\":\"");
        claude_out_put(out, event->name.data, event->name.len);
        claude_out_literal(out, "\",\"input\":");
        return;

    default: /* CLAUDE_BLOCK_TEXT */
        claude_out_literal(out, "{\"type\":\"text\",\"text\":\"");
    }

    claude_out_put(out, event->text.data, event->text.len);
}


static void
claude_messages_block_delta(claude_messages_state_t *state,
    const claude_event_t *event, claude_out_t *out)
{
    const char  *head;

    static const char *const  heads[] = {
        [CLAUDE_BLOCK_TEXT] = "text_delta\",\"text\":\"",
        [CLAUDE_BLOCK_THINKING] = "thinking_delta\",\"thinking\":\"",
        [CLAUDE_BLOCK_SIGNATURE] = "signature_delta\",\"signature\":\"",
        [CLAUDE_BLOCK_TOOL_USE] = "input_json_delta\",\"partial_json\":\"",
    };

    /* redacted thinking has none: claude_reply_feed() has seen to it */

    head = heads[event->block];

    claude_out_literal(out, "event: content_block_delta\n"
                            "data: {\"type\":\"content_block_delta\","
                            "\"index\":");
    claude_json_put_uint(out, state->blocks - 1);
    claude_out_literal(out, ",\"delta\":{\"type\":\"");
    claude_out_put(out, head, strlen(head));
    claude_out_put(out, event->text.data, event->text.len);
    claude_out_literal(out, "\"}}\n\n");
}


static void
claude_messages_block_stop(claude_messages_state_t *state, claude_out_t *out)
{
    claude_out_literal(out, "event: content_block_stop\n"
                            "data: {\"type\":\"content_block_stop\","
                            "\"index\":");
    claude_json_put_uint(out, state->blocks - 1);
    claude_out_literal(out, "}\n\n");
}


/* one without a reason brings usage alone, which the next one has too */

static claude_rc_t
claude_messages_delta(claude_reply_t *reply, const claude_event_t *event,
    claude_out_t *out)
{
    claude_rc_t               rc;
    claude_messages_state_t  *state = reply->state;

    if (event->stop == CLAUDE_STOP_NONE) {
        return CLAUDE_OK;
    }

    if (out == NULL) {
        rc = claude_messages_keep(reply->mem, &state->stop_sequence,
                                  &event->stop_sequence);

        if (rc == CLAUDE_OK) {
            rc = claude_messages_keep(reply->mem, &state->category,
                                      &event->category);
        }

        if (rc == CLAUDE_OK) {
            rc = claude_messages_keep(reply->mem, &state->explanation,
                                      &event->explanation);
        }

        return rc;
    }

    state->stop_sequence = event->stop_sequence;
    state->category = event->category;
    state->explanation = event->explanation;

    claude_out_literal(out, "event: message_delta\n"
                            "data: {\"type\":\"message_delta\",\"delta\":{"
                            "\"container\":null,");
    claude_messages_stop(reply, out);
    claude_out_literal(out, "},");
    claude_messages_usage(&reply->usage, out);
    claude_out_literal(out, "}\n\n");

    return CLAUDE_OK;
}


static claude_rc_t
claude_messages_keep(claude_mem_t *mem, claude_str_t *to,
    const claude_str_t *from)
{
    unsigned char  *p;

    to->len = 0;

    if (from->len == 0) {
        return CLAUDE_OK;
    }

    p = claude_alloc(mem, from->len);
    if (p == NULL) {
        return CLAUDE_NO_MEMORY;
    }

    memcpy(p, from->data, from->len);
    to->data = p;
    to->len = from->len;

    return CLAUDE_OK;
}


/* a reason that is not known yet counts as an end */

static void
claude_messages_stop(const claude_reply_t *reply, claude_out_t *out)
{
    const char                     *reason;
    const claude_messages_state_t  *state = reply->state;

    static const char *const  reasons[] = {
        [CLAUDE_STOP_NONE] = "end_turn",
        [CLAUDE_STOP_END_TURN] = "end_turn",
        [CLAUDE_STOP_MAX_TOKENS] = "max_tokens",
        [CLAUDE_STOP_SEQUENCE] = "stop_sequence",
        [CLAUDE_STOP_TOOL_USE] = "tool_use",
        [CLAUDE_STOP_PAUSE_TURN] = "pause_turn",
        [CLAUDE_STOP_REFUSAL] = "refusal",
        [CLAUDE_STOP_CONTEXT] = "model_context_window_exceeded",
        [CLAUDE_STOP_OTHER] = "end_turn"
    };

    reason = reasons[reply->stop];

    claude_out_literal(out, "\"stop_reason\":\"");
    claude_out_put(out, reason, strlen(reason));
    claude_out_literal(out, "\",\"stop_sequence\":");
    claude_messages_text_or_null(&state->stop_sequence, out);
    claude_out_literal(out, ",\"stop_details\":");

    if (state->category.len == 0 && state->explanation.len == 0) {
        claude_out_literal(out, "null");
        return;
    }

    claude_out_literal(out, "{\"type\":\"refusal\",\"category\":");
    claude_messages_text_or_null(&state->category, out);
    claude_out_literal(out, ",\"explanation\":");
    claude_messages_text_or_null(&state->explanation, out);
    claude_out_literal(out, "}");
}


static void
claude_messages_text_or_null(const claude_str_t *raw, claude_out_t *out)
{
    if (raw->len == 0) {
        claude_out_literal(out, "null");
        return;
    }

    claude_out_literal(out, "\"");
    claude_out_put(out, raw->data, raw->len);
    claude_out_literal(out, "\"");
}


/* a whole answer */

static claude_rc_t
claude_messages_gather(claude_reply_t *reply, const claude_event_t *event)
{
    claude_messages_state_t  *state = reply->state;

    switch (event->type) {

    case CLAUDE_EVENT_BLOCK_START:
        return claude_messages_gather_start(state, event);

    case CLAUDE_EVENT_BLOCK_DELTA:
        return claude_messages_gather_delta(state, event);

    case CLAUDE_EVENT_BLOCK_STOP:
        return claude_messages_gather_stop(reply);

    default:
        return CLAUDE_OK;
    }
}


static claude_rc_t
claude_messages_gather_start(claude_messages_state_t *state,
    const claude_event_t *event)
{
    if (state->blocks++) {
        claude_out_literal(&state->content, ",");
    }

    claude_messages_open(&state->content, event);

    claude_out_put(&state->signature, event->signature.data,
                   event->signature.len);

    if (event->block == CLAUDE_BLOCK_TOOL_USE) {
        claude_out_literal(&state->input, "\"");
    }

    return state->content.rc;
}


static claude_rc_t
claude_messages_gather_delta(claude_messages_state_t *state,
    const claude_event_t *event)
{
    claude_out_t  *out;

    out = (event->block == CLAUDE_BLOCK_SIGNATURE) ? &state->signature
          : (event->block == CLAUDE_BLOCK_TOOL_USE) ? &state->input
          : &state->content;

    if (event->text.len > CLAUDE_MESSAGES_CONTENT_MAX
                          - (state->content.size + state->signature.size
                             + state->input.size))
    {
        return CLAUDE_TOO_LARGE;
    }

    claude_out_put(out, event->text.data, event->text.len);

    return out->rc;
}


static claude_rc_t
claude_messages_gather_stop(claude_reply_t *reply)
{
    claude_rc_t               rc;
    claude_messages_state_t  *state = reply->state;

    switch (reply->block_type) {

    case CLAUDE_BLOCK_THINKING:
        claude_out_literal(&state->content, "\",\"signature\":\"");
        claude_out_join(&state->content, &state->signature);
        claude_out_literal(&state->content, "\"}");
        break;

    case CLAUDE_BLOCK_TOOL_USE:
        claude_out_literal(&state->input, "\"");

        rc = claude_messages_input(reply->mem, &state->input,
                                   &state->content);

        if (rc == CLAUDE_INVALID) {
            state->cut = 1;
            claude_out_literal(&state->content, "{}");

        } else if (rc != CLAUDE_OK) {
            return rc;
        }

        claude_out_literal(&state->content, "}");
        break;

    default:
        claude_out_literal(&state->content, "\"}");
    }

    return state->content.rc;
}


claude_rc_t
claude_messages_document(claude_reply_t *reply, claude_out_t *out)
{
    claude_messages_state_t  *state = reply->state;

    if (!reply->complete) {
        return CLAUDE_INVALID;
    }

    /* input that is no JSON is what a bound has cut, and nothing else */

    if (state->cut && reply->stop != CLAUDE_STOP_MAX_TOKENS
        && reply->stop != CLAUDE_STOP_CONTEXT)
    {
        return CLAUDE_INVALID;
    }

    claude_messages_head(reply, out);
    claude_out_join(out, &state->content);
    claude_out_literal(out, "],");
    claude_messages_stop(reply, out);
    claude_out_literal(out, ",");
    claude_messages_usage(&reply->usage, out);
    claude_out_literal(out, "}");

    return out->rc;
}
