
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
 * null, or no such name, is no limit; 0 or no elements inside.  Within one
 * array nothing may stand twice; an address has no bits set behind its prefix.
 * ::/0 and other IPv6 prefixes don't match IPv4 addresses.
 */


#ifndef CLAUDE_LIMITS_H
#define CLAUDE_LIMITS_H


#include "claude_addr.h"
#include "claude_json_reader.h"


#define CLAUDE_LIMIT_REQUESTS_MAX    1000000
#define CLAUDE_LIMIT_TOKENS_MAX      UINT64_C(1000000000000)
#define CLAUDE_LIMIT_CONCURRENT_MAX  10000
#define CLAUDE_LIMIT_COST_MAX        UINT64_C(1000000000000)  /* $1,000,000 */
#define CLAUDE_LIMIT_MODELS          16
#define CLAUDE_LIMIT_MODELS_LEN      256    /* bytes of all names, each with
                                             * its length before it */
#define CLAUDE_LIMIT_ADDRESSES       16


typedef struct {
    uint32_t               requests;        /* a minute */
    uint32_t               concurrent;
    uint64_t               tokens;          /* a minute */
    uint64_t               day_tokens;
    uint64_t               month_tokens;
    uint64_t               day_cost;        /* micro-dollars */
    uint64_t               month_cost;
    uint16_t               models_len;      /* bytes of models; 0: all */
    uint8_t                naddresses;      /* 0: all */
    uint8_t                reading;         /* inside of an array that is
                                             * being read; else 0 */
    claude_cidr_t          addresses[CLAUDE_LIMIT_ADDRESSES];
    unsigned char          models[CLAUDE_LIMIT_MODELS_LEN];
} claude_limits_t;


typedef enum {
    CLAUDE_LIMIT_REQUESTS = 0,
    CLAUDE_LIMIT_TOKENS,
    CLAUDE_LIMIT_CONCURRENT,
    CLAUDE_LIMIT_DAY_TOKENS,
    CLAUDE_LIMIT_MONTH_TOKENS,
    CLAUDE_LIMIT_DAY_COST,
    CLAUDE_LIMIT_MONTH_COST,
    CLAUDE_LIMIT_MODEL_NAMES,
    CLAUDE_LIMIT_ADDRESS_PREFIXES,

    CLAUDE_LIMIT_N
} claude_limit_e;


/* which limit has this name; CLAUDE_LIMIT_N: none */

claude_limit_e claude_limits_find(const claude_str_t *name);
const claude_str_t *claude_limits_name(claude_limit_e limit);

/*
 * Reads a limit's value, a token; of an array all of its tokens in turn, from
 * CLAUDE_JSON_ARRAY to CLAUDE_JSON_ARRAY_END.  limits must have been zeroed
 * before the first, or hold what was read.  NULL, or a static clause for
 * people, "must be an integer from 1 to 1000000"; the limit is worth nothing
 * then.  *type, which may be NULL, is 1 where the JSON type is at fault, else
 * 0.  A value from elsewhere, such as a command line, is a token with type,
 * raw and text set.
 */

const char *claude_limits_read(claude_limits_t *limits, claude_limit_e limit,
    const claude_json_token_t *value, unsigned *type);

/* bytes from the beginning on that hold all that is set: a copy of those is as
 * good for reading, and most keys have neither models nor addresses */

size_t claude_limits_used(const claude_limits_t *limits);

/* to gets from's value of one limit, also none */

void claude_limits_copy(claude_limits_t *to, const claude_limits_t *from,
    claude_limit_e limit);

/* writes ,"name":value for each limit that is set, in the order above; with
 * all, those that are not as null */

void claude_limits_put(claude_out_t *out, const claude_limits_t *limits,
    unsigned all);

/* 1 where the limits allow a model of this name, or a client's address: binary,
 * in network order, of 4 or 16 bytes.  Other addresses (len 0: a unix socket)
 * are allowed where no addresses are named. */

unsigned claude_limits_model(const claude_limits_t *limits,
    const claude_str_t *name);
unsigned claude_limits_address(const claude_limits_t *limits,
    const unsigned char *addr, size_t len);

/*
 * Micro-dollars as a JSON number of US dollars, as short as it can be: 12.5.
 * Reading takes digits and a fraction of at most six, no sign, no exponent;
 * CLAUDE_INVALID: another form, or above max.
 */

void claude_cost_put(claude_out_t *out, uint64_t micro);
claude_rc_t claude_cost_read(const claude_str_t *raw, uint64_t max,
    uint64_t *micro);


#endif /* CLAUDE_LIMITS_H */
