
/*
 * A key's account, as its record in the keystore's zone embeds it: what
 * src/core/claude_account.h says.  Zeroed for a new key; it stays through any
 * change of the same id, and goes with a delete.
 */


#ifndef NGX_CLAUDE_ACCOUNT_H
#define NGX_CLAUDE_ACCOUNT_H


#include <ngx_config.h>
#include <ngx_core.h>

#include "../core/claude_account.h"


typedef claude_account_t  ngx_claude_account_t;

/* what lies beside: ngx_claude_ledger.h */

typedef struct ngx_claude_ledger_s  ngx_claude_ledger_t;


#endif /* NGX_CLAUDE_ACCOUNT_H */
