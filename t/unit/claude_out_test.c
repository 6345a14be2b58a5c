
#include "claude_out.h"

#include "tap.h"


typedef struct {
    unsigned char         *blocks[1024];
    size_t                 nblocks;
    size_t                 left;
} arena_t;


static void *
arena_alloc(void *ctx, size_t size)
{
    arena_t  *arena;

    arena = ctx;

    if (arena->left == 0) {
        return NULL;
    }

    arena->left--;

    return arena->blocks[arena->nblocks++] = malloc(size);
}


static arena_t       arena;
static claude_mem_t  mem = { arena_alloc, &arena };


static void
arena_reset(size_t left)
{
    while (arena.nblocks) {
        free(arena.blocks[--arena.nblocks]);
    }

    arena.left = left;
}


static char *
text_of(claude_out_t *out)
{
    char                  *text;
    size_t                 size;
    const claude_piece_t  *piece;

    text = malloc(out->size + 1);
    claude_out_copy(out, (unsigned char *) text);
    text[out->size] = '\0';

    size = 0;

    for (piece = out->first; piece; piece = piece->next) {
        size += piece->str.len;
    }

    is(size, out->size, "the pieces hold what size says");

    return text;
}


static void
test_put(void)
{
    char          *got, *want;
    size_t         i;
    claude_out_t   out;

    arena_reset(1024);
    claude_out_init(&out, &mem, 1 << 20);

    want = malloc(300001);

    for (i = 0; i < 300000; i += 3) {
        claude_out_put(&out, "abc", 3);
        memcpy(want + i, "abc", 3);
    }

    claude_out_put(&out, "", 0);
    want[300000] = '\0';

    got = text_of(&out);
    is(out.rc, CLAUDE_OK, "100,000 small pieces");
    ok(strcmp(got, want) == 0, "in order");
    ok(arena.nblocks < 16, "in %zu chunks", arena.nblocks);

    free(got);
    free(want);
}


static void
test_link(void)
{
    char                  *got;
    claude_out_t           out;
    static unsigned char   large[CLAUDE_OUT_LINK];

    arena_reset(1024);
    memset(large, 'x', sizeof(large));

    claude_out_init(&out, &mem, 1 << 20);
    claude_out_literal(&out, "<");
    claude_out_link(&out, large, sizeof(large));
    claude_out_literal(&out, "|");
    claude_out_link(&out, large, sizeof(large) - 1);
    claude_out_literal(&out, ">");

    memset(large, 'y', sizeof(large));
    got = text_of(&out);

    is(out.size, 2 * CLAUDE_OUT_LINK + 2, "two slices");
    is(got[1], 'y', "the large one is linked");
    is(got[CLAUDE_OUT_LINK + 2], 'x', "the small one is copied");
    is(got[CLAUDE_OUT_LINK + 1], '|', "what was put between them is there");
    is(got[out.size - 1], '>', "and after them");

    free(got);
}


static void
test_chunk(void)
{
    char           *got;
    claude_out_t    out;
    unsigned char   chunk[129];

    arena_reset(1024);
    claude_out_init_chunk(&out, &mem, 1 << 20, chunk + 1, 128);

    claude_out_literal(&out, "0123456789");
    is(arena.nblocks, 0, "a chunk of the caller's");

    while (out.size < 200) {
        claude_out_literal(&out, "0123456789");
    }

    is(arena.nblocks, 1, "and then one of its own");

    got = text_of(&out);
    ok(strncmp(got + 190, "0123456789", 10) == 0, "no byte is lost");
    free(got);

    claude_out_init_chunk(&out, &mem, 1 << 20, chunk, 8);
    claude_out_literal(&out, "abc");
    got = text_of(&out);
    is_str(got, "abc", "a chunk too small for anything");
    free(got);
}


static void
test_join(void)
{
    char          *got;
    claude_out_t   out, from;

    arena_reset(1024);
    claude_out_init(&out, &mem, 16);
    claude_out_init(&from, &mem, 16);

    claude_out_join(&out, &from);
    is(out.size, 0, "nothing joins nothing");

    claude_out_literal(&from, "ab");
    claude_out_join(&out, &from);
    claude_out_literal(&out, "cd");
    claude_out_literal(&from, "ef");
    claude_out_literal(&out, "gh");
    claude_out_join(&out, &from);
    claude_out_literal(&from, "ij");
    claude_out_literal(&out, "kl");

    got = text_of(&out);
    is_str(got, "abcdghefkl", "joined in order");
    free(got);

    got = text_of(&from);
    is_str(got, "ij", "what was joined goes on alone");
    free(got);

    claude_out_literal(&from, "01234");
    claude_out_join(&out, &from);
    is(out.rc, CLAUDE_TOO_LARGE, "a join has the bound too");
}


static void
test_failures(void)
{
    claude_out_t  out, from;

    arena_reset(1024);
    claude_out_init(&out, &mem, 4);
    claude_out_literal(&out, "abcd");
    is(out.rc, CLAUDE_OK, "up to the bound");
    claude_out_literal(&out, "e");
    is(out.rc, CLAUDE_TOO_LARGE, "and not beyond it");
    claude_out_literal(&out, "");
    is(out.size, 4, "nothing is appended then");

    arena_reset(0);
    claude_out_init(&out, &mem, 1 << 20);
    claude_out_literal(&out, "a");
    is(out.rc, CLAUDE_NO_MEMORY, "no memory");
    is(out.size, 0, "nothing was appended");

    arena.left = 1;
    claude_out_literal(&out, "a");
    is(out.size, 0, "nor is anything later");

    claude_out_init(&from, &mem, 1 << 20);
    claude_out_join(&from, &out);
    is(from.rc, CLAUDE_NO_MEMORY, "a join takes the failure over");
}


int
main(void)
{
    test_put();
    test_link();
    test_chunk();
    test_join();
    test_failures();
    arena_reset(0);

    return done_testing();
}
