
/*
 * An upstream's whole stream to a Messages answer.  However it is cut, the
 * client gets the same; every event and document is JSON; message_stop comes
 * once, at the end, and only of an answer that is whole.  The first byte
 * chooses the kind of answer, the second where the input is cut.
 */

#include <stdlib.h>
#include <string.h>

#include "../unit/pool.h"

#include "claude_messages.h"
#include "claude_json_reader.h"
#include "claude_sse.h"


#define OUT_MAX  (4 * 1024 * 1024)

#define check(cond)  do { if (!(cond)) { abort(); } } while (0)


typedef struct {
    unsigned char   *data;
    size_t           len;
    unsigned         complete;
} answer_t;

typedef struct {
    claude_request_t request;
    claude_reply_t   reply;
    claude_sse_t     sse;
    claude_out_t     out;
    claude_rc_t      rc;
} call_t;


static answer_t answer(const unsigned char *data, size_t len, size_t cut,
    unsigned stream);
static void feed(call_t *call, const unsigned char *data, size_t len);
static void check_stream(const answer_t *answer);
static void check_json(const unsigned char *data, size_t len);
static claude_rc_t ignore(void *ctx, const claude_json_token_t *token);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t    cut;
    answer_t  whole, parts;

    if (size < 2 || size > 65536) {
        return 0;
    }

    cut = (size - 2) * data[1] / 255;

    whole = answer(data + 2, size - 2, 0, data[0] & 1);
    parts = answer(data + 2, size - 2, cut, data[0] & 1);

    check(whole.len == parts.len && whole.complete == parts.complete
          && memcmp(whole.data, parts.data, whole.len) == 0);

    if (data[0] & 1) {
        check_stream(&whole);

    } else {
        check_json(whole.data, whole.len);
    }

    free(whole.data);
    free(parts.data);

    return 0;
}


static answer_t
answer(const unsigned char *data, size_t len, size_t cut, unsigned stream)
{
    call_t           call;
    pool_t           pool;
    answer_t         answer;
    claude_fault_t  *fault;

    static const claude_str_t  id = claude_string("id");
    static const claude_str_t  model = claude_string("\"\n\xff\xe2\x80\xa8");

    memset(&call, 0, sizeof(call_t));
    call.request.model = model;
    call.request.stream = stream;

    pool_init(&pool, 8 * OUT_MAX);
    claude_sse_init(&call.sse, &pool.mem);
    claude_out_init(&call.out, &pool.mem, OUT_MAX);

    check(claude_reply_init(&call.reply, &pool.mem, &claude_messages,
                            &call.request, &id, 1)
          == CLAUDE_OK);

    feed(&call, data, cut);
    feed(&call, data + cut, len - cut);

    fault = &call.reply.fault;

    check(!call.reply.complete
          || (call.rc == CLAUDE_OK && fault->err == CLAUDE_ERR_NONE));

    if (call.reply.complete && !stream
        && claude_messages_document(&call.reply, &call.out) != CLAUDE_OK)
    {
        fault->err = CLAUDE_ERR_INTERNAL;
        check(call.out.size == 0);
    }

    if (!call.reply.complete && stream) {
        claude_messages.stream_error(&call.reply, fault, &call.out);

    } else if (!call.reply.complete || fault->err != CLAUDE_ERR_NONE) {
        claude_messages.error(fault, &call.out);
    }

    check(call.out.rc == CLAUDE_OK);

    answer.complete = call.reply.complete;
    answer.len = call.out.size;
    answer.data = malloc(answer.len + 1);
    claude_out_copy(&call.out, answer.data);

    pool_free(&pool);

    return answer;
}


static void
feed(call_t *call, const unsigned char *data, size_t len)
{
    claude_str_t          event;
    unsigned char        *piece;
    const unsigned char  *p;

    piece = malloc(len ? len : 1);
    memcpy(piece, data, len);
    p = piece;

    while (call->rc == CLAUDE_OK
           && claude_sse_next(&call->sse, &p, piece + len, &event)
              == CLAUDE_OK)
    {
        call->rc = claude_reply_feed(&call->reply, &claude_messages, &event,
                                     call->request.stream ? &call->out
                                                          : NULL);
    }

    memset(piece, '#', len);
    free(piece);
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


static void
check_json(const unsigned char *data, size_t len)
{
    claude_json_error_t  error;

    check(claude_json_read(data, len, ignore, NULL, &error) == CLAUDE_OK);
}


static claude_rc_t
ignore(void *ctx, const claude_json_token_t *token)
{
    (void) ctx;
    (void) token;

    return CLAUDE_OK;
}
