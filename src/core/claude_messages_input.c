
#include "claude_messages_parts.h"

#include "claude_json_reader.h"


typedef struct {
    claude_out_t          *out;
} claude_messages_input_t;


static claude_rc_t claude_messages_input_string(void *ctx,
    const claude_json_token_t *token);
static claude_rc_t claude_messages_input_check(void *ctx,
    const claude_json_token_t *token);


claude_rc_t
claude_messages_input(claude_mem_t *mem, claude_out_t *from,
    claude_out_t *out)
{
    size_t                    len;
    claude_rc_t               rc;
    unsigned char            *p;
    claude_json_error_t       error;
    claude_messages_input_t   input;

    if (from->rc != CLAUDE_OK) {
        return from->rc;
    }

    len = from->size;

    p = claude_alloc(mem, len);
    if (p == NULL) {
        return CLAUDE_NO_MEMORY;
    }

    claude_out_copy(from, p);
    claude_out_init(from, mem, from->max);

    input.out = out;

    rc = claude_json_read(p, len, claude_messages_input_string, &input,
                          &error);

    return (rc == CLAUDE_OK) ? out->rc : rc;
}


/* the JSON string is a JSON text in its turn */

static claude_rc_t
claude_messages_input_string(void *ctx, const claude_json_token_t *token)
{
    claude_messages_input_t *input = ctx;

    claude_rc_t          rc;
    claude_json_error_t  error;

    if (token->text.len == 0) {

        /* a tool that takes nothing */

        claude_out_literal(input->out, "{}");
        return CLAUDE_OK;
    }

    rc = claude_json_read(token->text.data, token->text.len,
                          claude_messages_input_check, NULL, &error);

    if (rc == CLAUDE_OK) {
        claude_out_put(input->out, token->text.data, token->text.len);
    }

    return rc;
}


static claude_rc_t
claude_messages_input_check(void *ctx, const claude_json_token_t *token)
{
    (void) ctx;

    return (token->depth || token->type == CLAUDE_JSON_OBJECT
            || token->type == CLAUDE_JSON_OBJECT_END)
           ? CLAUDE_OK : CLAUDE_INVALID;
}
