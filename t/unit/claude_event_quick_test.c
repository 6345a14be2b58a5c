
/* the quick ways to read an event, against the full one */

#include "tap.h"

#include "claude_event.h"


typedef struct {
    const char     *name;
    claude_str_t    data;
    const char     *expected;
} case_t;


static void same(void);
static void declined(void);
static claude_rc_t take(const case_t *t, claude_event_t *event,
    claude_str_t *data);


#define DELTA   "{\"type\":\"content_block_delta\",\"index\":0,"              \
                "\"delta\":{\"type\":\"text_delta\",\"text\":\""

#define START   "{\"type\":\"content_block_start\",\"index\":2,"              \
                "\"content_block\":"


/* the quickest way that takes them; the full one takes all */

static const case_t  fast_table[] = {
    { "empty", claude_string(DELTA "\"}}"), "usual" },
    { "ASCII", claude_string(DELTA "Hello, world\"}}"), "usual" },
    { "DEL", claude_string(DELTA "\x7f\"}}"), "usual" },
    { "two, three, four bytes",
      claude_string(DELTA "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"}}"),
      "usual" },
    { "all short escapes",
      claude_string(DELTA "\\\"\\\\\\/\\b\\f\\n\\r\\t\"}}"), "usual" },
    { "an escape of each kind among eights",
      claude_string(DELTA "abcdefg\\nabcdef\\u00e9abcdefghijk\\\"\"}}"),
      "usual" },
    { "hex in both cases", claude_string(DELTA "\\u00Ff\\uABCD\"}}"),
      "usual" },
    { "\\u0000", claude_string(DELTA "\\u0000\"}}"), "usual" },
    { "a surrogate pair", claude_string(DELTA "\\ud83d\\ude00\"}}"), "usual" },
    { "the highest pair", claude_string(DELTA "\\uDBFF\\uDFFF\"}}"), "usual" },
    { "an index of four digits",
      claude_string("{\"type\":\"content_block_delta\",\"index\":9876,"
                    "\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}"),
      "usual" },
    { "an index of five digits",
      claude_string("{\"type\":\"content_block_delta\",\"index\":12345,"
                    "\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}"),
      "fast" },
    { "a space", claude_string(DELTA "a\"} }"), "full" },
    { "a space behind", claude_string(DELTA "a\"}} "), "full" },
    { "another name", claude_string(DELTA "a\",\"x\":\"\"}}"), "fast" },
    { "a tool's input",
      claude_string("{\"type\":\"content_block_delta\",\"index\":1,"
                    "\"delta\":{\"type\":\"input_json_delta\","
                    "\"partial_json\":\"{\\\"a\\\":\\\"\xc3\xa9\"}}"),
      "usual" },
    { "a tool's input, an index of two digits",
      claude_string("{\"type\":\"content_block_delta\",\"index\":10,"
                    "\"delta\":{\"type\":\"input_json_delta\","
                    "\"partial_json\":\"\"}}"),
      "usual" },
    { "a thought",
      claude_string("{\"type\":\"content_block_delta\",\"index\":0,"
                    "\"delta\":{\"type\":\"thinking_delta\","
                    "\"thinking\":\"hm\\n\"}}"),
      "usual" },
    { "a signature",
      claude_string("{\"type\":\"content_block_delta\",\"index\":0,"
                    "\"delta\":{\"type\":\"signature_delta\","
                    "\"signature\":\"Eq\"}}"),
      "fast" },
    { "a text begins",
      claude_string(START "{\"type\":\"text\",\"text\":\"\"}}"), "usual" },
    { "a text begins with citations",
      claude_string(START "{\"citations\":null,\"type\":\"text\","
                    "\"text\":\"\"}}"),
      "fast" },
    { "a block ends",
      claude_string("{\"type\":\"content_block_stop\",\"index\":31}"),
      "usual" },
    { "a block ends, and a field",
      claude_string("{\"type\":\"content_block_stop\",\"index\":31,\"a\":1}"),
      "fast" },
    { "the message ends", claude_string("{\"type\":\"message_stop\"}"),
      "usual" },
    { "the message ends, and a field",
      claude_string("{\"type\":\"message_stop\",\"a\":1}"), "fast" },
    { "a start as it is",
      claude_string("{\"type\":\"message_start\",\"message\":{\"id\":"
                    "\"msg_1\",\"type\":\"message\",\"content\":[],"
                    "\"model\":\"claude-x\",\"stop_reason\":null,"
                    "\"usage\":{\"input_tokens\":12,\"cache_creation\":"
                    "{\"ephemeral_5m_input_tokens\":0},"
                    "\"output_tokens\":1}}}"),
      "fast" },
    { "an end as it is",
      claude_string("{\"type\":\"message_delta\",\"delta\":{"
                    "\"stop_reason\":\"end_turn\",\"stop_sequence\":null},"
                    "\"usage\":{\"output_tokens\":200}}"),
      "fast" },
    { "numbers",
      claude_string("{\"type\":\"ping\",\"a\":[0,-0,-1,0.5,-10.25,"
                    "123456789012345]}"),
      "fast" },
    { "words", claude_string("{\"type\":\"ping\",\"a\":[true,false,null]}"),
      "fast" },
    { "eight deep",
      claude_string("{\"type\":\"ping\",\"a\":[[[[[[[]]]]]]]}"), "fast" },
    { "nine deep",
      claude_string("{\"type\":\"ping\",\"a\":[[[[[[[[]]]]]]]]}"), "full" },
    { "a name that other objects have",
      claude_string("{\"type\":\"ping\",\"a\":{\"type\":1,\"a\":2},"
                    "\"b\":{\"a\":3}}"),
      "fast" },
    { "an escape in a name",
      claude_string("{\"type\":\"ping\",\"\\u0061\":1}"), "full" },
    { "an escape in a type",
      claude_string("{\"type\":\"pin\\u0067\"}"), "full" },
    { "an exponent", claude_string("{\"type\":\"ping\",\"a\":1e2}"),
      "full" },
    { "many digits",
      claude_string("{\"type\":\"ping\",\"a\":123456789012345678}"),
      "full" }
};


/* the fast path leaves these to the full one, which refuses them */

static const case_t  declined_table[] = {
    { "nothing", { 0, (const unsigned char *) "" }, "" },
    { "no object", claude_string("5"), "" },
    { "cut in a name", claude_string("{\"typ"), "" },
    { "cut before a value", claude_string("{\"type\":"), "" },
    { "cut in a value", claude_string("{\"type\":\"ping"), "" },
    { "cut in a word", claude_string("{\"type\":\"ping\",\"a\":nul"), "" },
    { "cut before the end", claude_string("{\"type\":\"ping\""), "" },
    { "bytes behind", claude_string("{\"type\":\"ping\"}}"), "" },
    { "a name twice",
      claude_string("{\"type\":\"ping\",\"a\":1,\"a\":2}"), "" },
    { "a name twice, deeper",
      claude_string("{\"type\":\"ping\",\"a\":{\"b\":1,\"c\":2,\"b\":3}}"),
      "" },
    { "no value", claude_string("{\"type\":\"ping\",\"a\":}"), "" },
    { "no name", claude_string("{\"type\":\"ping\",}"), "" },
    { "no comma", claude_string("{\"type\":\"ping\"\"a\":1}"), "" },
    { "a comma too many", claude_string("{\"type\":\"ping\",\"a\":[1,]}"),
      "" },
    { "a leading zero", claude_string("{\"type\":\"ping\",\"a\":01}"), "" },
    { "a bare minus", claude_string("{\"type\":\"ping\",\"a\":-}"), "" },
    { "no digit before the point",
      claude_string("{\"type\":\"ping\",\"a\":.5}"), "" },
    { "no digit behind the point",
      claude_string("{\"type\":\"ping\",\"a\":5.}"), "" },
    { "two points", claude_string("{\"type\":\"ping\",\"a\":1.2.3}"), "" },
    { "a bad escape", claude_string("{\"type\":\"ping\",\"a\":\"\\x\"}"),
      "" },
    { "a lone surrogate",
      claude_string("{\"type\":\"ping\",\"a\":\"\\ud800\"}"), "" },
    { "a control byte",
      claude_string("{\"type\":\"ping\",\"a\":\"\x01\"}"), "" },
    { "malformed UTF-8",
      claude_string("{\"type\":\"ping\",\"a\":\"\xc3\"}"), "" },
    { "malformed UTF-8 in a delta", claude_string(DELTA "\xc3\"}}"), "" },
    { "a lone surrogate in a delta", claude_string(DELTA "\\ud800\"}}"), "" },
    { "a bad escape in a delta", claude_string(DELTA "\\x\"}}"), "" },
    { "a control byte in a delta", claude_string(DELTA "\x1f\"}}"), "" },
    { "a quote in a delta", claude_string(DELTA "\"\"}}"), "" },
    { "an index with a zero before it",
      claude_string("{\"type\":\"content_block_stop\",\"index\":01}"), "" },
    { "an index that is none",
      claude_string("{\"type\":\"content_block_stop\",\"index\":}"), "" },
    { "malformed UTF-8 in a name",
      claude_string("{\"type\":\"ping\",\"\xff\":1}"), "" }
};


int
main(void)
{
    same();
    declined();

    return done_testing();
}


static void
same(void)
{
    size_t           i;
    claude_rc_t      rc;
    const char      *path;
    const case_t    *t;
    claude_str_t     data;
    claude_event_t   event, full;
    claude_usage_t   count, fast;

    for (i = 0; i < sizeof(fast_table) / sizeof(case_t); i++) {
        t = &fast_table[i];
        path = "full";

        memset(&event, 0xee, sizeof(claude_event_t));
        memset(&full, 0x55, sizeof(claude_event_t));
        memset(&count, 0, sizeof(claude_usage_t));
        memset(&fast, 0, sizeof(claude_usage_t));

        rc = take(t, &event, &data);

        is(claude_event_read_full(&data, &full, &count), CLAUDE_OK,
           "the full path reads: %s", t->name);

        if (rc == CLAUDE_OK) {
            path = "usual";
            is_mem(&event, sizeof(event), &full, sizeof(full),
                   "the same as taken: %s", t->name);
        }

        if (claude_event_read_fast(&data, &event, &fast) == CLAUDE_OK) {
            path = (path[0] == 'u') ? path : "fast";
            is_mem(&event, sizeof(event), &full, sizeof(full),
                   "the same event: %s", t->name);
            is_mem(&fast, sizeof(fast), &count, sizeof(count),
                   "the same usage: %s", t->name);
        }

        is_str(path, t->expected, "the path taken: %s", t->name);
    }
}


static void
declined(void)
{
    size_t           i;
    const case_t    *t;
    claude_str_t     data;
    claude_event_t   event;
    claude_usage_t   count;

    for (i = 0; i < sizeof(declined_table) / sizeof(case_t); i++) {
        t = &declined_table[i];

        is(take(t, &event, &data), CLAUDE_DECLINED, "not taken: %s", t->name);
        is(claude_event_read_fast(&t->data, &event, &count), CLAUDE_DECLINED,
           "declined: %s", t->name);
        is(claude_event_read_full(&t->data, &event, &count), CLAUDE_INVALID,
           "refused by the full path: %s", t->name);
    }
}


/* as an event of a stream, and each of its beginnings; *data is its data, valid
 * until the next call */

static claude_rc_t
take(const case_t *t, claude_event_t *event, claude_str_t *data)
{
    int                   n;
    char                  type[32] = "ping";
    size_t                len, i;
    unsigned              wrong;
    claude_rc_t           rc;
    const unsigned char  *pos;

    static unsigned char  stream[1024];

    sscanf((const char *) t->data.data, "{\"type\":\"%31[a-z_]", type);
    n = snprintf((char *) stream, sizeof(stream), "event: %s\ndata: ", type);

    data->data = stream + n;
    data->len = t->data.len;
    memcpy(stream + n, t->data.data, t->data.len);
    memcpy(stream + n + t->data.len, "\n\n", 2);

    len = n + t->data.len + 2;
    wrong = 0;

    for (i = 0; i < len; i++) {
        pos = stream;

        if (claude_event_take(&pos, stream + i, event) != CLAUDE_DECLINED
            || pos != stream)
        {
            wrong++;
        }
    }

    is(wrong, 0, "no beginning is taken: %s", t->name);

    pos = stream;
    rc = claude_event_take(&pos, stream + sizeof(stream), event);

    is(pos - stream, (rc == CLAUDE_OK) ? len : 0, "as far as it goes: %s",
       t->name);

    return rc;
}
