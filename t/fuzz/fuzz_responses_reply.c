
/*
 * An upstream's whole stream to a response.  However it is cut, the client
 * gets the same; every event and document is JSON on one line; events are
 * named and numbered without a gap; the last, and no other, says how it ended.
 * The first byte chooses the kind of answer (streamed, tools declared,
 * thinking shown), the second where the input is cut.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/pool.h"

#include "claude_json_reader.h"
#include "claude_responses.h"
#include "claude_sse.h"


#define OUT_MAX  (4 * 1024 * 1024)


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

    claude_responses_name_t   name;
    claude_responses_facts_t  facts;
} call_t;


static answer_t answer(const unsigned char *data, size_t len, size_t cut,
    unsigned kind);
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

    whole = answer(data + 2, size - 2, 0, data[0]);
    parts = answer(data + 2, size - 2, cut, data[0]);

    if (whole.len != parts.len || whole.complete != parts.complete
        || (whole.len && memcmp(whole.data, parts.data, whole.len) != 0))
    {
        abort();
    }

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
answer(const unsigned char *data, size_t len, size_t cut, unsigned kind)
{
    call_t    call;
    pool_t    pool;
    answer_t  answer;

    static const claude_str_t  id = claude_string("id");
    static const claude_str_t  flat = claude_string("f");
    static const claude_str_t  model = claude_string("\"\n\xff\xe2\x80\xa8");

    memset(&call, 0, sizeof(call_t));
    call.request.model = model;
    call.request.stream = kind & 1;
    call.request.tools = (kind & 2) != 0;

    if (kind & 4) {
        call.name.flat = flat;
        call.name.space = flat;
        call.name.name = flat;
        call.facts.names = &call.name;
        call.facts.summary = 1;
        call.request.own = &call.facts;
    }

    pool_init(&pool, 8 * OUT_MAX);
    claude_sse_init(&call.sse, &pool.mem);
    claude_out_init(&call.out, &pool.mem, OUT_MAX);

    if (claude_reply_init(&call.reply, &pool.mem, &claude_responses,
                          &call.request, &id, 1)
        != CLAUDE_OK)
    {
        abort();
    }

    feed(&call, data, cut);
    feed(&call, data + cut, len - cut);

    if (call.reply.complete
        ? (call.rc != CLAUDE_OK || call.reply.fault.err != CLAUDE_ERR_NONE)
        : (call.rc != CLAUDE_OK && call.reply.fault.err == CLAUDE_ERR_NONE))
    {
        abort();
    }

    if (!call.reply.complete) {
        if (call.request.stream) {
            claude_responses.stream_error(&call.reply, &call.reply.fault,
                                     &call.out);

        } else {
            claude_responses.error(&call.reply.fault, &call.out);
        }

    } else if (!call.request.stream
               && claude_responses_document(&call.reply, &call.out)
                  != CLAUDE_OK)
    {
        abort();
    }

    if (call.out.rc != CLAUDE_OK) {
        abort();
    }

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
        call->rc = claude_reply_feed(&call->reply, &claude_responses, &event,
                                     call->request.stream ? &call->out
                                                          : NULL);
    }

    memset(piece, '#', len);
    free(piece);
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

        check_json(p + 6, eol - p - 6);
    }

    if (!last || failed == answer->complete) {
        abort();
    }
}


static void
check_json(const unsigned char *data, size_t len)
{
    claude_json_error_t  error;

    if (memchr(data, '\n', len) || memchr(data, '\r', len)
        || claude_json_read(data, len, ignore, NULL, &error) != CLAUDE_OK)
    {
        abort();
    }
}


static claude_rc_t
ignore(void *ctx, const claude_json_token_t *token)
{
    (void) ctx;
    (void) token;

    return CLAUDE_OK;
}
