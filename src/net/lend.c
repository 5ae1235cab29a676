/*
 * Memory goes to a socket by way of a pipe: vmsplice(2) puts its pages there, splice(2) moves them
 * on; neither copies. One pipe a loop. It is empty between two calls: what the socket has not taken
 * is thrown away, for the next call may be another socket's.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "net/loop_internal.h"
#include "net/sock.h"

enum { LEND_MAX = 512 * 1024 }; /* in one call, and in the pipe */

struct lender {
    int in, out; /* of the pipe; -1: there is none, and all is copied */
    int nowhere; /* /dev/null */
};

static void close_all(struct lender *l)
{
    const int fds[] = {l->in, l->out, l->nowhere};

    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    *l = (struct lender){-1, -1, -1};
}

static void open_all(struct lender *l)
{
    int ends[2];

    *l = (struct lender){-1, -1, open("/dev/null", O_WRONLY | O_CLOEXEC)};
    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0) {
        l->out = ends[0];
        l->in = ends[1];
    }
    if (l->nowhere < 0 || l->in < 0)
        close_all(l);
    else
        (void)fcntl(l->in, F_SETPIPE_SZ, LEND_MAX); /* without it, less goes at a time */
}

void lender_free(struct lender **l)
{
    struct lender *gone = TAKE(*l);

    if (gone == NULL)
        return;
    close_all(gone);
    xfree_p(&gone);
}

static struct lender *lender_of(struct loop *l)
{
    if (l->lender == NULL) {
        l->lender = xzalloc(sizeof *l->lender);
        open_all(l->lender);
    }
    return l->lender;
}

/* How many of `n` bytes went; -errno when none did. */
static ssize_t move(int from, int to, size_t n)
{
    size_t moved = 0;

    while (moved < n) {
        ssize_t k = splice(from, NULL, to, NULL, n - moved, SPLICE_F_NONBLOCK);

        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return moved > 0 ? (ssize_t)moved : k < 0 ? -errno : -EIO;
        moved += (size_t)k;
    }
    return (ssize_t)moved;
}

static void empty(struct lender *l, size_t n)
{
    if (move(l->out, l->nowhere, n) == (ssize_t)n)
        return;
    close_all(l); /* bytes of one viewer must never reach another */
    open_all(l);
}

ssize_t sock_lend(struct sock *s, const void *p, size_t n)
{
    struct iovec piece = {(void *)(uintptr_t)p, MIN(n, (size_t)LEND_MAX)};
    struct lender *l = s->tls == NULL ? lender_of(s->loop) : NULL;
    ssize_t put = l != NULL && l->in >= 0 ? vmsplice(l->in, &piece, 1, SPLICE_F_NONBLOCK) : -1;
    ssize_t taken;

    assert(!s->is_closing);
    if (put <= 0) /* over TLS as well: what is sent is another memory than this */
        return sock_send(s, &piece, 1, false);
    taken = move(l->out, s->fd, (size_t)put);
    if (taken < put)
        empty(l, (size_t)(put - MAX(taken, (ssize_t)0)));
    return taken;
}
