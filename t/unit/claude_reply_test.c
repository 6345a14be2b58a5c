
/* the order of a stream's events, and what an answer may cost in memory */

#include "tap.h"
#include "pool.h"

#include "claude_chat.h"


#define MiB    (1024 * 1024)
#define WORDS  "start text0 d0 s0 end stop"


/* events by short names; the digit is the index */

typedef struct {
    const char     *word;
    claude_str_t    data;
} word_t;


typedef struct {
    const char     *name;
    const char     *words;          /* in order */
    const char     *expected;       /* what the dialect got, and the end */
} order_t;


static void orders(void);
static void run(const char *words, char *got, size_t size);
static const claude_str_t *word(const char *name, size_t len);
static void facts(void);
static void errors(void);
static void sticky(void);
static void after_stop(void);
static void whole_bound(void);
static claude_rc_t repeat(claude_reply_t *reply, const char *kind,
    size_t size, unsigned times);
static void steady(void);
static void full(void);
static void no_memory(void);
static void long_model(void);
static claude_rc_t record_start(claude_reply_t *reply);
static claude_rc_t record_event(claude_reply_t *reply,
    const claude_event_t *event, claude_out_t *out);


#define BLOCK(index, block)                                                   \
    claude_string("{\"type\":\"content_block_start\",\"index\":" #index ","   \
                  "\"content_block\":{" block "}}")

#define DELTA(index, delta)                                                   \
    claude_string("{\"type\":\"content_block_delta\",\"index\":" #index ","   \
                  "\"delta\":{" delta "}}")

#define END(index)                                                            \
    claude_string("{\"type\":\"content_block_stop\",\"index\":" #index "}")

#define REASON(reason)                                                        \
    claude_string("{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"   \
                  reason "},\"usage\":{\"output_tokens\":7}}")

#define TEXT  "\"type\":\"text\",\"text\":\"\""


static const word_t  words_table[] = {
    { "start", claude_string("{\"type\":\"message_start\",\"message\":"
                             "{\"usage\":{\"input_tokens\":3}}}") },
    { "ping", claude_string("{\"type\":\"ping\"}") },
    { "other", claude_string("{\"type\":\"weather\"}") },
    { "cost", claude_string("{\"type\":\"claude_cost\",\"cost_usd\":0.5}") },
    { "text0", BLOCK(0, TEXT) },
    { "text1", BLOCK(1, TEXT) },
    { "text5", BLOCK(5, TEXT) },
    { "full0", BLOCK(0, "\"type\":\"text\",\"text\":\"a\"") },
    { "think0", BLOCK(0, "\"type\":\"thinking\",\"thinking\":\"\"") },
    { "redacted0", BLOCK(0, "\"type\":\"redacted_thinking\"") },
    { "tool0", BLOCK(0, "\"type\":\"tool_use\",\"id\":\"i\","
                        "\"name\":\"n\"") },
    { "unknown0", BLOCK(0, "\"type\":\"weather\",\"text\":\"a\"") },
    { "d0", DELTA(0, "\"type\":\"text_delta\",\"text\":\"a\"") },
    { "d1", DELTA(1, "\"type\":\"text_delta\",\"text\":\"a\"") },
    { "empty0", DELTA(0, "\"type\":\"text_delta\",\"text\":\"\"") },
    { "h0", DELTA(0, "\"type\":\"thinking_delta\",\"thinking\":\"a\"") },
    { "g0", DELTA(0, "\"type\":\"signature_delta\",\"signature\":\"a\"") },
    { "j0", DELTA(0, "\"type\":\"input_json_delta\",\"partial_json\":\"a\"") },
    { "u0", DELTA(0, "\"type\":\"weather_delta\"") },
    { "s0", END(0) },
    { "s1", END(1) },
    { "s5", END(5) },
    { "null", REASON("null") },
    { "end", REASON("\"end_turn\"") },
    { "length", REASON("\"max_tokens\"") },
    { "stop", claude_string("{\"type\":\"message_stop\"}") },
    { "err", claude_string("{\"type\":\"error\",\"error\":{\"type\":"
                           "\"rate_limit_error\"}}") },
    { "bad", claude_string("{\"type\":") }
};


/*
 * The dialect notes S and E for the message, B, D and I for a block's start,
 * delta and stop, M for message_delta.  At the end stands "whole", "more" (no
 * message_stop yet), "broken", or "error".
 */

static const order_t  order_table[] = {
    { "the usual", WORDS, "SBDIME whole" },
    { "nothing", "", " more" },
    { "no blocks", "start end stop", "SME whole" },
    { "pings and unknown events anywhere",
      "ping other start ping other text0 ping other d0 ping s0 other end ping "
      "other stop", "SBDIME whole" },
    { "a cost, before the end or anywhere",
      "cost start text0 cost d0 s0 end cost stop", "SBDIME whole" },
    { "two blocks", "start text0 d0 s0 text1 d1 s1 end stop",
      "SBDIBDIME whole" },
    { "indices with gaps", "start text0 s0 text5 s5 end stop",
      "SBIBIME whole" },
    { "a thinking block", "start think0 h0 g0 s0 end stop",
      "SBDDIME whole" },
    { "a redacted block", "start redacted0 s0 end stop", "SBIME whole" },
    { "a tool", "start tool0 j0 s0 end stop", "SBDIME whole" },
    { "an unknown delta", "start text0 u0 d0 s0 end stop", "SBDIME whole" },
    { "an unknown block", "start unknown0 d0 h0 j0 u0 s0 text1 s1 end stop",
      "SBIME whole" },
    { "a null reason, then one", "start null end stop", "SMME whole" },
    { "a reason, then null", "start end null stop", "SMME whole" },

    { "cut before the start", "ping", " more" },
    { "cut in a block", "start text0 d0", "SBD more" },
    { "cut before message_delta", "start text0 d0 s0", "SBDI more" },
    { "cut before message_stop", "start text0 d0 s0 end", "SBDIM more" },

    { "a block before the start", "text0", " broken" },
    { "a delta before the start", "d0", " broken" },
    { "a block's end before the start", "s0", " broken" },
    { "message_delta before the start", "end", " broken" },
    { "message_stop before the start", "stop", " broken" },
    { "two starts", "start start", "S broken" },
    { "a start in a block", "start text0 start", "SB broken" },
    { "a delta without a block", "start d0", "S broken" },
    { "a delta of another block", "start text0 d1", "SB broken" },
    { "a delta after the block's end", "start text0 s0 d0", "SBI broken" },
    { "a block in a block", "start text0 text1", "SB broken" },
    { "an index again", "start text0 s0 text0", "SBI broken" },
    { "an index falling", "start text5 s5 text1", "SBI broken" },
    { "an end without a block", "start s0", "S broken" },
    { "an end of another block", "start text0 s1", "SB broken" },
    { "an end twice", "start text0 s0 s0", "SBI broken" },
    { "thinking in a text block", "start text0 h0", "SB broken" },
    { "a signature in a text block", "start text0 g0", "SB broken" },
    { "JSON in a text block", "start text0 j0", "SB broken" },
    { "text in a thinking block", "start think0 d0", "SB broken" },
    { "text in a tool", "start tool0 d0", "SB broken" },
    { "text in a redacted block", "start redacted0 d0", "SB broken" },
    { "message_delta in a block", "start text0 end", "SB broken" },
    { "message_stop in a block", "start text0 stop", "SB broken" },
    { "message_stop without a reason", "start text0 s0 stop", "SBI broken" },
    { "message_stop after a null reason", "start text0 d0 s0 null stop",
      "SBDIM broken" },
    { "a block after the reason", "start end text0", "SM broken" },
    { "no JSON", "start bad", "S broken" },
    { "no JSON at first", "bad", " broken" },

    { "an error at first", "err", " error" },
    { "an error in a block", "start text0 d0 err", "SBD error" },
    { "an error before message_stop", "start end err", "SM error" }
};


static const claude_dialect_t  record = {
    .name = "record",
    .start = record_start,
    .event = record_event
};

static const claude_str_t  id = claude_string("id");


int
main(void)
{
    orders();
    facts();
    errors();
    sticky();
    after_stop();
    whole_bound();
    steady();
    full();
    no_memory();
    long_model();

    return done_testing();
}


static void
orders(void)
{
    char    got[64];
    size_t  i;

    for (i = 0; i < sizeof(order_table) / sizeof(order_t); i++) {
        run(order_table[i].words, got, sizeof(got));
        is_str(got, order_table[i].expected, "%s", order_table[i].name);
    }
}


static void
run(const char *words, char *got, size_t size)
{
    size_t             len;
    pool_t             pool;
    claude_rc_t        rc;
    const char        *end;
    claude_reply_t     reply;
    claude_request_t   request;

    memset(&request, 0, sizeof(claude_request_t));
    pool_init(&pool, 4096);

    rc = claude_reply_init(&reply, &pool.mem, &record, &request, &id, 0);

    for ( /* void */ ; rc == CLAUDE_OK && *words; words += len) {
        words += strspn(words, " ");
        len = strcspn(words, " ");
        rc = claude_reply_feed(&reply, &record, word(words, len), NULL);
    }

    end = reply.complete ? "whole" : "more";

    if (rc != CLAUDE_OK) {
        end = (reply.fault.err == CLAUDE_ERR_UPSTREAM) ? "broken" : "error";
    }

    if (rc != CLAUDE_OK && (rc != CLAUDE_INVALID || reply.complete)) {
        end = "impossible";
    }

    snprintf(got, size, "%s %s", (char *) reply.state, end);

    pool_free(&pool);
}


static const claude_str_t *
word(const char *name, size_t len)
{
    size_t  i;

    for (i = 0; i < sizeof(words_table) / sizeof(word_t); i++) {
        if (strlen(words_table[i].word) == len
            && memcmp(words_table[i].word, name, len) == 0)
        {
            return &words_table[i].data;
        }
    }

    bail("no event %.*s", (int) len, name);
}


static claude_rc_t
record_start(claude_reply_t *reply)
{
    reply->state = claude_alloc(reply->mem, 64);
    if (reply->state == NULL) {
        return CLAUDE_NO_MEMORY;
    }

    memset(reply->state, 0, 64);

    return CLAUDE_OK;
}


static claude_rc_t
record_event(claude_reply_t *reply, const claude_event_t *event,
    claude_out_t *out)
{
    (void) out;

    strncat(reply->state, &"?pSBDIMEx"[event->type], 1);

    return CLAUDE_OK;
}


static void
facts(void)
{
    size_t            i;
    pool_t            pool;
    claude_reply_t    reply;
    claude_request_t  request;

    static const struct {
        const char   *word;
        unsigned      content;
    } contents[] = {
        { "full0", 1 }, { "d0", 1 }, { "empty0", 0 }, { "text0", 0 },
        { "h0", 1 }, { "g0", 0 }, { "tool0", 1 }, { "unknown0", 0 }
    };

    memset(&request, 0, sizeof(claude_request_t));
    pool_init(&pool, 4096);

#define feed(name)                                                            \
    claude_reply_feed(&reply, &record, word(name, strlen(name)), NULL)

    claude_reply_init(&reply, &pool.mem, &record, &request, &id, 99);

    ok(reply.request == &request && reply.created == 99
       && reply.id.data == id.data && reply.fault.err == CLAUDE_ERR_NONE,
       "a new reply has what it was given");

    is(feed("start"), CLAUDE_OK, "started");
    is(reply.started, 1, "the start is noted");
    is(reply.usage.input_tokens, 3, "its usage too");
    is(feed("length"), CLAUDE_OK, "a reason");
    is(reply.stopped, 1, "the reason is noted");
    is(reply.stop, CLAUDE_STOP_MAX_TOKENS, "which it was");
    is(feed("null"), CLAUDE_OK, "a null reason after it");
    is(reply.stop, CLAUDE_STOP_MAX_TOKENS, "changes nothing");
    is(feed("end"), CLAUDE_OK, "another reason");
    is(reply.stop, CLAUDE_STOP_END_TURN, "the latest stands");
    is(reply.usage.output_tokens, 7, "the usage is kept");
    is(reply.complete, 0, "not whole yet");
    is(feed("cost"), CLAUDE_OK, "a cost");
    ok(reply.priced && reply.cost == 500000, "which is noted");
    is(feed("stop"), CLAUDE_OK, "message_stop");
    is(reply.complete, 1, "whole");
    is(reply.content, 0, "without content");

    for (i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
        claude_reply_init(&reply, &pool.mem, &record, &request, &id, 0);
        feed("start");

        if (strlen(contents[i].word) == 2 || contents[i].word[0] == 'e') {
            feed(contents[i].word[0] == 'd' || contents[i].word[0] == 'e'
                 ? "text0" : "think0");
        }

        is(feed(contents[i].word), CLAUDE_OK, "%s", contents[i].word);
        is(reply.content, contents[i].content, "whether %s is content",
           contents[i].word);
        is(reply.text, strlen(contents[i].word) == 2, "%s: its text",
           contents[i].word);
    }

    pool_free(&pool);
}


static void
errors(void)
{
    pool_t            pool;
    claude_reply_t    reply;
    claude_request_t  request;

    memset(&request, 0, sizeof(claude_request_t));
    pool_init(&pool, 4096);

    claude_reply_init(&reply, &pool.mem, &record, &request, &id, 0);
    feed("err");
    is(reply.fault.err, CLAUDE_ERR_RATE_UPSTREAM, "the error's own meaning");
    is(claude_fault_retryable(&reply.fault), 1, "may be tried again");

    claude_reply_init(&reply, &pool.mem, &record, &request, &id, 0);
    feed("start");
    feed("err");
    is(reply.fault.err, CLAUDE_ERR_RATE_UPSTREAM, "the same later");
    is(claude_fault_retryable(&reply.fault), 0, "may not");

    pool_free(&pool);
}


static void
sticky(void)
{
    pool_t            pool;
    claude_reply_t    reply;
    claude_request_t  request;

    memset(&request, 0, sizeof(claude_request_t));
    pool_init(&pool, 4096);

    claude_reply_init(&reply, &pool.mem, &record, &request, &id, 0);

    feed("start");
    is(feed("bad"), CLAUDE_INVALID, "a broken event");
    is(feed("end"), CLAUDE_INVALID, "nothing is taken after it");
    is(feed("stop"), CLAUDE_INVALID, "nor does the answer become whole");
    is_str(reply.state, "S", "the dialect sees none of it");
    is(reply.complete, 0, "not whole");

    pool_free(&pool);
}


static void
after_stop(void)
{
    size_t            i;
    pool_t            pool;
    claude_reply_t    reply;
    claude_request_t  request;

    memset(&request, 0, sizeof(claude_request_t));
    pool_init(&pool, 4096);

    claude_reply_init(&reply, &pool.mem, &record, &request, &id, 0);

    feed("start");
    feed("end");
    feed("stop");

    for (i = 0; i < sizeof(words_table) / sizeof(word_t); i++) {
        is(feed(words_table[i].word), CLAUDE_OK, "%s after the end",
           words_table[i].word);
    }

    is_str(reply.state, "SME", "the dialect sees none of it");
    is(reply.stop, CLAUDE_STOP_END_TURN, "nothing is changed");

    pool_free(&pool);

#undef feed
}


/* feeds a delta of size bytes; what is fed is gone afterwards */

static claude_rc_t
repeat(claude_reply_t *reply, const char *kind, size_t size, unsigned times)
{
    char          *buf;
    size_t         head;
    claude_rc_t    rc;
    claude_str_t   data;

    buf = malloc(size + 256);

    rc = CLAUDE_OK;

    while (times-- && rc == CLAUDE_OK) {
        head = sprintf(buf, "{\"type\":\"content_block_delta\",\"index\":0,"
                       "\"delta\":{\"type\":\"%s_delta\",\"%s\":\"", kind,
                       kind);
        memset(buf + head, 'x', size);
        memcpy(buf + head + size, "\"}}", 3);

        data.data = (unsigned char *) buf;
        data.len = head + size + 3;

        rc = claude_reply_feed(reply, &claude_chat, &data, NULL);
        memset(buf, '#', size + 256);
    }

    free(buf);

    return rc;
}


static void
whole_bound(void)
{
    pool_t            pool;
    claude_out_t      out;
    claude_reply_t    reply;
    claude_request_t  request;

#define feed(name)                                                            \
    claude_reply_feed(&reply, &claude_chat, word(name, strlen(name)), NULL)

    memset(&request, 0, sizeof(claude_request_t));
    pool_init(&pool, 64 * MiB);

    claude_reply_init(&reply, &pool.mem, &claude_chat, &request, &id, 0);
    feed("start");
    feed("text0");

    is(repeat(&reply, "text", MiB / 4, CLAUDE_REPLY_MAX / (MiB / 4) - 1),
       CLAUDE_OK, "most of CLAUDE_REPLY_MAX");
    is(repeat(&reply, "text", 1024, (MiB / 4 - 4096) / 1024), CLAUDE_OK,
       "all that leaves 4 KB of it");
    ok(pool.used < CLAUDE_REPLY_MAX + CLAUDE_REPLY_MAX / 8,
       "takes %zu bytes of memory", pool.used);
    is(repeat(&reply, "text", 1, 1), CLAUDE_TOO_LARGE, "one byte more");
    is(reply.fault.err, CLAUDE_ERR_UPSTREAM, "is the upstream's fault");
    ok(reply.fault.reason != NULL, "with a reason");

    pool_free(&pool);

    claude_reply_init(&reply, &pool.mem, &claude_chat, &request, &id, 0);
    feed("start");
    feed("think0");

    is(repeat(&reply, "thinking", 1024, (CLAUDE_REPLY_MAX - 4096) / 1024),
       CLAUDE_OK, "thinking that leaves 4 KB of it");

    feed("s0");
    feed("text1");
    feed("s1");

    claude_reply_feed(&reply, &claude_chat, word("end", 3), NULL);
    claude_reply_feed(&reply, &claude_chat, word("stop", 4), NULL);
    is(reply.complete, 1, "whole");

    claude_out_init(&out, &pool.mem, CLAUDE_REPLY_MAX);
    is(claude_chat_document(&reply, &out), CLAUDE_OK,
       "its document keeps to CLAUDE_REPLY_MAX");
    ok(out.size > CLAUDE_REPLY_MAX - 4096, "has all of it");
    ok(pool.used < CLAUDE_REPLY_MAX + CLAUDE_REPLY_MAX / 8,
       "and doesn't double the memory: %zu bytes", pool.used);

    pool_free(&pool);

    claude_reply_init(&reply, &pool.mem, &claude_chat, &request, &id, 0);
    feed("start");
    feed("think0");
    repeat(&reply, "thinking", 1024, (CLAUDE_REPLY_MAX - 4096) / 1024);
    feed("s0");
    feed("text1");

    is(feed("d1"), CLAUDE_TOO_LARGE, "text and thinking have one bound");

    pool_free(&pool);

    claude_reply_init(&reply, &pool.mem, &claude_chat, &request, &id, 0);
    claude_out_init(&out, &pool.mem, MiB);
    feed("start");
    feed("end");
    is(claude_chat_document(&reply, &out), CLAUDE_INVALID,
       "no document before message_stop");
    is(out.size, 0, "nothing is written");

    pool_free(&pool);

#undef feed
}


/* 100,000 deltas of a stream: no memory but the caller's chunk */

static void
steady(void)
{
    size_t            i, used;
    pool_t            pool;
    claude_rc_t       rc;
    claude_out_t      out;
    unsigned char     chunk[1024];
    claude_reply_t    reply;
    claude_request_t  request;

    memset(&request, 0, sizeof(claude_request_t));
    request.stream = 1;

    pool_init(&pool, MiB);
    claude_reply_init(&reply, &pool.mem, &claude_chat, &request, &id, 0);

#define feed(name)                                                            \
    claude_reply_feed(&reply, &claude_chat, word(name, strlen(name)), &out)

    claude_out_init_chunk(&out, &pool.mem, MiB, chunk, sizeof(chunk));
    feed("start");
    feed("text0");

    used = pool.used;
    rc = CLAUDE_OK;

    for (i = 0; i < 100000 && rc == CLAUDE_OK; i++) {
        claude_out_init_chunk(&out, &pool.mem, MiB, chunk, sizeof(chunk));
        rc = feed("d0");
    }

    is(rc, CLAUDE_OK, "a long stream");
    ok(out.size > 0, "the last delta is sent on");
    is(pool.used, used, "no memory is taken for it");

    pool_free(&pool);
}


static void
full(void)
{
    pool_t            pool;
    claude_out_t      out;
    claude_reply_t    reply;
    claude_request_t  request;

    memset(&request, 0, sizeof(claude_request_t));
    request.stream = 1;

    pool_init(&pool, MiB);
    claude_reply_init(&reply, &pool.mem, &claude_chat, &request, &id, 0);
    claude_out_init(&out, &pool.mem, 100);

    is(feed("start"), CLAUDE_TOO_LARGE, "an output that is full");
    is(feed("ping"), CLAUDE_INVALID, "ends the answer");

    pool_free(&pool);
}


/* every allocation once the one that fails */

static void
no_memory(void)
{
    size_t            max, failed;
    pool_t            pool;
    claude_rc_t       rc;
    claude_out_t      out;
    claude_reply_t    reply;
    claude_request_t  request;

    memset(&request, 0, sizeof(claude_request_t));
    failed = 0;

    for (request.stream = 0, max = 0; max < 20000; max++) {
        pool_init(&pool, max);
        claude_out_init(&out, &pool.mem, MiB);

        rc = claude_reply_init(&reply, &pool.mem, &claude_chat, &request, &id,
                               0);

        if (rc == CLAUDE_OK) {
            rc = feed("start");
        }

        pool_free(&pool);

        if (rc == CLAUDE_OK && request.stream) {
            break;
        }

        if (rc == CLAUDE_OK) {
            request.stream = 1;
            max = 0;
            continue;
        }

        if (rc != CLAUDE_NO_MEMORY) {
            break;
        }

        failed++;
    }

    is(rc, CLAUDE_OK, "with enough memory it works");
    ok(failed > 100, "with less it says so: %zu sizes tried", failed);

    request.stream = 0;
    pool_init(&pool, 2048);
    claude_reply_init(&reply, &pool.mem, &claude_chat, &request, &id, 0);

    claude_reply_feed(&reply, &claude_chat, word("start", 5), NULL);
    claude_reply_feed(&reply, &claude_chat, word("text0", 5), NULL);

    is(repeat(&reply, "text", 10, 1000), CLAUDE_NO_MEMORY,
       "memory that ends while an answer is gathered");
    is(reply.fault.err, CLAUDE_ERR_INTERNAL, "is our fault");

    pool_free(&pool);

#undef feed
}


static void
long_model(void)
{
    pool_t            pool;
    unsigned char     model[8192];
    claude_reply_t    reply;
    claude_request_t  request;

    memset(&request, 0, sizeof(claude_request_t));
    memset(model, 'm', sizeof(model));

    request.stream = 1;
    request.model.data = model;
    request.model.len = sizeof(model);

    pool_init(&pool, MiB);

    is(claude_reply_init(&reply, &pool.mem, &claude_chat, &request, &id, 0),
       CLAUDE_TOO_LARGE, "a model's name of 8 KB is too long for a chunk");

    pool_free(&pool);
}
