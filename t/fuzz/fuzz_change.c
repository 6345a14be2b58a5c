
/*
 * A line of the key log, from whoever could write to the file: what is read as
 * a change is written as a line that says the same, and fits one.  A change's
 * limits match in bounds.  With a space before it, which the fast path doesn't
 * take, a line is read to the same.
 */

#include "claude_record.h"

#include <stdlib.h>
#include <string.h>


#define check(cond)  do { if (!(cond)) { abort(); } } while (0)


static void *
no_alloc(void *ctx, size_t size)
{
    (void) ctx;
    (void) size;

    return NULL;
}


static void
match(const claude_limits_t *limits)
{
    size_t         i;
    claude_str_t   name;
    unsigned char  addr[16];

    check(limits->reading == 0);
    check(limits->models_len <= CLAUDE_LIMIT_MODELS_LEN);
    check(limits->naddresses <= CLAUDE_LIMIT_ADDRESSES);

    for (i = 0; i < limits->models_len; i += name.len) {
        name.len = limits->models[i++];
        name.data = limits->models + i;

        check(name.len > 0 && i + name.len <= limits->models_len);
        check(claude_limits_model(limits, &name));
    }

    for (i = 0; i < limits->naddresses; i++) {
        memcpy(addr, limits->addresses[i].addr, sizeof(addr));
        check(claude_limits_address(limits, addr, sizeof(addr)));

        addr[15] ^= 1;
        (void) claude_limits_address(limits, addr, sizeof(addr));
    }
}


static void
put(claude_change_t *change)
{
    const char       *reason;
    claude_out_t      out;
    claude_str_t      line;
    claude_change_t   back;
    unsigned char     chunk[CLAUDE_LINE_MAX + 64];

    static claude_mem_t  mem = { no_alloc, NULL };

    claude_out_init_chunk(&out, &mem, CLAUDE_LINE_MAX, chunk, sizeof(chunk));
    claude_change_write(&out, change);

    check(out.rc == CLAUDE_OK);

    line = out.first->str;

    check(line.len == out.size && line.data[line.len - 1] == '\n');
    line.len--;
    check(memchr(line.data, '\n', line.len) == NULL);

    check(claude_change_read(&line, &back, &reason) == CLAUDE_OK);
    check(memcmp(&back, change, sizeof(back)) == 0);
}


static void
compare(const claude_str_t *line, claude_rc_t rc,
    const claude_change_t *change, const char *reason)
{
    const char       *full;
    claude_str_t      spaced;
    claude_change_t   other;
    unsigned char    *text;

    text = malloc(line->len + 1);

    text[0] = ' ';
    memcpy(text + 1, line->data, line->len);

    spaced.data = text;
    spaced.len = line->len + 1;

    check(claude_change_read(&spaced, &other, &full) == rc);
    check(line->len == 0 || line->data[0] != '{' || reason == full
          || (reason && full && strcmp(reason, full) == 0));
    check(rc != CLAUDE_OK || memcmp(&other, change, sizeof(other)) == 0);

    free(text);
}


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    claude_rc_t      rc;
    const char      *reason;
    claude_str_t     line;
    claude_change_t  change;
    claude_header_t  header;

    line.data = data;
    line.len = size;
    reason = NULL;

    rc = claude_change_read(&line, &change, &reason);

    check(rc == CLAUDE_OK || rc == CLAUDE_INVALID);
    check(rc == CLAUDE_OK || reason != NULL);

    compare(&line, rc, &change, reason);

    if (rc == CLAUDE_OK) {
        match(&change.record.limits);
        put(&change);
    }

    (void) claude_header_read(&line, &header, &reason);

    return 0;
}
