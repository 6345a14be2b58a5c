
/*
 * An upstream's whole stream to a chat answer.  However it is cut, the client
 * gets the same; every chunk and document is JSON on one line; [DONE] comes
 * once, at the end, and only of an answer that is whole.  The first byte
 * chooses the kind of answer (streamed, with usage, tools declared, the old
 * way), the second where the input is cut.
 */

#include "claude_chat.h"

#include "dialect_reply.h"


static void
request(claude_request_t *request, unsigned kind)
{
    static claude_chat_facts_t  facts;

    memset(&facts, 0, sizeof(claude_chat_facts_t));
    facts.functions = (kind & 8) != 0;

    request->include_usage = (kind & 2) != 0;
    request->tools = (kind & 4) != 0;
    request->own = &facts;
}


static void
check_stream(const answer_t *answer)
{
    size_t                len;
    unsigned              done;
    const unsigned char  *p, *eol, *end;

    static const char  last[] = "data: [DONE]";

    done = 0;
    end = answer->data + answer->len;

    for (p = answer->data; p < end; p = eol + 2) {
        eol = memchr(p, '\n', end - p);

        if (done || eol == NULL || end - eol < 2 || eol[1] != '\n') {
            abort();
        }

        len = eol - p;

        if (len == sizeof(last) - 1 && memcmp(p, last, len) == 0) {
            done = 1;

        } else if (len > 6 && memcmp(p, "data: ", 6) == 0) {
            check_line(p + 6, len - 6);

        } else {
            abort();
        }
    }

    if (done != answer->complete) {
        abort();
    }
}


static const target_t  target = {
    .dialect = &claude_chat,
    .request = request,
    .check_stream = check_stream
};


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return check_reply(&target, data, size);
}
