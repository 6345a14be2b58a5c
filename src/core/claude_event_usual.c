
#include "claude_event.h"

#include "claude_json_scan.h"

#include <string.h>


#define CLAUDE_EVENT_DIGITS  4      /* of an index */


/* an event as the API writes it: head index middle text tail; without a middle
 * there is no index, without a tail no text */

typedef struct {
    claude_event_type_e    type;
    claude_block_type_e    block;
    size_t                 json;    /* where in head the data begins */
    claude_str_t           head;
    claude_str_t           middle;
    claude_str_t           tail;
} claude_event_form_t;


static unsigned claude_event_take_form(const claude_event_form_t *form,
    const unsigned char **pos, const unsigned char *end,
    claude_event_t *event);
static unsigned claude_event_take_str(const unsigned char **pos,
    const unsigned char *end, const claude_str_t *str);
static unsigned claude_event_take_index(const unsigned char **pos,
    const unsigned char *end, unsigned *index);
static unsigned claude_event_take_text(const unsigned char **pos,
    const unsigned char *end, claude_str_t *text);


#define claude_event_head(name, fields)                                      \
    sizeof("event: " name "\ndata: ") - 1,                                   \
    claude_string("event: " name "\ndata: {\"type\":\"" name "\"" fields)

#define claude_event_delta(type, field)                                      \
    claude_event_head("content_block_delta", ",\"index\":"),                 \
    claude_string(",\"delta\":{\"type\":\"" type "\",\"" field "\":\""),     \
    claude_string("\"}}\n\n")


/* what comes most, first */

static const claude_event_form_t  claude_event_forms[] = {

    { CLAUDE_EVENT_BLOCK_DELTA, CLAUDE_BLOCK_TEXT,
      claude_event_delta("text_delta", "text") },

    { CLAUDE_EVENT_BLOCK_DELTA, CLAUDE_BLOCK_TOOL_USE,
      claude_event_delta("input_json_delta", "partial_json") },

    { CLAUDE_EVENT_BLOCK_DELTA, CLAUDE_BLOCK_THINKING,
      claude_event_delta("thinking_delta", "thinking") },

    { CLAUDE_EVENT_BLOCK_START, CLAUDE_BLOCK_TEXT,
      claude_event_head("content_block_start", ",\"index\":"),
      claude_string(",\"content_block\":{\"type\":\"text\",\"text\":\""),
      claude_string("\"}}\n\n") },

    { CLAUDE_EVENT_BLOCK_STOP, CLAUDE_BLOCK_OTHER,
      claude_event_head("content_block_stop", ",\"index\":"),
      claude_string("}\n\n"), { 0, NULL } },

    { CLAUDE_EVENT_MESSAGE_STOP, CLAUDE_BLOCK_OTHER,
      claude_event_head("message_stop", "}\n\n"), { 0, NULL }, { 0, NULL } }
};


claude_rc_t
claude_event_take(const unsigned char **pos, const unsigned char *end,
    claude_event_t *event)
{
    unsigned  i, n;

    n = sizeof(claude_event_forms) / sizeof(claude_event_forms[0]);

    for (i = 0; i < n; i++) {
        if (claude_event_take_form(&claude_event_forms[i], pos, end, event)) {
            return CLAUDE_OK;
        }
    }

    return CLAUDE_DECLINED;
}


static unsigned
claude_event_take_form(const claude_event_form_t *form,
    const unsigned char **pos, const unsigned char *end, claude_event_t *event)
{
    unsigned              index;
    claude_str_t          text;
    const unsigned char  *p;

    p = *pos;
    index = 0;
    text.len = 0;
    text.data = NULL;

    if (!claude_event_take_str(&p, end, &form->head)) {
        return 0;
    }

    if (form->middle.len
        && (!claude_event_take_index(&p, end, &index)
            || !claude_event_take_str(&p, end, &form->middle)))
    {
        return 0;
    }

    if (form->tail.len
        && (!claude_event_take_text(&p, end, &text)
            || !claude_event_take_str(&p, end, &form->tail)))
    {
        return 0;
    }

    memset(event, 0, sizeof(claude_event_t));

    event->type = form->type;
    event->block = form->block;
    event->index = index;
    event->text = text;

    /* without the two LF */

    event->json.data = *pos + form->json;
    event->json.len = p - 2 - event->json.data;

    *pos = p;

    return 1;
}


static unsigned
claude_event_take_str(const unsigned char **pos, const unsigned char *end,
    const claude_str_t *str)
{
    if ((size_t) (end - *pos) < str->len
        || memcmp(*pos, str->data, str->len) != 0)
    {
        return 0;
    }

    *pos += str->len;

    return 1;
}


static unsigned
claude_event_take_index(const unsigned char **pos, const unsigned char *end,
    unsigned *index)
{
    unsigned              n;
    const unsigned char  *p;

    p = *pos;
    n = 0;

    while (p < end && *p >= '0' && *p <= '9') {

        if (p - *pos == CLAUDE_EVENT_DIGITS || (p > *pos && n == 0)) {
            return 0;
        }

        n = n * 10 + (*p++ - '0');
    }

    if (p == *pos) {
        return 0;
    }

    *pos = p;
    *index = n;

    return 1;
}


static unsigned
claude_event_take_text(const unsigned char **pos, const unsigned char *end,
    claude_str_t *text)
{
    unsigned  escapes, high;

    high = 0;
    escapes = 0;

    text->data = *pos;
    text->len = claude_json_scan_string(*pos, end, &high, &escapes);

    if (high && claude_utf8_span(text->data, text->len) != text->len) {
        return 0;
    }

    *pos += text->len;

    return 1;
}
