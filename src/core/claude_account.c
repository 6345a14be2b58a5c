
#include "claude_account.h"

#include <string.h>


#define CLAUDE_ACCOUNT_MINUTE  60000        /* ms */
#define CLAUDE_ACCOUNT_DAY     86400        /* s */
#define CLAUDE_ACCOUNT_CELL    UINT64_C(60000000000)    /* ns in a minute */
#define CLAUDE_ACCOUNT_MAX     ((uint64_t) 1 << 62)

/* ms after which a call may come again that found all slots taken, or a budget
 * that only running calls had used up */

#define CLAUDE_ACCOUNT_SOON    1000

/* ms that are told for what will never pass: more than clients wait */

#define CLAUDE_ACCOUNT_NEVER   3600000


static claude_err_e claude_account_budgets(claude_account_t *account,
    const claude_limits_t *limits, const claude_moment_t *now,
    uint64_t *retry);
static unsigned claude_account_spent(uint64_t used, uint64_t reserved,
    uint64_t limit, int64_t left, uint64_t *retry);
static void claude_account_rerate(claude_account_t *account, uint32_t rate,
    const claude_moment_t *now);
static void claude_account_turn(claude_account_t *account,
    const claude_moment_t *now);
static void claude_account_begin(claude_period_t *period, uint32_t number);
static void claude_account_drain(claude_account_t *account,
    const claude_limits_t *limits, const claude_moment_t *now);
static void claude_account_headers(const claude_account_t *account,
    const claude_limits_t *limits, claude_verdict_t *verdict);
static void claude_period_add(claude_period_t *period,
    const claude_count_t *count);
static uint64_t claude_account_sum(uint64_t a, uint64_t b);
static uint64_t claude_account_units(uint64_t tokens);
static uint64_t claude_account_wait(uint64_t units, uint64_t limit);


void
claude_moment(claude_moment_t *now, uint64_t ms, int64_t time)
{
    now->ms = ms;
    now->time = time;
    now->day = (uint32_t) (time / CLAUDE_ACCOUNT_DAY);
    now->month = claude_month_of(now->day);
}


/* the civil calendar with years that begin in March, as in claude_time.c */

uint32_t
claude_month_of(uint32_t day)
{
    uint32_t  era, doe, yoe, doy, month;

    doe = day + 719468;
    era = doe / 146097;
    doe -= era * 146097;
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    month = (5 * doy + 2) / 153;            /* 0 is March */

    return (era * 400 + yoe) * 12 + month + 2 - 1970 * 12;
}


int64_t
claude_month_start(uint32_t month)
{
    uint32_t  year, march, yoe;
    int64_t   day;

    march = (month + 10) % 12;              /* months since March */
    year = month / 12 + 1970 - (march >= 10);
    yoe = year % 400;

    day = (int64_t) (year / 400) * 146097 + yoe * 365 + yoe / 4 - yoe / 100
          + (153 * march + 2) / 5 - 719468;

    return day * CLAUDE_ACCOUNT_DAY;
}


void
claude_account_admit(claude_account_t *account, const claude_limits_t *limits,
    const claude_moment_t *now, unsigned call, unsigned counted,
    claude_verdict_t *verdict)
{
    claude_rate_t  rate;

    memset(verdict, 0, sizeof(claude_verdict_t));

    claude_account_turn(account, now);

    if (call) {
        verdict->err = claude_account_budgets(account, limits, now,
                                              &verdict->retry);

        if (verdict->err == CLAUDE_ERR_NONE && limits->concurrent
            && account->running >= limits->concurrent)
        {
            verdict->err = CLAUDE_ERR_CONCURRENCY;
            verdict->retry = CLAUDE_ACCOUNT_SOON;
        }
    }

    claude_account_drain(account, limits, now);
    claude_account_headers(account, limits, verdict);

    if (verdict->err != CLAUDE_ERR_NONE) {
        return;
    }

    if (limits->requests && !counted) {
        rate.count = limits->requests;
        rate.period = CLAUDE_ACCOUNT_MINUTE;
        rate.burst = limits->requests;

        claude_account_rerate(account, limits->requests, now);

        if (claude_gcra(&rate, now->ms, &account->request_tat,
                        &verdict->requests)
            != CLAUDE_OK)
        {
            verdict->err = CLAUDE_ERR_RATE_LIMIT;
            verdict->retry = verdict->requests.retry;
            return;
        }
    }

    if (call && account->running < UINT32_MAX) {
        account->running++;
    }
}


/*
 * The level rises by what is used or reserved and falls by the limit a minute.
 * Only the prompt must fit into what is left: how long an answer gets is known
 * when it is there, and a level above the limit is waited for.
 */

void
claude_account_reserve(claude_account_t *account,
    const claude_limits_t *limits, const claude_moment_t *now,
    uint64_t prompt, uint64_t completion, uint64_t cost,
    claude_reservation_t *reservation, claude_verdict_t *verdict)
{
    uint64_t  max, need;

    memset(reservation, 0, sizeof(claude_reservation_t));

    claude_account_turn(account, now);
    claude_account_drain(account, limits, now);

    verdict->retry = 0;
    verdict->err = claude_account_budgets(account, limits, now,
                                          &verdict->retry);

    if (verdict->err == CLAUDE_ERR_NONE && limits->tokens) {
        max = claude_account_units(limits->tokens);
        need = claude_account_units(prompt);

        if (need > max) {

            verdict->err = CLAUDE_ERR_TOKEN_LIMIT;
            verdict->retry = CLAUDE_ACCOUNT_NEVER;

        } else if (account->level > max - need) {
            verdict->err = CLAUDE_ERR_TOKEN_LIMIT;
            verdict->retry = claude_account_wait(account->level
                                                 - (max - need),
                                                 limits->tokens);
        }
    }

    if (verdict->err == CLAUDE_ERR_NONE) {
        reservation->tokens = claude_account_sum(prompt, completion);
        reservation->cost = cost;

        account->reserved = claude_account_sum(account->reserved,
                                               reservation->tokens);
        account->reserved_cost = claude_account_sum(account->reserved_cost,
                                                    cost);
        if (limits->tokens) {
            account->level = claude_account_sum(account->level,
                                  claude_account_units(reservation->tokens));
        }
    }

    claude_account_headers(account, limits, verdict);
}


void
claude_account_release(claude_account_t *account,
    const claude_limits_t *limits, const claude_moment_t *now,
    const claude_reservation_t *reservation, const claude_count_t *count)
{
    uint64_t  held;

    claude_account_turn(account, now);

    if (account->running) {
        account->running--;
    }

    account->reserved -= (reservation->tokens < account->reserved)
                         ? reservation->tokens : account->reserved;
    account->reserved_cost -= (reservation->cost < account->reserved_cost)
                              ? reservation->cost : account->reserved_cost;

    if (limits->tokens) {
        claude_account_drain(account, limits, now);

        held = claude_account_units(reservation->tokens);
        account->level -= (held < account->level) ? held : account->level;
        account->level = claude_account_sum(account->level,
                             claude_account_units(
                                 claude_account_sum(count->prompt,
                                                    count->completion)));
    }

    claude_period_add(&account->day, count);
    claude_period_add(&account->month, count);
}


void
claude_account_count(claude_account_t *account, const claude_moment_t *now,
    uint32_t day, const claude_count_t *count)
{
    claude_account_turn(account, now);

    if (day == account->day.number) {
        claude_period_add(&account->day, count);
    }

    if (claude_month_of(day) == account->month.number) {
        claude_period_add(&account->month, count);
    }
}


void
claude_count_add(claude_count_t *sum, const claude_count_t *count)
{
    sum->requests = claude_account_sum(sum->requests, count->requests);
    sum->errors = claude_account_sum(sum->errors, count->errors);
    sum->prompt = claude_account_sum(sum->prompt, count->prompt);
    sum->cached = claude_account_sum(sum->cached, count->cached);
    sum->completion = claude_account_sum(sum->completion, count->completion);
    sum->cost = claude_account_sum(sum->cost, count->cost);
}


void
claude_account_usage(const claude_account_t *account,
    const claude_moment_t *now, claude_count_t *day, claude_count_t *month)
{
    claude_count_t         *count;
    claude_account_t        copy;
    const claude_period_t  *period;

    copy = *account;
    claude_account_turn(&copy, now);

    period = &copy.day;
    count = day;

    for ( ;; ) {
        count->requests = period->requests;
        count->errors = period->errors;
        count->prompt = period->prompt;
        count->cached = period->cached;
        count->completion = period->completion;
        count->cost = period->cost;

        if (period == &copy.month) {
            break;
        }

        period = &copy.month;
        count = month;
    }
}


static claude_err_e
claude_account_budgets(claude_account_t *account,
    const claude_limits_t *limits, const claude_moment_t *now,
    uint64_t *retry)
{
    int64_t   day, month;
    unsigned  spent;

    if ((limits->day_tokens | limits->month_tokens | limits->day_cost
         | limits->month_cost)
        == 0)
    {
        return CLAUDE_ERR_NONE;
    }

    day = (int64_t) (now->day + 1) * CLAUDE_ACCOUNT_DAY - now->time;
    month = claude_month_start(now->month + 1) - now->time;

    spent = claude_account_spent(account->day.prompt + account->day.completion,
                                 account->reserved, limits->day_tokens, day,
                                 retry);
    spent |= claude_account_spent(account->day.cost, account->reserved_cost,
                                  limits->day_cost, day, retry);
    spent |= claude_account_spent(account->month.prompt
                                  + account->month.completion,
                                  account->reserved, limits->month_tokens,
                                  month, retry);
    spent |= claude_account_spent(account->month.cost, account->reserved_cost,
                                  limits->month_cost, month, retry);

    return spent ? CLAUDE_ERR_QUOTA : CLAUDE_ERR_NONE;
}


static unsigned
claude_account_spent(uint64_t used, uint64_t reserved, uint64_t limit,
    int64_t left, uint64_t *retry)
{
    uint64_t  wait;

    if (limit == 0 || claude_account_sum(used, reserved) < limit) {
        return 0;
    }

    wait = (used < limit || left < 1) ? CLAUDE_ACCOUNT_SOON
                                      : (uint64_t) left * 1000;
    if (*retry < wait) {
        *retry = wait;
    }

    return 1;
}


/* requests that came at another rate are as many at this one, up to a minute
 * of them */

static void
claude_account_rerate(claude_account_t *account, uint32_t rate,
    const claude_moment_t *now)
{
    int64_t   ahead;
    uint64_t  ns, used;

    if (account->rate == rate) {
        return;
    }

    ns = now->ms * 1000000;
    ahead = account->request_tat ? (int64_t) (account->request_tat - ns) : 0;

    if (account->rate && ahead > 0) {
        used = (uint64_t) ahead / (CLAUDE_ACCOUNT_CELL / account->rate);
        used = (used < rate) ? used : rate;

        account->request_tat = ns + used * (CLAUDE_ACCOUNT_CELL / rate);
    }

    account->rate = rate;
}


/*
 * A day that the clock has gone back from goes on until it is there again, but
 * not one that lies further ahead: that was a clock set wrong.
 */

static void
claude_account_turn(claude_account_t *account, const claude_moment_t *now)
{
    if (account->day.number != now->day
        && account->day.number != now->day + 1)
    {
        claude_account_begin(&account->day, now->day);
    }

    if (account->month.number != now->month
        && (account->month.number != now->month + 1
            || account->day.number == now->day))
    {
        claude_account_begin(&account->month, now->month);
    }
}


static void
claude_account_begin(claude_period_t *period, uint32_t number)
{
    memset(period, 0, sizeof(claude_period_t));
    period->number = number;
}


static void
claude_account_drain(claude_account_t *account, const claude_limits_t *limits,
    const claude_moment_t *now)
{
    uint64_t  passed;

    if (limits->tokens == 0) {
        account->level = 0;
        return;
    }

    passed = (now->ms > account->level_at) ? now->ms - account->level_at : 0;
    account->level_at = now->ms;

    if (passed > account->level / limits->tokens) {
        account->level = 0;

    } else {
        account->level -= passed * limits->tokens;
    }
}


static void
claude_account_headers(const claude_account_t *account,
    const claude_limits_t *limits, claude_verdict_t *verdict)
{
    uint64_t  max;

    verdict->tokens = limits->tokens;

    if (limits->tokens == 0) {
        return;
    }

    max = claude_account_units(limits->tokens);

    verdict->tokens_left = (account->level < max)
                           ? (max - account->level) / CLAUDE_ACCOUNT_MINUTE
                           : 0;
    verdict->tokens_reset = claude_account_wait(account->level,
                                                limits->tokens);
}


static void
claude_period_add(claude_period_t *period, const claude_count_t *count)
{
    uint64_t  n;

    n = claude_account_sum(period->requests, count->requests);
    period->requests = (n < UINT32_MAX) ? (uint32_t) n : UINT32_MAX;

    n = claude_account_sum(period->errors, count->errors);
    period->errors = (n < UINT32_MAX) ? (uint32_t) n : UINT32_MAX;

    period->prompt = claude_account_sum(period->prompt, count->prompt);
    period->cached = claude_account_sum(period->cached, count->cached);
    period->completion = claude_account_sum(period->completion,
                                            count->completion);
    period->cost = claude_account_sum(period->cost, count->cost);
}


/* both below 2^63, and so is the sum */

static uint64_t
claude_account_sum(uint64_t a, uint64_t b)
{
    return (a > CLAUDE_ACCOUNT_MAX || b > CLAUDE_ACCOUNT_MAX - a)
           ? CLAUDE_ACCOUNT_MAX : a + b;
}


static uint64_t
claude_account_units(uint64_t tokens)
{
    return (tokens > CLAUDE_ACCOUNT_MAX / CLAUDE_ACCOUNT_MINUTE)
           ? CLAUDE_ACCOUNT_MAX : tokens * CLAUDE_ACCOUNT_MINUTE;
}


/* ms, rounded up */

static uint64_t
claude_account_wait(uint64_t units, uint64_t limit)
{
    return (units + limit - 1) / limit;
}
