
/*
 * Whatever a client of the Messages API sends, either a fault comes out that
 * names a field of it, or a body of known fields whose messages take turns,
 * no larger than was promised.  A count of its tokens agrees.
 */

#include "claude_messages.h"

#include "dialect_request.h"


static unsigned
is(const claude_str_t *text, const char *name)
{
    return text->len == strlen(name)
           && memcmp(text->data, name, text->len) == 0;
}


static claude_rc_t
on_token(void *ctx, const claude_json_token_t *token)
{
    body_t  *body;

    static const char *const  top[] = {
        "model", "max_tokens", "stream", "system", "messages", "tools",
        "tool_choice", "stop_sequences", "temperature", "top_p", "top_k",
        "thinking", "output_config", NULL
    };

    body = ctx;

    if (token->type == CLAUDE_JSON_NAME && token->depth == 1) {
        check(is_one_of(&token->text, top));
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


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pool_t            pool;
    unsigned          taken;
    claude_rc_t       counted;
    claude_out_t      out;
    claude_fault_t    fault;
    claude_request_t  request, count;

    if (size > 1 << 20) {
        return 0;
    }

    pool_init(&pool, 16 * size + (1 << 18));

    taken = check_request(&claude_messages, &pool.mem, data, size, on_token,
                          &request);

    check(pool.used <= 8 * size + 65536);

    claude_out_init(&out, &pool.mem, 1 << 26);

    counted = claude_messages_count_request(&pool.mem, data, size, &models,
                                            &out, &count, &fault);

    check(counted == CLAUDE_OK || counted == CLAUDE_INVALID);
    check(!taken || (counted == CLAUDE_OK && count.text == request.text));

    pool_free(&pool);

    return 0;
}
