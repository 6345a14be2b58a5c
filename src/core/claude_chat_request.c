
#include "claude_chat.h"

#include "claude_chat_parse.h"
#include "claude_json_writer.h"

#include <string.h>


/* what the API is asked for when the client names no bound: what the SDK
 * itself asks for with a model that it doesn't know */

#define CLAUDE_CHAT_MAX_TOKENS  32000


static void claude_chat_init(claude_chat_parse_t *chat, claude_mem_t *mem,
    claude_request_t *request, size_t max);
static void claude_chat_finish(claude_chat_parse_t *chat);
static void claude_chat_facts(claude_chat_parse_t *chat);
static void claude_chat_write(claude_chat_parse_t *chat, claude_out_t *out);
static void claude_chat_write_sampling(claude_chat_parse_t *chat,
    claude_out_t *out);
static void claude_chat_write_output(claude_chat_parse_t *chat,
    claude_out_t *out);


claude_rc_t
claude_chat_request(claude_mem_t *mem, const unsigned char *body, size_t len,
    const claude_models_t *models, claude_out_t *out,
    claude_request_t *request, claude_fault_t *fault)
{
    claude_rc_t          rc;
    claude_chat_parse_t  chat;

    claude_chat_init(&chat, mem, request, out->max);

    chat.parse.models = models;
    chat.parse.fault = fault;

    rc = claude_parse_read(&chat.parse, &claude_chat_top, body, len);

    if (rc != CLAUDE_OK) {
        return rc;
    }

    claude_chat_finish(&chat);

    if (chat.parse.failed) {
        return CLAUDE_INVALID;
    }

    if (chat.parse.rc != CLAUDE_OK) {
        return chat.parse.rc;
    }

    claude_chat_write(&chat, out);

    return out->rc;
}


static void
claude_chat_init(claude_chat_parse_t *chat, claude_mem_t *mem,
    claude_request_t *request, size_t max)
{
    memset(chat, 0, offsetof(claude_chat_parse_t, blocks));

    chat->parse.mem = mem;
    chat->parse.request = request;
    chat->parse.messages = &claude_chat_messages;

    claude_blocks_init(&chat->blocks, mem, request, max);
    claude_tools_init(&chat->tools, mem, max);

    claude_out_init(&chat->calls, mem, max);
    claude_out_init(&chat->stops, mem, max);
}


/* what can only be said once all fields are read */

static void
claude_chat_finish(claude_chat_parse_t *chat)
{
    claude_request_t  *request;

    request = chat->parse.request;

    if (chat->parse.request->upstream_model.len == 0) {
        claude_parse_fail(&chat->parse, CLAUDE_ERR_MISSING, "model", NULL);
        return;
    }

    if (!chat->has_messages) {
        claude_parse_fail(&chat->parse, CLAUDE_ERR_INVALID_MESSAGES, "messages",
                          "is required");
        return;
    }

    if (chat->has_stream_options && !request->stream) {
        claude_parse_fail(&chat->parse, CLAUDE_ERR_INVALID_VALUE,
                          "stream_options", "is only allowed with stream");
        return;
    }

    if (!claude_chat_tools_check(chat)) {
        return;
    }

    claude_chat_facts(chat);
}


static void
claude_chat_facts(claude_chat_parse_t *chat)
{
    claude_request_t     *request;
    claude_chat_facts_t  *facts;

    request = chat->parse.request;

    request->max_tokens = chat->max_completion_tokens
                              ? chat->max_completion_tokens
                              : chat->max_tokens ? chat->max_tokens
                                                 : CLAUDE_CHAT_MAX_TOKENS;

    request->tools = (chat->tools.count != 0);
    request->text += chat->tools.out.size + chat->schema.len;

    facts = claude_alloc(chat->parse.mem, sizeof(claude_chat_facts_t));

    if (facts == NULL) {
        chat->parse.rc = CLAUDE_NO_MEMORY;
        return;
    }

    facts->functions = chat->has_functions;
    request->own = facts;
}


static void
claude_chat_write(claude_chat_parse_t *chat, claude_out_t *out)
{
    claude_request_t  *request;

    request = chat->parse.request;

    claude_blocks_write_head(out, request);

    claude_tools_write(&chat->tools, out);
    claude_blocks_write(&chat->blocks, out);

    if (chat->nstops) {
        claude_out_literal(out, ",\"stop_sequences\":[");
        claude_out_join(out, &chat->stops);
        claude_out_literal(out, "]");
    }

    claude_chat_write_sampling(chat, out);
    claude_chat_write_output(chat, out);

    claude_out_literal(out, "}");
}


/*
 * The API refuses a temperature or top_p beside thinking, and the two
 * together on its newer models: effort goes before temperature, temperature
 * before top_p.  It refuses thinking, too, where a call is demanded.
 */

static void
claude_chat_write_sampling(claude_chat_parse_t *chat, claude_out_t *out)
{
    if (chat->effort && !claude_tools_forced(&chat->tools)) {
        claude_out_literal(out, ",\"thinking\":{\"type\":\"adaptive\","
                                "\"display\":\"summarized\"}");
        return;
    }

    if (chat->no_thinking) {
        claude_out_literal(out, ",\"thinking\":{\"type\":\"disabled\"}");
    }

    if (chat->effort) {
        return;
    }

    if (chat->temperature.len) {
        claude_out_literal(out, ",\"temperature\":");
        claude_out_link(out, chat->temperature.data, chat->temperature.len);

    } else if (chat->top_p.len) {
        claude_out_literal(out, ",\"top_p\":");
        claude_out_link(out, chat->top_p.data, chat->top_p.len);
    }
}


/* json_object is the schema of any object */

static void
claude_chat_write_output(claude_chat_parse_t *chat, claude_out_t *out)
{
    unsigned  format;

    format = (chat->format >= CLAUDE_CHAT_FORMAT_OBJECT);

    if (chat->effort == NULL && !format) {
        return;
    }

    claude_out_literal(out, ",\"output_config\":{");

    if (chat->effort) {
        claude_out_literal(out, "\"effort\":\"");
        claude_out_put(out, chat->effort, strlen(chat->effort));
        claude_out_literal(out, "\"");
    }

    if (format) {
        if (chat->effort) {
            claude_out_literal(out, ",");
        }

        claude_out_literal(out, "\"format\":{\"type\":\"json_schema\","
                                "\"schema\":");

        if (chat->schema.len) {
            claude_out_link(out, chat->schema.data, chat->schema.len);

        } else {
            claude_out_literal(out, "{\"type\":\"object\"}");
        }

        claude_out_literal(out, "}");
    }

    claude_out_literal(out, "}");
}
