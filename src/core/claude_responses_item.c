
#include "claude_responses_out.h"

#include <string.h>


static void claude_responses_where(claude_reply_t *reply, claude_out_t *out);
static void claude_responses_part(claude_reply_t *reply, const char *event,
    claude_out_t *out);
static void claude_responses_done(claude_reply_t *reply, claude_out_t *out);


/* what the items differ in */

static const struct {
    const char            *delta;
    const char            *done;        /* all of what the deltas brought */
    const char            *field;       /* of done */
    unsigned               content:1;   /* is a message with one part */
    unsigned               logprobs:1;
} claude_responses_items[] = {

    [CLAUDE_RESPONSES_NO_ITEM] = { "", "", "", 0, 0 },

    [CLAUDE_RESPONSES_MESSAGE] = {
        "response.output_text.delta", "response.output_text.done",
        "text", 1, 1 },

    [CLAUDE_RESPONSES_REFUSAL] = {
        "response.refusal.delta", "response.refusal.done",
        "refusal", 1, 0 },

    [CLAUDE_RESPONSES_REASONING] = {
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done", "text", 0, 0 },

    [CLAUDE_RESPONSES_CALL] = {
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done", "arguments", 0, 0 }
};


claude_rc_t
claude_responses_open(claude_reply_t *reply, claude_responses_item_e item,
    claude_out_t *out)
{
    claude_rc_t                rc;
    claude_responses_state_t  *state = reply->state;

    state->item = item;
    state->part = 0;
    state->redacted = 0;

    claude_out_init(&state->text, reply->mem, CLAUDE_RESPONSES_TEXT_MAX);
    claude_out_init(&state->signature, reply->mem, CLAUDE_RESPONSES_TEXT_MAX);

    if (out == NULL) {
        return CLAUDE_OK;
    }

    claude_responses_begin(reply, "response.output_item.added", out);
    claude_out_literal(out, ",\"output_index\":");
    claude_json_put_uint(out, state->index);
    claude_out_literal(out, ",\"item\":");

    rc = claude_responses_put_item(reply, "in_progress", out);

    if (rc != CLAUDE_OK) {
        return rc;
    }

    claude_responses_end(out);

    if (claude_responses_items[item].content) {
        claude_responses_part(reply, "response.content_part.added", out);
    }

    return CLAUDE_OK;
}


claude_rc_t
claude_responses_delta(claude_reply_t *reply, const claude_str_t *text,
    claude_out_t *out)
{
    claude_responses_state_t  *state = reply->state;

    if (text->len == 0) {
        return CLAUDE_OK;
    }

    if (text->len > CLAUDE_RESPONSES_TEXT_MAX - state->gathered) {
        return CLAUDE_TOO_LARGE;
    }

    if (state->item == CLAUDE_RESPONSES_REASONING
        && claude_responses_shown(reply) && !state->part)
    {
        if (out) {
            claude_responses_part(reply,
                              "response.reasoning_summary_part.added", out);
        }

        state->part = 1;
    }

    state->gathered += text->len;
    claude_out_put(&state->text, text->data, text->len);

    if (out == NULL
        || (state->item == CLAUDE_RESPONSES_REASONING && !state->part))
    {
        return state->text.rc;
    }

    claude_responses_begin(reply, claude_responses_items[state->item].delta,
                           out);
    claude_responses_where(reply, out);
    claude_out_literal(out, ",\"delta\":\"");
    claude_out_put(out, text->data, text->len);
    claude_out_literal(out, "\"");

    if (claude_responses_items[state->item].logprobs) {
        claude_out_literal(out, ",\"logprobs\":[]");
    }

    claude_responses_end(out);

    return state->text.rc;
}


claude_rc_t
claude_responses_close(claude_reply_t *reply, unsigned whole,
    claude_out_t *out)
{
    claude_rc_t                rc;
    claude_out_t               item;
    claude_responses_state_t  *state = reply->state;

    static const claude_str_t  nothing = claude_string("{}");

    if (state->item == CLAUDE_RESPONSES_NO_ITEM) {
        return CLAUDE_OK;
    }

    if (state->item == CLAUDE_RESPONSES_CALL && whole
        && state->text.size == 0)
    {
        rc = claude_responses_delta(reply, &nothing, out);

        if (rc != CLAUDE_OK) {
            return rc;
        }
    }

    if (out) {
        claude_responses_done(reply, out);
    }

    claude_out_init(&item, reply->mem, CLAUDE_REPLY_MAX);

    rc = claude_responses_put_item(reply,
                                   whole ? "completed" : "incomplete", &item);

    if (rc != CLAUDE_OK || item.rc != CLAUDE_OK) {
        return (rc == CLAUDE_OK) ? item.rc : rc;
    }

    if (out) {
        claude_responses_begin(reply, "response.output_item.done", out);
        claude_out_literal(out, ",\"output_index\":");
        claude_json_put_uint(out, state->index);
        claude_out_literal(out, ",\"item\":");
        claude_responses_copy(out, &item);
        claude_responses_end(out);
    }

    if (state->index) {
        claude_out_literal(&state->output, ",");
    }

    claude_out_join(&state->output, &item);

    state->item = CLAUDE_RESPONSES_NO_ITEM;
    state->index++;

    return state->output.rc;
}


/* the events before output_item.done */

static void
claude_responses_done(claude_reply_t *reply, claude_out_t *out)
{
    const char                *name;
    claude_responses_state_t  *state = reply->state;

    if (state->item == CLAUDE_RESPONSES_REASONING && !state->part) {
        return;
    }

    name = claude_responses_items[state->item].field;

    claude_responses_begin(reply, claude_responses_items[state->item].done,
                           out);
    claude_responses_where(reply, out);
    claude_out_literal(out, ",\"");
    claude_out_put(out, name, strlen(name));
    claude_out_literal(out, "\":\"");
    claude_responses_copy(out, &state->text);
    claude_out_literal(out, "\"");

    if (claude_responses_items[state->item].logprobs) {
        claude_out_literal(out, ",\"logprobs\":[]");
    }

    if (state->item == CLAUDE_RESPONSES_CALL) {
        claude_responses_put_name(reply, out);
    }

    claude_responses_end(out);

    if (claude_responses_items[state->item].content) {
        claude_responses_part(reply, "response.content_part.done", out);

    } else if (state->item == CLAUDE_RESPONSES_REASONING) {
        claude_responses_part(reply, "response.reasoning_summary_part.done",
                              out);
    }
}


/* ,"item_id":…,"output_index":… and, of content, the index in it */

static void
claude_responses_where(claude_reply_t *reply, claude_out_t *out)
{
    claude_responses_state_t  *state = reply->state;

    claude_out_literal(out, ",\"item_id\":\"");
    claude_responses_put_id(reply, out);
    claude_out_literal(out, "\",\"output_index\":");
    claude_json_put_uint(out, state->index);

    if (claude_responses_items[state->item].content) {
        claude_out_literal(out, ",\"content_index\":0");

    } else if (state->item == CLAUDE_RESPONSES_REASONING) {
        claude_out_literal(out, ",\"summary_index\":0");
    }
}


static void
claude_responses_part(claude_reply_t *reply, const char *event,
    claude_out_t *out)
{
    claude_responses_begin(reply, event, out);
    claude_responses_where(reply, out);
    claude_out_literal(out, ",\"part\":");
    claude_responses_put_part(reply, out);
    claude_responses_end(out);
}
