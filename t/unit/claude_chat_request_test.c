
/*
 * Chat requests and what becomes of them, from t/golden/chat/NAME.cases.  A
 * case is three lines, whatever else there is is a comment:
 *
 *   == name of the case
 *   -> the request
 *   <- the Messages body, byte for byte; or
 *   !! code param, of the fault; "-" is no param; @N is the JSON's offset
 */

#include "claude_chat.h"
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
 * sees its bounds; left: allocations until there are none */

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

    if (arena->left == 0 || arena->nblocks == 4096) {
        return NULL;
    }

    p = malloc(size);
    arena->left--;
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
call_chat(call_t *call, const unsigned char *body, size_t len, size_t left,
    size_t max)
{
    call->arena.nblocks = 0;
    call->arena.size = 0;
    call->arena.left = left;
    call->mem.alloc = arena_alloc;
    call->mem.ctx = &call->arena;

    claude_out_init(&call->out, &call->mem, max);

    call->rc = claude_chat_request(&call->mem, body, len, &models, &call->out,
                                   &call->request, &call->fault);
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

    call_chat(&call, body, len, 4096, 1 << 20);
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


int
main(int argc, char **argv)
{
    size_t       i;
    glob_t       found;
    const char  *pattern;

    pattern = (argc > 1) ? argv[1] : "t/golden/chat/*.cases";

    if (glob(pattern, 0, NULL, &found) != 0) {
        bail("nothing matches %s", pattern);
    }

    for (i = 0; i < found.gl_pathc; i++) {
        note("%s", found.gl_pathv[i]);
        check_file(found.gl_pathv[i]);
    }

    globfree(&found);

    return done_testing();
}
