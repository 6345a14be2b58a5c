
/*
 * Responses against golden files in t/golden/responses/: NAME.stream with
 * "stream": true and NAME.json without.  A status other than 200 is a line
 * such as "503 x-should-retry: false".
 */

#include "claude_responses.h"

#include "golden_reply.h"


static void
request(call_t *call, const char *name)
{
    claude_out_t    messages;
    claude_fault_t  fault;

    static const claude_model_t   alias = {
        claude_string("opus"), claude_string("claude-opus-5-5")
    };
    static const claude_models_t  models = { &alias, 1, 0 };
    static const unsigned char    body[] =
        "{\"model\":\"opus\",\"instructions\":\"I\\n\","
        "\"metadata\":{\r\n  \"a\": \"b c\"},"
        "\"reasoning\":{\"summary\":\"auto\"},\"input\":\"hi\","
        "\"tools\":[{\"type\":\"namespace\",\"name\":\"s\","
        "\"tools\":[{\"name\":\"get\"}]},\n"
        "{\"type\":\"function\",\"name\":\"put\"}],\"store\":false,"
        "\"max_output_tokens\":64,\"parallel_tool_calls\":true}";

    (void) name;

    claude_out_init(&messages, &call->pool.mem, OUT_MAX);

    if (claude_responses_request(&call->pool.mem, body, sizeof(body) - 1,
                                 &models, &messages, &call->request, &fault)
        != CLAUDE_OK)
    {
        bail("the request is not taken");
    }
}


static const variant_t  variants[] = {
    { "stream", 1, 0 },
    { "json", 0, 0 },
    { NULL, 0, 0 }
};

static const golden_t  golden = {
    .dialect = &claude_responses,
    .dir = "t/golden/responses/",
    .variants = variants,
    .request = request,
    .retry = 1
};


int
main(void)
{
    golden_files(&golden);

    return done_testing();
}
