
#include "tap.h"

#include "claude_gcra.h"


#define NS   1000000ULL

static const claude_rate_t  per_minute = { 100, 60000, 100 };


static void
test_first(void)
{
    size_t         i;
    uint64_t       tat;
    claude_gcra_t  state;

    static const uint64_t  starts[] = {
        0, 1, 1000, 86400000, 1ULL << 40, 1ULL << 44
    };

    for (i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        tat = 0;

        is(claude_gcra(&per_minute, starts[i], &tat, &state), CLAUDE_OK,
           "an unseen client passes at %llu",
           (unsigned long long) starts[i]);
        is(tat, starts[i] * NS + 600 * NS, "a hundredth of a minute ahead");
        is(state.limit, 100, "the limit is the burst");
        is(state.remaining, 99, "99 remain");
        is(state.retry, 0, "nothing to wait for");
        is(state.reset, 600, "all of it again in 600 ms");
    }
}


static void
test_burst(void)
{
    int            i, passed;
    uint64_t       tat, before;
    claude_gcra_t  state;

    tat = 0;
    passed = 0;

    for (i = 0; i < 100; i++) {
        passed += (claude_gcra(&per_minute, 0, &tat, &state) == CLAUDE_OK
                   && state.remaining == (uint32_t) (99 - i));
    }

    is(passed, 100, "a whole burst at the clock's 0");
    is(state.reset, 60000, "all of it again in a minute");

    before = tat;

    is(claude_gcra(&per_minute, 0, &tat, &state), CLAUDE_BUSY, "no more");
    is(tat, before, "a refused request changes nothing");
    is(state.remaining, 0, "none remain");
    is(state.retry, 600, "the next in 600 ms");
    is(state.reset, 60000, "all in a minute");
    is(state.limit, 100, "the limit is told then too");

    is(claude_gcra(&per_minute, 599, &tat, &state), CLAUDE_BUSY,
       "1 ms too early");
    is(state.retry, 1, "1 ms is left");
    is(claude_gcra(&per_minute, 600, &tat, &state), CLAUDE_OK, "in time");
    is(claude_gcra(&per_minute, 600, &tat, &state), CLAUDE_BUSY, "but once");
    is(claude_gcra(&per_minute, 90600, &tat, &state), CLAUDE_OK,
       "after a long pause");
    is(state.remaining, 99, "no more than a burst was saved");
}


/* the rate holds in the long run, and who waits for retry passes */

static void
test_long_run(const char *name, const claude_rate_t *rate, uint64_t step,
    uint64_t ms)
{
    uint64_t       now, tat, passed, most, late, unseen;
    claude_gcra_t  state;

    tat = 0;
    passed = 0;
    late = 0;
    unseen = 0;

    for (now = 0; now <= ms; now += step) {
        while (claude_gcra(rate, now, &tat, &state) == CLAUDE_OK) {
            passed++;
        }

        unseen = tat;
        late += (claude_gcra(rate, now + state.retry, &unseen, &state)
                 != CLAUDE_OK);
    }

    most = rate->burst + ms * rate->count / rate->period;

    ok(passed <= most && passed + 1 >= most, "%s: %llu of %llu", name,
       (unsigned long long) passed, (unsigned long long) most);
    is(late, 0, "%s: whoever waits for retry passes", name);
}


static void
test_extremes(void)
{
    size_t         i;
    uint64_t       tat;
    claude_gcra_t  state;

    static const claude_rate_t  rates[] = {
        { 1000000, 60000, 1000000 },
        { 1, 60000, 1000000 },
        { 1, UINT32_MAX, UINT32_MAX },
        { UINT32_MAX, 1, UINT32_MAX },
        { UINT32_MAX, UINT32_MAX, 1 },
        { 1, 1, 1 }
    };

    for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        tat = 0;

        is(claude_gcra(&rates[i], 0, &tat, &state), CLAUDE_OK,
           "rate %zu: the first passes", i);
        is(state.retry, 0, "rate %zu: no wait", i);
        ok(state.remaining < rates[i].burst, "rate %zu: fewer remain", i);
        ok(state.reset > 0, "rate %zu: it takes time to recover", i);
    }

    /* as after a burst of all, 2^32 - 1 requests of 49 days each */

    tat = 1ULL << 62;
    is(claude_gcra(&rates[2], 0, &tat, &state), CLAUDE_BUSY,
       "the longest backlog is refused");
    ok(state.retry > 0 && state.retry <= 2ULL * rates[2].period,
       "for two requests' worth at most");

    tat = 0;
    (void) claude_gcra(&rates[0], 5, &tat, &state);
    is(tat, 5 * NS + 60000, "1,000,000 a minute: a request is 60 us");

    tat = 1;
    is(claude_gcra(&per_minute, 1ULL << 40, &tat, &state), CLAUDE_OK,
       "a state of 35 years ago");
    is(state.remaining, 99, "counts as none");
}


static void
test_lower_burst(void)
{
    int            i;
    uint64_t       tat;
    claude_gcra_t  state;

    static const claude_rate_t  small = { 100, 60000, 10 };

    tat = 0;

    for (i = 0; i < 50; i++) {
        (void) claude_gcra(&per_minute, 0, &tat, &state);
    }

    is(claude_gcra(&small, 0, &tat, &state), CLAUDE_BUSY,
       "a smaller burst elsewhere is over already");
    is(state.limit, 10, "with its own limit");
    is(state.retry, (50 - 9) * 600, "and a wait of its own");
}


int
main(void)
{
    static const claude_rate_t  odd = { 7, 1000, 3 };
    static const claude_rate_t  third = { 3, 1000, 1 };

    test_first();
    test_burst();
    test_long_run("100r/m", &per_minute, 1, 600000);
    test_long_run("100r/m, seldom asked", &per_minute, 30000, 600000);
    test_long_run("7r/s", &odd, 1, 100000);
    test_long_run("3r/s", &third, 1, 99999);
    test_lower_burst();
    test_extremes();

    return done_testing();
}
