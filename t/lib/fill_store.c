
/*
 * fill_store MASTER LOG COUNT EVERY: appends COUNT keys to a key log that
 * claude-keys has made, and prints every EVERY-th key.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>
#include <sodium/randombytes_internal_random.h>

#include "../../src/core/claude_record.h"


static void read_secrets(const char *master_path, const char *log_path,
    claude_secrets_t *secrets);
static void append(FILE *file, const claude_secrets_t *secrets, long n,
    int show);
static void die(const char *what);


int
main(int argc, char **argv)
{
    long               i, count, every;
    FILE              *file;
    claude_secrets_t   secrets;

    /* no system call for each byte of so many keys */

    if (argc != 5
        || randombytes_set_implementation(&randombytes_internal_implementation)
           != 0
        || sodium_init() < 0)
    {
        die("usage: fill_store MASTER LOG COUNT EVERY");
    }

    count = atol(argv[3]);
    every = atol(argv[4]);

    read_secrets(argv[1], argv[2], &secrets);

    file = fopen(argv[2], "a");
    if (file == NULL) {
        die("fopen");
    }

    for (i = 0; i < count; i++) {
        append(file, &secrets, i, i % every == 0);
    }

    if (fclose(file) != 0) {
        die("fclose");
    }

    return 0;
}


static void
read_secrets(const char *master_path, const char *log_path,
    claude_secrets_t *secrets)
{
    char              line[CLAUDE_LINE_MAX];
    FILE             *file;
    unsigned          n;
    const char       *reason;
    claude_str_t      str, id;
    claude_header_t   header;
    claude_master_t   master;

    if (claude_master_read(master_path, &master, &n) != CLAUDE_MASTER_OK) {
        die("master key");
    }

    file = fopen(log_path, "r");
    if (file == NULL || fgets(line, sizeof(line), file) == NULL) {
        die("log");
    }

    fclose(file);

    str.data = (unsigned char *) line;
    str.len = strcspn(line, "\n");

    if (claude_header_read(&str, &header, &reason) != CLAUDE_OK) {
        die(reason);
    }

    id.data = header.store_id;
    id.len = sizeof(header.store_id);

    if (claude_secrets_unwrap(secrets, &master, &id, header.wrapped, &n)
        != CLAUDE_OK)
    {
        die("header");
    }
}


static void *
no_memory(void *ctx, size_t size)
{
    (void) ctx;
    (void) size;

    return NULL;
}


static void
append(FILE *file, const claude_secrets_t *secrets, long n, int show)
{
    char                    name[32], token[64];
    unsigned char           key[CLAUDE_KEY_LEN], line[CLAUDE_LINE_MAX];
    unsigned char           chunk[CLAUDE_LINE_MAX];
    claude_mem_t            mem = { no_memory, NULL };
    claude_out_t            out;
    claude_str_t            name_str, token_str;
    static claude_change_t  change;

    name_str.data = (unsigned char *) name;
    name_str.len = snprintf(name, sizeof(name), "key %ld", n);
    token_str.data = (unsigned char *) token;
    token_str.len = snprintf(token, sizeof(token),
                             "sk-ant-oat01-canary%025ld", n);

    change.op = CLAUDE_OP_PUT;

    if (claude_record_create(secrets, &name_str, &token_str, time(NULL),
                             &change.record, key)
        != CLAUDE_OK)
    {
        die("claude_record_create");
    }

    claude_out_init_chunk(&out, &mem, sizeof(chunk), chunk, sizeof(chunk));
    claude_change_write(&out, &change);

    if (out.rc != CLAUDE_OK) {
        die("claude_change_write");
    }

    claude_out_copy(&out, line);

    if (fwrite(line, 1, out.size, file) != out.size) {
        die("fwrite");
    }

    if (show) {
        printf("%.*s\n", CLAUDE_KEY_LEN, (char *) key);
    }
}


static void
die(const char *what)
{
    fprintf(stderr, "fill_store: %s\n", what);
    exit(1);
}
