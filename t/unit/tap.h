
/*
 * TAP (https://testanything.org/) for unit programs in C: include it in the
 * one source file of a program, and end main() with return done_testing().
 *
 *   ok(cond, "name")                     a condition
 *   is(got, expected, "name")            integers
 *   is_str(got, expected, "name")        terminated strings; NULL may be one
 *   is_mem(got, len, expected, len, "name")  bytes
 *   note("…"), bail("…")                 a comment; give up at once
 *
 * What failed is explained on stderr, which prove lets through.  Names are
 * printf formats with their arguments.  Each check returns whether it held.
 * A child made by fork() must leave by _exit() and check nothing.
 */


#ifndef CLAUDE_TAP_H
#define CLAUDE_TAP_H


#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define ok(cond, ...)                                                         \
    tap_ok((cond) ? 1 : 0, __FILE__, __LINE__, __VA_ARGS__)

#define is(got, expected, ...)                                                \
    tap_is((long long) (got), (long long) (expected), __FILE__, __LINE__,     \
           __VA_ARGS__)

#define is_str(got, expected, ...)                                            \
    tap_is_str(got, expected, __FILE__, __LINE__, __VA_ARGS__)

#define is_mem(got, got_len, expected, expected_len, ...)                     \
    tap_is_mem(got, got_len, expected, expected_len, __FILE__, __LINE__,      \
               __VA_ARGS__)

#define note(...)  tap_note(__VA_ARGS__)
#define bail(...)  tap_bail(__VA_ARGS__)

#define TAP_UNUSED     __attribute__((unused))
#define TAP_FORMAT(f)  __attribute__((unused, format(printf, f, f + 1)))


static unsigned  tap_count;
static unsigned  tap_failed;


/* one line whatever the name holds, and no directive by accident */

static TAP_UNUSED void
tap_line(const char *prefix, const char *fmt, va_list args)
{
    char   *p;
    char    buf[512];

    vsnprintf(buf, sizeof(buf), fmt, args);

    for (p = buf; *p; p++) {
        if (*p == '\n' || *p == '\r' || *p == '#') {
            *p = ' ';
        }
    }

    printf("%s%s\n", prefix, buf);
    fflush(stdout);
}


static TAP_UNUSED int
tap_result(int passed, const char *file, int line, const char *fmt,
    va_list args)
{
    char  prefix[40];

    tap_count++;

    snprintf(prefix, sizeof(prefix), "%sok %u - ", passed ? "" : "not ",
             tap_count);

    tap_line(prefix, fmt, args);

    if (!passed) {
        tap_failed++;
        fprintf(stderr, "#   failed at %s line %d\n", file, line);
    }

    return passed;
}


static int TAP_FORMAT(4)
tap_ok(int passed, const char *file, int line, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    tap_result(passed, file, line, fmt, args);
    va_end(args);

    return passed;
}


static int TAP_FORMAT(5)
tap_is(long long got, long long expected, const char *file, int line,
    const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    tap_result(got == expected, file, line, fmt, args);
    va_end(args);

    if (got != expected) {
        fprintf(stderr, "#        got: %lld\n#   expected: %lld\n", got,
                expected);
    }

    return got == expected;
}


static TAP_UNUSED void
tap_bytes(const char *what, const void *data, size_t len)
{
    size_t                i;
    const unsigned char  *p = data;

    fprintf(stderr, "# %s: ", what);

    if (data == NULL) {
        fprintf(stderr, "NULL");
    }

    for (i = 0; data && i < len; i++) {
        if (p[i] >= 0x20 && p[i] < 0x7f && p[i] != '\\') {
            fputc(p[i], stderr);

        } else {
            fprintf(stderr, "\\x%02x", p[i]);
        }
    }

    fputc('\n', stderr);
}


static int TAP_FORMAT(7)
tap_is_mem(const void *got, size_t got_len, const void *expected,
    size_t expected_len, const char *file, int line, const char *fmt, ...)
{
    int      passed;
    va_list  args;

    if (got == NULL || expected == NULL) {
        passed = (got == expected);

    } else {
        passed = (got_len == expected_len
                  && memcmp(got, expected, got_len) == 0);
    }

    va_start(args, fmt);
    tap_result(passed, file, line, fmt, args);
    va_end(args);

    if (!passed) {
        tap_bytes("       got", got, got_len);
        tap_bytes("  expected", expected, expected_len);
    }

    return passed;
}


static int TAP_FORMAT(5)
tap_is_str(const char *got, const char *expected, const char *file, int line,
    const char *fmt, ...)
{
    int      passed;
    va_list  args;

    passed = (got && expected) ? strcmp(got, expected) == 0 : got == expected;

    va_start(args, fmt);
    tap_result(passed, file, line, fmt, args);
    va_end(args);

    if (!passed) {
        tap_bytes("       got", got, got ? strlen(got) : 0);
        tap_bytes("  expected", expected, expected ? strlen(expected) : 0);
    }

    return passed;
}


static void TAP_FORMAT(1)
tap_note(const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    tap_line("# ", fmt, args);
    va_end(args);
}


static void TAP_FORMAT(1) __attribute__((noreturn))
tap_bail(const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    tap_line("Bail out!  ", fmt, args);
    va_end(args);

    exit(255);
}


/* prints the plan; what main() returns: 0 when every check held */

static TAP_UNUSED int
done_testing(void)
{
    printf("1..%u\n", tap_count);

    if (tap_failed) {
        fprintf(stderr, "# %u of %u failed\n", tap_failed, tap_count);
    }

    return (tap_count == 0 || tap_failed) ? 1 : 0;
}


#endif /* CLAUDE_TAP_H */
