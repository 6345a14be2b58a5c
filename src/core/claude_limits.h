
/*
 * What a key may be used for and how much: the optional limits of a record,
 * as they stand in the key log and in the admin API, under the same names.
 *
 *   requestsPerMinute    1 to CLAUDE_LIMIT_REQUESTS_MAX
 *   tokensPerMinute      1 to CLAUDE_LIMIT_TOKENS_MAX, prompt and completion
 *   concurrentRequests   1 to CLAUDE_LIMIT_CONCURRENT_MAX
 *   dayTokens, monthTokens  1 to CLAUDE_LIMIT_TOKENS_MAX, by UTC's calendar
 *   dayCost, monthCost   US dollars, above 0, of at most six decimals, up to
 *                        CLAUDE_LIMIT_COST_MAX micro-dollars
 *   allowedModels        array of 1 to CLAUDE_LIMIT_MODELS names as clients
 *                        ask for them, or as they are known upstream
 *   allowedAddresses     array of 1 to CLAUDE_LIMIT_ADDRESSES addresses or
 *                        CIDR prefixes, IPv4 and IPv6
 *
 * null, or no such name, is no limit; 0 or no elements inside.
 */


#ifndef CLAUDE_LIMITS_H
#define CLAUDE_LIMITS_H


#include "claude_core.h"


#define CLAUDE_LIMIT_REQUESTS_MAX    1000000
#define CLAUDE_LIMIT_TOKENS_MAX      UINT64_C(1000000000000)
#define CLAUDE_LIMIT_CONCURRENT_MAX  10000
#define CLAUDE_LIMIT_COST_MAX        UINT64_C(1000000000000)  /* $1,000,000 */
#define CLAUDE_LIMIT_MODELS          16
#define CLAUDE_LIMIT_MODELS_LEN      256    /* bytes of all names, each with
                                             * its length before it */
#define CLAUDE_LIMIT_ADDRESSES       16


/* an IPv4 address is ::ffff:a.b.c.d, its prefix 96 more */

typedef struct {
    unsigned char          addr[16];
    unsigned char          prefix;
} claude_cidr_t;


typedef struct {
    uint32_t               requests;        /* a minute */
    uint32_t               concurrent;
    uint64_t               tokens;          /* a minute */
    uint64_t               day_tokens;
    uint64_t               month_tokens;
    uint64_t               day_cost;        /* micro-dollars */
    uint64_t               month_cost;
    uint16_t               models_len;      /* bytes of models; 0: all */
    uint16_t               naddresses;      /* 0: all */
    unsigned char          models[CLAUDE_LIMIT_MODELS_LEN];
    claude_cidr_t          addresses[CLAUDE_LIMIT_ADDRESSES];
} claude_limits_t;


#endif /* CLAUDE_LIMITS_H */
