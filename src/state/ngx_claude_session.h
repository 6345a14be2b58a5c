
/*
 * Sessions of people who signed in, in shared memory: they hold in every
 * worker, over a reload and over a worker's death, and end with nginx.
 *
 * Of a session's token only a digest is kept, keyed with a key that lies
 * nowhere but in the zone.  A session belongs to a credential: the digest of a
 * person's name and password hash.  Where the password changes, so does the
 * credential, and the session is nobody's any more.
 *
 * A zone is flat arrays, searched from end to end: some microseconds with the
 * most that it may hold.  Nothing links one place to another; a place counts
 * from the moment that its time of birth is written, which is last.
 *
 * Times are monotonic (ngx_current_msec); wall time is kept for showing only.
 */


#ifndef NGX_CLAUDE_SESSION_H
#define NGX_CLAUDE_SESSION_H


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_CLAUDE_SESSION_TOKEN       43   /* 256 bits in base64url */
#define NGX_CLAUDE_SESSION_ID          24   /* "ses_" and 20 characters */
#define NGX_CLAUDE_SESSION_CREDENTIAL  32
#define NGX_CLAUDE_SESSION_MAX         16384


typedef struct ngx_claude_sessions_shm_s  ngx_claude_sessions_shm_t;

typedef struct {
    ngx_claude_sessions_shm_t  *shm;
    ngx_slab_pool_t            *shpool;
    ngx_msec_t                  timeout;    /* from login, at most a day */
    ngx_msec_t                  idle;       /* 0: no such */
} ngx_claude_sessions_t;


/* what may be shown of a session */

typedef struct {
    u_char                      id[NGX_CLAUDE_SESSION_ID];
    u_char                      credential[NGX_CLAUDE_SESSION_CREDENTIAL];
    u_char                      addr[16];   /* binary */
    ngx_uint_t                  addr_len;   /* 4, 16; 0: none */
    time_t                      created;
    time_t                      seen;       /* when it was last used */
} ngx_claude_session_t;


/* the zone's init handler; zone->data is the ngx_claude_sessions_t */

ngx_int_t ngx_claude_session_init_zone(ngx_shm_zone_t *zone, void *data);

/* the credential of a person, keyed with the zone's key */

void ngx_claude_session_credential(ngx_claude_sessions_t *ss,
    const ngx_str_t *name, const ngx_str_t *hash, u_char *credential);

/*
 * Begins a session of session->credential, addr and addr_len; the rest of it
 * is filled, and the token written.  In a full zone the oldest one makes room.
 */

void ngx_claude_session_create(ngx_claude_sessions_t *ss,
    ngx_claude_session_t *session, u_char token[NGX_CLAUDE_SESSION_TOKEN]);

/* NGX_OK, the session of the token, which is used at this moment;
 * NGX_DECLINED, there is none */

ngx_int_t ngx_claude_session_find(ngx_claude_sessions_t *ss,
    const ngx_str_t *token, ngx_claude_session_t *session);

/* ends a session of the credential; NGX_DECLINED, there is no such */

ngx_int_t ngx_claude_session_end(ngx_claude_sessions_t *ss,
    const u_char *credential, const ngx_str_t *id);

/* the sessions of the credential that live, at most max; how many */

ngx_uint_t ngx_claude_session_list(ngx_claude_sessions_t *ss,
    const u_char *credential, ngx_claude_session_t *sessions, ngx_uint_t max);

/* ends all whose credential keep() doesn't want; how many.  keep() is called
 * under the lock: it compares. */

ngx_uint_t ngx_claude_session_sweep(ngx_claude_sessions_t *ss,
    ngx_uint_t (*keep)(void *data, const u_char *credential), void *data);

/* how many live, and how many there can be */

void ngx_claude_session_count(ngx_claude_sessions_t *ss, ngx_uint_t *live,
    ngx_uint_t *capacity);


#endif /* NGX_CLAUDE_SESSION_H */
