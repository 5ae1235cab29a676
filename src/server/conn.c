/*
 * The life of a connection. The socket's events and the limit reach the protocol only while
 * SPEAKING. Its session lives as long as the connection's memory does, since the end may come from
 * within any of its functions.
 */
#include "server/conn.h"

#include <stdlib.h>
#include <unistd.h>

static void enter(struct conn *c, enum conn_state s)
{
    static const uint8_t may_follow[] = {
        [CONN_OPENING] = 1 << CONN_SPEAKING | 1 << CONN_CLOSED,
        [CONN_SPEAKING] = 1 << CONN_SPEAKING | 1 << CONN_LINGER | 1 << CONN_CLOSED,
        [CONN_LINGER] = 1 << CONN_CLOSED,
        [CONN_CLOSED] = 0,
    };

    assert(may_follow[c->state] & 1 << s);
    c->state = (uint8_t)s;
}

static void count_protocol(struct conn *c, int by)
{
    if (c->protocol != NULL && c->protocol->is_h2)
        gate_count(c->worker->gate, STAT_CONNECTIONS_H2, by);
}

/* ---- the end ---- */

static void on_closed(struct sock *s)
{
    struct conn *c = container_of(s, struct conn, sock);

    count_protocol(c, -1);
    if (c->session != NULL)
        c->protocol->free(c);
    list_remove(&c->link);
    worker_connection_closed(c->worker);
    free(c);
}

void conn_close(struct conn *c)
{
    enter(c, CONN_CLOSED);
    time_limit_clear(&c->limit);
    if (c->entrance->tls != NULL)
        gate_count(c->worker->gate, STAT_CONNECTIONS_TLS, -1);
    entrance_unref(&c->entrance);
    sock_close(&c->sock);
}

void conn_finish(struct conn *c)
{
    if (c->peer_ended) {
        conn_close(c);
        return;
    }
    sock_shutdown_write(&c->sock);
    enter(c, CONN_LINGER);
    time_limit_set(c->worker->linger, &c->limit);
    sock_want(&c->sock, SOCK_READ);
}

static void discard(struct conn *c)
{
    ssize_t n = sock_recv(&c->sock, c->worker->input, WORKER_INPUT_BYTES);

    if (n == 0 || (n < 0 && n != -EAGAIN))
        conn_close(c);
}

/* ---- the socket ---- */

static void on_readable(struct sock *s)
{
    struct conn *c = container_of(s, struct conn, sock);

    switch (c->state) {
    case CONN_OPENING:
        conn_opening_readable(c);
        break;
    case CONN_SPEAKING:
        c->protocol->readable(c);
        break;
    case CONN_LINGER:
        discard(c);
        break;
    default:
        WRONG("bytes for a closed connection");
    }
}

static void on_writable(struct sock *s)
{
    struct conn *c = container_of(s, struct conn, sock);

    if (c->state == CONN_OPENING)
        conn_opening_readable(c);
    else if (c->state == CONN_SPEAKING)
        c->protocol->writable(c);
}

static void on_hangup(struct sock *s)
{
    struct conn *c = container_of(s, struct conn, sock);

    if (c->state == CONN_SPEAKING)
        c->protocol->hangup(c);
}

static void on_limit(struct time_limit *l)
{
    struct conn *c = container_of(l, struct conn, limit);

    switch (c->state) {
    case CONN_OPENING:
        gate_count(c->worker->gate, STAT_HANDSHAKE_TIMEOUTS, 1);
        conn_close(c);
        break;
    case CONN_SPEAKING:
        c->protocol->expired(c);
        break;
    case CONN_LINGER:
        conn_close(c);
        break;
    default:
        WRONG("limit of a closed connection");
    }
}

/* ---- the beginning ---- */

void conn_speak(struct conn *c, const struct protocol *p, void *session)
{
    enter(c, CONN_SPEAKING);
    c->protocol = p;
    c->session = session;
    count_protocol(c, 1);
}

static struct conn *conn_new(struct worker *w, const struct net_address *peer, struct entrance *e)
{
    struct conn *c = xzalloc(sizeof *c);

    c->worker = w;
    c->entrance = entrance_ref(e);
    c->is_tls = e->tls != NULL;
    if (ip_from_sockaddr(&peer->u.any, &c->peer) < 0)
        c->peer = IP_LOOPBACK; /* a Unix socket */
    time_limit_init(&c->limit, on_limit);
    return c;
}

static void free_unborn(struct conn *c)
{
    atomic_fetch_sub(&c->worker->limit->count, 1);
    entrance_unref(&c->entrance);
    free(c);
}

void conn_accept(struct worker *w, int fd, const struct net_address *peer, struct entrance *e)
{
    static const struct sock_ops ops = {
        .readable = on_readable, .writable = on_writable, .hangup = on_hangup, .closed = on_closed};
    struct conn *c;

    if (atomic_fetch_add(&w->limit->count, 1) >= w->limit->max) {
        atomic_fetch_sub(&w->limit->count, 1);
        gate_count(w->gate, STAT_CONNECTIONS_REFUSED, 1);
        close(fd);
        return;
    }
    c = conn_new(w, peer, e);
    if (sock_init(&c->sock, w->loop, fd, &ops) < 0) {
        free_unborn(c);
        return;
    }
    list_append(&w->connections, &c->link);
    gate_count(w->gate, STAT_CONNECTIONS, 1);
    gate_count(w->gate, STAT_CONNECTIONS_TOTAL, 1);
    if (e->tls != NULL)
        gate_count(w->gate, STAT_CONNECTIONS_TLS, 1);
    conn_open(c);
}

struct req *conn_new_request(struct conn *c, const struct transport *t, void *owner)
{
    struct req *r = req_new(c->worker->gate, t, owner);

    r->peer = c->peer;
    r->is_tls = c->is_tls;
    r->door = &c->entrance->door;
    r->wants_memory = sock_seals(&c->sock) || c->protocol->is_h2;
    return r;
}

/* ---- all of a worker's ---- */

void conn_drain_all(struct worker *w)
{
    LIST_FOREACH_SAFE (link, &w->connections) {
        struct conn *c = LIST_ENTRY(link, struct conn, link);

        if (c->state == CONN_OPENING)
            conn_close(c);
        else if (c->state == CONN_SPEAKING)
            c->protocol->drain(c);
    }
}

void conn_abort_all(struct worker *w)
{
    LIST_FOREACH_SAFE (link, &w->connections) {
        struct conn *c = LIST_ENTRY(link, struct conn, link);

        if (c->state == CONN_SPEAKING)
            c->protocol->abort(c, OUT_DRAINING);
        else if (c->state != CONN_CLOSED)
            conn_close(c);
    }
}
