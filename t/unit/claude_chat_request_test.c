
/*
 * Chat requests and what becomes of them, from t/golden/chat/NAME.cases.
 */

#include "claude_chat.h"

#include "golden_request.h"


static void
call_chat(call_t *call, const unsigned char *body, size_t len, size_t left,
    size_t max)
{
    call_request(call, &claude_chat, body, len, left, max);
}


static void
check_case(const golden_t *golden)
{
    check_request(&claude_chat, golden, 1);
}


/* a request of one user message with size bytes of text, to be freed */

static unsigned char *
long_request(size_t size, size_t *len)
{
    char               *p;
    static const char   head[] = "{\"model\":\"sonnet\",\"messages\":"
                                 "[{\"role\":\"user\",\"content\":\"";
    static const char   tail[] = "\"}]}";

    *len = sizeof(head) - 1 + size + sizeof(tail) - 1;
    p = malloc(*len);

    memcpy(p, head, sizeof(head) - 1);
    memset(p + sizeof(head) - 1, 'x', size);
    memcpy(p + *len - (sizeof(tail) - 1), tail, sizeof(tail) - 1);

    return (unsigned char *) p;
}


static void
check_link(void)
{
    size_t                 len, linked;
    static call_t          call;
    unsigned char         *body;
    const claude_piece_t  *piece;

    body = long_request(1 << 20, &len);
    call_chat(&call, body, len, 4096, 1 << 22);

    linked = 0;

    for (piece = call.out.first; piece; piece = piece->next) {
        if (piece->str.data >= body && piece->str.data < body + len) {
            linked += piece->str.len;
        }
    }

    is(call.rc, CLAUDE_OK, "a long text");
    is(linked, (1 << 20) + 2, "is linked with its quotes");
    ok(call.arena.size < 8192, "and takes %zu bytes", call.arena.size);

    call_free(&call);

    call_chat(&call, body, len, 4096, 1 << 20);
    is(call.rc, CLAUDE_TOO_LARGE, "a bound on the output holds");
    call_free(&call);

    free(body);
}


static void
check_bounds(void)
{
    char           *p, *body;
    size_t          i, len;
    static call_t   call;

    static const char  message[] = "{\"role\":\"user\",\"content\":\"x\"},";

    /* 100001 messages, the last without its comma */

    body = malloc(100001 * (sizeof(message) - 1) + 64);
    p = body + sprintf(body, "{\"model\":\"opus\",\"messages\":[");

    for (i = 0; i < 100001; i++) {
        p += sprintf(p, "%s", message);
    }

    len = (size_t) (p + sprintf(p - 1, "]}") - 1 - body);

    call_chat(&call, (unsigned char *) body, len, 4096, 1 << 26);
    is(call.fault.err, CLAUDE_ERR_INVALID_MESSAGES, "too many messages");
    is_str(call.fault.param, "messages", "named as a whole");
    call_free(&call);

    /* with the last one cut off again */

    p -= sizeof(message) - 1;
    len = (size_t) (p + sprintf(p - 1, "]}") - 1 - body);

    call_chat(&call, (unsigned char *) body, len, 4096, 1 << 26);
    is(call.rc, CLAUDE_OK, "as many as are allowed");
    ok(call.arena.size < 2 * len, "in %zu bytes of memory for %zu",
       call.arena.size, len);
    call_free(&call);

    free(body);
}


static void
check_image(void)
{
    char           *body, *p;
    static call_t   call;

    body = malloc((11 << 20) + 256);

    p = body + sprintf(body, "{\"model\":\"opus\",\"messages\":[{\"role\":"
                       "\"user\",\"content\":[{\"type\":\"image_url\","
                       "\"image_url\":{\"url\":\"data:image/png;base64,");
    memset(p, 'A', 10 << 20);
    strcpy(p + (10 << 20), "\"}}]}]}");

    call_chat(&call, (unsigned char *) body, strlen(body), 4096, 1 << 26);
    is(call.rc, CLAUDE_OK, "the largest image");
    ok(call.arena.size < 8192, "is linked");
    call_free(&call);

    strcpy(p + (10 << 20), "AAAA\"}}]}]}");

    call_chat(&call, (unsigned char *) body, strlen(body), 4096, 1 << 26);
    is_str(call.fault.param, "messages[0].content[0].image_url.url",
           "one that is too large");
    call_free(&call);

    free(body);
}


/* memory that isn't had at each allocation in turn, and then is again */

static void
check_no_memory(void)
{
    size_t              left;
    static call_t       call;

    static const char   body[] =
        "{\"model\":\"\\u006fpus\",\"stop\":[\"a\",\"b\"],\"messages\":["
        "{\"content\":\"A\",\"role\":\"system\"},"
        "{\"content\":\"B\",\"role\":\"user\"},"
        "{\"content\":\"C\",\"role\":\"assistant\"},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
        "\"image_url\":{\"url\":\"data:image\\/png;base64,AAAA\"}},"
        "{\"type\":\"file\",\"file\":{\"file_data\":\"YWJj\"}}]},"
        "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"\\u0061\","
        "\"function\":{\"name\":\"\\u0066\",\"arguments\":\"{\\\"a\\\":1}\"}"
        "}],\"function_call\":{\"name\":\"f\",\"arguments\":\"\"}},"
        "{\"role\":\"tool\",\"tool_call_id\":\"\\u0061\",\"content\":\"D\"},"
        "{\"role\":\"function\",\"content\":\"E\"}],\"functions\":["
        "{\"name\":\"f\"}]}";

    for (left = 0; left < 64; left++) {
        call_chat(&call, (unsigned char *) body, sizeof(body) - 1, left,
                  1 << 20);
        call_free(&call);

        if (call.rc != CLAUDE_NO_MEMORY) {
            break;
        }
    }

    ok(left >= 14, "%zu allocations, each of which may fail", left);
    is(call.rc, CLAUDE_OK, "and then none does");
}


static void
hash_of(const char *messages, unsigned char *hash)
{
    char           body[1024];
    static call_t  call;

    snprintf(body, sizeof(body), "{\"model\":\"opus\",\"messages\":[%s]}",
             messages);
    call_chat(&call, (unsigned char *) body, strlen(body), 4096, 1 << 20);
    is(call.rc, CLAUDE_OK, "%s", messages);
    memcpy(hash, call.request.conversation, 16);
    call_free(&call);
}


static void
hash_long(size_t size, unsigned char *hash)
{
    size_t          len;
    static call_t   call;
    unsigned char  *body;

    body = long_request(size, &len);
    call_chat(&call, body, len, 4096, 1 << 20);
    memcpy(hash, call.request.conversation, 16);
    call_free(&call);
    free(body);
}


#define SYSTEM(s)     "{\"role\":\"system\",\"content\":\"" s "\"}"
#define USER(s)       "{\"role\":\"user\",\"content\":\"" s "\"}"
#define ASSISTANT(s)  "{\"role\":\"assistant\",\"content\":\"" s "\"}"

static void
check_conversation(void)
{
    unsigned char  first[16], other[16];

    hash_of(SYSTEM("S") "," USER("A"), first);

    hash_of(SYSTEM("S") "," USER("A") "," ASSISTANT("B") "," USER("C") ","
            SYSTEM("T"), other);
    is_mem(other, 16, first, 16, "a conversation keeps its hash");

    hash_of(SYSTEM("S") "," USER("B"), other);
    ok(memcmp(first, other, 16) != 0, "another user message, another hash");

    hash_of(SYSTEM("T") "," USER("A"), other);
    ok(memcmp(first, other, 16) != 0, "another system prompt, another hash");

    hash_of(USER("SA"), other);
    ok(memcmp(first, other, 16) != 0, "the bound between them counts");

    hash_long(5000, first);
    hash_long(5001, other);
    ok(memcmp(first, other, 16) != 0, "a long text counts with its length");
}


static void
check_facts(void)
{
    static call_t       call;

    static const char   body[] =
        "{\"stream_options\":{\"include_usage\":true},\"model\":\"gpt-4\\u006f"
        "\",\"max_tokens\":9,\"stream\":true,\"messages\":[" USER("A") "]}";

    static const char   image[] =
        "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"system\","
        "\"content\":\"abc\"},{\"role\":\"user\",\"content\":["
        "{\"type\":\"text\",\"text\":\"ab\"},{\"type\":\"image_url\","
        "\"image_url\":{\"url\":\"https://example.com/a.png\"}}]}]}";

    call_chat(&call, (unsigned char *) body, sizeof(body) - 1, 4096, 1 << 20);

    is(call.rc, CLAUDE_OK, "a request");
    is(call.request.stream, 1, "stream");
    is(call.request.include_usage, 1, "include_usage");
    is(call.request.max_tokens, 9, "max_tokens");
    is_mem(call.request.model.data, call.request.model.len, "gpt-4o", 6,
           "the client's model");
    is_mem(call.request.upstream_model.data, call.request.upstream_model.len,
           "claude-opus-5-5", 15, "the upstream's model");
    is(call.request.text, 3, "bytes of text, its quotes among them");

    call_free(&call);

    call_chat(&call, (unsigned char *) image, sizeof(image) - 1, 4096,
              1 << 20);

    is(call.rc, CLAUDE_OK, "a request with an image");
    is(call.request.text, CLAUDE_IMAGE_TEXT + 5 + 4,
       "an image counts as one, whatever its size");

    call_free(&call);
}


static void
check_models(void)
{
    claude_str_t     found;
    claude_models_t  own;

    static const claude_str_t  full = claude_string("claude-opus-5-5");
    static const claude_str_t  alias = claude_string("gpt-4o");
    static const claude_str_t  builtin = claude_string("opus");

    own = models;
    own.builtin = 0;

    found = claude_models_find(&own, &alias);
    is_mem(found.data, found.len, full.data, full.len, "an alias");

    is(claude_models_find(&own, &full).len, 0, "no full id without builtin");
    is(claude_models_find(&own, &builtin).len, 0, "no alias either");

    own.nelts = 0;
    own.elts = NULL;
    own.builtin = 1;

    found = claude_models_find(&own, &builtin);
    is_mem(found.data, found.len, full.data, full.len, "a builtin alias");
    is(claude_models_find(&own, &alias).len, 0, "and no others");
}


int
main(int argc, char **argv)
{
    golden_files((argc > 1) ? argv[1] : "t/golden/chat/*.cases", check_case);

    check_link();
    check_bounds();
    check_turns(&claude_chat, "{\"model\":\"opus\",\"messages\":[");
    check_image();
    check_no_memory();
    check_conversation();
    check_facts();
    check_models();

    return done_testing();
}
