
/*
 * Times of the key log: RFC 3339 outside, seconds since the epoch inside.  No
 * time zone database, no locale.
 */


#ifndef CLAUDE_TIME_H
#define CLAUDE_TIME_H


#include "claude_out.h"


#define CLAUDE_TIME_LEN  20     /* "2026-11-24T08:18:47Z" */
#define CLAUDE_TIME_MAX  INT64_C(253402300799)  /* 9999-12-31T23:59:59Z */


/* writes CLAUDE_TIME_LEN bytes, not terminated; time is 0 to
 * CLAUDE_TIME_MAX */

void claude_time_write(int64_t time, char buf[CLAUDE_TIME_LEN]);

/* the same as a JSON string; null for 0, which stands for no time */

void claude_time_put(claude_out_t *out, int64_t time);

/*
 * Takes any offset and drops fractions; a leap second is the second after it.
 * CLAUDE_INVALID: another form, a day that doesn't exist, or a time not within
 * 1 to CLAUDE_TIME_MAX.
 */

claude_rc_t claude_time_read(const claude_str_t *text, int64_t *time);


#endif /* CLAUDE_TIME_H */
