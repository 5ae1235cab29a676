/*
 * Requests at a constant rate over keep-alive connections, and how long their answers took:
 *
 *     paced PORT CONNECTIONS RATE SECONDS TARGET USER_AGENT
 *
 * A request is due at its own moment, whatever became of those before; it waits here while every
 * connection is busy, and its time runs from the moment it was due (no coordinated omission).
 * Anything but 200 is an error. What was due in the first WARM_SECONDS does not count. The result
 * is a line of JSON, times in microseconds:
 *
 *     {"requests": 30000, "p50": 101.2, "p99": 403.9, "p999": 950.1, "max": 2003.8}
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 1024,
    REQUEST_MAX = 4096,
    RESPONSE_MAX = 64 << 10,
    EVENTS_MAX = 64,
    LATE_SECONDS = 10, /* a server that has not answered so long after the end never will */
};

#define WARM_SECONDS 0.5
#define NSEC_PER_SEC 1000000000LL

struct connection {
    int fd;
    int64_t due; /* of the request under way */
    size_t n;
    struct connection *next_idle;
    char response[RESPONSE_MAX + 1];
};

struct pace {
    int epoll;
    char request[REQUEST_MAX];
    size_t request_n;
    double rate;
    int64_t begun;
    size_t warm, total, asked, answered, counted;
    double *usec;                         /* of each that counts */
    struct connection *idle, **last_idle; /* the one that has been idle longest is next */
};

static int64_t now_nsec(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * NSEC_PER_SEC + t.tv_nsec;
}

static int64_t due_nsec(const struct pace *p, size_t request)
{
    return p->begun + (int64_t)((double)request / p->rate * (double)NSEC_PER_SEC);
}

static void put_idle(struct pace *p, struct connection *c)
{
    c->next_idle = NULL;
    *p->last_idle = c;
    p->last_idle = &c->next_idle;
}

static struct connection *take_idle(struct pace *p)
{
    struct connection *c = p->idle;

    p->idle = c->next_idle;
    if (p->idle == NULL)
        p->last_idle = &p->idle;
    return c;
}

static void connection_open(struct pace *p, uint16_t port)
{
    struct connection *c = calloc(1, sizeof *c);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    int on = 1;

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (c == NULL || (c->fd = socket(AF_INET, SOCK_STREAM, 0)) < 0 ||
        connect(c->fd, (struct sockaddr *)&a, sizeof a) < 0 ||
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
        fcntl(c->fd, F_SETFL, O_NONBLOCK) < 0 || epoll_ctl(p->epoll, EPOLL_CTL_ADD, c->fd, &e) < 0)
        err(1, "connect");
    put_idle(p, c);
}

static void ask_what_is_due(struct pace *p)
{
    while (p->asked < p->total && p->idle != NULL && due_nsec(p, p->asked) <= now_nsec()) {
        struct connection *c = take_idle(p);

        c->n = 0;
        c->due = due_nsec(p, p->asked++);
        if (send(c->fd, p->request, p->request_n, MSG_NOSIGNAL) != (ssize_t)p->request_n)
            err(1, "send");
    }
}

/* Head and content are there. */
static bool is_whole(const struct connection *c)
{
    const char *end = strstr(c->response, "\r\n\r\n");
    const char *length = end == NULL ? NULL : strcasestr(c->response, "\r\nContent-Length:");

    if (end == NULL)
        return false;
    if (strncmp(c->response, "HTTP/1.1 200 ", 13) != 0 || length == NULL || length > end)
        errx(1, "unexpected: %.*s", (int)strcspn(c->response, "\r"), c->response);
    return c->n >= (size_t)(end - c->response) + 4 +
                       strtoul(length + strlen("\r\nContent-Length:"), NULL, 10);
}

static void take_answer(struct pace *p, struct connection *c)
{
    ssize_t n = recv(c->fd, c->response + c->n, RESPONSE_MAX - c->n, 0);

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        err(1, "a connection has ended, or a response is too long");
    c->n += (size_t)n;
    c->response[c->n] = '\0';
    if (!is_whole(c))
        return;
    if (c->due >= due_nsec(p, p->warm))
        p->usec[p->counted++] = (double)(now_nsec() - c->due) / 1e3;
    p->answered++;
    put_idle(p, c);
}

/* Waits for answers, but no longer than to the next request that could leave. */
static void turn(struct pace *p)
{
    int64_t until = due_nsec(p, p->total) + LATE_SECONDS * NSEC_PER_SEC, left;
    struct epoll_event events[EVENTS_MAX];
    struct timespec timeout;
    int n;

    if (p->asked < p->total && p->idle != NULL)
        until = due_nsec(p, p->asked);
    left = until - now_nsec();
    if (left < 0)
        left = 0;
    timeout = (struct timespec){left / NSEC_PER_SEC, left % NSEC_PER_SEC};
    n = epoll_pwait2(p->epoll, events, EVENTS_MAX, &timeout, NULL);
    if (n < 0)
        err(1, "epoll");
    for (int i = 0; i < n; i++)
        take_answer(p, events[i].data.ptr);
}

static void run(struct pace *p)
{
    p->begun = now_nsec();
    while (p->answered < p->total) {
        ask_what_is_due(p);
        turn(p);
        if (now_nsec() > due_nsec(p, p->total) + LATE_SECONDS * NSEC_PER_SEC)
            errx(1, "%zu of %zu requests were answered in time", p->answered, p->total);
    }
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static void report(struct pace *p)
{
    size_t n = p->counted;

    qsort(p->usec, n, sizeof *p->usec, by_size);
    printf("{\"requests\": %zu, \"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f, \"max\": %.1f}\n", n,
           p->usec[n / 2], p->usec[n * 99 / 100], p->usec[n * 999 / 1000], p->usec[n - 1]);
}

int main(int argc, char **argv)
{
    struct pace p = {.epoll = epoll_create1(0)};
    int connections, n;

    if (argc != 7 || (connections = atoi(argv[2])) < 1 || connections > CONNECTIONS_MAX ||
        (p.rate = atof(argv[3])) < 10 || atof(argv[4]) <= 0) {
        fputs("usage: paced PORT CONNECTIONS RATE SECONDS TARGET USER_AGENT\n", stderr);
        return 2;
    }
    n = snprintf(p.request, sizeof p.request,
                 "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: %s\r\n\r\n", argv[5], argv[6]);
    if (n < 0 || (size_t)n >= sizeof p.request)
        errx(1, "the request is too long");
    p.request_n = (size_t)n;
    p.warm = (size_t)(p.rate * WARM_SECONDS);
    p.total = p.warm + (size_t)(p.rate * atof(argv[4]));
    p.usec = calloc(p.total, sizeof *p.usec);
    p.last_idle = &p.idle;
    if (p.epoll < 0 || p.usec == NULL || prctl(PR_SET_TIMERSLACK, 1UL) < 0)
        err(1, "paced");
    while (connections-- > 0)
        connection_open(&p, (uint16_t)atoi(argv[1]));
    run(&p);
    report(&p);
    return 0; /* memory and sockets go with the process */
}
