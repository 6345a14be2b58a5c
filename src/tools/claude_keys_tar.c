
#include "claude_keys_tar.h"

#include <stdio.h>
#include <string.h>


/* what lies where in a block */

#define CLAUDE_TAR_NAME      0
#define CLAUDE_TAR_MODE      100
#define CLAUDE_TAR_UID       108
#define CLAUDE_TAR_GID       116
#define CLAUDE_TAR_SIZE      124
#define CLAUDE_TAR_TIME      136
#define CLAUDE_TAR_SUM       148
#define CLAUDE_TAR_TYPE      156
#define CLAUDE_TAR_MAGIC     257
#define CLAUDE_TAR_PREFIX    345

#define CLAUDE_TAR_FIELD     8
#define CLAUDE_TAR_LONG      12


static unsigned claude_tar_sum(const unsigned char block[CLAUDE_TAR_BLOCK]);
static void claude_tar_put(unsigned char *field, size_t len, uint64_t value);
static claude_rc_t claude_tar_get(const unsigned char *field, size_t len,
    uint64_t *value);


uint64_t
claude_tar_padded(uint64_t size)
{
    return (size + CLAUDE_TAR_BLOCK - 1) / CLAUDE_TAR_BLOCK * CLAUDE_TAR_BLOCK;
}


void
claude_tar_write(unsigned char block[CLAUDE_TAR_BLOCK],
    const claude_tar_entry_t *entry, int64_t time)
{
    memset(block, 0, CLAUDE_TAR_BLOCK);
    memcpy(block + CLAUDE_TAR_NAME, entry->name, strlen(entry->name));

    claude_tar_put(block + CLAUDE_TAR_MODE, CLAUDE_TAR_FIELD, 0600);
    claude_tar_put(block + CLAUDE_TAR_UID, CLAUDE_TAR_FIELD, 0);
    claude_tar_put(block + CLAUDE_TAR_GID, CLAUDE_TAR_FIELD, 0);
    claude_tar_put(block + CLAUDE_TAR_SIZE, CLAUDE_TAR_LONG, entry->size);
    claude_tar_put(block + CLAUDE_TAR_TIME, CLAUDE_TAR_LONG, time);

    block[CLAUDE_TAR_TYPE] = '0';
    memcpy(block + CLAUDE_TAR_MAGIC, "ustar\00000", 8);

    /* six digits, NUL, space, as tar itself writes it */

    claude_tar_put(block + CLAUDE_TAR_SUM, CLAUDE_TAR_FIELD - 1,
                   claude_tar_sum(block));
    block[CLAUDE_TAR_SUM + CLAUDE_TAR_FIELD - 1] = ' ';
}


claude_rc_t
claude_tar_read(const unsigned char block[CLAUDE_TAR_BLOCK],
    claude_tar_entry_t *entry)
{
    size_t    i;
    uint64_t  sum;

    for (i = 0; i < CLAUDE_TAR_BLOCK && block[i] == 0; i++) { /* void */ }

    if (i == CLAUDE_TAR_BLOCK) {
        return CLAUDE_DONE;
    }

    if (claude_tar_get(block + CLAUDE_TAR_SUM, CLAUDE_TAR_FIELD - 1, &sum)
        != CLAUDE_OK
        || sum != claude_tar_sum(block)
        || claude_tar_get(block + CLAUDE_TAR_SIZE, CLAUDE_TAR_LONG,
                          &entry->size)
           != CLAUDE_OK
        || memcmp(block + CLAUDE_TAR_MAGIC, "ustar\00000", 8) != 0
        || block[CLAUDE_TAR_TYPE] != '0' || block[CLAUDE_TAR_PREFIX] != 0
        || block[CLAUDE_TAR_NAME] == 0
        || block[CLAUDE_TAR_NAME + CLAUDE_TAR_NAME_MAX] != 0)
    {
        return CLAUDE_INVALID;
    }

    memcpy(entry->name, block + CLAUDE_TAR_NAME, sizeof(entry->name));

    return CLAUDE_OK;
}


/* with its own field taken for spaces */

static unsigned
claude_tar_sum(const unsigned char block[CLAUDE_TAR_BLOCK])
{
    size_t    i;
    unsigned  sum;

    sum = 0;

    for (i = 0; i < CLAUDE_TAR_BLOCK; i++) {
        sum += (i - CLAUDE_TAR_SUM < CLAUDE_TAR_FIELD) ? ' ' : block[i];
    }

    return sum;
}


/* octal digits and a NUL */

static void
claude_tar_put(unsigned char *field, size_t len, uint64_t value)
{
    field[--len] = '\0';

    while (len) {
        field[--len] = '0' + (value & 7);
        value >>= 3;
    }
}


static claude_rc_t
claude_tar_get(const unsigned char *field, size_t len, uint64_t *value)
{
    size_t  i;

    *value = 0;

    for (i = 0; i + 1 < len; i++) {
        if (field[i] < '0' || field[i] > '7') {
            return CLAUDE_INVALID;
        }

        *value = *value << 3 | (uint64_t) (field[i] - '0');
    }

    return (field[i] == 0) ? CLAUDE_OK : CLAUDE_INVALID;
}
