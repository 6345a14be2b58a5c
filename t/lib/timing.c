
/*
 * Whether two kinds of keys are refused in the same time: sends requests with
 * a key of each kind in turns, in random order, over one connection, and
 * prints Welch's t of the times that the answers took.
 *
 *   timing PORT PAIRS < KEYS        lines "a KEY" and "b KEY"
 *
 * Answers that took longer than three quarters of all did are left out: what
 * made them late was something else.
 */


#include <err.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>


#define KEYS_MAX  4096


typedef struct {
    char     *requests[KEYS_MAX];
    unsigned  n;
} kind_t;


static kind_t    kinds[2];
static int       fd;
static uint64_t  state;


static unsigned
draw(unsigned n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;

    return state % n;
}


static void
read_keys(void)
{
    char     line[512], request[1024];
    kind_t  *kind;

    while (fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = '\0';
        kind = &kinds[line[0] == 'b'];

        if (kind->n == KEYS_MAX) {
            errx(1, "too many keys");
        }

        snprintf(request, sizeof(request), "GET /v1/models HTTP/1.1\r\n"
                 "Host: a\r\nAuthorization: Bearer %s\r\n\r\n", line + 2);
        kind->requests[kind->n++] = strdup(request);
    }

    if (kinds[0].n == 0 || kinds[1].n == 0) {
        errx(1, "keys of both kinds are needed");
    }
}


static void
open_connection(int port)
{
    int                 one;
    struct sockaddr_in  addr;

    memset(&addr, 0, sizeof(addr));
    addr.sin_family = AF_INET;
    addr.sin_port = htons(port);
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    one = 1;
    fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd == -1
        || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == -1
        || connect(fd, (struct sockaddr *) &addr, sizeof(addr)) == -1)
    {
        err(1, "connect");
    }
}


/* ns until the answer is whole; it has a length */

static double
ask(const char *request)
{
    char             buf[8192], *body, *length;
    size_t           got;
    ssize_t          n;
    struct timespec  from, to;

    clock_gettime(CLOCK_MONOTONIC, &from);

    if (write(fd, request, strlen(request)) != (ssize_t) strlen(request)) {
        err(1, "write");
    }

    for (got = 0;; ) {
        n = read(fd, buf + got, sizeof(buf) - 1 - got);

        if (n <= 0) {
            errx(1, "the connection has ended");
        }

        got += n;
        buf[got] = '\0';

        body = strstr(buf, "\r\n\r\n");

        if (body == NULL) {
            continue;
        }

        length = strcasestr(buf, "Content-Length: ");

        if (length == NULL || strncmp(buf, "HTTP/1.1 401 ", 13) != 0) {
            errx(1, "another answer: %s", buf);
        }

        if (got - (body + 4 - buf) >= (size_t) atol(length + 16)) {
            break;
        }
    }

    clock_gettime(CLOCK_MONOTONIC, &to);

    return (to.tv_sec - from.tv_sec) * 1e9 + (to.tv_nsec - from.tv_nsec);
}


static int
compare(const void *a, const void *b)
{
    const double *x = a;
    const double *y = b;

    return (*x > *y) - (*x < *y);
}


static void
moments(const double *times, size_t n, double limit, double *mean,
    double *of_mean)
{
    size_t  i, used;
    double  sum, squares;

    for (i = 0, used = 0, sum = 0; i < n; i++) {
        if (times[i] <= limit) {
            sum += times[i];
            used++;
        }
    }

    *mean = sum / used;

    for (i = 0, squares = 0; i < n; i++) {
        if (times[i] <= limit) {
            squares += (times[i] - *mean) * (times[i] - *mean);
        }
    }

    *of_mean = squares / (used - 1) / used;
}


int
main(int argc, char **argv)
{
    size_t   i, n;
    double  *all, *times[2], mean[2], of_mean[2], limit;
    unsigned first, k;

    if (argc != 3) {
        errx(1, "timing PORT PAIRS");
    }

    n = strtoul(argv[2], NULL, 10);
    all = malloc(2 * n * sizeof(double));
    times[0] = malloc(n * sizeof(double));
    times[1] = malloc(n * sizeof(double));

    if (getrandom(&state, sizeof(state), 0) != sizeof(state) || !all) {
        err(1, "no start");
    }

    read_keys();
    open_connection(atoi(argv[1]));

    for (i = 0; i < 2000; i++) {
        (void) ask(kinds[i % 2].requests[draw(kinds[i % 2].n)]);
    }

    for (i = 0; i < n; i++) {
        first = draw(2);

        for (k = 0; k < 2; k++, first = !first) {
            times[first][i] =
                    ask(kinds[first].requests[draw(kinds[first].n)]);
        }
    }

    memcpy(all, times[0], n * sizeof(double));
    memcpy(all + n, times[1], n * sizeof(double));
    qsort(all, 2 * n, sizeof(double), compare);
    limit = all[2 * n * 3 / 4];

    moments(times[0], n, limit, &mean[0], &of_mean[0]);
    moments(times[1], n, limit, &mean[1], &of_mean[1]);

    printf("%.2f %.0f %.0f\n", (mean[0] - mean[1])
           / sqrt(of_mean[0] + of_mean[1]), mean[0], mean[1]);

    return 0;
}
