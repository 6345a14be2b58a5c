
/*
 * GET api/usage: what keys have used, summed in a thread from the history's
 * files, as JSON or CSV.  What is not in there yet is written first.
 */


#include "ngx_http_claude_admin_keys.h"
#include "ngx_http_claude_admin_query.h"

#include "../state/ngx_claude_usage.h"


#define NGX_HTTP_CLAUDE_USAGES       2      /* at once in a worker */
#define NGX_HTTP_CLAUDE_USAGE_SPAN   366    /* days of one sum, at most */
#define NGX_HTTP_CLAUDE_USAGE_DAYS   30     /* of one that names no start */
#define NGX_HTTP_CLAUDE_USAGE_MAX    (64 * 1024 * 1024)
#define NGX_HTTP_CLAUDE_USAGE_POOL   16384


typedef struct {
    ngx_http_request_t        *request;
    ngx_claude_usage_wait_t    wait;
    ngx_pool_t                *pool;        /* of the answer */
    claude_mem_t               mem;
    claude_out_t               out;
    char                       dir[PATH_MAX];
    claude_usage_query_t       query;
    ngx_str_t                  group;       /* as it was asked for */
    ngx_uint_t                 csv;
    u_char                     id[CLAUDE_KEY_ID_LEN];
    claude_rc_t                rc;
    uint64_t                   damaged;
    claude_usage_error_t       error;
    ngx_uint_t                 ended;
} ngx_http_claude_usage_t;


static ngx_http_claude_usage_t *ngx_http_claude_usage_begin(
    ngx_http_request_t *r);
static void ngx_http_claude_usage_cleanup(void *data);
static void ngx_http_claude_usage_end(ngx_http_claude_usage_t *usage);
static const char *ngx_http_claude_usage_query(ngx_http_request_t *r,
    ngx_http_claude_usage_t *usage, const char **reason);
static ngx_int_t ngx_http_claude_usage_day(ngx_http_request_t *r,
    const char *name, uint32_t *day);
static ngx_int_t ngx_http_claude_usage_group(ngx_http_request_t *r,
    ngx_http_claude_usage_t *usage);
static void ngx_http_claude_usage_written(void *data);
static ngx_int_t ngx_http_claude_usage_post(ngx_http_request_t *r,
    ngx_http_claude_usage_t *usage);
static void ngx_http_claude_usage_task(void *data, ngx_log_t *log);
static void ngx_http_claude_usage_task_done(ngx_event_t *event);
static void ngx_http_claude_usage_json(ngx_http_claude_usage_t *usage,
    const claude_usage_sum_t *sum);
static void ngx_http_claude_usage_csv(ngx_http_claude_usage_t *usage,
    const claude_usage_sum_t *sum);
static ngx_int_t ngx_http_claude_usage_send(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx);
static ngx_int_t ngx_http_claude_admin_usage(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx);


ngx_http_claude_admin_route_t  ngx_http_claude_admin_usage_routes[] = {
    { ngx_string("api/usage"), NGX_HTTP_GET, 0, ngx_http_claude_admin_usage },
    { ngx_null_string, 0, 0, NULL }
};


static const struct {
    ngx_str_t                  name;
    unsigned                   bit;
} ngx_http_claude_usage_groups[] = {
    { ngx_string("day"), CLAUDE_USAGE_BY_DAY },
    { ngx_string("model"), CLAUDE_USAGE_BY_MODEL },
    { ngx_string("key"), CLAUDE_USAGE_BY_KEY },
    { ngx_null_string, 0 }
};


static const char *const  ngx_http_claude_usage_formats[] = {
    "json", "csv", NULL
};


static ngx_uint_t  ngx_http_claude_usages;  /* of this worker */


static ngx_int_t
ngx_http_claude_admin_usage(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx)
{
    const char               *param, *reason;
    ngx_http_claude_usage_t  *usage;

    if (ngx_http_claude_usages == NGX_HTTP_CLAUDE_USAGES) {
        return ngx_http_claude_admin_error(r, CLAUDE_ERR_BUSY);
    }

    usage = ngx_http_claude_usage_begin(r);
    if (usage == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    actx->data = usage;

    param = ngx_http_claude_usage_query(r, usage, &reason);

    if (param) {
        return ngx_http_claude_admin_invalid(r, CLAUDE_ERR_INVALID_VALUE,
                                             param, reason);
    }

    usage->wait.done = ngx_http_claude_usage_written;
    usage->wait.data = usage;

    if (ngx_claude_usage_write(&usage->wait) == NGX_OK
        && ngx_http_claude_usage_post(r, usage) != NGX_OK)
    {
        return ngx_http_claude_admin_error(r, CLAUDE_ERR_BUSY);
    }

    ngx_http_claude_admin_wait(r, ngx_http_claude_usage_send);

    return NGX_DONE;
}


static ngx_http_claude_usage_t *
ngx_http_claude_usage_begin(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t       *cln;
    ngx_http_claude_usage_t  *usage;

    usage = ngx_pcalloc(r->pool, sizeof(ngx_http_claude_usage_t));
    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (usage == NULL || cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_claude_usage_cleanup;
    cln->data = usage;

    ngx_http_claude_usages++;

    usage->request = r;

    return usage;
}


static void
ngx_http_claude_usage_cleanup(void *data)
{
    ngx_http_claude_usage_t *usage = data;

    ngx_http_claude_usage_end(usage);

    if (usage->pool) {
        ngx_destroy_pool(usage->pool);
    }
}


/* what is left is the client's to read: that holds up no other sum */

static void
ngx_http_claude_usage_end(ngx_http_claude_usage_t *usage)
{
    if (!usage->ended) {
        usage->ended = 1;
        ngx_http_claude_usages--;
    }
}


/* the name of a value that is none, with a reason perhaps; NULL: all is well */

static const char *
ngx_http_claude_usage_query(ngx_http_request_t *r,
    ngx_http_claude_usage_t *usage, const char **reason)
{
    ngx_int_t              rc;
    ngx_str_t              id;
    claude_moment_t        now;
    claude_usage_query_t  *query;

    query = &usage->query;

    claude_moment(&now, ngx_current_msec, ngx_time());

    *reason = "must be a day, such as 2027-01-31";

    query->to = now.day;

    if (ngx_http_claude_usage_day(r, "to", &query->to) == NGX_ERROR) {
        return "to";
    }

    query->from = query->to - (NGX_HTTP_CLAUDE_USAGE_DAYS - 1);

    if (ngx_http_claude_usage_day(r, "from", &query->from) == NGX_ERROR) {
        return "from";
    }

    if (query->from > query->to
        || query->to - query->from >= NGX_HTTP_CLAUDE_USAGE_SPAN)
    {
        *reason = "must lie before to, by 365 days at most";
        return "from";
    }

    *reason = "must be some of day, model and key, with commas between them";

    if (ngx_http_claude_usage_group(r, usage) != NGX_OK) {
        return "group";
    }

    *reason = "must be json or csv";

    if (ngx_http_claude_admin_arg_word(r, "format",
                                       ngx_http_claude_usage_formats,
                                       &usage->csv)
        == NGX_ERROR)
    {
        return "format";
    }

    *reason = "must be the id of a key";

    rc = ngx_http_claude_admin_arg(r, "key", &id);

    if (rc == NGX_ERROR
        || (rc == NGX_OK && !claude_key_id_valid(id.data, id.len)))
    {
        return "key";
    }

    if (rc == NGX_OK) {
        ngx_memcpy(usage->id, id.data, CLAUDE_KEY_ID_LEN);
        query->id = usage->id;
    }

    return NULL;
}


static ngx_int_t
ngx_http_claude_usage_day(ngx_http_request_t *r, const char *name,
    uint32_t *day)
{
    ngx_int_t     rc;
    ngx_str_t     text;
    claude_str_t  date;

    rc = ngx_http_claude_admin_arg(r, name, &text);

    if (rc != NGX_OK) {
        return rc;
    }

    date.data = text.data;
    date.len = text.len;

    return claude_usage_day(&date, day) == CLAUDE_OK ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_claude_usage_group(ngx_http_request_t *r,
    ngx_http_claude_usage_t *usage)
{
    u_char      *p, *end, *next;
    ngx_int_t    rc;
    ngx_str_t   *name;
    ngx_uint_t   i;

    rc = ngx_http_claude_admin_arg(r, "group", &usage->group);

    if (rc == NGX_DECLINED) {
        ngx_str_set(&usage->group, "day");
        usage->query.group = CLAUDE_USAGE_BY_DAY;
        return NGX_OK;
    }

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    end = usage->group.data + usage->group.len;

    for (p = usage->group.data; p <= end; p = next + 1) {

        next = ngx_strlchr(p, end, ',');
        if (next == NULL) {
            next = end;
        }

        for (i = 0; ngx_http_claude_usage_groups[i].bit; i++) {
            name = (ngx_str_t *) &ngx_http_claude_usage_groups[i].name;

            if (name->len == (size_t) (next - p)
                && ngx_memcmp(name->data, p, name->len) == 0)
            {
                break;
            }
        }

        if (ngx_http_claude_usage_groups[i].bit == 0
            || (usage->query.group & ngx_http_claude_usage_groups[i].bit))
        {
            return NGX_ERROR;
        }

        usage->query.group |= ngx_http_claude_usage_groups[i].bit;
    }

    return NGX_OK;
}


static void
ngx_http_claude_usage_written(void *data)
{
    ngx_http_claude_usage_t *usage = data;

    if (ngx_http_claude_usage_post(usage->request, usage) != NGX_OK) {
        usage->rc = CLAUDE_BUSY;
        ngx_http_claude_admin_resume(usage->request);
    }
}


static ngx_int_t
ngx_http_claude_usage_post(ngx_http_request_t *r,
    ngx_http_claude_usage_t *usage)
{
    ngx_thread_task_t            *task;
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);

    if (claude_usage_dir((char *) mcf->store->path.data, usage->dir)
        != CLAUDE_OK)
    {
        return NGX_ERROR;
    }

    /* the request's pool is not the thread's to use */

    usage->pool = ngx_create_pool(NGX_HTTP_CLAUDE_USAGE_POOL, ngx_cycle->log);
    if (usage->pool == NULL) {
        return NGX_ERROR;
    }

    usage->mem = ngx_http_claude_mem(usage->pool);

    task = ngx_thread_task_alloc(r->pool, sizeof(ngx_http_claude_usage_t *));
    if (task == NULL) {
        return NGX_ERROR;
    }

    *(ngx_http_claude_usage_t **) task->ctx = usage;

    task->handler = ngx_http_claude_usage_task;
    task->event.handler = ngx_http_claude_usage_task_done;
    task->event.data = usage;
    task->event.log = ngx_cycle->log;

    return ngx_thread_task_post(mcf->threads, task);
}


/* in a thread */

static void
ngx_http_claude_usage_task(void *data, ngx_log_t *log)
{
    claude_usage_sum_t        sum;
    ngx_http_claude_usage_t  *usage;

    usage = *(ngx_http_claude_usage_t **) data;

    usage->rc = claude_usage_sum(usage->dir, &usage->query, &sum,
                                 &usage->error);

    if (usage->rc == CLAUDE_OK) {
        usage->damaged = sum.damaged;

        claude_out_init(&usage->out, &usage->mem, NGX_HTTP_CLAUDE_USAGE_MAX);

        if (usage->csv) {
            ngx_http_claude_usage_csv(usage, &sum);

        } else {
            ngx_http_claude_usage_json(usage, &sum);
        }

        usage->rc = usage->out.rc;
    }

    claude_usage_free(&sum);
}


static void
ngx_http_claude_usage_task_done(ngx_event_t *event)
{
    ngx_http_claude_usage_t *usage = event->data;

    ngx_http_claude_admin_resume(usage->request);
}


static void
ngx_http_claude_usage_json(ngx_http_claude_usage_t *usage,
    const claude_usage_sum_t *sum)
{
    size_t                     i;
    char                       date[CLAUDE_USAGE_DATE_LEN];
    claude_out_t              *out;
    const claude_usage_row_t  *row;

    out = &usage->out;

    claude_out_literal(out, "{\"from\":\"");
    claude_usage_date(usage->query.from, date);
    claude_out_put(out, date, sizeof(date));
    claude_out_literal(out, "\",\"to\":\"");
    claude_usage_date(usage->query.to, date);
    claude_out_put(out, date, sizeof(date));
    claude_out_literal(out, "\",\"group\":\"");
    claude_out_put(out, usage->group.data, usage->group.len);
    claude_out_literal(out, "\",\"data\":[");

    for (i = 0; i < sum->nrows; i++) {
        row = &sum->rows[i];

        if (i) {
            claude_out_literal(out, ",");
        }

        claude_out_literal(out, "{");

        if (usage->query.group & CLAUDE_USAGE_BY_DAY) {
            claude_out_literal(out, "\"day\":\"");
            claude_usage_date(row->day, date);
            claude_out_put(out, date, sizeof(date));
            claude_out_literal(out, "\",");
        }

        if (usage->query.group & CLAUDE_USAGE_BY_MODEL) {
            claude_out_literal(out, "\"model\":");
            claude_json_put_string(out, row->model, row->model_len);
            claude_out_literal(out, ",");
        }

        if (usage->query.group & CLAUDE_USAGE_BY_KEY) {
            claude_out_literal(out, "\"key\":\"");
            claude_out_put(out, row->id, CLAUDE_KEY_ID_LEN);
            claude_out_literal(out, "\",");
        }

        ngx_http_claude_admin_put_count(out, &row->count);
        claude_out_literal(out, "}");
    }

    claude_out_literal(out, "]}");
}


/* RFC 4180; nothing in it needs quotes: a model's name has no comma in it */

static void
ngx_http_claude_usage_csv(ngx_http_claude_usage_t *usage,
    const claude_usage_sum_t *sum)
{
    size_t                     i;
    char                       date[CLAUDE_USAGE_DATE_LEN];
    unsigned                   group;
    claude_out_t              *out;
    const claude_usage_row_t  *row;

    out = &usage->out;
    group = usage->query.group;

    for (i = 0; ngx_http_claude_usage_groups[i].bit; i++) {
        if (group & ngx_http_claude_usage_groups[i].bit) {
            claude_out_put(out, ngx_http_claude_usage_groups[i].name.data,
                           ngx_http_claude_usage_groups[i].name.len);
            claude_out_literal(out, ",");
        }
    }

    claude_out_literal(out, "requests,errors,promptTokens,cachedTokens,"
                            "completionTokens,cost\r\n");

    for (i = 0; i < sum->nrows; i++) {
        row = &sum->rows[i];

        if (group & CLAUDE_USAGE_BY_DAY) {
            claude_usage_date(row->day, date);
            claude_out_put(out, date, sizeof(date));
            claude_out_literal(out, ",");
        }

        if (group & CLAUDE_USAGE_BY_MODEL) {
            claude_out_put(out, row->model, row->model_len);
            claude_out_literal(out, ",");
        }

        if (group & CLAUDE_USAGE_BY_KEY) {
            claude_out_put(out, row->id, CLAUDE_KEY_ID_LEN);
            claude_out_literal(out, ",");
        }

        claude_json_put_uint(out, row->count.requests);
        claude_out_literal(out, ",");
        claude_json_put_uint(out, row->count.errors);
        claude_out_literal(out, ",");
        claude_json_put_uint(out, row->count.prompt);
        claude_out_literal(out, ",");
        claude_json_put_uint(out, row->count.cached);
        claude_out_literal(out, ",");
        claude_json_put_uint(out, row->count.completion);
        claude_out_literal(out, ",");
        claude_cost_put(out, row->count.cost);
        claude_out_literal(out, "\r\n");
    }
}


static ngx_int_t
ngx_http_claude_usage_send(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx)
{
    ngx_http_claude_usage_t  *usage;

    static ngx_str_t  file = ngx_string("attachment; filename=\"usage.csv\"");

    usage = actx->data;

    ngx_http_claude_usage_end(usage);

    if (usage->rc == CLAUDE_TOO_LARGE) {
        return ngx_http_claude_admin_invalid(r, CLAUDE_ERR_INVALID_VALUE,
                   "group", "gives too many rows: ask for fewer days, or for "
                            "one key");
    }

    if (usage->rc == CLAUDE_BUSY) {
        return ngx_http_claude_admin_error(r, CLAUDE_ERR_BUSY);
    }

    if (usage->rc != CLAUDE_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, usage->error.sys,
                      "the usage in \"%s\" %s", usage->dir,
                      usage->error.reason ? usage->error.reason
                                          : "could not be summed");

        return ngx_http_claude_admin_error(r, CLAUDE_ERR_INTERNAL);
    }

    if (usage->damaged) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "%uL lines of the usage in \"%s\" can't be read and "
                      "were left out", usage->damaged, usage->dir);
    }

    if (usage->csv) {
        actx->type = "text/csv; charset=utf-8";

        if (ngx_http_claude_add_header(r, "Content-Disposition", &file)
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    return ngx_http_claude_admin_send(r, NGX_HTTP_OK, &usage->out);
}
