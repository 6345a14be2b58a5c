
/*
 * Messages requests and what becomes of them, from
 * t/golden/messages/NAME.cases, which don't tell where JSON is wrong.  "~~" is
 * a request to count tokens, of which "<- N" is the estimate.
 */

#include "claude_messages.h"

#include "golden_request.h"
#include "pool.h"


static void check_case(const golden_t *golden);
static void check_count(const golden_t *golden);
static void no_memory(void);


int
main(void)
{
    golden_files("t/golden/messages/*.cases", check_case);

    no_memory();
    check_turns(&claude_messages,
                "{\"model\":\"opus\",\"max_tokens\":1,\"messages\":[");

    return done_testing();
}


static void
check_case(const golden_t *golden)
{
    if (golden->other) {
        check_count(golden);

    } else {
        check_request(&claude_messages, golden, 0);
    }
}


static void
check_count(const golden_t *golden)
{
    char           *got;
    static call_t   call;

    call_golden(&call, &claude_messages_count, golden);

    if (call.rc == CLAUDE_OK) {
        got = malloc(32);
        sprintf(got, "<- %llu",
                (unsigned long long) claude_messages_estimate(&call.request));

    } else {
        got = call_result(&call, 0);
    }

    is_str(got, golden->expected, "%s", golden->name);

    free(got);
    call_free(&call);
}


/* each allocation fails once */

static void
no_memory(void)
{
    size_t            size;
    pool_t            pool;
    claude_rc_t       rc;
    claude_out_t      out;
    claude_fault_t    fault;
    claude_request_t  facts;

    static const char  body[] =
        "{\"model\":\"claude-\\u0073onnet-5-5\",\"max_tokens\":9,"
        "\"system\":\"S\",\"stop_sequences\":[\"a\"],\"tools\":[{\"name\":"
        "\"t\",\"input_schema\":{}}],\"messages\":[{\"role\":\"user\","
        "\"content\":\"A\"},{\"role\":\"assistant\",\"content\":[{\"type\":"
        "\"tool_use\",\"id\":\"\\u0061\",\"name\":\"t\",\"input\":{}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
        "\"tool_use_id\":\"a\",\"content\":\"B\"}]}]}";

    rc = CLAUDE_NO_MEMORY;

    for (size = 0; rc == CLAUDE_NO_MEMORY && size < 1 << 20; size += 64) {
        pool_init(&pool, size);
        claude_out_init(&out, &pool.mem, 1 << 20);

        rc = claude_messages_request(&pool.mem, (unsigned char *) body,
                                     sizeof(body) - 1, &models, &out, &facts,
                                     &fault);
        pool_free(&pool);
    }

    is(rc, CLAUDE_OK, "without memory there is no body, and no other harm");
    ok(size < 32768, "and little of it is enough: %zu bytes", size);
}
