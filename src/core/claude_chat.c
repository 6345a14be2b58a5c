
#include "claude_chat.h"


const claude_dialect_t  claude_chat = {
    .name = "chat",
    .request = claude_chat_request,
    .start = claude_chat_start,
    .event = claude_chat_event,
    .document = claude_chat_document,
    .error = claude_error_body,
    .stream_error = claude_chat_stream_error
};
