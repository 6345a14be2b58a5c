
#include "claude_usage.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>


#define CLAUDE_USAGE_FIRST  1024        /* entries of an index */


/* what tells rows apart */

typedef struct {
    uint32_t               day;
    uint32_t               model;       /* its number, from 1; 0: none */
    unsigned char          id[CLAUDE_KEY_ID_LEN];
} claude_usage_key_t;


typedef struct {
    claude_usage_sum_t          *sum;
    const claude_usage_query_t  *query;
} claude_usage_summing_t;


static claude_rc_t claude_usage_summed(void *ctx,
    const claude_usage_line_t *line);
static claude_rc_t claude_usage_number_of(claude_usage_sum_t *sum,
    const claude_usage_line_t *line, uint32_t *number);
static claude_rc_t claude_usage_find(claude_usage_sum_t *sum,
    const claude_usage_key_t *key, claude_usage_row_t **row);
static claude_rc_t claude_usage_grow(claude_usage_sum_t *sum);
static void claude_usage_key(const claude_usage_row_t *row,
    claude_usage_key_t *key);
static size_t claude_usage_hash(const claude_usage_sum_t *sum,
    const claude_usage_key_t *key);
static int claude_usage_compare(const void *one, const void *two);


claude_rc_t
claude_usage_sum(const char *dir, const claude_usage_query_t *query,
    claude_usage_sum_t *sum, claude_usage_error_t *error)
{
    claude_rc_t             rc;
    claude_usage_summing_t  summing = { sum, query };

    memset(error, 0, sizeof(claude_usage_error_t));

    rc = claude_usage_sum_init(sum);

    if (rc == CLAUDE_OK) {
        rc = claude_usage_read(dir, query->from, query->to,
                               claude_usage_summed, &summing, &sum->damaged,
                               error);
    }

    if (rc == CLAUDE_OK) {
        claude_usage_sum_sort(sum);

    } else if (rc == CLAUDE_TOO_LARGE) {
        error->reason = "has too many rows in that time";

    } else if (rc == CLAUDE_NO_MEMORY) {
        error->reason = "needs more memory to be summed";
    }

    return rc;
}


static claude_rc_t
claude_usage_summed(void *ctx, const claude_usage_line_t *line)
{
    claude_usage_summing_t *summing = ctx;

    if (summing->query->id
        && memcmp(summing->query->id, line->id, CLAUDE_KEY_ID_LEN) != 0)
    {
        return CLAUDE_OK;
    }

    return claude_usage_sum_add(summing->sum, summing->query->group, line);
}


claude_rc_t
claude_usage_sum_init(claude_usage_sum_t *sum)
{
    memset(sum, 0, sizeof(claude_usage_sum_t));

    /* models that callers made up can't be chosen to meet in the index */

    randombytes_buf(sum->key, sizeof(sum->key));

    sum->models = calloc(CLAUDE_USAGE_MODELS, sizeof(unsigned char *));

    return sum->models ? claude_usage_grow(sum) : CLAUDE_NO_MEMORY;
}


void
claude_usage_free(claude_usage_sum_t *sum)
{
    size_t  i;

    for (i = 0; i < sum->nmodels; i++) {
        free(sum->models[i]);
    }

    free(sum->models);
    free(sum->index);
    free(sum->rows);

    memset(sum, 0, sizeof(claude_usage_sum_t));
}


claude_rc_t
claude_usage_sum_add(claude_usage_sum_t *sum, unsigned group,
    const claude_usage_line_t *line)
{
    claude_rc_t          rc;
    claude_usage_key_t   key;
    claude_usage_row_t  *row;

    memset(&key, 0, sizeof(claude_usage_key_t));

    if (group & CLAUDE_USAGE_BY_DAY) {
        key.day = line->day;
    }

    if (group & CLAUDE_USAGE_BY_KEY) {
        memcpy(key.id, line->id, CLAUDE_KEY_ID_LEN);
    }

    if (group & CLAUDE_USAGE_BY_MODEL && line->model_len) {
        rc = claude_usage_number_of(sum, line, &key.model);

        if (rc != CLAUDE_OK) {
            return rc;
        }
    }

    rc = claude_usage_find(sum, &key, &row);

    if (rc == CLAUDE_OK) {
        claude_count_add(&row->count, &line->count);
    }

    return rc;
}


/* names are kept once, behind their numbers */

static claude_rc_t
claude_usage_number_of(claude_usage_sum_t *sum,
    const claude_usage_line_t *line, uint32_t *number)
{
    size_t          i;
    unsigned char  *name;

    for (i = 0; i < sum->nmodels; i++) {
        name = sum->models[i];

        if (name[4] == line->model_len
            && memcmp(name + 5, line->model, line->model_len) == 0)
        {
            *number = (uint32_t) i + 1;
            return CLAUDE_OK;
        }
    }

    if (sum->nmodels == CLAUDE_USAGE_MODELS) {
        return CLAUDE_TOO_LARGE;
    }

    name = malloc(5 + CLAUDE_USAGE_MODEL_MAX);

    if (name == NULL) {
        return CLAUDE_NO_MEMORY;
    }

    *number = (uint32_t) sum->nmodels + 1;

    memcpy(name, number, 4);
    name[4] = (unsigned char) line->model_len;
    memcpy(name + 5, line->model, line->model_len);

    sum->models[sum->nmodels++] = name;

    return CLAUDE_OK;
}


static claude_rc_t
claude_usage_find(claude_usage_sum_t *sum, const claude_usage_key_t *key,
    claude_usage_row_t **row)
{
    size_t               i;
    claude_usage_key_t   other;
    claude_usage_row_t  *new;

    for (i = claude_usage_hash(sum, key); sum->index[i];
         i = (i + 1) & sum->mask)
    {
        *row = &sum->rows[sum->index[i] - 1];
        claude_usage_key(*row, &other);

        if (memcmp(&other, key, sizeof(claude_usage_key_t)) == 0) {
            return CLAUDE_OK;
        }
    }

    if (sum->nrows == CLAUDE_USAGE_ROWS) {
        return CLAUDE_TOO_LARGE;
    }

    if (sum->nrows == sum->size) {
        if (claude_usage_grow(sum) != CLAUDE_OK) {
            return CLAUDE_NO_MEMORY;
        }

        return claude_usage_find(sum, key, row);
    }

    new = &sum->rows[sum->nrows++];
    sum->index[i] = (uint32_t) sum->nrows;

    memset(new, 0, sizeof(claude_usage_row_t));

    new->day = key->day;
    memcpy(new->id, key->id, CLAUDE_KEY_ID_LEN);

    if (key->model) {
        new->model = sum->models[key->model - 1] + 5;
        new->model_len = new->model[-1];
    }

    *row = new;

    return CLAUDE_OK;
}


/* an index of twice as many entries as there is room for rows, at least */

static claude_rc_t
claude_usage_grow(claude_usage_sum_t *sum)
{
    size_t               i, n, at, entries;
    uint32_t            *index;
    claude_usage_key_t   key;
    claude_usage_row_t  *rows;

    entries = sum->mask ? 2 * (sum->mask + 1) : CLAUDE_USAGE_FIRST;
    n = entries / 2;

    rows = realloc(sum->rows, n * sizeof(claude_usage_row_t));

    if (rows == NULL) {
        return CLAUDE_NO_MEMORY;
    }

    sum->rows = rows;

    index = calloc(entries, sizeof(uint32_t));

    if (index == NULL) {
        return CLAUDE_NO_MEMORY;
    }

    free(sum->index);

    sum->index = index;
    sum->mask = entries - 1;
    sum->size = n;

    for (i = 0; i < sum->nrows; i++) {
        claude_usage_key(&rows[i], &key);

        for (at = claude_usage_hash(sum, &key); index[at];
             at = (at + 1) & sum->mask)
        {
            /* void */
        }

        index[at] = (uint32_t) i + 1;
    }

    return CLAUDE_OK;
}


static void
claude_usage_key(const claude_usage_row_t *row, claude_usage_key_t *key)
{
    memset(key, 0, sizeof(claude_usage_key_t));

    key->day = row->day;
    memcpy(key->id, row->id, CLAUDE_KEY_ID_LEN);

    if (row->model) {
        memcpy(&key->model, row->model - 5, sizeof(uint32_t));
    }
}


static size_t
claude_usage_hash(const claude_usage_sum_t *sum,
    const claude_usage_key_t *key)
{
    uint64_t  hash;

    (void) crypto_shorthash((unsigned char *) &hash,
                            (const unsigned char *) key,
                            sizeof(claude_usage_key_t), sum->key);

    return (size_t) hash & sum->mask;
}


/* the index is of no use any more */

void
claude_usage_sum_sort(claude_usage_sum_t *sum)
{
    if (sum->nrows) {
        qsort(sum->rows, sum->nrows, sizeof(claude_usage_row_t),
              claude_usage_compare);
    }
}


static int
claude_usage_compare(const void *one, const void *two)
{
    int                        rc;
    const claude_usage_row_t  *a = one;
    const claude_usage_row_t  *b = two;

    if (a->day != b->day) {
        return (a->day < b->day) ? -1 : 1;
    }

    if (a->model != b->model) {
        rc = (a->model && b->model)
             ? memcmp(a->model, b->model, (a->model_len < b->model_len)
                                          ? a->model_len : b->model_len)
             : 0;

        if (rc == 0) {
            rc = (a->model_len < b->model_len) ? -1 : 1;
        }

        return rc;
    }

    return memcmp(a->id, b->id, CLAUDE_KEY_ID_LEN);
}
