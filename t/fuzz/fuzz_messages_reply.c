
/*
 * An upstream's whole stream to a Messages answer.  However it is cut, the
 * client gets the same; every event and document is JSON; message_stop comes
 * once, at the end, and only of an answer that is whole.  The first byte
 * chooses the kind of answer, the second where the input is cut.
 */

#include "claude_messages.h"

#include "dialect_reply.h"


static void
request(claude_request_t *request, unsigned kind)
{
    (void) request;
    (void) kind;
}


/* each event is a line of its name, a line of data, and an empty one */

static void
check_stream(const answer_t *answer)
{
    unsigned              done;
    const unsigned char  *p, *eol, *end;

    static const char  last[] = "event: message_stop\n";

    done = 0;
    end = answer->data + answer->len;

    for (p = answer->data; p < end; p = eol + 2) {
        check(!done);
        check(end - p > 7 && memcmp(p, "event: ", 7) == 0);

        done = (size_t) (end - p) > sizeof(last)
               && memcmp(p, last, sizeof(last) - 1) == 0;

        eol = memchr(p, '\n', end - p);
        check(eol != NULL);

        p = eol + 1;
        check(end - p > 6 && memcmp(p, "data: ", 6) == 0);

        eol = memchr(p, '\n', end - p);
        check(eol != NULL && end - eol >= 2 && eol[1] == '\n');

        check_json(p + 6, eol - p - 6);
    }

    check(done == answer->complete);
}


static const target_t  target = {
    .dialect = &claude_messages,
    .request = request,
    .check_stream = check_stream,
    .raw = 1
};


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return check_reply(&target, data, size);
}
