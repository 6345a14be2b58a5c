
/*
 * Counters without nginx: nothing is lost between processes, tables that are
 * full, and a process killed at every store.
 */


#include "ngx_shim.h"

#include "../../src/state/ngx_claude_metrics.h"
#include "killed.h"


#define WRITERS  4
#define EACH     20000


static ngx_shm_zone_t        zone;
static ngx_claude_metrics_t  metrics;

static const claude_bucket_t  two[] = { { 10, "" }, { 100, "" } };


static void
open_zone(void)
{
    shim_zone(&zone, "metrics", NGX_CLAUDE_METRICS_SIZE);
    memset(&metrics, 0, sizeof(metrics));
    zone.data = &metrics;

    if (ngx_claude_metrics_init_zone(&zone, NULL) != NGX_OK) {
        bail("the zone can't be made");
    }
}


static ngx_claude_metrics_model_t *
model(const char *text)
{
    claude_str_t                 name;
    ngx_claude_metrics_model_t  *found;

    name.data = (const u_char *) text;
    name.len = strlen(text);

    found = ngx_claude_metrics_find(&metrics, &name);

    return found ? found : ngx_claude_metrics_make(&metrics, &name);
}


/* of the cells with this key; more than one cell is a fault */

static uint64_t
counted(uint32_t key)
{
    uint64_t    count;
    ngx_uint_t  i, cells;

    count = 0;
    cells = 0;

    for (i = 0; i < NGX_CLAUDE_METRICS_CELLS; i++) {
        if (metrics.shm->cells[i].key == key) {
            count += metrics.shm->cells[i].count;
            cells++;
        }
    }

    return cells > 1 ? UINT64_MAX : count;
}


static void
test_counts(void)
{
    int                             i;
    uint32_t                        key;
    ngx_claude_metrics_histogram_t  *h;

    open_zone();

    key = ngx_claude_metrics_key(3, 429, 40);
    is(ngx_claude_metrics_key_route(key), 3, "a key has its route");
    is(ngx_claude_metrics_key_status(key), 429, "its status");
    is(ngx_claude_metrics_key_reason(key), 40, "and its reason");

    for (i = 0; i < 3; i++) {
        ngx_claude_metrics_count(&metrics, key);
    }

    ngx_claude_metrics_count(&metrics, ngx_claude_metrics_key(3, 429, 41));

    is(counted(key), 3, "a key is counted");
    is(counted(ngx_claude_metrics_key(3, 429, 41)), 1, "apart from others");

    h = &model("m")->first;
    ngx_claude_metrics_observe(h, two, 2, 0);
    ngx_claude_metrics_observe(h, two, 2, 10);
    ngx_claude_metrics_observe(h, two, 2, 11);
    ngx_claude_metrics_observe(h, two, 2, 101);
    is(h->counts[0], 2, "a bound is of its bucket");
    is(h->counts[1], 1, "what is above of the next");
    is(h->counts[2], 1, "and what is above all of the last");
    is(h->sum, 122, "the sum");

    shim_zone_free(&zone);
}


static void
test_models(void)
{
    char        name[NGX_CLAUDE_METRICS_NAME + 2];
    ngx_uint_t  i, n, capacity;

    open_zone();

    ok(model("one") != model("two"), "two models have two places");
    ok(model("one") == model("one"), "one has one");
    ok(model("other") == &metrics.shm->models[0], "other is the others'");
    ok(model("") == &metrics.shm->models[0], "no name is one of them");

    memset(name, 'x', sizeof(name));
    name[NGX_CLAUDE_METRICS_NAME + 1] = '\0';
    ok(model(name) == &metrics.shm->models[0], "so is one too long");
    name[NGX_CLAUDE_METRICS_NAME] = '\0';
    ok(model(name) != &metrics.shm->models[0], "one that fits is not");

    for (i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "many%u", (unsigned) i);
        (void) model(name);
    }

    ok(model("many199") == &metrics.shm->models[0], "there is an end");
    ok(model("one") != &metrics.shm->models[0], "who has a place keeps it");

    ngx_claude_metrics_fill(&metrics, &n, &capacity);
    is(n, NGX_CLAUDE_METRICS_MODELS, "all places are taken");
    is(capacity, NGX_CLAUDE_METRICS_MODELS, "of as many");

    shim_zone_free(&zone);
}


static void
test_full(void)
{
    uint32_t  i;
    uint64_t  sum;

    open_zone();

    for (i = 0; i < 4000; i++) {
        ngx_claude_metrics_count(&metrics,
                                 ngx_claude_metrics_key(i / 900, i % 900, 1));
    }

    for (i = 0, sum = 0; i < NGX_CLAUDE_METRICS_CELLS; i++) {
        sum += metrics.shm->cells[i].count;
    }

    is(sum, 4000, "with more than fit none is lost");
    ok(metrics.shm->cells[0].count > 1900, "they are others");

    shim_zone_free(&zone);
}


static void
test_processes(void)
{
    int       i, status;
    char      name[32];
    uint32_t  n;
    uint64_t  sum;
    pid_t     pids[WRITERS];

    open_zone();

    for (i = 0; i < WRITERS; i++) {
        pids[i] = fork();

        if (pids[i] == 0) {
            for (n = 0; n < EACH; n++) {
                ngx_claude_metrics_count(&metrics,
                                 ngx_claude_metrics_key(1, 200 + n % 50, 0));
                snprintf(name, sizeof(name), "m%u", (unsigned) n % 40);
                ngx_claude_metrics_add(&model(name)->tokens[0], 2);
            }

            _exit(0);
        }
    }

    for (i = 0; i < WRITERS; i++) {
        waitpid(pids[i], &status, 0);
        is(status, 0, "a writer ends well");
    }

    for (n = 0, sum = 0; n < 50; n++) {
        sum += counted(ngx_claude_metrics_key(1, 200 + n, 0));
    }

    is(sum, WRITERS * EACH, "of several processes every request is counted");

    for (n = 0, sum = 0; n < metrics.shm->nmodels; n++) {
        sum += metrics.shm->models[n].tokens[0];
    }

    is(sum, 2 * WRITERS * EACH, "and every token");
    is(metrics.shm->nmodels, 41, "a model that several made is there once");

    shim_zone_free(&zone);
}


static void  do_model(void)  { (void) model("a-new-model"); }

static void
do_count(void)
{
    ngx_claude_metrics_count(&metrics, ngx_claude_metrics_key(2, 200, 0));
}


static const char *
check_killed(void)
{
    uint64_t  before;

    before = counted(ngx_claude_metrics_key(2, 200, 0));

    if (before > 2) {
        return "requests come from nowhere";
    }

    do_count();

    if (counted(ngx_claude_metrics_key(2, 200, 0)) != before + 1) {
        return "a request isn't counted";
    }

    if (model("old") == &metrics.shm->models[0]
        || model("old")->tokens[1] != 7)
    {
        return "a model is lost";
    }

    if (model("a-new-model")->len != strlen("a-new-model")
        || model("a-new-model")->tokens[0] != 0
        || model("a-new-model") != model("a-new-model"))
    {
        return "a model is half there";
    }

    return NULL;
}


static void
test_killed(void)
{
    unsigned     stores;
    const char  *first;

    open_zone();

    model("old")->tokens[1] = 7;

    stores = killed_anywhere(&zone, do_count, check_killed, &first);
    is_str(first, NULL, "killed at any of %u stores of a first request",
           stores);
    ok(stores >= 2, "there are some");

    stores = killed_anywhere(&zone, do_model, check_killed, &first);
    is_str(first, NULL, "killed at any of %u stores of a new model", stores);
    ok(stores >= 3, "there are some too");

    shim_zone_free(&zone);
}


static void
test_again(void)
{
    ngx_claude_metrics_t  next;

    open_zone();

    do_count();

    memset(&next, 0, sizeof(next));
    zone.data = &next;

    is(ngx_claude_metrics_init_zone(&zone, &metrics), NGX_OK, "a reload");
    ok(next.shm == metrics.shm, "goes on with what was counted");

    next.shm->layout++;
    is(ngx_claude_metrics_init_zone(&zone, &metrics), NGX_ERROR,
       "unless it is of another layout");

    shim_zone_free(&zone);
}


int
main(void)
{
    test_counts();
    test_models();
    test_full();
    test_processes();
    test_killed();
    test_again();

    return done_testing();
}
