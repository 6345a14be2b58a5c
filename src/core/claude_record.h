
/*
 * One line of the key log.  Each is a JSON object on a line of its own; the
 * first line is the header, every further one a change.
 *
 *   {"format":"claude-keys","version":1,"storeId":"store_…",
 *    "createdAt":"…","wrappedKeys":"<base64>"}
 *   {"op":"put","id":"key_…","digest":"<hex>","display":"sk-AbCd…wXyZ",
 *    "keyName":"…","oauthToken":"<base64, sealed>",
 *    "tokenDisplay":"sk-ant-oat01-…wXyZ","createdAt":"…","lastUsed":null,
 *    "enabled":true,"expiresAt":null}
 *   {"op":"use","id":"key_…","lastUsed":"…"}
 *   {"op":"delete","id":"key_…"}
 *
 * Times are RFC 3339 in UTC with seconds, inside they are seconds since the
 * epoch, 0 for null.  A put replaces all of a record.  Unknown names in a
 * change of a known op are an error: a log of a newer minor form would lose
 * them at the next compaction.
 */


#ifndef CLAUDE_RECORD_H
#define CLAUDE_RECORD_H


#include "claude_out.h"
#include "claude_seal.h"


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
    unsigned               enabled:1;
} claude_record_t;


typedef struct {
    claude_op_e            op;
    claude_record_t        record;  /* CLAUDE_OP_USE: id and last_used,
                                     * CLAUDE_OP_DELETE: id */
} claude_change_t;


/*
 * Reads the line without its LF.  CLAUDE_INVALID sets *reason to a static
 * text, such as "digest is not 64 hex digits"; a header of a version above
 * CLAUDE_LOG_VERSION is CLAUDE_DECLINED.
 */

claude_rc_t claude_header_read(const claude_str_t *line,
    claude_header_t *header, const char **reason);
claude_rc_t claude_change_read(const claude_str_t *line,
    claude_change_t *change, const char **reason);

/* write a line with its LF */

void claude_header_write(claude_out_t *out, const claude_header_t *header);
void claude_change_write(claude_out_t *out, const claude_change_t *change);

/* CLAUDE_INVALID: empty, over CLAUDE_NAME_CHARS characters, malformed UTF-8,
 * or control characters (C0, DEL, C1, bidirectional controls) in it */

claude_rc_t claude_name_check(const unsigned char *name, size_t len);

/* RFC 3339: "2026-11-24T08:18:47Z" is CLAUDE_TIME_LEN bytes.  Reading takes
 * any offset and drops fractions. */

#define CLAUDE_TIME_LEN  20

void claude_time_write(int64_t time, char buf[CLAUDE_TIME_LEN]);
claude_rc_t claude_time_read(const claude_str_t *text, int64_t *time);

/*
 * A new record of a new key: fills everything, the key to be shown once
 * included.  token is sealed into it.  CLAUDE_INVALID: name or token form.
 */

claude_rc_t claude_record_create(const claude_secrets_t *secrets,
    const claude_str_t *name, const claude_str_t *token, int64_t now,
    claude_record_t *record, unsigned char key[CLAUDE_KEY_LEN]);

/* the same credential under a new key: opens, generates, seals anew */

claude_rc_t claude_record_rotate(const claude_secrets_t *secrets,
    claude_record_t *record, unsigned char key[CLAUDE_KEY_LEN]);


#endif /* CLAUDE_RECORD_H */
