/*
 * The life of a connection and its input. Bytes are received into the worker's one buffer and
 * parsed there; only what cannot be used yet (half a head, a pipelined request) is kept by the
 * connection.
 *
 * Invariants: at most one request; `view` points into worker->input only while conn_process() runs;
 * a closed connection has no request.
 */
#include "server/conn_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    KEPT_CAP = HTTP_MAX_HEAD_BYTES + WORKER_INPUT_BYTES, /* half a head and one recv: what a
                                                            pipelining client can make us keep */
};

static void conn_process(struct conn *c);

/* ---- state ---- */

static struct deadline_queue *queue_of(struct worker *w, enum conn_state s)
{
    switch (s) {
    case CONN_IDLE:
        return w->idle;
    case CONN_HEAD:
        return w->head;
    case CONN_CONTENT:
        return w->content;
    case CONN_SENDING:
        return w->send;
    case CONN_LINGER:
        return w->linger;
    case CONN_WORKING:
        return w->work;
    case CONN_CLOSED:
        return NULL;
    default:
        WRONG("connection state without a row");
    }
}

void conn_enter(struct conn *c, enum conn_state s)
{
    static const uint8_t may_follow[] = {
        [CONN_IDLE] = 1 << CONN_HEAD | 1 << CONN_WORKING | 1 << CONN_CLOSED,
        [CONN_HEAD] = 1 << CONN_WORKING | 1 << CONN_CLOSED,
        [CONN_WORKING] = 1 << CONN_CONTENT | 1 << CONN_SENDING | 1 << CONN_IDLE | 1 << CONN_LINGER |
                         1 << CONN_CLOSED,
        [CONN_CONTENT] = 1 << CONN_WORKING | 1 << CONN_CLOSED,
        [CONN_SENDING] = 1 << CONN_WORKING | 1 << CONN_CLOSED,
        [CONN_LINGER] = 1 << CONN_CLOSED,
        [CONN_CLOSED] = 0,
    };
    struct deadline_queue *q = queue_of(c->worker, s);

    assert(may_follow[c->state] & 1 << s);
    c->state = (uint8_t)s;
    if (q != NULL)
        deadline_set(q, &c->deadline);
    else
        deadline_clear(&c->deadline);
}

/* ---- the end ---- */

static void on_closed(struct sock *s)
{
    struct conn *c = container_of(s, struct conn, sock);

    list_remove(&c->link);
    worker_connection_closed(c->worker);
    free(c);
}

void conn_close(struct conn *c)
{
    assert(c->req == NULL);
    conn_enter(c, CONN_CLOSED);
    buf_done(&c->kept);
    sock_close(&c->sock);
}

/* Cuts the connection in whatever it is doing. */
static void conn_abort(struct conn *c, enum outcome why)
{
    if (c->state == CONN_CLOSED)
        return;
    c->is_last = true;
    if (c->req != NULL) {
        c->peer_ended = true; /* nothing to linger for */
        if (c->state != CONN_WORKING)
            conn_enter(c, CONN_WORKING);
        req_abort(c->req, why); /* finished() closes */
    } else {
        conn_close(c);
    }
}

/* Our side is done. If the client may still be sending, wait for its end before closing. */
static void conn_finish(struct conn *c)
{
    if (c->ends_by_close) /* cut short: an orderly end would pass it off as whole */
        sock_set_reset(&c->sock);
    if (c->peer_ended || c->ends_by_close) {
        conn_close(c);
        return;
    }
    sock_shutdown_write(&c->sock);
    buf_done(&c->kept);
    conn_enter(c, CONN_LINGER);
    sock_want(&c->sock, SOCK_READ);
}

/* ---- requests ---- */

/* The request is over, and with it what it owned. */
static void on_finished(struct req *r)
{
    struct conn *c = r->owner;

    c->is_last |= conn_must_end(c, r);
    c->req = NULL;
    c->head_left = (struct iovec){0};
    c->out = NULL;
    c->chunked = NULL;
    req_free(&r);
    if (c->is_last) {
        conn_finish(c);
        return;
    }
    h1_next(&c->h1);
    conn_enter(c, CONN_IDLE);
    if (!c->is_processing)
        conn_process(c);
}

/* Decoded content up to its end, or as far as the input goes. 1: complete; 0: more is needed;
 * -errno. */
static int read_content(struct conn *c, struct buf *content)
{
    for (;;) {
        struct str piece = STR_NONE;
        size_t consumed = 0;
        enum h1_event e = h1_parse_body(&c->h1, c->view, &consumed, &piece);

        c->view = str_skip(c->view, consumed);
        if (e == H1_BODY)
            buf_add(content, piece);
        if (content->is_full)
            return -EMSGSIZE;
        if (e == H1_END)
            return 1;
        if (e == H1_MORE)
            return 0;
        if (e != H1_BODY)
            return -EPROTO;
    }
}

/*
 * RFC 9110 10.1.1: not needed when content has come already. When the socket is full the client,
 * after a while, sends without it. -ECONNRESET: half of it went, and nothing sensible can follow.
 */
static int send_continue(struct conn *c)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct iovec iov = {(void *)(uintptr_t)text, sizeof text - 1};
    ssize_t n = c->view.n == 0 ? sock_send(&c->sock, &iov, 1, false) : (ssize_t)iov.iov_len;

    return n == (ssize_t)iov.iov_len || n == -EAGAIN ? 0 : -ECONNRESET;
}

static int step_content_in(struct conn *c)
{
    struct req *r = c->req;
    int n = read_content(c, &r->content_buf);

    if (n > 0)
        r->content = r->content_buf.n > 0 ? buf_str(&r->content_buf) : STR("");
    return n;
}

static int on_want_content(struct req *r)
{
    struct conn *c = r->owner;
    int n;

    if (!r->head.is_chunked && r->head.content_length > REQ_CONTENT_MAX)
        return -EMSGSIZE;
    if (r->head.expects_continue && send_continue(c) < 0)
        return -ECONNRESET;
    n = step_content_in(c);
    if (n != 0)
        return n;
    conn_enter(c, CONN_CONTENT);
    sock_want(&c->sock, SOCK_READ);
    return 0;
}

static const struct transport h1_transport = {on_want_content, conn_respond, on_finished};

static struct req *new_request(struct conn *c)
{
    struct req *r = req_new(c->worker->gate, &h1_transport, c);

    r->peer = c->peer;
    r->head.version_major = 1;
    r->head.version_minor = 1;
    c->req = r;
    return r;
}

static void start_refused(struct conn *c, enum outcome o)
{
    struct req *r = new_request(c);

    gate_count(c->worker->gate, STAT_BAD_HEADS, 1);
    conn_enter(c, CONN_WORKING);
    req_start_refused(r, o);
}

static void start_request(struct conn *c, struct str head_bytes)
{
    struct h1_index *index = &c->worker->index;
    struct req *r = new_request(c);
    struct str copy = arena_copy(&r->arena, head_bytes);
    struct http_field *fields = arena_alloc(&r->arena, (index->field_count + 1) * sizeof *fields);

    assert(copy.p != NULL && fields != NULL); /* a head is far smaller than an arena's cap */
    h1_head(index, copy.p, fields, &r->head);
    conn_enter(c, CONN_WORKING);
    req_start(r);
}

static enum outcome outcome_of_event(enum h1_event e)
{
    return e == H1_TOO_LARGE ? OUT_HEAD_TOO_LARGE : e == H1_VERSION ? OUT_VERSION : OUT_BAD_REQUEST;
}

/* One head out of the view. False when there is none yet. */
static bool take_head(struct conn *c)
{
    size_t consumed = 0;
    enum h1_event e = h1_parse(&c->h1, c->view, &c->worker->index, &consumed);
    struct str head = str_first(c->view, consumed);

    if (e == H1_MORE) {
        if (c->state == CONN_IDLE && c->view.n > 0)
            conn_enter(c, CONN_HEAD);
        return false;
    }
    c->view = str_skip(c->view, consumed);
    if (e == H1_HEAD)
        start_request(c, head);
    else
        start_refused(c, outcome_of_event(e));
    return true;
}

/* ---- input ---- */

/* What is left of the view must outlive the worker's buffer, which the next connection will use. */
static void keep_rest(struct conn *c)
{
    if (c->view.n == 0) {
        buf_done(&c->kept);
    } else if (c->kept.p != NULL && c->view.p >= c->kept.p && c->view.p <= c->kept.p + c->kept.n) {
        buf_consume(&c->kept, (size_t)(c->view.p - c->kept.p));
    } else {
        buf_done(&c->kept);
        buf_add(&c->kept, c->view);
    }
    c->view = buf_str(&c->kept);
}

/* Works through the input there is: requests one after the other, until one has to wait or more
 * bytes are needed. */
static void conn_process(struct conn *c)
{
    c->is_processing = true;
    if (c->state == CONN_CONTENT) {
        int n = step_content_in(c);

        if (n != 0) {
            conn_enter(c, CONN_WORKING);
            req_on_content(c->req, MIN(n, 0));
        }
    }
    while (c->req == NULL && (c->state == CONN_IDLE || c->state == CONN_HEAD) && c->view.n > 0 &&
           take_head(c))
        continue;
    c->is_processing = false;
    if (c->state == CONN_CLOSED || c->state == CONN_LINGER)
        return;
    keep_rest(c);
    if (c->req == NULL && c->peer_ended)
        conn_close(c);
    else if (c->state == CONN_IDLE || c->state == CONN_HEAD || c->state == CONN_CONTENT)
        sock_want(&c->sock, SOCK_READ);
    else if (c->state == CONN_WORKING)
        sock_want(&c->sock,
                  SOCK_HANGUP); /* reaches the kernel if it still waits at the turn's end */
}

bool conn_must_end(const struct conn *c, const struct req *r)
{
    bool has_unread_content = r->head.has_body && r->content.p == NULL;

    return r->must_close || has_unread_content || !r->head.keep_alive || c->peer_ended ||
           c->worker->state != WORKER_SERVING;
}

/* The client will send nothing more. */
static void on_peer_end(struct conn *c)
{
    c->peer_ended = true;
    conn_abort(c, OUT_CLIENT_LEFT); /* half a head, or half of the content: nothing to answer */
}

static void receive(struct conn *c)
{
    bool has_kept = c->kept.n > 0;
    char *to = has_kept ? buf_reserve(&c->kept, HTTP_MAX_HEAD_BYTES) : c->worker->input;
    size_t room = has_kept ? HTTP_MAX_HEAD_BYTES : WORKER_INPUT_BYTES;
    ssize_t n;

    assert(to != NULL); /* whoever waits for more keeps less than a head */
    n = sock_recv(&c->sock, to, room);
    if (n == -EAGAIN)
        return;
    if (n == 0) {
        on_peer_end(c);
        return;
    }
    if (n < 0) {
        conn_abort(c, OUT_CLIENT_LEFT);
        return;
    }
    if (has_kept)
        buf_added(&c->kept, (size_t)n);
    c->view = has_kept ? buf_str(&c->kept) : (struct str){to, (size_t)n};
    conn_process(c);
}

static void discard(struct conn *c)
{
    ssize_t n = sock_recv(&c->sock, c->worker->input, WORKER_INPUT_BYTES);

    if (n == 0 || (n < 0 && n != -EAGAIN))
        conn_close(c);
}

static void on_readable(struct sock *s)
{
    struct conn *c = container_of(s, struct conn, sock);

    switch (c->state) {
    case CONN_IDLE:
    case CONN_HEAD:
    case CONN_CONTENT:
        receive(c);
        break;
    case CONN_LINGER:
        discard(c);
        break;
    case CONN_WORKING:
    case CONN_SENDING: /* the next request waits in the kernel until this one is answered */
        sock_want(s, s->wanted & ~(unsigned)SOCK_READ);
        break;
    default:
        WRONG("bytes for a closed connection");
    }
}

/*
 * The viewer has ended its side while it is served. From a disk it gets its answer all the same: it
 * may have meant "no more requests". What would have to come from an origin is not fetched for one
 * who, as a rule, has left (nginx and HAProxy do the same).
 */
static void on_hangup(struct sock *s)
{
    struct conn *c = container_of(s, struct conn, sock);

    sock_want(s, s->wanted & ~(unsigned)SOCK_HANGUP);
    if (c->req != NULL && req_is_fed_by_origin(c->req))
        conn_abort(c, OUT_CLIENT_LEFT);
}

/* ---- accepting, deadlines, draining ---- */

void conn_accept(struct worker *w, int fd, const struct net_address *peer)
{
    static const struct sock_ops ops = {.readable = on_readable,
                                        .writable = conn_on_writable,
                                        .hangup = on_hangup,
                                        .closed = on_closed};
    struct conn *c;

    if (atomic_fetch_add(&w->limit->count, 1) >= w->limit->max) {
        atomic_fetch_sub(&w->limit->count, 1);
        gate_count(w->gate, STAT_CONNECTIONS_REFUSED, 1);
        close(fd);
        return;
    }
    c = xzalloc(sizeof *c);
    if (sock_init(&c->sock, w->loop, fd, &ops) < 0) {
        atomic_fetch_sub(&w->limit->count, 1);
        free(c);
        return;
    }
    c->worker = w;
    if (ip_from_sockaddr(&peer->u.any, &c->peer) < 0)
        c->peer = (struct ip){.family = IP_NONE};
    h1_init(&c->h1);
    buf_init(&c->kept, KEPT_CAP);
    deadline_init(&c->deadline);
    list_append(&w->connections, &c->link);
    gate_count(w->gate, STAT_CONNECTIONS, 1);
    gate_count(w->gate, STAT_CONNECTIONS_TOTAL, 1);
    deadline_set(w->idle, &c->deadline);
    sock_want(&c->sock, SOCK_READ);
}

static struct conn *conn_of(struct deadline *d)
{
    return container_of(d, struct conn, deadline);
}

void conn_on_idle(struct deadline *d)
{
    gate_count(conn_of(d)->worker->gate, STAT_IDLE_TIMEOUTS, 1);
    conn_close(conn_of(d));
}

void conn_on_slow_head(struct deadline *d)
{
    struct conn *c = conn_of(d);

    gate_count(c->worker->gate, STAT_HEAD_TIMEOUTS, 1);
    start_refused(c, OUT_HEAD_TIMEOUT);
}

void conn_on_slow_work(struct deadline *d)
{
    struct conn *c = conn_of(d);

    c->is_last = true;
    req_expire(c->req);
}

void conn_on_slow_content(struct deadline *d)
{
    struct conn *c = conn_of(d);

    conn_enter(c, CONN_WORKING);
    c->is_last = true;
    req_on_content(c->req, -ETIMEDOUT);
}

void conn_on_slow_reader(struct deadline *d)
{
    struct conn *c = conn_of(d);

    gate_count(c->worker->gate, STAT_SEND_TIMEOUTS, 1);
    conn_abort(c, OUT_SEND_TIMEOUT);
}

void conn_on_lingered(struct deadline *d)
{
    conn_close(conn_of(d));
}

void conn_close_idle(struct worker *w)
{
    LIST_FOREACH_SAFE (link, &w->connections) {
        struct conn *c = LIST_ENTRY(link, struct conn, link);

        if (c->state == CONN_IDLE || c->state == CONN_HEAD)
            conn_close(c);
    }
}

void conn_abort_all(struct worker *w)
{
    LIST_FOREACH_SAFE (link, &w->connections)
        conn_abort(LIST_ENTRY(link, struct conn, link), OUT_DRAINING);
}
