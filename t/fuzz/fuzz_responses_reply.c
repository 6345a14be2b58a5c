
/*
 * An upstream's whole stream to a response.  However it is cut, the client
 * gets the same; every event and document is JSON on one line; events are
 * named and numbered without a gap; the last, and no other, says how it ended.
 * The first byte chooses the kind of answer (streamed, tools declared,
 * thinking shown), the second where the input is cut.
 */

#include <stdio.h>

#include "claude_responses.h"

#include "dialect_reply.h"


static void
request(claude_request_t *request, unsigned kind)
{
    static claude_responses_name_t   name;
    static claude_responses_facts_t  facts;

    static const claude_str_t  flat = claude_string("f");

    request->tools = (kind & 2) != 0;

    if (kind & 4) {
        memset(&name, 0, sizeof(claude_responses_name_t));
        memset(&facts, 0, sizeof(claude_responses_facts_t));
        name.flat = flat;
        name.space = flat;
        name.name = flat;
        facts.names = &name;
        facts.summary = 1;
        request->own = &facts;
    }
}


static void
check_stream(const answer_t *answer)
{
    int                   len;
    char                  head[160];
    unsigned              n, last, failed;
    const unsigned char  *p, *eol, *end;

    n = 0;
    last = 0;
    failed = 0;
    end = answer->data + answer->len;

    for (p = answer->data; p < end; p = eol + 2) {
        eol = memchr(p, '\n', end - p);

        if (last || eol == NULL || eol - p < 8 || eol - p > 80
            || memcmp(p, "event: ", 7) != 0)
        {
            abort();
        }

        p += 7;
        len = (int) (eol - p);

        snprintf(head, sizeof(head),
                 "data: {\"type\":\"%.*s\",\"sequence_number\":%u,", len, p,
                 n++);

        failed = (len == 15 && memcmp(p, "response.failed", 15) == 0);
        last = failed
               || (len == 18 && memcmp(p, "response.completed", 18) == 0)
               || (len == 19 && memcmp(p, "response.incomplete", 19) == 0);

        p = eol + 1;
        eol = memchr(p, '\n', end - p);

        if (eol == NULL || end - eol < 2 || eol[1] != '\n'
            || (size_t) (eol - p) < strlen(head)
            || memcmp(p, head, strlen(head)) != 0)
        {
            abort();
        }

        check_line(p + 6, eol - p - 6);
    }

    if (!last || failed == answer->complete) {
        abort();
    }
}


static const target_t  target = {
    .dialect = &claude_responses,
    .request = request,
    .check_stream = check_stream
};


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return check_reply(&target, data, size);
}
