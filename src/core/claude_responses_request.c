
#include "claude_responses_parse.h"

#include "claude_json_writer.h"


/* what the API is asked for when the client names no bound: what the SDK
 * itself asks for with a model that it doesn't know */

#define CLAUDE_RESPONSES_TOKENS  32000


static claude_rc_t claude_responses_init(claude_responses_parse_t *self,
    claude_mem_t *mem, claude_request_t *request, size_t max);
static void claude_responses_finish(claude_responses_parse_t *self);
static void claude_responses_lead(claude_responses_parse_t *self);
static void claude_responses_write(claude_responses_parse_t *self,
    claude_out_t *out);
static void claude_responses_write_thinking(claude_responses_parse_t *self,
    claude_out_t *out);
static void claude_responses_oneline(claude_mem_t *mem, claude_str_t *raw);


claude_rc_t
claude_responses_request(claude_mem_t *mem, const unsigned char *body,
    size_t len, const claude_models_t *models, claude_out_t *out,
    claude_request_t *request, claude_fault_t *fault)
{
    claude_rc_t               rc;
    claude_responses_parse_t  self;

    rc = claude_responses_init(&self, mem, request, out->max);

    if (rc != CLAUDE_OK) {
        return rc;
    }

    self.parse.models = models;
    self.parse.request = request;
    self.parse.fault = fault;

    rc = claude_parse_read(&self.parse, &claude_responses_top, body, len);

    if (rc != CLAUDE_OK) {
        return rc;
    }

    claude_responses_finish(&self);

    if (self.parse.failed) {
        return CLAUDE_INVALID;
    }

    if (self.parse.rc != CLAUDE_OK) {
        return self.parse.rc;
    }

    request->own = self.facts;

    claude_responses_write(&self, out);

    return out->rc;
}


static claude_rc_t
claude_responses_init(claude_responses_parse_t *self, claude_mem_t *mem,
    claude_request_t *request, size_t max)
{
    memset(self, 0, offsetof(claude_responses_parse_t, blocks));

    self->parse.mem = mem;

    claude_blocks_init(&self->blocks, mem, request, max);
    claude_out_init(&self->result, mem, max);
    claude_out_init(&self->thoughts, mem, max);
    claude_tools_init(&self->tools, mem, max);

    self->facts = claude_alloc(mem, sizeof(claude_responses_facts_t));
    if (self->facts == NULL) {
        return CLAUDE_NO_MEMORY;
    }

    memset(self->facts, 0, sizeof(claude_responses_facts_t));

    return CLAUDE_OK;
}


/* what can only be said once all fields are read */

static void
claude_responses_finish(claude_responses_parse_t *self)
{
    if (self->parse.failed) {
        return;
    }

    if (self->parse.request->upstream_model.len == 0) {
        claude_parse_fail(&self->parse, CLAUDE_ERR_MISSING, "model", NULL);
        return;
    }

    if (!self->has_input) {
        claude_parse_fail(&self->parse, CLAUDE_ERR_MISSING, "input", NULL);
        return;
    }

    claude_responses_tools_end(self);

    if (!self->parse.failed) {
        claude_responses_lead(self);
    }

    self->parse.request->max_tokens = self->max_tokens
                                      ? self->max_tokens
                                      : CLAUDE_RESPONSES_TOKENS;
}


/* the instructions go before all other system blocks, wherever they stood */

static void
claude_responses_lead(claude_responses_parse_t *self)
{
    claude_out_t               system;
    claude_str_t              *echo;
    claude_blocks_t           *blocks;
    const claude_parse_text_t *text;

    blocks = &self->blocks;
    text = &self->instructions;

    if (text->raw.data && !text->blank) {
        claude_out_init(&system, self->parse.mem, blocks->system.max);

        claude_out_literal(&system, "{\"type\":\"text\",\"text\":");
        claude_out_link(&system, text->raw.data, text->raw.len);
        claude_out_literal(&system, "}");

        if (!claude_out_empty(&blocks->system)) {
            claude_out_literal(&system, ",");
            claude_out_join(&system, &blocks->system);
        }

        blocks->system = system;
        self->parse.request->text += text->raw.len;

        claude_blocks_hash(blocks, &text->raw);
    }

    for (echo = self->facts->echo;
         echo < self->facts->echo + CLAUDE_RESPONSES_ECHOES;
         echo++)
    {
        claude_responses_oneline(self->parse.mem, echo);
    }
}


/* an event's data is one line; what breaks it stands between tokens only */

static void
claude_responses_oneline(claude_mem_t *mem, claude_str_t *raw)
{
    size_t          i, n;
    unsigned char  *p;

    if (raw->len > CLAUDE_RESPONSES_ECHO_MAX) {
        raw->len = 0;
    }

    if (raw->len == 0
        || (memchr(raw->data, '\n', raw->len) == NULL
            && memchr(raw->data, '\r', raw->len) == NULL))
    {
        return;
    }

    p = claude_alloc(mem, raw->len);

    n = 0;

    for (i = 0; p && i < raw->len; i++) {
        if (raw->data[i] >= ' ') {
            p[n++] = raw->data[i];
        }
    }

    raw->data = p;
    raw->len = n;
}


static void
claude_responses_write(claude_responses_parse_t *self, claude_out_t *out)
{
    claude_request_t  *request;

    request = self->parse.request;

    claude_blocks_write_head(out, request);

    claude_blocks_write(&self->blocks, out);
    claude_tools_write(&self->tools, out);
    claude_responses_write_thinking(self, out);
    claude_blocks_write_output(out, self->effort, &self->schema);

    claude_out_literal(out, "}");
}


/*
 * The API refuses thinking beside a call that is forced, a temperature or
 * top_p beside thinking, and the two together on its newer models.
 */

static void
claude_responses_write_thinking(claude_responses_parse_t *self,
    claude_out_t *out)
{
    unsigned  forced;

    forced = claude_tools_forced(&self->tools);

    if (self->reasoning && !self->no_thinking && !forced) {
        claude_out_literal(out, ",\"thinking\":{\"type\":\"adaptive\","
                                "\"display\":");

        if (self->facts->summary) {
            claude_out_literal(out, "\"summarized\"}");

        } else {
            claude_out_literal(out, "\"omitted\"}");
        }

        return;
    }

    if (self->no_thinking) {
        claude_out_literal(out, ",\"thinking\":{\"type\":\"disabled\"}");
    }

    if (self->temperature.len) {
        claude_out_literal(out, ",\"temperature\":");
        claude_out_link(out, self->temperature.data, self->temperature.len);

    } else if (self->top_p.len) {
        claude_out_literal(out, ",\"top_p\":");
        claude_out_link(out, self->top_p.data, self->top_p.len);
    }
}
