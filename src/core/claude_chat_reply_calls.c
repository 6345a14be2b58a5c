
/*
 * Calls of tools in an answer.  Their index counts calls alone: a client puts
 * the deltas together by it.
 */

#include "claude_chat_reply.h"

#include "claude_json_writer.h"


static claude_rc_t claude_chat_call_begin(claude_reply_t *reply,
    const claude_event_t *event, claude_out_t *out);
static claude_rc_t claude_chat_call_arguments(claude_reply_t *reply,
    const claude_str_t *text, claude_out_t *out);
static void claude_chat_call_close(const claude_chat_state_t *state,
    claude_out_t *out);
static claude_rc_t claude_chat_call_gather(claude_chat_state_t *state,
    const claude_event_t *event);


/* the constant parts of a call, first as of tools, then the old form */

static const claude_str_t  claude_chat_call_id[] = {
    claude_string("\"id\":\""), claude_string("")
};

static const claude_str_t  claude_chat_call_name[] = {
    claude_string("\",\"type\":\"function\",\"function\":{\"name\":\""),
    claude_string("{\"name\":\"")
};

static const claude_str_t  claude_chat_call_text =
    claude_string("\",\"arguments\":\"");

static const claude_str_t  claude_chat_call_ends[] = {
    claude_string("\"}}"), claude_string("\"}")
};

#define claude_chat_call_form(out, parts, functions)                          \
    claude_out_put(out, parts[functions].data, parts[functions].len)


claude_rc_t
claude_chat_call(claude_reply_t *reply, const claude_event_t *event,
    claude_out_t *out)
{
    claude_chat_state_t  *state = reply->state;

    if (event->type == CLAUDE_EVENT_BLOCK_START) {
        return claude_chat_call_begin(reply, event, out);
    }

    if (event->text.len == 0) {
        return CLAUDE_OK;
    }

    state->arguments = 1;

    return claude_chat_call_arguments(reply, &event->text, out);
}


static claude_rc_t
claude_chat_call_begin(claude_reply_t *reply, const claude_event_t *event,
    claude_out_t *out)
{
    claude_chat_state_t  *state = reply->state;

    /* nobody has asked for tools, or the old form has room for one call */

    if (!reply->request->tools || (state->functions && state->ncalls)) {
        return CLAUDE_INVALID;
    }

    state->ncalls++;
    state->arguments = 0;

    if (out == NULL) {
        return claude_chat_call_gather(state, event);
    }

    claude_out_put(out, state->head, state->delta);

    if (state->functions) {
        claude_out_literal(out, "\"function_call\":");

    } else {
        claude_out_literal(out, "\"tool_calls\":[{\"index\":");
        claude_json_put_uint(out, state->ncalls - 1);
        claude_out_literal(out, ",\"id\":\"");
        claude_out_put(out, event->id.data, event->id.len);
    }

    claude_chat_call_form(out, claude_chat_call_name, state->functions);
    claude_out_put(out, event->name.data, event->name.len);
    claude_out_put(out, claude_chat_call_text.data, claude_chat_call_text.len);
    claude_chat_call_close(state, out);

    return CLAUDE_OK;
}


static claude_rc_t
claude_chat_call_arguments(claude_reply_t *reply, const claude_str_t *text,
    claude_out_t *out)
{
    claude_chat_state_t  *state = reply->state;

    if (out == NULL) {
        return claude_chat_gather(state, &state->whole->calls, text);
    }

    claude_out_put(out, state->head, state->delta);

    if (state->functions) {
        claude_out_literal(out, "\"function_call\":{\"arguments\":\"");

    } else {
        claude_out_literal(out, "\"tool_calls\":[{\"index\":");
        claude_json_put_uint(out, state->ncalls - 1);
        claude_out_literal(out, ",\"function\":{\"arguments\":\"");
    }

    claude_out_put(out, text->data, text->len);
    claude_chat_call_close(state, out);

    return CLAUDE_OK;
}


/* the chunk's end, but for the quote, which stands before the braces */

static void
claude_chat_call_close(const claude_chat_state_t *state, claude_out_t *out)
{
    claude_chat_call_form(out, claude_chat_call_ends, state->functions);

    if (!state->functions) {
        claude_out_literal(out, "]");
    }

    claude_out_put(out, state->end.data + 1, state->end.len - 1);
}


/* the API sends nothing where a tool takes nothing; clients parse what they
 * get as JSON */

claude_rc_t
claude_chat_call_end(claude_reply_t *reply, claude_out_t *out)
{
    claude_rc_t           rc;
    claude_chat_state_t  *state = reply->state;

    static const claude_str_t  none = claude_string("{}");

    rc = CLAUDE_OK;

    if (!state->arguments) {
        rc = claude_chat_call_arguments(reply, &none, out);
    }

    if (rc == CLAUDE_OK && out == NULL) {
        rc = claude_chat_gather(state, &state->whole->calls,
                                &claude_chat_call_ends[state->functions]);
    }

    return rc;
}


static claude_rc_t
claude_chat_call_gather(claude_chat_state_t *state,
    const claude_event_t *event)
{
    unsigned              i;
    claude_rc_t           rc;
    const claude_str_t   *parts[6];

    static const claude_str_t  first = claude_string("{");
    static const claude_str_t  next = claude_string(",{");
    static const claude_str_t  none = claude_string("");

    parts[0] = state->functions ? &none : (state->ncalls > 1) ? &next : &first;
    parts[1] = &claude_chat_call_id[state->functions];
    parts[2] = state->functions ? &none : &event->id;
    parts[3] = &claude_chat_call_name[state->functions];
    parts[4] = &event->name;
    parts[5] = &claude_chat_call_text;

    rc = CLAUDE_OK;

    for (i = 0; rc == CLAUDE_OK && i < 6; i++) {
        rc = claude_chat_gather(state, &state->whole->calls, parts[i]);
    }

    return rc;
}


void
claude_chat_calls_put(claude_reply_t *reply, claude_out_t *out)
{
    claude_chat_state_t  *state = reply->state;

    if (state->ncalls == 0) {
        return;
    }

    if (state->functions) {
        claude_out_literal(out, ",\"function_call\":");
        claude_out_join(out, &state->whole->calls);

    } else {
        claude_out_literal(out, ",\"tool_calls\":[");
        claude_out_join(out, &state->whole->calls);
        claude_out_literal(out, "]");
    }
}
