/*
 * The output of a connection: the response's head and the first pieces of a body in memory leave in
 * one sendmsg, the rest in the largest pieces the socket takes, pulled from the body as there is
 * room.
 */
#include "server/conn_internal.h"

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

static int write_head(struct conn *c, struct req *r)
{
    size_t room = head_room(&r->response);
    char *p = arena_alloc(&r->arena, room);
    ptrdiff_t n;

    if (p == NULL)
        return -ENOMEM;
    c->ends_by_close = h1_ends_by_close(&r->response, &r->head);
    c->is_last |= r->must_close || !r->head.keep_alive || c->peer_ended ||
                  c->worker->state != WORKER_SERVING || c->ends_by_close;
    n = h1_write_head(&r->response, &r->head, c->is_last, loop_unix(c->worker->loop), p, room);
    assert(n > 0); /* the room was counted */
    c->head_left = (struct iovec){p, (size_t)n};
    return 0;
}

/* Takes `n` sent bytes off the head, then off the body. */
static void account_sent(struct conn *c, struct req *r, size_t n)
{
    size_t of_head = MIN(n, c->head_left.iov_len);

    c->head_left.iov_base = (char *)c->head_left.iov_base + of_head;
    c->head_left.iov_len -= of_head;
    if (n == of_head)
        return;
    body_advance(c->out, n - of_head);
    r->sent = c->chunked != NULL ? c->chunked->content_sent : r->sent + n - of_head;
}

static bool has_body_left(const struct conn *c)
{
    return c->out != NULL && c->out->left > 0;
}

/* What is worth a way of its own, without a copy; a head in front of it goes alone. */
static bool is_big(const struct body_view *view)
{
    return view->kind == BODY_FILE ||
           (view->kind == BODY_PAGES && view->iov[0].iov_len >= LEND_FROM);
}

static ssize_t send_big(struct conn *c, const struct body_view *view)
{
    ssize_t n;

    if (view->kind == BODY_PAGES)
        return sock_lend(&c->sock, view->iov[0].iov_base, view->iov[0].iov_len);
    n = sock_send_file(&c->sock, view->fd, view->offset,
                       (size_t)MIN(view->length, (uint64_t)FILE_PIECE));
    return n == 0 ? -EIO : n; /* the file has become shorter than was promised */
}

/* One piece of output. > 0: bytes went; -EAGAIN: the socket is full; -errno. `view`: NULL: the head
 * alone is left. */
static ssize_t send_piece(struct conn *c, const struct body_view *view)
{
    struct iovec iov[BODY_PEEK_IOV + 1];
    bool is_next_big = view != NULL && is_big(view);
    int count = 0;

    if (is_next_big && c->head_left.iov_len == 0)
        return send_big(c, view);
    if (c->head_left.iov_len > 0)
        iov[count++] = c->head_left;
    for (int i = 0; view != NULL && !is_next_big && i < view->iov_count; i++)
        iov[count++] = view->iov[i];
    return sock_send(&c->sock, iov, count, is_next_big);
}

/* 1: everything is with the kernel; 0: wait for room; 2: wait for the body; -errno. */
enum { SENT_ALL = 1, WAIT_ROOM = 0, WAIT_BODY = 2 };

static int sent_all(struct conn *c)
{
    c->ends_by_close = false;
    return SENT_ALL;
}

static int pump(struct conn *c, struct req *r)
{
    for (int round = 0; round < SEND_ROUNDS; round++) {
        struct body_view view;
        int has = 0;
        ssize_t n;

        if (has_body_left(c))
            has = body_peek(c->out, &view);
        if (has < 0)
            return -EIO;
        if (has == 0 && c->head_left.iov_len == 0)
            return has_body_left(c) ? WAIT_BODY : sent_all(c);
        n = send_piece(c, has > 0 ? &view : NULL);
        if (n == -EAGAIN)
            return WAIT_ROOM;
        if (n < 0)
            return (int)n;
        account_sent(c, r, (size_t)n);
    }
    return c->head_left.iov_len == 0 && !has_body_left(c) ? sent_all(c) : WAIT_ROOM;
}

/*
 * Room in the socket is the viewer's to make, within the send timeout. A body that is still
 * arriving is its origin's: whoever feeds it has limits of its own. Either way we notice when the
 * viewer leaves, so that nothing is fetched for nobody.
 */
static void wait_for(struct conn *c, int what, bool has_moved)
{
    if (what == WAIT_BODY)
        deadline_clear(&c->deadline);
    else if (has_moved || !deadline_is_set(&c->deadline))
        deadline_set(c->worker->send, &c->deadline);
    sock_want(&c->sock, what == WAIT_ROOM ? SOCK_WRITE | SOCK_HANGUP : SOCK_HANGUP);
}

static void go_on(struct conn *c)
{
    struct req *r = c->req;
    uint64_t body_before = r->sent;
    size_t head_before = c->head_left.iov_len;
    int n = pump(c, r);

    if (n == SENT_ALL || n < 0) {
        sock_want(&c->sock, c->sock.wanted & ~(unsigned)SOCK_WRITE);
        conn_enter(c, CONN_WORKING);
        req_on_sent(r, MIN(n, 0));
        return;
    }
    wait_for(c, n, r->sent != body_before || c->head_left.iov_len != head_before);
}

/* Sent at once: what has just come may still be in the hands of who brings it. */
static void on_more(struct body *b)
{
    struct conn *c = b->puller;

    if (!(c->sock.wanted & SOCK_WRITE))
        go_on(c);
}

/* What leaves the socket: the body, in chunks when nobody knows how long it will be. */
static int set_out(struct conn *c, struct req *r)
{
    c->out = r->body;
    c->chunked = NULL;
    if (c->out != NULL && h1_is_chunked(&r->response, &r->head)) {
        c->chunked = ARENA_NEW(&r->arena, struct chunked_body);
        if (c->chunked == NULL)
            return -ENOMEM;
        chunked_body_init(c->chunked, c->out);
        c->out = &c->chunked->body;
    }
    if (c->out != NULL) {
        c->out->on_more = on_more;
        c->out->puller = c;
    }
    return 0;
}

int conn_respond(struct req *r)
{
    struct conn *c = r->owner;
    int n = set_out(c, r);

    if (n == 0)
        n = write_head(c, r);
    if (n == 0)
        n = pump(c, r);
    else
        return n;
    if (n == SENT_ALL || n < 0)
        return n;
    conn_enter(c, CONN_SENDING);
    wait_for(c, n, true);
    return 0;
}

void conn_on_writable(struct sock *s)
{
    struct conn *c = container_of(s, struct conn, sock);

    if (c->state == CONN_SENDING)
        go_on(c);
    else
        sock_want(s, s->wanted & ~(unsigned)SOCK_WRITE);
}
