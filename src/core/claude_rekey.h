
/*
 * Replacing the secrets of a store, as a rewriting of its log: the log holds
 * either the old secrets or the new ones at any moment, whatever is killed.
 */


#ifndef CLAUDE_REKEY_H
#define CLAUDE_REKEY_H


#include "claude_log.h"


/*
 * Wraps the store's secrets anew by the first key of master; with reseal, the
 * sealing secret is a new one, and every credential is sealed by that.  The
 * digest secret stays: keys are not kept, so their digests can't be made anew.
 *
 * As claude_log_compact(), and CLAUDE_DECLINED: no key of master opens the
 * header.  A credential that doesn't open is CLAUDE_INVALID.
 */

claude_rc_t claude_log_rekey(const char *path, const claude_master_t *master,
    unsigned reseal, unsigned wait_ms, claude_log_error_t *error);


#endif /* CLAUDE_REKEY_H */
