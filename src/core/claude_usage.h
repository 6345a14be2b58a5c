
/*
 * The history of what keys have used: a directory beside the key log, with one
 * file a day of UTC's calendar, YYYY-MM-DD.jsonl.  Each line says what came
 * beside what lines before it say, of one key and one model, in any order:
 *
 *   {"id":"key_…","model":"claude-…","requests":1,"errors":0,
 *    "promptTokens":9,"cachedTokens":0,"completionTokens":12,"cost":207}
 *
 * cost in micro-dollars; model is left out where none had begun to answer.  A
 * file is now and then compacted to one line a key and model, under a first
 * line {"compacted":BYTES} that says how many bytes follow it since then.
 * Files of CLAUDE_USAGE_DAYS days are kept, today's among them.
 *
 * Every call blocks on files: from an event loop, call in a thread.  Writers,
 * of any process, are kept apart by flock() on the day's file.
 */


#ifndef CLAUDE_USAGE_H
#define CLAUDE_USAGE_H


#include "claude_account.h"
#include "claude_key.h"
#include "claude_out.h"

#include <limits.h>


#define CLAUDE_USAGE_DAYS       90
#define CLAUDE_USAGE_MODEL_MAX  128     /* longer names are cut there */
#define CLAUDE_USAGE_LINE_MAX   512     /* bytes, LF among them */
#define CLAUDE_USAGE_DATE_LEN   10      /* "2026-11-24" */
#define CLAUDE_USAGE_WAIT       1000    /* ms that a lock is waited for */


typedef struct {
    unsigned char          id[CLAUDE_KEY_ID_LEN];
    unsigned char          model[CLAUDE_USAGE_MODEL_MAX];
    uint32_t               model_len;   /* 0: none */
    uint32_t               day;         /* since 1970 */
    claude_count_t         count;
} claude_usage_line_t;


typedef struct {
    const char            *reason;      /* static text: "can't be opened" */
    int                    sys;         /* errno, or 0 */
    uint32_t               day;         /* of the file; 0: the directory */
} claude_usage_error_t;


/* the directory that belongs to a key log: CLAUDE_TOO_LARGE for a path that is
 * too long */

claude_rc_t claude_usage_dir(const char *log, char dir[PATH_MAX]);

/* a day as "2026-11-24", not terminated, and back; CLAUDE_INVALID: another
 * form, or a day that does not exist or lies before 1970-01-02 */

void claude_usage_date(uint32_t day, char date[CLAUDE_USAGE_DATE_LEN]);
claude_rc_t claude_usage_day(const claude_str_t *date, uint32_t *day);

/* whether name may stand for a model in a line */

unsigned claude_usage_model(const unsigned char *name, size_t len);


/* one line without its LF, and with it; day is not of the line.
 * CLAUDE_INVALID: another form.  CLAUDE_DECLINED: a line that says that the
 * file was compacted, and *bytes how large it was. */

claude_rc_t claude_usage_read_line(const claude_str_t *text,
    claude_usage_line_t *line, uint64_t *bytes);
void claude_usage_write_line(claude_out_t *out,
    const claude_usage_line_t *line);

/*
 * The two ways that claude_usage_read_line() goes, for what holds them against
 * each other: the fast one takes lines as claude_usage_write_line() writes
 * them; all else is CLAUDE_DECLINED.
 */

claude_rc_t claude_usage_read_fast(const claude_str_t *text,
    claude_usage_line_t *line);
claude_rc_t claude_usage_read_full(const claude_str_t *text,
    claude_usage_line_t *line, uint64_t *bytes);


/*
 * Adds n lines to their days' files, and makes them durable.  The directory is
 * made where there is none, 0700.  Not CLAUDE_OK: days that come later in
 * lines were not written, and *written is how many lines were: the first ones
 * where lines are in the order of days.
 */

claude_rc_t claude_usage_append(const char *dir,
    const claude_usage_line_t *lines, size_t n, size_t *written,
    claude_usage_error_t *error);

/*
 * Gives handler each line of the days from to to, both included, the oldest
 * day first; what it returns but CLAUDE_OK ends the reading.  Takes no lock:
 * what is being written is seen, or not yet.  *damaged, which may be NULL, is
 * how many lines could not be read and were left out.  No directory, and no
 * file, is nothing to read.
 */

typedef claude_rc_t (*claude_usage_handler_pt)(void *ctx,
    const claude_usage_line_t *line);

claude_rc_t claude_usage_read(const char *dir, uint32_t from, uint32_t to,
    claude_usage_handler_pt handler, void *ctx, uint64_t *damaged,
    claude_usage_error_t *error);


/* sums by any of these; by none there is one row of all */

#define CLAUDE_USAGE_BY_DAY    1
#define CLAUDE_USAGE_BY_MODEL  2
#define CLAUDE_USAGE_BY_KEY    4

#define CLAUDE_USAGE_ROWS      500000   /* of one sum */
#define CLAUDE_USAGE_MODELS    4096


typedef struct {
    uint32_t               from;        /* days, both included */
    uint32_t               to;
    unsigned               group;       /* CLAUDE_USAGE_BY_… */
    const unsigned char   *id;          /* of this key alone; NULL: all */
} claude_usage_query_t;


typedef struct {
    uint32_t               day;         /* 0 where not grouped by it */
    uint32_t               model_len;
    const unsigned char   *model;       /* len 0: none, or not by it */
    unsigned char          id[CLAUDE_KEY_ID_LEN];   /* or zeroes */
    claude_count_t         count;
} claude_usage_row_t;


typedef struct {
    claude_usage_row_t    *rows;        /* by day, then model, then key */
    size_t                 nrows;
    uint64_t               damaged;     /* lines left out */

    /* its own */
    size_t                 size;
    uint32_t              *index;
    size_t                 mask;
    unsigned char        **models;
    size_t                 nmodels;
    unsigned char          key[16];
} claude_usage_sum_t;


/*
 * Sums what the files say.  CLAUDE_TOO_LARGE: more than CLAUDE_USAGE_ROWS rows
 * or CLAUDE_USAGE_MODELS models.  Takes memory of 150 bytes a row at most; to
 * be freed, whatever is returned.
 */

claude_rc_t claude_usage_sum(const char *dir,
    const claude_usage_query_t *query, claude_usage_sum_t *sum,
    claude_usage_error_t *error);
void claude_usage_free(claude_usage_sum_t *sum);

/* the same piecewise: an empty sum, one line more, the order of rows */

claude_rc_t claude_usage_sum_init(claude_usage_sum_t *sum);
claude_rc_t claude_usage_sum_add(claude_usage_sum_t *sum, unsigned group,
    const claude_usage_line_t *line);
void claude_usage_sum_sort(claude_usage_sum_t *sum);


/*
 * Removes what is older than CLAUDE_USAGE_DAYS days, and compacts the days that
 * are over, today's once it has grown.  A file that can't be compacted stays as
 * it is: the first error is returned once all were tried.
 */

claude_rc_t claude_usage_tidy(const char *dir, uint32_t today,
    claude_usage_error_t *error);

/* takes all lines of one key out of all files */

claude_rc_t claude_usage_forget(const char *dir,
    const unsigned char id[CLAUDE_KEY_ID_LEN], claude_usage_error_t *error);


#endif /* CLAUDE_USAGE_H */
