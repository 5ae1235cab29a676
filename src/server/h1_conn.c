/*
 * The life of a connection and its input. Bytes are received into the worker's one buffer and
 * parsed there; only what cannot be used yet (half a head, a pipelined request) is kept by the
 * connection.
 *
 * Invariants: at most one request; `view` points into worker->input only while conn_process() runs;
 * a closed connection has no request.
 */
#include "server/h1_conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/h2_conn.h"

enum {
    KEPT_CAP = HTTP_MAX_HEAD_BYTES + WORKER_INPUT_BYTES, /* half a head and one recv: what a
                                                            pipelining client can make us keep */
};

static void process(struct h1_conn *h);

/* ---- state ---- */

static struct deadline_queue *queue_of(struct worker *w, enum h1_conn_state s)
{
    switch (s) {
    case H1_IDLE_STATE:
        return w->idle;
    case H1_HEAD_STATE:
        return w->head;
    case H1_CONTENT_STATE:
        return w->content;
    case H1_SENDING_STATE:
        return w->send;
    case H1_WORKING_STATE:
        return w->work;
    default:
        WRONG("connection state without a row");
    }
}

void h1_conn_enter(struct h1_conn *h, enum h1_conn_state s)
{
    static const uint8_t may_follow[] = {
        [H1_IDLE_STATE] = 1 << H1_HEAD_STATE | 1 << H1_WORKING_STATE,
        [H1_HEAD_STATE] = 1 << H1_WORKING_STATE,
        [H1_WORKING_STATE] = 1 << H1_CONTENT_STATE | 1 << H1_SENDING_STATE | 1 << H1_IDLE_STATE,
        [H1_CONTENT_STATE] = 1 << H1_WORKING_STATE,
        [H1_SENDING_STATE] = 1 << H1_WORKING_STATE,
    };

    assert(may_follow[h->state] & 1 << s);
    h->state = (uint8_t)s;
    time_limit_set(queue_of(h->conn->worker, s), &h->conn->limit);
}

/* ---- the end ---- */

static void h1_free(struct conn *c)
{
    struct h1_conn *h = c->session;

    assert(h->req == NULL);
    buf_done(&h->kept);
    free(h);
}

/* Cuts the connection in whatever it is doing. */
static void h1_abort(struct conn *c, enum outcome why)
{
    struct h1_conn *h = c->session;

    h->is_last = true;
    if (h->req == NULL) {
        conn_close(c);
        return;
    }
    c->peer_ended = true; /* nothing to linger for */
    if (h->state != H1_WORKING_STATE)
        h1_conn_enter(h, H1_WORKING_STATE);
    req_abort(h->req, why); /* finished() closes */
}

static void finish(struct h1_conn *h)
{
    struct conn *c = h->conn;

    buf_done(&h->kept);
    if (!h->ends_by_close) {
        conn_finish(c);
        return;
    }
    sock_set_reset(&c->sock); /* cut short: an orderly end would pass it off as whole */
    conn_close(c);
}

/* ---- requests ---- */

/* The request is over, and with it what it owned. */
static void on_finished(struct req *r)
{
    struct h1_conn *h = r->owner;

    h->is_last |= h1_conn_must_end(h, r);
    h->req = NULL;
    h->head_left = (struct iovec){0};
    h->out = NULL;
    h->chunked = NULL;
    req_free(&r);
    if (h->is_last) {
        finish(h);
        return;
    }
    h1_next(&h->h1);
    h1_conn_enter(h, H1_IDLE_STATE);
    if (!h->is_processing)
        process(h);
}

/* Decoded content up to its end, or as far as the input goes. 1: complete; 0: more is needed;
 * -errno. */
static int read_content(struct h1_conn *h, struct buf *content)
{
    for (;;) {
        struct str piece = STR_NONE;
        size_t consumed = 0;
        enum h1_event e = h1_parse_body(&h->h1, h->view, &consumed, &piece);

        h->view = str_skip(h->view, consumed);
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
static int send_continue(struct h1_conn *h)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct iovec iov = {(void *)(uintptr_t)text, sizeof text - 1};
    ssize_t n = h->view.n == 0 ? sock_send(&h->conn->sock, &iov, 1, false) : (ssize_t)iov.iov_len;

    return n == (ssize_t)iov.iov_len || n == -EAGAIN ? 0 : -ECONNRESET;
}

static int step_content_in(struct h1_conn *h)
{
    struct req *r = h->req;
    int n = read_content(h, &r->content_buf);

    if (n > 0)
        r->content = r->content_buf.n > 0 ? buf_str(&r->content_buf) : STR("");
    return n;
}

static int on_want_content(struct req *r)
{
    struct h1_conn *h = r->owner;
    int n;

    if (!r->head.is_chunked && r->head.content_length > REQ_CONTENT_MAX)
        return -EMSGSIZE;
    if (r->head.expects_continue && send_continue(h) < 0)
        return -ECONNRESET;
    n = step_content_in(h);
    if (n != 0)
        return n;
    h1_conn_enter(h, H1_CONTENT_STATE);
    sock_want(&h->conn->sock, SOCK_READ);
    return 0;
}

static const struct transport h1_transport = {on_want_content, h1_conn_respond, on_finished};

static struct req *new_request(struct h1_conn *h)
{
    struct req *r = conn_new_request(h->conn, &h1_transport, h);

    r->head.version_major = 1;
    r->head.version_minor = 1;
    h->req = r;
    return r;
}

static void start_refused(struct h1_conn *h, enum outcome o)
{
    struct req *r = new_request(h);

    gate_count(h->conn->worker->gate, STAT_BAD_HEADS, 1);
    h1_conn_enter(h, H1_WORKING_STATE);
    req_start_refused(r, o);
}

static void start_request(struct h1_conn *h, struct str head_bytes)
{
    struct h1_index *index = &h->conn->worker->index;
    struct req *r = new_request(h);
    struct str copy = arena_copy(&r->arena, head_bytes);
    struct http_field *fields = arena_alloc(&r->arena, (index->field_count + 1) * sizeof *fields);

    assert(copy.p != NULL && fields != NULL); /* a head is far smaller than an arena's cap */
    h1_head(index, copy.p, fields, &r->head);
    h1_conn_enter(h, H1_WORKING_STATE);
    req_start(r);
}

static enum outcome outcome_of_event(enum h1_event e)
{
    return e == H1_TOO_LARGE ? OUT_HEAD_TOO_LARGE : e == H1_VERSION ? OUT_VERSION : OUT_BAD_REQUEST;
}

/* One head out of the view. False when there is none yet. */
static bool take_head(struct h1_conn *h)
{
    size_t consumed = 0;
    enum h1_event e = h1_parse(&h->h1, h->view, &h->conn->worker->index, &consumed);
    struct str head = str_first(h->view, consumed);

    if (e == H1_MORE) {
        if (h->state == H1_IDLE_STATE && h->view.n > 0)
            h1_conn_enter(h, H1_HEAD_STATE);
        return false;
    }
    h->view = str_skip(h->view, consumed);
    if (e == H1_HEAD)
        start_request(h, head);
    else
        start_refused(h, outcome_of_event(e));
    return true;
}

/* ---- input ---- */

/* What is left of the view must outlive the worker's buffer, which the next connection will use. */
static void keep_rest(struct h1_conn *h)
{
    if (h->view.n == 0) {
        buf_done(&h->kept);
    } else if (h->kept.p != NULL && h->view.p >= h->kept.p && h->view.p <= h->kept.p + h->kept.n) {
        buf_consume(&h->kept, (size_t)(h->view.p - h->kept.p));
    } else {
        buf_done(&h->kept);
        buf_add(&h->kept, h->view);
    }
    h->view = buf_str(&h->kept);
}

/* ---- the other protocol ---- */

/* RFC 9113 3.3: prior knowledge. 1: it is HTTP/2; 0: more bytes will tell; -1: it is not. */
static int look_for_preface(const struct h1_conn *h)
{
    struct str preface = STR(H2_PREFACE);
    size_t n = MIN(h->view.n, preface.n);

    if (!str_eq(str_first(h->view, n), str_first(preface, n)))
        return -1;
    return n == preface.n;
}

/* The connection goes on without this session. */
static void hand_over(struct h1_conn *h)
{
    struct conn *c = h->conn;
    struct buf kept = h->kept;
    struct str input = h->view;

    free(h);
    h2_conn_start(c, input);
    buf_done(&kept);
}

/* Did the connection's first bytes change hands, or must more of them come? */
static bool is_for_h2(struct h1_conn *h)
{
    int n = h->may_be_h2 ? look_for_preface(h) : -1;

    if (n > 0) {
        hand_over(h);
        return true;
    }
    h->may_be_h2 = n == 0;
    if (n < 0)
        return false;
    if (h->state == H1_IDLE_STATE)
        h1_conn_enter(h, H1_HEAD_STATE);
    keep_rest(h);
    return true;
}

/* ---- processing ---- */

/* Works through the input there is: requests one after the other, until one has to wait or more
 * bytes are needed. */
static void process(struct h1_conn *h)
{
    h->is_processing = true;
    if (h->state == H1_CONTENT_STATE) {
        int n = step_content_in(h);

        if (n != 0) {
            h1_conn_enter(h, H1_WORKING_STATE);
            req_on_content(h->req, MIN(n, 0));
        }
    }
    while (h->req == NULL && (h->state == H1_IDLE_STATE || h->state == H1_HEAD_STATE) &&
           h->view.n > 0 && take_head(h))
        continue;
    h->is_processing = false;
    if (h->conn->state != CONN_SPEAKING)
        return;
    keep_rest(h);
    if (h->req == NULL && h->conn->peer_ended)
        conn_close(h->conn);
    else if (h->state == H1_IDLE_STATE || h->state == H1_HEAD_STATE || h->state == H1_CONTENT_STATE)
        sock_want(&h->conn->sock, SOCK_READ);
    else if (h->state == H1_WORKING_STATE)
        sock_want(&h->conn->sock,
                  SOCK_HANGUP); /* reaches the kernel if it still waits at the turn's end */
}

bool h1_conn_must_end(const struct h1_conn *h, const struct req *r)
{
    bool has_unread_content = r->head.has_body && r->content.p == NULL;

    return r->must_close || has_unread_content || !r->head.keep_alive || h->conn->peer_ended ||
           h->conn->worker->state != WORKER_SERVING;
}

/* The client will send nothing more. */
static void on_peer_end(struct h1_conn *h)
{
    h->conn->peer_ended = true;
    h1_abort(h->conn, OUT_CLIENT_LEFT); /* half a head, or half of the content: nothing to answer */
}

static void receive(struct h1_conn *h)
{
    bool has_kept = h->kept.n > 0;
    char *to = has_kept ? buf_reserve(&h->kept, HTTP_MAX_HEAD_BYTES) : h->conn->worker->input;
    size_t room = has_kept ? HTTP_MAX_HEAD_BYTES : WORKER_INPUT_BYTES;
    ssize_t n;

    assert(to != NULL); /* whoever waits for more keeps less than a head */
    n = sock_recv(&h->conn->sock, to, room);
    if (n == -EAGAIN)
        return;
    if (n == 0) {
        on_peer_end(h);
        return;
    }
    if (n < 0) {
        h1_abort(h->conn, OUT_CLIENT_LEFT);
        return;
    }
    if (has_kept)
        buf_added(&h->kept, (size_t)n);
    h->view = has_kept ? buf_str(&h->kept) : (struct str){to, (size_t)n};
    if (!is_for_h2(h))
        process(h);
}

static void h1_readable(struct conn *c)
{
    struct h1_conn *h = c->session;

    switch (h->state) {
    case H1_IDLE_STATE:
    case H1_HEAD_STATE:
    case H1_CONTENT_STATE:
        receive(h);
        break;
    case H1_WORKING_STATE:
    case H1_SENDING_STATE: /* the next request waits in the kernel until this one is answered */
        sock_want(&c->sock, c->sock.wanted & ~(unsigned)SOCK_READ);
        break;
    default:
        WRONG("connection state without a row");
    }
}

/*
 * The viewer has ended its side while it is served. From a disk it gets its answer all the same: it
 * may have meant "no more requests". What would have to come from an origin is not fetched for one
 * who, as a rule, has left (nginx and HAProxy do the same).
 */
static void h1_hangup(struct conn *c)
{
    struct h1_conn *h = c->session;

    sock_want(&c->sock, c->sock.wanted & ~(unsigned)SOCK_HANGUP);
    if (h->req != NULL && req_is_fed_by_origin(h->req))
        h1_abort(c, OUT_CLIENT_LEFT);
}

/* ---- start, limits, draining ---- */

static void on_slow_head(struct h1_conn *h)
{
    gate_count(h->conn->worker->gate, STAT_HEAD_TIMEOUTS, 1);
    start_refused(h, OUT_HEAD_TIMEOUT);
}

static void on_slow_work(struct h1_conn *h)
{
    h->is_last = true;
    req_expire(h->req);
}

static void on_slow_content(struct h1_conn *h)
{
    h1_conn_enter(h, H1_WORKING_STATE);
    h->is_last = true;
    req_on_content(h->req, -ETIMEDOUT);
}

static void h1_expired(struct conn *c)
{
    struct h1_conn *h = c->session;

    switch (h->state) {
    case H1_IDLE_STATE:
        gate_count(c->worker->gate, STAT_IDLE_TIMEOUTS, 1);
        conn_close(c);
        break;
    case H1_HEAD_STATE:
        on_slow_head(h);
        break;
    case H1_WORKING_STATE:
        on_slow_work(h);
        break;
    case H1_CONTENT_STATE:
        on_slow_content(h);
        break;
    case H1_SENDING_STATE:
        gate_count(c->worker->gate, STAT_SEND_TIMEOUTS, 1);
        h1_abort(c, OUT_SEND_TIMEOUT);
        break;
    default:
        WRONG("connection state without a row");
    }
}

/* The others close after their response. */
static void h1_drain(struct conn *c)
{
    struct h1_conn *h = c->session;

    if (h->state == H1_IDLE_STATE || h->state == H1_HEAD_STATE)
        conn_close(c);
}

static const struct protocol h1_protocol = {
    .readable = h1_readable,
    .writable = h1_conn_writable,
    .hangup = h1_hangup,
    .expired = h1_expired,
    .drain = h1_drain,
    .abort = h1_abort,
    .free = h1_free,
};

void h1_conn_start(struct conn *c)
{
    struct h1_conn *h = xzalloc(sizeof *h);

    h->conn = c;
    h->may_be_h2 = c->entrance->has_http2 && c->entrance->tls == NULL;
    h1_init(&h->h1);
    buf_init(&h->kept, KEPT_CAP);
    conn_speak(c, &h1_protocol, h);
    time_limit_set(c->worker->idle, &c->limit);
    sock_want(&c->sock, SOCK_READ);
}
