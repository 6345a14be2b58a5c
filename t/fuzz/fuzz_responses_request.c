
/*
 * Whatever a client sends as a request for a response, either a fault comes
 * out that names a field of the public API, or a Messages body of known
 * fields, and what the response tells of the request is JSON on one line.
 */

#include <stdlib.h>
#include <string.h>

#include "../unit/pool.h"

#include "claude_json_reader.h"
#include "claude_responses.h"


#define check(cond)  do { if (!(cond)) { abort(); } } while (0)


/* of the Messages body */

typedef struct {
    unsigned               messages:1;
    unsigned               in_messages:1;
    unsigned               user:1;
    unsigned               assistant:1;
    unsigned               begins:1;    /* what the client has written */
    unsigned               any;         /* depth of it, or 0 */
    size_t                 nmessages;
} body_t;


static const claude_model_t  aliases[] = {
    { claude_string("gpt-4o"), claude_string("claude-opus-5-5") }
};

static const claude_models_t  models = { aliases, 1, 1 };


static unsigned
is_one_of(const claude_str_t *text, const char *const *names)
{
    for ( /* void */ ; *names; names++) {
        if (text->len == strlen(*names)
            && memcmp(text->data, *names, text->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static claude_rc_t
on_token(void *ctx, const claude_json_token_t *token)
{
    body_t  *body;

    static const char *const  top[] = {
        "model", "max_tokens", "stream", "system", "messages",
        "stop_sequences", "temperature", "top_p", "thinking", "output_config",
        "tools", "tool_choice", NULL
    };

    static const char *const  inner[] = {
        "role", "content", "type", "text", "source", "media_type", "data",
        "url", "effort", "display", "format", "schema", "name", "description",
        "input_schema", "strict", "disable_parallel_tool_use", "id", "input",
        "tool_use_id", "title", "thinking", "signature", NULL
    };

    /* whose content is the client's own */

    static const char *const  any[] = { "input", "input_schema", "schema",
                                        NULL };

    static const char *const  messages[] = { "messages", NULL };
    static const char *const  user[] = { "user", NULL };
    static const char *const  assistant[] = { "assistant", NULL };

    body = ctx;

    if (body->any) {
        if (token->depth == body->any) {
            body->any = 0;
        }

        return CLAUDE_OK;
    }

    if (body->begins && token->type == CLAUDE_JSON_OBJECT) {
        body->any = token->depth;
    }

    body->begins = 0;

    if (token->type == CLAUDE_JSON_NAME) {
        body->begins = is_one_of(&token->text, any);
        check(is_one_of(&token->text, (token->depth == 1) ? top : inner));

        if (token->depth == 1) {
            body->in_messages = is_one_of(&token->text, messages);
            body->messages |= body->in_messages;
        }
    }

    if (!body->in_messages) {
        return CLAUDE_OK;
    }

    if (token->type == CLAUDE_JSON_OBJECT && token->depth == 2) {
        body->nmessages++;
    }

    /* roles take turns, the user's first */

    if (token->type == CLAUDE_JSON_STRING && token->depth == 3) {
        body->user = is_one_of(&token->text, user);
        body->assistant = is_one_of(&token->text, assistant);
        check(body->user != body->assistant);
        check(body->user == body->nmessages % 2);
    }

    return CLAUDE_OK;
}


static void
check_body(const claude_out_t *out, const claude_request_t *request)
{
    body_t                body;
    unsigned char        *text;
    claude_json_error_t   error;

    text = malloc(out->size + 1);
    claude_out_copy(out, text);
    memset(&body, 0, sizeof(body));

    check(claude_json_read(text, out->size, on_token, &body, &error)
          == CLAUDE_OK);
    check(body.messages && body.user);
    check(request->max_tokens > 0);
    check(request->model.len > 0 && request->upstream_model.len > 0);

    free(text);
}


static void
check_fault(const claude_fault_t *fault, size_t size)
{
    static const char  chars[] = "abcdefghijklmnopqrstuvwxyz_.[]0123456789";

    check(fault->err > CLAUDE_ERR_NONE && fault->err < CLAUDE_ERR_MAX);
    check(memchr(fault->param, '\0', CLAUDE_PARAM_MAX));
    check(strspn(fault->param, chars) == strlen(fault->param));
    check(fault->offset <= size);
}


static claude_rc_t
any_token(void *ctx, const claude_json_token_t *token)
{
    (void) ctx;
    (void) token;

    return CLAUDE_OK;
}


/* the first events of a stream that fails at once */

static void
check_response(claude_mem_t *mem, const claude_request_t *request)
{
    claude_out_t          out;
    claude_str_t          event;
    claude_reply_t        reply;
    unsigned char        *text, *p, *end, *eol;
    claude_json_error_t   error;

    static const claude_str_t  id = claude_string("id");

    claude_out_init(&out, mem, 1 << 26);

    check(claude_reply_init(&reply, mem, &claude_responses, request, &id, 1)
          == CLAUDE_OK);

    event.data = (const unsigned char *)
                 "{\"type\":\"message_start\",\"message\":{}}";
    event.len = strlen((const char *) event.data);

    check(claude_reply_feed(&reply, &claude_responses, &event, &out)
          == CLAUDE_OK);

    reply.fault.err = CLAUDE_ERR_UPSTREAM;
    claude_responses.stream_error(&reply, &reply.fault, &out);

    text = malloc(out.size + 1);
    claude_out_copy(&out, text);
    end = text + out.size;

    for (p = text; p < end; p = eol + 1) {
        eol = memchr(p, '\n', end - p);
        check(eol);

        if (eol > p && memcmp(p, "event: ", 7) != 0) {
            check(memcmp(p, "data: ", 6) == 0);
            check(memchr(p, '\r', eol - p) == NULL);
            check(claude_json_read(p + 6, eol - p - 6, any_token, NULL,
                                   &error) == CLAUDE_OK);
        }
    }

    free(text);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pool_t            pool;
    claude_rc_t       rc;
    claude_out_t      out;
    claude_fault_t    fault;
    claude_request_t  request;

    pool_init(&pool, 64 * size + (1 << 20));
    claude_out_init(&out, &pool.mem, 1 << 26);

    rc = claude_responses_request(&pool.mem, data, size, &models, &out,
                                  &request, &fault);

    if (rc == CLAUDE_OK) {
        check_body(&out, &request);
        check_response(&pool.mem, &request);

    } else {
        check(rc == CLAUDE_INVALID);
        check_fault(&fault, size);
    }

    pool_free(&pool);

    return 0;
}
