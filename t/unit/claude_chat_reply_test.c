
/*
 * Chat answers against golden files.  t/golden/reply/NAME.sse is what the
 * upstream sends; beside it lies what the client gets:
 *
 *   NAME.stream   with "stream": true
 *   NAME.usage    and with "stream_options": {"include_usage": true}
 *   NAME.json     without
 *
 * In NAME.sse that begins with tools the client has declared some, where it
 * begins with functions in the old way.
 *
 * A first line such as "503 x-should-retry: false" stands for a status other
 * than 200, which a stream can only have before its first byte.  Each is
 * compared whole, for every cut of the input in two, and byte by byte.
 */

#include "tap.h"
#include "pool.h"

#include <glob.h>

#include "claude_chat.h"
#include "claude_sse.h"


#define GOLDEN   "t/golden/reply/"
#define OUT_MAX  65536


typedef struct {
    unsigned char   *data;
    size_t           len;
} file_t;

typedef struct {
    const char      *suffix;
    unsigned         stream;
    unsigned         include_usage;
    unsigned         tools;
    unsigned         functions;
} variant_t;

typedef struct {
    pool_t           pool;
    claude_request_t request;
    claude_reply_t   reply;
    claude_sse_t     sse;
    claude_out_t     out;
    claude_rc_t      rc;

    claude_chat_facts_t  facts;
} call_t;


static void golden(const char *input);
static void cuts(const char *name, const file_t *input,
    const variant_t *variant);
static file_t answer(const file_t *input, size_t cut, const variant_t *variant);
static void start(call_t *call, const variant_t *variant);
static void feed(call_t *call, const unsigned char *data, size_t len);
static void finish(call_t *call);
static void failed(call_t *call);
static int begins(const char *path, const char *prefix);
static file_t slurp(const char *path);


static const variant_t  variants[] = {
    { "stream", 1, 0, 0, 0 },
    { "usage", 1, 1, 0, 0 },
    { "json", 0, 0, 0, 0 }
};


int
main(void)
{
    size_t  i;
    glob_t  found;

    if (glob(GOLDEN "*.sse", 0, NULL, &found) != 0) {
        bail("no golden files in " GOLDEN);
    }

    for (i = 0; i < found.gl_pathc; i++) {
        golden(found.gl_pathv[i]);
    }

    globfree(&found);

    return done_testing();
}


static void
golden(const char *path)
{
    int        len;
    char       name[256];
    size_t     i;
    file_t     input, expected, got;
    variant_t  variant;

    len = (int) strlen(path) - 4;
    input = slurp(path);

    for (i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
        variant = variants[i];
        variant.functions = begins(path, "functions");
        variant.tools = begins(path, "tools") || variant.functions;

        snprintf(name, sizeof(name), "%.*s.%s", len, path, variant.suffix);

        expected = slurp(name);
        got = answer(&input, input.len, &variant);

        is_mem(got.data, got.len, expected.data, expected.len, "%s", name);
        cuts(name, &input, &variant);

        free(expected.data);
        free(got.data);
    }

    free(input.data);
}


static void
cuts(const char *name, const file_t *input, const variant_t *variant)
{
    int     same;
    size_t  cut;
    file_t  whole, got;

    whole = answer(input, input->len, variant);
    same = 1;

    for (cut = 0; same && cut <= input->len + 1; cut++) {
        got = answer(input, cut, variant);

        if (got.len != whole.len
            || memcmp(got.data, whole.data, got.len) != 0)
        {
            note("cut at %zu", cut);
            same = 0;
        }

        free(got.data);
    }

    free(whole.data);

    ok(same, "%s, however it is cut", name);
}


/* a cut behind the end means byte by byte */

static file_t
answer(const file_t *input, size_t cut, const variant_t *variant)
{
    size_t  i;
    call_t  call;
    file_t  got;

    start(&call, variant);

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


static void
start(call_t *call, const variant_t *variant)
{
    static const claude_str_t  id = claude_string("0123456789");
    static const claude_str_t  model = claude_string("a \"model\"");

    memset(call, 0, sizeof(call_t));

    pool_init(&call->pool, 4 * OUT_MAX);
    claude_sse_init(&call->sse, &call->pool.mem);
    claude_out_init(&call->out, &call->pool.mem, OUT_MAX);

    call->request.model = model;
    call->request.stream = variant->stream;
    call->request.include_usage = variant->include_usage;
    call->request.tools = variant->tools;
    call->request.own = &call->facts;
    call->facts.functions = variant->functions;

    if (claude_reply_init(&call->reply, &call->pool.mem, &claude_chat,
                          &call->request, &id, 1700000000)
        != CLAUDE_OK)
    {
        bail("claude_reply_init() failed");
    }
}


/* the bytes are gone afterwards: nothing may point to them */

static void
feed(call_t *call, const unsigned char *data, size_t len)
{
    claude_out_t         *out;
    claude_str_t          event;
    unsigned char        *piece;
    const unsigned char  *p;

    piece = malloc(len ? len : 1);
    memcpy(piece, data, len);

    p = piece;
    out = call->request.stream ? &call->out : NULL;

    while (call->rc == CLAUDE_OK
           && claude_sse_next(&call->sse, &p, piece + len, &event)
              == CLAUDE_OK)
    {
        call->rc = claude_reply_feed(&call->reply, &claude_chat, &event, out);
    }

    memset(piece, '#', len);
    free(piece);
}


static void
finish(call_t *call)
{
    if (call->rc == CLAUDE_OK && !call->reply.complete) {
        call->reply.fault.err = CLAUDE_ERR_UPSTREAM;
        call->reply.fault.begun = call->reply.started;
        call->rc = CLAUDE_INVALID;
    }

    if (call->rc != CLAUDE_OK) {
        failed(call);

    } else if (!call->request.stream) {
        if (claude_chat_document(&call->reply, &call->out) != CLAUDE_OK) {
            bail("no document of a complete reply");
        }

        claude_out_literal(&call->out, "\n");
    }
}


static void
failed(call_t *call)
{
    char             line[64];
    claude_fault_t  *fault;

    fault = &call->reply.fault;

    if (call->out.size) {
        claude_chat.stream_error(&call->reply, fault, &call->out);
        return;
    }

    snprintf(line, sizeof(line), "%u x-should-retry: %s\n",
             claude_error_status(fault->err),
             claude_fault_retryable(fault) ? "true" : "false");

    claude_out_put(&call->out, line, strlen(line));
    claude_chat.error(fault, &call->out);
    claude_out_literal(&call->out, "\n");
}


static int
begins(const char *path, const char *prefix)
{
    return strncmp(path + sizeof(GOLDEN) - 1, prefix, strlen(prefix)) == 0;
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
