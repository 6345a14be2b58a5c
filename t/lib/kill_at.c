
/*
 * Preloaded into a program: kills it, as kill -9 would, before its KILL_AT-th
 * call of those that change files; with KILL_TORN in the middle of that call,
 * where it is a write.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>


static unsigned
now(void)
{
    const char       *at;
    static unsigned   n;

    at = getenv("KILL_AT");

    return at && ++n == strtoul(at, NULL, 10);
}


static void
end(void)
{
    (void) kill(getpid(), SIGKILL);
}


#define WRAP(name, type, params, args)                                        \
                                                                              \
type                                                                          \
name params                                                                   \
{                                                                             \
    type (*real) params;                                                      \
                                                                              \
    if (now()) {                                                              \
        end();                                                                \
    }                                                                         \
                                                                              \
    real = (type (*) params) dlsym(RTLD_NEXT, #name);                         \
                                                                              \
    return real args;                                                         \
}


#define WRAP_WRITE(name, params, args, half)                                  \
                                                                              \
ssize_t                                                                       \
name params                                                                   \
{                                                                             \
    ssize_t (*real) params;                                                   \
                                                                              \
    real = (ssize_t (*) params) dlsym(RTLD_NEXT, #name);                      \
                                                                              \
    if (now()) {                                                              \
        if (getenv("KILL_TORN")) {                                            \
            (void) real half;                                                 \
        }                                                                     \
                                                                              \
        end();                                                                \
    }                                                                         \
                                                                              \
    return real args;                                                         \
}


WRAP_WRITE(pwrite, (int fd, const void *p, size_t n, off_t at),
           (fd, p, n, at), (fd, p, n / 2, at))
WRAP_WRITE(pwrite64, (int fd, const void *p, size_t n, off64_t at),
           (fd, p, n, at), (fd, p, n / 2, at))
WRAP_WRITE(write, (int fd, const void *p, size_t n), (fd, p, n),
           (fd, p, n / 2))

WRAP(fsync, int, (int fd), (fd))
WRAP(ftruncate, int, (int fd, off_t n), (fd, n))
WRAP(ftruncate64, int, (int fd, off64_t n), (fd, n))
WRAP(fchown, int, (int fd, uid_t uid, gid_t gid), (fd, uid, gid))
WRAP(fchmod, int, (int fd, mode_t mode), (fd, mode))
WRAP(rename, int, (const char *from, const char *to), (from, to))
WRAP(link, int, (const char *from, const char *to), (from, to))
WRAP(unlink, int, (const char *path), (path))
WRAP(flock, int, (int fd, int how), (fd, how))
WRAP(mkdir, int, (const char *path, mode_t mode), (path, mode))
