
/*
 * Whatever a client sends, either a fault comes out that names a field of the
 * public API, or a Messages body of known fields whose messages take turns.
 */


#ifndef CLAUDE_FUZZ_DIALECT_REQUEST_H
#define CLAUDE_FUZZ_DIALECT_REQUEST_H


#include <stdlib.h>
#include <string.h>

#include "../unit/pool.h"

#include "claude_dialect.h"
#include "claude_json_reader.h"


#define check(cond)  do { if (!(cond)) { abort(); } } while (0)

#define CHECK_UNUSED  __attribute__((unused))


/* of the Messages body */

typedef struct {
    unsigned               in_messages:1;
    unsigned               in_role:1;
    unsigned               user:1;      /* the last role */
    unsigned               begins:1;    /* what the client has written */
    unsigned               any;         /* depth of it, or 0 */
    size_t                 nmessages;
} body_t;


/* each token of it; ctx is the body_t, and the two that are checked at the end
 * must be kept: nmessages and user */

typedef claude_rc_t (*token_pt)(void *ctx, const claude_json_token_t *token);


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


/* a body whose fields are all the translator's; more: names of some that only
 * one dialect has, or NULL */

static CHECK_UNUSED claude_rc_t
on_field(body_t *body, const claude_json_token_t *token,
    const char *const *more)
{
    unsigned  known;

    static const char *const  top[] = {
        "model", "max_tokens", "stream", "system", "messages",
        "stop_sequences", "temperature", "top_p", "thinking", "output_config",
        "tools", "tool_choice", NULL
    };

    static const char *const  inner[] = {
        "role", "content", "type", "text", "source", "media_type", "data",
        "url", "effort", "display", "format", "schema", "name", "description",
        "input_schema", "strict", "disable_parallel_tool_use", "id", "input",
        "tool_use_id", "title", NULL
    };

    /* whose content is the client's own */

    static const char *const  any[] = { "input", "input_schema", "schema",
                                        NULL };

    static const char *const  messages[] = { "messages", NULL };
    static const char *const  user[] = { "user", NULL };
    static const char *const  assistant[] = { "assistant", NULL };

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
        known = is_one_of(&token->text, (token->depth == 1) ? top : inner);

        if (token->depth == 1) {
            body->in_messages = is_one_of(&token->text, messages);

        } else if (more) {
            known |= is_one_of(&token->text, more);
        }

        check(known);
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
        check(body->user != is_one_of(&token->text, assistant));
        check(body->user == body->nmessages % 2);
    }

    return CLAUDE_OK;
}


static void
check_body(const claude_out_t *out, const claude_request_t *request,
    token_pt on_token)
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


/* whether there is a body */

static unsigned
check_request(const claude_dialect_t *dialect, claude_mem_t *mem,
    const uint8_t *data, size_t size, token_pt on_token,
    claude_request_t *request)
{
    claude_rc_t     rc;
    claude_out_t    out;
    claude_fault_t  fault;

    claude_out_init(&out, mem, 1 << 26);

    rc = dialect->request(mem, data, size, &models, &out, request, &fault);

    if (rc == CLAUDE_OK) {
        check_body(&out, request, on_token);
        return 1;
    }

    check(rc == CLAUDE_INVALID);
    check_fault(&fault, size);

    return 0;
}


#endif /* CLAUDE_FUZZ_DIALECT_REQUEST_H */
