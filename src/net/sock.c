/*
 * Sockets on uv_poll. Changing a started uv_poll costs two epoll_ctl, so what is wanted and what
 * the kernel watches
 * ("armed") differ for a while: a wish is passed on at the end of the turn, if it still differs
 * then, and a dropped wish to read only once an event comes that nobody wants. A dropped wish to
 * write is passed on at the end of the turn, since a socket is writable nearly always. So a request
 * that is answered at once changes nothing.
 *
 * Closing: no callback from sock_close() on; the handle is closed at the end of the turn and the
 * descriptor behind it, so its number cannot come back while libuv still knows it.
 */
#include "net/sock.h"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/loop_internal.h"
#include "net/retry.h"
#include "net/tls_internal.h"

/* Events pass through without translation. */
_Static_assert((int)SOCK_READ == (int)UV_READABLE && (int)SOCK_WRITE == (int)UV_WRITABLE &&
                   (int)SOCK_HANGUP == (int)UV_DISCONNECT,
               "events are those of libuv");

static void on_event(uv_poll_t *poll, int status, int events);

static bool must_rearm(const struct sock *s)
{
    unsigned missing = s->wanted & ~s->armed;
    unsigned surplus = s->armed & ~s->wanted;

    return missing != 0 || (surplus & SOCK_WRITE) != 0;
}

static void arm(struct sock *s, unsigned events)
{
    int r = events != 0 ? uv_poll_start(&s->poll, (int)events, on_event) : uv_poll_stop(&s->poll);

    assert(r == 0); /* fails only for a descriptor that two sockets share */
    s->armed = (uint8_t)events;
}

/* Who reads will want to know of a hangup while he waits for something else, and read again after
 * that: both from the beginning spare four epoll_ctl() for each request that waits. */
static unsigned with_hangup(const struct sock *s)
{
    return s->wanted & SOCK_READ ? s->wanted | SOCK_HANGUP : s->wanted;
}

static void on_closed(uv_handle_t *handle)
{
    struct sock *s = container_of((uv_poll_t *)handle, struct sock, poll);

    close(s->fd);
    s->fd = -1;
    tls_free(&s->tls);
    s->loop->under_way--;
    s->ops->closed(s);
}

/* Has TLS received what the kernel shows no more, and somebody wants it? */
static bool has_hidden_input(const struct sock *s)
{
    return s->tls != NULL && (s->wanted & SOCK_READ) != 0 && tls_has_input(s->tls);
}

static void defer_if_needed(struct sock *s)
{
    if (must_rearm(s) || has_hidden_input(s))
        loop_defer(s->loop, &s->end_of_turn);
}

static void on_end_of_turn(struct loop_task *task)
{
    struct sock *s = container_of(task, struct sock, end_of_turn);

    if (s->is_closing) {
        uv_close((uv_handle_t *)&s->poll, on_closed);
        return;
    }
    if (must_rearm(s))
        arm(s, with_hangup(s));
    if (has_hidden_input(s)) {
        s->ops->readable(s);
        defer_if_needed(s);
    }
}

/* It would come again and again. A reader learns of a hangup by reading. */
static bool is_unwanted(const struct sock *s, unsigned events)
{
    unsigned told = s->wanted & events;

    return (events & ~s->wanted & ~(told & SOCK_READ ? (unsigned)SOCK_HANGUP : 0)) != 0;
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct sock *s = container_of(poll, struct sock, poll);

    if (status < 0) { /* EPOLLERR: libuv has stopped watching; recv or send will say what it is */
        s->armed = 0;
        events = SOCK_READ | SOCK_WRITE | SOCK_HANGUP;
    } else if (is_unwanted(s, (unsigned)events)) {
        arm(s, s->wanted);
    }
    if ((events & s->wanted & SOCK_READ) != 0)
        s->ops->readable(s);
    if ((events & s->wanted & SOCK_WRITE) != 0)
        s->ops->writable(s);
    if ((events & s->wanted & SOCK_HANGUP) != 0)
        s->ops->hangup(s);
    defer_if_needed(s);
}

int sock_init(struct sock *s, struct loop *l, int fd, const struct sock_ops *ops)
{
    int r;

    *s = (struct sock){.ops = ops, .loop = l, .fd = fd};
    loop_task_init(&s->end_of_turn, on_end_of_turn);
    r = uv_poll_init(&l->uv, &s->poll, fd);
    if (r < 0) {
        close(fd);
        s->fd = -1;
    }
    return r;
}

void sock_want(struct sock *s, unsigned events)
{
    assert(!s->is_closing);
    s->wanted = (uint8_t)events;
    defer_if_needed(s);
}

/* TLS */

int sock_start_tls(struct sock *s, const struct tls_server *t)
{
    assert(!s->is_closing && s->tls == NULL);
    s->tls = tls_new(s->loop, s->fd, t);
    return s->tls != NULL ? 0 : -ENOMEM;
}

int sock_handshake(struct sock *s, unsigned *ret_want)
{
    assert(!s->is_closing);
    return tls_handshake(s->tls, ret_want);
}

struct str sock_alpn(const struct sock *s)
{
    return s->tls != NULL ? tls_alpn(s->tls) : STR("");
}

struct str sock_tls_version(const struct sock *s)
{
    return s->tls != NULL ? tls_version(s->tls) : STR("");
}

bool sock_is_resumed(const struct sock *s)
{
    return s->tls != NULL && tls_is_resumed(s->tls);
}

bool sock_seals(const struct sock *s)
{
    return s->tls != NULL && !tls_is_in_kernel(s->tls);
}

int sock_flush(struct sock *s)
{
    assert(!s->is_closing);
    return s->tls != NULL ? tls_flush(s->tls) : 0;
}

/* Bytes */

ssize_t sock_recv(struct sock *s, void *p, size_t n)
{
    assert(!s->is_closing);
    if (s->tls != NULL)
        return tls_recv(s->tls, p, n);
    return RETRY_ON_EINTR(recv(s->fd, p, n, 0));
}

ssize_t sock_peek(struct sock *s, void *p, size_t n)
{
    assert(!s->is_closing && s->tls == NULL);
    return RETRY_ON_EINTR(recv(s->fd, p, n, MSG_PEEK));
}

ssize_t sock_send(struct sock *s, const struct iovec *iov, int count, bool more)
{
    struct msghdr m = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)count};
    int flags = MSG_NOSIGNAL | (more ? MSG_MORE : 0);

    assert(!s->is_closing);
    if (s->tls != NULL)
        return tls_send(s->tls, iov, count, more);
    return RETRY_ON_EINTR(sendmsg(s->fd, &m, flags));
}

ssize_t sock_send_file(struct sock *s, int fd, off_t offset, size_t n)
{
    assert(!s->is_closing);
    if (s->tls != NULL)
        return tls_send_file(s->tls, fd, offset, n);
    return RETRY_ON_EINTR(sendfile(s->fd, fd, &offset, n));
}

void sock_shutdown_write(struct sock *s)
{
    assert(!s->is_closing);
    if (s->tls != NULL && !tls_shutdown_write(s->tls))
        return;
    (void)shutdown(s->fd, SHUT_WR); /* ENOTCONN: the peer has reset, which the next recv says */
}

void sock_set_reset(struct sock *s)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};

    assert(!s->is_closing);
    (void)setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

void sock_close(struct sock *s)
{
    assert(!s->is_closing);
    s->is_closing = true;
    s->wanted = 0;
    s->loop->under_way++;
    loop_defer(s->loop, &s->end_of_turn);
}
