
/*
 * One line of the key log.  Each is a JSON object on a line of its own; the
 * first line is the header, every further one a change.
 *
 *   {"format":"claude-keys","version":1,"storeId":"store_…",
 *    "createdAt":"…","generation":0,"wrappedKeys":"<base64>"}
 *   {"op":"put","id":"key_…","digest":"<hex>","display":"sk-AbCd…wXyZ",
 *    "keyName":"…","oauthToken":"<base64, sealed>",
 *    "tokenDisplay":"sk-ant-oat01-…wXyZ","createdAt":"…","lastUsed":null,
 *    "enabled":true,"expiresAt":null}
 *   {"op":"use","id":"key_…","lastUsed":"…"}
 *   {"op":"delete","id":"key_…"}
 *
 * All names of a line are required, in any order; createdAt and a use's
 * lastUsed are not null.  A put may have the limits of claude_limits.h beside,
 * and, together, previousDigest, "<hex>" of the key that this one came instead
 * of, and previousUntil, the time from when on that one is no longer valid;
 * what is not there is not set.  Times are RFC 3339 in UTC with seconds, inside
 * they are seconds since the epoch, 0 for null.  A put replaces all of a
 * record, and one whose digest, or previous one, is either of another live
 * record is damage, which only the whole log shows (claude_live.h).  Unknown
 * names are an error: a log of a newer minor form would lose them at the next
 * compaction.  A use or delete of an id that is not there means nothing: it met
 * a delete on its way.
 */


#ifndef CLAUDE_RECORD_H
#define CLAUDE_RECORD_H


#include "claude_limits.h"
#include "claude_seal.h"
#include "claude_time.h"


#define CLAUDE_LOG_VERSION     1
#define CLAUDE_NAME_CHARS      128
#define CLAUDE_NAME_MAX        512  /* bytes: 128 of four */
#define CLAUDE_STORE_ID_LEN    26   /* "store_" and 20 base62 characters */
#define CLAUDE_LINE_MAX        8192 /* bytes of one line, LF among them */


typedef enum {
    CLAUDE_OP_PUT = 1,
    CLAUDE_OP_USE,
    CLAUDE_OP_DELETE
} claude_op_e;


typedef struct {
    unsigned char          store_id[CLAUDE_STORE_ID_LEN];
    int64_t                created;
    uint64_t               generation;  /* how often it was compacted */
    unsigned char          wrapped[CLAUDE_WRAPPED_LEN];
} claude_header_t;


typedef struct {
    unsigned char          id[CLAUDE_KEY_ID_LEN];
    unsigned char          digest[CLAUDE_DIGEST_LEN];
    unsigned char          head[CLAUDE_HEAD_LEN];   /* display */
    unsigned char          tail[CLAUDE_TAIL_LEN];
    unsigned char          token_tail[CLAUDE_TAIL_LEN];
    claude_token_form_e    token_form;
    uint16_t               sealed_len;
    uint16_t               name_len;
    unsigned char          sealed[CLAUDE_SEALED_MAX];
    unsigned char          name[CLAUDE_NAME_MAX];   /* UTF-8 */
    int64_t                created;
    int64_t                last_used;
    int64_t                expires;
    int64_t                previous_until;  /* 0: there is no previous */
    unsigned char          previous[CLAUDE_DIGEST_LEN];
    claude_limits_t        limits;
    unsigned               enabled:1;
} claude_record_t;


typedef struct {
    claude_op_e            op;
    claude_record_t        record;  /* CLAUDE_OP_USE: id and last_used,
                                     * CLAUDE_OP_DELETE: id */
} claude_change_t;


/*
 * Read a line without its LF.  CLAUDE_INVALID sets *reason to a static text,
 * such as "digest is not 64 hex digits"; a header of a version above
 * CLAUDE_LOG_VERSION is CLAUDE_DECLINED, with a reason too.
 */

claude_rc_t claude_header_read(const claude_str_t *line,
    claude_header_t *header, const char **reason);
claude_rc_t claude_change_read(const claude_str_t *line,
    claude_change_t *change, const char **reason);

/* write a line with its LF */

void claude_header_write(claude_out_t *out, const claude_header_t *header);
void claude_change_write(claude_out_t *out, const claude_change_t *change);

/* what is shown of a key and of its token: "sk-AbCd…wXyZ" in UTF-8, which
 * needs no escaping in JSON */

void claude_record_display(claude_out_t *out, const claude_record_t *record);
void claude_record_token_display(claude_out_t *out,
    const claude_record_t *record);

/* CLAUDE_INVALID: empty or of spaces alone, over CLAUDE_NAME_CHARS characters,
 * malformed UTF-8, or control characters (C0, DEL, C1, bidirectional controls,
 * line and paragraph separator) in it */

claude_rc_t claude_name_check(const unsigned char *name, size_t len);

/* a new store at this time: its id, its secrets, and the header that has them
 * wrapped by the first key of master */

void claude_header_create(claude_header_t *header, claude_secrets_t *secrets,
    const claude_master_t *master, int64_t now);

/* the secrets of a store; as claude_secrets_unwrap() */

claude_rc_t claude_header_open(const claude_header_t *header,
    const claude_master_t *master, claude_secrets_t *secrets,
    unsigned *which);

/*
 * A new record of a new key: fills everything, the key to be shown once
 * included, which the caller zeroes.  token is sealed into it.
 * CLAUDE_INVALID: name or token form.
 */

claude_rc_t claude_record_create(const claude_secrets_t *secrets,
    const claude_str_t *name, const claude_str_t *token, int64_t now,
    claude_record_t *record, unsigned char key[CLAUDE_KEY_LEN]);

/*
 * The same credential under a new key: opens, generates, seals anew.  The old
 * key remains valid until then, or with until 0 is at once none; one that was
 * replaced before it is none from now on.  CLAUDE_DECLINED: the token doesn't
 * open, and the record is as it was.
 */

claude_rc_t claude_record_rotate(const claude_secrets_t *secrets,
    claude_record_t *record, int64_t until,
    unsigned char key[CLAUDE_KEY_LEN]);

/* another credential under the same key; CLAUDE_INVALID: its form */

claude_rc_t claude_record_replace(const claude_secrets_t *secrets,
    claude_record_t *record, const claude_str_t *token);


#endif /* CLAUDE_RECORD_H */
