
/*
 * Answers of a dialect against golden files.  NAME.sse is what the upstream
 * sends; beside it lies what the client gets, one file for each variant of the
 * request.  Each is compared whole, for every cut of the input in two, and
 * byte by byte.  A first line that begins with a number stands for a status
 * other than 200, which a stream can only have before its first byte.
 */


#ifndef CLAUDE_TEST_GOLDEN_REPLY_H
#define CLAUDE_TEST_GOLDEN_REPLY_H


#include "tap.h"
#include "pool.h"

#include <glob.h>

#include "claude_dialect.h"
#include "claude_sse.h"


#define OUT_MAX  65536


typedef struct {
    unsigned char           *data;
    size_t                   len;
} file_t;

typedef struct {
    const char              *suffix;    /* NULL: there are no more */
    unsigned                 stream;
    unsigned                 include_usage;
} variant_t;

typedef struct {
    pool_t                   pool;
    claude_request_t         request;
    claude_reply_t           reply;
    claude_sse_t             sse;
    claude_out_t             out;
    claude_rc_t              rc;
} call_t;

typedef struct {
    const claude_dialect_t  *dialect;
    const char              *dir;       /* "…/" */
    const variant_t         *variants;

    /* the request that NAME.sse answers, but for what the variant says;
     * memory is the call's pool */
    void                   (*request)(call_t *call, const char *name);

    unsigned                 retry:1;   /* the status is followed by what
                                         * x-should-retry says */
} golden_t;


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


static void
start(call_t *call, const golden_t *golden, const char *path,
    const variant_t *variant)
{
    static const claude_str_t  id = claude_string("0123456789");

    memset(call, 0, sizeof(call_t));

    pool_init(&call->pool, 4 * OUT_MAX);
    claude_sse_init(&call->sse, &call->pool.mem);
    claude_out_init(&call->out, &call->pool.mem, OUT_MAX);

    golden->request(call, path + strlen(golden->dir));
    call->request.stream = variant->stream;
    call->request.include_usage = variant->include_usage;

    if (claude_reply_init(&call->reply, &call->pool.mem, golden->dialect,
                          &call->request, &id, 1700000000)
        != CLAUDE_OK)
    {
        bail("claude_reply_init() failed");
    }
}


/* the bytes are gone afterwards: nothing may point to them */

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
failed(call_t *call, const golden_t *golden)
{
    char             line[64];
    claude_fault_t  *fault;

    fault = &call->reply.fault;

    if (call->out.size) {
        golden->dialect->stream_error(&call->reply, fault, &call->out);
        return;
    }

    snprintf(line, sizeof(line), "%u%s%s\n", claude_error_status(fault->err),
             golden->retry ? " x-should-retry: " : "",
             !golden->retry ? "" :
             claude_fault_retryable(fault) ? "true" : "false");

    claude_out_put(&call->out, line, strlen(line));
    golden->dialect->error(fault, &call->out);
    claude_out_literal(&call->out, "\n");
}


static void
finish(call_t *call, const golden_t *golden)
{
    claude_fault_t  *fault;

    static const claude_str_t  request_id = claude_string("7f");

    fault = &call->reply.fault;
    fault->request_id = request_id;

    if (call->rc == CLAUDE_OK && !call->reply.complete) {
        fault->err = CLAUDE_ERR_UPSTREAM;
        fault->begun = call->reply.started;
        call->rc = CLAUDE_INVALID;
    }

    if (call->rc == CLAUDE_OK && !call->request.stream) {
        call->rc = golden->dialect->document(&call->reply, &call->out);

        if (call->rc == CLAUDE_OK) {
            claude_out_literal(&call->out, "\n");

        } else {
            fault->err = CLAUDE_ERR_INTERNAL;
        }
    }

    if (call->rc != CLAUDE_OK) {
        failed(call, golden);
    }
}


/* a cut behind the end means byte by byte */

static file_t
answer(const golden_t *golden, const char *path, const variant_t *variant,
    const file_t *input, size_t cut)
{
    size_t  i;
    call_t  call;
    file_t  got;

    start(&call, golden, path, variant);

    if (cut <= input->len) {
        feed(&call, golden->dialect, input->data, cut);
        feed(&call, golden->dialect, input->data + cut, input->len - cut);

    } else {
        for (i = 0; i < input->len; i++) {
            feed(&call, golden->dialect, input->data + i, 1);
        }
    }

    finish(&call, golden);

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
check_variant(const golden_t *golden, const char *path,
    const variant_t *variant)
{
    int     same;
    char    name[256];
    size_t  cut;
    file_t  input, expected, whole, got;

    snprintf(name, sizeof(name), "%.*s.%s", (int) strlen(path) - 4, path,
             variant->suffix);

    input = slurp(path);
    expected = slurp(name);
    whole = answer(golden, path, variant, &input, input.len);

    is_mem(whole.data, whole.len, expected.data, expected.len, "%s", name);

    same = 1;

    for (cut = 0; same && cut <= input.len + 1; cut++) {
        got = answer(golden, path, variant, &input, cut);

        if (got.len != whole.len
            || memcmp(got.data, whole.data, got.len) != 0)
        {
            note("cut at %zu", cut);
            same = 0;
        }

        free(got.data);
    }

    ok(same, "%s, however it is cut", name);

    free(input.data);
    free(expected.data);
    free(whole.data);
}


static void
golden_files(const golden_t *golden)
{
    char              pattern[256];
    size_t            i;
    glob_t            found;
    const variant_t  *variant;

    snprintf(pattern, sizeof(pattern), "%s*.sse", golden->dir);

    if (glob(pattern, 0, NULL, &found) != 0) {
        bail("nothing matches %s", pattern);
    }

    for (i = 0; i < found.gl_pathc; i++) {
        for (variant = golden->variants; variant->suffix; variant++) {
            check_variant(golden, found.gl_pathv[i], variant);
        }
    }

    globfree(&found);
}


#endif /* CLAUDE_TEST_GOLDEN_REPLY_H */
