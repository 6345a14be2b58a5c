
#include "claude_messages_parts.h"

#include <stdio.h>
#include <string.h>


#define CLAUDE_MESSAGES_MAX     100000
#define CLAUDE_MESSAGES_AROUND  16      /* bytes that a message itself counts
                                         * as */


static void claude_messages_on_message(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_end(claude_parse_t *parse);
static void claude_messages_on_role(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_on_content(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_messages_message_end(claude_parse_t *parse);
static unsigned claude_messages_check(claude_messages_parse_t *m);
static void claude_messages_user(claude_messages_parse_t *m);
static void claude_messages_append(claude_out_t *out, claude_out_t *from);


static const claude_parse_field_t  claude_messages_message_fields[] = {

    { claude_string("role"),
      CLAUDE_PARSE_STRING, 0, 0,
      claude_messages_on_role,
      "must be a string" },

    { claude_string("content"),
      CLAUDE_PARSE_ANY, 0, 0,
      claude_messages_on_content,
      NULL },

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


const claude_parse_place_t  claude_messages_turns = {
    NULL, claude_messages_on_message, claude_messages_end
};

static const claude_parse_place_t  claude_messages_message = {
    claude_messages_message_fields, NULL, claude_messages_message_end
};


static void
claude_messages_on_message(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_messages_parse_t  *m;

    m = (claude_messages_parse_t *) parse;

    if (token->type != CLAUDE_JSON_OBJECT) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_TYPE, NULL,
                          "must be an object");
        return;
    }

    if (claude_parse_frame(parse)->count > CLAUDE_MESSAGES_MAX) {
        claude_parse_frame(parse)->inside = 0;
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_MESSAGES, NULL,
                          "must hold at most 100000 messages");
        return;
    }

    memset(&m->message, 0, sizeof(claude_messages_message_t));
    claude_blocks_begin(&m->blocks, CLAUDE_ROLE_UNKNOWN);

    claude_parse_enter(parse, &claude_messages_message);
}


static void
claude_messages_end(claude_parse_t *parse)
{
    claude_parse_frame_t     *frame;
    claude_messages_parse_t  *m;

    m = (claude_messages_parse_t *) parse;
    frame = claude_parse_frame(parse);

    if (frame->count == 0) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_MESSAGES, NULL,
                          "must not be empty");
        return;
    }

    if (m->blocks.turn == CLAUDE_ROLE_UNKNOWN) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_MESSAGES, NULL,
                          "must hold a message from the user");
        return;
    }

    frame->inside = 1;

    if (m->blocks.waiting) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_MESSAGES, NULL,
                          "a tool_use block has no tool_result block in the "
                          "message after it");

    } else if (m->blocks.turn == CLAUDE_ROLE_USER) {
        return;

    } else if (m->last_role == CLAUDE_ROLE_USER) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_MESSAGES, "content",
             "the last message must hold something else than white space");

    } else {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_MESSAGES, "role",
                          "the last message must be from the user: beginning "
                          "the assistant's answer is not supported");
    }
}


static void
claude_messages_on_role(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_messages_parse_t  *m;

    m = (claude_messages_parse_t *) parse;

    if (claude_parse_is(&token->text, "user")) {
        m->message.role = CLAUDE_ROLE_USER;

    } else if (claude_parse_is(&token->text, "assistant")) {
        m->message.role = CLAUDE_ROLE_ASSISTANT;

    } else if (claude_parse_is(&token->text, "system")) {
        m->message.role = CLAUDE_ROLE_SYSTEM;

    } else {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                          "must be user, assistant or system");
    }
}


static void
claude_messages_on_content(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_parse_text_t       text;
    claude_messages_parse_t  *m;

    m = (claude_messages_parse_t *) parse;
    m->message.content_seen = 1;

    switch (token->type) {

    case CLAUDE_JSON_STRING:
        claude_parse_record(&text, token);
        m->blocks.to = &m->rest;
        claude_blocks_text(&m->blocks, &text);
        break;

    case CLAUDE_JSON_ARRAY:
        m->level = 0;
        claude_parse_enter(parse, &claude_messages_content);
        break;

    default:
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_TYPE, NULL,
                          "must be a string or an array of blocks");
    }
}


static void
claude_messages_message_end(claude_parse_t *parse)
{
    claude_role_e             role;
    claude_messages_parse_t  *m;

    m = (claude_messages_parse_t *) parse;
    role = m->message.role;

    if (!claude_messages_check(m)) {
        return;
    }

    m->last_role = role;

    if (claude_out_empty(&m->results) && claude_out_empty(&m->rest)) {
        return;
    }

    parse->request->text += CLAUDE_MESSAGES_AROUND;

    if (role == CLAUDE_ROLE_ASSISTANT) {

        if (m->blocks.turn == CLAUDE_ROLE_UNKNOWN) {
            claude_parse_fail(parse, CLAUDE_ERR_INVALID_MESSAGES, "role",
                              "the first message must be from the user");
            return;
        }

        if (m->blocks.waiting && m->nuses == 0) {
            claude_parse_fail(parse, CLAUDE_ERR_INVALID_MESSAGES, NULL,
                              "a tool_use block before has no tool_result "
                              "block in the message after it");
            return;
        }

        claude_messages_append(&m->blocks.held, &m->rest);

    } else if (role == CLAUDE_ROLE_SYSTEM
               && m->blocks.turn == CLAUDE_ROLE_UNKNOWN)
    {
        claude_messages_append(&m->blocks.held, &m->rest);

    } else {
        claude_messages_user(m);
        role = CLAUDE_ROLE_USER;
    }

    claude_blocks_end(&m->blocks, role);
}


/*
 * A message in a turn of the user.  What the system says in between is marked
 * as Claude Code marks it where it has to be the user's.
 */

static void
claude_messages_user(claude_messages_parse_t *m)
{
    m->nuses = 0;

    claude_messages_append(&m->blocks.held, &m->results);

    if (m->message.role == CLAUDE_ROLE_SYSTEM) {

        if (!claude_out_empty(&m->later)) {
            claude_out_literal(&m->later, ",");
        }

        claude_out_literal(&m->later, "{\"type\":\"text\",\"text\":"
                                      "\"<system-reminder>\\n\"},");
        claude_out_join(&m->later, &m->rest);
        claude_out_literal(&m->later, ",{\"type\":\"text\",\"text\":"
                                      "\"\\n</system-reminder>\"}");

    } else {
        claude_messages_append(&m->later, &m->rest);
    }

    if (m->blocks.waiting == 0) {
        claude_messages_append(&m->blocks.held, &m->later);
    }
}


static unsigned
claude_messages_check(claude_messages_parse_t *m)
{
    char                           name[48];
    unsigned                       i;
    claude_messages_message_t     *message;
    const claude_messages_kind_t  *kind;

    message = &m->message;

    if (message->role == CLAUDE_ROLE_UNKNOWN) {
        claude_parse_fail(&m->parse, CLAUDE_ERR_MISSING, "role", NULL);
        return 0;
    }

    if (!message->content_seen) {
        claude_parse_fail(&m->parse, CLAUDE_ERR_MISSING, "content", NULL);
        return 0;
    }

    for (i = 0; claude_messages_kinds[i].name.len; i++) {
        kind = &claude_messages_kinds[i];

        if (message->first[i] && !(kind->where & 1u << message->role)) {
            snprintf(name, sizeof(name), "content[%zu].type",
                     message->first[i] - 1);
            claude_parse_fail(&m->parse, CLAUDE_ERR_INVALID_VALUE, name,
                              "a message of this role may not hold this");
            return 0;
        }
    }

    return 1;
}


static void
claude_messages_append(claude_out_t *out, claude_out_t *from)
{
    if (claude_out_empty(from)) {
        return;
    }

    if (!claude_out_empty(out)) {
        claude_out_literal(out, ",");
    }

    claude_out_join(out, from);
}
