
/*
 * Messages requests and what becomes of them, from
 * t/golden/messages/NAME.cases.  A case is three lines, whatever else there is
 * is a comment:
 *
 *   == name of the case
 *   -> the request
 *   <- the Messages body, byte for byte; or
 *   !! code param, of the fault; "-" is no param
 *
 * "~~" instead of "->" is a request to count tokens, of which "<- N" is the
 * estimate.
 */

#include "claude_messages.h"
#include "claude_json_reader.h"

#include "tap.h"
#include "pool.h"

#include <glob.h>


#define CASE_MAX  (64 * 1024)


static void check_file(const char *path);
static void check_case(const char *name, const char *request,
    const char *expected, unsigned counting);
static claude_rc_t any_token(void *ctx, const claude_json_token_t *token);
static void no_memory(void);
static void large(void);


static const claude_model_t  aliases[] = {
    { claude_string("gpt-4o"), claude_string("claude-opus-5-5") }
};

static const claude_models_t  models = { aliases, 1, 1 };


int
main(void)
{
    size_t  i;
    glob_t  found;

    if (glob("t/golden/messages/*.cases", 0, NULL, &found) != 0) {
        bail("no golden files");
    }

    for (i = 0; i < found.gl_pathc; i++) {
        check_file(found.gl_pathv[i]);
    }

    globfree(&found);

    no_memory();
    large();

    return done_testing();
}


static void
check_file(const char *path)
{
    FILE         *file;
    unsigned      counting;
    static char   line[CASE_MAX], name[128], request[CASE_MAX];

    file = fopen(path, "r");
    if (file == NULL) {
        bail("can't open %s", path);
    }

    counting = 0;

    while (fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';

        if (strncmp(line, "== ", 3) == 0) {
            snprintf(name, sizeof(name), "%.120s", line + 3);

        } else if (strncmp(line, "-> ", 3) == 0
                   || strncmp(line, "~~ ", 3) == 0)
        {
            counting = (line[0] == '~');
            strcpy(request, line + 3);

        } else if (strncmp(line, "<- ", 3) == 0
                   || strncmp(line, "!! ", 3) == 0)
        {
            check_case(name, request, line, counting);
        }
    }

    fclose(file);
}


static void
check_case(const char *name, const char *request, const char *expected,
    unsigned counting)
{
    char                 *got;
    size_t                len;
    pool_t                pool;
    claude_rc_t           rc;
    claude_out_t          out;
    claude_fault_t        fault;
    unsigned char        *body;
    claude_request_t      facts;
    claude_json_error_t   error;

    len = strlen(request);
    body = malloc(len ? len : 1);
    memcpy(body, request, len);

    pool_init(&pool, 1 << 22);
    claude_out_init(&out, &pool.mem, 1 << 20);

    rc = (counting ? claude_messages_count_request
                   : claude_messages_request)(&pool.mem, body, len, &models,
                                              &out, &facts, &fault);

    got = malloc(out.size + 256);

    if (rc == CLAUDE_OK && counting) {
        sprintf(got, "<- %llu",
                (unsigned long long) claude_messages_estimate(&facts));

    } else if (rc == CLAUDE_OK) {
        memcpy(got, "<- ", 3);
        claude_out_copy(&out, (unsigned char *) got + 3);
        got[out.size + 3] = '\0';

        if (claude_json_read((unsigned char *) got + 3, out.size, any_token,
                             NULL, &error)
            != CLAUDE_OK)
        {
            ok(0, "%s: JSON", name);
        }

    } else {
        sprintf(got, "!! %s %s", claude_error_code(fault.err),
                fault.param[0] ? fault.param : "-");
    }

    is_str(got, expected, "%s", name);

    free(got);
    free(body);
    pool_free(&pool);
}


static claude_rc_t
any_token(void *ctx, const claude_json_token_t *token)
{
    (void) ctx;
    (void) token;

    return CLAUDE_OK;
}


/* each allocation fails once */

static void
no_memory(void)
{
    size_t            size;
    pool_t            pool;
    claude_rc_t       rc;
    claude_out_t      out;
    claude_fault_t    fault;
    claude_request_t  facts;

    static const char  body[] =
        "{\"model\":\"claude-\\u0073onnet-5-5\",\"max_tokens\":9,"
        "\"system\":\"S\",\"stop_sequences\":[\"a\"],\"tools\":[{\"name\":"
        "\"t\",\"input_schema\":{}}],\"messages\":[{\"role\":\"user\","
        "\"content\":\"A\"},{\"role\":\"assistant\",\"content\":[{\"type\":"
        "\"tool_use\",\"id\":\"\\u0061\",\"name\":\"t\",\"input\":{}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
        "\"tool_use_id\":\"a\",\"content\":\"B\"}]}]}";

    rc = CLAUDE_NO_MEMORY;

    for (size = 0; rc == CLAUDE_NO_MEMORY && size < 1 << 20; size += 64) {
        pool_init(&pool, size);
        claude_out_init(&out, &pool.mem, 1 << 20);

        rc = claude_messages_request(&pool.mem, (unsigned char *) body,
                                     sizeof(body) - 1, &models, &out, &facts,
                                     &fault);
        pool_free(&pool);
    }

    is(rc, CLAUDE_OK, "without memory there is no body, and no other harm");
    ok(size < 32768, "and little of it is enough: %zu bytes", size);
}


static void
large(void)
{
    char              *p, *body;
    size_t             i, len;
    pool_t             pool;
    claude_rc_t        rc;
    claude_out_t       out;
    claude_fault_t     fault;
    claude_request_t   facts;

    body = malloc(1000 * 100 + 128);
    p = body + sprintf(body, "{\"model\":\"opus\",\"max_tokens\":1,"
                             "\"messages\":[");

    for (i = 0; i < 1000; i++) {
        p += sprintf(p, "{\"content\":\"x\",\"role\":\"user\"},"
                        "{\"content\":\"x\",\"role\":\"assistant\"},");
    }

    p += sprintf(p, "{\"content\":\"x\",\"role\":\"user\"}]}");
    len = (size_t) (p - body);

    pool_init(&pool, 8 * len + 32768);
    claude_out_init(&out, &pool.mem, 1 << 22);

    rc = claude_messages_request(&pool.mem, (unsigned char *) body, len,
                                 &models, &out, &facts, &fault);

    is(rc, CLAUDE_OK, "2001 messages");
    ok(out.size < 2 * len, "%zu bytes become %zu", len, out.size);
    ok(pool.used < 2 * len + 100 * 2001 + 16384,
       "with %zu bytes of memory", pool.used);

    pool_free(&pool);
    free(body);
}
