
/* events of a Messages stream */

#include "tap.h"

#include "claude_event.h"


typedef struct {
    const char     *name;
    claude_str_t    data;
    const char     *expected;
} case_t;


static void events(void);
static void invalid(void);
static void usage(void);
static void cut(void);
static void print_str(char *buf, size_t size, const char *name,
    const claude_str_t *str);
static const char *print(const claude_event_t *event);


#define DELTA   "{\"type\":\"content_block_delta\",\"index\":0,"              \
                "\"delta\":{\"type\":\"text_delta\",\"text\":\""

#define START   "{\"type\":\"content_block_start\",\"index\":2,"              \
                "\"content_block\":"

#define STOP(reason)                                                          \
    "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":" reason "}}"


/* type, index, block, stop, has_usage, then what strings there are */

static const case_t  event_table[] = {
    { "ping", claude_string("{\"type\":\"ping\"}"), "1 0 0 0 0" },
    { "unknown", claude_string("{\"type\":\"weather\",\"index\":\"x\","
                               "\"delta\":7,\"usage\":[]}"),
      "0 0 0 0 0" },
    { "message_start",
      claude_string("{\"type\":\"message_start\",\"message\":{\"id\":\"m\","
                    "\"model\":\"claude-x\",\"content\":[],"
                    "\"usage\":{\"input_tokens\":3}}}"),
      "2 0 0 0 1 id=m model=claude-x" },
    { "message_start, bare",
      claude_string("{\"type\":\"message_start\",\"message\":{}}"),
      "2 0 0 0 0" },
    { "text block", claude_string(START "{\"type\":\"text\",\"text\":\"a\"}}"),
      "3 2 1 0 0 text=a" },
    { "thinking block",
      claude_string(START "{\"type\":\"thinking\",\"thinking\":\"hm\","
                    "\"signature\":\"Eq\"}}"),
      "3 2 2 0 0 text=hm signature=Eq" },
    { "redacted block",
      claude_string(START "{\"type\":\"redacted_thinking\","
                    "\"data\":\"x\"}}"), "3 2 4 0 0 text=x" },
    { "tool_use block",
      claude_string(START "{\"type\":\"tool_use\",\"id\":\"toolu_1\","
                    "\"name\":\"f\",\"input\":{\"type\":\"text\"}}}"),
      "3 2 5 0 0 id=toolu_1 name=f" },
    { "unknown block",
      claude_string(START "{\"type\":\"server_tool_use\",\"text\":5}}"),
      "3 2 0 0 0" },
    { "text_delta", claude_string(DELTA "Hi\"}}"), "4 0 1 0 0 text=Hi" },
    { "thinking_delta",
      claude_string("{\"type\":\"content_block_delta\",\"index\":1,\"delta\":"
                    "{\"type\":\"thinking_delta\",\"thinking\":\"so\"}}"),
      "4 1 2 0 0 text=so" },
    { "signature_delta",
      claude_string("{\"type\":\"content_block_delta\",\"index\":1,\"delta\":"
                    "{\"type\":\"signature_delta\",\"signature\":\"EqQ=\"}}"),
      "4 1 3 0 0 text=EqQ=" },
    { "input_json_delta",
      claude_string("{\"type\":\"content_block_delta\",\"index\":1,\"delta\":"
                    "{\"type\":\"input_json_delta\",\"partial_json\":"
                    "\"{\\\"a\\\"\"}}"),
      "4 1 5 0 0 text={\\\"a\\\"" },
    { "unknown delta",
      claude_string("{\"type\":\"content_block_delta\",\"index\":1,\"delta\":"
                    "{\"type\":\"citations_delta\",\"citation\":{}}}"),
      "4 1 0 0 0" },
    { "names in another order, with spaces",
      claude_string(" { \"delta\" : { \"text\" : \"a\" , \"type\" : "
                    "\"text_delta\" } ,\t\"index\" : 7 , \"type\" : "
                    "\"content_block_delta\" } "),
      "4 7 1 0 0 text=a" },
    { "unknown names beside",
      claude_string("{\"type\":\"content_block_delta\",\"x\":[{\"type\":1},"
                    "[[]]],\"index\":0,\"y\":{\"delta\":{\"text\":2}},"
                    "\"delta\":{\"type\":\"text_delta\",\"z\":{\"text\":3},"
                    "\"text\":\"a\"}}"),
      "4 0 1 0 0 text=a" },
    { "escaped names and types",
      claude_string("{\"t\\u0079pe\":\"content_block_delt\\u0061\","
                    "\"index\":0,\"delta\":{\"type\":\"text_delta\","
                    "\"te\\u0078t\":\"\\u0061\"}}"),
      "4 0 1 0 0 text=\\u0061" },
    { "deep down",
      claude_string("{\"type\":\"ping\",\"a\":{\"a\":{\"a\":{\"a\":{\"a\":"
                    "{\"a\":{\"a\":{\"a\":{\"type\":1}}}}}}}}}"),
      "1 0 0 0 0" },
    { "content_block_stop",
      claude_string("{\"type\":\"content_block_stop\",\"index\":3}"),
      "5 3 0 0 0" },
    { "the highest index",
      claude_string("{\"type\":\"content_block_stop\",\"index\":65535}"),
      "5 65535 0 0 0" },
    { "end_turn", claude_string(STOP("\"end_turn\"")), "6 0 0 1 0" },
    { "max_tokens", claude_string(STOP("\"max_tokens\"")), "6 0 0 2 0" },
    { "stop_sequence",
      claude_string("{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
                    "\"stop_sequence\",\"stop_sequence\":\"END\"},"
                    "\"usage\":{\"output_tokens\":5}}"),
      "6 0 0 3 1 stop_sequence=END" },
    { "tool_use", claude_string(STOP("\"tool_use\"")), "6 0 0 4 0" },
    { "pause_turn", claude_string(STOP("\"pause_turn\"")), "6 0 0 5 0" },
    { "refusal", claude_string(STOP("\"refusal\"")), "6 0 0 6 0" },
    { "refusal with details",
      claude_string("{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
                    "\"refusal\",\"stop_details\":{\"type\":\"refusal\","
                    "\"category\":\"cyber\",\"explanation\":\"no\"}}}"),
      "6 0 0 6 0 category=cyber explanation=no" },
    { "refusal with null details",
      claude_string("{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
                    "\"refusal\",\"stop_details\":null}}"),
      "6 0 0 6 0" },
    { "context",
      claude_string(STOP("\"model_context_window_exceeded\"")), "6 0 0 7 0" },
    { "unknown reason", claude_string(STOP("\"bored\"")), "6 0 0 8 0" },
    { "no reason", claude_string(STOP("null")), "6 0 0 0 0" },
    { "reason absent",
      claude_string("{\"type\":\"message_delta\",\"delta\":{}}"),
      "6 0 0 0 0" },
    { "message_stop", claude_string("{\"type\":\"message_stop\"}"),
      "7 0 0 0 0" },
    { "error",
      claude_string("{\"type\":\"error\",\"error\":{\"type\":"
                    "\"overloaded_error\",\"message\":\"no\"}}"),
      "8 0 0 0 0 error=overloaded_error" },
    { "error without a type", claude_string("{\"type\":\"error\"}"),
      "8 0 0 0 0" },
    { "a cost", claude_string("{\"type\":\"claude_cost\","
                              "\"cost_usd\":0.000752}"),
      "9 0 0 0 0 cost=752" },
    { "a cost of nothing",
      claude_string("{\"cost_usd\":0,\"type\":\"claude_cost\"}"),
      "9 0 0 0 0" },
    { "a cost without one", claude_string("{\"type\":\"claude_cost\"}"),
      "0 0 0 0 0" },
    { "a cost with an exponent",
      claude_string("{\"type\":\"claude_cost\",\"cost_usd\":1e-6}"),
      "0 0 0 0 0" },
    { "a cost below nothing",
      claude_string("{\"type\":\"claude_cost\",\"cost_usd\":-1}"),
      "0 0 0 0 0" },
    { "a cost that is too high",
      claude_string("{\"type\":\"claude_cost\",\"cost_usd\":1000000.1}"),
      "0 0 0 0 0" },
    { "a cost that is a string",
      claude_string("{\"type\":\"claude_cost\",\"cost_usd\":\"1\"}"),
      "0 0 0 0 0" }
};


static const case_t  invalid_table[] = {
    { "nothing", { 0, NULL }, NULL },
    { "spaces", claude_string("  "), NULL },
    { "not JSON", claude_string("upstream error"), NULL },
    { "[DONE]", claude_string("[DONE]"), NULL },
    { "an array", claude_string("[{\"type\":\"ping\"}]"), NULL },
    { "a string", claude_string("\"ping\""), NULL },
    { "two values",
      claude_string("{\"type\":\"ping\"}{\"type\":\"ping\"}"), NULL },
    { "no type", claude_string("{}"), NULL },
    { "a type that is no string", claude_string("{\"type\":1}"), NULL },
    { "a type that is null", claude_string("{\"type\":null}"), NULL },
    { "type twice",
      claude_string("{\"type\":\"ping\",\"type\":\"ping\"}"), NULL },
    { "message_start without message",
      claude_string("{\"type\":\"message_start\"}"), NULL },
    { "message_start with a string",
      claude_string("{\"type\":\"message_start\",\"message\":\"\"}"), NULL },
    { "block without index",
      claude_string("{\"type\":\"content_block_start\",\"content_block\":"
                    "{\"type\":\"text\"}}"), NULL },
    { "block without content_block",
      claude_string("{\"type\":\"content_block_start\",\"index\":0}"), NULL },
    { "block without type", claude_string(START "{\"text\":\"\"}}"), NULL },
    { "block with text of another type",
      claude_string(START "{\"type\":\"text\",\"text\":1}}"), NULL },
    { "tool_use without id",
      claude_string(START "{\"type\":\"tool_use\",\"name\":\"f\"}}"), NULL },
    { "tool_use without name",
      claude_string(START "{\"type\":\"tool_use\",\"id\":\"f\"}}"), NULL },
    { "delta without index",
      claude_string("{\"type\":\"content_block_delta\",\"delta\":"
                    "{\"type\":\"text_delta\",\"text\":\"\"}}"), NULL },
    { "delta without delta",
      claude_string("{\"type\":\"content_block_delta\",\"index\":0}"), NULL },
    { "delta without type",
      claude_string("{\"type\":\"content_block_delta\",\"index\":0,"
                    "\"delta\":{\"text\":\"\"}}"), NULL },
    { "text_delta without text",
      claude_string("{\"type\":\"content_block_delta\",\"index\":0,"
                    "\"delta\":{\"type\":\"text_delta\"}}"), NULL },
    { "text_delta with null",
      claude_string("{\"type\":\"content_block_delta\",\"index\":0,"
                    "\"delta\":{\"type\":\"text_delta\",\"text\":null}}"),
      NULL },
    { "thinking_delta with text",
      claude_string("{\"type\":\"content_block_delta\",\"index\":0,"
                    "\"delta\":{\"type\":\"thinking_delta\","
                    "\"text\":\"\"}}"), NULL },
    { "block_stop without index",
      claude_string("{\"type\":\"content_block_stop\"}"), NULL },
    { "a negative index",
      claude_string("{\"type\":\"content_block_stop\",\"index\":-1}"), NULL },
    { "a broken index",
      claude_string("{\"type\":\"content_block_stop\",\"index\":1.5}"), NULL },
    { "an index as string",
      claude_string("{\"type\":\"content_block_stop\",\"index\":\"1\"}"),
      NULL },
    { "an index in an array",
      claude_string("{\"type\":\"content_block_stop\",\"index\":[3]}"), NULL },
    { "an index too high",
      claude_string("{\"type\":\"content_block_stop\",\"index\":65536}"),
      NULL },
    { "message_delta without delta",
      claude_string("{\"type\":\"message_delta\",\"usage\":{}}"), NULL },
    { "a reason that is no string", claude_string(STOP("1")), NULL },
    { "an empty index",
      claude_string("{\"type\":\"content_block_delta\",\"index\":,"
                    "\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}"),
      NULL },
    { "an index with a zero before",
      claude_string("{\"type\":\"content_block_delta\",\"index\":01,"
                    "\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}"),
      NULL },
    { "a quote inside", claude_string(DELTA "a\"b\"}}"), NULL },
    { "an end inside", claude_string(DELTA "a\"}}b\"}}"), NULL },
    { "another text inside",
      claude_string(DELTA "a\",\"text\":\"b\"}}"), NULL },
    { "a line feed inside", claude_string(DELTA "a\nb\"}}"), NULL },
    { "a NUL inside", claude_string(DELTA "a\0b\"}}"), NULL },
    { "0x1f inside", claude_string(DELTA "abcdefgh\x1f" "abcdefgh\"}}"),
      NULL },
    { "an unknown escape", claude_string(DELTA "\\x\"}}"), NULL },
    { "an escaped NUL byte", claude_string(DELTA "\\\0\"}}"), NULL },
    { "an escape of the end", claude_string(DELTA "\\\"}}"), NULL },
    { "an escape cut short", claude_string(DELTA "\\u12\"}}"), NULL },
    { "an escape of no hex", claude_string(DELTA "\\u12g4\"}}"), NULL },
    { "a lone high surrogate", claude_string(DELTA "\\ud83d\"}}"), NULL },
    { "a lone low surrogate", claude_string(DELTA "\\ude00\"}}"), NULL },
    { "two high surrogates", claude_string(DELTA "\\ud83d\\ud83d\"}}"), NULL },
    { "a surrogate and a letter", claude_string(DELTA "\\ud83d\\u0061\"}}"),
      NULL },
    { "a surrogate and another escape",
      claude_string(DELTA "\\ud83d\\nabcd\"}}"), NULL },
    { "a lone UTF-8 tail", claude_string(DELTA "\x80\"}}"), NULL },
    { "a lone UTF-8 tail among eights",
      claude_string(DELTA "abcdefg\x80" "abcdefghi\"}}"), NULL },
    { "a surrogate and no backslash",
      claude_string(DELTA "\\ud83dxude00\"}}"), NULL },
    { "UTF-8 cut short", claude_string(DELTA "\xe2\x82\"}}"), NULL },
    { "overlong UTF-8", claude_string(DELTA "\xc0\x80\"}}"), NULL },
    { "a surrogate in UTF-8", claude_string(DELTA "\xed\xa0\x80\"}}"), NULL },
    { "above U+10FFFF", claude_string(DELTA "\xf4\x90\x80\x80\"}}"), NULL },
    { "a delta cut off", claude_string(DELTA "abc"), NULL }
};


int
main(void)
{
    events();
    invalid();
    usage();
    cut();

    return done_testing();
}


static void
events(void)
{
    size_t           i;
    claude_rc_t      rc;
    const case_t    *t;
    claude_event_t   event;
    claude_usage_t   count;

    for (i = 0; i < sizeof(event_table) / sizeof(case_t); i++) {
        t = &event_table[i];
        memset(&count, 0, sizeof(claude_usage_t));

        rc = claude_event_read(&t->data, &event, &count);

        is_str(rc == CLAUDE_OK ? print(&event) : "failed", t->expected, "%s",
               t->name);
    }
}


static const char *
print(const claude_event_t *event)
{
    static char  buf[256];

    snprintf(buf, sizeof(buf), "%d %u %d %d %u", event->type, event->index,
             event->block, event->stop, event->has_usage);

    print_str(buf, sizeof(buf), "text", &event->text);
    print_str(buf, sizeof(buf), "id", &event->id);
    print_str(buf, sizeof(buf), "name", &event->name);
    print_str(buf, sizeof(buf), "model", &event->model);
    print_str(buf, sizeof(buf), "stop_sequence", &event->stop_sequence);
    print_str(buf, sizeof(buf), "error", &event->error);
    print_str(buf, sizeof(buf), "signature", &event->signature);
    print_str(buf, sizeof(buf), "category", &event->category);
    print_str(buf, sizeof(buf), "explanation", &event->explanation);

    if (event->cost) {
        snprintf(buf + strlen(buf), sizeof(buf) - strlen(buf), " cost=%llu",
                 (unsigned long long) event->cost);
    }

    return buf;
}


static void
print_str(char *buf, size_t size, const char *name, const claude_str_t *str)
{
    size_t  len;

    len = strlen(buf);

    if (str->len) {
        snprintf(buf + len, size - len, " %s=%.*s", name, (int) str->len,
                 (const char *) str->data);
    }
}


static void
invalid(void)
{
    size_t           i;
    const case_t    *t;
    claude_event_t   event;
    claude_usage_t   count;

    for (i = 0; i < sizeof(invalid_table) / sizeof(case_t); i++) {
        t = &invalid_table[i];

        is(claude_event_read(&t->data, &event, &count), CLAUDE_INVALID,
           "refused: %s", t->name);
    }
}


static void
usage(void)
{
    size_t          i;
    claude_event_t  event;
    claude_usage_t  count, before;

    static const claude_str_t  start = claude_string(
        "{\"type\":\"message_start\",\"message\":{\"usage\":{"
        "\"input_tokens\":11,\"cache_creation_input_tokens\":12,"
        "\"cache_read_input_tokens\":13,\"output_tokens\":1,"
        "\"cache_creation\":{\"input_tokens\":99},\"service_tier\":\"x\","
        "\"output_tokens_details\":{\"thinking_tokens\":5}}}}");

    static const claude_str_t  later = claude_string(
        "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},"
        "\"usage\":{\"output_tokens\":40,\"input_tokens\":null,"
        "\"iterations\":[{\"input_tokens\":7}]}}");

    static const claude_str_t  highest = claude_string(
        "{\"type\":\"message_delta\",\"delta\":{},"
        "\"usage\":{\"output_tokens\":1125899906842624}}");

    static const claude_str_t  other = claude_string(
        "{\"type\":\"weather\",\"usage\":{\"output_tokens\":1}}");

    static const claude_str_t  bad[] = {
        claude_string("{\"type\":\"message_delta\",\"delta\":{},"
                      "\"usage\":{\"input_tokens\":1,\"output_tokens\":-1}}"),
        claude_string("{\"type\":\"message_delta\",\"delta\":{},"
                      "\"usage\":{\"input_tokens\":1,\"output_tokens\":1.5}}"),
        claude_string("{\"type\":\"message_delta\",\"delta\":{},"
                      "\"usage\":{\"output_tokens\":1125899906842625}}"),
        claude_string("{\"type\":\"message_delta\",\"delta\":{},"
                      "\"usage\":{\"output_tokens\":\"5\"}}"),
        claude_string("{\"type\":\"message_delta\",\"delta\":{},"
                      "\"usage\":5}"),
        claude_string("{\"type\":\"message_delta\",\"delta\":{},\"usage\":"
                      "{\"output_tokens_details\":5}}"),
        claude_string("{\"type\":\"message_delta\",\"delta\":{},\"usage\":"
                      "{\"output_tokens_details\":{\"thinking_tokens\":{}}}}")
    };

    memset(&count, 0, sizeof(claude_usage_t));

    is(claude_event_read(&start, &event, &count), CLAUDE_OK, "message_start");
    is(count.input_tokens, 11, "input_tokens");
    is(count.cache_creation_tokens, 12, "cache_creation_tokens");
    is(count.cache_read_tokens, 13, "cache_read_tokens");
    is(count.output_tokens, 1, "output_tokens");
    is(count.thinking_tokens, 5, "thinking_tokens");

    is(claude_event_read(&later, &event, &count), CLAUDE_OK, "message_delta");
    is(count.output_tokens, 40, "the latest count stands");
    is(count.input_tokens, 11, "one that is null stays");
    is(count.cache_read_tokens, 13, "one that is absent stays");

    is(claude_event_read(&other, &event, &count), CLAUDE_OK, "another event");
    is(count.output_tokens, 40, "another event's usage is none");

    before = count;

    for (i = 0; i < sizeof(bad) / sizeof(claude_str_t); i++) {
        is(claude_event_read(&bad[i], &event, &count), CLAUDE_INVALID,
           "bad count %zu", i);
        is_mem(&count, sizeof(count), &before, sizeof(before),
               "nothing is changed");
    }

    is(claude_event_read(&highest, &event, &count), CLAUDE_OK,
       "the highest count");
    ok(count.output_tokens == CLAUDE_TOKENS_MAX, "is CLAUDE_TOKENS_MAX");
}


/* without its last byte no event is whole (a space behind one aside); each
 * prefix lies in a buffer of its own size */

static void
cut(void)
{
    size_t          i, len, taken;
    claude_str_t    data;
    claude_event_t  event;
    claude_usage_t  count;
    unsigned char  *copy;

    taken = 0;

    for (i = 0; i < sizeof(event_table) / sizeof(case_t); i++) {
        for (len = 0; len + 1 < event_table[i].data.len; len++) {
            copy = malloc(len ? len : 1);
            memcpy(copy, event_table[i].data.data, len);

            data.data = copy;
            data.len = len;

            if (claude_event_read(&data, &event, &count) == CLAUDE_OK) {
                taken++;
            }

            free(copy);
        }
    }

    is(taken, 0, "no event that was cut is taken");
}
