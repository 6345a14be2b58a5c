
/*
 * Which keys of a log are live, by id and by digest, while it is read from its
 * start: what tells a duplicate digest, and where the last put of a key lies.
 *
 * Takes 112 bytes a key and 24 of indices, on the heap, doubled while it grows.
 * A look-up costs the same however many there are, also where ids and digests
 * were chosen by an attacker.
 */


#ifndef CLAUDE_LIVE_H
#define CLAUDE_LIVE_H


#include "claude_record.h"


typedef struct {
    unsigned char          id[CLAUDE_KEY_ID_LEN];
    unsigned char          digest[CLAUDE_DIGEST_LEN];
    unsigned char          previous[CLAUDE_DIGEST_LEN];
    unsigned               rotated;     /* whether there is a previous one */
    uint64_t               offset;      /* of its last put, 0: deleted */
    int64_t                last_used;   /* later uses merged */
} claude_live_key_t;


/* open addressing over one member of the keys: 1 + place in keys, or 0 */

typedef struct {
    uint32_t              *slots;
    size_t                 n;           /* keys that are in it */
    size_t                 member;
    size_t                 len;
} claude_live_index_t;


typedef struct {
    size_t                 n;           /* live keys */
    claude_live_key_t     *keys;        /* in the order of their first puts */
    size_t                 used;
    size_t                 size;
    size_t                 mask;        /* of each index */
    claude_live_index_t    ids;
    claude_live_index_t    digests;
    claude_live_index_t    previous;
    unsigned char          secret[16];
} claude_live_t;


/* libsodium must have been initialized */

void claude_live_init(claude_live_t *live);
void claude_live_free(claude_live_t *live);

/* makes room for n keys before the first one; where there is no memory for them
 * it is made later, or not */

void claude_live_reserve(claude_live_t *live, size_t n);

/*
 * Takes a change in whose put, if it is one, lies at offset.  CLAUDE_INVALID:
 * its digest, or its previous one, is either of another live key;
 * CLAUDE_NO_MEMORY.  live is as before then.
 */

claude_rc_t claude_live_apply(claude_live_t *live,
    const claude_change_t *change, uint64_t offset);

/* NULL: there is none.  Valid until the next change.  By digest: the key's own,
 * not its previous one. */

const claude_live_key_t *claude_live_find(const claude_live_t *live,
    const unsigned char id[CLAUDE_KEY_ID_LEN]);
const claude_live_key_t *claude_live_by_digest(const claude_live_t *live,
    const unsigned char digest[CLAUDE_DIGEST_LEN]);

/* the next one in order, *cursor being 0 at first; NULL: no more */

const claude_live_key_t *claude_live_next(const claude_live_t *live,
    size_t *cursor);


#endif /* CLAUDE_LIVE_H */
