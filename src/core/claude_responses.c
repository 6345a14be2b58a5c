
#include "claude_responses.h"


const claude_dialect_t  claude_responses = {
    .name = "responses",
    .request = claude_responses_request,
    .start = claude_responses_start,
    .event = claude_responses_event,
    .document = claude_responses_document,
    .error = claude_error_body,
    .stream_error = claude_responses_stream_error
};
