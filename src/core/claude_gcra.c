
#include "claude_gcra.h"


#define CLAUDE_GCRA_NS   1000000ULL         /* in a millisecond */
#define CLAUDE_GCRA_MAX  (1ULL << 62)       /* ns a burst is worth at most */


static uint64_t claude_gcra_ms(uint64_t ns);


/*
 * A request is worth cell = period / count nanoseconds, a burst burst * cell.
 * ahead is how far the client is ahead of an even flow, max(0, tat - now).  A
 * request passes while ahead <= (burst - 1) * cell, and adds one cell.
 *
 * In nanoseconds a cell of 1,000,000 requests a minute is 60,000 whole units,
 * and what a division drops is below 1 / cell of the rate.  period is below
 * 2^32 ms, thus a cell below 2^52 ns; the cap on the burst's worth keeps every
 * sum here below 2^63.  Times are taken modulo 2^64 ns, 584 years, and compared
 * by their signed difference.
 */

claude_rc_t
claude_gcra(const claude_rate_t *rate, uint64_t now, uint64_t *tat,
    claude_gcra_t *state)
{
    int64_t      ahead;
    uint64_t     cell, burst, slack, early;
    claude_rc_t  rc;

    cell = rate->period * CLAUDE_GCRA_NS / rate->count;

    if (cell == 0) {
        cell = 1;
    }

    burst = rate->burst;

    if (burst > CLAUDE_GCRA_MAX / cell) {
        burst = CLAUDE_GCRA_MAX / cell;
    }

    slack = (burst - 1) * cell;

    ahead = (*tat == 0) ? 0 : (int64_t) (*tat - now * CLAUDE_GCRA_NS);
    early = (ahead > 0) ? (uint64_t) ahead : 0;

    if (early <= slack) {
        early += cell;
        *tat = now * CLAUDE_GCRA_NS + early;

        state->retry = 0;
        rc = CLAUDE_OK;

    } else {
        state->retry = claude_gcra_ms(early - slack);
        rc = CLAUDE_BUSY;
    }

    state->limit = rate->burst;
    state->remaining = (early <= slack) ? (slack - early) / cell + 1 : 0;
    state->reset = claude_gcra_ms(early);

    return rc;
}


/* rounded up: who waits that long is not refused for a fraction */

static uint64_t
claude_gcra_ms(uint64_t ns)
{
    return (ns + CLAUDE_GCRA_NS - 1) / CLAUDE_GCRA_NS;
}
