
/*
 * The bodies of the admin API that make a key or change one: read strictly,
 * field by field, so that whatever is wrong is named and nothing is changed.
 */


#ifndef CLAUDE_FORM_H
#define CLAUDE_FORM_H


#include "claude_error.h"
#include "claude_limits.h"
#include "claude_record.h"


#define CLAUDE_FORM_GRACE_MAX  604800   /* seconds, a week */


/* fields, as bits; CLAUDE_FORM_LIMITS is those of claude_limits.h */

#define CLAUDE_FORM_TOKEN      0x01u    /* oauthToken */
#define CLAUDE_FORM_NAME       0x02u    /* keyName */
#define CLAUDE_FORM_ENABLED    0x04u    /* enabled */
#define CLAUDE_FORM_EXPIRES    0x08u    /* expiresAt */
#define CLAUDE_FORM_GRACE      0x10u    /* grace */
#define CLAUDE_FORM_LIMITS     0x20u


/* credentials that are taken: bits of 1 << claude_token_form_e */

#define CLAUDE_FORM_OAUTH      (1u << CLAUDE_TOKEN_OAUTH)
#define CLAUDE_FORM_API_KEY    (1u << CLAUDE_TOKEN_API_KEY)


typedef struct {
    unsigned               takes;       /* fields that may be there */
    unsigned               needs;       /* fields that must be */
    unsigned               credentials;
    int64_t                now;         /* expiresAt lies behind it */
} claude_form_rules_t;


typedef struct {
    unsigned               given;       /* fields that were there */
    uint32_t               limits_given;    /* which of the limits */
    claude_limits_t        limits;
    unsigned               enabled:1;
    int64_t                expires;     /* 0: never */
    uint32_t               grace;
    uint16_t               name_len;
    uint16_t               token_len;
    unsigned char          name[CLAUDE_NAME_MAX];
    unsigned char          token[CLAUDE_TOKEN_MAX];
} claude_form_t;


/*
 * Reads a body, an empty one as {}.  CLAUDE_INVALID with fault filled: nothing
 * else of the form counts then; CLAUDE_NO_MEMORY.  Whatever is returned, form
 * may hold a token, which the caller zeroes.
 *
 * A credential that is written with escapes is refused: they would have left
 * it in the reader's memory.  An unknown field is named in the fault unless
 * its name might be a secret.
 */

claude_rc_t claude_form_read(const claude_str_t *body,
    const claude_form_rules_t *rules, claude_form_t *form,
    claude_fault_t *fault);

/* puts what was given of name, enabled, expires and limits into the record */

void claude_form_apply(const claude_form_t *form, claude_record_t *record);


#endif /* CLAUDE_FORM_H */
