
/*
 * Everything that can be said to a client about a failed request, in one
 * table: HTTP status, OpenAI's type and code, and the sentence.
 *
 * https://platform.openai.com/docs/guides/error-codes
 */


#ifndef CLAUDE_ERROR_H
#define CLAUDE_ERROR_H


#include "claude_out.h"


typedef enum {
    CLAUDE_ERR_NONE = 0,

    /* 400, the body */
    CLAUDE_ERR_EMPTY_BODY,          /* invalid_json */
    CLAUDE_ERR_INVALID_JSON,        /* invalid_json, with offset and reason */
    CLAUDE_ERR_NOT_OBJECT,          /* invalid_json */
    CLAUDE_ERR_INVALID_MESSAGES,    /* invalid_messages */
    CLAUDE_ERR_MISSING,             /* missing_required_parameter */
    CLAUDE_ERR_INVALID_TYPE,        /* invalid_type */
    CLAUDE_ERR_INVALID_VALUE,       /* invalid_value */
    CLAUDE_ERR_UNSUPPORTED,         /* unsupported_parameter */
    CLAUDE_ERR_BAD_REQUEST,         /* bad_request: not HTTP as it should be */
    CLAUDE_ERR_REJECTED,            /* rejected_by_model: upstream's 400 */

    /* 401 */
    CLAUDE_ERR_NO_KEY,              /* missing_api_key */
    CLAUDE_ERR_BAD_KEY,             /* invalid_api_key: malformed, unknown */
    CLAUDE_ERR_KEY_DISABLED,        /* invalid_api_key */
    CLAUDE_ERR_KEY_EXPIRED,         /* invalid_api_key */
    CLAUDE_ERR_KEY_REVOKED,         /* invalid_api_key: while answering */
    CLAUDE_ERR_CREDENTIAL,          /* credential_refused: upstream's 401 */
    CLAUDE_ERR_NO_SESSION,          /* not_signed_in: none, ended, expired */
    CLAUDE_ERR_LOGIN,               /* invalid_credentials */

    /* 403 */
    CLAUDE_ERR_FORBIDDEN,           /* permission_denied */
    CLAUDE_ERR_MODEL_DENIED,        /* model_not_allowed: by the key */
    CLAUDE_ERR_ADDRESS_DENIED,      /* address_not_allowed: by the key */
    CLAUDE_ERR_HTTPS,               /* https_required: admin in plain text */
    CLAUDE_ERR_CROSS_ORIGIN,        /* cross_origin_request: admin */

    /* 404 */
    CLAUDE_ERR_MODEL,               /* model_not_found */
    CLAUDE_ERR_ENDPOINT,            /* endpoint_not_found */
    CLAUDE_ERR_ADMIN_ENDPOINT,      /* endpoint_not_found: admin */
    CLAUDE_ERR_KEY_NOT_FOUND,       /* key_not_found: admin */
    CLAUDE_ERR_SESSION_NOT_FOUND,   /* session_not_found: admin */

    CLAUDE_ERR_METHOD,              /* 405 method_not_allowed */
    CLAUDE_ERR_TIMEOUT_CLIENT,      /* 408 request_timeout */
    CLAUDE_ERR_TOO_LARGE,           /* 413 request_too_large */
    CLAUDE_ERR_ADMIN_TOO_LARGE,     /* 413 request_too_large */
    CLAUDE_ERR_MEDIA_TYPE,          /* 415 unsupported_media_type */
    CLAUDE_ERR_WEBSOCKET,           /* 426 websocket_not_supported */

    /* 429 */
    CLAUDE_ERR_RATE_LIMIT,          /* rate_limit_exceeded: ours */
    CLAUDE_ERR_TOKEN_LIMIT,         /* rate_limit_exceeded: the key's tokens */
    CLAUDE_ERR_CONCURRENCY,         /* rate_limit_exceeded: the key's calls */
    CLAUDE_ERR_LOGIN_LIMIT,         /* too_many_attempts: wrong logins */
    CLAUDE_ERR_RATE_UPSTREAM,       /* rate_limit_exceeded: the credential's */
    CLAUDE_ERR_QUOTA,               /* insufficient_quota */

    CLAUDE_ERR_INTERNAL,            /* 500 internal_error */
    CLAUDE_ERR_UPSTREAM,            /* 502 bad_gateway: broken, garbage */
    CLAUDE_ERR_UPSTREAM_FAILED,     /* 502 upstream_error: upstream's 5xx */
    CLAUDE_ERR_MISFIT,              /* 502 invalid_answer: not its schema's */
    CLAUDE_ERR_UNAVAILABLE,         /* 503 service_unavailable */
    CLAUDE_ERR_BUSY,                /* 503 server_busy: admin, no thread */
    CLAUDE_ERR_STORE,               /* 503 store_unavailable: not durable */
    CLAUDE_ERR_STORE_FULL,          /* 507 keystore_full */
    CLAUDE_ERR_OVERLOADED,          /* 503 overloaded: upstream's 529 */
    CLAUDE_ERR_TIMEOUT,             /* 504 timeout */

    CLAUDE_ERR_MAX
} claude_err_e;


/*
 * One failure.  Nothing in it but param comes from the request, and param
 * only ever names a field of the public API: "messages[3].content".  reason
 * is a clause without a full stop: "must be an array".
 */

#define CLAUDE_PARAM_MAX   96

typedef struct {
    claude_err_e           err;
    char                   param[CLAUDE_PARAM_MAX];  /* "" is null */
    const char            *reason;  /* static text added to the sentence */
    size_t                 offset;  /* CLAUDE_ERR_INVALID_JSON */
    unsigned               retry_after;  /* seconds; 0 is unknown */
    claude_str_t           request_id;  /* for dialects that say it; or len
                                         * 0 */
    unsigned               begun:1; /* the model had begun to answer */
} claude_fault_t;


/* the table's row; err out of range gives CLAUDE_ERR_INTERNAL's */

unsigned claude_error_status(claude_err_e err);
const char *claude_error_type(claude_err_e err);
const char *claude_error_code(claude_err_e err);

/*
 * Whether a client may try the same request again (x-should-retry): it may
 * succeed unchanged, and no tokens were billed for it.  Of a fault neither is
 * true once the model had begun to answer, nor where clients, which wait
 * CLAUDE_RETRY_MAX seconds at most, would come back too early.
 */

#define CLAUDE_RETRY_MAX  120

unsigned claude_error_retryable(claude_err_e err);
unsigned claude_fault_retryable(const claude_fault_t *fault);

/* {"error":{"message":…,"type":…,"param":…,"code":…}}, on one line */

void claude_error_body(const claude_fault_t *fault, claude_out_t *out);

/* its message, as a part of a JSON string */

void claude_error_message(const claude_fault_t *fault, claude_out_t *out);

/* what an upstream's answer means to the client: status is the upstream's
 * HTTP status, or 0 in a stream, type Anthropic's error.type (may be empty).
 * Never CLAUDE_ERR_NONE: a status that is no error is CLAUDE_ERR_UPSTREAM.
 * https://docs.anthropic.com/en/api/errors */

claude_err_e claude_error_from_upstream(unsigned status,
    const claude_str_t *type);

/* what an HTTP status that nginx itself answers with, 400 and above, means to
 * the client.  The error's own status may be another: nginx's 414 has code
 * bad_request, and stays 414 if the caller leaves the status line alone. */

claude_err_e claude_error_from_status(unsigned status);


#endif /* CLAUDE_ERROR_H */
