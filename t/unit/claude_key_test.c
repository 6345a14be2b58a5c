
#define _GNU_SOURCE

#include "tap.h"

#include "claude_key.h"

#include <ctype.h>
#include <sodium.h>


#define GENERATED  2000


/* made with another implementation of CRC-32 */

static const char  *ours[] = {
    "sk-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA1ErM8o",
    "sk-0123456789abcdefghijklmnopqrstuvwxyzABCDEF0yX4e0",
    "sk-zYxWvUtSrQpOnMlKjIhGfEdCbA9876543210AaBbCc4dh6O1"
};


static claude_key_form_e
form(const char *key)
{
    return claude_key_form((const unsigned char *) key, strlen(key));
}


static claude_token_form_e
token_form(const char *token)
{
    return claude_token_form((const unsigned char *) token, strlen(token));
}


static void
test_ours(void)
{
    char    key[CLAUDE_KEY_LEN + 1];
    size_t  i, j;
    int     caught;

    for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        is(form(ours[i]), CLAUDE_KEY_OURS, "%s", ours[i]);
    }

    strcpy(key, ours[1]);
    caught = 0;

    for (j = 3; j < CLAUDE_KEY_LEN; j++) {
        key[j] = (key[j] == 'x') ? 'y' : 'x';
        caught += (form(key) == CLAUDE_KEY_MALFORMED);
        key[j] = ours[1][j];
    }

    is(caught, CLAUDE_KEY_LEN - 3, "one wrong character, wherever it is");
}


static void
test_foreign(void)
{
    char  key[CLAUDE_KEY_MAX + 2];

    is(form("sk-proj-abc_DEF-123"), CLAUDE_KEY_FOREIGN, "another form");
    is(form("sk-a"), CLAUDE_KEY_FOREIGN, "a short one");
    is(form("sk-ABCDEFGHIJKLMNOPQRSTT3BlbkFJabcdefghijklmnopqrst"),
       CLAUDE_KEY_FOREIGN, "as long as ours, with OpenAI's mark");
    is(form("sk-0123456789abcdefghijklmnopqrstuvwxyzABCDE-1234567"),
       CLAUDE_KEY_FOREIGN, "as long as ours, but not base62");

    memset(key, 'a', sizeof(key));
    memcpy(key, "sk-", 3);
    key[CLAUDE_KEY_MAX] = '\0';
    is(form(key), CLAUDE_KEY_FOREIGN, "the longest");

    key[CLAUDE_KEY_MAX] = 'a';
    key[CLAUDE_KEY_MAX + 1] = '\0';
    is(form(key), CLAUDE_KEY_MALFORMED, "one longer");
}


static void
test_malformed(void)
{
    size_t  i;

    static const char  *keys[] = {
        "", "s", "sk", "sk-", "SK-abc", "pk-abc", " sk-abc", "sk-abc ",
        "sk-a.b", "sk-a/b", "sk-a+b", "sk-\xc3\xa4", "sk-a\tb", "sk-a\x7f"
    };

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        is(form(keys[i]), CLAUDE_KEY_MALFORMED, "malformed '%s'", keys[i]);
    }

    is(claude_key_form((const unsigned char *) "sk-a\0b", 6),
       CLAUDE_KEY_MALFORMED, "a NUL");
    is(claude_key_form(NULL, 0), CLAUDE_KEY_MALFORMED, "nothing at all");
}


static void
test_generate(void)
{
    int            i, j, sound, marks, same, other;
    unsigned       seen[256];
    unsigned char  keys[2][CLAUDE_KEY_LEN], *key;

    memset(seen, 0, sizeof(seen));
    memset(keys, 0, sizeof(keys));
    sound = marks = same = other = 0;

    for (i = 0; i < GENERATED; i++) {
        key = keys[i & 1];
        claude_key_generate(key);

        sound += (claude_key_form(key, CLAUDE_KEY_LEN) == CLAUDE_KEY_OURS);
        marks += (memmem(key, CLAUDE_KEY_LEN, "T3BlbkFJ", 8) != NULL);
        same += (memcmp(keys[0], keys[1], CLAUDE_KEY_LEN) == 0);

        for (j = 3; j < 45; j++) {
            seen[key[j]]++;
            other += !isalnum(key[j]);
        }
    }

    is(sound, GENERATED, "generated keys are ours");
    is(marks, 0, "none has OpenAI's mark");
    is(same, 0, "no two are the same");
    is(other, 0, "all of their characters are base62");

    for (i = 0, sound = 0; i < 256; i++) {
        /* 1355 are expected: 6 standard deviations are 220 */
        sound += (seen[i] > 1135 && seen[i] < 1575);
    }

    is(sound, 62, "each of 62 characters comes as often as another");
}


static void
test_id(void)
{
    unsigned char  id[CLAUDE_KEY_ID_LEN], other[CLAUDE_KEY_ID_LEN];

    claude_key_id_generate(id);
    claude_key_id_generate(other);

    is_mem(id, 4, "key_", 4, "an id says what it is");
    ok(claude_key_id_valid(id, sizeof(id)), "a generated id is valid");
    ok(memcmp(id, other, sizeof(id)) != 0, "two are not the same");
    ok(!claude_key_id_valid(id, sizeof(id) - 1), "a shorter one is not");
    ok(!claude_key_id_valid((const unsigned char *)
                            "key_0123456789abcdefghijk", 25), "a longer one");
    ok(!claude_key_id_valid((const unsigned char *)
                            "KEY_0123456789abcdefghij", 24), "upper case");
    ok(!claude_key_id_valid((const unsigned char *)
                            "key_0123456789abcdefghi-", 24), "a dash");
    ok(!claude_key_id_valid(NULL, 0), "nothing");
}


static void
test_token(void)
{
    char  token[CLAUDE_TOKEN_MAX + 2];

    is(token_form("sk-ant-oat01-AAAAAAAAAAA"), CLAUDE_TOKEN_OAUTH,
       "an OAuth token of the least length");
    is(token_form("sk-ant-oat01-AAAAAAAAAA"), CLAUDE_TOKEN_MALFORMED,
       "one shorter");
    is(token_form("sk-ant-api03-abc_DEF-012"), CLAUDE_TOKEN_API_KEY,
       "an API key");
    is(token_form("sk-ant-api02-abc_DEF-012"), CLAUDE_TOKEN_MALFORMED,
       "of another version");
    is(token_form("sk-ant-oat01-abc_DEF 012"), CLAUDE_TOKEN_MALFORMED,
       "with a space");
    is(token_form("sk-ant-oat01-abc_DEF012\n"), CLAUDE_TOKEN_MALFORMED,
       "with a line feed");
    is(token_form("sk-0123456789abcdefghijklmnopqrstuvwxyz"),
       CLAUDE_TOKEN_MALFORMED, "an API key of ours is none");
    is(token_form(""), CLAUDE_TOKEN_MALFORMED, "nothing is none");

    memset(token, 'a', sizeof(token));
    memcpy(token, "sk-ant-oat01-", 13);
    token[CLAUDE_TOKEN_MAX] = '\0';
    is(token_form(token), CLAUDE_TOKEN_OAUTH, "the longest");

    token[CLAUDE_TOKEN_MAX] = 'a';
    token[CLAUDE_TOKEN_MAX + 1] = '\0';
    is(token_form(token), CLAUDE_TOKEN_MALFORMED, "one longer");
}


int
main(void)
{
    if (sodium_init() == -1) {
        bail("libsodium can't be initialized");
    }

    test_ours();
    test_foreign();
    test_malformed();
    test_generate();
    test_id();
    test_token();

    return done_testing();
}
