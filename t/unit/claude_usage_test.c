
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "claude_usage.h"


#define TODAY  20781                    /* 2026-11-24 */


static char  root[] = "/tmp/claude-usage-XXXXXX";
static char  dir[PATH_MAX];

static const char  alice[] = "key_aaaaaaaaaaaaaaaaaaaa";
static const char  bob[] = "key_bbbbbbbbbbbbbbbbbbbb";


static claude_usage_line_t
used(const char *id, uint32_t day, const char *model, uint64_t n)
{
    claude_usage_line_t  line;

    memset(&line, 0, sizeof(line));

    memcpy(line.id, id, CLAUDE_KEY_ID_LEN);
    line.model_len = strlen(model);
    memcpy(line.model, model, line.model_len);
    line.day = day;
    line.count = (claude_count_t) { n, n / 2, 10 * n, n, 20 * n, 300 * n };

    return line;
}


static char *
path_of(const char *name)
{
    static char  path[PATH_MAX + 64];

    snprintf(path, sizeof(path), "%s/%s", dir, name);

    return path;
}


static long
size_of(const char *name)
{
    struct stat  st;

    return (stat(path_of(name), &st) == 0) ? (long) st.st_size : -1;
}


static void
write_to(const char *name, const char *text)
{
    FILE  *file;

    file = fopen(path_of(name), "a");

    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) {
        bail("%s: %s", name, strerror(errno));
    }
}


static void
append(const char *name, const claude_usage_line_t *lines, size_t n)
{
    size_t                written;
    claude_usage_error_t  error;

    is(claude_usage_append(dir, lines, n, &written, &error), CLAUDE_OK, "%s",
       name);
    is(written, n, "%s: all lines", name);
}


static void
sum(claude_usage_sum_t *s, unsigned group, const char *id)
{
    claude_usage_query_t  query = { TODAY - 100, TODAY, group,
                                    (const unsigned char *) id };
    claude_usage_error_t  error;

    if (claude_usage_sum(dir, &query, s, &error) != CLAUDE_OK) {
        bail("a sum: %s", error.reason);
    }
}


static void
test_lines(void)
{
    size_t                i;
    uint64_t              bytes;
    claude_mem_t          mem = { NULL, NULL };
    claude_out_t          out;
    claude_str_t          text;
    unsigned char         buf[1024];
    claude_usage_line_t   line, read;

    static const char  *bad[] = {
        "", "{}", "[]", "null", "{\"id\":\"key_aaaaaaaaaaaaaaaaaaaa\"}",
        "{\"id\":\"key_a\",\"requests\":1,\"errors\":0,\"promptTokens\":9,"
            "\"cachedTokens\":0,\"completionTokens\":12,\"cost\":207}",
        "{\"id\":\"key_aaaaaaaaaaaaaaaaaaaa\",\"requests\":1,\"errors\":0,"
            "\"promptTokens\":9,\"cachedTokens\":0,\"completionTokens\":12}",
        "{\"id\":\"key_aaaaaaaaaaaaaaaaaaaa\",\"requests\":-1,\"errors\":0,"
            "\"promptTokens\":9,\"cachedTokens\":0,\"completionTokens\":12,"
            "\"cost\":207}",
        "{\"id\":\"key_aaaaaaaaaaaaaaaaaaaa\",\"model\":\"a\\\"b\","
            "\"requests\":1,\"errors\":0,\"promptTokens\":9,"
            "\"cachedTokens\":0,\"completionTokens\":12,\"cost\":207}",
        "{\"id\":\"key_aaaaaaaaaaaaaaaaaaaa\",\"model\":\"\","
            "\"requests\":1,\"errors\":0,\"promptTokens\":9,"
            "\"cachedTokens\":0,\"completionTokens\":12,\"cost\":207}",
        "{\"id\":\"key_aaaaaaaaaaaaaaaaaaaa\",\"requests\":1,\"errors\":0,"
            "\"promptTokens\":4611686018427387905,\"cachedTokens\":0,"
            "\"completionTokens\":12,\"cost\":207}",
        "{\"id\":\"key_aaaaaaaaaaaaaaaaaaaa\",\"requests\":1,\"errors\":0,"
            "\"promptTokens\":9,\"cachedTokens\":0,\"completionTokens\":12,"
            "\"cost\":207,\"more\":1}",
        "{\"compacted\":12,\"cost\":1}", "{\"compacted\":-1}"
    };

    line = used(alice, 0, "claude-sonnet-5-5[1m]", 1000000);

    claude_out_init_chunk(&out, &mem, CLAUDE_USAGE_LINE_MAX, buf,
                          sizeof(buf));
    claude_usage_write_line(&out, &line);

    is(out.rc, CLAUDE_OK, "a line is written");

    text = out.first->str;
    ok(text.len && text.data[text.len - 1] == '\n', "it ends");
    text.len--;

    is(claude_usage_read_line(&text, &read, &bytes), CLAUDE_OK,
       "and read again");
    is_mem(&read, sizeof(read), &line, sizeof(line), "as it was");

    memset(&line, 0xff, sizeof(line));
    memset(line.id, 'x', CLAUDE_KEY_ID_LEN);
    memset(line.model, 'm', CLAUDE_USAGE_MODEL_MAX);
    line.model_len = CLAUDE_USAGE_MODEL_MAX;

    claude_out_init_chunk(&out, &mem, CLAUDE_USAGE_LINE_MAX, buf,
                          sizeof(buf));
    claude_usage_write_line(&out, &line);
    is(out.rc, CLAUDE_OK, "the longest line is within the bound");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        text.data = (const unsigned char *) bad[i];
        text.len = strlen(bad[i]);

        is(claude_usage_read_line(&text, &read, &bytes), CLAUDE_INVALID,
           "no line: %s", bad[i]);
        is(claude_usage_read_fast(&text, &read), CLAUDE_DECLINED,
           "nor the fast way");
    }

    text.data = (const unsigned char *) "{\"compacted\":   12}";
    text.len = 19;
    is(claude_usage_read_line(&text, &read, &bytes), CLAUDE_DECLINED,
       "the mark of a compaction");
    is(bytes, 12, "and its bytes");
}


static void
test_dates(void)
{
    size_t        i;
    char          date[CLAUDE_USAGE_DATE_LEN];
    uint32_t      day, other, wrong;
    claude_str_t  text;

    static const char  *bad[] = {
        "", "2026-11-2", "2026-11-244", "2026-02-29", "2026-13-01",
        "2026-00-10", "1970-01-01", "1969-12-31", "2026/11/24", "0000-00-00"
    };

    wrong = 0;

    for (day = 1; day < 100000; day++) {
        claude_usage_date(day, date);

        text.data = (unsigned char *) date;
        text.len = sizeof(date);

        wrong += (claude_usage_day(&text, &other) != CLAUDE_OK
                  || other != day);
    }

    is(wrong, 0, "a day's date is that day's");

    claude_usage_date(TODAY, date);
    is_mem(date, sizeof(date), "2026-11-24", 10, "as people write it");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        text.data = (const unsigned char *) bad[i];
        text.len = strlen(bad[i]);
        is(claude_usage_day(&text, &day), CLAUDE_INVALID, "no date: \"%s\"",
           bad[i]);
    }
}


static void
test_sums(void)
{
    struct stat         st;
    claude_usage_sum_t  s;

    claude_usage_line_t  lines[] = {
        used(alice, TODAY - 1, "claude-a", 1),
        used(alice, TODAY - 1, "claude-b", 2),
        used(bob, TODAY, "claude-a", 4),
        used(alice, TODAY, "", 8),
        used(alice, TODAY, "claude-a", 16)
    };

    sum(&s, 0, NULL);
    is(s.nrows, 0, "without a directory there is nothing to sum");
    claude_usage_free(&s);

    append("what is used is written", lines, 5);
    append("and once more", lines, 5);

    is(stat(dir, &st) == 0 ? st.st_mode & 07777 : 0, 0700,
       "nobody else may look into the directory");
    is(stat(path_of("2026-11-24.jsonl"), &st) == 0 ? st.st_mode & 07777 : 0,
       0600, "nor into a file");

    sum(&s, 0, NULL);
    is(s.nrows, 1, "one row of all");
    is(s.rows[0].count.requests, 62, "requests");
    is(s.rows[0].count.errors, 30, "errors");
    is(s.rows[0].count.prompt, 620, "prompt tokens");
    is(s.rows[0].count.cached, 62, "cached ones");
    is(s.rows[0].count.completion, 1240, "completion tokens");
    is(s.rows[0].count.cost, 18600, "cost");
    claude_usage_free(&s);

    sum(&s, CLAUDE_USAGE_BY_DAY, NULL);
    is(s.nrows, 2, "by day");
    is(s.rows[0].day, TODAY - 1, "the older one first");
    is(s.rows[0].count.requests, 6, "its requests");
    is(s.rows[1].count.requests, 56, "and today's");
    claude_usage_free(&s);

    sum(&s, CLAUDE_USAGE_BY_MODEL, NULL);
    is(s.nrows, 3, "by model");
    is(s.rows[0].model_len, 0, "none comes first");
    is(s.rows[0].count.requests, 16, "its requests");
    is_mem(s.rows[1].model, s.rows[1].model_len, "claude-a", 8, "then a");
    is(s.rows[1].count.requests, 42, "its requests");
    is_mem(s.rows[2].model, s.rows[2].model_len, "claude-b", 8, "then b");
    claude_usage_free(&s);

    sum(&s, CLAUDE_USAGE_BY_KEY, NULL);
    is(s.nrows, 2, "by key");
    is_mem(s.rows[1].id, CLAUDE_KEY_ID_LEN, bob, CLAUDE_KEY_ID_LEN, "bob");
    is(s.rows[1].count.requests, 8, "his requests");
    claude_usage_free(&s);

    sum(&s, CLAUDE_USAGE_BY_DAY|CLAUDE_USAGE_BY_MODEL|CLAUDE_USAGE_BY_KEY,
        NULL);
    is(s.nrows, 5, "by all of them");
    claude_usage_free(&s);

    sum(&s, CLAUDE_USAGE_BY_DAY, bob);
    is(s.nrows, 1, "of one key alone");
    is(s.rows[0].count.requests, 8, "its requests");
    claude_usage_free(&s);
}


static void
test_damage(void)
{
    long                 size;
    char                *text;
    claude_usage_sum_t   s;
    claude_usage_line_t  line;

    line = used(bob, TODAY, "claude-a", 1);
    size = size_of("2026-11-24.jsonl");

    write_to("2026-11-24.jsonl", "{\"id\":\"key_bbbbbbbbbbbbbbbbbbbb\",");
    sum(&s, 0, NULL);
    is(s.rows[0].count.requests, 62, "a torn last line is not read");
    is(s.damaged, 0, "nor complained of");
    claude_usage_free(&s);

    append("the next write", &line, 1);
    ok(size_of("2026-11-24.jsonl") < size + 200, "cuts it off");
    sum(&s, 0, NULL);
    is(s.rows[0].count.requests, 63, "and is read");
    is(s.damaged, 0, "nothing is damaged");
    claude_usage_free(&s);

    write_to("2026-11-24.jsonl", "garbage\n{\"compacted\":1}\n\n");

    text = malloc(200001);
    memset(text, 'x', 200000);
    text[200000] = '\0';
    write_to("2026-11-24.jsonl", text);
    write_to("2026-11-24.jsonl", "\n");
    free(text);

    append("a write behind lines of others", &line, 1);
    sum(&s, 0, NULL);
    is(s.rows[0].count.requests, 64, "it is read");
    is(s.damaged, 3, "they are counted");
    claude_usage_free(&s);
}


static void
test_tidy(void)
{
    int                   fd;
    long                  size;
    unsigned              i;
    claude_usage_sum_t    s;
    claude_usage_line_t   line, *many;
    claude_usage_error_t  error;

    line = used(alice, TODAY - CLAUDE_USAGE_DAYS, "claude-a", 100);
    append("a day of ninety days ago", &line, 1);
    line.day++;
    append("the day after", &line, 1);

    write_to("notes.txt", "somebody's\n");
    write_to("2026-11-23.jsonl.compact", "left by a kill");

    size = size_of("2026-11-23.jsonl");

    is(claude_usage_tidy(dir, TODAY, &error), CLAUDE_OK, "tidied");
    is(size_of("2026-08-26.jsonl"), -1, "what is too old is gone");
    ok(size_of("2026-08-27.jsonl") > 0, "not a day earlier");
    ok(size_of("notes.txt") > 0, "nor what is not ours");
    is(size_of("2026-11-23.jsonl.compact"), -1, "nor is anything left");
    ok(size_of("2026-11-23.jsonl") < size, "yesterday is compacted");

    sum(&s, CLAUDE_USAGE_BY_DAY, NULL);
    is(s.rows[1].count.requests, 6, "and says the same");
    claude_usage_free(&s);

    size = size_of("2026-11-23.jsonl");
    is(claude_usage_tidy(dir, TODAY, &error), CLAUDE_OK, "again");
    is(size_of("2026-11-23.jsonl"), size, "changes nothing");

    line = used(bob, TODAY - 1, "claude-b", 5);
    append("a call that ended after midnight", &line, 1);
    is(claude_usage_tidy(dir, TODAY, &error), CLAUDE_OK, "is tidied too");
    sum(&s, CLAUDE_USAGE_BY_DAY, NULL);
    is(s.rows[1].count.requests, 11, "it counts");
    claude_usage_free(&s);

    many = malloc(10000 * sizeof(claude_usage_line_t));

    for (i = 0; i < 10000; i++) {
        many[i] = used(bob, TODAY, "claude-c", 1);
    }

    append("a busy day", many, 10000);
    free(many);

    ok(size_of("2026-11-24.jsonl") > 1000000, "is large");
    is(claude_usage_tidy(dir, TODAY, &error), CLAUDE_OK, "is tidied");
    ok(size_of("2026-11-24.jsonl") < 2000, "is small");

    sum(&s, CLAUDE_USAGE_BY_MODEL, bob);
    is(s.rows[s.nrows - 1].count.requests, 10000, "and says the same");
    is(s.damaged, 0, "what was damaged is gone");
    claude_usage_free(&s);

    fd = open(path_of("2026-11-23.jsonl"), O_RDWR);
    append("one more", &line, 1);
    (void) flock(fd, LOCK_EX);
    is(claude_usage_tidy(dir, TODAY, &error), CLAUDE_BUSY,
       "a file in use is left alone");
    is(error.day, TODAY - 1, "that one");
    close(fd);
}


static void
test_forget(void)
{
    claude_usage_sum_t    s;
    claude_usage_error_t  error;

    is(claude_usage_forget(dir, (const unsigned char *) alice, &error),
       CLAUDE_OK, "alice is forgotten");

    sum(&s, CLAUDE_USAGE_BY_KEY, NULL);
    is(s.nrows, 1, "one key is left");
    is_mem(s.rows[0].id, CLAUDE_KEY_ID_LEN, bob, CLAUDE_KEY_ID_LEN, "bob's");
    claude_usage_free(&s);
}


static void
test_refused(void)
{
    size_t                written;
    claude_usage_sum_t    s;
    claude_usage_line_t   lines[2];
    claude_usage_query_t  query = { TODAY, TODAY, 0, NULL };
    claude_usage_error_t  error;

    lines[0] = used(bob, TODAY - 3, "claude-a", 1);
    lines[1] = used(bob, TODAY - 2, "claude-a", 1);

    if (symlink("/etc/passwd", path_of("2026-11-22.jsonl")) == -1) {
        bail("a symlink: %s", strerror(errno));
    }

    is(claude_usage_append(dir, lines, 2, &written, &error), CLAUDE_IO,
       "a symbolic link is not written to");
    is(written, 1, "what came before it is");
    is(error.sys, ELOOP, "it is said why");
    is(error.day, TODAY - 2, "and where");
    unlink(path_of("2026-11-22.jsonl"));

    if (mkfifo(path_of("2026-11-22.jsonl"), 0600) == -1) {
        bail("a pipe: %s", strerror(errno));
    }

    ok(claude_usage_append(dir, lines + 1, 1, &written, &error) != CLAUDE_OK,
       "nor is a pipe");
    is(claude_usage_read(dir, TODAY - 2, TODAY - 2, NULL, NULL, NULL,
                         &error), CLAUDE_INVALID, "or read");
    unlink(path_of("2026-11-22.jsonl"));

    chmod(dir, 0777);
    is(claude_usage_sum(dir, &query, &s, &error), CLAUDE_INVALID,
       "nor a directory that others may write to");
    claude_usage_free(&s);
    chmod(dir, 0700);
}


static void
test_many_rows(void)
{
    uint32_t             i, wrong;
    claude_usage_sum_t   s;
    claude_usage_line_t  line;

    is(claude_usage_sum_init(&s), CLAUDE_OK, "an empty sum");

    for (i = 0; i < 100000; i++) {
        line = used(alice, TODAY - i % 7, "claude-a", 1);
        snprintf((char *) line.id, CLAUDE_KEY_ID_LEN, "%05u", i % 50000 / 7);

        if (claude_usage_sum_add(&s, CLAUDE_USAGE_BY_DAY|CLAUDE_USAGE_BY_KEY,
                                 &line)
            != CLAUDE_OK)
        {
            bail("a row");
        }
    }

    claude_usage_sum_sort(&s);

    for (i = 1, wrong = 0; i < s.nrows; i++) {
        wrong += (s.rows[i].day < s.rows[i - 1].day
                  || (s.rows[i].day == s.rows[i - 1].day
                      && memcmp(s.rows[i].id, s.rows[i - 1].id,
                                CLAUDE_KEY_ID_LEN) <= 0));
    }

    is(wrong, 0, "%zu rows are sorted, none comes twice", s.nrows);
    claude_usage_free(&s);

    is(claude_usage_sum_init(&s), CLAUDE_OK, "another sum");

    for (i = 0; i <= CLAUDE_USAGE_MODELS; i++) {
        line = used(alice, TODAY, "claude-", 1);
        line.model_len += snprintf((char *) line.model + 7, 20, "%u", i);

        if (claude_usage_sum_add(&s, CLAUDE_USAGE_BY_MODEL, &line)
            == CLAUDE_TOO_LARGE)
        {
            break;
        }
    }

    is(i, CLAUDE_USAGE_MODELS, "models have a bound");
    claude_usage_free(&s);
}


int
main(void)
{
    char  command[PATH_MAX + 32];

    if (sodium_init() == -1 || mkdtemp(root) == NULL) {
        bail("no place to work in");
    }

    snprintf(command, sizeof(command), "%s/keys.jsonl", root);
    is(claude_usage_dir(command, dir), CLAUDE_OK, "the history's place");

    test_lines();
    test_dates();
    test_sums();
    test_damage();
    test_tidy();
    test_forget();
    test_refused();
    test_many_rows();

    snprintf(command, sizeof(command), "rm -r %s", root);

    if (system(command) != 0) {
        bail("%s", command);
    }

    return done_testing();
}
