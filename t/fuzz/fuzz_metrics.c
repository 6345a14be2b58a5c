
/*
 * Any bytes as a label's value: what is written is one sample on one line, in
 * UTF-8, and reads back as what was given, but for what can't stand there.  And
 * any bytes as a header Accept.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/pool.h"

#include "claude_json_reader.h"
#include "claude_metrics.h"


static const claude_metric_t  metric = {
    "m", NULL, CLAUDE_METRIC_GAUGE, "h"
};


static void
check(const unsigned char *line, size_t len, const unsigned char *data,
    size_t size)
{
    size_t         at;
    unsigned char  c;

    if (claude_utf8_span(line, len) != len
        || len < 10 || memcmp(line, "m{l=\"", 5) != 0
        || memcmp(line + len - 5, "\"} 1\n", 5) != 0)
    {
        abort();
    }

    line += 5;
    len -= 10;

    for (at = 0; at < len; at++) {
        c = line[at];

        if (c < 0x20 || c == 0x7f || c == '"') {
            abort();
        }

        if (c == '\\') {
            at++;

            if (at == len) {
                abort();
            }

            c = line[at] == 'n' ? '\n' : line[at];

            if (c != '\n' && c != '\\' && c != '"') {
                abort();
            }
        }

        /* what is replaced is one byte each; so is what isn't */

        if (size && c == data[0]) {
            data++;
            size--;
            continue;
        }

        if (at + 3 > len || memcmp(line + at, "\xef\xbf\xbd", 3) != 0
            || size == 0)
        {
            abort();
        }

        at += 2;
        data++;
        size--;
    }

    if (size) {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pool_t             pool;
    claude_str_t       value;
    claude_out_t       out;
    claude_label_t     label;
    unsigned char     *copy, *line;
    claude_metrics_t   metrics;

    if (size > 4096) {
        return 0;
    }

    copy = malloc(size ? size : 1);
    memcpy(copy, data, size);

    value.data = copy;
    value.len = size;

    (void) claude_metrics_accepted(&value);

    label.name = "l";
    label.value = value;

    pool_init(&pool, 1 << 20);
    claude_out_init(&out, &pool.mem, 1 << 16);
    claude_metrics_init(&metrics, &out, 1);

    metrics.metric = &metric;
    claude_metrics_put(&metrics, &label, 1, 1);

    if (out.rc != CLAUDE_OK) {
        abort();
    }

    line = malloc(out.size);
    claude_out_copy(&out, line);
    check(line, out.size, copy, size);

    free(line);
    free(copy);
    pool_free(&pool);

    return 0;
}
