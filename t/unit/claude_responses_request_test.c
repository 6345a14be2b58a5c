
/*
 * Requests for responses and what becomes of them, from
 * t/golden/responses/NAME.cases.  A case is three lines, whatever else there
 * is is a comment:
 *
 *   == name of the case
 *   -> the request
 *   <- the Messages body, byte for byte; or
 *   !! code param, of the fault; "-" is no param; @N is the JSON's offset
 */

#include "claude_responses.h"
#include "claude_json_reader.h"

#include "tap.h"

#include <glob.h>


#define CASE_MAX  (64 * 1024)


typedef struct {
    char                   name[128];
    char                   request[CASE_MAX];
    char                   expected[CASE_MAX];
} golden_t;


/* all memory of a case, each piece a block of its own so that a sanitizer
 * sees its bounds; left: allocations up to the one that fails */

typedef struct {
    void                  *blocks[4096];
    size_t                 nblocks;
    size_t                 size;
    size_t                 left;
} arena_t;


typedef struct {
    arena_t                arena;
    claude_mem_t           mem;
    claude_out_t           out;
    claude_request_t       request;
    claude_fault_t         fault;
    claude_rc_t            rc;
} call_t;


static const claude_model_t  aliases[] = {
    { claude_string("gpt-4o"), claude_string("claude-opus-5-5") },
    { claude_string("haiku"), claude_string("claude-haiku-4-5") }
};

static const claude_models_t  models = { aliases, 2, 1 };


static void *
arena_alloc(void *ctx, size_t size)
{
    void     *p;
    arena_t  *arena;

    arena = ctx;

    if (arena->left-- == 0 || arena->nblocks == 4096) {
        return NULL;
    }

    p = malloc(size);
    arena->size += size;
    arena->blocks[arena->nblocks++] = p;

    return p;
}


static void
call_free(call_t *call)
{
    while (call->arena.nblocks) {
        free(call->arena.blocks[--call->arena.nblocks]);
    }
}


static void
call_responses(call_t *call, const unsigned char *body, size_t len, size_t left,
    size_t max)
{
    call->arena.nblocks = 0;
    call->arena.size = 0;
    call->arena.left = left;
    call->mem.alloc = arena_alloc;
    call->mem.ctx = &call->arena;

    claude_out_init(&call->out, &call->mem, max);

    call->rc = claude_responses_request(&call->mem, body, len, &models,
                                        &call->out, &call->request,
                                        &call->fault);
}


/* the Messages body as a string, or the fault as the cases write it */

static char *
call_result(call_t *call)
{
    char  *text;

    text = malloc(call->out.size + 256);

    if (call->rc == CLAUDE_OK) {
        claude_out_copy(&call->out, (unsigned char *) text);
        text[call->out.size] = '\0';

    } else if (call->rc == CLAUDE_INVALID
               && call->fault.err == CLAUDE_ERR_INVALID_JSON)
    {
        sprintf(text, "%s @%zu", claude_error_code(call->fault.err),
                call->fault.offset);

    } else if (call->rc == CLAUDE_INVALID) {
        sprintf(text, "%s %s", claude_error_code(call->fault.err),
                call->fault.param[0] ? call->fault.param : "-");

    } else {
        sprintf(text, "rc %d", (int) call->rc);
    }

    return text;
}


static claude_rc_t
any_token(void *ctx, const claude_json_token_t *token)
{
    (void) ctx;
    (void) token;

    return CLAUDE_OK;
}


static void
check_case(const golden_t *golden)
{
    char                 *got;
    size_t                len;
    static call_t         call;
    unsigned char        *body;
    claude_json_error_t   error;

    len = strlen(golden->request);

    /* without the terminator, so that reading too far is seen */

    body = malloc(len ? len : 1);
    memcpy(body, golden->request, len);

    call_responses(&call, body, len, 4096, 1 << 20);
    got = call_result(&call);

    is_str(got, golden->expected + 3, "%s", golden->name);

    if (call.rc == CLAUDE_OK
        && claude_json_read((unsigned char *) got, strlen(got), any_token,
                            NULL, &error) != CLAUDE_OK)
    {
        ok(0, "%s: JSON", golden->name);
    }

    free(got);
    free(body);
    call_free(&call);
}


static void
check_file(const char *path)
{
    FILE             *file;
    static char       line[CASE_MAX];
    static golden_t   golden;

    file = fopen(path, "r");
    if (file == NULL) {
        bail("can't open %s", path);
    }

    while (fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';

        if (strncmp(line, "== ", 3) == 0) {
            snprintf(golden.name, sizeof(golden.name), "%.120s", line + 3);

        } else if (strncmp(line, "-> ", 3) == 0 || strcmp(line, "->") == 0) {
            strcpy(golden.request, line[2] ? line + 3 : "");

        } else if (strncmp(line, "<- ", 3) == 0
                   || strncmp(line, "!! ", 3) == 0)
        {
            strcpy(golden.expected, line);
            check_case(&golden);
        }
    }

    fclose(file);
}


/* whatever allocation fails, the answer is that there is no memory */

static void
check_memory(void)
{
    size_t         left, failed;
    static call_t  call;

    static const char  body[] =
        "{\"model\":\"opus\",\"instructions\":\"be \\u0062rief\","
        "\"metadata\":{\n\"a\":\"b\"},\"tools\":[{\"type\":\"namespace\","
        "\"name\":\"s\",\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]}],"
        "\"tool_choice\":{\"type\":\"function\",\"name\":\"f\","
        "\"namespace\":\"s\"},\"input\":[{\"role\":\"user\",\"content\":"
        "\"hi\"},{\"type\":\"function_call\",\"call_id\":\"\\u0063\","
        "\"namespace\":\"s\",\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"},"
        "{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":"
        "\"ok\"}]}";

    failed = 0;

    for (left = 0; left < 4096; left++) {
        call_responses(&call, (const unsigned char *) body, sizeof(body) - 1,
                       left, 1 << 20);
        call_free(&call);

        if (call.rc == CLAUDE_OK) {
            break;
        }

        failed += (call.rc != CLAUDE_NO_MEMORY);
    }

    is(call.rc, CLAUDE_OK, "enough memory");
    ok(left > 5, "which is %zu allocations", left);
    is(failed, 0, "and with fewer the failure is told");
}


static claude_rc_t
unseal(claude_mem_t *mem, const unsigned char *data, size_t len,
    claude_responses_thought_t *thought)
{
    claude_str_t  sealed;

    sealed.data = data;
    sealed.len = len;

    return claude_responses_unseal(mem, &sealed, thought);
}


static void
check_seal(void)
{
    size_t                      i, damaged;
    claude_rc_t                 rc;
    claude_str_t                sealed;
    static call_t               call;
    unsigned char              *copy;
    claude_responses_thought_t  thought, got;

    static const claude_str_t  thinking = claude_string("a \\\"b\\\" \\n");
    static const claude_str_t  signature = claude_string("c2lnbmF0dXJl");

    call.arena.nblocks = 0;
    call.arena.left = 4096;
    call.mem.alloc = arena_alloc;
    call.mem.ctx = &call.arena;

    memset(&thought, 0, sizeof(thought));
    thought.thinking = thinking;
    thought.signature = signature;

    rc = claude_responses_seal(&call.mem, &thought, &sealed);

    is(rc, CLAUDE_OK, "thinking is sealed");
    ok(sealed.len > 4 && memcmp(sealed.data, "ct1.", 4) == 0, "with a mark");

    rc = claude_responses_unseal(&call.mem, &sealed, &got);

    is(rc, CLAUDE_OK, "and unsealed");
    is_mem(got.thinking.data, got.thinking.len, "\"a \\\"b\\\" \\n\"", 12,
           "its text, with quotes");
    is_mem(got.signature.data, got.signature.len, "\"c2lnbmF0dXJl\"", 14,
           "its signature");

    copy = malloc(sealed.len);
    damaged = 0;

    for (i = 4; i < sealed.len; i++) {
        memcpy(copy, sealed.data, sealed.len);
        copy[i] = (copy[i] == 'A') ? 'B' : 'A';
        damaged += (unseal(&call.mem, copy, sealed.len, &got)
                    == CLAUDE_INVALID);
        damaged += (unseal(&call.mem, sealed.data, i, &got)
                    == CLAUDE_INVALID);
    }

    is(damaged, 2 * (sealed.len - 4), "no changed or missing digit is taken");
    is(unseal(&call.mem, (const unsigned char *) "gAAAAABo", 8, &got),
       CLAUDE_DECLINED, "nor is what another service gave");

    free(copy);
    call_free(&call);
}


int
main(void)
{
    size_t  i;
    glob_t  found;

    if (glob("t/golden/responses/*.cases", 0, NULL, &found) != 0) {
        bail("no golden files in t/golden/responses/");
    }

    for (i = 0; i < found.gl_pathc; i++) {
        check_file(found.gl_pathv[i]);
    }

    globfree(&found);

    check_memory();
    check_seal();

    return done_testing();
}
