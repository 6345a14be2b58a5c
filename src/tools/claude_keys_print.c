
#include "claude_keys.h"

#include "../core/claude_json_writer.h"

#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>


#define CLAUDE_KEYS_ROW    "%-24s  %-12s  %-8s  %-20s  %-20s  %s\n"


static void claude_keys_json(claude_out_t *out, const claude_record_t *record,
    const unsigned char *key);
static void claude_keys_json_time(claude_out_t *out, const char *name,
    int64_t time);
static void claude_keys_print_fields(const claude_record_t *record);
static void claude_keys_print_limits(const claude_limits_t *limits);
static int64_t claude_keys_previous(const claude_record_t *record);
static const char *claude_keys_display(const claude_record_t *record,
    char buf[32], void (*display)(claude_out_t *out,
                                  const claude_record_t *record));
static const char *claude_keys_time(int64_t time,
    char buf[CLAUDE_TIME_LEN + 1], const char *none);
static const char *claude_keys_state(const claude_record_t *record);
static void *claude_keys_no_alloc(void *ctx, size_t size);
static claude_keys_exit_e claude_keys_write_out(const claude_out_t *out);


claude_keys_exit_e
claude_keys_error(claude_keys_exit_e rc, const char *fmt, ...)
{
    va_list  args;

    fputs("claude-keys: ", stderr);

    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);

    fputc('\n', stderr);

    return rc;
}


claude_keys_exit_e
claude_keys_no_key(const claude_keys_args_t *args)
{
    return claude_keys_error(CLAUDE_KEYS_NOT_FOUND, "%s has no key %.*s",
                             args->store, CLAUDE_KEY_ID_LEN,
                             (const char *) args->id);
}


claude_keys_exit_e
claude_keys_log_error(const char *path, claude_rc_t rc,
    const claude_log_error_t *error)
{
    claude_keys_exit_e  status;

    status = (rc == CLAUDE_INVALID || rc == CLAUDE_DECLINED)
             ? CLAUDE_KEYS_DAMAGED : CLAUDE_KEYS_FAILED;

    if (error->line) {
        return claude_keys_error(status, "%s:%llu: %s", path,
                                 (unsigned long long) error->line,
                                 error->reason);
    }

    if (error->sys) {
        return claude_keys_error(status, "%s %s: %s", path, error->reason,
                                 strerror(error->sys));
    }

    return claude_keys_error(status, "%s %s", path, error->reason);
}


/* past stdio, whose buffer would keep the key */

claude_keys_exit_e
claude_keys_print_key(const claude_keys_args_t *args,
    const claude_record_t *record, unsigned char key[CLAUDE_KEY_LEN])
{
    claude_mem_t        mem;
    claude_out_t        out;
    unsigned char       buf[CLAUDE_LINE_MAX];
    claude_keys_exit_e  rc;

    claude_keys_out_init(&out, &mem, buf, sizeof(buf));

    if (args->given & CLAUDE_KEYS_OPT_JSON) {
        claude_keys_json(&out, record, key);

    } else {
        claude_out_put(&out, key, CLAUDE_KEY_LEN);
    }

    claude_out_literal(&out, "\n");

    rc = claude_keys_write_out(&out);

    sodium_memzero(buf, sizeof(buf));
    sodium_memzero(key, CLAUDE_KEY_LEN);

    if (rc != CLAUDE_KEYS_OK) {
        return claude_keys_error(rc, "the key of %.*s can't be printed: %s; "
                                 "rotate gives it another", CLAUDE_KEY_ID_LEN,
                                 (const char *) record->id, strerror(errno));
    }

    return CLAUDE_KEYS_OK;
}


claude_keys_exit_e
claude_keys_print_record(const claude_keys_args_t *args,
    const claude_record_t *record)
{
    if (args->given & CLAUDE_KEYS_OPT_JSON) {
        claude_keys_print_json(record);
        fputc('\n', stdout);

    } else {
        claude_keys_print_fields(record);
    }

    return claude_keys_print_end();
}


void
claude_keys_print_json(const claude_record_t *record)
{
    claude_mem_t   mem;
    claude_out_t   out;
    unsigned char  buf[CLAUDE_LINE_MAX];

    claude_keys_out_init(&out, &mem, buf, sizeof(buf));
    claude_keys_json(&out, record, NULL);

    fwrite(out.first->str.data, 1, out.first->str.len, stdout);
}


static void
claude_keys_json(claude_out_t *out, const claude_record_t *record,
    const unsigned char *key)
{
    const char  *state, *type;

    state = claude_keys_state(record);
    type = (record->token_form == CLAUDE_TOKEN_API_KEY) ? "api_key" : "oauth";

    claude_out_literal(out, "{\"id\":\"");
    claude_out_put(out, record->id, CLAUDE_KEY_ID_LEN);

    if (key) {
        claude_out_literal(out, "\",\"key\":\"");
        claude_out_put(out, key, CLAUDE_KEY_LEN);
    }

    claude_out_literal(out, "\",\"display\":\"");
    claude_record_display(out, record);
    claude_out_literal(out, "\",\"keyName\":");
    claude_json_put_string(out, record->name, record->name_len);
    claude_out_literal(out, ",\"tokenDisplay\":\"");
    claude_record_token_display(out, record);
    claude_out_literal(out, "\",\"tokenType\":\"");
    claude_out_put(out, type, strlen(type));
    claude_out_literal(out, "\"");

    claude_keys_json_time(out, ",\"createdAt\":", record->created);
    claude_keys_json_time(out, ",\"lastUsed\":", record->last_used);
    claude_out_literal(out, ",\"enabled\":");
    claude_json_put_bool(out, record->enabled);
    claude_keys_json_time(out, ",\"expiresAt\":", record->expires);
    claude_out_literal(out, ",\"state\":\"");
    claude_out_put(out, state, strlen(state));
    claude_out_literal(out, "\"");
    claude_keys_json_time(out, ",\"previousUntil\":",
                          claude_keys_previous(record));
    claude_limits_put(out, &record->limits, 1);

    claude_out_literal(out, "}");
}


static void
claude_keys_json_time(claude_out_t *out, const char *name, int64_t time)
{
    claude_out_put(out, name, strlen(name));
    claude_time_put(out, time);
}


static void
claude_keys_print_fields(const claude_record_t *record)
{
    char  buf[32], time[CLAUDE_TIME_LEN + 1];

    printf("id:         %.*s\n", CLAUDE_KEY_ID_LEN,
           (const char *) record->id);
    printf("name:       %.*s\n", record->name_len,
           (const char *) record->name);
    printf("key:        %s\n", claude_keys_display(record, buf,
                                                   claude_record_display));
    printf("credential: %s\n",
           claude_keys_display(record, buf, claude_record_token_display));
    printf("state:      %s\n", claude_keys_state(record));
    printf("created:    %s\n", claude_keys_time(record->created, time, ""));
    printf("last used:  %s\n", claude_keys_time(record->last_used, time,
                                                "never"));
    printf("expires:    %s\n", claude_keys_time(record->expires, time,
                                                "never"));

    if (claude_keys_previous(record)) {
        printf("old key:    valid until %s\n",
               claude_keys_time(record->previous_until, time, ""));
    }

    claude_keys_print_limits(&record->limits);
}


/* each as JSON has it, but for the quotes and the colon of its name */

static void
claude_keys_print_limits(const claude_limits_t *limits)
{
    claude_mem_t           mem;
    claude_out_t           out;
    claude_limit_e         limit;
    unsigned char          buf[CLAUDE_LINE_MAX];
    claude_limits_t        one;
    const claude_str_t    *name;
    const unsigned char   *value;

    for (limit = 0; limit < CLAUDE_LIMIT_N; limit++) {
        memset(&one, 0, sizeof(one));
        claude_limits_copy(&one, limits, limit);

        claude_keys_out_init(&out, &mem, buf, sizeof(buf));
        claude_limits_put(&out, &one, 0);

        if (out.first == NULL) {
            continue;
        }

        /* ,"name":value */

        name = claude_limits_name(limit);
        value = out.first->str.data + name->len + 4;

        printf("limit:      %.*s %.*s\n", (int) name->len,
               (const char *) name->data,
               (int) (out.first->str.len - name->len - 4),
               (const char *) value);
    }
}


/* 0: only the key itself is valid */

static int64_t
claude_keys_previous(const claude_record_t *record)
{
    return (record->previous_until > time(NULL)) ? record->previous_until : 0;
}


void
claude_keys_print_heading(void)
{
    printf(CLAUDE_KEYS_ROW, "ID", "KEY", "STATE", "LAST USED", "EXPIRES",
           "NAME");
}


/* a display form is 14 bytes in 12 columns, the width of its heading */

void
claude_keys_print_row(const claude_record_t *record)
{
    char  id[CLAUDE_KEY_ID_LEN + 1], name[CLAUDE_NAME_MAX + 1], display[32];
    char  used[CLAUDE_TIME_LEN + 1], expires[CLAUDE_TIME_LEN + 1];

    memcpy(id, record->id, CLAUDE_KEY_ID_LEN);
    id[CLAUDE_KEY_ID_LEN] = '\0';

    memcpy(name, record->name, record->name_len);
    name[record->name_len] = '\0';

    printf(CLAUDE_KEYS_ROW, id,
           claude_keys_display(record, display, claude_record_display),
           claude_keys_state(record),
           claude_keys_time(record->last_used, used, "never"),
           claude_keys_time(record->expires, expires, "never"), name);
}


static const char *
claude_keys_display(const claude_record_t *record, char buf[32],
    void (*display)(claude_out_t *out, const claude_record_t *record))
{
    claude_mem_t   mem;
    claude_out_t   out;
    unsigned char  chunk[128];

    claude_keys_out_init(&out, &mem, chunk, sizeof(chunk));
    display(&out, record);

    memcpy(buf, out.first->str.data, out.first->str.len);
    buf[out.first->str.len] = '\0';

    return buf;
}


static const char *
claude_keys_time(int64_t time, char buf[CLAUDE_TIME_LEN + 1],
    const char *none)
{
    if (time == 0) {
        return none;
    }

    claude_time_write(time, buf);
    buf[CLAUDE_TIME_LEN] = '\0';

    return buf;
}


static const char *
claude_keys_state(const claude_record_t *record)
{
    if (!record->enabled) {
        return "disabled";
    }

    return (record->expires && record->expires <= time(NULL)) ? "expired"
                                                              : "active";
}


void
claude_keys_out_init(claude_out_t *out, claude_mem_t *mem,
    unsigned char *buf, size_t size)
{
    mem->alloc = claude_keys_no_alloc;
    mem->ctx = NULL;

    claude_out_init_chunk(out, mem, size, buf, size);
}


/* what is printed at once is shorter than the chunk it begins with */

static void *
claude_keys_no_alloc(void *ctx, size_t size)
{
    (void) ctx;
    (void) size;

    return NULL;
}


static claude_keys_exit_e
claude_keys_write_out(const claude_out_t *out)
{
    size_t                len;
    ssize_t               n;
    const unsigned char  *p;

    p = out->first->str.data;

    for (len = out->first->str.len; len; len -= n, p += n) {
        n = write(STDOUT_FILENO, p, len);

        if (n == -1) {
            if (errno != EINTR) {
                return CLAUDE_KEYS_FAILED;
            }

            n = 0;
        }
    }

    return CLAUDE_KEYS_OK;
}


claude_keys_exit_e
claude_keys_print_end(void)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        return claude_keys_error(CLAUDE_KEYS_FAILED,
                                 "stdout can't be written: %s",
                                 strerror(errno));
    }

    return CLAUDE_KEYS_OK;
}
