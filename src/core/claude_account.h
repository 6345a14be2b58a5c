
/*
 * What a key has used and is using, and the arithmetic of its limits: kept in
 * its record in shared memory.  Pure: no clock, no lock, no allocation.
 *
 * All zero is the account of a key that was never used.  There is no pointer
 * in it, so it may be copied.
 */


#ifndef CLAUDE_ACCOUNT_H
#define CLAUDE_ACCOUNT_H


#include "claude_error.h"
#include "claude_gcra.h"
#include "claude_limits.h"


/* what calls have used, or one of them */

typedef struct {
    uint64_t               requests;
    uint64_t               errors;      /* of requests: not answered whole */
    uint64_t               prompt;      /* tokens, the cached ones included */
    uint64_t               cached;      /* of prompt: read from a cache */
    uint64_t               completion;
    uint64_t               cost;        /* micro-dollars */
} claude_count_t;


/* of one day or month of UTC's calendar */

typedef struct {
    uint32_t               number;      /* as in claude_moment_t; 0: none */
    uint32_t               requests;    /* both stop at 2^32 - 1 */
    uint32_t               errors;
    uint32_t               unused;
    uint64_t               prompt;
    uint64_t               cached;
    uint64_t               completion;
    uint64_t               cost;
} claude_period_t;


typedef struct {
    uint64_t               request_tat; /* claude_gcra()'s */
    uint64_t               level;       /* of tokens a minute, 1/60000 token */
    uint64_t               level_at;    /* ms */
    uint64_t               reserved;    /* tokens, by running calls */
    uint64_t               reserved_cost;
    uint32_t               running;     /* calls */
    uint32_t               rate;        /* requests a minute, of the tat */
    claude_period_t        day;
    claude_period_t        month;
} claude_account_t;


/* now, by two clocks: one that never goes back, and UTC's calendar */

typedef struct {
    uint64_t               ms;          /* as claude_gcra()'s now */
    int64_t                time;        /* seconds since 1970 */
    uint32_t               day;         /* days since 1970 */
    uint32_t               month;       /* months since 1970 */
} claude_moment_t;


/* what a running call holds: estimates, until it ends */

typedef struct {
    uint64_t               tokens;
    uint64_t               cost;        /* micro-dollars */
} claude_reservation_t;


/* how a check ended, and what its headers say */

typedef struct {
    claude_err_e           err;         /* CLAUDE_ERR_NONE: it passed */
    uint64_t               retry;       /* ms until it may pass; 0: unknown */
    claude_gcra_t          requests;    /* where requests is limited */
    uint64_t               tokens;      /* the limit, 0: none */
    uint64_t               tokens_left;
    uint64_t               tokens_reset;    /* ms until all of them are */
} claude_verdict_t;


void claude_moment(claude_moment_t *now, uint64_t ms, int64_t time);

/* the month that a day lies in, and the time when a month begins */

uint32_t claude_month_of(uint32_t day);
int64_t claude_month_start(uint32_t month);


/*
 * A request comes: its key's requests a minute, unless counted says that this
 * was done before, and where it is a call of a model, the budgets and the
 * number of calls under way.  Passed, a call is running: end it with
 * claude_account_release().  Refused, nothing is taken.
 */

void claude_account_admit(claude_account_t *account,
    const claude_limits_t *limits, const claude_moment_t *now, unsigned call,
    unsigned counted, claude_verdict_t *verdict);

/*
 * What a running call will use is known roughly, prompt and completion in
 * tokens, cost in micro-dollars: it is refused when its prompt doesn't fit into
 * what is left of the minute, or when a budget is used up by now.  Passed, all
 * of it is reserved.  verdict keeps what admit said of requests.
 */

void claude_account_reserve(claude_account_t *account,
    const claude_limits_t *limits, const claude_moment_t *now,
    uint64_t prompt, uint64_t completion, uint64_t cost,
    claude_reservation_t *reservation, claude_verdict_t *verdict);

/* a running call ends: what it held is given back, what it used is counted */

void claude_account_release(claude_account_t *account,
    const claude_limits_t *limits, const claude_moment_t *now,
    const claude_reservation_t *reservation, const claude_count_t *count);

/* counts what was used in a day; another than now's only where that is of the
 * same month, or not at all.  For what comes from the usage history. */

void claude_account_count(claude_account_t *account,
    const claude_moment_t *now, uint32_t day, const claude_count_t *count);

void claude_count_add(claude_count_t *sum, const claude_count_t *count);

/* what was used up to now of this day and this month */

void claude_account_usage(const claude_account_t *account,
    const claude_moment_t *now, claude_count_t *day, claude_count_t *month);


#endif /* CLAUDE_ACCOUNT_H */
