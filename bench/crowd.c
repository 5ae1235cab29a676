/*
 * Many viewers who ask for one object at the same moment:
 *
 *     crowd PORT REQUESTS BODY [BYTES_PER_SECOND SECONDS]
 *
 * REQUESTS holds a line for each viewer: two targets, "first<TAB>second". One after the other the
 * viewers connect and read the first one, so that the server has accepted them all. Then all send
 * the second request at once; what they get must be what is in the file BODY. They read as fast as
 * they can to the end; or at a pace, for some seconds. The result is a line of JSON, times counted
 * from the moment the first of the second requests was sent:
 *
 *     {"viewers": 1000, "whole": 1000, "bytes": 3000000000,
 *      "first_byte_ms": 0.9, "spread_ms": 12.3, "last_byte_ms": 3012.5}
 *
 * "spread" is from the first viewer's first byte of a body to the last viewer's.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    VIEWERS_MAX = 20000,
    HEAD_MAX = 4096,
    REQUEST_MAX = 4096,
    READ_MAX = 256 << 10,
    EVENTS_MAX = 256,
    SENT_BETWEEN_READS = 16, /* or the first byte would be noticed after the last request only */
    DEADLINE_MS = 60 * 1000, /* of everything but paced reading */
    SLOTS = 10,              /* paced viewers read one tick in so many, not all in the same */
    TICKS_PER_SECOND = 100,
    SLOW_RECEIVE_BUFFER = 64 << 10, /* or the kernel would take a slow viewer's whole object */
};

struct viewer {
    int fd;
    char *first, *second; /* targets */
    char head[HEAD_MAX + 1];
    size_t head_n;
    bool has_head;
    uint64_t length, taken; /* of the body */
    double first_byte, last_byte;
};

struct crowd {
    uint16_t port;
    struct viewer *viewers;
    unsigned count, whole;
    const char *body;
    size_t body_n;
    double bytes_per_second, seconds; /* 0: as fast as they can */
    double begun;
    int epoll;
};

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void viewer_ask(struct viewer *v, const char *target)
{
    char request[REQUEST_MAX];
    int n = snprintf(request, sizeof request,
                     "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: crowd\r\n\r\n", target);

    if (n < 0 || (size_t)n >= sizeof request)
        errx(1, "a request is too long");
    v->head_n = 0;
    v->has_head = false;
    v->taken = 0;
    if (send(v->fd, request, (size_t)n, MSG_NOSIGNAL) != n)
        err(1, "send");
}

/* The length of the head at the front of `v->head`; 0: more is needed. */
static size_t head_length(const struct viewer *v)
{
    const char *end = strstr(v->head, "\r\n\r\n");

    return end == NULL ? 0 : (size_t)(end - v->head) + 4;
}

static void viewer_parse_head(struct viewer *v)
{
    const char *length = strcasestr(v->head, "\r\nContent-Length:");

    if (strncmp(v->head, "HTTP/1.1 200 ", 13) != 0 || length == NULL)
        errx(1, "unexpected: %.*s", (int)strcspn(v->head, "\r"), v->head);
    v->length = strtoull(length + strlen("\r\nContent-Length:"), NULL, 10);
    v->has_head = true;
}

static void viewer_take(struct viewer *v, const char *p, size_t n, const char *body, size_t body_n)
{
    if (n == 0)
        return;
    if (n > v->length - v->taken)
        errx(1, "more than Content-Length");
    if (body != NULL && (v->length != body_n || memcmp(p, body + v->taken, n) != 0))
        errx(1, "a body is not the object's");
    if (v->taken == 0)
        v->first_byte = now_ms();
    v->taken += n;
    if (v->taken == v->length)
        v->last_byte = now_ms();
}

/* Bytes of the head until it is complete; what follows is of the body. */
static void viewer_feed(struct viewer *v, const char *p, size_t n, const char *body, size_t body_n)
{
    size_t room = HEAD_MAX - v->head_n, used = n < room ? n : room, old = v->head_n, head_n;

    if (v->has_head) {
        viewer_take(v, p, n, body, body_n);
        return;
    }
    memcpy(v->head + old, p, used);
    v->head_n += used;
    v->head[v->head_n] = '\0';
    head_n = head_length(v);
    if (head_n == 0 && v->head_n == HEAD_MAX)
        errx(1, "a head without end");
    if (head_n == 0)
        return;
    viewer_parse_head(v);
    viewer_take(v, p + (head_n - old), n - (head_n - old), body, body_n);
}

/* One read of at most `max` bytes. */
static void viewer_read(struct viewer *v, size_t max, const char *body, size_t body_n)
{
    static char piece[READ_MAX];
    ssize_t n = recv(v->fd, piece, max < sizeof piece ? max : sizeof piece, 0);

    if (n == 0)
        errx(1, "the server closed a connection");
    if (n < 0 && errno != EAGAIN)
        err(1, "recv");
    if (n > 0)
        viewer_feed(v, piece, (size_t)n, body, body_n);
}

static bool viewer_is_done(const struct viewer *v)
{
    return v->has_head && v->taken == v->length;
}

static void viewer_connect(struct crowd *c, struct viewer *v)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(c->port)};
    int small = SLOW_RECEIVE_BUFFER;

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (v->fd < 0)
        err(1, "socket");
    if (c->seconds > 0 && setsockopt(v->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) < 0)
        err(1, "SO_RCVBUF");
    if (connect(v->fd, (struct sockaddr *)&a, sizeof a) < 0)
        err(1, "connect");
}

static void viewer_begin(struct crowd *c, struct viewer *v)
{
    struct timeval limit = {.tv_sec = DEADLINE_MS / 1000};
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = v};

    viewer_connect(c, v);
    if (setsockopt(v->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0)
        err(1, "SO_RCVTIMEO");
    viewer_ask(v, v->first);
    while (!viewer_is_done(v))
        viewer_read(v, READ_MAX, NULL, 0);
    if (fcntl(v->fd, F_SETFL, O_NONBLOCK) < 0 || epoll_ctl(c->epoll, EPOLL_CTL_ADD, v->fd, &e) < 0)
        err(1, "epoll");
}

/* Reads whatever is there, for as long as `timeout` if nothing is. */
static void crowd_turn(struct crowd *c, int timeout)
{
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(c->epoll, events, EVENTS_MAX, timeout);

    if (n < 0)
        err(1, "epoll_wait");
    for (int i = 0; i < n; i++) {
        struct viewer *v = events[i].data.ptr;

        if (viewer_is_done(v))
            errx(1, "more than was asked for, or the end of a connection");
        viewer_read(v, READ_MAX, c->body, c->body_n);
        c->whole += viewer_is_done(v);
    }
}

static void crowd_ask(struct crowd *c)
{
    c->begun = now_ms();
    for (unsigned i = 0; i < c->count; i++) {
        viewer_ask(&c->viewers[i], c->viewers[i].second);
        if (c->seconds == 0 && i % SENT_BETWEEN_READS == 0)
            crowd_turn(c, 0);
    }
}

static void crowd_read_fast(struct crowd *c)
{
    while (c->whole < c->count) {
        double left = c->begun + DEADLINE_MS - now_ms();

        if (left <= 0)
            errx(1, "%u of %u bodies were whole in time", c->whole, c->count);
        crowd_turn(c, (int)left);
    }
}

static void sleep_until(double ms)
{
    struct timespec t = {.tv_sec = (time_t)(ms / 1e3)};

    t.tv_nsec = (long)((ms - (double)t.tv_sec * 1e3) * 1e6);
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static void crowd_read_paced(struct crowd *c)
{
    unsigned ticks = (unsigned)(c->seconds * TICKS_PER_SECOND);
    size_t share = (size_t)(c->bytes_per_second * SLOTS / TICKS_PER_SECOND);

    for (unsigned tick = 0; tick < ticks; tick++) {
        sleep_until(c->begun + tick * 1e3 / TICKS_PER_SECOND);
        for (unsigned i = tick % SLOTS; i < c->count; i += SLOTS) {
            struct viewer *v = &c->viewers[i];

            if (viewer_is_done(v))
                continue;
            viewer_read(v, share, c->body, c->body_n);
            c->whole += viewer_is_done(v);
        }
    }
}

static void crowd_report(const struct crowd *c)
{
    double first = 0, last = 0, end = 0;
    uint64_t bytes = 0;

    for (unsigned i = 0; i < c->count; i++) {
        const struct viewer *v = &c->viewers[i];

        bytes += v->taken;
        first = i == 0 || v->first_byte < first ? v->first_byte : first;
        last = v->first_byte > last ? v->first_byte : last;
        end = v->last_byte > end ? v->last_byte : end;
    }
    printf("{\"viewers\": %u, \"whole\": %u, \"bytes\": %llu, \"first_byte_ms\": %.3f, "
           "\"spread_ms\": %.3f, \"last_byte_ms\": %.3f}\n",
           c->count, c->whole, (unsigned long long)bytes, first - c->begun, last - first,
           end - c->begun);
}

static const char *map_file(const char *path, size_t *ret_n)
{
    int fd = open(path, O_RDONLY);
    struct stat st;
    char *p;

    if (fd < 0 || fstat(fd, &st) < 0)
        err(1, "%s", path);
    p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (p == MAP_FAILED)
        err(1, "%s", path);
    close(fd);
    *ret_n = (size_t)st.st_size;
    return p;
}

static void read_requests(struct crowd *c, const char *path)
{
    FILE *f = fopen(path, "r");
    struct viewer *v = c->viewers;

    if (f == NULL)
        err(1, "%s", path);
    while (c->count < VIEWERS_MAX && fscanf(f, "%ms\t%ms", &v->first, &v->second) == 2) {
        c->count++;
        v++;
    }
    if (!feof(f) || c->count == 0)
        errx(1, "%s: not two targets a line, or too many", path);
    fclose(f);
}

int main(int argc, char **argv)
{
    struct crowd c = {.epoll = epoll_create1(0)};

    if (argc != 4 && argc != 6) {
        fputs("usage: crowd PORT REQUESTS BODY [BYTES_PER_SECOND SECONDS]\n", stderr);
        return 2;
    }
    c.port = (uint16_t)atoi(argv[1]);
    c.viewers = calloc(VIEWERS_MAX, sizeof *c.viewers);
    if (c.epoll < 0 || c.viewers == NULL)
        err(1, "crowd");
    c.body = map_file(argv[3], &c.body_n);
    c.bytes_per_second = argc == 6 ? atof(argv[4]) : 0;
    c.seconds = argc == 6 ? atof(argv[5]) : 0;
    read_requests(&c, argv[2]);
    for (unsigned i = 0; i < c.count; i++)
        viewer_begin(&c, &c.viewers[i]);
    crowd_ask(&c);
    if (c.seconds > 0)
        crowd_read_paced(&c);
    else
        crowd_read_fast(&c);
    crowd_report(&c);
    return 0; /* memory and sockets go with the process */
}
