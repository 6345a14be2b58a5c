
/*
 * Messages answers against golden files.  t/golden/messages_reply/NAME.sse is
 * what the upstream sends; beside it lies what the client gets:
 *
 *   NAME.stream   with "stream": true
 *   NAME.json     without
 *
 * A first line "503" stands for a status other than 200, which a stream can
 * only have before its first byte.  Each is compared whole, for every cut of
 * the input in two, and byte by byte.
 */

#include "tap.h"
#include "pool.h"

#include <glob.h>

#include "claude_messages.h"
#include "claude_sse.h"


#define GOLDEN   "t/golden/messages_reply/"
#define OUT_MAX  65536


typedef struct {
    unsigned char   *data;
    size_t           len;
} file_t;

typedef struct {
    pool_t           pool;
    claude_request_t request;
    claude_reply_t   reply;
    claude_sse_t     sse;
    claude_out_t     out;
    claude_rc_t      rc;
} call_t;


static void golden(const char *input, unsigned stream);
static file_t answer(const file_t *input, size_t cut, unsigned stream);
static void feed(call_t *call, const unsigned char *data, size_t len);
static void finish(call_t *call);
static file_t slurp(const char *path);
static void bound(void);


int
main(void)
{
    size_t  i;
    glob_t  found;

    if (glob(GOLDEN "*.sse", 0, NULL, &found) != 0) {
        bail("no golden files in " GOLDEN);
    }

    for (i = 0; i < found.gl_pathc; i++) {
        golden(found.gl_pathv[i], 1);
        golden(found.gl_pathv[i], 0);
    }

    globfree(&found);

    bound();

    return done_testing();
}


static void
golden(const char *path, unsigned stream)
{
    char    name[256];
    size_t  cut;
    file_t  input, expected, got;

    input = slurp(path);

    snprintf(name, sizeof(name), "%.*s.%s", (int) strlen(path) - 4, path,
             stream ? "stream" : "json");

    expected = slurp(name);
    got = answer(&input, input.len, stream);

    is_mem(got.data, got.len, expected.data, expected.len, "%s", name);

    /* a cut behind the end means byte by byte */

    for (cut = 0; cut <= input.len + 1; cut++) {
        free(expected.data);
        expected = answer(&input, cut, stream);

        if (got.len != expected.len
            || memcmp(got.data, expected.data, got.len) != 0)
        {
            break;
        }
    }

    is(cut, input.len + 2, "%s, however it is cut", name);

    free(input.data);
    free(expected.data);
    free(got.data);
}


static file_t
answer(const file_t *input, size_t cut, unsigned stream)
{
    size_t  i;
    call_t  call;
    file_t  got;

    static const claude_str_t  id = claude_string("0123456789");
    static const claude_str_t  model = claude_string("a \"model\"");

    memset(&call, 0, sizeof(call_t));

    pool_init(&call.pool, 4 * OUT_MAX);
    claude_sse_init(&call.sse, &call.pool.mem);
    claude_out_init(&call.out, &call.pool.mem, OUT_MAX);

    call.request.model = model;
    call.request.stream = stream;

    if (claude_reply_init(&call.reply, &call.pool.mem, &claude_messages,
                          &call.request, &id, 1700000000)
        != CLAUDE_OK)
    {
        bail("claude_reply_init() failed");
    }

    if (cut <= input->len) {
        feed(&call, input->data, cut);
        feed(&call, input->data + cut, input->len - cut);

    } else {
        for (i = 0; i < input->len; i++) {
            feed(&call, input->data + i, 1);
        }
    }

    finish(&call);

    if (call.out.rc != CLAUDE_OK) {
        bail("the output failed");
    }

    got.len = call.out.size;
    got.data = malloc(got.len + 1);
    claude_out_copy(&call.out, got.data);

    pool_free(&call.pool);

    return got;
}


/* the bytes are gone afterwards: nothing may point to them */

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


static void
finish(call_t *call)
{
    char             line[64];
    claude_fault_t  *fault;

    static const claude_str_t  request_id = claude_string("7f");

    fault = &call->reply.fault;
    fault->request_id = request_id;

    if (call->rc == CLAUDE_OK && !call->reply.complete) {
        fault->err = CLAUDE_ERR_UPSTREAM;
    }

    if (call->reply.complete && !call->request.stream
        && claude_messages_document(&call->reply, &call->out) != CLAUDE_OK)
    {
        fault->err = CLAUDE_ERR_INTERNAL;
    }

    if (fault->err == CLAUDE_ERR_NONE) {
        if (!call->request.stream) {
            claude_out_literal(&call->out, "\n");
        }

        return;
    }

    if (call->out.size) {
        claude_messages.stream_error(&call->reply, fault, &call->out);
        return;
    }

    snprintf(line, sizeof(line), "%u\n", claude_error_status(fault->err));

    claude_out_put(&call->out, line, strlen(line));
    claude_messages.error(fault, &call->out);
    claude_out_literal(&call->out, "\n");
}


static file_t
slurp(const char *path)
{
    FILE    *f;
    file_t   file;

    file.data = malloc(OUT_MAX);
    file.len = 0;

    f = fopen(path, "rb");

    if (f == NULL) {
        note("%s can't be opened", path);
        return file;
    }

    file.len = fread(file.data, 1, OUT_MAX, f);
    fclose(f);

    return file;
}


/* a whole answer is gathered up to a bound */

static void
bound(void)
{
    char              *text;
    size_t             i, len;
    pool_t             pool;
    claude_rc_t        rc;
    claude_str_t       data;
    claude_reply_t     reply;
    claude_request_t   request;

    static const claude_str_t  id = claude_string("id");

    static const claude_str_t  begin[] = {
        claude_string("{\"type\":\"message_start\",\"message\":{}}"),
        claude_string("{\"type\":\"content_block_start\",\"index\":0,"
                      "\"content_block\":{\"type\":\"tool_use\",\"id\":\"i\","
                      "\"name\":\"n\",\"input\":{}}}")
    };

    memset(&request, 0, sizeof(claude_request_t));
    pool_init(&pool, 4 * CLAUDE_REPLY_MAX);

    claude_reply_init(&reply, &pool.mem, &claude_messages, &request, &id, 0);
    claude_reply_feed(&reply, &claude_messages, &begin[0], NULL);
    claude_reply_feed(&reply, &claude_messages, &begin[1], NULL);

    text = malloc(1 << 20);
    len = sprintf(text, "{\"type\":\"content_block_delta\",\"index\":0,"
                        "\"delta\":{\"type\":\"input_json_delta\","
                        "\"partial_json\":\"");
    memset(text + len, 'x', (1 << 19));
    len += 1 << 19;
    len += sprintf(text + len, "\"}}");

    data.data = (unsigned char *) text;
    data.len = len;
    rc = CLAUDE_OK;

    for (i = 0; i < 64 && rc == CLAUDE_OK; i++) {
        rc = claude_reply_feed(&reply, &claude_messages, &data, NULL);
    }

    is(rc, CLAUDE_TOO_LARGE, "an answer that is too large");
    is(i, 32, "is one of 16 MB");
    is(reply.fault.err, CLAUDE_ERR_UPSTREAM, "and upstream's fault");

    free(text);
    pool_free(&pool);
}
