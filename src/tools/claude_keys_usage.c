
#include "claude_keys.h"

#include "../core/claude_json_writer.h"
#include "../core/claude_usage.h"

#include <stdio.h>
#include <string.h>


#define CLAUDE_KEYS_COUNTS(row)                                               \
    (unsigned long long) (row)->count.requests,                               \
    (unsigned long long) (row)->count.errors,                                 \
    (unsigned long long) (row)->count.prompt,                                 \
    (unsigned long long) (row)->count.cached,                                 \
    (unsigned long long) (row)->count.completion


/* a row as text: what it is of, as far as it was asked for, and its counts */

typedef struct {
    char                   day[CLAUDE_USAGE_DATE_LEN + 1];
    char                   model[CLAUDE_USAGE_MODEL_MAX + 1];
    char                   id[CLAUDE_KEY_ID_LEN + 1];
    char                   cost[32];
} claude_keys_cells_t;


static claude_keys_exit_e claude_keys_usage_print(
    const claude_keys_args_t *args, const claude_usage_sum_t *sum);
static void claude_keys_usage_json(const claude_keys_args_t *args,
    const claude_usage_sum_t *sum);
static void claude_keys_usage_csv(const claude_keys_args_t *args,
    const claude_usage_sum_t *sum);
static void claude_keys_usage_table(const claude_keys_args_t *args,
    const claude_usage_sum_t *sum);
static void claude_keys_usage_left(unsigned group, const char *day,
    const char *id, const char *model);
static void claude_keys_usage_names(unsigned group, const char *after);
static void claude_keys_usage_cells(const claude_usage_row_t *row,
    claude_keys_cells_t *cells);
static claude_keys_exit_e claude_keys_usage_failed(const char *dir,
    claude_rc_t rc, const claude_usage_error_t *error);


claude_keys_exit_e
claude_keys_usage(const claude_keys_args_t *args)
{
    char                   dir[PATH_MAX];
    claude_rc_t            rc;
    claude_keys_exit_e     status;
    claude_usage_sum_t     sum;
    claude_usage_query_t   query;
    claude_usage_error_t   error;

    status = claude_keys_trust(args, NULL);

    if (status != CLAUDE_KEYS_OK) {
        return status;
    }

    if (claude_usage_dir(args->store, dir) != CLAUDE_OK) {
        return claude_keys_error(CLAUDE_KEYS_FAILED,
                                 "the name of the key log is too long");
    }

    query.from = args->from;
    query.to = args->to;
    query.group = args->group;
    query.id = (args->given & CLAUDE_KEYS_OPT_KEY) ? args->id : NULL;

    rc = claude_usage_sum(dir, &query, &sum, &error);

    status = (rc == CLAUDE_OK) ? claude_keys_usage_print(args, &sum)
                               : claude_keys_usage_failed(dir, rc, &error);

    if (rc == CLAUDE_OK && sum.damaged) {
        fprintf(stderr, "claude-keys: %s: %llu damaged lines were left out\n",
                dir, (unsigned long long) sum.damaged);
    }

    claude_usage_free(&sum);

    return status;
}


static claude_keys_exit_e
claude_keys_usage_print(const claude_keys_args_t *args,
    const claude_usage_sum_t *sum)
{
    if (args->given & CLAUDE_KEYS_OPT_JSON) {
        claude_keys_usage_json(args, sum);

    } else if (args->given & CLAUDE_KEYS_OPT_CSV) {
        claude_keys_usage_csv(args, sum);

    } else {
        claude_keys_usage_table(args, sum);
    }

    return claude_keys_print_end();
}


/* as the admin API answers; neither form has to escape a model's name, see
 * claude_usage_model() */

static void
claude_keys_usage_json(const claude_keys_args_t *args,
    const claude_usage_sum_t *sum)
{
    char                       from[CLAUDE_USAGE_DATE_LEN];
    char                       to[CLAUDE_USAGE_DATE_LEN];
    size_t                     i;
    claude_keys_cells_t        cells;
    const claude_usage_row_t  *row;

    claude_usage_date(args->from, from);
    claude_usage_date(args->to, to);

    printf("{\"from\":\"%.*s\",\"to\":\"%.*s\",\"group\":\"",
           CLAUDE_USAGE_DATE_LEN, from, CLAUDE_USAGE_DATE_LEN, to);
    claude_keys_usage_names(args->group, "");
    printf("\",\"data\":[");

    for (i = 0; i < sum->nrows; i++) {
        row = &sum->rows[i];
        claude_keys_usage_cells(row, &cells);

        printf("%s\n{", i ? "," : "");

        if (args->group & CLAUDE_USAGE_BY_DAY) {
            printf("\"day\":\"%s\",", cells.day);
        }

        if (args->group & CLAUDE_USAGE_BY_MODEL) {
            printf("\"model\":\"%s\",", cells.model);
        }

        if (args->group & CLAUDE_USAGE_BY_KEY) {
            printf("\"key\":\"%s\",", cells.id);
        }

        printf("\"requests\":%llu,\"errors\":%llu,\"promptTokens\":%llu,"
               "\"cachedTokens\":%llu,\"completionTokens\":%llu,\"cost\":%s}",
               CLAUDE_KEYS_COUNTS(row), cells.cost);
    }

    printf("%s]}\n", sum->nrows ? "\n" : "");
}


static void
claude_keys_usage_csv(const claude_keys_args_t *args,
    const claude_usage_sum_t *sum)
{
    size_t                     i;
    claude_keys_cells_t        cells;
    const claude_usage_row_t  *row;

    claude_keys_usage_names(args->group, ",");
    printf("requests,errors,promptTokens,cachedTokens,completionTokens,"
           "cost\r\n");

    for (i = 0; i < sum->nrows; i++) {
        row = &sum->rows[i];
        claude_keys_usage_cells(row, &cells);

        if (args->group & CLAUDE_USAGE_BY_DAY) {
            printf("%s,", cells.day);
        }

        if (args->group & CLAUDE_USAGE_BY_MODEL) {
            printf("%s,", cells.model);
        }

        if (args->group & CLAUDE_USAGE_BY_KEY) {
            printf("%s,", cells.id);
        }

        printf("%llu,%llu,%llu,%llu,%llu,%s\r\n", CLAUDE_KEYS_COUNTS(row),
               cells.cost);
    }
}


static void
claude_keys_usage_table(const claude_keys_args_t *args,
    const claude_usage_sum_t *sum)
{
    size_t                     i;
    claude_keys_cells_t        cells;
    const claude_usage_row_t  *row;

    for (i = 0; i < sum->nrows; i++) {
        row = &sum->rows[i];
        claude_keys_usage_cells(row, &cells);

        if (i == 0) {
            claude_keys_usage_left(args->group, "DAY", "KEY", "MODEL");
            printf("%10s %8s %12s %12s %12s %12s\n", "REQUESTS", "ERRORS",
                   "PROMPT", "CACHED", "COMPLETION", "COST $");
        }

        claude_keys_usage_left(args->group, cells.day, cells.id,
                               row->model_len ? cells.model : "-");
        printf("%10llu %8llu %12llu %12llu %12llu %12s\n",
               CLAUDE_KEYS_COUNTS(row), cells.cost);
    }
}


static void
claude_keys_usage_left(unsigned group, const char *day, const char *id,
    const char *model)
{
    if (group & CLAUDE_USAGE_BY_DAY) {
        printf("%-10s ", day);
    }

    if (group & CLAUDE_USAGE_BY_KEY) {
        printf("%-24s ", id);
    }

    if (group & CLAUDE_USAGE_BY_MODEL) {
        printf("%-32s ", model);
    }
}


/* what rows are grouped by, in the order of columns; after ends each, or with
 * none commas stand between */

static void
claude_keys_usage_names(unsigned group, const char *after)
{
    unsigned            i, n;
    static const struct {
        unsigned        bit;
        const char     *name;
    } by[] = {
        { CLAUDE_USAGE_BY_DAY, "day" },
        { CLAUDE_USAGE_BY_MODEL, "model" },
        { CLAUDE_USAGE_BY_KEY, "key" }
    };

    n = 0;

    for (i = 0; i < sizeof(by) / sizeof(by[0]); i++) {
        if (group & by[i].bit) {
            printf("%s%s%s", (n++ && *after == '\0') ? "," : "", by[i].name,
                   after);
        }
    }
}


static void
claude_keys_usage_cells(const claude_usage_row_t *row,
    claude_keys_cells_t *cells)
{
    claude_mem_t   mem;
    claude_out_t   out;
    unsigned char  buf[64];

    memset(cells, 0, sizeof(claude_keys_cells_t));

    if (row->day) {
        claude_usage_date(row->day, cells->day);
    }

    if (row->model_len) {
        memcpy(cells->model, row->model, row->model_len);
    }

    memcpy(cells->id, row->id, CLAUDE_KEY_ID_LEN);

    claude_keys_out_init(&out, &mem, buf, sizeof(buf));
    claude_cost_put(&out, row->count.cost);

    memcpy(cells->cost, out.first->str.data, out.first->str.len);
}


static claude_keys_exit_e
claude_keys_usage_failed(const char *dir, claude_rc_t rc,
    const claude_usage_error_t *error)
{
    char  date[CLAUDE_USAGE_DATE_LEN];

    if (rc == CLAUDE_TOO_LARGE) {
        return claude_keys_error(CLAUDE_KEYS_FAILED,
                                 "over %d rows: ask for fewer days or groups",
                                 CLAUDE_USAGE_ROWS);
    }

    if (error->day) {
        claude_usage_date(error->day, date);
    }

    return claude_keys_error(CLAUDE_KEYS_FAILED, "%s%s%.*s %s%s%s", dir,
                             error->day ? "/" : "",
                             error->day ? CLAUDE_USAGE_DATE_LEN : 0, date,
                             error->reason ? error->reason : "needs memory",
                             error->sys ? ": " : "",
                             error->sys ? strerror(error->sys) : "");
}


/* the lines of the key too: compaction drops those of a key that is gone */

claude_keys_exit_e
claude_keys_forget(const claude_keys_args_t *args)
{
    char                   dir[PATH_MAX];
    claude_rc_t            rc;
    claude_keys_exit_e     status;
    claude_usage_error_t   error;

    if (claude_usage_dir(args->store, dir) != CLAUDE_OK) {
        return claude_keys_error(CLAUDE_KEYS_FAILED,
                                 "the name of the key log is too long");
    }

    status = claude_keys_end(args);

    if (status == CLAUDE_KEYS_OK) {
        status = claude_keys_compact(args);
    }

    if (status != CLAUDE_KEYS_OK) {
        return status;
    }

    rc = claude_usage_forget(dir, args->id, &error);

    return (rc == CLAUDE_OK) ? CLAUDE_KEYS_OK
                             : claude_keys_usage_failed(dir, rc, &error);
}
