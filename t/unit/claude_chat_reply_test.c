
/*
 * Chat answers against golden files in t/golden/reply/:
 *
 *   NAME.stream   with "stream": true
 *   NAME.usage    and with "stream_options": {"include_usage": true}
 *   NAME.json     without
 *
 * In NAME.sse that begins with tools the client has declared some, where it
 * begins with functions in the old way.
 *
 * A status other than 200 is a line such as "503 x-should-retry: false".
 */

#include "claude_chat.h"

#include "golden_reply.h"


static int
begins(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}


static void
request(call_t *call, const char *name)
{
    static claude_chat_facts_t  facts;

    static const claude_str_t   model = claude_string("a \"model\"");

    memset(&facts, 0, sizeof(claude_chat_facts_t));
    facts.functions = begins(name, "functions");

    call->request.model = model;
    call->request.tools = begins(name, "tools") || facts.functions;
    call->request.own = &facts;
}


static const variant_t  variants[] = {
    { "stream", 1, 0 },
    { "usage", 1, 1 },
    { "json", 0, 0 },
    { NULL, 0, 0 }
};

static const golden_t  golden = {
    .dialect = &claude_chat,
    .dir = "t/golden/reply/",
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
