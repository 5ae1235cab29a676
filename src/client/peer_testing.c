/*
 * The scripted server: one thread accepts, one more for each connection runs its script. All of
 * them wait on `stop` or `turn` too, so peer_free() ends them at once.
 */
#include "client/peer_internal_testing.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/panic.h"
#include "base/test.h"

/* Accepting */

static struct script *take_script(struct peer *p)
{
    struct list *link = list_take_first(&p->scripts);

    return link != NULL ? LIST_ENTRY(link, struct script, link) : p->all;
}

/* Answers what failed; the socket is then the caller's still. */
static const char *begin_connection(struct peer *p, int fd)
{
    struct peer_conn *c;
    struct script *script = take_script(p);

    if (script == NULL)
        return "a connection that no script is there for";
    if (p->count == PEER_CONNECTIONS_MAX)
        return "too many connections";
    c = xzalloc(sizeof *c);
    c->peer = p;
    c->script = script;
    c->fd = fd;
    c->number = p->count;
    buf_init(&c->in, PEER_HEAD_MAX);
    buf_init(&c->head, PEER_HEAD_MAX);
    p->connections[p->count++] = c;
    atomic_fetch_add(&p->open, 1);
    atomic_fetch_add(&p->busy, 1);
    assert(pthread_create(&c->thread, NULL, peer_conn_run, c) == 0);
    return NULL;
}

static void accept_one(struct peer *p)
{
    int fd = accept4(p->listening, NULL, NULL, SOCK_CLOEXEC), one = 1;
    const char *failure;

    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    pthread_mutex_lock(&p->lock);
    failure = begin_connection(p, fd);
    pthread_mutex_unlock(&p->lock);
    if (failure == NULL)
        return;
    peer_note_failure(p, "%s", failure);
    close(fd);
}

static void *run_acceptor(void *arg)
{
    struct peer *p = arg;
    struct pollfd fds[] = {{p->turn, POLLIN, 0}, {p->listening, POLLIN, 0}};

    while (fds[0].revents == 0) {
        if (fds[1].revents != 0)
            accept_one(p);
        if (poll(fds, ARRAY_LEN(fds), -1) < 0)
            assert(errno == EINTR);
    }
    return NULL;
}

static int bound_socket(struct peer *p)
{
    int fd = socket(p->at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, &p->at.any, p->at_length) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

void peer_up(struct peer *p)
{
    assert(p->listening < 0);
    p->listening = bound_socket(p);
    assert(p->listening >= 0 && listen(p->listening, PEER_CONNECTIONS_MAX) == 0);
    p->turn = eventfd(0, EFD_CLOEXEC);
    assert(pthread_create(&p->acceptor, NULL, run_acceptor, p) == 0);
}

void peer_down(struct peer *p)
{
    if (p->listening < 0)
        return;
    assert(eventfd_write(p->turn, 1) == 0);
    pthread_join(p->acceptor, NULL);
    close(p->turn);
    close(p->listening);
    p->listening = -1;
    if (p->at.any.sa_family == AF_UNIX)
        unlink(p->at.un.sun_path);
}

static void set_address(struct peer *p, const char *address)
{
    if (strncmp(address, "unix:", 5) == 0) {
        p->at.un.sun_family = AF_UNIX;
        snprintf(p->at.un.sun_path, sizeof p->at.un.sun_path, "%s", address + 5);
        p->at_length = sizeof p->at.un;
    } else if (strcmp(address, "::1") == 0) {
        p->at.in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
        p->at_length = sizeof p->at.in6;
    } else {
        assert(strcmp(address, "127.0.0.1") == 0);
        p->at.in =
            (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        p->at_length = sizeof p->at.in;
    }
}

/* False when this machine does not have the address family. */
static bool reserve_port(struct peer *p)
{
    if (p->at.any.sa_family == AF_UNIX)
        return true;
    p->reserved = bound_socket(p);
    return p->reserved >= 0 && getsockname(p->reserved, &p->at.any, &p->at_length) == 0;
}

unsigned peer_port(const struct peer *p)
{
    return ntohs(p->at.any.sa_family == AF_INET6 ? p->at.in6.sin6_port : p->at.in.sin_port);
}

struct peer *peer_new(const char *address)
{
    struct peer *p = xzalloc(sizeof *p);

    p->reserved = p->listening = -1;
    p->stop = eventfd(0, EFD_CLOEXEC);
    pthread_mutex_init(&p->lock, NULL);
    list_init(&p->scripts);
    set_address(p, address);
    if (!reserve_port(p)) {
        close(p->stop);
        xfree_p(&p);
        return NULL;
    }
    if (p->at.any.sa_family == AF_UNIX)
        strcpy(p->base, "http://unix");
    else
        snprintf(p->base, sizeof p->base, strchr(address, ':') ? "http://[%s]:%u" : "http://%s:%u",
                 address, peer_port(p));
    peer_up(p);
    return p;
}

/* Scripts */

static struct script *script_new(const struct peer_step *steps)
{
    struct script *s = xzalloc(sizeof *s);
    size_t n = 1;

    while (steps[n - 1].act != PEER_DONE)
        n++;
    list_init(&s->link);
    s->steps = xmemdup(steps, n * sizeof *steps);
    for (size_t i = 0; i < n; i++)
        if (steps[i].bytes.n > 0)
            s->steps[i].bytes.p = xmemdup(steps[i].bytes.p, steps[i].bytes.n);
    return s;
}

static void script_free(struct script **s)
{
    struct script *script = TAKE(*s);

    if (script == NULL)
        return;
    for (struct peer_step *step = script->steps; step->act != PEER_DONE; step++)
        if (step->bytes.n > 0)
            xfree_p(&step->bytes.p);
    xfree_p(&script->steps);
    xfree_p(&script);
}

void peer_script(struct peer *p, const struct peer_step *steps)
{
    pthread_mutex_lock(&p->lock);
    list_append(&p->scripts, &script_new(steps)->link);
    pthread_mutex_unlock(&p->lock);
}

void peer_script_all(struct peer *p, const struct peer_step *steps)
{
    pthread_mutex_lock(&p->lock);
    assert(p->all == NULL);
    p->all = script_new(steps);
    pthread_mutex_unlock(&p->lock);
}

/* The end */

static void free_connection(struct peer *p, struct peer_conn *c)
{
    pthread_join(c->thread, NULL);
    if (c->script != p->all)
        script_free(&c->script);
    buf_done(&c->in);
    buf_done(&c->head);
    xfree_p(&c);
}

static void free_scripts(struct peer *p)
{
    struct list *link;

    while ((link = list_take_first(&p->scripts)) != NULL) {
        struct script *s = LIST_ENTRY(link, struct script, link);

        peer_note_failure(p, "a script that no connection came for: %s '%.*s'",
                          peer_act_name(s->steps->act), STR_FMT(s->steps->bytes));
        script_free(&s);
    }
    script_free(&p->all);
}

/* A script may have to see yet that its client is through. */
static void let_scripts_end(struct peer *p)
{
    usec_t until = clock_monotonic() + PEER_LAST_SECONDS * USEC_PER_SEC;

    while (atomic_load(&p->busy) > 0 && clock_monotonic() < until)
        usleep(100);
}

bool peer_finish(struct peer **p, char ret_failure[PEER_FAILURE_MAX])
{
    struct peer *peer = TAKE(*p);

    let_scripts_end(peer);
    peer_down(peer);
    assert(eventfd_write(peer->stop, 1) == 0);
    for (unsigned i = 0; i < peer->count; i++)
        free_connection(peer, peer->connections[i]);
    free_scripts(peer);
    close(peer->stop);
    if (peer->reserved >= 0)
        close(peer->reserved);
    memcpy(ret_failure, peer->failure, PEER_FAILURE_MAX);
    pthread_mutex_destroy(&peer->lock);
    xfree_p(&peer);
    return ret_failure[0] == '\0';
}

void peer_free(struct peer **p)
{
    char failure[PEER_FAILURE_MAX];

    if (*p != NULL && !peer_finish(p, failure))
        fail_msg("%s", failure);
}

/* What others may see */

const char *peer_base(const struct peer *p)
{
    return p->base;
}

const char *peer_unix_path(const struct peer *p)
{
    return p->at.any.sa_family == AF_UNIX ? p->at.un.sun_path : NULL;
}

unsigned peer_connections(struct peer *p)
{
    unsigned count;

    pthread_mutex_lock(&p->lock);
    count = p->count;
    pthread_mutex_unlock(&p->lock);
    return count;
}

unsigned peer_heads(struct peer *p)
{
    return atomic_load(&p->heads);
}

unsigned peer_open_connections(struct peer *p)
{
    return atomic_load(&p->open);
}

uint64_t peer_sent(struct peer *p)
{
    return atomic_load(&p->sent);
}

bool peer_has_failed(struct peer *p)
{
    bool has_failed;

    pthread_mutex_lock(&p->lock);
    has_failed = p->failure[0] != '\0';
    pthread_mutex_unlock(&p->lock);
    return has_failed;
}
