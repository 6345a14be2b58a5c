
#include "claude_messages_parts.h"

#include "claude_json_writer.h"

#include <string.h>


static claude_rc_t claude_messages_read(claude_mem_t *mem,
    const unsigned char *body, size_t len, const claude_models_t *models,
    claude_out_t *out, claude_request_t *request, claude_fault_t *fault,
    unsigned counting);
static void claude_messages_init(claude_messages_parse_t *m,
    claude_mem_t *mem, size_t max);
static void claude_messages_finish(claude_messages_parse_t *m);
static void claude_messages_write(claude_messages_parse_t *m,
    claude_out_t *out);
static void claude_messages_write_number(claude_out_t *out, const char *name,
    const claude_str_t *number);
static void claude_messages_write_thinking(claude_messages_parse_t *m,
    claude_out_t *out);


claude_rc_t
claude_messages_request(claude_mem_t *mem, const unsigned char *body,
    size_t len, const claude_models_t *models, claude_out_t *out,
    claude_request_t *request, claude_fault_t *fault)
{
    return claude_messages_read(mem, body, len, models, out, request, fault,
                                0);
}


claude_rc_t
claude_messages_count_request(claude_mem_t *mem, const unsigned char *body,
    size_t len, const claude_models_t *models, claude_out_t *out,
    claude_request_t *request, claude_fault_t *fault)
{
    return claude_messages_read(mem, body, len, models, out, request, fault,
                                1);
}


static claude_rc_t
claude_messages_read(claude_mem_t *mem, const unsigned char *body, size_t len,
    const claude_models_t *models, claude_out_t *out,
    claude_request_t *request, claude_fault_t *fault, unsigned counting)
{
    claude_rc_t              rc;
    claude_messages_parse_t  m;

    memset(&m, 0, offsetof(claude_messages_parse_t, blocks));

    m.parse.mem = mem;
    m.parse.models = models;
    m.parse.request = request;
    m.parse.fault = fault;
    m.parse.messages = &claude_messages_turns;
    m.counting = counting;

    claude_messages_init(&m, mem, out->max);

    rc = claude_parse_read(&m.parse, &claude_messages_top, body, len);

    if (rc != CLAUDE_OK) {
        return rc;
    }

    claude_messages_finish(&m);

    if (m.parse.failed) {
        return CLAUDE_INVALID;
    }

    if (!counting) {
        claude_messages_write(&m, out);
    }

    return out->rc;
}


static void
claude_messages_init(claude_messages_parse_t *m, claude_mem_t *mem,
    size_t max)
{
    claude_blocks_init(&m->blocks, mem, m->parse.request, max);

    claude_out_init(&m->tools, mem, max);
    claude_out_init(&m->stops, mem, max);
    claude_out_init(&m->results, mem, max);
    claude_out_init(&m->rest, mem, max);
    claude_out_init(&m->later, mem, max);
    claude_out_init(&m->inner, mem, max);
}


const char *
claude_messages_one_of(claude_parse_t *parse,
    const claude_json_token_t *token, const char *const *names,
    const char *reason)
{
    for ( /* void */ ; *names; names++) {
        if (token->text.len == strlen(*names)
            && memcmp(token->text.data, *names, token->text.len) == 0)
        {
            return *names;
        }
    }

    claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, NULL, reason);

    return NULL;
}


/* what can only be said once all fields are read */

static void
claude_messages_finish(claude_messages_parse_t *m)
{
    claude_parse_t  *parse;

    parse = &m->parse;

    if (m->parse.request->upstream_model.len == 0) {
        claude_parse_fail(parse, CLAUDE_ERR_MISSING, "model", NULL);
        return;
    }

    if (!m->has_messages) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_MESSAGES, "messages",
                          "is required");
        return;
    }

    if (m->max_tokens == 0 && !m->counting) {
        claude_parse_fail(parse, CLAUDE_ERR_MISSING, "max_tokens", NULL);
        return;
    }

    if (m->thinking && m->max_tokens && m->budget >= m->max_tokens
        && m->thinking[0] == 'e')
    {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE,
                          "thinking.budget_tokens",
                          "must be less than max_tokens");
        return;
    }

    claude_messages_finish_tools(m);

    parse->request->max_tokens = m->max_tokens;
}


static void
claude_messages_write(claude_messages_parse_t *m, claude_out_t *out)
{
    claude_request_t  *request;

    request = m->parse.request;

    claude_blocks_write_head(out, request);

    claude_blocks_write(&m->blocks, out);
    claude_messages_write_tools(m, out);

    if (m->nstops) {
        claude_out_literal(out, ",\"stop_sequences\":[");
        claude_out_join(out, &m->stops);
        claude_out_literal(out, "]");
    }

    claude_messages_write_thinking(m, out);
    claude_blocks_write_output(out, m->effort, &m->schema);

    claude_messages_write_number(out, ",\"temperature\":", &m->temperature);
    claude_messages_write_number(out, ",\"top_p\":", &m->top_p);
    claude_messages_write_number(out, ",\"top_k\":", &m->top_k);

    claude_out_literal(out, "}");
}


static void
claude_messages_write_number(claude_out_t *out, const char *name,
    const claude_str_t *number)
{
    if (number->len) {
        claude_out_put(out, name, strlen(name));
        claude_out_link(out, number->data, number->len);
    }
}


static void
claude_messages_write_thinking(claude_messages_parse_t *m, claude_out_t *out)
{
    if (m->thinking == NULL) {
        return;
    }

    claude_out_literal(out, ",\"thinking\":{\"type\":\"");
    claude_out_put(out, m->thinking, strlen(m->thinking));
    claude_out_literal(out, "\"");

    if (m->thinking[0] == 'e') {
        claude_out_literal(out, ",\"budget_tokens\":");
        claude_json_put_uint(out, m->budget);
    }

    if (m->display && m->thinking[0] != 'd') {
        claude_out_literal(out, ",\"display\":\"");
        claude_out_put(out, m->display, strlen(m->display));
        claude_out_literal(out, "\"");
    }

    claude_out_literal(out, "}");
}
