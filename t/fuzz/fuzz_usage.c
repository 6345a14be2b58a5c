
/*
 * A line of the usage history: what is read as one is written as a line that
 * is read to the same, the fast way too; and that takes nothing that the full
 * one would not read to the same.
 */

#include <stdlib.h>
#include <string.h>

#include "claude_usage.h"


static void *no_alloc(void *ctx, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t             bytes;
    claude_rc_t          rc;
    claude_mem_t         mem = { no_alloc, NULL };
    claude_out_t         out;
    claude_str_t         text;
    unsigned char        buf[CLAUDE_USAGE_LINE_MAX + 64];
    claude_usage_line_t  line, again;

    text.data = data;
    text.len = size;

    rc = claude_usage_read_full(&text, &line, &bytes);

    if (claude_usage_read_fast(&text, &again) == CLAUDE_OK
        && (rc != CLAUDE_OK || memcmp(&line, &again, sizeof(line)) != 0))
    {
        abort();
    }

    if (rc != CLAUDE_OK) {
        if (rc != CLAUDE_INVALID && rc != CLAUDE_DECLINED) {
            abort();
        }

        return 0;
    }

    claude_out_init_chunk(&out, &mem, CLAUDE_USAGE_LINE_MAX, buf,
                          sizeof(buf));
    claude_usage_write_line(&out, &line);

    if (out.rc != CLAUDE_OK) {
        abort();
    }

    text = out.first->str;
    text.len--;

    if (text.data[text.len] != '\n'
        || memchr(text.data, '\n', text.len) != NULL
        || claude_usage_read_fast(&text, &again) != CLAUDE_OK
        || memcmp(&line, &again, sizeof(line)) != 0)
    {
        abort();
    }

    return 0;
}


static void *
no_alloc(void *ctx, size_t size)
{
    (void) ctx;
    (void) size;

    return NULL;
}
