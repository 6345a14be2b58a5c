
/*
 * Whatever a client of the Messages API sends, either a fault comes out that
 * names a field of it, or a body of known fields whose messages take turns,
 * no larger than was promised.  A count of its tokens agrees.
 */

#include "claude_messages.h"
#include "claude_json_reader.h"

#include "../unit/pool.h"

#include <stdlib.h>
#include <string.h>


#define check(cond)  do { if (!(cond)) { abort(); } } while (0)


/* of the Messages body */

typedef struct {
    unsigned               in_messages:1;
    unsigned               in_role:1;
    unsigned               user:1;
    size_t                 nmessages;
} body_t;


static const claude_model_t  aliases[] = {
    { claude_string("gpt-4o"), claude_string("claude-opus-5-5") }
};

static const claude_models_t  models = { aliases, 1, 1 };


static unsigned
is(const claude_str_t *text, const char *name)
{
    return text->len == strlen(name)
           && memcmp(text->data, name, text->len) == 0;
}


static claude_rc_t
on_token(void *ctx, const claude_json_token_t *token)
{
    size_t   i;
    body_t  *body;

    static const char *const  top[] = {
        "model", "max_tokens", "stream", "system", "messages", "tools",
        "tool_choice", "stop_sequences", "temperature", "top_p", "top_k",
        "thinking", "output_config", NULL
    };

    body = ctx;

    if (token->type == CLAUDE_JSON_NAME && token->depth == 1) {
        for (i = 0; top[i] && !is(&token->text, top[i]); i++) { /* void */ }

        check(top[i] != NULL);
        body->in_messages = is(&token->text, "messages");
    }

    if (!body->in_messages) {
        return CLAUDE_OK;
    }

    if (token->type == CLAUDE_JSON_OBJECT && token->depth == 2) {
        body->nmessages++;
    }

    if (token->type == CLAUDE_JSON_NAME && token->depth == 3) {
        body->in_role = is(&token->text, "role");
        check(body->in_role || is(&token->text, "content"));
    }

    if (token->type == CLAUDE_JSON_STRING && token->depth == 3) {
        check(body->in_role);
        body->user = is(&token->text, "user");
        check(body->user || is(&token->text, "assistant"));
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
    check(body.nmessages > 0 && body.user);
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


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pool_t            pool;
    claude_rc_t       rc, counted;
    claude_out_t      out;
    claude_fault_t    fault;
    claude_request_t  request, count;

    if (size > 1 << 20) {
        return 0;
    }

    pool_init(&pool, 16 * size + (1 << 18));
    claude_out_init(&out, &pool.mem, 1 << 26);

    rc = claude_messages_request(&pool.mem, data, size, &models, &out,
                                 &request, &fault);

    check(pool.used <= 8 * size + 65536);

    if (rc == CLAUDE_OK) {
        check_body(&out, &request);

    } else {
        check(rc == CLAUDE_INVALID);
        check_fault(&fault, size);
    }

    counted = claude_messages_count_request(&pool.mem, data, size, &models,
                                            &out, &count, &fault);

    check(counted == CLAUDE_OK || counted == CLAUDE_INVALID);
    check(rc != CLAUDE_OK
          || (counted == CLAUDE_OK && count.text == request.text));

    pool_free(&pool);

    return 0;
}
