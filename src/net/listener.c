/*
 * Listening sockets: binding them, and accepting on a loop.
 *
 * A listener accepts at most LISTENER_BURST connections per event; the rest are still pending in
 * the kernel, and readiness is level-triggered, so they come with the next turn. When the process
 * or the machine is out of descriptors, the pending connection stays where it is and the event
 * would fire for ever: the listener stops watching for a moment.
 */
#include "net/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/loop_internal.h"

enum { PAUSE_MSEC = 100 };

/* Binding */

static void close_p(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static bool is_unix(const struct net_address *a)
{
    return a->u.any.sa_family == AF_UNIX;
}

static int new_socket(const struct net_address *a)
{
    int fd = socket(a->u.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    return fd < 0 ? -errno : fd;
}

static int set_on(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) < 0 ? -errno : 0;
}

static int bind_tcp(int fd, const struct net_address *a, bool reuse_port)
{
    int r = set_on(fd, SOL_SOCKET, SO_REUSEADDR, 1);

    if (r == 0 && reuse_port)
        r = set_on(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (r == 0 && a->u.any.sa_family == AF_INET6)
        r = set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY,
                   0); /* "[::]" is both families whatever the sysctl says */
    if (r == 0 && bind(fd, &a->u.any, a->length) < 0)
        r = -errno;
    return r;
}

/*
 * What stands at the path? 0: nothing; 1: a socket that nobody listens on; -EADDRINUSE: a live one
 * (EAGAIN: so busy that its backlog is full), or a file that is none of ours to remove.
 */
static int look_at_path(const struct net_address *a)
{
    AUTO(close_p) int fd = new_socket(a);
    struct stat st;

    if (fd < 0)
        return fd;
    if (lstat(a->u.unix_path.sun_path, &st) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(st.st_mode))
        return -EADDRINUSE;
    if (connect(fd, &a->u.any, a->length) == 0 || errno == EAGAIN)
        return -EADDRINUSE;
    return errno == ECONNREFUSED ? 1 : -errno;
}

static int bind_unix(int fd, const struct net_address *a)
{
    int r = look_at_path(a);

    if (r < 0)
        return r;
    if (r > 0 && unlink(a->u.unix_path.sun_path) < 0)
        return -errno;
    return bind(fd, &a->u.any, a->length) < 0 ? -errno : 0;
}

int net_listen(const struct net_address *a, int backlog, bool reuse_port)
{
    AUTO(close_p) int fd = new_socket(a);
    int listening, r;

    if (fd < 0)
        return fd;
    r = is_unix(a) ? bind_unix(fd, a) : bind_tcp(fd, a, reuse_port);
    if (r < 0)
        return r;
    if (listen(fd, backlog) < 0)
        return -errno;
    listening = fd;
    fd = -1;
    return listening;
}

int net_is_free(const struct net_address *a)
{
    AUTO(close_p) int fd = -1;

    if (is_unix(a))
        return MIN(look_at_path(a), 0);
    fd = new_socket(a);
    return fd < 0 ? fd : bind_tcp(fd, a, false);
}

/* Accepting */

struct listener {
    uv_poll_t poll;
    uv_timer_t pause;
    struct loop *loop;
    int fd;           /* owned */
    unsigned handles; /* of the two above that are not closed yet */
    bool is_closing;
    listener_accepted_fn accepted;
    void *arg;
};

static _Atomic unsigned long pauses;

static void on_event(uv_poll_t *poll, int status, int events);

static void resume(uv_timer_t *timer)
{
    struct listener *l = container_of(timer, struct listener, pause);
    int r = uv_poll_start(&l->poll, UV_READABLE, on_event);

    assert(r == 0);
}

static void pause_accepting(struct listener *l)
{
    atomic_fetch_add_explicit(&pauses, 1, memory_order_relaxed);
    uv_poll_stop(&l->poll);
    uv_timer_start(&l->pause, resume, PAUSE_MSEC, 0);
}

static void hand_over(struct listener *l, int fd, const struct net_address *peer)
{
    if (!is_unix(peer))
        (void)set_on(fd, IPPROTO_TCP, TCP_NODELAY,
                     1); /* fails when the peer is gone: recv will say so */
    l->accepted(l->arg, fd, peer);
}

/* Anything else is the end of that one connection before it was ours: accept(2), "Error handling".
 */
static bool is_shortage(int err)
{
    return err == EMFILE || err == ENFILE || err == ENOBUFS || err == ENOMEM;
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct listener *l = container_of(poll, struct listener, poll);

    (void)status; /* accept says what is wrong */
    (void)events;
    for (int i = 0; i < LISTENER_BURST && !l->is_closing; i++) {
        struct net_address peer = {.length = sizeof peer.u};
        int fd = accept4(l->fd, &peer.u.any, &peer.length, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            hand_over(l, fd, &peer);
        } else if (is_shortage(errno)) {
            pause_accepting(l);
            return;
        } else if (errno == EAGAIN) {
            return;
        }
    }
}

struct listener *listener_new(struct loop *l, int fd, listener_accepted_fn accepted, void *arg)
{
    struct listener *ls = xzalloc(sizeof *ls);
    int r;

    ls->loop = l;
    ls->fd = fd;
    ls->handles = 2;
    ls->accepted = accepted;
    ls->arg = arg;
    r = uv_timer_init(&l->uv, &ls->pause);
    assert(r == 0);
    r = uv_poll_init(&l->uv, &ls->poll, fd);
    assert(r == 0); /* not a socket, or one this loop has already */
    r = uv_poll_start(&ls->poll, UV_READABLE, on_event);
    assert(r == 0);
    return ls;
}

static void on_handle_closed(struct listener *l)
{
    if (--l->handles > 0)
        return;
    l->loop->under_way--;
    xfree_p(&l);
}

static void on_poll_closed(uv_handle_t *handle)
{
    on_handle_closed(container_of((uv_poll_t *)handle, struct listener, poll));
}

static void on_pause_closed(uv_handle_t *handle)
{
    on_handle_closed(container_of((uv_timer_t *)handle, struct listener, pause));
}

void listener_free(struct listener **l)
{
    struct listener *ls = TAKE(*l);

    if (ls == NULL)
        return;
    ls->is_closing = true;
    ls->loop->under_way++;
    uv_close((uv_handle_t *)&ls->poll, on_poll_closed);
    uv_close((uv_handle_t *)&ls->pause, on_pause_closed);
    close(ls->fd); /* at once, so that the address is free; libuv watches it no more */
}

unsigned long listener_pauses(void)
{
    return atomic_load_explicit(&pauses, memory_order_relaxed);
}
