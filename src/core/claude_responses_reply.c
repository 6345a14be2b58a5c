
#include "claude_responses_out.h"

#include <string.h>


static claude_rc_t claude_responses_block_start(claude_reply_t *reply,
    const claude_event_t *event, claude_out_t *out);
static claude_rc_t claude_responses_call(claude_reply_t *reply,
    const claude_event_t *event, claude_out_t *out);
static claude_rc_t claude_responses_keep(claude_reply_t *reply,
    const claude_str_t *from, claude_str_t *to);
static claude_rc_t claude_responses_block_delta(claude_reply_t *reply,
    const claude_event_t *event, claude_out_t *out);
static claude_rc_t claude_responses_sign(claude_reply_t *reply,
    const claude_str_t *text);
static claude_rc_t claude_responses_stopping(claude_reply_t *reply,
    const claude_event_t *event, claude_out_t *out);
static claude_rc_t claude_responses_stop(claude_reply_t *reply,
    claude_out_t *out);
static void claude_responses_created(claude_reply_t *reply,
    claude_out_t *out);
static void claude_responses_told(claude_reply_t *reply, const char *name,
    claude_responses_status_e status, const claude_fault_t *fault,
    claude_out_t *out);


claude_rc_t
claude_responses_start(claude_reply_t *reply)
{
    claude_responses_state_t  *state;

    state = claude_alloc(reply->mem, sizeof(claude_responses_state_t));
    if (state == NULL) {
        return CLAUDE_NO_MEMORY;
    }

    memset(state, 0, sizeof(claude_responses_state_t));
    reply->state = state;

    claude_out_init(&state->text, reply->mem, CLAUDE_RESPONSES_TEXT_MAX);
    claude_out_init(&state->signature, reply->mem, CLAUDE_RESPONSES_TEXT_MAX);
    claude_out_init(&state->output, reply->mem, CLAUDE_REPLY_MAX);

    return CLAUDE_OK;
}


claude_rc_t
claude_responses_event(claude_reply_t *reply, const claude_event_t *event,
    claude_out_t *out)
{
    switch (event->type) {

    case CLAUDE_EVENT_MESSAGE_START:
        if (out) {
            claude_responses_created(reply, out);
        }

        return CLAUDE_OK;

    case CLAUDE_EVENT_BLOCK_START:
        return claude_responses_block_start(reply, event, out);

    case CLAUDE_EVENT_BLOCK_DELTA:
        return claude_responses_block_delta(reply, event, out);

    case CLAUDE_EVENT_MESSAGE_DELTA:
        return claude_responses_stopping(reply, event, out);

    case CLAUDE_EVENT_MESSAGE_STOP:
        return claude_responses_stop(reply, out);

    default:
        return CLAUDE_OK;
    }
}


/* an item's end waits for what comes next: only then it is known whether a
 * limit has cut it */

static claude_rc_t
claude_responses_block_start(claude_reply_t *reply,
    const claude_event_t *event, claude_out_t *out)
{
    claude_rc_t                rc;
    claude_responses_state_t  *state = reply->state;

    rc = claude_responses_close(reply, 1, out);
    if (rc != CLAUDE_OK) {
        return rc;
    }

    switch (event->block) {

    case CLAUDE_BLOCK_TEXT:
        rc = claude_responses_open(reply, CLAUDE_RESPONSES_MESSAGE, out);
        break;

    case CLAUDE_BLOCK_THINKING:
        rc = claude_responses_open(reply, CLAUDE_RESPONSES_REASONING, out);

        if (rc == CLAUDE_OK) {
            rc = claude_responses_sign(reply, &event->signature);
        }

        break;

    case CLAUDE_BLOCK_REDACTED:
        rc = claude_responses_open(reply, CLAUDE_RESPONSES_REASONING, out);
        state->redacted = 1;

        return rc == CLAUDE_OK ? claude_responses_sign(reply, &event->text)
                               : rc;

    case CLAUDE_BLOCK_TOOL_USE:
        return claude_responses_call(reply, event, out);

    default:
        return CLAUDE_OK;
    }

    return rc == CLAUDE_OK ? claude_responses_delta(reply, &event->text, out)
                           : rc;
}


static claude_rc_t
claude_responses_call(claude_reply_t *reply, const claude_event_t *event,
    claude_out_t *out)
{
    claude_responses_state_t  *state = reply->state;

    if (!reply->request->tools) {
        return CLAUDE_INVALID;
    }

    if (claude_responses_keep(reply, &event->id, &state->call_id) != CLAUDE_OK
        || claude_responses_keep(reply, &event->name, &state->flat)
           != CLAUDE_OK)
    {
        return CLAUDE_NO_MEMORY;
    }

    state->calls++;

    return claude_responses_open(reply, CLAUDE_RESPONSES_CALL, out);
}


static claude_rc_t
claude_responses_keep(claude_reply_t *reply, const claude_str_t *from,
    claude_str_t *to)
{
    unsigned char  *p;

    p = claude_alloc(reply->mem, from->len + 1);
    if (p == NULL) {
        return CLAUDE_NO_MEMORY;
    }

    memcpy(p, from->data, from->len);

    to->data = p;
    to->len = from->len;

    return CLAUDE_OK;
}


static claude_rc_t
claude_responses_block_delta(claude_reply_t *reply,
    const claude_event_t *event, claude_out_t *out)
{
    if (event->block == CLAUDE_BLOCK_SIGNATURE) {
        return claude_responses_sign(reply, &event->text);
    }

    return claude_responses_delta(reply, &event->text, out);
}


static claude_rc_t
claude_responses_sign(claude_reply_t *reply, const claude_str_t *text)
{
    claude_responses_state_t  *state = reply->state;

    if (text->len > CLAUDE_RESPONSES_TEXT_MAX - state->gathered) {
        return CLAUDE_TOO_LARGE;
    }

    state->gathered += text->len;
    claude_out_put(&state->signature, text->data, text->len);

    return state->signature.rc;
}


static claude_rc_t
claude_responses_stopping(claude_reply_t *reply, const claude_event_t *event,
    claude_out_t *out)
{
    claude_rc_t  rc;

    if (event->stop == CLAUDE_STOP_NONE) {
        return CLAUDE_OK;
    }

    rc = claude_responses_close(reply,
                                claude_responses_incomplete(event->stop)
                                == NULL, out);

    if (rc != CLAUDE_OK || event->stop != CLAUDE_STOP_REFUSAL
        || event->explanation.len == 0)
    {
        return rc;
    }

    rc = claude_responses_open(reply, CLAUDE_RESPONSES_REFUSAL, out);

    if (rc == CLAUDE_OK) {
        rc = claude_responses_delta(reply, &event->explanation, out);
    }

    return rc == CLAUDE_OK ? claude_responses_close(reply, 1, out) : rc;
}


/* a call without its tool is no answer at all */

static claude_rc_t
claude_responses_stop(claude_reply_t *reply, claude_out_t *out)
{
    claude_responses_state_t  *state = reply->state;

    if (reply->stop == CLAUDE_STOP_TOOL_USE && state->calls == 0) {
        return CLAUDE_INVALID;
    }

    if (out == NULL) {
        return CLAUDE_OK;
    }

    claude_responses_told(reply, claude_responses_incomplete(reply->stop)
                                 ? "response.incomplete"
                                 : "response.completed",
                          CLAUDE_RESPONSES_ENDED, NULL, out);

    return CLAUDE_OK;
}


static void
claude_responses_created(claude_reply_t *reply, claude_out_t *out)
{
    claude_responses_told(reply, "response.created", CLAUDE_RESPONSES_BEGUN,
                          NULL, out);
    claude_responses_told(reply, "response.in_progress",
                          CLAUDE_RESPONSES_BEGUN, NULL, out);
}


static void
claude_responses_told(claude_reply_t *reply, const char *name,
    claude_responses_status_e status, const claude_fault_t *fault,
    claude_out_t *out)
{
    claude_responses_begin(reply, name, out);
    claude_out_literal(out, ",\"response\":");
    claude_responses_put(reply, status, fault, out);
    claude_responses_end(out);
}


void
claude_responses_begin(claude_reply_t *reply, const char *name,
    claude_out_t *out)
{
    size_t                     len;
    claude_responses_state_t  *state = reply->state;

    len = strlen(name);

    claude_out_literal(out, "event: ");
    claude_out_put(out, name, len);
    claude_out_literal(out, "\ndata: {\"type\":\"");
    claude_out_put(out, name, len);
    claude_out_literal(out, "\",\"sequence_number\":");
    claude_json_put_uint(out, state->sequence++);
}


/* a stream begins as any other, wherever it failed.  The room for all of it
 * is that of an error. */

void
claude_responses_stream_error(claude_reply_t *reply,
    const claude_fault_t *fault, claude_out_t *out)
{
    claude_responses_state_t  *state = reply->state;

    state->bare = 1;

    if (state->sequence == 0) {
        claude_responses_created(reply, out);
    }

    claude_responses_told(reply, "response.failed", CLAUDE_RESPONSES_FAILED,
                          fault, out);
}
