
#define _GNU_SOURCE

#include "record.h"

#include <sodium.h>
#include <time.h>


#define HEAD_FORMAT      "\"format\":\"claude-keys\","
#define HEAD_VERSION     "\"version\":1,"
#define HEAD_ID          "\"storeId\":\"store_0123456789abcdefghij\","
#define HEAD_CREATED     "\"createdAt\":\"2026-11-24T08:18:47Z\","
#define HEAD_GENERATION  "\"generation\":3,"
#define HEAD_WRAPPED     "\"wrappedKeys\":\"" WRAPPED "\""

#define HEAD                                                                  \
    "{" HEAD_FORMAT HEAD_VERSION HEAD_ID HEAD_CREATED HEAD_GENERATION         \
    HEAD_WRAPPED "}"


static void
test_put(void)
{
    const char       *reason;
    claude_rc_t       rc;
    claude_str_t      line = str(PUT);
    claude_change_t   change;
    claude_record_t  *record = &change.record;

    rc = claude_change_read(&line, &change, &reason);

    if (!is(rc, CLAUDE_OK, "a put")) {
        note("%s", reason);
    }

    is(change.op, CLAUDE_OP_PUT, "is one");
    is_mem(record->id, CLAUDE_KEY_ID_LEN, ID, 24, "id");
    is(record->digest[0], 0x01, "digest's first byte");
    is(record->digest[31], 0xef, "digest's last byte");
    is_mem(record->head, CLAUDE_HEAD_LEN, "sk-AbCd", 7, "head");
    is_mem(record->tail, CLAUDE_TAIL_LEN, "wXyZ", 4, "tail");
    is_mem(record->name, record->name_len, "a name", 6, "name");
    is(record->sealed_len, 64, "sealed token");
    is(record->token_form, CLAUDE_TOKEN_OAUTH, "an OAuth token");
    is_mem(record->token_tail, CLAUDE_TAIL_LEN, "wXyZ", 4, "its tail");
    is(record->created, 1795508327, "createdAt");
    is(record->last_used, 0, "never used");
    is(record->expires, 0, "never expires");
    is(record->enabled, 1, "enabled");

    claude_change_write(fresh_out(), &change);
    is(out.rc, CLAUDE_OK, "written");
    is_mem(out.first->str.data, out.first->str.len, PUT "\n", sizeof(PUT),
           "as it was read");

    line = str(altered(PUT, "sk-ant-oat01-…", "sk-ant-api03-…"));
    is(claude_change_read(&line, &change, &reason), CLAUDE_OK, "an API key");
    is(record->token_form, CLAUDE_TOKEN_API_KEY, "is one");

    line = str(altered(PUT, PUT_USED PUT_ENABLED PUT_EXPIRES,
                       "\"expiresAt\":\"2027-01-01T00:00:00Z\","
                       "\"enabled\":false,"
                       "\"lastUsed\":\"2026-12-01T00:00:00+02:00\""));
    is(claude_change_read(&line, &change, &reason), CLAUDE_OK,
       "in another order");
    is(record->expires, 1798761600, "expiresAt");
    is(record->last_used, 1796076000, "lastUsed with an offset");
    is(record->enabled, 0, "disabled");

    line = str(altered(PUT, "\"id\"", "\"\\u0069d\""));
    is(claude_change_read(&line, &change, &reason), CLAUDE_OK,
       "an escaped name");
}


static void
test_use_and_delete(void)
{
    const char       *reason;
    claude_str_t      line;
    claude_change_t   change;

#define USE     "{\"op\":\"use\"," PUT_ID "\"lastUsed\":"                     \
                "\"2026-11-24T08:18:47Z\"}"
#define DELETE  "{\"op\":\"delete\",\"id\":\"" ID "\"}"

    line = str(USE);
    is(claude_change_read(&line, &change, &reason), CLAUDE_OK, "a use");
    is(change.op, CLAUDE_OP_USE, "is one");
    is(change.record.last_used, 1795508327, "lastUsed");
    claude_change_write(fresh_out(), &change);
    is_mem(out.first->str.data, out.first->str.len, USE "\n", sizeof(USE),
           "is written as it was read");

    line = str(DELETE);
    is(claude_change_read(&line, &change, &reason), CLAUDE_OK, "a delete");
    is(change.op, CLAUDE_OP_DELETE, "is one");
    is_mem(change.record.id, CLAUDE_KEY_ID_LEN, ID, 24, "id");
    claude_change_write(fresh_out(), &change);
    is_mem(out.first->str.data, out.first->str.len, DELETE "\n",
           sizeof(DELETE), "is written as it was read");
}


static void
test_bad_changes(void)
{
    size_t           i;
    const char      *reason;
    claude_rc_t      rc;
    claude_str_t     line;
    claude_change_t  change;

    static const struct {
        const char  *line;
        const char  *from;
        const char  *to;
        const char  *reason;        /* NULL: the reader's own */
    } cases[] = {
        { PUT, PUT, "", NULL },
        { PUT, PUT, "[]", "is not a JSON object" },
        { PUT, PUT, "1", "is not a JSON object" },
        { PUT, "true,", "true,,", NULL },
        { PUT, "null}", "null}x", NULL },
        { PUT, PUT_ID, PUT_ID PUT_ID, NULL },
        { PUT, "a name", "a \xc0\x80 name", NULL },
        { PUT, "\"put\"", "\"Put\"", "op is none of put, use, delete" },
        { PUT, "\"put\"", "1", "op is none of put, use, delete" },
        { PUT, "\"put\"", "\"use\"", "has an unknown name" },
        { PUT, "\"put\"", "\"delete\"", "has an unknown name" },
        { PUT, "\"op\":\"put\",", "", "lacks a name" },
        { PUT, PUT_ID, "", "lacks a name" },
        { PUT, PUT_DIGEST, "", "lacks a name" },
        { PUT, PUT_DISPLAY, "", "lacks a name" },
        { PUT, PUT_NAME, "", "lacks a name" },
        { PUT, PUT_TOKEN, "", "lacks a name" },
        { PUT, PUT_SHOWN, "", "lacks a name" },
        { PUT, PUT_CREATED, "", "lacks a name" },
        { PUT, PUT_USED, "", "lacks a name" },
        { PUT, PUT_ENABLED, "", "lacks a name" },
        { PUT, "," PUT_EXPIRES, "", "lacks a name" },
        { PUT, "{", "{\"limit\":1,", "has an unknown name" },
        { PUT, "{", "{\"limit\":{\"id\":[]},", "has an unknown name" },
        { PUT, ID, "key_0123456789abcdefghi", "id is not the id of a key" },
        { PUT, "\"" ID "\"", "{\"id\":\"" ID "\"}",
          "id is not the id of a key" },
        { PUT, "ef0123", "ef012G", "digest is not 64 hex digits" },
        { PUT, "abcdef0", "ABCDEF0", "digest is not 64 hex digits" },
        { PUT, "\"digest\":\"01", "\"digest\":\"",
          "digest is not 64 hex digits" },
        { PUT, "sk-AbCd…", "sk-AbC…",
          "display is not the display form of a key" },
        { PUT, "sk-AbCd…", "pk-AbCd…",
          "display is not the display form of a key" },
        { PUT, "sk-AbCd…", "sk-AbCd...",
          "display is not the display form of a key" },
        { PUT, "sk-AbCd…wXyZ", "sk-AbCd…w<yZ",
          "display is not the display form of a key" },
        { PUT, "sk-ant-oat01-…", "sk-ant-oat02-…",
          "tokenDisplay is not the display form of a token" },
        { PUT, "sk-ant-oat01-…", "sk-ant-oat01-",
          "tokenDisplay is not the display form of a token" },
        { PUT, "a name", "",
          "keyName is not 1 to 128 printable characters" },
        { PUT, "a name", " \u00a0 ",
          "keyName is not 1 to 128 printable characters" },
        { PUT, "a name", "a\\nname",
          "keyName is not 1 to 128 printable characters" },
        { PUT, "\"a name\"", "null",
          "keyName is not 1 to 128 printable characters" },
        { PUT, SEALED, "AAAA",
          "oauthToken is not a sealed token in base64" },
        { PUT, SEALED, SEALED "AAAA",
          "oauthToken is not a sealed token in base64" },
        { PUT, "=\"", "\"",
          "oauthToken is not a sealed token in base64" },
        { PUT, "AAAA", "AA-A",
          "oauthToken is not a sealed token in base64" },
        { PUT, "\"2026-11-24T08:18:47Z\"", "null",
          "createdAt is not a time" },
        { PUT, "2026-11-24T", "2026-11-31T", "createdAt is not a time" },
        { PUT, "\"lastUsed\":null", "\"lastUsed\":0",
          "lastUsed is not a time" },
        { PUT, "true", "\"true\"", "enabled is neither true nor false" },
        { PUT, "\"expiresAt\":null", "\"expiresAt\":\"\"",
          "expiresAt is not a time" },
        { USE, "\"2026-11-24T08:18:47Z\"", "null", "lastUsed is null" },
        { USE, "}", "," PUT_EXPIRES "}", "has an unknown name" },
        { USE, PUT_ID, "", "lacks a name" },
        { DELETE, "}", ",\"lastUsed\":null}", "has an unknown name" },
        { DELETE, ",\"id\":\"" ID "\"", "", "lacks a name" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        line = str(altered(cases[i].line, cases[i].from, cases[i].to));
        reason = NULL;

        rc = claude_change_read(&line, &change, &reason);
        is(rc, CLAUDE_INVALID, "case %zu: %s to %s", i, cases[i].from,
           cases[i].to);

        if (cases[i].reason) {
            is_str(reason, cases[i].reason, "case %zu: its reason", i);

        } else {
            ok(reason != NULL, "case %zu: has a reason", i);
        }
    }
}


static void
test_header(void)
{
    size_t           i;
    const char      *reason;
    claude_str_t     line = str(HEAD);
    claude_header_t  header;

    static const struct {
        const char   *from;
        const char   *to;
        claude_rc_t   rc;
        const char   *reason;
    } cases[] = {
        { "\"version\":1", "\"version\":2", CLAUDE_DECLINED,
          "version is newer than this program" },
        { HEAD_VERSION HEAD_ID, "\"version\":2,\"x\":[{\"version\":1}],",
          CLAUDE_DECLINED, "version is newer than this program" },
        { "\"version\":1", "\"version\":0", CLAUDE_INVALID,
          "version is not a positive integer" },
        { "\"version\":1", "\"version\":1.0", CLAUDE_INVALID,
          "version is not a positive integer" },
        { "\"version\":1", "\"version\":\"1\"", CLAUDE_INVALID,
          "version is not a positive integer" },
        { "claude-keys", "claude-key", CLAUDE_INVALID,
          "format is not claude-keys" },
        { "\"format\":\"claude-keys\",\"version\":1",
          "\"format\":\"other\",\"version\":2", CLAUDE_INVALID,
          "format is not claude-keys" },
        { "store_0", "store-0", CLAUDE_INVALID,
          "storeId is not the id of a store" },
        { "store_01", "store_0", CLAUDE_INVALID,
          "storeId is not the id of a store" },
        { "store_0", "store_-", CLAUDE_INVALID,
          "storeId is not the id of a store" },
        { "\"2026-11-24T08:18:47Z\"", "null", CLAUDE_INVALID,
          "createdAt is not a time" },
        { ":3,", ":-3,", CLAUDE_INVALID,
          "generation is not a number of compactions" },
        { "AA=\"", "\"", CLAUDE_INVALID,
          "wrappedKeys are not two wrapped keys in base64" },
        { "AAAA", "", CLAUDE_INVALID,
          "wrappedKeys are not two wrapped keys in base64" },
        { HEAD_FORMAT, "", CLAUDE_INVALID, "lacks a name" },
        { HEAD_VERSION, "", CLAUDE_INVALID, "lacks a name" },
        { HEAD_ID, "", CLAUDE_INVALID, "lacks a name" },
        { HEAD_CREATED, "", CLAUDE_INVALID, "lacks a name" },
        { HEAD_GENERATION, "", CLAUDE_INVALID, "lacks a name" },
        { "," HEAD_WRAPPED, "", CLAUDE_INVALID, "lacks a name" },
        { "{", "{\"op\":\"put\",", CLAUDE_INVALID, "has an unknown name" }
    };

    is(claude_header_read(&line, &header, &reason), CLAUDE_OK, "a header");
    is_mem(header.store_id, CLAUDE_STORE_ID_LEN, "store_0123456789abcdefghij",
           26, "storeId");
    is(header.created, 1795508327, "createdAt");
    is(header.generation, 3, "generation");

    claude_header_write(fresh_out(), &header);
    is_mem(out.first->str.data, out.first->str.len, HEAD "\n", sizeof(HEAD),
           "is written as it was read");

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        line = str(altered(HEAD, cases[i].from, cases[i].to));
        reason = NULL;

        is(claude_header_read(&line, &header, &reason), cases[i].rc,
           "header %zu: %s to %s", i, cases[i].from, cases[i].to);
        is_str(reason, cases[i].reason, "header %zu: its reason", i);
    }
}


static void
test_store(void)
{
    unsigned          which;
    claude_header_t   header, other;
    claude_master_t   master;
    claude_secrets_t  secrets, opened;

    master.n = 1;
    randombytes_buf(master.keys[0], CLAUDE_SECRET_LEN);

    claude_header_create(&header, &secrets, &master, 1795508327);
    claude_header_create(&other, &opened, &master, 1795508327);

    ok(memcmp(header.store_id, other.store_id, CLAUDE_STORE_ID_LEN) != 0,
       "a store has an id of its own");
    is(header.generation, 0, "and was never compacted");

    is(claude_header_open(&header, &master, &opened, &which), CLAUDE_OK,
       "its header opens");
    is_mem(&opened, sizeof(opened), &secrets, sizeof(secrets),
           "to its secrets");

    memcpy(header.store_id, other.store_id, CLAUDE_STORE_ID_LEN);
    is(claude_header_open(&header, &master, &opened, &which),
       CLAUDE_DECLINED, "but not under another id");
}


static void
test_names(void)
{
    size_t  i;
    char    name[CLAUDE_NAME_MAX + 8];

    static const struct {
        const char   *name;
        claude_rc_t   rc;
    } cases[] = {
        { "a", CLAUDE_OK },
        { "Füchse & <Dächer> \"'\\", CLAUDE_OK },
        { "\xf0\x9f\xa6\x8a", CLAUDE_OK },
        { "\xc2\xa0", CLAUDE_INVALID },
        { "\xc2\xa0x ", CLAUDE_OK },
        { "", CLAUDE_INVALID },
        { "a\x1f", CLAUDE_INVALID },
        { "\t", CLAUDE_INVALID },
        { "a\x7f", CLAUDE_INVALID },
        { "\xc2\x80", CLAUDE_INVALID },
        { "\xc2\x9f", CLAUDE_INVALID },
        { "\xd8\x9c", CLAUDE_INVALID },             /* U+061C */
        { "a\xe2\x80\x8e", CLAUDE_INVALID },        /* U+200E */
        { "a\xe2\x80\x8f", CLAUDE_INVALID },        /* U+200F */
        { "a\xe2\x80\xaa", CLAUDE_INVALID },        /* U+202A */
        { "a\xe2\x80\xae", CLAUDE_INVALID },        /* U+202E */
        { "a\xe2\x81\xa6", CLAUDE_INVALID },        /* U+2066 */
        { "a\xe2\x81\xa9", CLAUDE_INVALID },        /* U+2069 */
        { "a\xe2\x80\xa8", CLAUDE_INVALID },        /* U+2028 */
        { "a\xe2\x80\xa9", CLAUDE_INVALID },        /* U+2029 */
        { "a\xe2\x80\x90", CLAUDE_OK },             /* U+2010 */
        { "a\xe2\x80\xaf", CLAUDE_OK },             /* U+202F */
        { "a\xe2\x81\xaa", CLAUDE_OK },             /* U+206A */
        { "\xc0\x80", CLAUDE_INVALID },
        { "\xed\xa0\x80", CLAUDE_INVALID },
        { "\xf4\x90\x80\x80", CLAUDE_INVALID },
        { "a\xc3", CLAUDE_INVALID }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is(claude_name_check((const unsigned char *) cases[i].name,
                             strlen(cases[i].name)),
           cases[i].rc, "name %zu", i);
    }

    is(claude_name_check((const unsigned char *) "a\0b", 3), CLAUDE_INVALID,
       "a NUL");

    for (i = 0; i < 129; i++) {
        memcpy(name + 4 * i, "\xf0\x9f\xa6\x8a", 4);
    }

    is(claude_name_check((unsigned char *) name, 4 * 128), CLAUDE_OK,
       "128 characters of four bytes");
    is(claude_name_check((unsigned char *) name, 4 * 129), CLAUDE_INVALID,
       "129 are too many");

    memset(name, 'a', sizeof(name));
    is(claude_name_check((unsigned char *) name, 128), CLAUDE_OK,
       "128 characters of one");
    is(claude_name_check((unsigned char *) name, 129), CLAUDE_INVALID,
       "129 are too many");
}


static void
test_times(void)
{
    char          buf[CLAUDE_TIME_LEN];
    size_t        i;
    int64_t       time;
    claude_str_t  text;

    static const struct {
        const char  *text;
        int64_t      time;          /* 0: not accepted */
    } cases[] = {
        { "2026-11-24T08:18:47Z", 1795508327 },
        { "2026-11-24t08:18:47z", 1795508327 },
        { "2026-11-24T08:18:47.999Z", 1795508327 },
        { "2026-11-24T10:18:47+02:00", 1795508327 },
        { "2026-11-24T03:48:47.5-04:30", 1795508327 },
        { "2026-11-24T08:18:47-00:00", 1795508327 },
        { "1970-01-01T00:00:01Z", 1 },
        { "1970-01-01T00:00:00Z", 0 },
        { "1970-01-01T00:00:01+00:01", 0 },
        { "1969-12-31T23:59:59Z", 0 },
        { "1969-12-31T23:59:59-01:00", 3599 },
        { "9999-12-31T23:59:59Z", 253402300799 },
        { "9999-12-31T23:59:59-00:01", 0 },
        { "0000-01-01T00:00:00Z", 0 },
        { "2016-12-31T23:59:60Z", 1483228800 },
        { "2016-12-31T23:59:61Z", 0 },
        { "2000-02-29T00:00:00Z", 951782400 },
        { "2024-02-29T00:00:00Z", 1709164800 },
        { "2023-02-29T00:00:00Z", 0 },
        { "2100-02-29T00:00:00Z", 0 },
        { "2026-00-01T00:00:00Z", 0 },
        { "2026-13-01T00:00:00Z", 0 },
        { "2026-04-31T00:00:00Z", 0 },
        { "2026-01-00T00:00:00Z", 0 },
        { "2026-01-01T24:00:00Z", 0 },
        { "2026-01-01T00:60:00Z", 0 },
        { "2026-01-01T00:00:00", 0 },
        { "2026-01-01 00:00:00Z", 0 },
        { "2026-01-01T00:00:00Zx", 0 },
        { "2026-01-01T00:00:00.Z", 0 },
        { "2026-01-01T00:00Z", 0 },
        { "2026-01-01", 0 },
        { "26-01-01T00:00:00Z", 0 },
        { "2026-01-01T00:00:00+0100", 0 },
        { "2026-01-01T00:00:00+24:00", 0 },
        { "+026-01-01T00:00:00Z", 0 },
        { "", 0 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        text = str(cases[i].text);
        time = 0;

        is(claude_time_read(&text, &time),
           cases[i].time ? CLAUDE_OK : CLAUDE_INVALID, "'%s'", cases[i].text);
        is(time, cases[i].time, "'%s' in seconds", cases[i].text);
    }

    claude_time_write(1795508327, buf);
    is_mem(buf, sizeof(buf), "2026-11-24T08:18:47Z", 20, "a time");
    claude_time_write(0, buf);
    is_mem(buf, sizeof(buf), "1970-01-01T00:00:00Z", 20, "the epoch");
    claude_time_write(CLAUDE_TIME_MAX, buf);
    is_mem(buf, sizeof(buf), "9999-12-31T23:59:59Z", 20, "the last");
}


/* each day of 400 years, against the C library */

static void
test_calendar(void)
{
    char          buf[CLAUDE_TIME_LEN], expected[CLAUDE_TIME_LEN + 1];
    int64_t       day, back;
    unsigned      wrong;
    time_t        t;
    struct tm     tm;
    claude_str_t  text;

    wrong = 0;
    text.data = (unsigned char *) buf;
    text.len = sizeof(buf);

    for (day = 0; day < 146097; day++) {
        t = day * 86400 + 3661;

        claude_time_write(t, buf);
        strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%SZ",
                 gmtime_r(&t, &tm));

        wrong += (memcmp(buf, expected, sizeof(buf)) != 0
                  || claude_time_read(&text, &back) != CLAUDE_OK || back != t);
    }

    is(wrong, 0, "400 years of days, there and back");
}


static void
test_create(void)
{
    size_t            len;
    claude_str_t      name = str("Füchse"), token = str(TOKEN), bad;
    claude_record_t   record, before;
    claude_secrets_t  secrets, foreign;
    unsigned char     key[CLAUDE_KEY_LEN], old[CLAUDE_KEY_LEN];
    unsigned char     digest[CLAUDE_DIGEST_LEN], opened[CLAUDE_TOKEN_MAX];

    claude_secrets_generate(&secrets);
    claude_secrets_generate(&foreign);

    is(claude_record_create(&secrets, &name, &token, 1795508327, &record,
                            key), CLAUDE_OK, "a record");
    is(claude_key_form(key, sizeof(key)), CLAUDE_KEY_OURS, "with a key");
    ok(claude_key_id_valid(record.id, CLAUDE_KEY_ID_LEN), "with an id");

    claude_digest(&secrets, key, sizeof(key), digest);
    is_mem(record.digest, 32, digest, 32, "found by the key's digest");
    is_mem(record.head, 7, key, 7, "showing its first characters");
    is_mem(record.tail, 4, key + CLAUDE_KEY_LEN - 4, 4, "and the last");
    is_mem(record.token_tail, 4, "ghij", 4, "and those of the token");
    is(record.token_form, CLAUDE_TOKEN_OAUTH, "an OAuth token");
    is_mem(record.name, record.name_len, "Füchse", 7, "named");
    is(record.created, 1795508327, "made now");
    is(record.last_used, 0, "never used");
    is(record.expires, 0, "expiring never");
    is(record.enabled, 1, "enabled");

    is(claude_open(&secrets, record.sealed, record.sealed_len, record.id,
                   record.digest, opened, &len), CLAUDE_OK, "sealed to it");
    is_mem(opened, len, TOKEN, strlen(TOKEN), "is the token");

    memcpy(old, key, sizeof(old));
    before = record;
    record.last_used = before.last_used = 5;

    is(claude_record_rotate(&foreign, &record, 0, key), CLAUDE_DECLINED,
       "other secrets rotate nothing");
    is_mem(&record, sizeof(record), &before, sizeof(before),
           "the record is as it was");

    is(claude_record_rotate(&secrets, &record, 0, key), CLAUDE_OK, "rotated");
    ok(memcmp(key, old, sizeof(key)) != 0, "the key is another");
    claude_digest(&secrets, key, sizeof(key), digest);
    is_mem(record.digest, 32, digest, 32, "found by its digest");
    is_mem(record.tail, 4, key + CLAUDE_KEY_LEN - 4, 4, "shown as it is");
    is_mem(record.id, 24, before.id, 24, "under the same id");
    is(record.last_used, 5, "last used as before");
    is(claude_open(&secrets, record.sealed, record.sealed_len, record.id,
                   record.digest, opened, &len), CLAUDE_OK, "sealed anew");
    is_mem(opened, len, TOKEN, strlen(TOKEN), "is the same token");

    bad = str("a\nb");
    is(claude_record_create(&secrets, &bad, &token, 1, &record, key),
       CLAUDE_INVALID, "not with such a name");
    bad = str("sk-other-0123456789012345");
    is(claude_record_create(&secrets, &name, &bad, 1, &record, key),
       CLAUDE_INVALID, "nor with such a token");
}


int
main(void)
{
    if (sodium_init() == -1) {
        bail("libsodium can't be initialized");
    }

    test_put();
    test_use_and_delete();
    test_bad_changes();
    test_header();
    test_store();
    test_names();
    test_times();
    test_calendar();
    test_create();

    return done_testing();
}
