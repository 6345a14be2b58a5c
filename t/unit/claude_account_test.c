
#include "tap.h"

#include <time.h>

#include "claude_account.h"


#define DAY  86400

/* 2026-11-24T10:00:00Z */

#define TIME  INT64_C(1795514400)


static claude_moment_t
moment(uint64_t ms, int64_t time)
{
    claude_moment_t  now;

    claude_moment(&now, ms, time);

    return now;
}


static claude_verdict_t
admit(claude_account_t *account, const claude_limits_t *limits,
    claude_moment_t now)
{
    claude_verdict_t  verdict;

    claude_account_admit(account, limits, &now, 1, 0, &verdict);

    return verdict;
}


static claude_err_e
reserve(claude_account_t *account, const claude_limits_t *limits,
    claude_moment_t now, uint64_t prompt, uint64_t completion,
    claude_reservation_t *reservation, claude_verdict_t *verdict)
{
    claude_account_reserve(account, limits, &now, prompt, completion,
                           10 * (prompt + completion), reservation, verdict);
    return verdict->err;
}


static void
release(claude_account_t *account, const claude_limits_t *limits,
    claude_moment_t now, const claude_reservation_t *reservation,
    uint64_t prompt, uint64_t completion)
{
    claude_count_t  count = { 1, 0, prompt, 0, completion,
                              10 * (prompt + completion) };

    claude_account_release(account, limits, &now, reservation, &count);
}


static void
test_calendar(void)
{
    time_t           t;
    struct tm        tm;
    uint32_t         day, wrong, starts;
    claude_moment_t  now;

    wrong = 0;
    starts = 0;

    for (day = 0; day < 60000; day++) {
        t = (time_t) day * DAY;
        gmtime_r(&t, &tm);

        wrong += (claude_month_of(day)
                  != (uint32_t) ((tm.tm_year - 70) * 12 + tm.tm_mon));

        if (tm.tm_mday == 1) {
            starts += (claude_month_start(claude_month_of(day)) != t);
        }
    }

    is(wrong, 0, "months as gmtime() has them, up to the year 2134");
    is(starts, 0, "and their first days");

    now = moment(5, TIME);
    is(now.day, TIME / DAY, "a moment's day");
    is(now.month, 56 * 12 + 10, "a moment's month");
}


static void
test_concurrent(void)
{
    unsigned              i;
    claude_limits_t       limits;
    claude_account_t      account;
    claude_verdict_t      verdict;
    claude_reservation_t  none;

    memset(&limits, 0, sizeof(limits));
    memset(&account, 0, sizeof(account));
    memset(&none, 0, sizeof(none));

    for (i = 0; i < 1000; i++) {
        verdict = admit(&account, &limits, moment(1, TIME));
    }

    is(verdict.err, CLAUDE_ERR_NONE, "no limit, no refusal");
    is(account.running, 1000, "but calls are counted");

    account.running = 0;
    limits.concurrent = 3;

    for (i = 0; i < 3; i++) {
        is(admit(&account, &limits, moment(1, TIME)).err, CLAUDE_ERR_NONE,
           "call %u of three", i + 1);
    }

    verdict = admit(&account, &limits, moment(1, TIME));

    is(verdict.err, CLAUDE_ERR_CONCURRENCY, "the fourth is refused");
    is(verdict.retry, 1000, "it may come again in a second");
    is(account.running, 3, "and takes no slot");

    release(&account, &limits, moment(1, TIME), &none, 1, 1);

    is(admit(&account, &limits, moment(1, TIME)).err, CLAUDE_ERR_NONE,
       "one that ended makes room");

    claude_account_admit(&account, &limits, &(claude_moment_t) { 1, TIME, 1,
                         1 }, 0, 0, &verdict);
    is(verdict.err, CLAUDE_ERR_NONE, "what is no call needs no slot");
    is(account.running, 3, "and takes none");

    memset(&account, 0, sizeof(account));
    release(&account, &limits, moment(1, TIME), &none, 1, 1);
    is(account.running, 0, "a call that nobody began takes nothing away");
}


static void
test_requests(void)
{
    unsigned          i, passed;
    claude_limits_t   limits;
    claude_account_t  account;
    claude_verdict_t  verdict;
    claude_moment_t   now;

    memset(&limits, 0, sizeof(limits));
    memset(&account, 0, sizeof(account));

    limits.requests = 10;
    limits.concurrent = 11;
    now = moment(1000, TIME);

    for (i = 0, passed = 0; i < 20; i++) {
        passed += (admit(&account, &limits, now).err == CLAUDE_ERR_NONE);
    }

    is(passed, 10, "as many at once as a minute has");
    is(account.running, 10, "a refused one takes no slot");

    verdict = admit(&account, &limits, now);

    is(verdict.err, CLAUDE_ERR_RATE_LIMIT, "then no more");
    is(verdict.requests.limit, 10, "the limit is told");
    is(verdict.requests.remaining, 0, "nothing remains");
    is(verdict.retry, 6000, "the next in six seconds");
    is(admit(&account, &limits, moment(7000, TIME + 6)).err, CLAUDE_ERR_NONE,
       "that passes");

    claude_account_admit(&account, &limits, &now, 0, 1, &verdict);
    is(verdict.err, CLAUDE_ERR_NONE, "what was counted isn't counted again");

    account.running = 11;
    verdict = admit(&account, &limits, moment(60000, TIME + 60));
    is(verdict.err, CLAUDE_ERR_CONCURRENCY, "no slot");
    account.running = 0;

    for (i = 0, passed = 0; i < 20; i++) {
        passed += (admit(&account, &limits, moment(67000, TIME + 67)).err
                   == CLAUDE_ERR_NONE);
    }

    is(passed, 10, "one refused for want of a slot was not counted");

    limits.requests = 20;
    limits.concurrent = 0;

    for (i = 0, passed = 0; i < 30; i++) {
        passed += (admit(&account, &limits, moment(67000, TIME + 67)).err
                   == CLAUDE_ERR_NONE);
    }

    is(passed, 10, "a higher limit leaves what was used used, and no more");

    limits.requests = 5;
    is(admit(&account, &limits, moment(67000, TIME + 67)).err,
       CLAUDE_ERR_RATE_LIMIT, "a lower one too");
}


static void
test_tokens(void)
{
    claude_limits_t       limits;
    claude_account_t      account;
    claude_verdict_t      verdict;
    claude_reservation_t  first, second, none;

    memset(&limits, 0, sizeof(limits));
    memset(&account, 0, sizeof(account));

    limits.tokens = 1000;

    verdict = admit(&account, &limits, moment(0, TIME));
    is(verdict.tokens, 1000, "the limit is told");
    is(verdict.tokens_left, 1000, "all of it remains");
    is(verdict.tokens_reset, 0, "nothing to wait for");

    is(reserve(&account, &limits, moment(0, TIME), 400, 500, &first,
               &verdict), CLAUDE_ERR_NONE, "a first call");
    is(first.tokens, 900, "it holds its estimate");
    is(verdict.tokens_left, 100, "which is gone from what remains");
    is(verdict.tokens_reset, 54000, "for 54 seconds");

    is(reserve(&account, &limits, moment(0, TIME), 200, 500, &none, &verdict),
       CLAUDE_ERR_TOKEN_LIMIT, "a second has no room beside it");
    is(verdict.retry, 6000, "100 more tokens take six seconds");
    is(none.tokens, 0, "and it holds nothing");

    is(reserve(&account, &limits, moment(6000, TIME + 6), 200, 500, &second,
               &verdict), CLAUDE_ERR_NONE, "whoever waits that long passes");
    is(verdict.tokens_left, 0, "its answer may go over the limit");

    release(&account, &limits, moment(6000, TIME + 6), &second, 200, 10);
    release(&account, &limits, moment(6000, TIME + 6), &first, 380, 20);

    is(account.reserved, 0, "all is given back");
    is(account.level, 60000 * (200 + 10 + 380 + 20 - 100),
       "and true counts are in their place");

    is(reserve(&account, &limits, moment(6000, TIME + 6), 1001, 0, &none,
               &verdict), CLAUDE_ERR_TOKEN_LIMIT,
       "a prompt above the limit never passes");
    ok(verdict.retry > CLAUDE_RETRY_MAX * 1000, "no use in trying again");

    verdict = admit(&account, &limits, moment(36600, TIME + 36));
    is(verdict.tokens_left, 1000, "everything drains in time");

    /* a call that used more than the minute has */

    admit(&account, &limits, moment(40000, TIME));
    reserve(&account, &limits, moment(40000, TIME), 10, 10, &first, &verdict);
    release(&account, &limits, moment(40000, TIME), &first, 10, 2990);
    is(reserve(&account, &limits, moment(40000, TIME), 1000, 0, &first,
               &verdict), CLAUDE_ERR_TOKEN_LIMIT, "a debt is waited for");
    is(verdict.retry, 180000, "as long as it takes");

    limits.tokens = 0;
    verdict = admit(&account, &limits, moment(40000, TIME));
    is(verdict.tokens, 0, "without a limit there is no header");
    is(reserve(&account, &limits, moment(40000, TIME), 1000000, 0, &first,
               &verdict), CLAUDE_ERR_NONE, "nor a debt");
}


static void
test_tokens_long_run(void)
{
    uint64_t              ms, used, most;
    claude_limits_t       limits;
    claude_account_t      account;
    claude_verdict_t      verdict;
    claude_reservation_t  held;

    memset(&limits, 0, sizeof(limits));
    memset(&account, 0, sizeof(account));

    limits.tokens = 7777;
    used = 0;

    for (ms = 0; ms < 3600000; ms += 13) {
        if (reserve(&account, &limits, moment(ms, TIME), 100, 50, &held,
                    &verdict)
            == CLAUDE_ERR_NONE)
        {
            release(&account, &limits, moment(ms, TIME), &held, 90, 33);
            used += 123;
        }
    }

    most = 7777 * 60 + 7777;
    ok(used <= most + 123 && used + 200 >= most, "an hour at %u a minute: %llu",
       (unsigned) limits.tokens, (unsigned long long) used);
}


static void
test_extremes(void)
{
    claude_count_t        count, day, month;
    claude_limits_t       limits;
    claude_account_t      account;
    claude_moment_t       now;
    claude_verdict_t      verdict;
    claude_reservation_t  held;

    memset(&limits, 0, sizeof(limits));
    memset(&account, 0, sizeof(account));

    limits.tokens = CLAUDE_LIMIT_TOKENS_MAX;
    limits.day_tokens = CLAUDE_LIMIT_TOKENS_MAX;
    now = moment((uint64_t) 1 << 60, TIME);

    is(reserve(&account, &limits, now, CLAUDE_LIMIT_TOKENS_MAX, UINT64_MAX,
               &held, &verdict), CLAUDE_ERR_NONE, "the largest limit");
    is(verdict.tokens_left, 0, "all of it is used");

    memset(&count, 0xff, sizeof(count));
    claude_account_release(&account, &limits, &now, &held, &count);
    claude_account_release(&account, &limits, &now, &held, &count);
    claude_account_usage(&account, &now, &day, &month);

    is(day.requests, UINT32_MAX, "counts stop at their highest");
    is(day.prompt, INT64_C(1) << 62, "tokens too");
    is(reserve(&account, &limits, now, 1, 1, &held, &verdict),
       CLAUDE_ERR_QUOTA, "and are over any budget");

    limits.day_tokens = 0;
    is(reserve(&account, &limits, now, 1, 1, &held, &verdict),
       CLAUDE_ERR_TOKEN_LIMIT, "and over any limit");
}


static void
test_budgets(void)
{
    claude_limits_t       limits;
    claude_account_t      account;
    claude_verdict_t      verdict;
    claude_reservation_t  first, second;

    memset(&limits, 0, sizeof(limits));
    memset(&account, 0, sizeof(account));

    limits.day_tokens = 1000;

    admit(&account, &limits, moment(0, TIME));
    is(reserve(&account, &limits, moment(0, TIME), 900, 300, &first,
               &verdict), CLAUDE_ERR_NONE, "a call may go over the budget");

    verdict = admit(&account, &limits, moment(0, TIME));
    is(verdict.err, CLAUDE_ERR_QUOTA, "but then no other is let in");
    is(verdict.retry, 1000, "as long as it runs");

    release(&account, &limits, moment(0, TIME), &first, 500, 100);
    is(admit(&account, &limits, moment(0, TIME)).err, CLAUDE_ERR_NONE,
       "it used less");
    is(admit(&account, &limits, moment(0, TIME)).err, CLAUDE_ERR_NONE,
       "two come at once");
    is(reserve(&account, &limits, moment(0, TIME), 400, 0, &first, &verdict),
       CLAUDE_ERR_NONE, "one is first with its body");
    is(reserve(&account, &limits, moment(0, TIME), 1, 0, &second, &verdict),
       CLAUDE_ERR_QUOTA, "the other is late");

    release(&account, &limits, moment(0, TIME), &first, 390, 10);
    verdict = admit(&account, &limits, moment(0, TIME));
    is(verdict.err, CLAUDE_ERR_QUOTA, "the budget is used up");
    is(verdict.retry, 14 * 3600 * 1000, "until midnight, UTC");
    is(admit(&account, &limits, moment(0, TIME + 14 * 3600)).err,
       CLAUDE_ERR_NONE, "the next day it is there again");

    limits.month_tokens = 1000;
    verdict = admit(&account, &limits, moment(0, TIME + 14 * 3600));
    is(verdict.err, CLAUDE_ERR_QUOTA, "not the month's");
    is(verdict.retry, 6 * (uint64_t) DAY * 1000, "until December");
    is(admit(&account, &limits, moment(0, TIME + 14 * 3600 + 6 * DAY)).err,
       CLAUDE_ERR_NONE, "in December it is");

    /* dollars */

    memset(&limits, 0, sizeof(limits));
    memset(&account, 0, sizeof(account));

    limits.day_cost = 10000;
    admit(&account, &limits, moment(0, TIME));
    reserve(&account, &limits, moment(0, TIME), 900, 100, &first, &verdict);
    is(admit(&account, &limits, moment(0, TIME)).err, CLAUDE_ERR_QUOTA,
       "what running calls may cost is counted");
    release(&account, &limits, moment(0, TIME), &first, 900, 99);
    is(account.reserved_cost, 0, "and given back");
    is(admit(&account, &limits, moment(0, TIME)).err, CLAUDE_ERR_NONE,
       "10 micro-dollars are left");
    release(&account, &limits, moment(0, TIME), &second, 1, 0);
    is(admit(&account, &limits, moment(0, TIME)).err, CLAUDE_ERR_QUOTA,
       "none are left");

    limits.day_cost = 0;
    limits.month_cost = 10000;
    is(admit(&account, &limits, moment(0, TIME)).err, CLAUDE_ERR_QUOTA,
       "nor of a month's budget");
    limits.month_cost = 10001;
    is(admit(&account, &limits, moment(0, TIME)).err, CLAUDE_ERR_NONE,
       "a larger one is felt at once");
}


static void
test_clock(void)
{
    claude_count_t    count, day, month;
    claude_account_t  account;
    claude_moment_t   now;

    memset(&count, 0, sizeof(count));
    memset(&account, 0, sizeof(account));

    count.prompt = 5;
    now = moment(0, TIME);

    claude_account_count(&account, &now, now.day, &count);
    claude_account_count(&account, &now, now.day - 1, &count);
    claude_account_count(&account, &now, now.day - 30, &count);
    claude_account_usage(&account, &now, &day, &month);

    is(day.prompt, 5, "the history of today");
    is(month.prompt, 10, "and of this month");

    now = moment(0, TIME - DAY);
    claude_account_usage(&account, &now, &day, &month);
    is(day.prompt, 5, "a clock that goes back a day forgives nothing");

    now = moment(0, TIME - 3 * DAY);
    claude_account_usage(&account, &now, &day, &month);
    is(day.prompt, 0, "a day that was never there is forgotten");
    is(month.prompt, 10, "not so the month");

    now = moment(0, TIME - 40 * DAY);
    claude_account_usage(&account, &now, &day, &month);
    is(month.prompt, 0, "but one that was never there");

    now = moment(0, TIME + 7 * DAY);            /* 2026-12-01 */
    claude_account_count(&account, &now, now.day, &count);
    now = moment(0, TIME + 6 * DAY);
    claude_account_usage(&account, &now, &day, &month);
    is(month.prompt, 5, "back over a month's end it is as with days");
    is(account.month.number, 56 * 12 + 11, "which usage() leaves alone");
}


int
main(void)
{
    test_calendar();
    test_concurrent();
    test_requests();
    test_tokens();
    test_tokens_long_run();
    test_budgets();
    test_clock();
    test_extremes();

    return done_testing();
}
