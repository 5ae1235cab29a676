/*
 * The output of a connection: the response's head and the first pieces of a body in memory leave in
 * one sendmsg, the rest in the largest pieces the socket takes, pulled from the body as there is
 * room.
 */
#include "server/h1_conn.h"

#include <errno.h>

enum {
    SEND_ROUNDS =
        8, /* pieces in one turn: a fast reader of a large file must not starve the others */
    FILE_PIECE =
        1 << 20, /* of a file in one sendfile: a cold disk must not stall the worker for long */
    LEND_FROM = 64 * 1024, /* fewer bytes are copied for less */
    HEAD_MARGIN = 512,     /* status line, Date, Content-Length, Connection */
    FIELD_MARGIN = 4,      /* ": " and CRLF */
};

static size_t head_room(const struct http_response *r)
{
    size_t n = HEAD_MARGIN;

    for (unsigned i = 0; i < r->field_count; i++)
        n += r->fields[i].name.n + r->fields[i].value.n + FIELD_MARGIN;
    return n;
}

static int write_head(struct h1_conn *h, struct req *r)
{
    size_t room = head_room(&r->response);
    char *p = arena_alloc(&r->arena, room);
    ptrdiff_t n;

    if (p == NULL)
        return -ENOMEM;
    h->ends_by_close = h1_ends_by_close(&r->response, &r->head);
    h->is_last |= r->must_close || !r->head.keep_alive || h->conn->peer_ended ||
                  h->conn->worker->state != WORKER_SERVING || h->ends_by_close;
    n = h1_write_head(&r->response, &r->head, h->is_last, loop_unix(h->conn->worker->loop), p,
                      room);
    assert(n > 0); /* the room was counted */
    h->head_left = (struct iovec){p, (size_t)n};
    return 0;
}

/* Takes `n` sent bytes off the head, then off the body. */
static void account_sent(struct h1_conn *h, struct req *r, size_t n)
{
    size_t of_head = MIN(n, h->head_left.iov_len);

    h->head_left.iov_base = (char *)h->head_left.iov_base + of_head;
    h->head_left.iov_len -= of_head;
    if (n == of_head)
        return;
    body_advance(h->out, n - of_head);
    req_note_sent(r, h->chunked != NULL ? h->chunked->content_sent : r->sent + n - of_head);
}

static bool has_body_left(const struct h1_conn *h)
{
    return h->out != NULL && h->out->left > 0;
}

/* What is worth a way of its own, without a copy; a head in front of it goes alone. */
static bool is_big(const struct body_view *view)
{
    return view->kind == BODY_FILE ||
           (view->kind == BODY_PAGES && view->iov[0].iov_len >= LEND_FROM);
}

static ssize_t send_big(struct h1_conn *h, const struct body_view *view)
{
    ssize_t n;

    if (view->kind == BODY_PAGES)
        return sock_lend(&h->conn->sock, view->iov[0].iov_base, view->iov[0].iov_len);
    n = sock_send_file(&h->conn->sock, view->fd, view->offset,
                       (size_t)MIN(view->length, (uint64_t)FILE_PIECE));
    return n == 0 ? -EIO : n; /* the file has become shorter than was promised */
}

/* One piece of output. > 0: bytes went; -EAGAIN: the socket is full; -errno. `view`: NULL: the head
 * alone is left. */
static ssize_t send_piece(struct h1_conn *h, const struct body_view *view)
{
    struct iovec iov[BODY_PEEK_IOV + 1];
    bool is_next_big = view != NULL && is_big(view);
    int count = 0;

    if (is_next_big && h->head_left.iov_len == 0)
        return send_big(h, view);
    if (h->head_left.iov_len > 0)
        iov[count++] = h->head_left;
    for (int i = 0; view != NULL && !is_next_big && i < view->iov_count; i++)
        iov[count++] = view->iov[i];
    return sock_send(&h->conn->sock, iov, count, is_next_big);
}

/* 1: everything is with the kernel; 0: wait for room; 2: wait for the body; -errno. */
enum { SENT_ALL = 1, WAIT_ROOM = 0, WAIT_BODY = 2 };

/* Nothing is left to hand over: `what`, unless the socket still holds on to some of it. */
static int flushed(struct h1_conn *h, int what)
{
    int r = sock_flush(&h->conn->sock);

    return r == 0 ? what : r == -EAGAIN ? WAIT_ROOM : r;
}

static int sent_all(struct h1_conn *h)
{
    int r = flushed(h, SENT_ALL);

    if (r == SENT_ALL)
        h->ends_by_close = false;
    return r;
}

static int pump(struct h1_conn *h, struct req *r)
{
    for (int round = 0; round < SEND_ROUNDS; round++) {
        struct body_view view;
        int has = 0;
        ssize_t n;

        if (has_body_left(h))
            has = body_peek(h->out, &view);
        if (has < 0)
            return -EIO;
        if (has == 0 && h->head_left.iov_len == 0)
            return has_body_left(h) ? flushed(h, WAIT_BODY) : sent_all(h);
        n = send_piece(h, has > 0 ? &view : NULL);
        if (n == -EAGAIN)
            return WAIT_ROOM;
        if (n < 0)
            return (int)n;
        account_sent(h, r, (size_t)n);
    }
    return h->head_left.iov_len == 0 && !has_body_left(h) ? sent_all(h) : WAIT_ROOM;
}

/*
 * Room in the socket is the viewer's to make, within the send timeout. A body that is still
 * arriving is its origin's: whoever feeds it has limits of its own. Either way we notice when the
 * viewer leaves, so that nothing is fetched for nobody.
 */
static void wait_for(struct h1_conn *h, int what, bool has_moved)
{
    if (what == WAIT_BODY)
        time_limit_clear(&h->conn->limit);
    else if (has_moved || !time_limit_is_set(&h->conn->limit))
        time_limit_set(h->conn->worker->send, &h->conn->limit);
    sock_want(&h->conn->sock, what == WAIT_ROOM ? SOCK_WRITE | SOCK_HANGUP : SOCK_HANGUP);
}

static void go_on(struct h1_conn *h)
{
    struct req *r = h->req;
    uint64_t body_before = r->sent;
    size_t head_before = h->head_left.iov_len;
    int n = pump(h, r);

    if (n == SENT_ALL || n < 0) {
        sock_want(&h->conn->sock, h->conn->sock.wanted & ~(unsigned)SOCK_WRITE);
        h1_conn_enter(h, H1_WORKING_STATE);
        req_on_sent(r, MIN(n, 0));
        return;
    }
    wait_for(h, n, r->sent != body_before || h->head_left.iov_len != head_before);
}

/* Sent at once: what has just come may still be in the hands of who brings it. */
static void on_more(struct body *b)
{
    struct h1_conn *h = b->puller;

    if (!(h->conn->sock.wanted & SOCK_WRITE))
        go_on(h);
}

/* What leaves the socket: the body, in chunks when nobody knows how long it will be. */
static int set_out(struct h1_conn *h, struct req *r)
{
    h->out = r->body;
    h->chunked = NULL;
    if (h->out != NULL && h1_is_chunked(&r->response, &r->head)) {
        h->chunked = ARENA_NEW(&r->arena, struct chunked_body);
        if (h->chunked == NULL)
            return -ENOMEM;
        chunked_body_init(h->chunked, h->out);
        h->out = &h->chunked->body;
    }
    if (h->out != NULL) {
        h->out->on_more = on_more;
        h->out->puller = h;
    }
    return 0;
}

int h1_conn_respond(struct req *r)
{
    struct h1_conn *h = r->owner;
    int n = set_out(h, r);

    if (n == 0)
        n = write_head(h, r);
    if (n == 0)
        n = pump(h, r);
    else
        return n;
    if (n == SENT_ALL || n < 0)
        return n;
    h1_conn_enter(h, H1_SENDING_STATE);
    wait_for(h, n, true);
    return 0;
}

void h1_conn_writable(struct conn *c)
{
    struct h1_conn *h = c->session;

    if (h->state == H1_SENDING_STATE)
        go_on(h);
    else
        sock_want(&c->sock, c->sock.wanted & ~(unsigned)SOCK_WRITE);
}
