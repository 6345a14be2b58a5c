
#include "claude_responses_parse.h"

#include <stdio.h>


static void claude_responses_take_message(claude_responses_parse_t *self);
static void claude_responses_take_call(claude_responses_parse_t *self);
static void claude_responses_take_output(claude_responses_parse_t *self);
static void claude_responses_take_thought(claude_responses_parse_t *self);
static unsigned claude_responses_answers(claude_responses_parse_t *self);
static void claude_responses_recall(claude_responses_parse_t *self);
static void claude_responses_forget(claude_responses_parse_t *self);
static claude_rc_t claude_responses_call_name(claude_responses_parse_t *self,
    claude_str_t *flat);


void
claude_responses_item_end(claude_parse_t *parse)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    switch (self->item.kind) {

    case CLAUDE_RESPONSES_ITEM_MESSAGE:
        claude_responses_take_message(self);
        break;

    case CLAUDE_RESPONSES_ITEM_CALL:
        claude_responses_take_call(self);
        break;

    case CLAUDE_RESPONSES_ITEM_OUTPUT:
        claude_responses_take_output(self);
        break;

    case CLAUDE_RESPONSES_ITEM_REASONING:
        claude_responses_take_thought(self);
        break;

    case CLAUDE_RESPONSES_ITEM_IGNORED:
        break;

    case CLAUDE_RESPONSES_ITEM_HOSTED:
        claude_parse_fail(parse, CLAUDE_ERR_UNSUPPORTED, "type",
                          "hosted and custom tools are not served");
        break;

    case CLAUDE_RESPONSES_ITEM_REFERENCE:
        claude_parse_fail(parse, CLAUDE_ERR_UNSUPPORTED, "type",
                          "nothing is stored: send the item itself");
        break;

    case CLAUDE_RESPONSES_ITEM_UNKNOWN:
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, "type",
                          "must be message, function_call, "
                          "function_call_output or reasoning");
    }

    /* content that a message would have had is nobody's */

    claude_out_init(&self->blocks.held, parse->mem, self->blocks.held.max);
}


void
claude_responses_items_end(claude_parse_t *parse)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    claude_blocks_t  *blocks;

    blocks = &self->blocks;

    if (blocks->waiting) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                    "holds a function_call without its function_call_output");

    } else if (blocks->turn == CLAUDE_ROLE_UNKNOWN) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                          "must hold a message from the user");

    } else if (blocks->turn != CLAUDE_ROLE_USER) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                          "must end with a message from the user or a "
                          "function_call_output, and not of white space");
    }
}


void
claude_responses_input_text(claude_responses_parse_t *self,
    const claude_json_token_t *token)
{
    claude_parse_text_t  text;

    claude_parse_record(&text, token);

    if (text.blank) {
        claude_parse_fail(&self->parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                          "must hold something else than white space");
        return;
    }

    claude_blocks_begin(&self->blocks, CLAUDE_ROLE_USER);
    claude_blocks_text(&self->blocks, &text);
    claude_blocks_end(&self->blocks, CLAUDE_ROLE_USER);
}


static void
claude_responses_take_message(claude_responses_parse_t *self)
{
    char                    name[48];
    claude_blocks_t        *blocks;
    claude_responses_in_t  *item;

    item = &self->item;
    blocks = &self->blocks;

    if (item->role == CLAUDE_ROLE_UNKNOWN) {
        claude_parse_fail(&self->parse, CLAUDE_ERR_MISSING, "role", NULL);
        return;
    }

    if (!item->content) {
        claude_parse_fail(&self->parse, CLAUDE_ERR_MISSING, "content", NULL);
        return;
    }

    if (item->media && item->role != CLAUDE_ROLE_USER) {
        snprintf(name, sizeof(name), "content[%zu].type", item->media - 1);
        claude_parse_fail(&self->parse, CLAUDE_ERR_INVALID_VALUE, name,
                      "images and files are taken from the user only");
        return;
    }

    if (blocks->count == 0) {
        return;
    }

    if (item->role == CLAUDE_ROLE_USER) {

        if (blocks->waiting) {
            claude_parse_fail(&self->parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                          "must come after the outputs of all calls");
            return;
        }

        claude_responses_forget(self);
    }

    if (item->role == CLAUDE_ROLE_ASSISTANT) {

        if (!claude_responses_answers(self)) {
            return;
        }

        claude_responses_recall(self);
    }

    claude_blocks_end(blocks, item->role);
}


static void
claude_responses_take_call(claude_responses_parse_t *self)
{
    claude_rc_t             rc;
    claude_str_t            flat;
    claude_blocks_t        *blocks;
    claude_responses_in_t  *item;

    static const claude_str_t  none = claude_string("{}");

    item = &self->item;
    blocks = &self->blocks;

    rc = claude_responses_call_name(self, &flat);

    if (rc != CLAUDE_OK || !claude_responses_answers(self)) {
        return;
    }

    rc = claude_blocks_call(blocks, &item->call_id);

    if (rc != CLAUDE_OK) {
        claude_parse_fail(&self->parse, CLAUDE_ERR_INVALID_VALUE, "call_id",
                          rc == CLAUDE_DECLINED
                          ? "another call that waits for its output has it"
                          : "is one more than the 256 calls that may wait");
        return;
    }

    claude_blocks_begin(blocks, CLAUDE_ROLE_UNKNOWN);
    claude_out_init(&blocks->held, self->parse.mem, blocks->held.max);

    claude_blocks_tool_use(blocks, &item->call_id, &flat,
                           item->arguments.len ? &item->arguments : &none);

    claude_responses_recall(self);
    claude_blocks_end(blocks, CLAUDE_ROLE_ASSISTANT);
}


static claude_rc_t
claude_responses_call_name(claude_responses_parse_t *self, claude_str_t *flat)
{
    claude_rc_t             rc;
    claude_responses_in_t  *item;

    item = &self->item;
    *flat = item->name;

    if (item->call_id.len == 0) {
        claude_parse_fail(&self->parse, CLAUDE_ERR_MISSING, "call_id", NULL);
        return CLAUDE_INVALID;
    }

    if (item->name.data == NULL) {
        claude_parse_fail(&self->parse, CLAUDE_ERR_MISSING, "name", NULL);
        return CLAUDE_INVALID;
    }

    if (item->space.len) {
        rc = claude_responses_flat(self->parse.mem, &item->space, &item->name,
                                   flat);

    } else {
        rc = claude_blocks_name(flat) ? CLAUDE_OK : CLAUDE_INVALID;
    }

    if (rc == CLAUDE_NO_MEMORY) {
        self->parse.rc = rc;

    } else if (rc != CLAUDE_OK) {
        claude_parse_fail(&self->parse, CLAUDE_ERR_INVALID_VALUE, "name",
                     "must be of letters, digits, _ and -, and 128 at most");
    }

    return rc;
}


static void
claude_responses_take_output(claude_responses_parse_t *self)
{
    claude_responses_in_t  *item;

    item = &self->item;

    if (item->call_id.len == 0) {
        claude_parse_fail(&self->parse, CLAUDE_ERR_MISSING, "call_id", NULL);
        return;
    }

    if (!item->output) {
        claude_parse_fail(&self->parse, CLAUDE_ERR_MISSING, "output", NULL);
        return;
    }

    if (claude_blocks_answer(&self->blocks, &item->call_id) != CLAUDE_OK) {
        claude_parse_fail(&self->parse, CLAUDE_ERR_INVALID_VALUE, "call_id",
                          "no function_call before it waits for this output");
        return;
    }

    claude_responses_forget(self);

    claude_blocks_begin(&self->blocks, CLAUDE_ROLE_USER);
    claude_blocks_tool_result(&self->blocks, &item->call_id, &self->result,
                              0);
    claude_blocks_end(&self->blocks, CLAUDE_ROLE_USER);
}


/* what another service has sealed, or has not, says nothing to the model */

static void
claude_responses_take_thought(claude_responses_parse_t *self)
{
    claude_rc_t                 rc;
    claude_blocks_t            *blocks;
    claude_responses_thought_t  thought;

    rc = claude_responses_unseal(self->parse.mem, &self->item.sealed,
                                 &thought);

    if (rc == CLAUDE_DECLINED) {
        return;
    }

    if (rc == CLAUDE_NO_MEMORY) {
        self->parse.rc = rc;
        return;
    }

    if (rc != CLAUDE_OK) {
        claude_parse_fail(&self->parse, CLAUDE_ERR_INVALID_VALUE,
                          "encrypted_content",
                          "is not as it was given: it must not be changed");
        return;
    }

    blocks = &self->blocks;
    blocks->to = &self->thoughts;

    if (thought.is_redacted) {
        claude_blocks_redacted(blocks, &thought.redacted);

    } else {
        claude_blocks_thinking(blocks, &thought.thinking, &thought.signature);
    }

    blocks->to = NULL;
}


/* whether the assistant may have said something here */

static unsigned
claude_responses_answers(claude_responses_parse_t *self)
{
    claude_blocks_t  *blocks;

    blocks = &self->blocks;

    if (!blocks->user) {
        claude_parse_fail(&self->parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                          "the first message must be from the user");
        return 0;
    }

    if (blocks->waiting && blocks->turn == CLAUDE_ROLE_USER) {
        claude_parse_fail(&self->parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                          "must come after the outputs of all calls");
        return 0;
    }

    return 1;
}


/* thinking goes before what it led to: the API takes no message of thinking
 * alone */

static void
claude_responses_recall(claude_responses_parse_t *self)
{
    claude_out_t  *held;

    if (claude_out_empty(&self->thoughts)) {
        return;
    }

    held = &self->blocks.held;

    claude_out_literal(&self->thoughts, ",");
    claude_out_join(&self->thoughts, held);

    *held = self->thoughts;

    claude_responses_forget(self);
}


static void
claude_responses_forget(claude_responses_parse_t *self)
{
    claude_out_init(&self->thoughts, self->parse.mem, self->thoughts.max);
}
