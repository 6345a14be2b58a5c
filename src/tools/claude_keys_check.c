
#include "claude_keys.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


/* more faults than these mean that it is another kind of file */

#define CLAUDE_KEYS_FAULTS  100


typedef struct {
    const claude_keys_args_t  *args;
    claude_live_log_t          log;
    claude_secrets_t          *secrets;     /* NULL: no master key */
    unsigned                   faults;
    uint64_t                   torn;        /* bytes without an LF */
} claude_keys_check_t;


static claude_keys_exit_e claude_keys_check_lines(claude_keys_check_t *check);
static unsigned claude_keys_check_skip(claude_keys_check_t *check);
static claude_keys_exit_e claude_keys_check_torn(claude_keys_check_t *check);
static claude_keys_exit_e claude_keys_check_tokens(
    claude_keys_check_t *check);
static claude_rc_t claude_keys_check_token(void *ctx,
    const claude_change_t *change);
static uint64_t claude_keys_check_line(claude_keys_check_t *check,
    const unsigned char id[CLAUDE_KEY_ID_LEN]);
static void claude_keys_check_fault(claude_keys_check_t *check, uint64_t line,
    const char *reason);
static void claude_keys_check_end(claude_keys_check_t *check);


/*
 * Without --master-key, and with none where it usually is, all but the
 * credentials is checked.
 */

claude_keys_exit_e
claude_keys_check(const claude_keys_args_t *args)
{
    claude_master_t      *master;
    claude_keys_exit_e    rc;
    claude_keys_check_t   check;

    memset(&check, 0, sizeof(check));
    check.args = args;

    rc = claude_keys_trust(args, NULL);

    if (rc != CLAUDE_KEYS_OK) {
        return rc;
    }

    claude_live_log_init(&check.log);

    rc = claude_keys_check_lines(&check);

    if (rc == CLAUDE_KEYS_OK && check.log.pos.line
        && (args->given & CLAUDE_KEYS_OPT_MASTER
            || access(args->master, F_OK) == 0))
    {
        master = claude_keys_master(args->master);

        check.secrets = master ? claude_keys_secrets(args, master,
                                                     &check.log.header)
                               : NULL;

        rc = check.secrets ? claude_keys_check_tokens(&check)
                           : CLAUDE_KEYS_FAILED;

        sodium_free(check.secrets);
        sodium_free(master);
    }

    if (rc == CLAUDE_KEYS_OK) {
        claude_keys_check_end(&check);
        rc = claude_keys_print_end();
    }

    claude_live_log_free(&check.log);

    return (rc == CLAUDE_KEYS_OK && check.faults) ? CLAUDE_KEYS_DAMAGED : rc;
}


/* each faulty line is told, and the next one read */

static claude_keys_exit_e
claude_keys_check_lines(claude_keys_check_t *check)
{
    claude_rc_t         rc;
    const char         *path = check->args->store;
    claude_log_error_t  error;
    claude_live_log_t  *log = &check->log;

    for ( ;; ) {
        rc = claude_log_read(path, &log->pos, 0, &log->handler, &error);

        switch (rc) {

        case CLAUDE_AGAIN:
            continue;

        case CLAUDE_DONE:
            return claude_keys_check_torn(check);

        case CLAUDE_INVALID:
        case CLAUDE_DECLINED:
            claude_live_log_explain(log, &error);
            claude_keys_check_fault(check, error.line, error.reason);
            break;

        default:
            claude_live_log_explain(log, &error);
            return claude_keys_log_error(path, rc, &error);
        }

        if (log->pos.line == 0 || check->faults == CLAUDE_KEYS_FAULTS
            || !claude_keys_check_skip(check))
        {
            return CLAUDE_KEYS_OK;
        }
    }
}


/* 0: there is no further line */

static unsigned
claude_keys_check_skip(claude_keys_check_t *check)
{
    int                 c;
    FILE               *file;
    claude_live_log_t  *log = &check->log;

    file = fopen(check->args->store, "re");

    if (file == NULL) {
        return 0;
    }

    c = EOF;

    if (fseeko(file, log->pos.offset, SEEK_SET) == 0) {
        do {
            c = getc(file);
            log->pos.offset++;
        } while (c != EOF && c != '\n');
    }

    fclose(file);

    log->pos.line++;
    log->offset = log->pos.offset;

    return c == '\n';
}


/* what is still without an end when the lock was free is not being written */

static claude_keys_exit_e
claude_keys_check_torn(claude_keys_check_t *check)
{
    claude_rc_t         rc;
    struct stat         st;
    const char         *path = check->args->store;
    claude_log_error_t  error;
    claude_live_log_t  *log = &check->log;

    if (stat(path, &st) == -1 || (uint64_t) st.st_size <= log->pos.offset) {
        return CLAUDE_KEYS_OK;
    }

    rc = claude_live_log_read(log, path, &error);

    if (rc != CLAUDE_OK) {
        return claude_keys_log_error(path, rc, &error);
    }

    if ((uint64_t) st.st_size > log->pos.offset) {
        check->torn = st.st_size - log->pos.offset;
    }

    return CLAUDE_KEYS_OK;
}


static claude_keys_exit_e
claude_keys_check_tokens(claude_keys_check_t *check)
{
    claude_rc_t         rc;
    const char         *path = check->args->store;
    claude_log_error_t  error;

    for ( ;; ) {
        rc = claude_live_log_each(&check->log, path, claude_keys_check_token,
                                  check, &error);

        if (rc == CLAUDE_AGAIN) {
            rc = claude_live_log_read(&check->log, path, &error);

            if (rc == CLAUDE_OK) {
                continue;
            }
        }

        return (rc == CLAUDE_OK || rc == CLAUDE_DONE)
               ? CLAUDE_KEYS_OK : claude_keys_log_error(path, rc, &error);
    }
}


static claude_rc_t
claude_keys_check_token(void *ctx, const claude_change_t *change)
{
    size_t                  len;
    unsigned char           token[CLAUDE_TOKEN_MAX];
    claude_keys_check_t    *check = ctx;
    const claude_record_t  *record = &change->record;

    if (claude_open(check->secrets, record->sealed, record->sealed_len,
                    record->id, record->digest, token, &len)
        != CLAUDE_OK)
    {
        claude_keys_check_fault(check,
                                claude_keys_check_line(check, record->id),
                                "oauthToken doesn't open");
    }

    sodium_memzero(token, sizeof(token));

    return (check->faults == CLAUDE_KEYS_FAULTS) ? CLAUDE_DONE : CLAUDE_OK;
}


static uint64_t
claude_keys_check_line(claude_keys_check_t *check,
    const unsigned char id[CLAUDE_KEY_ID_LEN])
{
    int        c;
    FILE      *file;
    uint64_t   line, offset;

    file = fopen(check->args->store, "re");

    if (file == NULL) {
        return 0;
    }

    offset = claude_live_find(&check->log.live, id)->offset;

    for (line = 1; offset && (c = getc(file)) != EOF; offset--) {
        line += (c == '\n');
    }

    fclose(file);

    return line;
}


static void
claude_keys_check_fault(claude_keys_check_t *check, uint64_t line,
    const char *reason)
{
    if (check->args->given & CLAUDE_KEYS_OPT_JSON) {
        printf("%s{\"line\":%llu,\"reason\":\"%s\"}",
               check->faults ? "," : "{\"faults\":[",
               (unsigned long long) line, reason);

    } else {
        (void) claude_keys_error(CLAUDE_KEYS_DAMAGED, "%s:%llu: %s",
                                 check->args->store,
                                 (unsigned long long) line, reason);
    }

    check->faults++;
}


static void
claude_keys_check_end(claude_keys_check_t *check)
{
    unsigned long long  keys, lines, torn;

    keys = check->log.live.n;
    lines = check->log.pos.line;
    torn = check->torn;

    if (check->args->given & CLAUDE_KEYS_OPT_JSON) {
        printf("%s],\"keys\":%llu,\"lines\":%llu,\"tornBytes\":%llu}\n",
               check->faults ? "" : "{\"faults\":[", keys, lines, torn);
        return;
    }

    printf("%s: %llu live in %llu lines, %s\n", check->args->store, keys,
           lines, check->faults ? "damaged" : "sound");

    if (torn) {
        printf("%s:%llu: torn; the next change cuts it\n",
               check->args->store, lines + 1);
    }
}
