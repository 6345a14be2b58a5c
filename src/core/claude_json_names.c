
#include "claude_json_names.h"

#include <stdlib.h>
#include <string.h>


/* an object of no more names is searched name by name, a larger one is sorted
 * when it ends */

#define CLAUDE_JSON_NAMES_FEW  16

/* 2^64 divided by the golden ratio, odd: multiplying by it mixes upwards */

#define CLAUDE_JSON_NAMES_MIX  UINT64_C(0x9e3779b97f4a7c15)


static uint64_t claude_json_names_hash(const claude_str_t *name);
static claude_rc_t claude_json_names_grow(claude_json_names_t *names);
static int claude_json_names_order(const void *one, const void *two);


void
claude_json_names_init(claude_json_names_t *names)
{
    names->elts = names->first;
    names->nelts = 0;
    names->room = CLAUDE_JSON_NAMES_INLINE;
    names->open = 0;
}


void
claude_json_names_free(claude_json_names_t *names)
{
    if (names->elts != names->first) {
        free(names->elts);
    }
}


void
claude_json_names_begin(claude_json_names_t *names)
{
    names->base[names->open++] = names->nelts;
}


claude_rc_t
claude_json_names_add(claude_json_names_t *names, const claude_str_t *name,
    size_t offset)
{
    size_t    i, base;
    uint64_t  hash;

    base = names->base[names->open - 1];

    if (names->nelts - base == CLAUDE_JSON_NAMES) {
        return CLAUDE_TOO_LARGE;
    }

    hash = claude_json_names_hash(name);

    if (names->nelts - base < CLAUDE_JSON_NAMES_FEW) {
        for (i = base; i < names->nelts; i++) {
            if (names->elts[i].hash == hash) {
                return CLAUDE_DECLINED;
            }
        }
    }

    if (names->nelts == names->room
        && claude_json_names_grow(names) != CLAUDE_OK)
    {
        return CLAUDE_NO_MEMORY;
    }

    names->elts[names->nelts].hash = hash;
    names->elts[names->nelts].offset = offset;
    names->nelts++;

    return CLAUDE_OK;
}


claude_rc_t
claude_json_names_end(claude_json_names_t *names, size_t *offset)
{
    size_t               i, n;
    claude_rc_t          rc;
    claude_json_name_t  *elts;

    rc = CLAUDE_OK;

    elts = names->elts + names->base[--names->open];
    n = names->nelts - names->base[names->open];

    names->nelts -= n;

    if (n <= CLAUDE_JSON_NAMES_FEW) {
        return CLAUDE_OK;
    }

    qsort(elts, n, sizeof(claude_json_name_t), claude_json_names_order);

    for (i = 1; i < n; i++) {
        if (elts[i].hash == elts[i - 1].hash
            && (rc == CLAUDE_OK || elts[i].offset < *offset))
        {
            rc = CLAUDE_DECLINED;
            *offset = elts[i].offset;
        }
    }

    return rc;
}


/* each step can be undone, so that names of up to eight bytes never collide */

static uint64_t
claude_json_names_hash(const claude_str_t *name)
{
    size_t                len;
    uint64_t              hash, word;
    const unsigned char  *p;

    p = name->data;
    hash = name->len;

    for (len = name->len; len >= sizeof(word); len -= sizeof(word)) {
        memcpy(&word, p, sizeof(word));
        p += sizeof(word);

        hash = (hash ^ word) * CLAUDE_JSON_NAMES_MIX;
        hash ^= hash >> 32;
    }

    word = 0;

    while (len) {
        word = word << 8 | p[--len];
    }

    hash = (hash ^ word) * CLAUDE_JSON_NAMES_MIX;

    return hash ^ hash >> 32;
}


static claude_rc_t
claude_json_names_grow(claude_json_names_t *names)
{
    size_t               size;
    claude_json_name_t  *elts;

    size = names->room * sizeof(claude_json_name_t);

    if (names->elts == names->first) {
        elts = malloc(2 * size);

        if (elts != NULL) {
            memcpy(elts, names->first, size);
        }

    } else {
        elts = realloc(names->elts, 2 * size);
    }

    if (elts == NULL) {
        return CLAUDE_NO_MEMORY;
    }

    names->elts = elts;
    names->room *= 2;

    return CLAUDE_OK;
}


static int
claude_json_names_order(const void *one, const void *two)
{
    const claude_json_name_t  *a, *b;

    a = one;
    b = two;

    if (a->hash != b->hash) {
        return (a->hash < b->hash) ? -1 : 1;
    }

    return (a->offset < b->offset) ? -1 : 1;
}
