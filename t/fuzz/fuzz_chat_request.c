
/*
 * Whatever a client sends, either a fault comes out that names a field of the
 * public API, or a Messages body of known fields that is no larger than was
 * promised.
 */

#include "claude_chat.h"

#include "dialect_request.h"


#define BLOCKS  1024


static claude_rc_t
on_token(void *ctx, const claude_json_token_t *token)
{
    return on_field(ctx, token, NULL);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t             nblocks;
    pool_t             pool;
    pool_block_t      *block;
    claude_request_t   request;

    pool_init(&pool, SIZE_MAX);

    (void) check_request(&claude_chat, &pool.mem, data, size, on_token,
                         &request);

    nblocks = 0;

    for (block = pool.blocks; block; block = block->next) {
        nblocks++;
    }

    check(nblocks <= BLOCKS);
    check(pool.used <= 8 * size + 65536);

    pool_free(&pool);

    return 0;
}
