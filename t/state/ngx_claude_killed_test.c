
/*
 * The keystore in a process that is killed at every store of a change, and in
 * several that are killed at random.
 */


#include "keystore.h"
#include "killed.h"

#include <sys/mman.h>
#include <time.h>


#define ROUNDS  300


/* changes to be interrupted, each with the state that it finds */

static void
crowd(unsigned n)
{
    unsigned  i;

    for (i = 0; i < n; i++) {
        apply_one(put(i, 0, (i % 3) ? 5 : LONG_NAME));
    }
}


static void
do_insert(void)
{
    apply_one(put(100, 0, 5));
}


static void
do_insert_long(void)
{
    apply_one(put(100, 0, LONG_NAME));
}


static void
do_delete(void)
{
    apply_one(of_key(4, CLAUDE_OP_DELETE, 0));
}


static void
do_delete_long(void)
{
    apply_one(of_key(3, CLAUDE_OP_DELETE, 0));
}


static void
do_rotate(void)
{
    apply_one(put(4, 1, 5));
}


static void
do_grace(void)
{
    apply_one(rotated(4, 1, 0, 5000));
}


static void
do_second_grace(void)
{
    apply_one(rotated(4, 2, 1, 5000));
}


static void
do_insert_longest(void)
{
    apply_one(limited(100, CLAUDE_NAME_MAX, 3));
}


static void
do_delete_longest(void)
{
    apply_one(of_key(100, CLAUDE_OP_DELETE, 0));
}


static void
do_limit(void)
{
    apply_one(limited(4, CLAUDE_NAME_MAX, 3));
}


static void
do_unlimit(void)
{
    apply_one(put(4, 0, 5));
}


static void
do_limit_less(void)
{
    apply_one(limited(4, 5, 2));
}


static void
do_shorten(void)
{
    apply_one(put(3, 0, 5));
}


static void
do_lengthen(void)
{
    apply_one(put(4, 0, LONG_NAME));
}


static void
do_rename(void)
{
    apply_one(put(3, 1, LONG_NAME - 1));
}


static void
do_use(void)
{
    apply_one(of_key(4, CLAUDE_OP_USE, 77));
}


static void
do_find(void)
{
    (void) find(4, 0, 77, NULL);
}


static void
do_disable(void)
{
    claude_change_t  change;

    change = put(4, 0, 5);
    change.record.enabled = 0;
    apply_one(change);
}


static void
do_take(void)
{
    claude_change_t  uses[4];

    (void) ngx_claude_keystore_take_used(&ks, uses, 4);
}


static void
do_move_digest(void)
{
    claude_change_t  change;

    change = put(4, 0, 5);
    memcpy(change.record.id, put(5, 0, 5).record.id, CLAUDE_KEY_ID_LEN);
    apply_one(change);
}


static void
do_reread(void)
{
    claude_log_pos_t  old, fresh;

    ngx_claude_keystore_position(&ks, &old);

    fresh = old;
    fresh.generation++;
    fresh.offset = 0;

    ngx_claude_keystore_reread_begin(&ks, &old, &fresh);
}


static void
before_sweep(void)
{
    do_reread();

    apply_one(put(1, 0, 5));
    apply_one(put(3, 0, LONG_NAME));
}


static void
do_sweep(void)
{
    claude_log_pos_t  pos;

    ngx_claude_keystore_position(&ks, &pos);
    ngx_claude_keystore_reread_end(&ks, &pos);
}


typedef struct {
    const char  *name;
    void       (*change)(void);
    void       (*before)(void);
    unsigned     revokes;
    unsigned     gradual;       /* may stop between before and after */
} killed_t;


static const killed_t  killed[] = {
    { "an insertion", do_insert, NULL, 0, 0 },
    { "an insertion with a long name", do_insert_long, NULL, 0, 0 },
    { "a deletion", do_delete, NULL, 1, 0 },
    { "a deletion with a long name", do_delete_long, NULL, 1, 0 },
    { "an insertion into a freed record", do_insert, do_delete, 0, 0 },
    { "one into two freed records", do_insert_long, do_delete_long, 0, 0 },
    { "an insertion of the longest", do_insert_longest, NULL, 0, 0 },
    { "a deletion of the longest", do_delete_longest, do_insert_longest, 1, 0 },
    { "an insertion into three freed records", do_insert_longest,
      do_delete_long, 0, 0 },
    { "limits", do_limit, NULL, 0, 0 },
    { "limits taken away", do_unlimit, do_limit, 0, 0 },
    { "less of them", do_limit_less, do_limit, 0, 0 },
    { "a rotation", do_rotate, NULL, 1, 0 },
    { "a rotation with a grace", do_grace, NULL, 1, 0 },
    { "another within it", do_second_grace, do_grace, 1, 0 },
    { "a grace taken back", do_rotate, do_grace, 1, 0 },
    { "a disabling", do_disable, NULL, 1, 0 },
    { "a name made shorter", do_shorten, NULL, 0, 0 },
    { "a name made longer", do_lengthen, NULL, 0, 0 },
    { "a long name replaced", do_rename, NULL, 0, 0 },
    { "a refused digest", do_move_digest, NULL, 1, 0 },
    { "a use", do_use, NULL, 0, 0 },
    { "a look-up", do_find, NULL, 0, 0 },
    { "uses taken", do_take, do_find, 0, 0 },
    { "a reread begun", do_reread, NULL, 0, 0 },
    { "a sweep after a reread", do_sweep, before_sweep, 1, 1 }
};


static const killed_t     *kill_now;
static uint64_t            kill_before, kill_after;
static claude_log_pos_t    kill_from, kill_to;
static ngx_atomic_uint_t   kill_generation;


static const char *
check_killed(void)
{
    uint64_t           is;
    const char        *what;
    claude_log_pos_t   pos;

    what = broken();
    if (what) {
        return what;
    }

    is = contents();

    if (is != kill_before && is != kill_after && !kill_now->gradual) {
        return "neither as before nor as after";
    }

    if (is != kill_before && kill_now->revokes
        && ngx_claude_keystore_generation(&ks) == kill_generation)
    {
        return "a revocation that nobody hears of";
    }

    ngx_claude_keystore_position(&ks, &pos);

    if (memcmp(&pos, &kill_from, sizeof(pos)) != 0) {
        if (memcmp(&pos, &kill_to, sizeof(pos)) != 0) {
            return "stands where nothing is";
        }

        if (is != kill_after) {
            return "stands behind a change that is not made";
        }
    }

    kill_now->change();

    what = broken();
    if (what) {
        return what;
    }

    return (contents() == kill_after) ? NULL
                                      : "made again, it comes out otherwise";
}


static void
test_killed(const killed_t *it)
{
    u_char      *copy;
    unsigned     stores;
    const char  *first;

    open_zone(SMALL);
    crowd(20);

    if (it->before) {
        it->before();
    }

    kill_now = it;
    kill_before = contents();
    kill_generation = ngx_claude_keystore_generation(&ks);
    ngx_claude_keystore_position(&ks, &kill_from);

    copy = malloc(zone.shm.size);
    memcpy(copy, zone.shm.addr, zone.shm.size);

    it->change();

    kill_after = contents();
    ngx_claude_keystore_position(&ks, &kill_to);
    memcpy(zone.shm.addr, copy, zone.shm.size);

    stores = killed_anywhere(&zone, it->change, check_killed, &first);

    is_str(first, NULL, "killed at any of %u stores of %s", stores, it->name);
    ok(stores > 1 && contents() == kill_after, "which is made in the end");

    free(copy);
    shim_zone_free(&zone);
}


/* several at work, which are killed */

#define KILL_KEYS      200
#define KILL_VERSIONS  3
#define KILL_PROCESSES 3

static unsigned  *wrongs;


static void
work(unsigned seed)
{
    unsigned           n, v;
    ngx_claude_key_t   key;
    claude_change_t    uses[16];

    for ( ;; ) {
        seed = seed * 1103515245 + 12345;
        n = (seed >> 8) % KILL_KEYS;
        v = (seed >> 16) % KILL_VERSIONS;

        switch ((seed >> 24) % 8) {

        case 0:
            apply_one(put(n, v, (seed >> 28) ? 5 : LONG_NAME));
            break;

        case 1:
            if (seed >> 30) {
                apply_one(rotated(n, v, v + KILL_VERSIONS, 1));

            } else {
                apply_one(limited(n, CLAUDE_NAME_MAX, (seed >> 28) % 4));
            }

            break;

        case 2:
            apply_one(of_key(n, CLAUDE_OP_DELETE, 0));
            break;

        case 3:
            (void) ngx_claude_keystore_take_used(&ks, uses, 16);
            break;

        default:
            if (find(n, v, seed >> 8, &key) == NGX_CLAUDE_KEY_OK
                && (memcmp(key.id, put(n, v, 1).record.id, CLAUDE_KEY_ID_LEN)
                    != 0
                    || key.sealed_len != 100 + v
                    || key.sealed[0] != 'a' + v
                    || key.sealed[key.sealed_len - 1] != 'a' + v
                    || key.name[key.name_len - 1] != 'a' + (n + v) % 26))
            {
                (*wrongs)++;
            }
        }
    }
}


static void
test_random(void)
{
    pid_t            pids[KILL_PROCESSES];
    unsigned         i, round, unsound;
    struct timespec  pause;

    open_zone(64 * 4096);

    wrongs = mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS,
                  -1, 0);
    unsound = 0;
    pause.tv_sec = 0;

    for (round = 0; round < ROUNDS; round++) {

        for (i = 0; i < KILL_PROCESSES; i++) {
            pids[i] = fork();

            if (pids[i] == 0) {
                work(round * KILL_PROCESSES + i);
            }
        }

        pause.tv_nsec = 500000 + (round * 7919) % 1000 * 2000;
        (void) nanosleep(&pause, NULL);

        for (i = 0; i < KILL_PROCESSES; i++) {
            kill(pids[i], SIGKILL);
            waitpid(pids[i], NULL, 0);
            shim_unlock(&zone, pids[i]);
        }

        unsound += (broken() != NULL);
    }

    is(unsound, 0, "killed at random %u times, the zone is sound", ROUNDS);
    is(*wrongs, 0, "and nobody has seen a key in halves");

    munmap(wrongs, 4096);
    shim_zone_free(&zone);
}


int
main(void)
{
    unsigned  i;

    if (sodium_init() == -1) {
        bail("libsodium");
    }

    for (i = 0; i < sizeof(killed) / sizeof(killed[0]); i++) {
        test_killed(&killed[i]);
    }

    test_random();

    return done_testing();
}
