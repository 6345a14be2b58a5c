
#include "claude_messages.h"

#include "claude_json_writer.h"

#include <string.h>


static const char *claude_messages_error_type(claude_err_e err);


void
claude_messages_error(const claude_fault_t *fault, claude_out_t *out)
{
    const char          *type;
    const claude_str_t  *id;

    type = claude_messages_error_type(fault->err);
    id = &fault->request_id;

    claude_out_literal(out, "{\"type\":\"error\",\"error\":{\"type\":\"");
    claude_out_put(out, type, strlen(type));
    claude_out_literal(out, "\",\"message\":\"");
    claude_error_message(fault, out);
    claude_out_literal(out, "\"");

    /* what Anthropic's SDK looks for before it tries without */

    if (fault->err == CLAUDE_ERR_UNSUPPORTED
        && strcmp(fault->param, "thread") == 0)
    {
        claude_out_literal(out, ",\"details\":{\"error_code\":"
                                "\"thread_unsupported_request\","
                                "\"unsupported\":[\"thread\"]}");
    }

    claude_out_literal(out, "},\"request_id\":");

    if (id->len) {
        claude_json_put_string(out, id->data, id->len);

    } else {
        claude_out_literal(out, "null");
    }

    claude_out_literal(out, "}");
}


void
claude_messages_stream_error(claude_reply_t *reply,
    const claude_fault_t *fault, claude_out_t *out)
{
    (void) reply;

    claude_out_literal(out, "event: error\ndata: ");
    claude_messages_error(fault, out);
    claude_out_literal(out, "\n\n");
}


/* https://docs.anthropic.com/en/api/errors; clients take the status for it
 * where there is one, but in a stream there is only this */

static const char *
claude_messages_error_type(claude_err_e err)
{
    if (err == CLAUDE_ERR_OVERLOADED || err == CLAUDE_ERR_BUSY) {
        return "overloaded_error";
    }

    switch (claude_error_status(err)) {

    case 401:
        return "authentication_error";

    case 403:
        return "permission_error";

    case 404:
        return "not_found_error";

    case 413:
        return "request_too_large";

    case 429:
        return "rate_limit_error";

    case 408:
    case 504:
        return "timeout_error";

    default:
        return claude_error_status(err) < 500 ? "invalid_request_error"
                                              : "api_error";
    }
}
