/*
 * One connection. Commands gather in `out` and leave in one send() at the end of the turn; what the
 * kernel has no room for waits until it is writable, so a command costs no epoll_ctl. Replies are
 * parsed by hiredis and belong to the oldest pending one, since Redis answers in order. A reply
 * that nothing has asked for, one that is too long, or bytes that are none, break the connection.
 *
 * Breaking closes the socket at once, but those who wait are told at the end of the turn: whoever
 * breaks it may be in the middle of anything.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

#include "base/panic.h"
#include "store/redis_internal.h"

enum {
    READ_PIECE = 16 * 1024,
    PIECES = 16,                        /* of one turn: it is not alone on the loop */
    OUT_KEPT = 256 * 1024,              /* memory that an empty `out` may keep */
    ELEMENTS_MAX = REDIS_REPLY_MAX / 4, /* an element takes four bytes at least (":1\r\n"): a longer
                                           array could not come whole, and hiredis would allocate
                                           it at its first line */
};

void redis_pending_init(struct redis_pending *p, unsigned due,
                        void (*replied)(struct redis_pending *p, redisReply **reply))
{
    *p = (struct redis_pending){.due = due, .replied = replied};
    list_init(&p->link);
    deadline_init(&p->deadline);
}

/* ---- the end ---- */

static void close_socket(struct redis_conn *c)
{
    watch_free(&c->watch);
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

static void stop_resolving(struct redis_conn *c)
{
    if (c->state == CONN_RESOLVING)
        c->resolve->resolved = NULL; /* the look-up goes on */
}

void redis_conn_break(struct redis_conn *c, const char *why)
{
    if (c->state == CONN_BROKEN)
        return;
    stop_resolving(c);
    c->state = CONN_BROKEN;
    snprintf(c->why, sizeof c->why, "%s", why);
    close_socket(c);
    loop_defer(c->loop, &c->ending);
}

static void forget_pending(struct redis_conn *c, struct redis_pending *p)
{
    list_remove(&p->link);
    deadline_clear(&p->deadline);
    p->due = 0;
    c->under_way--;
}

static void on_ending(struct loop_task *task)
{
    struct redis_conn *c = container_of(task, struct redis_conn, ending);
    struct list *link;

    while ((link = list_first(&c->pending)) != NULL) {
        struct redis_pending *p = LIST_ENTRY(link, struct redis_pending, link);
        redisReply *none = NULL;

        forget_pending(c, p);
        p->replied(p, &none);
    }
    c->lost(c);
}

void redis_conn_done(struct redis_conn *c)
{
    struct list *link;

    stop_resolving(c);
    c->state = CONN_BROKEN;
    close_socket(c);
    loop_task_cancel(&c->flush);
    loop_task_cancel(&c->ending);
    while ((link = list_first(&c->pending)) != NULL)
        forget_pending(c, LIST_ENTRY(link, struct redis_pending, link));
    buf_done(&c->out);
    redisReaderFree(c->reader);
    c->reader = NULL;
}

/* ---- sending ---- */

static void sent(struct redis_conn *c, size_t n)
{
    if (n < c->out.n)
        buf_consume(&c->out, n);
    else if (c->out.room > OUT_KEPT)
        buf_done(&c->out);
    else
        buf_clear(&c->out);
    watch_set(c->watch, c->out.n > 0 ? WATCH_READ | WATCH_WRITE : WATCH_READ);
}

static void flush(struct redis_conn *c)
{
    ssize_t n;

    if (c->state != CONN_OPEN || c->out.n == 0)
        return;
    n = send(c->fd, c->out.p, c->out.n, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        redis_conn_break(c, strerror(errno));
    else
        sent(c, n < 0 ? 0 : (size_t)n);
}

static void on_flush(struct loop_task *task)
{
    flush(container_of(task, struct redis_conn, flush));
}

bool redis_conn_send(struct redis_conn *c, const struct redis_args *a)
{
    if (c->state == CONN_BROKEN || !redis_encode(a, &c->out))
        return false;
    loop_defer(c->loop, &c->flush);
    return true;
}

void redis_conn_expect(struct redis_conn *c, struct redis_pending *p)
{
    p->conn = c;
    list_append(&c->pending, &p->link);
    c->under_way++;
}

/* ---- receiving ---- */

static void give_out(struct redis_conn *c, redisReply *reply)
{
    struct list *oldest = list_first(&c->pending);
    struct redis_pending *p;

    if (oldest == NULL) {
        redis_conn_break(c, "sent what nothing has asked for");
    } else {
        p = LIST_ENTRY(oldest, struct redis_pending, link);
        if (p->due == 1)
            forget_pending(c, p);
        else if (p->due != REDIS_ENDLESS)
            p->due--;
        p->replied(p, &reply);
    }
    if (reply != NULL)
        freeReplyObject(reply);
}

static void parse(struct redis_conn *c)
{
    void *reply = NULL;

    while (c->state == CONN_OPEN) {
        if (redisReaderGetReply(c->reader, &reply) != REDIS_OK) {
            char why[REDIS_WHY_MAX];

            redis_error_show(str_of(c->reader->errstr), why);
            redis_conn_break(c, why);
        } else if (reply == NULL) {
            break;
        } else {
            c->partial = 0;
            give_out(c, reply);
        }
    }
    if (c->state == CONN_OPEN && c->partial > REDIS_REPLY_MAX)
        redis_conn_break(c, "sends a reply that is too long");
}

static bool receive_piece(struct redis_conn *c)
{
    char bytes[READ_PIECE];
    ssize_t n = recv(c->fd, bytes, sizeof bytes, 0);

    if (n == 0) {
        redis_conn_break(c, "has closed the connection");
    } else if (n > 0) {
        c->partial += (size_t)n;
        (void)redisReaderFeed(c->reader, bytes, (size_t)n); /* a failure shows in parse() */
        parse(c);
    } else if (errno != EAGAIN && errno != EINTR) {
        redis_conn_break(c, strerror(errno));
    }
    return n == (ssize_t)sizeof bytes && c->state == CONN_OPEN;
}

static void receive(struct redis_conn *c)
{
    for (int i = 0; i < PIECES && receive_piece(c); i++)
        ;
}

/* ---- connecting ---- */

static void connect_next(struct redis_conn *c);

static void address_failed(struct redis_conn *c, int err)
{
    close_socket(c);
    c->resolve->next++;
    if (++c->tried < c->resolve->count)
        connect_next(c);
    else
        redis_conn_break(c, strerror(err));
}

static void connected(struct redis_conn *c)
{
    int err = 0;
    socklen_t size = sizeof err;

    (void)getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &size);
    if (err != 0) {
        address_failed(c, err);
        return;
    }
    c->state = CONN_OPEN;
    watch_set(c->watch, WATCH_READ);
    flush(c);
}

static void on_ready(void *arg, int fd, unsigned events)
{
    struct redis_conn *c = arg;

    if (c->state == CONN_CONNECTING) {
        connected(c);
        return;
    }
    if ((events & WATCH_WRITE) != 0)
        flush(c);
    if ((events & WATCH_READ) != 0 && c->state == CONN_OPEN)
        receive(c);
}

static void set_options(int fd, int family)
{
    int on = 1;

    if (family == AF_UNIX)
        return;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

static void connect_next(struct redis_conn *c)
{
    struct redis_resolve *r = c->resolve;
    const struct net_address *to = &r->at[r->next % r->count];

    c->state = CONN_CONNECTING;
    c->fd = socket(to->u.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        redis_conn_break(c, strerror(errno));
        return;
    }
    set_options(c->fd, to->u.any.sa_family);
    if (connect(c->fd, &to->u.any, to->length) < 0 && errno != EINPROGRESS) {
        address_failed(c, errno);
        return;
    }
    c->watch = watch_new(c->loop, c->fd, on_ready, c);
    watch_set(c->watch, WATCH_WRITE);
}

static void on_resolved(struct redis_resolve *r, int err)
{
    struct redis_conn *c = r->arg;

    if (err < 0)
        redis_conn_break(c, "its name has no address");
    else
        connect_next(c);
}

/* hiredis takes a count at its word (calloc). */
static void *create_array(const redisReadTask *task, int elements)
{
    const struct redis_conn *c = task->privdata;

    return elements > ELEMENTS_MAX ? NULL : c->of_hiredis->createArray(task, elements);
}

static redisReader *new_reader(struct redis_conn *c)
{
    redisReader *r = redisReaderCreate();

    assert(r != NULL);
    c->of_hiredis = r->fn;
    c->functions = *r->fn;
    c->functions.createArray = create_array;
    r->fn = &c->functions;
    r->privdata = c;
    return r;
}

void redis_conn_dial(struct redis_conn *c, struct loop *l, struct redis_resolve *r,
                     struct str server, void (*lost)(struct redis_conn *c))
{
    int found;

    *c = (struct redis_conn){.loop = l, .resolve = r, .fd = -1, .lost = lost};
    list_init(&c->pending);
    loop_task_init(&c->flush, on_flush);
    loop_task_init(&c->ending, on_ending);
    buf_init(&c->out, REDIS_OUT_MAX);
    c->reader = new_reader(c);
    found = redis_resolve_start(r, server, on_resolved, c);
    if (found > 0)
        connect_next(c);
    else if (found < 0)
        redis_conn_break(c, "is no address");
}
