
/*
 * Requests of a dialect and what becomes of them, from golden files
 * NAME.cases.  A case is three lines, whatever else there is is a comment:
 *
 *   == name of the case
 *   -> the request
 *   <- the Messages body, byte for byte; or
 *   !! code param, of the fault; "-" is no param; @N is the JSON's offset
 *
 * "~~" instead of "->" marks a request of another kind, which is for the
 * dialect's own program to understand.
 */


#ifndef CLAUDE_TEST_GOLDEN_REQUEST_H
#define CLAUDE_TEST_GOLDEN_REQUEST_H


#include "tap.h"

#include "claude_dialect.h"
#include "claude_json_reader.h"

#include <glob.h>


#define CASE_MAX  (64 * 1024)


typedef struct {
    char                   name[128];
    char                   request[CASE_MAX];
    char                   expected[CASE_MAX];
    unsigned               other:1;     /* "~~" */
} golden_t;


typedef void (*golden_case_pt)(const golden_t *golden);


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
call_init(call_t *call, size_t left)
{
    call->arena.nblocks = 0;
    call->arena.size = 0;
    call->arena.left = left;
    call->mem.alloc = arena_alloc;
    call->mem.ctx = &call->arena;
}


static void
call_free(call_t *call)
{
    while (call->arena.nblocks) {
        free(call->arena.blocks[--call->arena.nblocks]);
    }
}


/* to be freed by call_free(), whatever becomes of it */

static void
call_request(call_t *call, const claude_dialect_t *dialect, const void *body,
    size_t len, size_t left, size_t max)
{
    call_init(call, left);
    claude_out_init(&call->out, &call->mem, max);

    call->rc = dialect->request(&call->mem, body, len, &models, &call->out,
                                &call->request, &call->fault);
}


/* the request of a case, without the terminator, so that reading too far is
 * seen; it stays as long as what came of it, as the arena's last block */

static void
call_golden(call_t *call, const claude_dialect_t *dialect,
    const golden_t *golden)
{
    size_t          len;
    unsigned char  *body;

    len = strlen(golden->request);
    body = malloc(len ? len : 1);
    memcpy(body, golden->request, len);

    call_request(call, dialect, body, len, 4095, 1 << 20);

    call->arena.blocks[call->arena.nblocks++] = body;
}


/* what has become of it as the cases write it, to be freed; offsets: they tell
 * where the JSON is wrong */

static char *
call_result(call_t *call, unsigned offsets)
{
    char  *text;

    text = malloc(call->out.size + 256);

    if (call->rc == CLAUDE_OK) {
        memcpy(text, "<- ", 3);
        claude_out_copy(&call->out, (unsigned char *) text + 3);
        text[call->out.size + 3] = '\0';

    } else if (call->rc == CLAUDE_INVALID && offsets
               && call->fault.err == CLAUDE_ERR_INVALID_JSON)
    {
        sprintf(text, "!! %s @%zu", claude_error_code(call->fault.err),
                call->fault.offset);

    } else if (call->rc == CLAUDE_INVALID) {
        sprintf(text, "!! %s %s", claude_error_code(call->fault.err),
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
check_request(const claude_dialect_t *dialect, const golden_t *golden,
    unsigned offsets)
{
    char                 *got;
    static call_t         call;
    claude_json_error_t   error;

    call_golden(&call, dialect, golden);
    got = call_result(&call, offsets);

    is_str(got, golden->expected, "%s", golden->name);

    if (call.rc == CLAUDE_OK
        && claude_json_read((unsigned char *) got + 3, strlen(got + 3),
                            any_token, NULL, &error) != CLAUDE_OK)
    {
        ok(0, "%s: JSON", golden->name);
    }

    free(got);
    call_free(&call);
}


static void
golden_file(const char *path, golden_case_pt check)
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

        } else if (strncmp(line, "-> ", 3) == 0 || strcmp(line, "->") == 0
                   || strncmp(line, "~~ ", 3) == 0)
        {
            golden.other = (line[0] == '~');
            strcpy(golden.request, line[2] ? line + 3 : "");

        } else if (strncmp(line, "<- ", 3) == 0
                   || strncmp(line, "!! ", 3) == 0)
        {
            strcpy(golden.expected, line);
            check(&golden);
        }
    }

    fclose(file);
}


static void
golden_files(const char *pattern, golden_case_pt check)
{
    size_t  i;
    glob_t  found;

    if (glob(pattern, 0, NULL, &found) != 0) {
        bail("nothing matches %s", pattern);
    }

    for (i = 0; i < found.gl_pathc; i++) {
        note("%s", found.gl_pathv[i]);
        golden_file(found.gl_pathv[i], check);
    }

    globfree(&found);
}


/* what takes most: short messages by turns, their roles last; head is the
 * request up to them */

static TAP_UNUSED void
check_turns(const claude_dialect_t *dialect, const char *head)
{
    char           *p, *body;
    size_t          i, len;
    static call_t   call;

    body = malloc(1000 * 80 + 128);
    p = body + sprintf(body, "%s", head);

    for (i = 0; i < 1000; i++) {
        p += sprintf(p, "{\"content\":\"x\",\"role\":\"user\"},"
                        "{\"content\":\"x\",\"role\":\"assistant\"},");
    }

    p += sprintf(p, "{\"content\":\"x\",\"role\":\"user\"}]}");
    len = (size_t) (p - body);

    call_request(&call, dialect, body, len, 4096, 1 << 22);
    is(call.rc, CLAUDE_OK, "2001 messages with their roles last");
    ok(call.out.size < 2 * len, "%zu bytes become %zu", len, call.out.size);
    ok(call.arena.size < 2 * len + 100 * 2001 + 16384, "in %zu bytes",
       call.arena.size);
    call_free(&call);

    free(body);
}


#endif /* CLAUDE_TEST_GOLDEN_REQUEST_H */
