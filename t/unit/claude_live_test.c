
#include "tap.h"

#include "claude_live.h"

#include <sodium.h>


#define STEPS   60000
#define IDS     300
#define MANY    100000


/* the same kept naively: id i has digest number model[i].digest while live */

typedef struct {
    unsigned               live;
    unsigned               rotated;
    uint32_t               digest;
    uint32_t               previous;
    uint64_t               offset;
    int64_t                last_used;
    uint64_t               order;
} model_t;


static model_t        model[IDS];
static claude_live_t  live;


static claude_change_t
change_of(claude_op_e op, uint32_t id, uint32_t digest, int64_t used)
{
    claude_change_t  change;

    memset(&change, 0, sizeof(change));

    change.op = op;
    change.record.last_used = used;
    snprintf((char *) change.record.digest, CLAUDE_DIGEST_LEN, "%08x",
             digest);
    memcpy(change.record.id, "key_", 4);
    snprintf((char *) change.record.name, 32, "%020u", id);
    memcpy(change.record.id + 4, change.record.name, 20);

    return change;
}


static void
set_previous(claude_change_t *change, uint32_t previous)
{
    change->record.previous_until = 5000;
    snprintf((char *) change->record.previous, CLAUDE_DIGEST_LEN, "%08x",
             previous);
}


static int
taken(uint32_t digest, uint32_t by)
{
    uint32_t  i;

    for (i = 0; i < IDS; i++) {
        if (i == by || !model[i].live) {
            continue;
        }

        if (model[i].digest == digest
            || (model[i].rotated && model[i].previous == digest))
        {
            return 1;
        }
    }

    return 0;
}


static int
agrees(void)
{
    size_t                    i, n, cursor;
    uint64_t                  order;
    claude_change_t           change;
    const claude_live_key_t  *key;

    for (i = 0, n = 0; i < IDS; i++) {
        change = change_of(CLAUDE_OP_USE, i, model[i].digest, 0);
        key = claude_live_find(&live, change.record.id);

        if (!model[i].live) {
            if (key) {
                return 0;
            }

            continue;
        }

        n++;

        if (key == NULL || key->offset != model[i].offset
            || key->last_used != model[i].last_used
            || claude_live_by_digest(&live, change.record.digest) != key)
        {
            return 0;
        }
    }

    if (live.n != n) {
        return 0;
    }

    cursor = 0;
    order = 0;

    while ((key = claude_live_next(&live, &cursor)) != NULL) {
        i = strtoul((const char *) memcpy(change.record.name, key->id + 4,
                                          20), NULL, 10);
        n--;

        if (model[i].order < order) {
            return 0;
        }

        order = model[i].order;
    }

    return n == 0;
}


static int
step(uint64_t at)
{
    int              expected, rc;
    model_t         *m;
    uint32_t         id, digest, previous, rotated;
    claude_change_t  change;

    id = randombytes_uniform(IDS);
    digest = randombytes_uniform(2 * IDS);
    m = &model[id];

    switch (randombytes_uniform(4)) {

    case 0:
        change = change_of(CLAUDE_OP_DELETE, id, 0, 0);
        m->live = 0;
        return claude_live_apply(&live, &change, at) == CLAUDE_OK;

    case 1:
        change = change_of(CLAUDE_OP_USE, id, 0, randombytes_uniform(1000));

        if (change.record.last_used > m->last_used) {
            m->last_used = change.record.last_used;
        }

        return claude_live_apply(&live, &change, at) == CLAUDE_OK;
    }

    change = change_of(CLAUDE_OP_PUT, id, digest, randombytes_uniform(1000));
    rotated = randombytes_uniform(2);
    previous = randombytes_uniform(2 * IDS);

    if (rotated) {
        set_previous(&change, previous);
    }

    expected = (taken(digest, id) || (rotated && taken(previous, id)))
               ? CLAUDE_INVALID : CLAUDE_OK;
    rc = claude_live_apply(&live, &change, at);

    if (expected == CLAUDE_OK) {
        m->order = m->live ? m->order : at;
        m->live = 1;
        m->digest = digest;
        m->rotated = rotated;
        m->previous = previous;
        m->offset = at;
        m->last_used = change.record.last_used;
    }

    return rc == expected;
}


static void
test_model(void)
{
    uint64_t  i;
    unsigned  wrong, differing;

    wrong = 0;
    differing = 0;

    for (i = 1; i <= STEPS; i++) {
        wrong += !step(i);

        if (i % 1000 == 0) {
            differing += !agrees();
        }
    }

    is(wrong, 0, "%u random changes end as they should", STEPS);
    is(differing, 0, "and leave what they should");
    ok(live.size <= 4 * IDS, "%zu places for %d keys at most", live.size,
       IDS);
}


static void
test_many(size_t reserved)
{
    size_t           size;
    uint32_t         i;
    unsigned         failed, missing;
    claude_change_t  change;

    failed = 0;
    missing = 0;

    claude_live_reserve(&live, reserved);
    size = live.size;
    ok(size >= reserved, "room for %zu", reserved);

    for (i = 0; i < MANY; i++) {
        change = change_of(CLAUDE_OP_PUT, i, i, 0);
        failed += (claude_live_apply(&live, &change, i + 1) != CLAUDE_OK);
    }

    is(failed, 0, "%u keys", MANY);
    is(live.n, MANY, "are live");
    is(live.size == size, reserved >= MANY, "in the room that there was");

    for (i = 0; i < MANY; i++) {
        change = change_of(CLAUDE_OP_PUT, i, i, 0);
        missing += (claude_live_find(&live, change.record.id)
                    != claude_live_by_digest(&live, change.record.digest));
    }

    is(missing, 0, "each is found by id and by digest");
}


int
main(void)
{
    claude_change_t  change;

    if (sodium_init() == -1) {
        bail("libsodium can't be initialized");
    }

    claude_live_init(&live);

    change = change_of(CLAUDE_OP_DELETE, 1, 1, 0);
    is(claude_live_apply(&live, &change, 1), CLAUDE_OK,
       "a delete of nothing means nothing");
    ok(claude_live_find(&live, change.record.id) == NULL, "nothing is there");
    ok(claude_live_by_digest(&live, change.record.digest) == NULL,
       "by no digest either");

    test_model();
    claude_live_free(&live);

    is(live.n, 0, "empty again");
    test_many(0);
    claude_live_free(&live);
    test_many(MANY / 4);
    claude_live_free(&live);
    test_many(MANY);
    claude_live_free(&live);

    claude_live_reserve(&live, SIZE_MAX);
    is(live.size, 0, "there is no room for as many as that");
    test_many(0);
    claude_live_free(&live);

    return done_testing();
}
