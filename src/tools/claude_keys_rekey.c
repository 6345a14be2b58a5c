
#include "claude_keys.h"

#include "../core/claude_rekey.h"

#include <sodium.h>


static claude_keys_exit_e claude_keys_rekey_master(
    const claude_keys_args_t *args, const claude_master_t *master);


/* that the master key is another store's is said before anything is written */

claude_keys_exit_e
claude_keys_rekey(const claude_keys_args_t *args)
{
    claude_master_t     *master;
    claude_live_log_t    log;
    claude_secrets_t    *secrets;
    claude_keys_exit_e   rc;

    master = claude_keys_master(args->master);

    if (master == NULL) {
        return CLAUDE_KEYS_FAILED;
    }

    rc = claude_keys_load(args, &log);

    if (rc == CLAUDE_KEYS_OK) {
        secrets = claude_keys_secrets(args, master, &log.header);

        rc = secrets ? claude_keys_rekey_master(args, master)
                     : CLAUDE_KEYS_FAILED;

        sodium_free(secrets);
    }

    claude_live_log_free(&log);
    sodium_free(master);

    return rc;
}


static claude_keys_exit_e
claude_keys_rekey_master(const claude_keys_args_t *args,
    const claude_master_t *master)
{
    unsigned            reseal;
    claude_rc_t         rc;
    claude_log_error_t  error;

    reseal = (args->given & CLAUDE_KEYS_OPT_RESEAL) ? 1 : 0;

    rc = claude_log_rekey(args->store, master, reseal, CLAUDE_KEYS_WAIT,
                          &error);

    return (rc == CLAUDE_OK) ? CLAUDE_KEYS_OK
                             : claude_keys_log_error(args->store, rc, &error);
}
