
/*
 * For LD_PRELOAD: the longest turn of an event loop, from where epoll_wait()
 * returns to where it is called again, in ns: by the thread's CPU time; by the
 * clock, among those turns that the kernel didn't interrupt to let others have
 * the core; and by the clock, of all.  Three numbers of 64 bits in the file
 * that CLAUDE_TURNS names, which whoever reads it sets back.  For an nginx of
 * one worker.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>


enum { CPU, ALONE, CLOCK, KINDS };

static volatile uint64_t  *longest;
static int (*real)(int fd, struct epoll_event *events, int max, int timeout);


__attribute__((constructor)) static void
begin(void)
{
    int    fd;
    char  *path;
    void  *p;

    *(void **) &real = dlsym(RTLD_NEXT, "epoll_wait");
    path = getenv("CLAUDE_TURNS");

    if (path == NULL) {
        return;
    }

    fd = open(path, O_RDWR);

    if (fd == -1) {
        return;
    }

    p = mmap(NULL, KINDS * sizeof(uint64_t), PROT_READ|PROT_WRITE, MAP_SHARED,
             fd, 0);
    close(fd);

    if (p != MAP_FAILED) {
        longest = p;
    }
}


static uint64_t
ns(clockid_t clock)
{
    struct timespec  t;

    clock_gettime(clock, &t);

    return (uint64_t) t.tv_sec * 1000000000 + (uint64_t) t.tv_nsec;
}


static void
keep(unsigned kind, uint64_t value)
{
    if (value > longest[kind]) {
        longest[kind] = value;
    }
}


static long
interrupted(void)
{
    struct rusage  usage;

    getrusage(RUSAGE_THREAD, &usage);

    return usage.ru_nivcsw;
}


int
epoll_wait(int fd, struct epoll_event *events, int max, int timeout)
{
    int       n;
    uint64_t  cpu, clock;

    static long      others;
    static uint64_t  cpu_start, clock_start;

    if (longest && clock_start) {
        clock = ns(CLOCK_MONOTONIC) - clock_start;
        cpu = ns(CLOCK_THREAD_CPUTIME_ID) - cpu_start;

        keep(CPU, cpu);
        keep(CLOCK, clock);

        if (interrupted() == others) {
            keep(ALONE, clock);
        }
    }

    n = real(fd, events, max, timeout);

    if (longest) {
        others = interrupted();
        cpu_start = ns(CLOCK_THREAD_CPUTIME_ID);
        clock_start = ns(CLOCK_MONOTONIC);
    }

    return n;
}
