
#include "tap.h"

#include "claude_password.h"

#include <sodium.h>


#define HASH  "$2y$10$abcdefghijklmnopqrstuuQGdC6cn/7Kw6QGzBq0w8U1V8F4m9bXa"


static void *
take(void *ctx, size_t size)
{
    (void) ctx;

    return malloc(size);
}


static claude_mem_t     mem = { take, NULL };
static claude_people_t  people;
static unsigned         line;


static claude_password_rc_e
parse(const char *text)
{
    free(people.people);
    people.people = NULL;

    return claude_password_parse((const unsigned char *) text, strlen(text),
                                 &mem, &people, &line);
}


static void
test_parse(void)
{
    claude_str_t            name = claude_string("bob");
    const claude_person_t  *person;

    is(parse("# people\n\nalice:" HASH "\nbob:$2b$12" ),
       CLAUDE_PASSWORD_NOT_BCRYPT, "a hash that is cut");
    is(line, 4, "and its line");

    is(parse("alice:" HASH "\nbob:" HASH), CLAUDE_PASSWORD_OK,
       "two people, no line end at the end");
    is(people.n, 2, "are two");

    person = claude_password_find(&people, &name);
    ok(person != NULL && person->len == 3 && person->cost == 10,
       "the one is found");
    is_str(person->hash, HASH, "with the hash");

    name.len = 2;
    ok(claude_password_find(&people, &name) == NULL, "a part of a name isn't");

    is(parse(""), CLAUDE_PASSWORD_EMPTY, "nobody");
    is(parse("alice"), CLAUDE_PASSWORD_LINE, "no colon");
    is(parse(":" HASH), CLAUDE_PASSWORD_NAME, "no name");
    is(parse("a:" HASH "\na:" HASH), CLAUDE_PASSWORD_TWICE, "a name twice");
    is(parse("a:$2y$15$abcdefghijklmnopqrstuuQGdC6cn/7Kw6QGzBq0w8U1V8F4m9"
             "bXa"), CLAUDE_PASSWORD_COST, "a cost of 15");
    is(parse("a:$2y$1O$abcdefghijklmnopqrstuuQGdC6cn/7Kw6QGzBq0w8U1V8F4m9"
             "bXa"), CLAUDE_PASSWORD_NOT_BCRYPT, "no number for a cost");
}


static void
test_fits(void)
{
    unsigned char  password[73];

    memset(password, 'a', sizeof(password));

    ok(!claude_password_fits(password, 0), "an empty password");
    ok(claude_password_fits(password, 1), "one of a byte");
    ok(claude_password_fits(password, 72), "one of 72");
    ok(!claude_password_fits(password, 73), "one of 73");

    password[5] = '\0';
    ok(!claude_password_fits(password, 72), "one with a NUL");
}


static void
test_hash(void)
{
    char   hash[CLAUDE_PASSWORD_HASH + 1], again[CLAUDE_PASSWORD_HASH + 1];
    char   text[128];

    is(claude_password_hash("secret", 10, hash), CLAUDE_OK, "a hash is made");
    is(claude_password_hash("secret", 10, again), CLAUDE_OK, "and another");
    ok(strcmp(hash, again) != 0, "each with a salt of its own");

    is(claude_password_check("secret", hash), CLAUDE_OK, "it is this one's");
    is(claude_password_check("Secret", hash), CLAUDE_DECLINED,
       "and no other's");

    hash[2] = 'y';
    is(claude_password_check("secret", hash), CLAUDE_OK, "$2y$ is the same");

    hash[CLAUDE_PASSWORD_HASH - 1] ^= 1;
    is(claude_password_check("secret", hash), CLAUDE_DECLINED,
       "a flipped bit of it");

    is(claude_password_hash("secret", 9, hash), CLAUDE_INVALID, "cost 9");
    is(claude_password_hash("secret", 15, hash), CLAUDE_INVALID, "cost 15");

    snprintf(text, sizeof(text), "alice:%s\n", again);
    is(parse(text), CLAUDE_PASSWORD_OK, "what is made can be read");
}


int
main(void)
{
    if (sodium_init() == -1) {
        bail("libsodium");
    }

    test_parse();
    test_fits();
    test_hash();

    free(people.people);

    return done_testing();
}
