
/*
 * The generic cell rate algorithm (ITU-T I.371, virtual scheduling) over a
 * clock in milliseconds that never goes back: a 64-bit count since any moment.
 *
 * A state is one number: the theoretical arrival time of the next request, in
 * nanoseconds of the same clock.
 */


#ifndef CLAUDE_GCRA_H
#define CLAUDE_GCRA_H


#include "claude_core.h"


/*
 * Rate: count requests evenly over period ms; at most burst at once.  None is
 * 0.  A burst that the rate would take over 146 years to give back counts as
 * one of 146 years.
 */

typedef struct {
    uint32_t               count;
    uint32_t               period;  /* ms */
    uint32_t               burst;   /* >= 1 */
} claude_rate_t;


typedef struct {
    uint32_t               limit;      /* the burst */
    uint32_t               remaining;  /* requests that would pass now */
    uint64_t               retry;      /* ms until one passes, 0: it passed */
    uint64_t               reset;      /* ms until all of limit would pass */
} claude_gcra_t;


/*
 * One request at time now (ms).  *tat, the state, is 0 for a client not seen
 * before, and is left alone when the request is refused.  CLAUDE_OK or
 * CLAUDE_BUSY; state is filled either way.  A request retry ms later passes,
 * if no other comes between.
 */

claude_rc_t claude_gcra(const claude_rate_t *rate, uint64_t now,
    uint64_t *tat, claude_gcra_t *state);


#endif /* CLAUDE_GCRA_H */
