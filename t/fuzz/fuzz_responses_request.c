
/*
 * Whatever a client sends as a request for a response, either a fault comes
 * out that names a field of the public API, or a Messages body of known
 * fields, and what the response tells of the request is JSON on one line.
 */

#include "claude_responses.h"

#include "dialect_request.h"


static claude_rc_t
on_token(void *ctx, const claude_json_token_t *token)
{
    static const char *const  more[] = { "thinking", "signature", NULL };

    return on_field(ctx, token, more);
}


static claude_rc_t
any_token(void *ctx, const claude_json_token_t *token)
{
    (void) ctx;
    (void) token;

    return CLAUDE_OK;
}


/* the first events of a stream that fails at once */

static void
check_response(claude_mem_t *mem, const claude_request_t *request)
{
    claude_out_t          out;
    claude_str_t          event;
    claude_reply_t        reply;
    unsigned char        *text, *p, *end, *eol;
    claude_json_error_t   error;

    static const claude_str_t  id = claude_string("id");

    claude_out_init(&out, mem, 1 << 26);

    check(claude_reply_init(&reply, mem, &claude_responses, request, &id, 1)
          == CLAUDE_OK);

    event.data = (const unsigned char *)
                 "{\"type\":\"message_start\",\"message\":{}}";
    event.len = strlen((const char *) event.data);

    check(claude_reply_feed(&reply, &claude_responses, &event, &out)
          == CLAUDE_OK);

    reply.fault.err = CLAUDE_ERR_UPSTREAM;
    claude_responses.stream_error(&reply, &reply.fault, &out);

    text = malloc(out.size + 1);
    claude_out_copy(&out, text);
    end = text + out.size;

    for (p = text; p < end; p = eol + 1) {
        eol = memchr(p, '\n', end - p);
        check(eol);

        if (eol > p && memcmp(p, "event: ", 7) != 0) {
            check(memcmp(p, "data: ", 6) == 0);
            check(memchr(p, '\r', eol - p) == NULL);
            check(claude_json_read(p + 6, eol - p - 6, any_token, NULL,
                                   &error) == CLAUDE_OK);
        }
    }

    free(text);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pool_t            pool;
    claude_request_t  request;

    pool_init(&pool, 64 * size + (1 << 20));

    if (check_request(&claude_responses, &pool.mem, data, size, on_token,
                      &request))
    {
        check_response(&pool.mem, &request);
    }

    pool_free(&pool);

    return 0;
}
