
#include "ngx_claude_session.h"

#include "../core/claude_key.h"

#include <sodium.h>


#define NGX_CLAUDE_SESSION_LAYOUT  0x636c3001
#define NGX_CLAUDE_SESSION_SECRET  32
#define NGX_CLAUDE_SESSION_DIGEST  32

/* places that one hold of the lock looks at, where all are copied */

#define NGX_CLAUDE_SESSION_SLICE   128


typedef struct {
    u_char                  digest[NGX_CLAUDE_SESSION_DIGEST];
    ngx_msec_t              seen;
    ngx_claude_session_t    session;
} ngx_claude_session_node_t;


struct ngx_claude_sessions_shm_s {
    uint32_t                layout;
    uint32_t                capacity;
    volatile ngx_msec_t    *born;       /* of a place; 0: it is free */
    uint32_t               *tags;       /* the first bytes of its digest */
    ngx_claude_session_node_t  *nodes;
    u_char                  key[crypto_generichash_KEYBYTES];
};


static ngx_int_t ngx_claude_session_create_zone(ngx_shm_zone_t *zone,
    ngx_claude_sessions_t *ss);
static void ngx_claude_session_digest(ngx_claude_sessions_t *ss,
    const u_char *secret, u_char *digest);
static ngx_uint_t ngx_claude_session_lives(ngx_claude_sessions_t *ss,
    uint32_t i, ngx_msec_t now);
static uint32_t ngx_claude_session_claim(ngx_claude_sessions_t *ss,
    ngx_msec_t now);
static void ngx_claude_session_free(ngx_claude_sessions_shm_t *shm,
    uint32_t i);
static ngx_msec_t ngx_claude_session_now(void);


ngx_int_t
ngx_claude_session_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_claude_sessions_t  *ss;

    ss = zone->data;
    ss->shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (data == NULL && !zone->shm.exists) {
        return ngx_claude_session_create_zone(zone, ss);
    }

    ss->shm = ss->shpool->data;

    if (ss->shm == NULL || ss->shm->layout != NGX_CLAUDE_SESSION_LAYOUT) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "claude_session_zone \"%V\" was laid out for something "
                      "else: give it another name, or restart nginx",
                      &zone->shm.name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_claude_session_create_zone(ngx_shm_zone_t *zone,
    ngx_claude_sessions_t *ss)
{
    u_char                     *p;
    size_t                      one, room;
    ngx_claude_sessions_shm_t  *shm;

    shm = ngx_slab_calloc(ss->shpool, sizeof(ngx_claude_sessions_shm_t));
    if (shm == NULL) {
        goto small;
    }

    one = sizeof(ngx_claude_session_node_t) + sizeof(ngx_msec_t)
          + sizeof(uint32_t);
    room = ss->shpool->pfree * ngx_pagesize;

    shm->capacity = ngx_min(room / one, NGX_CLAUDE_SESSION_MAX);

    if (shm->capacity == 0) {
        goto small;
    }

    p = ngx_slab_calloc(ss->shpool, shm->capacity * one);
    if (p == NULL) {
        goto small;
    }

    shm->nodes = (ngx_claude_session_node_t *) p;
    shm->born = (ngx_msec_t *) (shm->nodes + shm->capacity);
    shm->tags = (uint32_t *) (shm->born + shm->capacity);

    randombytes_buf(shm->key, sizeof(shm->key));

    shm->layout = NGX_CLAUDE_SESSION_LAYOUT;
    ss->shpool->data = shm;
    ss->shm = shm;

    return NGX_OK;

small:

    ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                  "claude_session_zone \"%V\" is too small for one session",
                  &zone->shm.name);

    return NGX_ERROR;
}


/* a name has no NUL, so no two pairs look alike */

void
ngx_claude_session_credential(ngx_claude_sessions_t *ss,
    const ngx_str_t *name, const ngx_str_t *hash, u_char *credential)
{
    crypto_generichash_state  state;

    static const u_char  kind[] = "person";

    (void) crypto_generichash_init(&state, ss->shm->key, sizeof(ss->shm->key),
                                   NGX_CLAUDE_SESSION_CREDENTIAL);
    (void) crypto_generichash_update(&state, kind, sizeof(kind));
    (void) crypto_generichash_update(&state, name->data, name->len);
    (void) crypto_generichash_update(&state, (u_char *) "", 1);
    (void) crypto_generichash_update(&state, hash->data, hash->len);
    (void) crypto_generichash_final(&state, credential,
                                    NGX_CLAUDE_SESSION_CREDENTIAL);
}


static void
ngx_claude_session_digest(ngx_claude_sessions_t *ss, const u_char *secret,
    u_char *digest)
{
    (void) crypto_generichash(digest, NGX_CLAUDE_SESSION_DIGEST, secret,
                              NGX_CLAUDE_SESSION_SECRET, ss->shm->key,
                              sizeof(ss->shm->key));
}


void
ngx_claude_session_create(ngx_claude_sessions_t *ss,
    ngx_claude_session_t *session, u_char token[NGX_CLAUDE_SESSION_TOKEN])
{
    char                        text[NGX_CLAUDE_SESSION_TOKEN + 1];
    u_char                      secret[NGX_CLAUDE_SESSION_SECRET];
    u_char                      digest[NGX_CLAUDE_SESSION_DIGEST];
    uint32_t                    i;
    ngx_msec_t                  now;
    ngx_claude_sessions_shm_t  *shm;

    shm = ss->shm;

    randombytes_buf(secret, sizeof(secret));

    (void) sodium_bin2base64(text, sizeof(text), secret, sizeof(secret),
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    ngx_memcpy(token, text, NGX_CLAUDE_SESSION_TOKEN);

    ngx_claude_session_digest(ss, secret, digest);

    sodium_memzero(text, sizeof(text));
    sodium_memzero(secret, sizeof(secret));

    ngx_memcpy(session->id, "ses_", 4);
    claude_base62_random(session->id + 4, NGX_CLAUDE_SESSION_ID - 4);

    session->created = ngx_time();
    session->seen = session->created;

    now = ngx_claude_session_now();

    ngx_shmtx_lock(&ss->shpool->mutex);

    i = ngx_claude_session_claim(ss, now);

    ngx_memcpy(&shm->tags[i], digest, sizeof(uint32_t));
    ngx_memcpy(shm->nodes[i].digest, digest, sizeof(digest));
    shm->nodes[i].session = *session;
    shm->nodes[i].seen = now;

    ngx_memory_barrier();

    shm->born[i] = now;

    ngx_shmtx_unlock(&ss->shpool->mutex);
}


ngx_int_t
ngx_claude_session_find(ngx_claude_sessions_t *ss, const ngx_str_t *token,
    ngx_claude_session_t *session)
{
    size_t                      len;
    u_char                      secret[NGX_CLAUDE_SESSION_SECRET];
    u_char                      digest[NGX_CLAUDE_SESSION_DIGEST];
    uint32_t                    i, tag;
    ngx_int_t                   rc;
    ngx_msec_t                  now;
    ngx_claude_sessions_shm_t  *shm;

    shm = ss->shm;

    if (token->len != NGX_CLAUDE_SESSION_TOKEN
        || sodium_base642bin(secret, sizeof(secret),
                             (const char *) token->data, token->len, NULL,
                             &len, NULL,
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING)
           != 0
        || len != sizeof(secret))
    {
        return NGX_DECLINED;
    }

    ngx_claude_session_digest(ss, secret, digest);
    sodium_memzero(secret, sizeof(secret));

    ngx_memcpy(&tag, digest, sizeof(uint32_t));

    now = ngx_claude_session_now();
    rc = NGX_DECLINED;

    ngx_shmtx_lock(&ss->shpool->mutex);

    for (i = 0; i < shm->capacity; i++) {

        if (shm->tags[i] != tag
            || !ngx_claude_session_lives(ss, i, now)
            || sodium_memcmp(shm->nodes[i].digest, digest, sizeof(digest))
               != 0)
        {
            continue;
        }

        shm->nodes[i].seen = now;
        shm->nodes[i].session.seen = ngx_time();
        *session = shm->nodes[i].session;

        rc = NGX_OK;
        break;
    }

    ngx_shmtx_unlock(&ss->shpool->mutex);

    return rc;
}


/* a worker's clock may be a little behind that of the one that wrote */

static ngx_uint_t
ngx_claude_session_lives(ngx_claude_sessions_t *ss, uint32_t i,
    ngx_msec_t now)
{
    ngx_msec_t                  born;
    ngx_claude_sessions_shm_t  *shm;

    shm = ss->shm;
    born = shm->born[i];

    return born != 0
           && (ngx_msec_int_t) (now - born) < (ngx_msec_int_t) ss->timeout
           && (ss->idle == 0
               || (ngx_msec_int_t) (now - shm->nodes[i].seen)
                  < (ngx_msec_int_t) ss->idle);
}


/* a free place, or one whose session has expired, or that of the oldest */

static uint32_t
ngx_claude_session_claim(ngx_claude_sessions_t *ss, ngx_msec_t now)
{
    uint32_t                    i, oldest;
    ngx_msec_int_t              age, most;
    ngx_claude_sessions_shm_t  *shm;

    shm = ss->shm;
    oldest = 0;
    most = -1;

    for (i = 0; i < shm->capacity; i++) {

        if (shm->born[i] == 0) {
            return i;
        }

        if (!ngx_claude_session_lives(ss, i, now)) {
            oldest = i;
            break;
        }

        age = now - shm->born[i];

        if (age > most) {
            most = age;
            oldest = i;
        }
    }

    ngx_claude_session_free(shm, oldest);

    return oldest;
}


static void
ngx_claude_session_free(ngx_claude_sessions_shm_t *shm, uint32_t i)
{
    shm->born[i] = 0;

    ngx_memory_barrier();

    shm->tags[i] = 0;
    sodium_memzero(&shm->nodes[i], sizeof(ngx_claude_session_node_t));
}


ngx_int_t
ngx_claude_session_end(ngx_claude_sessions_t *ss, const u_char *credential,
    const ngx_str_t *id)
{
    uint32_t                    i;
    ngx_int_t                   rc;
    ngx_msec_t                  now;
    ngx_claude_session_t       *session;
    ngx_claude_sessions_shm_t  *shm;

    shm = ss->shm;

    if (id->len != NGX_CLAUDE_SESSION_ID) {
        return NGX_DECLINED;
    }

    now = ngx_claude_session_now();
    rc = NGX_DECLINED;

    ngx_shmtx_lock(&ss->shpool->mutex);

    for (i = 0; i < shm->capacity; i++) {
        session = &shm->nodes[i].session;

        if (!ngx_claude_session_lives(ss, i, now)
            || ngx_memcmp(session->id, id->data, NGX_CLAUDE_SESSION_ID) != 0
            || ngx_memcmp(session->credential, credential,
                          NGX_CLAUDE_SESSION_CREDENTIAL)
               != 0)
        {
            continue;
        }

        ngx_claude_session_free(shm, i);

        rc = NGX_OK;
        break;
    }

    ngx_shmtx_unlock(&ss->shpool->mutex);

    return rc;
}


ngx_uint_t
ngx_claude_session_list(ngx_claude_sessions_t *ss, const u_char *credential,
    ngx_claude_session_t *sessions, ngx_uint_t max)
{
    uint32_t                    i, last;
    ngx_msec_t                  now;
    ngx_uint_t                  n;
    ngx_claude_sessions_shm_t  *shm;

    shm = ss->shm;
    now = ngx_claude_session_now();
    n = 0;

    for (i = 0; i < shm->capacity; /* void */ ) {

        last = ngx_min(shm->capacity, i + NGX_CLAUDE_SESSION_SLICE);

        ngx_shmtx_lock(&ss->shpool->mutex);

        for ( /* void */ ; i < last; i++) {

            if (n < max && ngx_claude_session_lives(ss, i, now)
                && ngx_memcmp(shm->nodes[i].session.credential, credential,
                              NGX_CLAUDE_SESSION_CREDENTIAL)
                   == 0)
            {
                sessions[n++] = shm->nodes[i].session;
            }
        }

        ngx_shmtx_unlock(&ss->shpool->mutex);
    }

    return n;
}


ngx_uint_t
ngx_claude_session_sweep(ngx_claude_sessions_t *ss,
    ngx_uint_t (*keep)(void *data, const u_char *credential), void *data)
{
    uint32_t                    i, last;
    ngx_uint_t                  n;
    ngx_claude_sessions_shm_t  *shm;

    shm = ss->shm;
    n = 0;

    for (i = 0; i < shm->capacity; /* void */ ) {

        last = ngx_min(shm->capacity, i + NGX_CLAUDE_SESSION_SLICE);

        ngx_shmtx_lock(&ss->shpool->mutex);

        for ( /* void */ ; i < last; i++) {

            if (shm->born[i] != 0
                && !keep(data, shm->nodes[i].session.credential))
            {
                ngx_claude_session_free(shm, i);
                n++;
            }
        }

        ngx_shmtx_unlock(&ss->shpool->mutex);
    }

    return n;
}


void
ngx_claude_session_count(ngx_claude_sessions_t *ss, ngx_uint_t *live,
    ngx_uint_t *capacity)
{
    uint32_t    i;
    ngx_msec_t  now;

    now = ngx_claude_session_now();
    *live = 0;
    *capacity = ss->shm->capacity;

    ngx_shmtx_lock(&ss->shpool->mutex);

    for (i = 0; i < ss->shm->capacity; i++) {
        *live += ngx_claude_session_lives(ss, i, now);
    }

    ngx_shmtx_unlock(&ss->shpool->mutex);
}


/* 0 stands for a free place */

static ngx_msec_t
ngx_claude_session_now(void)
{
    return ngx_current_msec ? ngx_current_msec : 1;
}
