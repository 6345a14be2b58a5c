
#include "claude_record.h"

#include "claude_fields.h"
#include "claude_json_writer.h"

#include <sodium.h>
#include <string.h>


#define CLAUDE_HEADER_FORMAT    "claude-keys"
#define CLAUDE_STORE_PREFIX     "store_"
#define CLAUDE_STORE_RANDOM     20
#define CLAUDE_VERSION_MAX      1000000
#define CLAUDE_GENERATION_MAX   UINT64_C(9007199254740991)  /* 2^53 - 1 */


typedef struct {
    claude_header_t       *header;
    unsigned               format;
    uint64_t               version;
} claude_header_reader_t;


static const char *claude_header_format(void *dst,
    const claude_json_token_t *value);
static const char *claude_header_version(void *dst,
    const claude_json_token_t *value);
static const char *claude_header_store_id(void *dst,
    const claude_json_token_t *value);
static const char *claude_header_created(void *dst,
    const claude_json_token_t *value);
static const char *claude_header_generation(void *dst,
    const claude_json_token_t *value);
static const char *claude_header_wrapped(void *dst,
    const claude_json_token_t *value);


static const claude_field_t  claude_header_fields[] = {
    { claude_string("format"), claude_header_format },
    { claude_string("version"), claude_header_version },
    { claude_string("storeId"), claude_header_store_id },
    { claude_string("createdAt"), claude_header_created },
    { claude_string("generation"), claude_header_generation },
    { claude_string("wrappedKeys"), claude_header_wrapped }
};

#define CLAUDE_HEADER_FIELDS                                                  \
    (sizeof(claude_header_fields) / sizeof(claude_header_fields[0]))

#define CLAUDE_HEADER_ALL    ((1u << CLAUDE_HEADER_FIELDS) - 1)


void
claude_header_create(claude_header_t *header, claude_secrets_t *secrets,
    const claude_master_t *master, int64_t now)
{
    claude_str_t  id;

    memcpy(header->store_id, CLAUDE_STORE_PREFIX,
           CLAUDE_STORE_ID_LEN - CLAUDE_STORE_RANDOM);
    claude_base62_random(header->store_id + CLAUDE_STORE_ID_LEN
                         - CLAUDE_STORE_RANDOM, CLAUDE_STORE_RANDOM);

    header->created = now;
    header->generation = 0;

    id.data = header->store_id;
    id.len = CLAUDE_STORE_ID_LEN;

    claude_secrets_generate(secrets);
    claude_secrets_wrap(secrets, master, &id, header->wrapped);
}


claude_rc_t
claude_header_open(const claude_header_t *header,
    const claude_master_t *master, claude_secrets_t *secrets, unsigned *which)
{
    claude_str_t  id;

    id.data = header->store_id;
    id.len = CLAUDE_STORE_ID_LEN;

    return claude_secrets_unwrap(secrets, master, &id, header->wrapped, which);
}


void
claude_header_write(claude_out_t *out, const claude_header_t *header)
{
    char  time[CLAUDE_TIME_LEN];
    char  base64[sodium_base64_ENCODED_LEN(CLAUDE_WRAPPED_LEN,
                                           sodium_base64_VARIANT_ORIGINAL)];

    claude_time_write(header->created, time);
    sodium_bin2base64(base64, sizeof(base64), header->wrapped,
                      CLAUDE_WRAPPED_LEN, sodium_base64_VARIANT_ORIGINAL);

    claude_out_literal(out, "{\"format\":\"" CLAUDE_HEADER_FORMAT "\","
                            "\"version\":");
    claude_json_put_uint(out, CLAUDE_LOG_VERSION);
    claude_out_literal(out, ",\"storeId\":\"");
    claude_out_put(out, header->store_id, CLAUDE_STORE_ID_LEN);
    claude_out_literal(out, "\",\"createdAt\":\"");
    claude_out_put(out, time, sizeof(time));
    claude_out_literal(out, "\",\"generation\":");
    claude_json_put_uint(out, header->generation);
    claude_out_literal(out, ",\"wrappedKeys\":\"");
    claude_out_put(out, base64, sizeof(base64) - 1);
    claude_out_literal(out, "\"}\n");
}


/* a later version may look different in all else */

claude_rc_t
claude_header_read(const claude_str_t *line, claude_header_t *header,
    const char **reason)
{
    uint32_t                seen;
    claude_rc_t             rc;
    claude_header_reader_t  reader;

    reader.header = header;
    reader.format = 0;
    reader.version = 0;

    memset(header, 0, sizeof(claude_header_t));

    rc = claude_fields_read(line, claude_header_fields, CLAUDE_HEADER_FIELDS,
                            &reader, &seen, reason);

    if (rc != CLAUDE_OK) {
        return rc;
    }

    if (reader.format && reader.version > CLAUDE_LOG_VERSION) {
        *reason = "version is newer than this program";
        return CLAUDE_DECLINED;
    }

    if (*reason == NULL && seen != CLAUDE_HEADER_ALL) {
        *reason = (seen & CLAUDE_FIELDS_UNKNOWN) ? "has an unknown name"
                                                 : "lacks a name";
    }

    return *reason ? CLAUDE_INVALID : CLAUDE_OK;
}


static const char *
claude_header_format(void *dst, const claude_json_token_t *value)
{
    claude_header_reader_t  *reader = dst;

    reader->format = claude_field_is(value, CLAUDE_HEADER_FORMAT);

    return reader->format ? NULL : "format is not claude-keys";
}


static const char *
claude_header_version(void *dst, const claude_json_token_t *value)
{
    claude_header_reader_t  *reader = dst;

    if (value->type != CLAUDE_JSON_NUMBER
        || claude_json_uint(&value->raw, CLAUDE_VERSION_MAX, &reader->version)
           != CLAUDE_OK
        || reader->version == 0)
    {
        return "version is not a positive integer";
    }

    return NULL;
}


static const char *
claude_header_store_id(void *dst, const claude_json_token_t *value)
{
    claude_header_reader_t  *reader = dst;

    if (value->type != CLAUDE_JSON_STRING
        || value->text.len != CLAUDE_STORE_ID_LEN
        || memcmp(value->text.data, CLAUDE_STORE_PREFIX,
                  sizeof(CLAUDE_STORE_PREFIX) - 1) != 0
        || !claude_base62(value->text.data + sizeof(CLAUDE_STORE_PREFIX) - 1,
                          CLAUDE_STORE_RANDOM))
    {
        return "storeId is not the id of a store";
    }

    memcpy(reader->header->store_id, value->text.data, CLAUDE_STORE_ID_LEN);

    return NULL;
}


static const char *
claude_header_created(void *dst, const claude_json_token_t *value)
{
    claude_header_reader_t  *reader = dst;

    if (!claude_field_time(value, &reader->header->created)
        || reader->header->created == 0)
    {
        return "createdAt is not a time";
    }

    return NULL;
}


static const char *
claude_header_generation(void *dst, const claude_json_token_t *value)
{
    claude_header_reader_t  *reader = dst;

    if (value->type != CLAUDE_JSON_NUMBER
        || claude_json_uint(&value->raw, CLAUDE_GENERATION_MAX,
                            &reader->header->generation) != CLAUDE_OK)
    {
        return "generation is not a number of compactions";
    }

    return NULL;
}


static const char *
claude_header_wrapped(void *dst, const claude_json_token_t *value)
{
    size_t                   len;
    claude_header_reader_t  *reader = dst;

    if (!claude_field_base64(value, reader->header->wrapped,
                             CLAUDE_WRAPPED_LEN, &len)
        || len != CLAUDE_WRAPPED_LEN)
    {
        return "wrappedKeys are not two wrapped keys in base64";
    }

    return NULL;
}
