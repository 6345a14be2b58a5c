
/*
 * An upstream's whole stream to a chat answer.  However it is cut, the client
 * gets the same; every chunk and document is JSON on one line; [DONE] comes
 * once, at the end, and only of an answer that is whole.  The first byte
 * chooses the kind of answer (streamed, with usage, tools declared, the old
 * way), the second where the input is cut.
 */

#include <stdlib.h>
#include <string.h>

#include "../unit/pool.h"

#include "claude_chat.h"
#include "claude_json_reader.h"
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

    claude_chat_facts_t  facts;
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
    static const claude_str_t  model = claude_string("\"\n\xff\xe2\x80\xa8");

    memset(&call, 0, sizeof(call_t));
    call.request.model = model;
    call.request.stream = kind & 1;
    call.request.include_usage = (kind & 2) != 0;
    call.request.tools = (kind & 4) != 0;
    call.request.own = &call.facts;
    call.facts.functions = (kind & 8) != 0;

    pool_init(&pool, 8 * OUT_MAX);
    claude_sse_init(&call.sse, &pool.mem);
    claude_out_init(&call.out, &pool.mem, OUT_MAX);

    if (claude_reply_init(&call.reply, &pool.mem, &claude_chat, &call.request,
                          &id, 1)
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
            claude_chat.stream_error(&call.reply, &call.reply.fault,
                                     &call.out);

        } else {
            claude_chat.error(&call.reply.fault, &call.out);
        }

    } else if (!call.request.stream
               && claude_chat_document(&call.reply, &call.out) != CLAUDE_OK)
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
        call->rc = claude_reply_feed(&call->reply, &claude_chat, &event,
                                     call->request.stream ? &call->out : NULL);
    }

    memset(piece, '#', len);
    free(piece);
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
            check_json(p + 6, len - 6);

        } else {
            abort();
        }
    }

    if (done != answer->complete) {
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
