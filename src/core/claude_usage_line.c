
#include "claude_usage_file.h"

#include "claude_fields.h"
#include "claude_json_writer.h"
#include "claude_time.h"

#include <stdio.h>
#include <string.h>


#define CLAUDE_USAGE_DAY  86400

/* all but the model, and all: bits of claude_usage_fields */

#define CLAUDE_USAGE_NEEDED  0xfd
#define CLAUDE_USAGE_MARK    0x100

#define CLAUDE_USAGE_MAX     ((uint64_t) 1 << 62)


typedef struct {
    claude_usage_line_t   *line;
    uint64_t               bytes;
} claude_usage_dst_t;


static unsigned claude_usage_skip(claude_str_t *rest, const char *text);
static unsigned claude_usage_digits(claude_str_t *rest, const char *name,
    uint64_t *number);
static const char *claude_usage_id_field(void *dst,
    const claude_json_token_t *value);
static const char *claude_usage_model_field(void *dst,
    const claude_json_token_t *value);
static const char *claude_usage_number(const claude_json_token_t *value,
    uint64_t *number);
static void *claude_usage_no_alloc(void *ctx, size_t size);


#define claude_usage_count(field)                                             \
    static const char *                                                       \
    claude_usage_##field(void *dst, const claude_json_token_t *value)         \
    {                                                                         \
        claude_usage_dst_t *to = dst;                                         \
                                                                              \
        return claude_usage_number(value, &to->line->count.field);            \
    }

claude_usage_count(requests)
claude_usage_count(errors)
claude_usage_count(prompt)
claude_usage_count(cached)
claude_usage_count(completion)
claude_usage_count(cost)


static const char *
claude_usage_bytes(void *dst, const claude_json_token_t *value)
{
    claude_usage_dst_t *to = dst;

    return claude_usage_number(value, &to->bytes);
}


static const claude_field_t  claude_usage_fields[] = {
    { claude_string("id"), claude_usage_id_field },
    { claude_string("model"), claude_usage_model_field },
    { claude_string("requests"), claude_usage_requests },
    { claude_string("errors"), claude_usage_errors },
    { claude_string("promptTokens"), claude_usage_prompt },
    { claude_string("cachedTokens"), claude_usage_cached },
    { claude_string("completionTokens"), claude_usage_completion },
    { claude_string("cost"), claude_usage_cost },
    { claude_string("compacted"), claude_usage_bytes }
};


claude_rc_t
claude_usage_read_line(const claude_str_t *text, claude_usage_line_t *line,
    uint64_t *bytes)
{
    if (claude_usage_read_fast(text, line) == CLAUDE_OK) {
        return CLAUDE_OK;
    }

    return claude_usage_read_full(text, line, bytes);
}


/* a history of 90 days may have a million lines */

claude_rc_t
claude_usage_read_fast(const claude_str_t *text, claude_usage_line_t *line)
{
    size_t                len;
    claude_str_t          rest;
    claude_count_t       *count;
    const unsigned char  *quote;

    memset(line, 0, sizeof(claude_usage_line_t));

    rest = *text;
    count = &line->count;

    if (!claude_usage_skip(&rest, "{\"id\":\"")
        || rest.len < CLAUDE_KEY_ID_LEN
        || !claude_key_id_valid(rest.data, CLAUDE_KEY_ID_LEN))
    {
        return CLAUDE_DECLINED;
    }

    memcpy(line->id, rest.data, CLAUDE_KEY_ID_LEN);

    rest.data += CLAUDE_KEY_ID_LEN;
    rest.len -= CLAUDE_KEY_ID_LEN;

    if (claude_usage_skip(&rest, "\",\"model\":\"")) {
        quote = memchr(rest.data, '"', rest.len);
        len = quote ? (size_t) (quote - rest.data) : 0;

        if (!claude_usage_model(rest.data, len)) {
            return CLAUDE_DECLINED;
        }

        memcpy(line->model, rest.data, len);
        line->model_len = (uint32_t) len;

        rest.data += len;
        rest.len -= len;
    }

    return (claude_usage_digits(&rest, "\",\"requests\":", &count->requests)
            && claude_usage_digits(&rest, ",\"errors\":", &count->errors)
            && claude_usage_digits(&rest, ",\"promptTokens\":",
                                   &count->prompt)
            && claude_usage_digits(&rest, ",\"cachedTokens\":",
                                   &count->cached)
            && claude_usage_digits(&rest, ",\"completionTokens\":",
                                   &count->completion)
            && claude_usage_digits(&rest, ",\"cost\":", &count->cost)
            && claude_usage_skip(&rest, "}") && rest.len == 0)
           ? CLAUDE_OK : CLAUDE_DECLINED;
}


static unsigned
claude_usage_skip(claude_str_t *rest, const char *text)
{
    size_t  len;

    len = strlen(text);

    if (rest->len < len || memcmp(rest->data, text, len) != 0) {
        return 0;
    }

    rest->data += len;
    rest->len -= len;

    return 1;
}


static unsigned
claude_usage_digits(claude_str_t *rest, const char *name, uint64_t *number)
{
    claude_str_t  digits;

    if (!claude_usage_skip(rest, name)) {
        return 0;
    }

    digits.data = rest->data;

    while (rest->len && *rest->data >= '0' && *rest->data <= '9') {
        rest->data++;
        rest->len--;
    }

    digits.len = (size_t) (rest->data - digits.data);

    return (digits.len == 1 || (digits.len && *digits.data != '0'))
           && claude_json_uint(&digits, CLAUDE_USAGE_MAX, number)
              == CLAUDE_OK;
}


claude_rc_t
claude_usage_read_full(const claude_str_t *text, claude_usage_line_t *line,
    uint64_t *bytes)
{
    uint32_t            seen;
    claude_rc_t         rc;
    const char         *reason;
    claude_usage_dst_t  dst;

    memset(line, 0, sizeof(claude_usage_line_t));

    dst.line = line;
    dst.bytes = 0;

    rc = claude_fields_read(text, claude_usage_fields,
                            sizeof(claude_usage_fields)
                            / sizeof(claude_field_t),
                            &dst, &seen, &reason);
    if (rc != CLAUDE_OK) {
        return rc;
    }

    if (reason) {
        return CLAUDE_INVALID;
    }

    if (seen == CLAUDE_USAGE_MARK) {
        *bytes = dst.bytes;
        return CLAUDE_DECLINED;
    }

    return ((seen | 2) == (CLAUDE_USAGE_NEEDED | 2)) ? CLAUDE_OK
                                                     : CLAUDE_INVALID;
}


void
claude_usage_write_line(claude_out_t *out, const claude_usage_line_t *line)
{
    const claude_count_t  *count;

    count = &line->count;

    claude_out_literal(out, "{\"id\":\"");
    claude_out_put(out, line->id, CLAUDE_KEY_ID_LEN);

    if (line->model_len) {
        claude_out_literal(out, "\",\"model\":\"");
        claude_out_put(out, line->model, line->model_len);
    }

    claude_out_literal(out, "\",\"requests\":");
    claude_json_put_uint(out, count->requests);
    claude_out_literal(out, ",\"errors\":");
    claude_json_put_uint(out, count->errors);
    claude_out_literal(out, ",\"promptTokens\":");
    claude_json_put_uint(out, count->prompt);
    claude_out_literal(out, ",\"cachedTokens\":");
    claude_json_put_uint(out, count->cached);
    claude_out_literal(out, ",\"completionTokens\":");
    claude_json_put_uint(out, count->completion);
    claude_out_literal(out, ",\"cost\":");
    claude_json_put_uint(out, count->cost);
    claude_out_literal(out, "}\n");
}


claude_rc_t
claude_usage_line(const claude_usage_line_t *line,
    unsigned char buf[CLAUDE_USAGE_LINE_BUF], claude_str_t *text)
{
    claude_out_t  out;
    claude_mem_t  mem = { claude_usage_no_alloc, NULL };

    claude_out_init_chunk(&out, &mem, CLAUDE_USAGE_LINE_MAX, buf,
                          CLAUDE_USAGE_LINE_BUF);
    claude_usage_write_line(&out, line);

    if (out.rc == CLAUDE_OK) {
        *text = out.first->str;
    }

    return out.rc;
}


/* the chunk on the stack has room for the longest line */

static void *
claude_usage_no_alloc(void *ctx, size_t size)
{
    (void) ctx;
    (void) size;

    return NULL;
}


void
claude_usage_mark(uint64_t bytes, char mark[CLAUDE_USAGE_MARK_LEN + 1])
{
    (void) snprintf(mark, CLAUDE_USAGE_MARK_LEN + 1,
                    "{\"compacted\":%20llu}\n", (unsigned long long) bytes);
}


void
claude_usage_date(uint32_t day, char date[CLAUDE_USAGE_DATE_LEN])
{
    char  time[CLAUDE_TIME_LEN];

    claude_time_write((int64_t) day * CLAUDE_USAGE_DAY, time);
    memcpy(date, time, CLAUDE_USAGE_DATE_LEN);
}


claude_rc_t
claude_usage_day(const claude_str_t *date, uint32_t *day)
{
    int64_t       time;
    claude_str_t  text;

    char  buf[CLAUDE_TIME_LEN] = "0000-00-00T00:00:00Z";

    if (date->len != CLAUDE_USAGE_DATE_LEN) {
        return CLAUDE_INVALID;
    }

    memcpy(buf, date->data, CLAUDE_USAGE_DATE_LEN);

    text.data = (unsigned char *) buf;
    text.len = sizeof(buf);

    if (claude_time_read(&text, &time) != CLAUDE_OK) {
        return CLAUDE_INVALID;
    }

    *day = (uint32_t) (time / CLAUDE_USAGE_DAY);

    return CLAUDE_OK;
}


unsigned
claude_usage_model(const unsigned char *name, size_t len)
{
    size_t    i;
    unsigned  c;

    for (i = 0; i < len; i++) {
        c = name[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9')
              || (c != '\0' && strchr("._:/@[]-", (int) c))))
        {
            return 0;
        }
    }

    return len > 0 && len <= CLAUDE_USAGE_MODEL_MAX;
}


static const char *
claude_usage_id_field(void *dst, const claude_json_token_t *value)
{
    claude_usage_dst_t *to = dst;

    if (value->type != CLAUDE_JSON_STRING
        || !claude_key_id_valid(value->text.data, value->text.len))
    {
        return "id is not a key's id";
    }

    memcpy(to->line->id, value->text.data, CLAUDE_KEY_ID_LEN);

    return NULL;
}


static const char *
claude_usage_model_field(void *dst, const claude_json_token_t *value)
{
    claude_usage_dst_t *to = dst;

    if (value->type != CLAUDE_JSON_STRING
        || !claude_usage_model(value->text.data, value->text.len))
    {
        return "model is not a model's name";
    }

    to->line->model_len = (uint32_t) value->text.len;
    memcpy(to->line->model, value->text.data, value->text.len);

    return NULL;
}


static const char *
claude_usage_number(const claude_json_token_t *value, uint64_t *number)
{
    return (value->type == CLAUDE_JSON_NUMBER
            && claude_json_uint(&value->text, CLAUDE_USAGE_MAX, number)
               == CLAUDE_OK)
           ? NULL : "is not a count";
}
