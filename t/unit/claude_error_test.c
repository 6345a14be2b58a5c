
/* the table of errors, their bodies, and what becomes an error */

#include "tap.h"
#include "pool.h"

#include "claude_error.h"
#include "claude_json_reader.h"


typedef struct {
    claude_err_e     err;
    unsigned         status;
    unsigned         retry;
    const char      *type;
    const char      *code;
} row_t;

typedef struct {
    claude_fault_t   fault;
    const char      *message;       /* and what follows, up to the end */
} body_t;

typedef struct {
    unsigned         status;
    const char      *type;
    claude_err_e     err;
} from_t;


static void rows(void);
static void bodies(void);
static void hostile(void);
static void begun(void);
static void from_upstream(void);
static void from_status(void);
static void body(const claude_fault_t *fault, char *buf, size_t size);
static claude_rc_t token(void *ctx, const claude_json_token_t *token);


#define BAD   "invalid_request_error"
#define API   "api_error"
#define RATE  "rate_limit_error"


static const row_t  row_table[] = {
    { CLAUDE_ERR_EMPTY_BODY, 400, 0, BAD, "invalid_json" },
    { CLAUDE_ERR_INVALID_JSON, 400, 0, BAD, "invalid_json" },
    { CLAUDE_ERR_NOT_OBJECT, 400, 0, BAD, "invalid_json" },
    { CLAUDE_ERR_INVALID_MESSAGES, 400, 0, BAD, "invalid_messages" },
    { CLAUDE_ERR_MISSING, 400, 0, BAD, "missing_required_parameter" },
    { CLAUDE_ERR_INVALID_TYPE, 400, 0, BAD, "invalid_type" },
    { CLAUDE_ERR_INVALID_VALUE, 400, 0, BAD, "invalid_value" },
    { CLAUDE_ERR_UNSUPPORTED, 400, 0, BAD, "unsupported_parameter" },
    { CLAUDE_ERR_BAD_REQUEST, 400, 0, BAD, "bad_request" },
    { CLAUDE_ERR_REJECTED, 400, 0, BAD, "rejected_by_model" },
    { CLAUDE_ERR_NO_KEY, 401, 0, BAD, "missing_api_key" },
    { CLAUDE_ERR_BAD_KEY, 401, 0, BAD, "invalid_api_key" },
    { CLAUDE_ERR_KEY_DISABLED, 401, 0, BAD, "invalid_api_key" },
    { CLAUDE_ERR_KEY_EXPIRED, 401, 0, BAD, "invalid_api_key" },
    { CLAUDE_ERR_KEY_REVOKED, 401, 0, BAD, "invalid_api_key" },
    { CLAUDE_ERR_CREDENTIAL, 401, 0, BAD, "credential_refused" },
    { CLAUDE_ERR_NO_SESSION, 401, 0, BAD, "not_signed_in" },
    { CLAUDE_ERR_LOGIN, 401, 0, BAD, "invalid_credentials" },
    { CLAUDE_ERR_FORBIDDEN, 403, 0, BAD, "permission_denied" },
    { CLAUDE_ERR_MODEL_DENIED, 403, 0, BAD, "model_not_allowed" },
    { CLAUDE_ERR_ADDRESS_DENIED, 403, 0, BAD, "address_not_allowed" },
    { CLAUDE_ERR_HTTPS, 403, 0, BAD, "https_required" },
    { CLAUDE_ERR_CROSS_ORIGIN, 403, 0, BAD, "cross_origin_request" },
    { CLAUDE_ERR_MODEL, 404, 0, BAD, "model_not_found" },
    { CLAUDE_ERR_ENDPOINT, 404, 0, BAD, "endpoint_not_found" },
    { CLAUDE_ERR_ADMIN_ENDPOINT, 404, 0, BAD, "endpoint_not_found" },
    { CLAUDE_ERR_KEY_NOT_FOUND, 404, 0, BAD, "key_not_found" },
    { CLAUDE_ERR_SESSION_NOT_FOUND, 404, 0, BAD, "session_not_found" },
    { CLAUDE_ERR_METHOD, 405, 0, BAD, "method_not_allowed" },
    { CLAUDE_ERR_TIMEOUT_CLIENT, 408, 1, BAD, "request_timeout" },
    { CLAUDE_ERR_TOO_LARGE, 413, 0, BAD, "request_too_large" },
    { CLAUDE_ERR_ADMIN_TOO_LARGE, 413, 0, BAD, "request_too_large" },
    { CLAUDE_ERR_MEDIA_TYPE, 415, 0, BAD, "unsupported_media_type" },
    { CLAUDE_ERR_WEBSOCKET, 426, 0, BAD, "websocket_not_supported" },
    { CLAUDE_ERR_RATE_LIMIT, 429, 1, RATE, "rate_limit_exceeded" },
    { CLAUDE_ERR_TOKEN_LIMIT, 429, 1, RATE, "rate_limit_exceeded" },
    { CLAUDE_ERR_CONCURRENCY, 429, 1, RATE, "rate_limit_exceeded" },
    { CLAUDE_ERR_LOGIN_LIMIT, 429, 0, RATE, "too_many_attempts" },
    { CLAUDE_ERR_RATE_UPSTREAM, 429, 1, RATE, "rate_limit_exceeded" },
    { CLAUDE_ERR_QUOTA, 429, 0, RATE, "insufficient_quota" },
    { CLAUDE_ERR_INTERNAL, 500, 0, API, "internal_error" },
    { CLAUDE_ERR_UPSTREAM, 502, 0, API, "bad_gateway" },
    { CLAUDE_ERR_UPSTREAM_FAILED, 502, 1, API, "upstream_error" },
    { CLAUDE_ERR_MISFIT, 502, 0, API, "invalid_answer" },
    { CLAUDE_ERR_UNAVAILABLE, 503, 1, API, "service_unavailable" },
    { CLAUDE_ERR_BUSY, 503, 1, API, "server_busy" },
    { CLAUDE_ERR_STORE, 503, 0, API, "store_unavailable" },
    { CLAUDE_ERR_STORE_FULL, 507, 0, API, "keystore_full" },
    { CLAUDE_ERR_OVERLOADED, 503, 1, API, "overloaded" },
    { CLAUDE_ERR_TIMEOUT, 504, 0, API, "timeout" },
    { CLAUDE_ERR_NONE, 500, 0, API, "internal_error" },
    { CLAUDE_ERR_MAX, 500, 0, API, "internal_error" },
    { (claude_err_e) -1, 500, 0, API, "internal_error" }
};


static const body_t  body_table[] = {
    { { CLAUDE_ERR_INVALID_JSON, "", "lone surrogate", 17, 0, { 0, NULL }, 0 },
      "The request body is not valid JSON at byte 17: lone surrogate.\","
      "\"type\":\"invalid_request_error\",\"param\":null,"
      "\"code\":\"invalid_json\"}}" },
    { { CLAUDE_ERR_MISSING, "messages", NULL, 9, 0, { 0, NULL }, 0 },
      "Missing required parameter 'messages'.\","
      "\"type\":\"invalid_request_error\",\"param\":\"messages\","
      "\"code\":\"missing_required_parameter\"}}" },
    { { CLAUDE_ERR_INVALID_TYPE, "messages[3].content", "must be a string",
        0, 0, { 0, NULL }, 0 },
      "Invalid type for 'messages[3].content': must be a string.\","
      "\"type\":\"invalid_request_error\",\"param\":\"messages[3].content\","
      "\"code\":\"invalid_type\"}}" },
    { { CLAUDE_ERR_MODEL, "model", NULL, 0, 0, { 0, NULL }, 0 },
      "The model does not exist, or this API key may not use it. "
      "GET /v1/models lists those that can be asked for.\","
      "\"type\":\"invalid_request_error\",\"param\":\"model\","
      "\"code\":\"model_not_found\"}}" },
    { { CLAUDE_ERR_RATE_LIMIT, "", NULL, 0, 12, { 0, NULL }, 0 },
      "Too many requests. Try again in 12 s.\","
      "\"type\":\"rate_limit_error\",\"param\":null,"
      "\"code\":\"rate_limit_exceeded\"}}" },
    { { CLAUDE_ERR_UNSUPPORTED, "a\"\\\n\xff", NULL, 0, 0, { 0, NULL }, 0 },
      "Unsupported parameter 'a\\\"\\\\\\n\xef\xbf\xbd'.\","
      "\"type\":\"invalid_request_error\","
      "\"param\":\"a\\\"\\\\\\n\xef\xbf\xbd\","
      "\"code\":\"unsupported_parameter\"}}" }
};


static const from_t  upstream_table[] = {
    { 400, "invalid_request_error", CLAUDE_ERR_REJECTED },
    { 401, "authentication_error", CLAUDE_ERR_CREDENTIAL },
    { 402, "billing_error", CLAUDE_ERR_QUOTA },
    { 403, "permission_error", CLAUDE_ERR_FORBIDDEN },
    { 404, "not_found_error", CLAUDE_ERR_MODEL },
    { 413, "request_too_large", CLAUDE_ERR_TOO_LARGE },
    { 429, "rate_limit_error", CLAUDE_ERR_RATE_UPSTREAM },
    { 500, "api_error", CLAUDE_ERR_UPSTREAM_FAILED },
    { 504, "timeout_error", CLAUDE_ERR_TIMEOUT },
    { 529, "overloaded_error", CLAUDE_ERR_OVERLOADED },

    { 0, "invalid_request_error", CLAUDE_ERR_REJECTED },
    { 0, "authentication_error", CLAUDE_ERR_CREDENTIAL },
    { 0, "billing_error", CLAUDE_ERR_QUOTA },
    { 0, "permission_error", CLAUDE_ERR_FORBIDDEN },
    { 0, "not_found_error", CLAUDE_ERR_MODEL },
    { 0, "request_too_large", CLAUDE_ERR_TOO_LARGE },
    { 0, "rate_limit_error", CLAUDE_ERR_RATE_UPSTREAM },
    { 0, "api_error", CLAUDE_ERR_UPSTREAM_FAILED },
    { 502, "invalid_answer_error", CLAUDE_ERR_MISFIT },
    { 0, "invalid_answer_error", CLAUDE_ERR_MISFIT },
    { 0, "timeout_error", CLAUDE_ERR_TIMEOUT },
    { 0, "overloaded_error", CLAUDE_ERR_OVERLOADED },
    { 0, "", CLAUDE_ERR_UPSTREAM_FAILED },
    { 0, "new_error", CLAUDE_ERR_UPSTREAM_FAILED },

    /* the type says more, where it says something */
    { 500, "overloaded_error", CLAUDE_ERR_OVERLOADED },
    { 200, "overloaded_error", CLAUDE_ERR_OVERLOADED },
    { 529, "api_error", CLAUDE_ERR_OVERLOADED },
    { 413, "invalid_request_error", CLAUDE_ERR_TOO_LARGE },
    { 503, "new_error", CLAUDE_ERR_UNAVAILABLE },

    /* no type */
    { 400, "", CLAUDE_ERR_REJECTED },
    { 401, "", CLAUDE_ERR_CREDENTIAL },
    { 402, "", CLAUDE_ERR_QUOTA },
    { 403, "", CLAUDE_ERR_FORBIDDEN },
    { 404, "", CLAUDE_ERR_UPSTREAM },
    { 408, "", CLAUDE_ERR_TIMEOUT },
    { 413, "", CLAUDE_ERR_TOO_LARGE },
    { 422, "", CLAUDE_ERR_REJECTED },
    { 429, "", CLAUDE_ERR_RATE_UPSTREAM },
    { 500, "", CLAUDE_ERR_UPSTREAM_FAILED },
    { 502, "", CLAUDE_ERR_UPSTREAM_FAILED },
    { 503, "", CLAUDE_ERR_UNAVAILABLE },
    { 504, "", CLAUDE_ERR_TIMEOUT },
    { 529, "", CLAUDE_ERR_OVERLOADED },
    { 599, "", CLAUDE_ERR_UPSTREAM_FAILED },

    /* no error at all */
    { 101, "", CLAUDE_ERR_UPSTREAM },
    { 200, "", CLAUDE_ERR_UPSTREAM },
    { 302, "", CLAUDE_ERR_UPSTREAM },
    { 418, "", CLAUDE_ERR_UPSTREAM },
    { 600, "", CLAUDE_ERR_UPSTREAM }
};


static const from_t  status_table[] = {
    { 400, NULL, CLAUDE_ERR_BAD_REQUEST },
    { 401, NULL, CLAUDE_ERR_NO_KEY },
    { 403, NULL, CLAUDE_ERR_FORBIDDEN },
    { 404, NULL, CLAUDE_ERR_ENDPOINT },
    { 405, NULL, CLAUDE_ERR_METHOD },
    { 408, NULL, CLAUDE_ERR_TIMEOUT_CLIENT },
    { 411, NULL, CLAUDE_ERR_BAD_REQUEST },
    { 412, NULL, CLAUDE_ERR_BAD_REQUEST },
    { 413, NULL, CLAUDE_ERR_TOO_LARGE },
    { 414, NULL, CLAUDE_ERR_BAD_REQUEST },
    { 415, NULL, CLAUDE_ERR_MEDIA_TYPE },
    { 416, NULL, CLAUDE_ERR_BAD_REQUEST },
    { 417, NULL, CLAUDE_ERR_BAD_REQUEST },
    { 421, NULL, CLAUDE_ERR_BAD_REQUEST },
    { 429, NULL, CLAUDE_ERR_RATE_LIMIT },
    { 431, NULL, CLAUDE_ERR_BAD_REQUEST },
    { 494, NULL, CLAUDE_ERR_BAD_REQUEST },
    { 495, NULL, CLAUDE_ERR_BAD_REQUEST },
    { 496, NULL, CLAUDE_ERR_BAD_REQUEST },
    { 497, NULL, CLAUDE_ERR_BAD_REQUEST },
    { 499, NULL, CLAUDE_ERR_BAD_REQUEST },
    { 500, NULL, CLAUDE_ERR_INTERNAL },
    { 501, NULL, CLAUDE_ERR_BAD_REQUEST },
    { 502, NULL, CLAUDE_ERR_UPSTREAM },
    { 503, NULL, CLAUDE_ERR_UNAVAILABLE },
    { 504, NULL, CLAUDE_ERR_TIMEOUT },
    { 505, NULL, CLAUDE_ERR_BAD_REQUEST },
    { 507, NULL, CLAUDE_ERR_INTERNAL },
    { 0, NULL, CLAUDE_ERR_INTERNAL },
    { 600, NULL, CLAUDE_ERR_INTERNAL }
};


int
main(void)
{
    rows();
    bodies();
    hostile();
    begun();
    from_upstream();
    from_status();

    return done_testing();
}


static void
rows(void)
{
    size_t        i;
    const row_t  *row;

    for (i = 0; i < sizeof(row_table) / sizeof(row_t); i++) {
        row = &row_table[i];

        is(claude_error_status(row->err), row->status, "status of %d",
           row->err);
        is_str(claude_error_type(row->err), row->type, "type of %d",
               row->err);
        is_str(claude_error_code(row->err), row->code, "code of %d",
               row->err);
        is(claude_error_retryable(row->err), row->retry,
           "whether %d may be retried", row->err);
    }

    is(i, CLAUDE_ERR_MAX - 1 + 3, "every error was looked at");
}


static void
bodies(void)
{
    char    buf[1024];
    size_t  i;

    static const char  head[] = "{\"error\":{\"message\":\"";

    for (i = 0; i < sizeof(body_table) / sizeof(body_t); i++) {
        body(&body_table[i].fault, buf, sizeof(buf));

        if (strncmp(buf, head, sizeof(head) - 1) != 0) {
            ok(0, "body %zu begins with its message", i);
            continue;
        }

        is_str(buf + sizeof(head) - 1, body_table[i].message, "body %zu", i);
    }
}


static void
body(const claude_fault_t *fault, char *buf, size_t size)
{
    pool_t        pool;
    claude_out_t  out;

    pool_init(&pool, 65536);
    claude_out_init(&out, &pool.mem, size - 1);

    claude_error_body(fault, &out);

    if (out.rc != CLAUDE_OK) {
        bail("no body");
    }

    claude_out_copy(&out, (unsigned char *) buf);
    buf[out.size] = '\0';

    pool_free(&pool);
}


/* every error, with a param that fills its room and has no end */

static void
hostile(void)
{
    char                 buf[2048];
    int                  err;
    unsigned             names;
    claude_rc_t          rc;
    claude_fault_t       fault;
    claude_json_error_t  error;

    for (err = -1; err <= CLAUDE_ERR_MAX; err++) {
        memset(&fault, '"', sizeof(claude_fault_t));

        fault.err = err;
        fault.reason = "because";
        fault.offset = SIZE_MAX;
        fault.retry_after = UINT32_MAX;

        body(&fault, buf, sizeof(buf));

        names = 0;
        rc = claude_json_read((unsigned char *) buf, strlen(buf), token,
                              &names, &error);

        ok(rc == CLAUDE_OK && names == 4,
           "the body of %d is JSON with its four names", err);
        ok(strchr(buf, '\n') == NULL, "on one line");
        is(strcspn(strstr(buf, "\"param\":\"") + 9, ","),
           2 * CLAUDE_PARAM_MAX + 1, "no more than param has room for");
        ok(strstr(buf, ": because.") != NULL, "with the reason");
    }
}


static claude_rc_t
token(void *ctx, const claude_json_token_t *token)
{
    unsigned  *names = ctx;

    if (token->type == CLAUDE_JSON_NAME && token->depth == 2) {
        (*names)++;
    }

    return CLAUDE_OK;
}


static void
begun(void)
{
    claude_fault_t  fault;

    memset(&fault, 0, sizeof(claude_fault_t));

    fault.err = CLAUDE_ERR_OVERLOADED;
    is(claude_fault_retryable(&fault), 1, "overloaded may be retried");

    fault.begun = 1;
    is(claude_fault_retryable(&fault), 0, "not once the answer had begun");

    fault.begun = 0;
    fault.retry_after = CLAUDE_RETRY_MAX;
    is(claude_fault_retryable(&fault), 1, "as late as clients wait");

    fault.retry_after = CLAUDE_RETRY_MAX + 1;
    is(claude_fault_retryable(&fault), 0, "not later");

    fault.retry_after = 0;
    fault.err = CLAUDE_ERR_TIMEOUT;
    is(claude_fault_retryable(&fault), 0, "a timeout may not");
}


static void
from_upstream(void)
{
    size_t         i;
    claude_str_t   type;
    const from_t  *t;

    for (i = 0; i < sizeof(upstream_table) / sizeof(from_t); i++) {
        t = &upstream_table[i];

        type.data = (const unsigned char *) t->type;
        type.len = strlen(t->type);

        is(claude_error_from_upstream(t->status, &type), t->err,
           "upstream's %u '%s'", t->status, t->type);
    }

    type.data = NULL;
    type.len = 0;

    is(claude_error_from_upstream(500, &type), CLAUDE_ERR_UPSTREAM_FAILED,
       "a type of NULL");
}


static void
from_status(void)
{
    size_t         i;
    const from_t  *t;

    for (i = 0; i < sizeof(status_table) / sizeof(from_t); i++) {
        t = &status_table[i];

        is(claude_error_from_status(t->status), t->err, "nginx's %u",
           t->status);
    }
}
