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
    HEAD_MARGIN = 512, /* status line, Date, Content-Length, Connection */
    FIELD_MARGIN = 4,  /* ": " and CRLF */
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
    c->is_last |=
        r->must_close || !r->head.keep_alive || c->peer_ended || c->worker->state != WORKER_SERVING;
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
    if (n > of_head) {
        r->sent += n - of_head;
        body_advance(r->body, n - of_head);
    }
}

static bool has_body_left(const struct req *r)
{
    return r->body != NULL && r->body->left > 0;
}

/* One sendmsg or sendfile. > 0: bytes went; 0: the socket is full; -errno. */
static ssize_t send_piece(struct conn *c, struct req *r, const struct body_view *view)
{
    struct iovec iov[BODY_PEEK_IOV + 1];
    int count = 0;
    ssize_t n;

    if (view != NULL && view->kind == BODY_FILE && c->head_left.iov_len == 0) {
        n = sock_send_file(&c->sock, view->fd, view->offset,
                           (size_t)MIN(view->length, (uint64_t)FILE_PIECE));
        return n == 0 ? -EIO : n; /* the file has become shorter than was promised */
    }
    if (c->head_left.iov_len > 0)
        iov[count++] = c->head_left;
    for (int i = 0; view != NULL && view->kind == BODY_MEMORY && i < view->iov_count; i++)
        iov[count++] = view->iov[i];
    return sock_send(&c->sock, iov, count, view != NULL && view->kind == BODY_FILE);
}

static void on_more(struct body *b)
{
    struct req *r = b->puller;
    struct conn *c = r->owner;

    sock_want(&c->sock, c->sock.wanted | SOCK_WRITE);
}

/* 1: everything is with the kernel; 0: wait for room; 2: wait for the body; -errno. */
enum { SENT_ALL = 1, WAIT_ROOM = 0, WAIT_BODY = 2 };

static int pump(struct conn *c, struct req *r)
{
    for (int round = 0; round < SEND_ROUNDS; round++) {
        struct body_view view;
        int has = 0;
        ssize_t n;

        if (has_body_left(r))
            has = body_peek(r->body, &view);
        if (has < 0)
            return -EIO;
        if (has == 0 && c->head_left.iov_len == 0)
            return has_body_left(r) ? WAIT_BODY : SENT_ALL;
        n = send_piece(c, r, has > 0 ? &view : NULL);
        if (n == -EAGAIN)
            return WAIT_ROOM;
        if (n < 0)
            return (int)n;
        account_sent(c, r, (size_t)n);
    }
    return c->head_left.iov_len == 0 && !has_body_left(r) ? SENT_ALL : WAIT_ROOM;
}

static void wait_for(struct conn *c, int what)
{
    unsigned reading = c->sock.wanted & SOCK_READ;

    sock_want(&c->sock, what == WAIT_ROOM ? reading | SOCK_WRITE : reading);
}

int conn_respond(struct req *r)
{
    struct conn *c = r->owner;
    int n = write_head(c, r);

    if (n < 0)
        return n;
    if (r->body != NULL) {
        r->body->on_more = on_more;
        r->body->puller = r;
    }
    n = pump(c, r);
    if (n == SENT_ALL || n < 0)
        return n;
    conn_enter(c, CONN_SENDING);
    wait_for(c, n);
    return 0;
}

void conn_on_writable(struct sock *s)
{
    struct conn *c = container_of(s, struct conn, sock);
    struct req *r = c->req;
    uint64_t body_before;
    size_t head_before;
    int n;

    if (c->state != CONN_SENDING) {
        sock_want(s, s->wanted & ~(unsigned)SOCK_WRITE);
        return;
    }
    body_before = r->sent;
    head_before = c->head_left.iov_len;
    n = pump(c, r);
    if (n == SENT_ALL || n < 0) {
        sock_want(s, s->wanted & ~(unsigned)SOCK_WRITE);
        conn_enter(c, CONN_WORKING);
        req_on_sent(r, MIN(n, 0));
        return;
    }
    if (r->sent != body_before || c->head_left.iov_len != head_before)
        deadline_set(c->worker->send, &c->deadline); /* it reads: patience begins anew */
    wait_for(c, n);
}
