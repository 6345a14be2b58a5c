
/*
 * An upstream's whole stream to an answer of a dialect.  However it is cut, the
 * client gets the same, and a document is JSON.  The first byte of the input
 * chooses the kind of answer, 1 of it that it is streamed; the second where
 * the rest is cut.
 */


#ifndef CLAUDE_FUZZ_DIALECT_REPLY_H
#define CLAUDE_FUZZ_DIALECT_REPLY_H


#include <stdlib.h>
#include <string.h>

#include "../unit/pool.h"

#include "claude_dialect.h"
#include "claude_json_reader.h"
#include "claude_sse.h"


#define OUT_MAX  (4 * 1024 * 1024)

#define check(cond)  do { if (!(cond)) { abort(); } } while (0)

typedef struct {
    unsigned char           *data;
    size_t                   len;
    unsigned                 complete;
} answer_t;

typedef struct {
    claude_request_t         request;
    claude_reply_t           reply;
    claude_sse_t             sse;
    claude_out_t             out;
    claude_rc_t              rc;
} call_t;

typedef struct {
    const claude_dialect_t  *dialect;

    /* what of a request the first byte chooses, but for its model and whether
     * it is streamed */
    void                   (*request)(claude_request_t *request,
                                unsigned kind);

    void                   (*check_stream)(const answer_t *answer);

    /* JSON of the upstream is passed on as it is: there may be line breaks in
     * a document, and one that can't be had of an answer that is whole */
    unsigned                 raw:1;
} target_t;


static claude_rc_t
ignore(void *ctx, const claude_json_token_t *token)
{
    (void) ctx;
    (void) token;

    return CLAUDE_OK;
}


static void
check_json(const unsigned char *data, size_t len)
{
    claude_json_error_t  error;

    check(claude_json_read(data, len, ignore, NULL, &error) == CLAUDE_OK);
}


/* on one line */

static void
check_line(const unsigned char *data, size_t len)
{
    check(memchr(data, '\n', len) == NULL && memchr(data, '\r', len) == NULL);
    check_json(data, len);
}


static void
feed(call_t *call, const claude_dialect_t *dialect, const unsigned char *data,
    size_t len)
{
    claude_out_t         *out;
    unsigned char        *piece;
    const unsigned char  *p;

    piece = malloc(len ? len : 1);
    memcpy(piece, data, len);

    p = piece;
    out = call->request.stream ? &call->out : NULL;

    while (call->rc == CLAUDE_OK) {
        call->rc = claude_reply_next(&call->reply, dialect, &call->sse, &p,
                                     piece + len, out);
    }

    if (call->rc == CLAUDE_AGAIN) {
        call->rc = CLAUDE_OK;
    }

    memset(piece, '#', len);
    free(piece);
}


static void
finish(call_t *call, const target_t *target)
{
    claude_fault_t  *fault;

    fault = &call->reply.fault;

    if (call->reply.complete) {
        check(call->rc == CLAUDE_OK && fault->err == CLAUDE_ERR_NONE);

    } else {
        check(call->rc == CLAUDE_OK || fault->err != CLAUDE_ERR_NONE);
    }

    if (call->reply.complete && !call->request.stream
        && target->dialect->document(&call->reply, &call->out) != CLAUDE_OK)
    {
        check(target->raw && call->out.size == 0);
        fault->err = CLAUDE_ERR_INTERNAL;
    }

    if (!call->reply.complete && call->request.stream) {
        target->dialect->stream_error(&call->reply, fault, &call->out);

    } else if (!call->reply.complete || fault->err != CLAUDE_ERR_NONE) {
        target->dialect->error(fault, &call->out);
    }

    check(call->out.rc == CLAUDE_OK);
}


static answer_t
answer(const target_t *target, const unsigned char *data, size_t len,
    size_t cut, unsigned kind)
{
    call_t    call;
    pool_t    pool;
    answer_t  answer;

    static const claude_str_t  id = claude_string("id");
    static const claude_str_t  model = claude_string("\"\n\xff\xe2\x80\xa8");

    memset(&call, 0, sizeof(call_t));
    call.request.model = model;
    call.request.stream = kind & 1;
    target->request(&call.request, kind);

    pool_init(&pool, 8 * OUT_MAX);
    claude_sse_init(&call.sse, &pool.mem);
    claude_out_init(&call.out, &pool.mem, OUT_MAX);

    check(claude_reply_init(&call.reply, &pool.mem, target->dialect,
                            &call.request, &id, 1)
          == CLAUDE_OK);

    feed(&call, target->dialect, data, cut);
    feed(&call, target->dialect, data + cut, len - cut);
    finish(&call, target);

    answer.complete = call.reply.complete;
    answer.len = call.out.size;
    answer.data = malloc(answer.len + 1);
    claude_out_copy(&call.out, answer.data);

    pool_free(&pool);

    return answer;
}


static int
check_reply(const target_t *target, const uint8_t *data, size_t size)
{
    size_t    cut;
    answer_t  whole, parts;

    if (size < 2 || size > 65536) {
        return 0;
    }

    cut = (size - 2) * data[1] / 255;

    whole = answer(target, data + 2, size - 2, 0, data[0]);
    parts = answer(target, data + 2, size - 2, cut, data[0]);

    check(whole.len == parts.len && whole.complete == parts.complete);
    check(memcmp(whole.data, parts.data, whole.len) == 0);

    if (data[0] & 1) {
        target->check_stream(&whole);

    } else if (target->raw) {
        check_json(whole.data, whole.len);

    } else {
        check_line(whole.data, whole.len);
    }

    free(whole.data);
    free(parts.data);

    return 0;
}


#endif /* CLAUDE_FUZZ_DIALECT_REPLY_H */
