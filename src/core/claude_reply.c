
#include "claude_dialect.h"

#include <string.h>


static claude_rc_t claude_reply_event(claude_reply_t *reply,
    const claude_dialect_t *dialect, const claude_event_t *event,
    claude_out_t *out);
static claude_rc_t claude_reply_order(claude_reply_t *reply,
    const claude_event_t *event);
static claude_rc_t claude_reply_block_start(claude_reply_t *reply,
    const claude_event_t *event);
static claude_rc_t claude_reply_block_delta(claude_reply_t *reply,
    const claude_event_t *event);
static unsigned claude_reply_wanted(const claude_reply_t *reply,
    const claude_event_t *event);
static claude_rc_t claude_reply_fail(claude_reply_t *reply, claude_rc_t rc);


claude_rc_t
claude_reply_init(claude_reply_t *reply, claude_mem_t *mem,
    const claude_dialect_t *dialect, const claude_request_t *request,
    const claude_str_t *id, int64_t created)
{
    memset(reply, 0, sizeof(claude_reply_t));

    reply->request = request;
    reply->mem = mem;
    reply->id = *id;
    reply->created = created;

    return dialect->start(reply);
}


claude_rc_t
claude_reply_next(claude_reply_t *reply, const claude_dialect_t *dialect,
    claude_sse_t *sse, const unsigned char **pos, const unsigned char *end,
    claude_out_t *out)
{
    claude_rc_t     rc;
    claude_str_t    data;
    claude_event_t  event;

    if (reply->fault.err != CLAUDE_ERR_NONE) {
        return CLAUDE_INVALID;
    }

    if (reply->complete) {
        *pos = end;
        return CLAUDE_AGAIN;
    }

    if (claude_sse_between(sse)
        && claude_event_take(pos, end, &event) == CLAUDE_OK)
    {
        return claude_reply_event(reply, dialect, &event, out);
    }

    rc = claude_sse_next(sse, pos, end, &data);

    if (rc == CLAUDE_OK) {
        return claude_reply_feed(reply, dialect, &data, out);
    }

    if (rc == CLAUDE_AGAIN) {
        return CLAUDE_AGAIN;
    }

    return claude_reply_fail(reply, (rc == CLAUDE_TOO_LARGE) ? CLAUDE_INVALID
                                                             : rc);
}


claude_rc_t
claude_reply_feed(claude_reply_t *reply, const claude_dialect_t *dialect,
    const claude_str_t *data, claude_out_t *out)
{
    claude_rc_t     rc;
    claude_event_t  event;

    if (reply->fault.err != CLAUDE_ERR_NONE) {
        return CLAUDE_INVALID;
    }

    if (reply->complete) {
        return CLAUDE_OK;
    }

    rc = claude_event_read(data, &event, &reply->usage);

    if (rc != CLAUDE_OK) {
        return claude_reply_fail(reply, rc);
    }

    return claude_reply_event(reply, dialect, &event, out);
}


static claude_rc_t
claude_reply_event(claude_reply_t *reply, const claude_dialect_t *dialect,
    const claude_event_t *event, claude_out_t *out)
{
    claude_rc_t  rc;

    rc = claude_reply_order(reply, event);

    if (rc == CLAUDE_OK && claude_reply_wanted(reply, event)) {
        rc = dialect->event(reply, event, out);

        if (rc == CLAUDE_OK && out) {
            rc = out->rc;
        }
    }

    if (rc != CLAUDE_OK) {
        return claude_reply_fail(reply, rc);
    }

    if (event->type == CLAUDE_EVENT_BLOCK_STOP) {
        reply->block = 0;
    }

    if (event->type == CLAUDE_EVENT_MESSAGE_STOP) {
        reply->complete = 1;
    }

    return CLAUDE_OK;
}


static claude_rc_t
claude_reply_order(claude_reply_t *reply, const claude_event_t *event)
{
    switch (event->type) {

    case CLAUDE_EVENT_OTHER:
    case CLAUDE_EVENT_PING:
        return CLAUDE_OK;

    case CLAUDE_EVENT_COST:
        reply->cost = event->cost;
        reply->priced = 1;
        return CLAUDE_OK;

    case CLAUDE_EVENT_ERROR:
        reply->fault.err = claude_error_from_upstream(0, &event->error);
        return CLAUDE_INVALID;

    case CLAUDE_EVENT_MESSAGE_START:
        if (reply->started) {
            return CLAUDE_INVALID;
        }

        reply->started = 1;
        return CLAUDE_OK;

    case CLAUDE_EVENT_BLOCK_START:
        return claude_reply_block_start(reply, event);

    case CLAUDE_EVENT_BLOCK_DELTA:
        return claude_reply_block_delta(reply, event);

    case CLAUDE_EVENT_BLOCK_STOP:
        return (reply->block == event->index + 1) ? CLAUDE_OK : CLAUDE_INVALID;

    case CLAUDE_EVENT_MESSAGE_DELTA:
        if (!reply->started || reply->block) {
            return CLAUDE_INVALID;
        }

        if (event->stop != CLAUDE_STOP_NONE) {
            reply->stop = event->stop;
            reply->stopped = 1;
        }

        return CLAUDE_OK;

    case CLAUDE_EVENT_MESSAGE_STOP:
        return reply->stopped ? CLAUDE_OK : CLAUDE_INVALID;
    }

    return CLAUDE_INVALID;
}


static claude_rc_t
claude_reply_block_start(claude_reply_t *reply, const claude_event_t *event)
{
    if (!reply->started || reply->stopped || reply->block
        || event->index < reply->next)
    {
        return CLAUDE_INVALID;
    }

    reply->block = event->index + 1;
    reply->next = event->index + 1;
    reply->block_type = event->block;

    if (event->block == CLAUDE_BLOCK_TOOL_USE) {
        reply->calls = 1;
    }

    if (reply->calls || event->text.len) {
        reply->content = 1;
    }

    return CLAUDE_OK;
}


/* a delta must be of its block's kind; unknown ones may stand in any block,
 * and all may stand in an unknown block */

static claude_rc_t
claude_reply_block_delta(claude_reply_t *reply, const claude_event_t *event)
{
    claude_block_type_e  block;

    if (reply->block != event->index + 1) {
        return CLAUDE_INVALID;
    }

    reply->text += event->text.len;

    if (reply->block_type == CLAUDE_BLOCK_OTHER
        || event->block == CLAUDE_BLOCK_OTHER)
    {
        return CLAUDE_OK;
    }

    block = event->block;

    if (block == CLAUDE_BLOCK_SIGNATURE) {
        block = CLAUDE_BLOCK_THINKING;

    } else if (event->text.len) {
        reply->content = 1;
    }

    return (block == reply->block_type) ? CLAUDE_OK : CLAUDE_INVALID;
}


static unsigned
claude_reply_wanted(const claude_reply_t *reply, const claude_event_t *event)
{
    switch (event->type) {

    case CLAUDE_EVENT_BLOCK_START:
    case CLAUDE_EVENT_BLOCK_STOP:
        return reply->block_type != CLAUDE_BLOCK_OTHER;

    case CLAUDE_EVENT_BLOCK_DELTA:
        return reply->block_type != CLAUDE_BLOCK_OTHER
               && event->block != CLAUDE_BLOCK_OTHER;

    default:
        return event->type != CLAUDE_EVENT_OTHER
               && event->type != CLAUDE_EVENT_COST
               && event->type != CLAUDE_EVENT_PING;
    }
}


/* an error event has set the fault already */

static claude_rc_t
claude_reply_fail(claude_reply_t *reply, claude_rc_t rc)
{
    claude_fault_t  *fault;

    fault = &reply->fault;
    fault->begun = reply->started;

    if (fault->err == CLAUDE_ERR_NONE) {
        fault->err = (rc == CLAUDE_NO_MEMORY) ? CLAUDE_ERR_INTERNAL
                                              : CLAUDE_ERR_UPSTREAM;
    }

    if (rc == CLAUDE_TOO_LARGE) {
        fault->reason = "the answer is too large to be gathered";
    }

    return rc;
}
