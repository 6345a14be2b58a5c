
/*
 * What a key has used and is using: kept in its record in shared memory, and
 * the arithmetic of its limits.  Pure: no clock, no lock, no allocation.
 *
 * All zero is the account of a key that was never used.  There is no pointer
 * in it, so it may be copied.
 */


#ifndef CLAUDE_ACCOUNT_H
#define CLAUDE_ACCOUNT_H


#include "claude_limits.h"


/* what was used in one day or month of UTC's calendar; another is zero */

typedef struct {
    uint32_t               number;      /* days since 1970, or months; 0: none */
    uint32_t               requests;    /* stays at the highest it can be */
    uint32_t               errors;      /* of requests */
    uint32_t               unused;
    uint64_t               prompt;      /* tokens, the cached ones included */
    uint64_t               cached;      /* of prompt: read from the cache */
    uint64_t               completion;
    uint64_t               cost;        /* micro-dollars */
} claude_period_t;


typedef struct {
    uint64_t               request_tat; /* claude_gcra()'s */
    uint64_t               level;       /* of tokens a minute, 1/60000 token */
    uint64_t               level_at;    /* ms, as claude_gcra()'s now */
    uint64_t               reserved;    /* tokens, by running calls */
    uint64_t               reserved_cost;
    uint32_t               running;     /* calls */
    uint32_t               unused;
    claude_period_t        day;
    claude_period_t        month;
} claude_account_t;


#endif /* CLAUDE_ACCOUNT_H */
