
#include "claude_messages.h"


const claude_dialect_t  claude_messages = {
    .name = "messages",
    .request = claude_messages_request,
    .start = claude_messages_start,
    .event = claude_messages_event,
    .document = claude_messages_document,
    .error = claude_messages_error,
    .stream_error = claude_messages_stream_error,
    .ping = claude_string("event: ping\ndata: {\"type\":\"ping\"}\n\n"),
    .request_id = "Request-Id"
};


const claude_dialect_t  claude_messages_count = {
    .name = "count_tokens",
    .request = claude_messages_count_request,
    .error = claude_messages_error,
    .request_id = "Request-Id"
};


uint64_t
claude_messages_estimate(const claude_request_t *request)
{
    return request->text * 2 / 7 + 1;
}
