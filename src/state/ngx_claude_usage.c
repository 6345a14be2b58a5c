
#include "ngx_claude_ledger.h"
#include "ngx_claude_usage.h"


/* how often a worker asks whether it is its turn, and the turns of all */

#define NGX_CLAUDE_USAGE_TICK   500
#define NGX_CLAUDE_USAGE_SWEEP  2000
#define NGX_CLAUDE_USAGE_TIDY   3600000

/* what is written at once */

#define NGX_CLAUDE_USAGE_LINES  512


/* what a thread does: it writes lines, and tidies */

typedef struct {
    char                    dir[PATH_MAX];
    claude_usage_line_t    *lines;
    ngx_uint_t              n;
    size_t                  written;
    uint32_t                today;
    ngx_uint_t              tidy;
    claude_rc_t             rc;
    claude_usage_error_t    error;
} ngx_claude_usage_job_t;


/* begins like ngx_connection_t, where a debug log looks for a descriptor */

typedef struct {
    ngx_claude_store_t     *store;
    void                   *unused;
    ngx_log_t              *log;
    ngx_socket_t            fd;
    ngx_event_t             event;
    ngx_thread_task_t       task;
    ngx_claude_usage_job_t  job;
    ngx_queue_t             waits;      /* of ngx_claude_usage_wait_t */
    unsigned                busy:1;     /* a task is under way */
    unsigned                again:1;    /* some wait for what came since */
} ngx_claude_usage_timer_t;


typedef struct {
    ngx_claude_store_t     *store;
    claude_moment_t         now;
} ngx_claude_usage_load_t;


static claude_rc_t ngx_claude_usage_loaded(void *data,
    const claude_usage_line_t *line);
static void ngx_claude_usage_tick(ngx_event_t *event);
static ngx_uint_t ngx_claude_usage_due(ngx_claude_usage_timer_t *timer);
static void ngx_claude_usage_post(ngx_claude_usage_timer_t *timer);
static ngx_uint_t ngx_claude_usage_take(ngx_claude_usage_timer_t *timer);
static void ngx_claude_usage_give(ngx_claude_usage_timer_t *timer);
static void ngx_claude_usage_work(void *data, ngx_log_t *log);
static void ngx_claude_usage_worked(ngx_event_t *event);
static void ngx_claude_usage_written(ngx_claude_usage_timer_t *timer);
static void ngx_claude_usage_settle(ngx_claude_usage_timer_t *timer);
static void ngx_claude_usage_tell(ngx_claude_usage_timer_t *timer);
static void ngx_claude_usage_trouble(ngx_log_t *log, const char *dir,
    claude_rc_t rc, const claude_usage_error_t *error);


static ngx_claude_usage_timer_t  *ngx_claude_usage_timer;


void
ngx_claude_usage_load(ngx_claude_store_t *store, ngx_log_t *log)
{
    char                     dir[PATH_MAX];
    uint32_t                 first;
    uint64_t                 damaged;
    claude_rc_t              rc;
    claude_usage_error_t     error;
    ngx_claude_usage_load_t  load;

    load.store = store;
    damaged = 0;

    claude_moment(&load.now, ngx_current_msec, ngx_time());

    first = (uint32_t) (claude_month_start(load.now.month) / 86400);

    if (claude_usage_dir((char *) store->path.data, dir) != CLAUDE_OK) {
        return;
    }

    /* a day more: the clock may have been ahead of its time */

    rc = claude_usage_read(dir, first, load.now.day + 1,
                           ngx_claude_usage_loaded, &load, &damaged, &error);

    if (rc != CLAUDE_OK) {
        ngx_claude_usage_trouble(log, dir, rc, &error);
        return;
    }

    if (damaged) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "%uL lines of the usage history in \"%s\" can't be read "
                      "and are left out", damaged, dir);
    }
}


static claude_rc_t
ngx_claude_usage_loaded(void *data, const claude_usage_line_t *line)
{
    ngx_claude_usage_load_t *load = data;

    ngx_claude_account_t   *account;
    ngx_claude_keystore_t  *ks;

    ks = &load->store->keystore;

    ngx_claude_keystore_lock(ks);

    account = ngx_claude_keystore_account(ks, NGX_CLAUDE_SLOT_NONE, line->id);

    if (account) {
        claude_account_count(account, &load->now, line->day, &line->count);
    }

    ngx_claude_keystore_unlock(ks);

    return CLAUDE_OK;
}


ngx_int_t
ngx_claude_usage_init_process(ngx_claude_store_t *store, ngx_cycle_t *cycle)
{
    ngx_event_t               *event;
    ngx_claude_usage_timer_t  *timer;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    timer = ngx_pcalloc(cycle->pool, sizeof(ngx_claude_usage_timer_t));
    if (timer == NULL) {
        return NGX_ERROR;
    }

    timer->store = store;
    timer->log = cycle->log;
    timer->fd = (ngx_socket_t) -1;

    ngx_queue_init(&timer->waits);

    if (claude_usage_dir((char *) store->path.data, timer->job.dir)
        != CLAUDE_OK)
    {
        return NGX_ERROR;
    }

    timer->job.lines = ngx_pcalloc(cycle->pool, NGX_CLAUDE_USAGE_LINES
                                                * sizeof(claude_usage_line_t));
    if (timer->job.lines == NULL) {
        return NGX_ERROR;
    }

    ngx_claude_account_enter(store, cycle->log);

    event = &timer->event;

    event->handler = ngx_claude_usage_tick;
    event->data = timer;
    event->log = cycle->log;
    event->cancelable = 1;

    ngx_add_timer(event, NGX_CLAUDE_USAGE_TICK);

    ngx_claude_usage_timer = timer;

    return NGX_OK;
}


/* threads have ended before: nothing is under way but what a task has left */

void
ngx_claude_usage_exit_process(ngx_cycle_t *cycle)
{
    ngx_claude_usage_timer_t  *timer;

    timer = ngx_claude_usage_timer;

    if (timer == NULL) {
        return;
    }

    ngx_claude_usage_timer = NULL;

    if (timer->busy) {
        ngx_claude_usage_settle(timer);
    }

    ngx_claude_account_leave(timer->store);

    timer->job.tidy = 0;

    while (ngx_claude_usage_take(timer)) {
        ngx_claude_usage_work(&timer->job, timer->log);
        ngx_claude_usage_settle(timer);

        if (timer->store->keystore.ledger->failed) {
            break;
        }
    }
}


static void
ngx_claude_usage_tick(ngx_event_t *event)
{
    ngx_claude_store_t        *store;
    ngx_claude_usage_timer_t  *timer;

    timer = event->data;
    store = timer->store;

    if (ngx_claude_keystore_tick(&store->keystore, NGX_CLAUDE_TICK_SWEEP,
                                 NGX_CLAUDE_USAGE_SWEEP))
    {
        ngx_claude_account_sweep(store);
    }

    if (!timer->busy && ngx_claude_usage_due(timer)) {
        ngx_claude_usage_post(timer);
    }

    ngx_add_timer(event, NGX_CLAUDE_USAGE_TICK);
}


/* sooner than flush= says where there is soon no room left */

static ngx_uint_t
ngx_claude_usage_due(ngx_claude_usage_timer_t *timer)
{
    ngx_claude_ledger_t    *ledger;
    ngx_claude_keystore_t  *ks;

    ks = &timer->store->keystore;
    ledger = ks->ledger;

    timer->job.tidy = ngx_claude_keystore_tick(ks, NGX_CLAUDE_TICK_TIDY,
                                               NGX_CLAUDE_USAGE_TIDY);

    return timer->job.tidy
           || ngx_claude_keystore_tick(ks, NGX_CLAUDE_TICK_USAGE,
                                       timer->store->flush)
           || (ledger->unwritten > ledger->ndeltas / 2
               && !ledger->failed);
}


static void
ngx_claude_usage_post(ngx_claude_usage_timer_t *timer)
{
    ngx_thread_task_t  *task;

    if (ngx_claude_usage_take(timer) == 0 && !timer->job.tidy) {
        return;
    }

    task = &timer->task;

    task->ctx = &timer->job;
    task->handler = ngx_claude_usage_work;
    task->event.data = timer;
    task->event.handler = ngx_claude_usage_worked;
    task->event.log = timer->log;

    if (ngx_thread_task_post(timer->store->threads, task) != NGX_OK) {
        ngx_claude_usage_give(timer);
        return;
    }

    timer->busy = 1;
}


static ngx_uint_t
ngx_claude_usage_take(ngx_claude_usage_timer_t *timer)
{
    ngx_claude_keystore_t  *ks;

    ks = &timer->store->keystore;

    ngx_claude_keystore_lock(ks);

    timer->job.n = ngx_claude_ledger_take(ks->ledger, timer->job.lines,
                                          NGX_CLAUDE_USAGE_LINES);

    ngx_claude_keystore_unlock(ks);

    timer->job.today = (uint32_t) (ngx_time() / 86400);
    timer->job.written = 0;
    timer->job.rc = CLAUDE_OK;

    return timer->job.n;
}


/* what was not written is counted once more; a hold of the lock each */

static void
ngx_claude_usage_give(ngx_claude_usage_timer_t *timer)
{
    size_t                 i;
    uint32_t               model;
    claude_str_t           name;
    ngx_claude_ledger_t   *ledger;
    claude_usage_line_t   *line;

    ledger = timer->store->keystore.ledger;

    for (i = timer->job.written; i < timer->job.n; i++) {
        line = &timer->job.lines[i];

        name.data = line->model;
        name.len = line->model_len;

        ngx_claude_keystore_lock(&timer->store->keystore);

        model = ngx_claude_ledger_model(ledger, &name, 1);

        (void) ngx_claude_ledger_redo(ledger);

        if (ngx_claude_ledger_delta(ledger, line->id, line->day, model)
            == NGX_OK)
        {
            claude_count_add(&ledger->redo.delta.count, &line->count);
            ngx_claude_ledger_commit(ledger);

        } else {
            ledger->lost += line->count.requests;
        }

        ngx_claude_keystore_unlock(&timer->store->keystore);
    }

    timer->job.n = 0;
    timer->job.written = 0;
}


static void
ngx_claude_usage_work(void *data, ngx_log_t *log)
{
    ngx_claude_usage_job_t *job = data;

    (void) log;

    if (job->n) {
        job->rc = claude_usage_append(job->dir, job->lines, job->n,
                                      &job->written, &job->error);
    }

    if (job->rc == CLAUDE_OK && job->tidy) {
        job->rc = claude_usage_tidy(job->dir, job->today, &job->error);
    }
}


static void
ngx_claude_usage_worked(ngx_event_t *event)
{
    ngx_uint_t                 more;
    ngx_claude_usage_timer_t  *timer;

    timer = event->data;

    more = (timer->job.n == NGX_CLAUDE_USAGE_LINES || timer->again);
    timer->again = 0;

    ngx_claude_usage_settle(timer);

    if (more && !timer->store->keystore.ledger->failed) {
        ngx_claude_usage_post(timer);
    }

    if (!timer->busy) {
        ngx_claude_usage_written(timer);
    }
}


/* done may wait anew: those are for the next time */

static void
ngx_claude_usage_written(ngx_claude_usage_timer_t *timer)
{
    ngx_queue_t               waits, *q;
    ngx_claude_usage_wait_t  *wait;

    ngx_queue_init(&waits);

    if (!ngx_queue_empty(&timer->waits)) {
        ngx_queue_add(&waits, &timer->waits);
        ngx_queue_init(&timer->waits);
    }

    while (!ngx_queue_empty(&waits)) {
        q = ngx_queue_head(&waits);
        ngx_queue_remove(q);

        wait = ngx_queue_data(q, ngx_claude_usage_wait_t, queue);
        wait->done(wait->data);
    }
}


ngx_int_t
ngx_claude_usage_write(ngx_claude_usage_wait_t *wait)
{
    ngx_claude_usage_timer_t  *timer;

    timer = ngx_claude_usage_timer;

    if (timer == NULL) {
        return NGX_OK;
    }

    if (timer->busy) {
        timer->again = 1;

    } else if (timer->store->keystore.ledger->unwritten) {
        timer->job.tidy = 0;
        ngx_claude_usage_post(timer);
    }

    if (!timer->busy) {
        return NGX_OK;
    }

    ngx_queue_insert_tail(&timer->waits, &wait->queue);

    return NGX_AGAIN;
}


static void
ngx_claude_usage_settle(ngx_claude_usage_timer_t *timer)
{
    timer->busy = 0;
    timer->job.tidy = 0;

    ngx_claude_usage_give(timer);
    ngx_claude_usage_tell(timer);
}


/* a line in the log when it begins, and when it is over, by whichever process
 * it is: single stores, so no lock */

static void
ngx_claude_usage_tell(ngx_claude_usage_timer_t *timer)
{
    ngx_claude_ledger_t     *ledger;
    ngx_claude_usage_job_t  *job;

    job = &timer->job;
    ledger = timer->store->keystore.ledger;

    if (job->rc != CLAUDE_OK && !ledger->failed) {
        ledger->failed = 1;
        ngx_claude_usage_trouble(timer->log, job->dir, job->rc, &job->error);

    } else if (job->rc == CLAUDE_OK && ledger->failed) {
        ledger->failed = 0;
        ngx_log_error(NGX_LOG_NOTICE, timer->log, 0,
                      "the usage history in \"%s\" is written again",
                      job->dir);
    }

    if (ledger->lost != ledger->told) {
        ledger->told = ledger->lost;
        ngx_log_error(NGX_LOG_ERR, timer->log, 0,
                      "%uL calls are missing in the usage history: the "
                      "claude_keystore zone has no room to keep them until "
                      "they are written", ledger->told);
    }
}


static void
ngx_claude_usage_trouble(ngx_log_t *log, const char *dir, claude_rc_t rc,
    const claude_usage_error_t *error)
{
    char  date[CLAUDE_USAGE_DATE_LEN + 1];

    if (error->day == 0) {
        ngx_log_error(NGX_LOG_ERR, log, error->sys,
                      "the usage history in \"%s\" %s", dir, error->reason);
        return;
    }

    claude_usage_date(error->day, date);
    date[CLAUDE_USAGE_DATE_LEN] = '\0';

    ngx_log_error(NGX_LOG_ERR, log, error->sys,
                  "the usage history in \"%s\", \"%s.jsonl\" %s", dir, date,
                  error->reason);
}
