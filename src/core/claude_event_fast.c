
#include "claude_event.h"

#include "claude_json_scan.h"

#include <string.h>


#define CLAUDE_EVENT_DIGITS  4      /* of an index */


claude_rc_t
claude_event_read_text(const claude_str_t *data, claude_event_t *event)
{
    size_t                n;
    unsigned              index, digits, escapes, high;
    const unsigned char  *p, *end;

    static const unsigned char  head[] =
        "{\"type\":\"content_block_delta\",\"index\":";
    static const unsigned char  middle[] =
        ",\"delta\":{\"type\":\"text_delta\",\"text\":\"";
    static const unsigned char  tail[] = "\"}}";

    if (data->len < sizeof(head) + sizeof(middle) + sizeof(tail) - 2
        || memcmp(data->data, head, sizeof(head) - 1) != 0)
    {
        return CLAUDE_DECLINED;
    }

    p = data->data + sizeof(head) - 1;
    end = data->data + data->len - (sizeof(tail) - 1);

    index = 0;

    for (digits = 0; *p >= '0' && *p <= '9'; digits++) {
        if (digits == CLAUDE_EVENT_DIGITS || (digits && index == 0)) {
            return CLAUDE_DECLINED;
        }

        index = index * 10 + (*p++ - '0');
    }

    if (digits == 0 || (size_t) (end - p) < sizeof(middle) - 1
        || memcmp(p, middle, sizeof(middle) - 1) != 0
        || memcmp(end, tail, sizeof(tail) - 1) != 0)
    {
        return CLAUDE_DECLINED;
    }

    p += sizeof(middle) - 1;

    high = 0;
    escapes = 0;
    n = claude_json_scan_string(p, end + 1, &high, &escapes);

    if (n != (size_t) (end - p)
        || (high && claude_utf8_span(p, n) != n))
    {
        return CLAUDE_DECLINED;
    }

    memset(event, 0, sizeof(claude_event_t));

    event->json = *data;
    event->type = CLAUDE_EVENT_BLOCK_DELTA;
    event->index = index;
    event->block = CLAUDE_BLOCK_TEXT;
    event->text.data = p;
    event->text.len = n;

    return CLAUDE_OK;
}
