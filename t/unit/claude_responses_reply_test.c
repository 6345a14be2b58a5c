
/*
 * Responses against golden files.  t/golden/responses/NAME.sse is what the
 * upstream sends; beside it lies what the client gets, NAME.stream with
 * "stream": true and NAME.json without.  Each is compared whole, for every cut
 * of the input in two, and byte by byte.  A first line such as "503
 * x-should-retry: false" stands for a status other than 200.
 */

#include "tap.h"
#include "pool.h"

#include <glob.h>

#include "claude_responses.h"
#include "claude_sse.h"


#define GOLDEN   "t/golden/responses/"
#define OUT_MAX  65536


typedef struct {
    unsigned char   *data;
    size_t           len;
} file_t;

typedef struct {
    const char      *suffix;
    unsigned         stream;
} variant_t;

typedef struct {
    pool_t           pool;
    claude_request_t request;
    claude_reply_t   reply;
    claude_sse_t     sse;
    claude_out_t     out;
    claude_rc_t      rc;
} call_t;


static void golden(const char *input);
static void cuts(const char *name, const file_t *input,
    const variant_t *variant);
static file_t answer(const file_t *input, size_t cut, const variant_t *variant);
static void start(call_t *call, const variant_t *variant);
static void feed(call_t *call, const unsigned char *data, size_t len);
static void finish(call_t *call);
static void failed(call_t *call);
static file_t slurp(const char *path);


static const variant_t  variants[] = {
    { "stream", 1 },
    { "json", 0 }
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
    int     len;
    char    name[256];
    size_t  i;
    file_t  input, expected, got;

    len = (int) strlen(path) - 4;
    input = slurp(path);

    for (i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
        snprintf(name, sizeof(name), "%.*s.%s", len, path, variants[i].suffix);

        expected = slurp(name);
        got = answer(&input, input.len, &variants[i]);

        is_mem(got.data, got.len, expected.data, expected.len, "%s", name);
        cuts(name, &input, &variants[i]);

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
    claude_out_t    messages;
    claude_fault_t  fault;

    static const claude_str_t  id = claude_string("0123456789");

    static const claude_model_t   alias = {
        claude_string("opus"), claude_string("claude-opus-5-5")
    };
    static const claude_models_t  models = { &alias, 1, 0 };
    static const unsigned char    body[] =
        "{\"model\":\"opus\",\"instructions\":\"I\\n\","
        "\"metadata\":{\r\n  \"a\": \"b c\"},"
        "\"reasoning\":{\"summary\":\"auto\"},\"input\":\"hi\","
        "\"tools\":[{\"type\":\"namespace\",\"name\":\"s\","
        "\"tools\":[{\"name\":\"get\"}]},\n"
        "{\"type\":\"function\",\"name\":\"put\"}],\"store\":false,"
        "\"max_output_tokens\":64,\"parallel_tool_calls\":true}";

    memset(call, 0, sizeof(call_t));

    pool_init(&call->pool, 4 * OUT_MAX);
    claude_sse_init(&call->sse, &call->pool.mem);
    claude_out_init(&call->out, &call->pool.mem, OUT_MAX);

    claude_out_init(&messages, &call->pool.mem, OUT_MAX);

    if (claude_responses_request(&call->pool.mem, body, sizeof(body) - 1,
                                 &models, &messages, &call->request, &fault)
        != CLAUDE_OK)
    {
        bail("the request is not taken");
    }

    call->request.stream = variant->stream;

    if (claude_reply_init(&call->reply, &call->pool.mem, &claude_responses,
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
        call->rc = claude_reply_feed(&call->reply, &claude_responses, &event,
                                     out);
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
        if (claude_responses_document(&call->reply, &call->out) != CLAUDE_OK) {
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
        claude_responses.stream_error(&call->reply, fault, &call->out);
        return;
    }

    snprintf(line, sizeof(line), "%u x-should-retry: %s\n",
             claude_error_status(fault->err),
             claude_fault_retryable(fault) ? "true" : "false");

    claude_out_put(&call->out, line, strlen(line));
    claude_responses.error(fault, &call->out);
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
