
#include "claude_event.h"

#include "claude_json_reader.h"

#include <string.h>


#define CLAUDE_EVENT_DIGITS  4      /* of an index */


static size_t claude_event_string(const unsigned char *p,
    const unsigned char *end);
static size_t claude_event_plain(const unsigned char *p,
    const unsigned char *end, uint64_t *bytes);
static size_t claude_event_escape(const unsigned char *p,
    const unsigned char *end);
static int claude_event_hex4(const unsigned char *p);


claude_rc_t
claude_event_read_fast(const claude_str_t *data, claude_event_t *event)
{
    unsigned              index, digits;
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

    if (claude_event_string(p, end) != (size_t) (end - p)) {
        return CLAUDE_DECLINED;
    }

    memset(event, 0, sizeof(claude_event_t));

    event->json = *data;
    event->type = CLAUDE_EVENT_BLOCK_DELTA;
    event->index = index;
    event->block = CLAUDE_BLOCK_TEXT;
    event->text.data = p;
    event->text.len = end - p;

    return CLAUDE_OK;
}


/* length of what can stand between the quotes of a JSON string */

static size_t
claude_event_string(const unsigned char *p, const unsigned char *end)
{
    size_t                n;
    uint64_t              bytes;
    const unsigned char  *start;

    bytes = 0;

    for (start = p; p < end; p += n) {
        n = claude_event_plain(p, end, &bytes);
        p += n;

        if (p == end) {
            break;
        }

        n = claude_event_escape(p, end);
        if (n == 0) {
            break;
        }
    }

    if (bytes & 0x8080808080808080) {
        return claude_utf8_span(start, p - start);
    }

    return p - start;
}


/*
 * Length of the bytes that need no look: no control byte, no quote, no
 * backslash.  Eight at a time: x - 0x01… & ~x & 0x80… is not 0 where a byte
 * of x is 0, likewise with 0x20… where one is below 0x20.
 */

static size_t
claude_event_plain(const unsigned char *p, const unsigned char *end,
    uint64_t *bytes)
{
    uint64_t              x, quote, slash, stop;
    const unsigned char  *start;

    const uint64_t  ones = 0x0101010101010101, highs = 0x8080808080808080;

    for (start = p; end - p >= 8; p += 8) {
        memcpy(&x, p, 8);

        quote = x ^ ones * '"';
        slash = x ^ ones * '\\';

        stop = ((x - ones * 0x20) & ~x)
               | ((quote - ones) & ~quote)
               | ((slash - ones) & ~slash);

        if (stop & highs) {
            break;
        }

        *bytes |= x;
    }

    while (p < end && *p >= 0x20 && *p != '"' && *p != '\\') {
        *bytes |= *p++;
    }

    return p - start;
}


/* length of the escape at p, a surrogate pair as one; 0 where there is none */

static size_t
claude_event_escape(const unsigned char *p, const unsigned char *end)
{
    int  unit;

    if (end - p < 2 || p[0] != '\\') {
        return 0;
    }

    if (p[1] != 'u') {
        return (p[1] && strchr("\"\\/bfnrt", p[1])) ? 2 : 0;
    }

    if (end - p < 6) {
        return 0;
    }

    unit = claude_event_hex4(p + 2);

    if (unit < 0 || (unit & 0xfc00) == 0xdc00) {
        return 0;
    }

    if ((unit & 0xfc00) != 0xd800) {
        return 6;
    }

    if (end - p < 12 || p[6] != '\\' || p[7] != 'u') {
        return 0;
    }

    unit = claude_event_hex4(p + 8);

    return (unit >= 0 && (unit & 0xfc00) == 0xdc00) ? 12 : 0;
}


static int
claude_event_hex4(const unsigned char *p)
{
    int       unit;
    unsigned  i, c;

    unit = 0;

    for (i = 0; i < 4; i++) {
        c = p[i];

        if (c >= '0' && c <= '9') {
            unit = unit * 16 + c - '0';
            continue;
        }

        c |= 0x20;

        if (c < 'a' || c > 'f') {
            return -1;
        }

        unit = unit * 16 + c - 'a' + 10;
    }

    return unit;
}
