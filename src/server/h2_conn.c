/*
 * The life of a connection that speaks HTTP/2, and its input. It is idle while it has no stream:
 * then, and only then, its own limit is set, and no frame but a request's puts it off. A stream has
 * limits of its own (h2_stream.c).
 *
 * The end comes from many sides (the client's, GOAWAY, a limit, a broken socket), and often from
 * within the codec; so it is only noted, and carried out by the flush that follows.
 */
#include "server/h2_conn.h"

#include <errno.h>
#include <stdlib.h>

static void update_idle_limit(struct h2_conn *h)
{
    struct conn *c = h->conn;

    if (h2_stream_count(h->h2) > 0)
        time_limit_clear(&c->limit);
    else if (!time_limit_is_set(&c->limit))
        time_limit_set(c->worker->idle, &c->limit);
}

static void count_events(struct h2_conn *h)
{
    struct gate_worker *g = h->conn->worker->gate;
    struct h2_counts *n = h2_get_counts(h->h2);

    if (n->malformed + n->resets + n->floods == 0)
        return;
    gate_count(g, STAT_H2_MALFORMED, n->malformed);
    gate_count(g, STAT_H2_RESETS, n->resets);
    gate_count(g, STAT_H2_FLOODS, n->floods);
    *n = (struct h2_counts){0};
}

/* ---- the end ---- */

/* Without another word: the socket is broken, its client has left, or a file that is promised in a
 * frame has become shorter (-EIO). */
static void drop(struct h2_conn *h, int err)
{
    if (h->conn->state != CONN_SPEAKING)
        return;
    h->is_ending = true;
    count_events(h);
    h2_streams_abort(h, err == -EIO ? OUT_ORIGIN_BROKE : OUT_CLIENT_LEFT);
    conn_close(h->conn);
}

static void h2_abort(struct conn *c, enum outcome why)
{
    struct h2_conn *h = c->session;

    h->is_ending = true;
    h2_streams_abort(h, why);
    h2_go_away(h->h2);
    if (h2_conn_send(h) == 0) /* what there is room for */
        sock_shutdown_write(&c->sock);
    conn_close(c);
}

static void h2_conn_free(struct conn *c)
{
    struct h2_conn *h = c->session;

    assert(list_is_empty(&h->streams));
    loop_task_cancel(&h->flush);
    h2_free(&h->h2);
    buf_done(&h->rest);
    free(h);
}

/* ---- output ---- */

void h2_conn_will_flush(struct h2_conn *h)
{
    if (!h->is_busy && !h->is_ending)
        loop_defer(h->conn->worker->loop, &h->flush);
}

static bool must_leave(const struct h2_conn *h)
{
    return h->is_failed || h2_is_over(h->h2) ||
           (h->conn->worker->state != WORKER_SERVING && h2_stream_count(h->h2) == 0);
}

static void flush(struct h2_conn *h)
{
    struct conn *c = h->conn;
    int r;

    if (h->is_ending)
        return;
    h->is_busy = true;
    r = h2_conn_send(h);
    h->is_busy = false;
    if (r < 0) {
        drop(h, r);
        return;
    }
    count_events(h);
    if (!must_leave(h) || h->is_blocked) {
        update_idle_limit(h);
        sock_want(&c->sock, SOCK_READ | (h->is_blocked ? SOCK_WRITE : 0));
        return;
    }
    if (!h2_is_over(h->h2)) { /* drained: the last stream has ended before the last word was said */
        h2_go_away(h->h2);
        (void)h2_conn_send(h);
    }
    h->is_ending = true;
    h2_streams_abort(h, OUT_CLIENT_LEFT);
    conn_finish(c);
}

static void on_flush(struct loop_task *task)
{
    flush(container_of(task, struct h2_conn, flush));
}

static void h2_writable(struct conn *c)
{
    flush(c->session);
}

/* ---- input ---- */

static void take(struct h2_conn *h, struct str input)
{
    h->is_busy = true;
    h->is_failed = h2_receive(h->h2, input, loop_now(h->conn->worker->loop)) < 0;
    h->is_busy = false;
    flush(h);
}

static void h2_readable(struct conn *c)
{
    struct h2_conn *h = c->session;
    ssize_t n = sock_recv(&c->sock, c->worker->input, WORKER_INPUT_BYTES);

    if (n > 0) {
        take(h, (struct str){c->worker->input, (size_t)n});
    } else if (n != -EAGAIN) {
        c->peer_ended = true;
        drop(h, -ECONNRESET);
    }
}

/* Half-closed connections mean nothing in HTTP/2: SOCK_READ tells all there is to know. */
static void h2_hangup(struct conn *c)
{
    sock_want(&c->sock, c->sock.wanted & ~(unsigned)SOCK_HANGUP);
}

/* ---- start, limits, draining ---- */

static void h2_expired(struct conn *c)
{
    struct h2_conn *h = c->session;

    gate_count(c->worker->gate, STAT_IDLE_TIMEOUTS, 1);
    h2_go_away(h->h2);
    flush(h);
    if (c->state == CONN_SPEAKING) /* the socket is full: it has been, for all this time */
        drop(h, -ECONNRESET);
}

static void h2_drain_conn(struct conn *c)
{
    struct h2_conn *h = c->session;

    if (h2_stream_count(h->h2) > 0)
        h2_drain(h->h2);
    else
        h2_go_away(h->h2);
    flush(h);
}

static const struct protocol h2_protocol = {
    .is_h2 = true,
    .readable = h2_readable,
    .writable = h2_writable,
    .hangup = h2_hangup,
    .expired = h2_expired,
    .drain = h2_drain_conn,
    .abort = h2_abort,
    .free = h2_conn_free,
};

void h2_conn_start(struct conn *c, struct str input)
{
    struct h2_conn *h = xzalloc(sizeof *h);

    h->conn = c;
    h->h2 = h2_new(&h2_stream_events, h, c->worker->max_streams, loop_now(c->worker->loop));
    h->batch = H2_BATCH_MAX;
    list_init(&h->streams);
    loop_task_init(&h->flush, on_flush);
    buf_init(&h->rest, SOCK_SEALED_MAX + H2_BATCH_FRAMES);
    conn_speak(c, &h2_protocol, h);
    time_limit_set(c->worker->idle, &c->limit);
    take(h, input); /* and our SETTINGS leave */
}
