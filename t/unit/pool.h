
/*
 * Memory for units that take a claude_mem_t: counted, bounded, given back at
 * once.  Header-only, for unit programs and fuzz targets.
 */


#ifndef CLAUDE_POOL_H
#define CLAUDE_POOL_H


#include <stdlib.h>

#include "claude_core.h"


typedef struct pool_block_s  pool_block_t;

struct pool_block_s {
    pool_block_t       *next;
    max_align_t         data[];
};


typedef struct {
    claude_mem_t        mem;
    pool_block_t       *blocks;
    size_t              used;       /* bytes given out */
    size_t              max;        /* more than that is NULL */
} pool_t;


static void *
pool_alloc(void *ctx, size_t size)
{
    pool_t        *pool = ctx;
    pool_block_t  *block;

    if (size > pool->max - pool->used) {
        return NULL;
    }

    block = malloc(sizeof(pool_block_t) + size);
    if (block == NULL) {
        return NULL;
    }

    block->next = pool->blocks;
    pool->blocks = block;
    pool->used += size;

    return block->data;
}


static void
pool_init(pool_t *pool, size_t max)
{
    pool->mem.alloc = pool_alloc;
    pool->mem.ctx = pool;
    pool->blocks = NULL;
    pool->used = 0;
    pool->max = max;
}


static void
pool_free(pool_t *pool)
{
    pool_block_t  *block;

    while (pool->blocks) {
        block = pool->blocks;
        pool->blocks = block->next;
        free(block);
    }

    pool->used = 0;
}


#endif /* CLAUDE_POOL_H */
