
/*
 * count_instructions PID PORT REQUEST COUNT: sends a request to 127.0.0.1 over
 * one connection COUNT times and prints, for each, how many instructions the
 * process PID executed between reading it and writing the answer: what the
 * request costs, the same on a busy machine as on an idle one, timers left
 * out.  Linux on x86_64 or aarch64.
 *
 * Exit status 2: the process may not be traced here.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <elf.h>
#include <netinet/in.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>


static int connect_to(int port);
static long one_request(pid_t pid, int fd, const char *request);
static void step(pid_t pid);
static long next_call(pid_t pid);
static int answered(int fd);
static void die(const char *what);


int
main(int argc, char **argv)
{
    int    fd, status;
    long   i, count;
    pid_t  pid;

    if (argc != 5) {
        die("usage: count_instructions PID PORT REQUEST COUNT");
    }

    pid = atoi(argv[1]);
    fd = connect_to(atoi(argv[2]));
    count = atol(argv[4]);

    if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) == -1) {
        perror("ptrace");
        return 2;
    }

    if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == -1
        || waitpid(pid, &status, 0) == -1)
    {
        die("interrupt");
    }

    for (i = 0; i < count; i++) {
        printf("%ld\n", one_request(pid, fd, argv[3]));
    }

    (void) ptrace(PTRACE_DETACH, pid, NULL, NULL);

    return 0;
}


static int
connect_to(int port)
{
    int                 fd;
    struct sockaddr_in  sin;

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons(port);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd == -1 || connect(fd, (struct sockaddr *) &sin, sizeof(sin)) == -1) {
        die("connect");
    }

    return fd;
}


static long
one_request(pid_t pid, int fd, const char *request)
{
    long  n, cost;

    if (write(fd, request, strlen(request)) != (ssize_t) strlen(request)) {
        die("write");
    }

    n = 0;
    cost = 0;

    for ( ;; ) {

        switch (next_call(pid)) {

        case SYS_recvfrom:
            n = 0;
            break;

        case SYS_writev:
            cost = n;
            break;

#ifdef SYS_epoll_wait
        case SYS_epoll_wait:
#endif
        case SYS_epoll_pwait:
            if (answered(fd)) {
                return cost;
            }
        }

        step(pid);
        n++;
    }
}


static void
step(pid_t pid)
{
    int  status;

    if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == -1
        || waitpid(pid, &status, 0) == -1 || !WIFSTOPPED(status))
    {
        die("step");
    }
}


/* the system call that the next instruction makes, or -1 */

static long
next_call(pid_t pid)
{
    long                     code;
    struct iovec             iov;
    struct user_regs_struct  regs;

    iov.iov_base = &regs;
    iov.iov_len = sizeof(regs);

    if (ptrace(PTRACE_GETREGSET, pid, (void *) NT_PRSTATUS, &iov) == -1) {
        die("registers");
    }

#if defined(__x86_64__)

    if (regs.rax > 512) {
        return -1;
    }

    code = ptrace(PTRACE_PEEKTEXT, pid, (void *) regs.rip, NULL);

    return (code & 0xffff) == 0x050f ? (long) regs.rax : -1;

#elif defined(__aarch64__)

    if (regs.regs[8] > 512) {
        return -1;
    }

    code = ptrace(PTRACE_PEEKTEXT, pid, (void *) regs.pc, NULL);

    return (code & 0xffffffff) == 0xd4000001 ? (long) regs.regs[8] : -1;

#else
#error "count_instructions knows x86_64 and aarch64"
#endif
}


static int
answered(int fd)
{
    int      any;
    char     buf[65536];
    ssize_t  n;

    any = 0;

    for ( ;; ) {
        n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

        if (n == 0) {
            die("the connection was closed");
        }

        if (n < 0) {
            return any;
        }

        any = 1;
    }
}


static void
die(const char *what)
{
    fprintf(stderr, "count_instructions: %s\n", what);
    exit(1);
}
