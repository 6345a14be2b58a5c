
#include "claude_keys.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>


typedef struct {
    unsigned               json:1;
    unsigned               rows:1;      /* there were some */
} claude_keys_list_t;


static claude_keys_exit_e claude_keys_init_store(
    const claude_keys_args_t *args);
static claude_keys_exit_e claude_keys_with_token(
    const claude_keys_args_t *args,
    claude_keys_exit_e (*run)(const claude_keys_args_t *args,
        const claude_master_t *master, const claude_str_t *token));
static claude_keys_exit_e claude_keys_add_token(
    const claude_keys_args_t *args, const claude_master_t *master,
    const claude_str_t *token);
static claude_keys_exit_e claude_keys_replace_token(
    const claude_keys_args_t *args, const claude_master_t *master,
    const claude_str_t *token);
static claude_rc_t claude_keys_make_record(claude_keys_edit_t *edit);
static claude_rc_t claude_keys_make_replaced(claude_keys_edit_t *edit);
static void claude_keys_make_limits(claude_record_t *record,
    const claude_keys_args_t *args);
static claude_rc_t claude_keys_list_row(void *ctx,
    const claude_change_t *change);
static claude_rc_t claude_keys_make_set(claude_keys_edit_t *edit);
static claude_rc_t claude_keys_make_rotated(claude_keys_edit_t *edit);
static claude_rc_t claude_keys_make_delete(claude_keys_edit_t *edit);


/* a log that is there already is told before a master key is made for it */

claude_keys_exit_e
claude_keys_init(const claude_keys_args_t *args)
{
    struct stat         st;
    claude_keys_exit_e  rc;

    if (args->given & CLAUDE_KEYS_OPT_STORE
        && lstat(args->store, &st) == 0)
    {
        return claude_keys_error(CLAUDE_KEYS_FAILED, "%s exists",
                                 args->store);
    }

    if (strncmp(args->master, CLAUDE_MASTER_CREDENTIAL,
                sizeof(CLAUDE_MASTER_CREDENTIAL) - 1)
        == 0)
    {
        return claude_keys_error(CLAUDE_KEYS_FAILED, "a credential can't be "
                                 "made: make a file, and encrypt it with "
                                 "systemd-creds");
    }

    if (claude_master_create(args->master) != CLAUDE_OK) {
        return claude_keys_error(CLAUDE_KEYS_FAILED, "%s can't be made: %s",
                                 args->master, strerror(errno));
    }

    if (!(args->given & CLAUDE_KEYS_OPT_STORE)) {
        return CLAUDE_KEYS_OK;
    }

    rc = claude_keys_init_store(args);

    if (rc != CLAUDE_KEYS_OK) {
        (void) unlink(args->master);
    }

    return rc;
}


static claude_keys_exit_e
claude_keys_init_store(const claude_keys_args_t *args)
{
    claude_master_t     *master;
    claude_keys_exit_e   rc;

    master = claude_keys_master(args->master);

    if (master == NULL) {
        return CLAUDE_KEYS_FAILED;
    }

    rc = claude_keys_create(args, master);

    sodium_free(master);

    return rc;
}


claude_keys_exit_e
claude_keys_add(const claude_keys_args_t *args)
{
    return claude_keys_with_token(args, claude_keys_add_token);
}


claude_keys_exit_e
claude_keys_replace(const claude_keys_args_t *args)
{
    return claude_keys_with_token(args, claude_keys_replace_token);
}


static claude_keys_exit_e
claude_keys_with_token(const claude_keys_args_t *args,
    claude_keys_exit_e (*run)(const claude_keys_args_t *args,
        const claude_master_t *master, const claude_str_t *token))
{
    claude_str_t         token;
    claude_master_t     *master;
    claude_keys_exit_e   rc;

    master = claude_keys_master(args->master);

    if (master == NULL) {
        return CLAUDE_KEYS_FAILED;
    }

    token = claude_keys_token(args);

    rc = token.data ? run(args, master, &token) : CLAUDE_KEYS_FAILED;

    sodium_free((void *) token.data);
    sodium_free(master);

    return rc;
}


static claude_keys_exit_e
claude_keys_add_token(const claude_keys_args_t *args,
    const claude_master_t *master, const claude_str_t *token)
{
    unsigned             missing;
    claude_keys_exit_e   rc;
    claude_keys_edit_t   edit;

    rc = claude_keys_trust(args, &missing);

    if (rc == CLAUDE_KEYS_OK && missing) {
        rc = claude_keys_create(args, master);

        if (rc == CLAUDE_KEYS_OK) {
            fprintf(stderr, "claude-keys: made the key log %s\n",
                    args->store);
        }
    }

    if (rc != CLAUDE_KEYS_OK) {
        return rc;
    }

    memset(&edit, 0, sizeof(edit));
    edit.args = args;
    edit.make = claude_keys_make_record;
    edit.token = token;
    edit.fresh = 1;

    rc = claude_keys_edit(&edit, master);

    if (rc == CLAUDE_KEYS_OK) {
        rc = claude_keys_print_key(args, &edit.change.record, edit.key);
    }

    sodium_memzero(edit.key, sizeof(edit.key));

    return rc;
}


static claude_rc_t
claude_keys_make_record(claude_keys_edit_t *edit)
{
    claude_rc_t  rc;

    rc = claude_record_create(edit->secrets, &edit->args->name, edit->token,
                              time(NULL), &edit->change.record, edit->key);

    edit->change.record.expires = edit->args->expires;
    edit->change.record.limits = edit->args->limits;

    return rc;
}


static claude_keys_exit_e
claude_keys_replace_token(const claude_keys_args_t *args,
    const claude_master_t *master, const claude_str_t *token)
{
    claude_keys_exit_e  rc;
    claude_keys_edit_t  edit;

    memset(&edit, 0, sizeof(edit));
    edit.args = args;
    edit.make = claude_keys_make_replaced;
    edit.token = token;

    rc = claude_keys_edit(&edit, master);

    if (rc == CLAUDE_KEYS_OK && args->given & CLAUDE_KEYS_OPT_JSON) {
        rc = claude_keys_print_record(args, &edit.change.record);
    }

    return rc;
}


static claude_rc_t
claude_keys_make_replaced(claude_keys_edit_t *edit)
{
    return claude_record_replace(edit->secrets, &edit->change.record,
                                 edit->token);
}


claude_keys_exit_e
claude_keys_list(const claude_keys_args_t *args)
{
    claude_rc_t         rc;
    claude_live_log_t   log;
    claude_keys_exit_e  status;
    claude_keys_list_t  list;
    claude_log_error_t  error;

    list.json = (args->given & CLAUDE_KEYS_OPT_JSON) ? 1 : 0;
    list.rows = 0;

    status = claude_keys_load(args, &log);

    while (status == CLAUDE_KEYS_OK) {
        rc = claude_live_log_each(&log, args->store, claude_keys_list_row,
                                  &list, &error);

        if (rc == CLAUDE_AGAIN) {
            status = claude_keys_reload(args, &log);
            continue;
        }

        if (rc != CLAUDE_OK) {
            status = claude_keys_log_error(args->store, rc, &error);

        } else if (list.json) {
            fputs(list.rows ? "\n]\n" : "[]\n", stdout);
        }

        break;
    }

    claude_live_log_free(&log);

    return (status == CLAUDE_KEYS_OK) ? claude_keys_print_end() : status;
}


static claude_rc_t
claude_keys_list_row(void *ctx, const claude_change_t *change)
{
    claude_keys_list_t  *list = ctx;

    if (list->json) {
        fputs(list->rows ? ",\n" : "[\n", stdout);
        claude_keys_print_json(&change->record);

    } else {
        if (list->rows == 0) {
            claude_keys_print_heading();
        }

        claude_keys_print_row(&change->record);
    }

    list->rows = 1;

    return CLAUDE_OK;
}


claude_keys_exit_e
claude_keys_show(const claude_keys_args_t *args)
{
    claude_rc_t               rc;
    claude_record_t           record;
    claude_live_log_t         log;
    claude_keys_exit_e        status;
    claude_log_error_t        error;
    const claude_live_key_t  *key;

    status = claude_keys_load(args, &log);

    while (status == CLAUDE_KEYS_OK) {
        key = claude_live_find(&log.live, args->id);

        if (key == NULL) {
            status = claude_keys_no_key(args);
            break;
        }

        rc = claude_log_record(args->store, &log.pos, key->offset, &record,
                               &error);

        if (rc == CLAUDE_AGAIN) {
            status = claude_keys_reload(args, &log);
            continue;
        }

        if (rc != CLAUDE_OK) {
            status = claude_keys_log_error(args->store, rc, &error);
            break;
        }

        record.last_used = key->last_used;
        status = claude_keys_print_record(args, &record);
        break;
    }

    claude_live_log_free(&log);

    return status;
}


claude_keys_exit_e
claude_keys_set(const claude_keys_args_t *args)
{
    claude_keys_exit_e  rc;
    claude_keys_edit_t  edit;

    memset(&edit, 0, sizeof(edit));
    edit.args = args;
    edit.make = claude_keys_make_set;

    rc = claude_keys_edit(&edit, NULL);

    if (rc == CLAUDE_KEYS_OK && args->given & CLAUDE_KEYS_OPT_JSON) {
        rc = claude_keys_print_record(args, &edit.change.record);
    }

    return rc;
}


static claude_rc_t
claude_keys_make_set(claude_keys_edit_t *edit)
{
    unsigned          given = edit->args->given;
    claude_record_t  *record = &edit->change.record;

    if (given & CLAUDE_KEYS_OPT_NAME) {
        record->name_len = edit->args->name.len;
        memcpy(record->name, edit->args->name.data, record->name_len);
    }

    if (given & CLAUDE_KEYS_OPT_EXPIRES) {
        record->expires = edit->args->expires;
    }

    if (given & CLAUDE_KEYS_OPT_ENABLE) {
        record->enabled = 1;
    }

    if (given & CLAUDE_KEYS_OPT_DISABLE) {
        record->enabled = 0;
    }

    claude_keys_make_limits(record, edit->args);

    return CLAUDE_OK;
}


static void
claude_keys_make_limits(claude_record_t *record,
    const claude_keys_args_t *args)
{
    claude_limit_e  limit;

    for (limit = 0; limit < CLAUDE_LIMIT_N; limit++) {
        if (args->given & CLAUDE_KEYS_OPT_LIMIT << limit) {
            claude_limits_copy(&record->limits, &args->limits, limit);
        }
    }
}


claude_keys_exit_e
claude_keys_rotate(const claude_keys_args_t *args)
{
    claude_master_t     *master;
    claude_keys_exit_e   rc;
    claude_keys_edit_t   edit;

    master = claude_keys_master(args->master);

    if (master == NULL) {
        return CLAUDE_KEYS_FAILED;
    }

    memset(&edit, 0, sizeof(edit));
    edit.args = args;
    edit.make = claude_keys_make_rotated;

    rc = claude_keys_edit(&edit, master);

    sodium_free(master);

    if (rc == CLAUDE_KEYS_OK) {
        rc = claude_keys_print_key(args, &edit.change.record, edit.key);
    }

    sodium_memzero(edit.key, sizeof(edit.key));

    return rc;
}


static claude_rc_t
claude_keys_make_rotated(claude_keys_edit_t *edit)
{
    int64_t      until;
    claude_rc_t  rc;

    until = edit->args->grace ? time(NULL) + edit->args->grace : 0;

    rc = claude_record_rotate(edit->secrets, &edit->change.record, until,
                              edit->key);

    if (rc != CLAUDE_OK) {
        (void) claude_keys_error(CLAUDE_KEYS_FAILED,
                                 "%s: the credential of %.*s doesn't open",
                                 edit->args->store, CLAUDE_KEY_ID_LEN,
                                 (const char *) edit->args->id);
    }

    return rc;
}


claude_keys_exit_e
claude_keys_delete(const claude_keys_args_t *args)
{
    claude_keys_edit_t  edit;

    memset(&edit, 0, sizeof(edit));
    edit.args = args;
    edit.make = claude_keys_make_delete;

    return claude_keys_edit(&edit, NULL);
}


claude_keys_exit_e
claude_keys_end(const claude_keys_args_t *args)
{
    claude_keys_exit_e  rc;
    claude_keys_edit_t  edit;

    memset(&edit, 0, sizeof(edit));
    edit.args = args;
    edit.make = claude_keys_make_delete;
    edit.quiet = 1;

    rc = claude_keys_edit(&edit, NULL);

    return (rc == CLAUDE_KEYS_NOT_FOUND) ? CLAUDE_KEYS_OK : rc;
}


static claude_rc_t
claude_keys_make_delete(claude_keys_edit_t *edit)
{
    edit->change.op = CLAUDE_OP_DELETE;

    return CLAUDE_OK;
}


claude_keys_exit_e
claude_keys_compact(const claude_keys_args_t *args)
{
    claude_rc_t         rc;
    claude_keys_exit_e  status;
    claude_log_error_t  error;

    status = claude_keys_trust(args, NULL);

    if (status != CLAUDE_KEYS_OK) {
        return status;
    }

    rc = claude_log_compact(args->store, CLAUDE_KEYS_WAIT, &error);

    return (rc == CLAUDE_OK) ? CLAUDE_KEYS_OK
                             : claude_keys_log_error(args->store, rc, &error);
}
