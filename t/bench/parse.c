
/*
 * parse FILE COUNT: has yajl parse a file that is in memory, bare, and copies
 * it, COUNT times, into memory that it has had before; prints the CPU time of
 * one in microseconds, the wall time, and the CPU times of parsing alone and
 * of the copy alone.
 *
 * parse FILE COUNT lines: the same line by line, and the file is read anew
 * each time.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <yajl/yajl_parse.h>


static int on_null(void *ctx) { (void) ctx; return 1; }
static int on_boolean(void *ctx, int v) { (void) ctx; (void) v; return 1; }
static int on_container(void *ctx) { (void) ctx; return 1; }


static int
on_text(void *ctx, const unsigned char *text, size_t len)
{
    (void) ctx, (void) text, (void) len;
    return 1;
}


static int
on_number(void *ctx, const char *text, size_t len)
{
    return on_text(ctx, (const unsigned char *) text, len);
}


static const yajl_callbacks  callbacks = {
    on_null, on_boolean, NULL, NULL, on_number, on_text,
    on_container, on_text, on_container, on_container, on_container
};


static void
parse(const unsigned char *data, size_t len)
{
    yajl_handle  yajl;

    yajl = yajl_alloc(&callbacks, NULL, NULL);

    if (yajl_parse(yajl, data, len) != yajl_status_ok
        || yajl_complete_parse(yajl) != yajl_status_ok)
    {
        fprintf(stderr, "parse: not JSON\n");
        exit(1);
    }

    yajl_free(yajl);
}


static double
us(clockid_t clock)
{
    struct timespec  t;

    clock_gettime(clock, &t);

    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}


static size_t
load(const char *name, unsigned char *data, size_t size)
{
    FILE    *file;
    size_t   len;

    file = fopen(name, "rb");

    if (file == NULL) {
        perror(name);
        exit(1);
    }

    len = fread(data, 1, size, file);
    fclose(file);

    return len;
}


int
main(int argc, char **argv)
{
    long            i, count;
    size_t          len, size;
    double          cpu, wall, start, copying;
    unsigned char  *data, *copy, *p, *eol;

    if (argc < 3) {
        fprintf(stderr, "usage: parse FILE COUNT [lines]\n");
        return 2;
    }

    count = atol(argv[2]);
    size = 1 << 28;
    data = malloc(size);
    copy = malloc(size);
    copying = 0;

    len = 0;

    if (argc == 3) {
        len = load(argv[1], data, size);
        parse(data, len);
        memcpy(copy, data, len);
    }

    cpu = us(CLOCK_PROCESS_CPUTIME_ID);
    wall = us(CLOCK_MONOTONIC);

    for (i = 0; i < count; i++) {

        if (argc == 3) {
            parse(data, len);

        } else {
            len = load(argv[1], data, size);
        }

        for (p = data; argc > 3 && p < data + len; p = eol + 1) {
            eol = memchr(p, '\n', data + len - p);

            if (eol == NULL) {
                break;
            }

            parse(p, eol - p);
        }

        start = us(CLOCK_PROCESS_CPUTIME_ID);
        memcpy(copy, data, len);
        copying += us(CLOCK_PROCESS_CPUTIME_ID) - start;
    }

    cpu = us(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    wall = us(CLOCK_MONOTONIC) - wall;

    printf("%.1f %.1f %.1f %.1f\n", cpu / count, wall / count,
           (cpu - copying) / count, copying / count);

    return 0;
}
