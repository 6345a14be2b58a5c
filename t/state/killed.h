
/*
 * Kills a process at every store that it makes to a zone, in effect: a child
 * makes a change one instruction at a time, and whenever that has changed the
 * zone, check() sees the zone as the next holder of its lock would if the child
 * were dead.  Then the zone is put back for the child to go on.
 */


#ifndef KILLED_H
#define KILLED_H


#include "ngx_shim.h"
#include "../unit/tap.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>


/* returns how many stores there were; *first is what check said first, or
 * NULL.  Afterwards the change is made. */

static unsigned
killed_anywhere(ngx_shm_zone_t *zone, void (*change)(void),
    const char *(*check)(void), const char **first)
{
    int          status;
    pid_t        pid;
    u_char      *last;
    unsigned     stores;
    const char  *what;

    last = malloc(zone->shm.size);
    memcpy(last, zone->shm.addr, zone->shm.size);

    pid = fork();

    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        change();
        _exit(0);
    }

    waitpid(pid, &status, 0);

    stores = 0;
    *first = NULL;

    while (WIFSTOPPED(status)) {
        if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == -1) {
            bail("a child can't be traced here");
        }

        waitpid(pid, &status, 0);

        if (memcmp(last, zone->shm.addr, zone->shm.size) == 0) {
            continue;
        }

        stores++;
        memcpy(last, zone->shm.addr, zone->shm.size);

        shim_unlock(zone, pid);
        what = check();
        *first = *first ? *first : what;

        memcpy(zone->shm.addr, last, zone->shm.size);
    }

    free(last);

    return stores;
}


#endif /* KILLED_H */
