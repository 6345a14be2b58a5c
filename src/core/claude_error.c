
#include "claude_error.h"

#include "claude_json_writer.h"

#include <string.h>


/*
 * What stands in the body is put together as
 *
 *   message [before param'] [at byte N] [: reason] . [hint]
 */

typedef struct {
    unsigned               status;
    unsigned               retry;
    const char            *type;
    const char            *code;
    const char            *message;
    const char            *before;  /* param; NULL: it isn't in the sentence */
    const char            *hint;
} claude_error_row_t;


typedef struct {
    claude_str_t           type;
    claude_err_e           err;
} claude_error_upstream_t;


static const claude_error_row_t *claude_error_row(claude_err_e err);
static void claude_error_text(claude_out_t *out, const char *text);
static claude_err_e claude_error_from_upstream_status(unsigned status);


#define claude_error_bad(code, message, before, hint)                         \
    { 400, 0, "invalid_request_error", code, message, before, hint }

#define claude_error_key(code, message, hint)                                 \
    { 401, 0, "invalid_request_error", code, message, NULL, hint }


/*
 * The column retry: 1 where the same request may succeed later and the model
 * has not been asked, or has refused to begin.  0 where it would fail again,
 * or where an answer may have been made (and billed) that was lost on the way.
 */

static const claude_error_row_t  claude_errors[CLAUDE_ERR_MAX] = {

    [CLAUDE_ERR_EMPTY_BODY] = claude_error_bad("invalid_json",
        "The request body is empty", NULL,
        "Send a JSON object."),

    [CLAUDE_ERR_INVALID_JSON] = claude_error_bad("invalid_json",
        "The request body is not valid JSON", NULL, NULL),

    [CLAUDE_ERR_NOT_OBJECT] = claude_error_bad("invalid_json",
        "The request body must be a JSON object", NULL, NULL),

    [CLAUDE_ERR_INVALID_MESSAGES] = claude_error_bad("invalid_messages",
        "Invalid messages", " in '", NULL),

    [CLAUDE_ERR_MISSING] = claude_error_bad("missing_required_parameter",
        "Missing required parameter", " '", NULL),

    [CLAUDE_ERR_INVALID_TYPE] = claude_error_bad("invalid_type",
        "Invalid type", " for '", NULL),

    [CLAUDE_ERR_INVALID_VALUE] = claude_error_bad("invalid_value",
        "Invalid value", " for '", NULL),

    [CLAUDE_ERR_UNSUPPORTED] = claude_error_bad("unsupported_parameter",
        "Unsupported parameter", " '", NULL),

    [CLAUDE_ERR_BAD_REQUEST] = claude_error_bad("bad_request",
        "The HTTP request is malformed or not one that this server takes",
        NULL, NULL),

    [CLAUDE_ERR_REJECTED] = claude_error_bad("rejected_by_model",
        "The model's API rejected the request", NULL,
        "Check its parameters and the length of the conversation."),

    [CLAUDE_ERR_NO_KEY] = claude_error_key("missing_api_key",
        "No API key was given",
        "Send it in the header 'Authorization: Bearer sk-...'."),

    [CLAUDE_ERR_BAD_KEY] = claude_error_key("invalid_api_key",
        "The API key is not known here",
        "Check that it is whole and belongs to this server."),

    [CLAUDE_ERR_KEY_DISABLED] = claude_error_key("invalid_api_key",
        "The API key is disabled",
        "Ask the operator of this server to enable it."),

    [CLAUDE_ERR_KEY_EXPIRED] = claude_error_key("invalid_api_key",
        "The API key has expired",
        "Ask the operator of this server for a new one."),

    [CLAUDE_ERR_KEY_REVOKED] = claude_error_key("invalid_api_key",
        "The API key was revoked while the request was being answered",
        "Ask the operator of this server for a new one."),

    [CLAUDE_ERR_CREDENTIAL] = claude_error_key("credential_refused",
        "The model's API refused the credential behind this API key",
        "Ask the operator of this server to renew it."),

    [CLAUDE_ERR_NO_SESSION] = claude_error_key("not_signed_in",
        "You are not signed in, or the session has ended",
        "Sign in again."),

    [CLAUDE_ERR_LOGIN] = claude_error_key("invalid_credentials",
        "The name or the password is wrong", NULL),

    [CLAUDE_ERR_FORBIDDEN] = {
        403, 0, "invalid_request_error", "permission_denied",
        "You are not allowed to make this request", NULL,
        "Ask the operator of this server for access." },

    [CLAUDE_ERR_MODEL_DENIED] = {
        403, 0, "invalid_request_error", "model_not_allowed",
        "This API key may not use this model", NULL,
        "GET /v1/models lists those that it may use." },

    [CLAUDE_ERR_ADDRESS_DENIED] = {
        403, 0, "invalid_request_error", "address_not_allowed",
        "This API key may not be used from this address", NULL,
        "Ask the operator of this server for access." },

    [CLAUDE_ERR_HTTPS] = {
        403, 0, "invalid_request_error", "https_required",
        "The admin API answers over HTTPS only", NULL, NULL },

    [CLAUDE_ERR_CROSS_ORIGIN] = {
        403, 0, "invalid_request_error", "cross_origin_request",
        "A change must come from a page of the same origin", NULL,
        "Send the header 'Origin' of this server." },

    [CLAUDE_ERR_MODEL] = {
        404, 0, "invalid_request_error", "model_not_found",
        "The model does not exist, or this API key may not use it", NULL,
        "GET /v1/models lists those that can be asked for." },

    [CLAUDE_ERR_ENDPOINT] = {
        404, 0, "invalid_request_error", "endpoint_not_found",
        "There is no such endpoint here", NULL,
        "Served are POST /v1/chat/completions, /v1/responses, /v1/messages and "
        "/v1/messages/count_tokens, and GET /v1/models; the path may be below "
        "another base URL." },

    [CLAUDE_ERR_ADMIN_ENDPOINT] = {
        404, 0, "invalid_request_error", "endpoint_not_found",
        "There is no such endpoint of the admin API", NULL, NULL },

    [CLAUDE_ERR_KEY_NOT_FOUND] = {
        404, 0, "invalid_request_error", "key_not_found",
        "There is no key of this id", NULL, NULL },

    [CLAUDE_ERR_SESSION_NOT_FOUND] = {
        404, 0, "invalid_request_error", "session_not_found",
        "There is no session of this id", NULL, NULL },

    [CLAUDE_ERR_METHOD] = {
        405, 0, "invalid_request_error", "method_not_allowed",
        "This endpoint does not take this HTTP method", NULL, NULL },

    [CLAUDE_ERR_TIMEOUT_CLIENT] = {
        408, 1, "invalid_request_error", "request_timeout",
        "The request did not arrive in time", NULL, NULL },

    [CLAUDE_ERR_TOO_LARGE] = {
        413, 0, "invalid_request_error", "request_too_large",
        "The request is too large", NULL,
        "Shorten the conversation or send smaller files." },

    [CLAUDE_ERR_ADMIN_TOO_LARGE] = {
        413, 0, "invalid_request_error", "request_too_large",
        "The request is larger than any that the admin API takes", NULL,
        NULL },

    [CLAUDE_ERR_MEDIA_TYPE] = {
        415, 0, "invalid_request_error", "unsupported_media_type",
        "The request body is of an unsupported media type", NULL,
        "Send 'Content-Type: application/json'." },

    [CLAUDE_ERR_WEBSOCKET] = {
        426, 0, "invalid_request_error", "websocket_not_supported",
        "This endpoint does not speak WebSocket", NULL,
        "Send the request by POST." },

    [CLAUDE_ERR_RATE_LIMIT] = {
        429, 1, "rate_limit_error", "rate_limit_exceeded",
        "Too many requests", NULL, NULL },

    [CLAUDE_ERR_TOKEN_LIMIT] = {
        429, 1, "rate_limit_error", "rate_limit_exceeded",
        "This API key's tokens a minute are used up", NULL, NULL },

    [CLAUDE_ERR_CONCURRENCY] = {
        429, 1, "rate_limit_error", "rate_limit_exceeded",
        "This API key has as many requests under way as it may", NULL,
        NULL },

    [CLAUDE_ERR_LOGIN_LIMIT] = {
        429, 0, "rate_limit_error", "too_many_attempts",
        "Too many wrong attempts to sign in from this address", NULL,
        NULL },

    [CLAUDE_ERR_RATE_UPSTREAM] = {
        429, 1, "rate_limit_error", "rate_limit_exceeded",
        "The credential behind this API key has reached a limit of the "
        "model's API", NULL, NULL },

    [CLAUDE_ERR_QUOTA] = {
        429, 0, "rate_limit_error", "insufficient_quota",
        "The quota of this API key is used up", NULL,
        "Ask the operator of this server to raise it." },

    [CLAUDE_ERR_INTERNAL] = {
        500, 0, "api_error", "internal_error",
        "This server failed to handle the request", NULL, NULL },

    [CLAUDE_ERR_UPSTREAM] = {
        502, 0, "api_error", "bad_gateway",
        "The model's answer was cut off or could not be read", NULL, NULL },

    [CLAUDE_ERR_UPSTREAM_FAILED] = {
        502, 1, "api_error", "upstream_error",
        "The model's API failed", NULL, NULL },

    [CLAUDE_ERR_MISFIT] = {
        502, 0, "api_error", "invalid_answer",
        "The model's answer does not fit the format that was asked for", NULL,
        "It was billed; ask again, or for a simpler schema." },

    [CLAUDE_ERR_UNAVAILABLE] = {
        503, 1, "api_error", "service_unavailable",
        "The model can't be reached at the moment", NULL, NULL },

    [CLAUDE_ERR_BUSY] = {
        503, 1, "api_error", "server_busy",
        "This server is busy with requests of this kind", NULL, NULL },

    [CLAUDE_ERR_STORE] = {
        503, 0, "api_error", "store_unavailable",
        "The change could not be made durable and was not made", NULL,
        NULL },

    [CLAUDE_ERR_STORE_FULL] = {
        507, 0, "api_error", "keystore_full",
        "There is no room for another key", NULL,
        "Enlarge the zone of 'claude_keystore'." },

    [CLAUDE_ERR_OVERLOADED] = {
        503, 1, "api_error", "overloaded",
        "The model is overloaded at the moment", NULL, NULL },

    [CLAUDE_ERR_TIMEOUT] = {
        504, 0, "api_error", "timeout",
        "The model did not answer in time", NULL, NULL }
};


static const claude_error_upstream_t  claude_error_upstream[] = {
    { claude_string("authentication_error"), CLAUDE_ERR_CREDENTIAL },
    { claude_string("billing_error"), CLAUDE_ERR_QUOTA },
    { claude_string("permission_error"), CLAUDE_ERR_FORBIDDEN },
    { claude_string("not_found_error"), CLAUDE_ERR_MODEL },
    { claude_string("request_too_large"), CLAUDE_ERR_TOO_LARGE },
    { claude_string("rate_limit_error"), CLAUDE_ERR_RATE_UPSTREAM },
    { claude_string("timeout_error"), CLAUDE_ERR_TIMEOUT },
    { claude_string("invalid_answer_error"), CLAUDE_ERR_MISFIT },
    { claude_string("overloaded_error"), CLAUDE_ERR_OVERLOADED }
};


unsigned
claude_error_status(claude_err_e err)
{
    return claude_error_row(err)->status;
}


const char *
claude_error_type(claude_err_e err)
{
    return claude_error_row(err)->type;
}


const char *
claude_error_code(claude_err_e err)
{
    return claude_error_row(err)->code;
}


unsigned
claude_error_retryable(claude_err_e err)
{
    return claude_error_row(err)->retry;
}


unsigned
claude_fault_retryable(const claude_fault_t *fault)
{
    return !fault->begun && fault->retry_after <= CLAUDE_RETRY_MAX
           && claude_error_retryable(fault->err);
}


void
claude_error_body(const claude_fault_t *fault, claude_out_t *out)
{
    size_t                     len;
    const claude_error_row_t  *row;

    row = claude_error_row(fault->err);
    len = strnlen(fault->param, CLAUDE_PARAM_MAX);

    claude_out_literal(out, "{\"error\":{\"message\":\"");
    claude_error_message(fault, out);
    claude_out_literal(out, "\",\"type\":\"");
    claude_error_text(out, row->type);
    claude_out_literal(out, "\",\"param\":");

    if (len) {
        claude_json_put_string(out, (const unsigned char *) fault->param, len);

    } else {
        claude_out_literal(out, "null");
    }

    claude_out_literal(out, ",\"code\":\"");
    claude_error_text(out, row->code);
    claude_out_literal(out, "\"}}");
}


static const claude_error_row_t *
claude_error_row(claude_err_e err)
{
    if (err <= CLAUDE_ERR_NONE || err >= CLAUDE_ERR_MAX) {
        err = CLAUDE_ERR_INTERNAL;
    }

    return &claude_errors[err];
}


void
claude_error_message(const claude_fault_t *fault, claude_out_t *out)
{
    size_t                     len;
    const claude_error_row_t  *row;

    row = claude_error_row(fault->err);

    claude_error_text(out, row->message);

    len = strnlen(fault->param, CLAUDE_PARAM_MAX);

    if (len && row->before) {
        claude_error_text(out, row->before);
        claude_json_put_text(out, (const unsigned char *) fault->param, len);
        claude_out_literal(out, "'");
    }

    if (fault->err == CLAUDE_ERR_INVALID_JSON) {
        claude_out_literal(out, " at byte ");
        claude_json_put_uint(out, fault->offset);
    }

    if (fault->reason) {
        claude_out_literal(out, ": ");
        claude_error_text(out, fault->reason);
    }

    claude_out_literal(out, ".");

    if (row->hint) {
        claude_out_literal(out, " ");
        claude_error_text(out, row->hint);
    }

    if (fault->retry_after) {
        claude_out_literal(out, " Try again in ");
        claude_json_put_uint(out, fault->retry_after);
        claude_out_literal(out, " s.");
    }
}


static void
claude_error_text(claude_out_t *out, const char *text)
{
    claude_json_put_text(out, (const unsigned char *) text, strlen(text));
}


/*
 * The type says more than the status, but for invalid_request_error and
 * api_error, which stand for whatever has no type of its own.
 */

claude_err_e
claude_error_from_upstream(unsigned status, const claude_str_t *type)
{
    unsigned                        i;
    const claude_error_upstream_t  *row;

    static const claude_str_t  rejected =
        claude_string("invalid_request_error");

    for (i = 0; i < sizeof(claude_error_upstream) / sizeof(*row); i++) {
        row = &claude_error_upstream[i];

        if (row->type.len == type->len
            && memcmp(row->type.data, type->data, type->len) == 0)
        {
            return row->err;
        }
    }

    if (status == 0 && type->len == rejected.len
        && memcmp(rejected.data, type->data, type->len) == 0)
    {
        return CLAUDE_ERR_REJECTED;
    }

    return claude_error_from_upstream_status(status);
}


static claude_err_e
claude_error_from_upstream_status(unsigned status)
{
    switch (status) {

    case 400:
    case 422:
        return CLAUDE_ERR_REJECTED;

    case 401:
        return CLAUDE_ERR_CREDENTIAL;

    case 402:
        return CLAUDE_ERR_QUOTA;

    case 403:
        return CLAUDE_ERR_FORBIDDEN;

    case 408:
    case 504:
        return CLAUDE_ERR_TIMEOUT;

    case 413:
        return CLAUDE_ERR_TOO_LARGE;

    case 429:
        return CLAUDE_ERR_RATE_UPSTREAM;

    case 503:
        return CLAUDE_ERR_UNAVAILABLE;

    case 529:
        return CLAUDE_ERR_OVERLOADED;
    }

    if (status == 0 || (status >= 500 && status < 600)) {
        return CLAUDE_ERR_UPSTREAM_FAILED;
    }

    return CLAUDE_ERR_UPSTREAM;
}


claude_err_e
claude_error_from_status(unsigned status)
{
    switch (status) {

    case 401:
        return CLAUDE_ERR_NO_KEY;

    case 403:
        return CLAUDE_ERR_FORBIDDEN;

    case 404:
        return CLAUDE_ERR_ENDPOINT;

    case 405:
        return CLAUDE_ERR_METHOD;

    case 408:
        return CLAUDE_ERR_TIMEOUT_CLIENT;

    case 413:
        return CLAUDE_ERR_TOO_LARGE;

    case 415:
        return CLAUDE_ERR_MEDIA_TYPE;

    case 429:
        return CLAUDE_ERR_RATE_LIMIT;

    case 501:                       /* transfer codings that nginx has not */
    case 505:
        return CLAUDE_ERR_BAD_REQUEST;

    case 502:
        return CLAUDE_ERR_UPSTREAM;

    case 503:
        return CLAUDE_ERR_UNAVAILABLE;

    case 504:
        return CLAUDE_ERR_TIMEOUT;
    }

    /* 411, 412, 414, 416, 421, and nginx's own 494 to 497 among them */

    if (status >= 400 && status < 500) {
        return CLAUDE_ERR_BAD_REQUEST;
    }

    return CLAUDE_ERR_INTERNAL;
}
