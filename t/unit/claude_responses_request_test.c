
/*
 * Requests for responses and what becomes of them, from
 * t/golden/responses/NAME.cases.
 */

#include "claude_responses.h"

#include "golden_request.h"


static void
check_case(const golden_t *golden)
{
    check_request(&claude_responses, golden, 1);
}


/* whatever allocation fails, the answer is that there is no memory */

static void
check_memory(void)
{
    size_t         left, failed;
    static call_t  call;

    static const char  body[] =
        "{\"model\":\"opus\",\"instructions\":\"be \\u0062rief\","
        "\"metadata\":{\n\"a\":\"b\"},\"tools\":[{\"type\":\"namespace\","
        "\"name\":\"s\",\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]}],"
        "\"tool_choice\":{\"type\":\"function\",\"name\":\"f\","
        "\"namespace\":\"s\"},\"input\":[{\"role\":\"user\",\"content\":"
        "\"hi\"},{\"type\":\"function_call\",\"call_id\":\"\\u0063\","
        "\"namespace\":\"s\",\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"},"
        "{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":"
        "\"ok\"}]}";

    failed = 0;

    for (left = 0; left < 4096; left++) {
        call_request(&call, &claude_responses, body, sizeof(body) - 1, left,
                     1 << 20);
        call_free(&call);

        if (call.rc == CLAUDE_OK) {
            break;
        }

        failed += (call.rc != CLAUDE_NO_MEMORY);
    }

    is(call.rc, CLAUDE_OK, "enough memory");
    ok(left > 5, "which is %zu allocations", left);
    is(failed, 0, "and with fewer the failure is told");
}


static claude_rc_t
unseal(claude_mem_t *mem, const unsigned char *data, size_t len,
    claude_responses_thought_t *thought)
{
    claude_str_t  sealed;

    sealed.data = data;
    sealed.len = len;

    return claude_responses_unseal(mem, &sealed, thought);
}


static void
check_seal(void)
{
    size_t                      i, damaged;
    claude_rc_t                 rc;
    claude_str_t                sealed;
    static call_t               call;
    unsigned char              *copy;
    claude_responses_thought_t  thought, got;

    static const claude_str_t  thinking = claude_string("a \\\"b\\\" \\n");
    static const claude_str_t  signature = claude_string("c2lnbmF0dXJl");

    call_init(&call, 4096);

    memset(&thought, 0, sizeof(thought));
    thought.thinking = thinking;
    thought.signature = signature;

    rc = claude_responses_seal(&call.mem, &thought, &sealed);

    is(rc, CLAUDE_OK, "thinking is sealed");
    ok(sealed.len > 4 && memcmp(sealed.data, "ct1.", 4) == 0, "with a mark");

    rc = claude_responses_unseal(&call.mem, &sealed, &got);

    is(rc, CLAUDE_OK, "and unsealed");
    is_mem(got.thinking.data, got.thinking.len, "\"a \\\"b\\\" \\n\"", 12,
           "its text, with quotes");
    is_mem(got.signature.data, got.signature.len, "\"c2lnbmF0dXJl\"", 14,
           "its signature");

    copy = malloc(sealed.len);
    damaged = 0;

    for (i = 4; i < sealed.len; i++) {
        memcpy(copy, sealed.data, sealed.len);
        copy[i] = (copy[i] == 'A') ? 'B' : 'A';
        damaged += (unseal(&call.mem, copy, sealed.len, &got)
                    == CLAUDE_INVALID);
        damaged += (unseal(&call.mem, sealed.data, i, &got)
                    == CLAUDE_INVALID);
    }

    is(damaged, 2 * (sealed.len - 4), "no changed or missing digit is taken");
    is(unseal(&call.mem, (const unsigned char *) "gAAAAABo", 8, &got),
       CLAUDE_DECLINED, "nor is what another service gave");

    free(copy);
    call_free(&call);
}


int
main(void)
{
    golden_files("t/golden/responses/*.cases", check_case);

    check_memory();
    check_seal();

    return done_testing();
}
