
/*
 * The quick ways to read an event against the full one: what they take, that
 * one reads to the same; and what any gives can be pasted into another JSON
 * string.  The input is read as it is, and as the text of a delta.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claude_event.h"
#include "claude_json_reader.h"


static void compare(const unsigned char *data, size_t len);
static void take(const unsigned char *data, size_t len);
static void paste(const claude_str_t *data, const claude_str_t *slice);
static claude_rc_t one_string(void *ctx, const claude_json_token_t *token);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char  *event;

    static const char  head[] =
        "{\"type\":\"content_block_delta\",\"index\":0,"
        "\"delta\":{\"type\":\"text_delta\",\"text\":\"";

    event = malloc(size + sizeof(head) + 2);

    memcpy(event, data, size);
    compare(event, size);
    take(event, size);

    memcpy(event, head, sizeof(head) - 1);
    memcpy(event + sizeof(head) - 1, data, size);
    memcpy(event + sizeof(head) - 1 + size, "\"}}", 3);
    compare(event, size + sizeof(head) + 2);
    take(event, size + sizeof(head) + 2);

    free(event);

    return 0;
}


static void
compare(const unsigned char *data, size_t len)
{
    claude_rc_t      rc;
    claude_str_t     str;
    claude_event_t   event, full;
    claude_usage_t   usage, before;

    str.data = malloc(len ? len : 1);
    str.len = len;
    memcpy((unsigned char *) str.data, data, len);

    memset(&before, 0x11, sizeof(claude_usage_t));
    usage = before;

    rc = claude_event_read_full(&str, &full, &usage);

    if (rc != CLAUDE_OK && memcmp(&usage, &before, sizeof(usage)) != 0) {
        abort();
    }

    if (claude_event_read_fast(&str, &event, &before) == CLAUDE_OK) {
        if (rc != CLAUDE_OK || memcmp(&event, &full, sizeof(event)) != 0) {
            abort();
        }
    }

    if (rc == CLAUDE_OK
        && claude_event_read(&str, &event, &before) != CLAUDE_OK)
    {
        abort();
    }

    if (memcmp(&usage, &before, sizeof(usage)) != 0) {
        abort();
    }

    if (rc == CLAUDE_OK) {
        paste(&str, &full.text);
        paste(&str, &full.id);
        paste(&str, &full.name);
        paste(&str, &full.model);
        paste(&str, &full.stop_sequence);
        paste(&str, &full.error);
        paste(&str, &full.signature);
        paste(&str, &full.category);
        paste(&str, &full.explanation);
    }

    free((unsigned char *) str.data);
}


/* as an event of a stream, by each name that may be taken */

static void
take(const unsigned char *data, size_t len)
{
    int                   n;
    size_t                i;
    claude_str_t          str;
    claude_event_t        event, full;
    claude_usage_t        usage;
    unsigned char        *stream;
    const unsigned char  *pos;

    static const char  *names[] = {
        "content_block_delta", "content_block_start", "content_block_stop",
        "message_stop"
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        stream = malloc(len + 64);
        n = sprintf((char *) stream, "event: %s\ndata: ", names[i]);

        str.data = stream + n;
        str.len = len;
        memcpy(stream + n, data, len);
        memcpy(stream + n + len, "\n\n", 2);

        pos = stream;
        memset(&usage, 0, sizeof(claude_usage_t));

        if (claude_event_take(&pos, stream + n + len + 2, &event) == CLAUDE_OK
            && (pos != stream + n + len + 2
                || claude_event_read_full(&str, &full, &usage) != CLAUDE_OK
                || memcmp(&event, &full, sizeof(event)) != 0))
        {
            abort();
        }

        free(stream);
    }
}


static void
paste(const claude_str_t *data, const claude_str_t *slice)
{
    unsigned              strings;
    unsigned char        *json;
    claude_json_error_t   error;

    if (slice->len == 0) {
        return;
    }

    if (slice->data < data->data
        || slice->data + slice->len > data->data + data->len)
    {
        abort();
    }

    json = malloc(slice->len + 2);
    json[0] = '"';
    memcpy(json + 1, slice->data, slice->len);
    json[slice->len + 1] = '"';

    strings = 0;

    if (claude_json_read(json, slice->len + 2, one_string, &strings, &error)
        != CLAUDE_OK || strings != 1)
    {
        abort();
    }

    free(json);
}


static claude_rc_t
one_string(void *ctx, const claude_json_token_t *token)
{
    unsigned  *strings = ctx;

    if (token->type == CLAUDE_JSON_STRING) {
        (*strings)++;
    }

    return CLAUDE_OK;
}
