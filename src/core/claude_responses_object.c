
#include "claude_responses_out.h"

#include <string.h>


static void claude_responses_put_message(claude_reply_t *reply,
    const char *status, claude_out_t *out);
static void claude_responses_put_call(claude_reply_t *reply,
    const char *status, claude_out_t *out);
static claude_rc_t claude_responses_put_thought(claude_reply_t *reply,
    claude_out_t *out);
static claude_rc_t claude_responses_flatten(claude_mem_t *mem,
    const claude_out_t *from, claude_str_t *to);


claude_rc_t
claude_responses_put_item(claude_reply_t *reply, const char *status,
    claude_out_t *out)
{
    claude_responses_state_t  *state = reply->state;

    claude_out_literal(out, "{\"id\":\"");
    claude_responses_put_id(reply, out);

    switch (state->item) {

    case CLAUDE_RESPONSES_REASONING:
        return claude_responses_put_thought(reply, out);

    case CLAUDE_RESPONSES_CALL:
        claude_responses_put_call(reply, status, out);
        break;

    default:
        claude_responses_put_message(reply, status, out);
    }

    return out->rc;
}


void
claude_responses_put_id(claude_reply_t *reply, claude_out_t *out)
{
    claude_responses_state_t  *state = reply->state;

    switch (state->item) {

    case CLAUDE_RESPONSES_REASONING:
        claude_out_literal(out, "rs_");
        break;

    case CLAUDE_RESPONSES_CALL:
        claude_out_literal(out, "fc_");
        break;

    default:
        claude_out_literal(out, "msg_");
    }

    claude_out_put(out, reply->id.data, reply->id.len);
    claude_out_literal(out, "_");
    claude_json_put_uint(out, state->index);
}


static void
claude_responses_put_message(claude_reply_t *reply, const char *status,
    claude_out_t *out)
{
    claude_out_literal(out, "\",\"type\":\"message\",\"status\":\"");
    claude_out_put(out, status, strlen(status));
    claude_out_literal(out, "\",\"role\":\"assistant\",\"content\":[");

    if (strcmp(status, "in_progress") != 0) {
        claude_responses_put_part(reply, out);
    }

    claude_out_literal(out, "]}");
}


void
claude_responses_put_part(claude_reply_t *reply, claude_out_t *out)
{
    claude_responses_state_t  *state = reply->state;

    switch (state->item) {

    case CLAUDE_RESPONSES_REFUSAL:
        claude_out_literal(out, "{\"type\":\"refusal\",\"refusal\":\"");
        break;

    case CLAUDE_RESPONSES_REASONING:
        claude_out_literal(out, "{\"type\":\"summary_text\",\"text\":\"");
        break;

    default:
        claude_out_literal(out, "{\"type\":\"output_text\",\"annotations\":[],"
                                "\"logprobs\":[],\"text\":\"");
    }

    claude_responses_copy(out, &state->text);
    claude_out_literal(out, "\"}");
}


static void
claude_responses_put_call(claude_reply_t *reply, const char *status,
    claude_out_t *out)
{
    claude_responses_state_t  *state = reply->state;

    claude_out_literal(out, "\",\"type\":\"function_call\",\"status\":\"");
    claude_out_put(out, status, strlen(status));
    claude_out_literal(out, "\",\"arguments\":\"");
    claude_responses_copy(out, &state->text);
    claude_out_literal(out, "\",\"call_id\":\"");
    claude_out_put(out, state->call_id.data, state->call_id.len);
    claude_out_literal(out, "\"");
    claude_responses_put_name(reply, out);
    claude_out_literal(out, "}");
}


/* a name that is not of the request's tools is passed on: the client says
 * best what it thinks of it */

void
claude_responses_put_name(claude_reply_t *reply, claude_out_t *out)
{
    const claude_str_t              *name;
    claude_responses_state_t        *state = reply->state;
    const claude_responses_name_t   *known;
    const claude_responses_facts_t  *facts;

    name = &state->flat;
    facts = reply->request->own;

    for (known = facts ? facts->names : NULL; known; known = known->next) {

        if (known->flat.len == name->len
            && memcmp(known->flat.data, name->data, name->len) == 0)
        {
            name = &known->name;
            break;
        }
    }

    claude_out_literal(out, ",\"name\":\"");
    claude_out_put(out, name->data, name->len);
    claude_out_literal(out, "\"");

    if (known) {
        claude_out_literal(out, ",\"namespace\":\"");
        claude_out_put(out, known->space.data, known->space.len);
        claude_out_literal(out, "\"");
    }
}


/* without a signature, as where a limit has cut it, thinking can't come back;
 * until the item ends there is none */

static claude_rc_t
claude_responses_put_thought(claude_reply_t *reply, claude_out_t *out)
{
    claude_rc_t                 rc;
    claude_str_t                sealed;
    claude_responses_state_t   *state = reply->state;
    claude_responses_thought_t  thought;

    claude_out_literal(out, "\",\"type\":\"reasoning\",\"summary\":[");

    if (state->part) {
        claude_responses_put_part(reply, out);
    }

    claude_out_literal(out, "]");

    if (state->signature.size) {
        memset(&thought, 0, sizeof(claude_responses_thought_t));

        thought.is_redacted = state->redacted;

        rc = claude_responses_flatten(reply->mem, &state->signature,
                                      state->redacted ? &thought.redacted
                                                      : &thought.signature);

        if (rc == CLAUDE_OK) {
            rc = claude_responses_flatten(reply->mem, &state->text,
                                          &thought.thinking);
        }

        if (rc == CLAUDE_OK) {
            rc = claude_responses_seal(reply->mem, &thought, &sealed);
        }

        if (rc != CLAUDE_OK) {
            return rc;
        }

        claude_out_literal(out, ",\"encrypted_content\":\"");
        claude_out_put(out, sealed.data, sealed.len);
        claude_out_literal(out, "\"");
    }

    claude_out_literal(out, "}");

    return out->rc;
}


static claude_rc_t
claude_responses_flatten(claude_mem_t *mem, const claude_out_t *from,
    claude_str_t *to)
{
    unsigned char  *p;

    p = claude_alloc(mem, from->size + 1);
    if (p == NULL) {
        return CLAUDE_NO_MEMORY;
    }

    claude_out_copy(from, p);

    to->data = p;
    to->len = from->size;

    return CLAUDE_OK;
}


unsigned
claude_responses_shown(const claude_reply_t *reply)
{
    const claude_responses_facts_t  *facts;

    facts = reply->request->own;

    return facts && facts->summary;
}
