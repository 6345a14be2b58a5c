
/*
 * Messages answers against golden files in t/golden/messages_reply/:
 * NAME.stream with "stream": true and NAME.json without.  A status other than
 * 200 is a line such as "503".
 */

#include "claude_messages.h"

#include "golden_reply.h"


static void request(call_t *call, const char *name);
static void bound(void);


static const variant_t  variants[] = {
    { "stream", 1, 0 },
    { "json", 0, 0 },
    { NULL, 0, 0 }
};

static const golden_t  golden = {
    .dialect = &claude_messages,
    .dir = "t/golden/messages_reply/",
    .variants = variants,
    .request = request
};


int
main(void)
{
    golden_files(&golden);

    bound();

    return done_testing();
}


static void
request(call_t *call, const char *name)
{
    static const claude_str_t  model = claude_string("a \"model\"");

    (void) name;

    call->request.model = model;
}


/* a whole answer is gathered up to a bound */

static void
bound(void)
{
    char              *text;
    size_t             i, len;
    pool_t             pool;
    claude_rc_t        rc;
    claude_str_t       data;
    claude_reply_t     reply;
    claude_request_t   request;

    static const claude_str_t  id = claude_string("id");

    static const claude_str_t  begin[] = {
        claude_string("{\"type\":\"message_start\",\"message\":{}}"),
        claude_string("{\"type\":\"content_block_start\",\"index\":0,"
                      "\"content_block\":{\"type\":\"tool_use\",\"id\":\"i\","
                      "\"name\":\"n\",\"input\":{}}}")
    };

    memset(&request, 0, sizeof(claude_request_t));
    pool_init(&pool, 4 * CLAUDE_REPLY_MAX);

    claude_reply_init(&reply, &pool.mem, &claude_messages, &request, &id, 0);
    claude_reply_feed(&reply, &claude_messages, &begin[0], NULL);
    claude_reply_feed(&reply, &claude_messages, &begin[1], NULL);

    text = malloc(1 << 20);
    len = sprintf(text, "{\"type\":\"content_block_delta\",\"index\":0,"
                        "\"delta\":{\"type\":\"input_json_delta\","
                        "\"partial_json\":\"");
    memset(text + len, 'x', (1 << 19));
    len += 1 << 19;
    len += sprintf(text + len, "\"}}");

    data.data = (unsigned char *) text;
    data.len = len;
    rc = CLAUDE_OK;

    for (i = 0; i < 64 && rc == CLAUDE_OK; i++) {
        rc = claude_reply_feed(&reply, &claude_messages, &data, NULL);
    }

    is(rc, CLAUDE_TOO_LARGE, "an answer that is too large");
    is(i, 32, "is one of 16 MB");
    is(reply.fault.err, CLAUDE_ERR_UPSTREAM, "and upstream's fault");

    free(text);
    pool_free(&pool);
}
