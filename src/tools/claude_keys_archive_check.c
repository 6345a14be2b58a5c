
#include "claude_keys_backup.h"

#include "../core/claude_fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


typedef struct claude_keys_archive_check_s  claude_keys_archive_check_t;

struct claude_keys_archive_check_s {
    const claude_keys_args_t  *args;
    claude_keys_archive_t     *archive;
    claude_master_t           *master;
    claude_secrets_t          *secrets;
    claude_live_t              live;
    uint64_t                   version;     /* of the backup */
    unsigned char              store_id[CLAUDE_STORE_ID_LEN];

    /* the file in hand; line takes one, and has explained what is wrong */

    const char                *name;
    claude_keys_exit_e       (*line)(claude_keys_archive_check_t *check,
                                  const claude_str_t *line);
    uint64_t                   lines;
    size_t                     len;         /* of a line not yet whole */
    unsigned char              buf[CLAUDE_LINE_MAX];
};


static claude_keys_exit_e claude_keys_check_files(
    claude_keys_archive_check_t *check);
static claude_keys_exit_e claude_keys_check_file(
    claude_keys_archive_check_t *check, size_t i);
static claude_keys_exit_e claude_keys_check_data(void *ctx,
    const unsigned char *data, size_t len);
static claude_keys_exit_e claude_keys_check_about(
    claude_keys_archive_check_t *check, const claude_str_t *line);
static const char *claude_keys_about_format(void *dst,
    const claude_json_token_t *value);
static const char *claude_keys_about_version(void *dst,
    const claude_json_token_t *value);
static const char *claude_keys_about_store(void *dst,
    const claude_json_token_t *value);
static const char *claude_keys_about_created(void *dst,
    const claude_json_token_t *value);
static claude_keys_exit_e claude_keys_check_log(
    claude_keys_archive_check_t *check, const claude_str_t *line);
static claude_keys_exit_e claude_keys_check_header(
    claude_keys_archive_check_t *check, const claude_str_t *line);
static claude_keys_exit_e claude_keys_check_usage(
    claude_keys_archive_check_t *check, const claude_str_t *line);
static unsigned claude_keys_check_opens(claude_keys_archive_check_t *check,
    const claude_record_t *record);
static claude_keys_exit_e claude_keys_check_wrong(
    claude_keys_archive_check_t *check, const char *reason);


static const claude_field_t  claude_keys_about_fields[] = {
    { claude_string("format"), claude_keys_about_format },
    { claude_string("version"), claude_keys_about_version },
    { claude_string("storeId"), claude_keys_about_store },
    { claude_string("createdAt"), claude_keys_about_created }
};

#define CLAUDE_KEYS_ABOUT_FIELDS                                              \
    (sizeof(claude_keys_about_fields) / sizeof(claude_keys_about_fields[0]))

#define CLAUDE_KEYS_ABOUT_ALL  ((1u << CLAUDE_KEYS_ABOUT_FIELDS) - 1)


claude_keys_exit_e
claude_keys_archive_check(claude_keys_archive_t *archive,
    const claude_keys_args_t *args, claude_keys_checked_t *checked)
{
    claude_keys_exit_e            rc;
    claude_keys_archive_check_t  *check;

    check = calloc(1, sizeof(claude_keys_archive_check_t));

    if (check == NULL) {
        return claude_keys_error(CLAUDE_KEYS_FAILED, "no memory");
    }

    check->args = args;
    check->archive = archive;
    claude_live_init(&check->live);

    check->master = claude_keys_master(args->master);

    rc = check->master ? claude_keys_check_files(check) : CLAUDE_KEYS_FAILED;

    checked->keys = check->live.n;
    checked->days = archive->n - 3;

    sodium_free(check->secrets);
    sodium_free(check->master);
    claude_live_free(&check->live);
    free(check);

    return rc;
}


/* sums first: what is damaged is not explained any further */

static claude_keys_exit_e
claude_keys_check_files(claude_keys_archive_check_t *check)
{
    size_t                  i;
    claude_keys_exit_e      rc;
    claude_keys_archive_t  *archive = check->archive;

    rc = claude_keys_archive_skim(archive);

    for (i = 0; rc == CLAUDE_KEYS_OK && i < archive->n - 1; i++) {
        check->line = (i == 0) ? claude_keys_check_about
                      : (i == 1) ? claude_keys_check_log
                      : claude_keys_check_usage;

        rc = claude_keys_check_file(check, i);
    }

    return rc;
}


static claude_keys_exit_e
claude_keys_check_file(claude_keys_archive_check_t *check, size_t i)
{
    claude_keys_exit_e  rc;

    check->name = check->archive->members[i].entry.name;
    check->lines = 0;
    check->len = 0;

    rc = claude_keys_archive_read(check->archive, i, claude_keys_check_data,
                                  check);

    if (rc == CLAUDE_KEYS_OK && (check->len || (i < 2 && check->lines == 0))) {
        return claude_keys_check_wrong(check, "ends within a line");
    }

    return rc;
}


static claude_keys_exit_e
claude_keys_check_data(void *ctx, const unsigned char *data, size_t len)
{
    size_t                        n;
    claude_str_t                  line;
    claude_keys_exit_e            rc;
    const unsigned char          *lf;
    claude_keys_archive_check_t  *check = ctx;

    for ( /* void */ ; len; data += n, len -= n) {
        lf = memchr(data, '\n', len);
        n = lf ? (size_t) (lf - data) + 1 : len;

        if (n > sizeof(check->buf) - check->len) {
            return claude_keys_check_wrong(check, "line is too long");
        }

        memcpy(check->buf + check->len, data, n);
        check->len += n;

        if (lf == NULL) {
            continue;
        }

        line.data = check->buf;
        line.len = check->len - 1;

        rc = check->line(check, &line);

        if (rc != CLAUDE_KEYS_OK) {
            return rc;
        }

        check->len = 0;
        check->lines++;
    }

    return CLAUDE_KEYS_OK;
}


static claude_keys_exit_e
claude_keys_check_about(claude_keys_archive_check_t *check,
    const claude_str_t *line)
{
    uint32_t      seen;
    claude_rc_t   rc;
    const char   *reason;

    rc = claude_fields_read(line, claude_keys_about_fields,
                            CLAUDE_KEYS_ABOUT_FIELDS, check, &seen, &reason);

    if (rc == CLAUDE_OK && reason == NULL && check->version > 1) {
        return claude_keys_check_wrong(check,
                                       "version is newer than this program");
    }

    if (rc == CLAUDE_OK && reason == NULL
        && (seen != CLAUDE_KEYS_ABOUT_ALL || check->lines))
    {
        reason = "is not what a backup says of itself";
    }

    return (rc == CLAUDE_OK && reason == NULL)
           ? CLAUDE_KEYS_OK
           : claude_keys_check_wrong(check, reason ? reason : "no memory");
}


static const char *
claude_keys_about_format(void *dst, const claude_json_token_t *value)
{
    (void) dst;

    return claude_field_is(value, CLAUDE_BACKUP_FORMAT)
           ? NULL : "format is not " CLAUDE_BACKUP_FORMAT;
}


static const char *
claude_keys_about_version(void *dst, const claude_json_token_t *value)
{
    claude_keys_archive_check_t  *check = dst;

    return (value->type == CLAUDE_JSON_NUMBER
            && claude_json_uint(&value->raw, 1000000, &check->version)
               == CLAUDE_OK
            && check->version)
           ? NULL : "version is not a positive integer";
}


static const char *
claude_keys_about_store(void *dst, const claude_json_token_t *value)
{
    claude_keys_archive_check_t  *check = dst;

    if (value->type != CLAUDE_JSON_STRING
        || value->text.len != CLAUDE_STORE_ID_LEN)
    {
        return "storeId is not the id of a store";
    }

    memcpy(check->store_id, value->text.data, CLAUDE_STORE_ID_LEN);

    return NULL;
}


static const char *
claude_keys_about_created(void *dst, const claude_json_token_t *value)
{
    int64_t  time;

    (void) dst;

    return (claude_field_time(value, &time) && time)
           ? NULL : "createdAt is not a time";
}


/* a credential that was replaced since must open too: nginx looks at each */

static claude_keys_exit_e
claude_keys_check_log(claude_keys_archive_check_t *check,
    const claude_str_t *line)
{
    claude_rc_t       rc;
    const char       *reason;
    claude_change_t   change;

    if (check->lines == 0) {
        return claude_keys_check_header(check, line);
    }

    if (claude_change_read(line, &change, &reason) != CLAUDE_OK) {
        return claude_keys_check_wrong(check, reason);
    }

    rc = claude_live_apply(&check->live, &change, check->lines);

    if (rc != CLAUDE_OK) {
        return claude_keys_check_wrong(check, (rc == CLAUDE_INVALID)
                                              ? "duplicate digest"
                                              : "no memory");
    }

    if (change.op == CLAUDE_OP_PUT
        && !claude_keys_check_opens(check, &change.record))
    {
        return claude_keys_check_wrong(check, "oauthToken doesn't open");
    }

    return CLAUDE_KEYS_OK;
}


static claude_keys_exit_e
claude_keys_check_header(claude_keys_archive_check_t *check,
    const claude_str_t *line)
{
    unsigned          which;
    const char       *reason;
    claude_header_t   header;

    if (claude_header_read(line, &header, &reason) != CLAUDE_OK) {
        return claude_keys_check_wrong(check, reason);
    }

    if (memcmp(header.store_id, check->store_id, CLAUDE_STORE_ID_LEN) != 0) {
        return claude_keys_check_wrong(check, "is of another store");
    }

    check->secrets = sodium_malloc(sizeof(claude_secrets_t));

    if (check->secrets == NULL) {
        return claude_keys_error(CLAUDE_KEYS_FAILED, "no memory for secrets");
    }

    if (claude_header_open(&header, check->master, check->secrets, &which)
        != CLAUDE_OK)
    {
        return claude_keys_error(CLAUDE_KEYS_FAILED,
                                 "%s: no key of %s opens it: it needs the "
                                 "master key of its time",
                                 check->archive->path, check->args->master);
    }

    return CLAUDE_KEYS_OK;
}


static unsigned
claude_keys_check_opens(claude_keys_archive_check_t *check,
    const claude_record_t *record)
{
    size_t         len;
    claude_rc_t    rc;
    unsigned char  token[CLAUDE_TOKEN_MAX];

    rc = claude_open(check->secrets, record->sealed, record->sealed_len,
                     record->id, record->digest, token, &len);

    sodium_memzero(token, sizeof(token));

    return rc == CLAUDE_OK;
}


static claude_keys_exit_e
claude_keys_check_usage(claude_keys_archive_check_t *check,
    const claude_str_t *line)
{
    uint64_t             bytes;
    claude_rc_t          rc;
    claude_usage_line_t  usage;

    rc = claude_usage_read_line(line, &usage, &bytes);

    if (rc != CLAUDE_OK && rc != CLAUDE_DECLINED) {
        return claude_keys_check_wrong(check, "is no line of usage");
    }

    return CLAUDE_KEYS_OK;
}


static claude_keys_exit_e
claude_keys_check_wrong(claude_keys_archive_check_t *check,
    const char *reason)
{
    return claude_keys_error(CLAUDE_KEYS_DAMAGED, "%s: %s:%llu: %s",
                             check->archive->path, check->name,
                             (unsigned long long) check->lines + 1, reason);
}
