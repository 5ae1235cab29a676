/*
 * Frames on their way to the socket: a batch is gathered (its DATA points into the bodies), handed
 * over in one send, and acknowledged to the codec. What the socket has no room for is copied and
 * goes first next time, so that bodies need not be held; that happens only to clients that read
 * slower than we send, and the batch is small for them.
 */
#include "server/h2_conn.h"

#include <errno.h>
#include <unistd.h>

enum {
    SEND_ROUNDS = 16, /* batches in one turn: one connection must not starve the others */
};

/* The pieces as memory; those of files are read into the worker's buffer. -EIO: a file is shorter
 * than was promised. */
static int to_memory(struct h2_conn *h, const struct h2_batch *b, struct iovec *ret)
{
    char *at = h->conn->worker->file;
    char *end = at + sizeof h->conn->worker->file;

    for (unsigned i = 0; i < b->count; i++) {
        const struct h2_piece *piece = &b->pieces[i];

        ret[i] = (struct iovec){(void *)(uintptr_t)piece->p, piece->n};
        if (piece->p != NULL)
            continue;
        assert(piece->n <= (size_t)(end - at)); /* a batch is no larger */
        if (pread(piece->fd, at, piece->n, (off_t)piece->offset) != (ssize_t)piece->n)
            return -EIO;
        ret[i].iov_base = at;
        at += piece->n;
    }
    return 0;
}

/* Keeps what of the batch comes after the first `n` bytes. */
static void keep_rest(struct h2_conn *h, const struct iovec *iov, unsigned count, size_t n)
{
    for (unsigned i = 0; i < count; i++) {
        size_t skip = MIN(n, iov[i].iov_len);

        n -= skip;
        buf_add(&h->rest, (struct str){(char *)iov[i].iov_base + skip, iov[i].iov_len - skip});
    }
    assert(!h->rest.is_full); /* its cap is a batch and more */
}

/* 1: it is with the kernel; 0: no room; -errno. */
static int send_rest(struct h2_conn *h)
{
    while (h->rest.n > 0) {
        struct iovec iov = {h->rest.p, h->rest.n};
        ssize_t n = sock_send(&h->conn->sock, &iov, 1, false);

        if (n < 0)
            return n == -EAGAIN ? 0 : (int)n;
        buf_consume(&h->rest, (size_t)n);
    }
    buf_done(&h->rest);
    return 1;
}

/* The same for one batch; it is taken in any case. */
static int send_batch(struct h2_conn *h, const struct h2_batch *b)
{
    struct iovec iov[H2_BATCH_PIECES];
    ssize_t n = to_memory(h, b, iov);

    if (n == 0)
        n = sock_send(&h->conn->sock, iov, (int)b->count, false);
    if (n < 0 && n != -EAGAIN)
        return (int)n;
    n = MAX(n, 0);
    if ((size_t)n == b->bytes) {
        h->batch = MIN(h->batch * 2, (size_t)H2_BATCH_MAX);
        return 1;
    }
    h->batch = H2_BATCH_MIN;
    keep_rest(h, iov, b->count, (size_t)n);
    return 0;
}

/* 1: nothing is left; 0: no room, or enough for one turn; -errno. */
static int send_frames(struct h2_conn *h)
{
    struct h2_batch *b = h->conn->worker->batch;

    for (int round = 0; round < SEND_ROUNDS; round++) {
        int r;

        if (!h2_peek(h->h2, h->batch, b))
            return 1;
        r = send_batch(h, b);
        h2_advance(h->h2);
        if (r <= 0)
            return r;
    }
    return 0;
}

/* Nothing is left but what the socket may still hold. As above. */
static int flush_socket(struct h2_conn *h)
{
    int r = sock_flush(&h->conn->sock);

    return r == 0 ? 1 : r == -EAGAIN ? 0 : r;
}

int h2_conn_send(struct h2_conn *h)
{
    int r = send_rest(h);

    if (r > 0)
        r = send_frames(h);
    if (r > 0)
        r = flush_socket(h);
    h->is_blocked = r == 0;
    return MIN(r, 0);
}
