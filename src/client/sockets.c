/*
 * The sockets of libcurl. It tells which events it wants; between two requests on one connection it
 * wants none, but then the watch is left as it is: the next request would only have to set it
 * again, and what an idle connection has to say is of interest. HTTP/1: it was closed, or somebody
 * sends what nobody has asked for, which would be taken for the answer to the next request
 * (libcurl 7.88 looks whether a connection is closed, but not what waits in it). Either way it is
 * shut down, and libcurl finds it dead. HTTP/2 may always have something to say; libcurl reads it
 * when it uses the connection next.
 *
 * Which connection a request has been sent on is told with the first wish for it; when the answer
 * comes at once, not before it was read, and not while it is paused. Until then (`unplaced`, no
 * longer than a turn or two) nobody is taken to be idle: what comes may be that answer.
 *
 * More than `max_idle` connections are not kept: the one that has been idle longest is shut down.
 *
 * libcurl 7.88 tells when it closes a connection (on_close), but not when it gives up connecting:
 * then the descriptor is gone before its watch, and may have come back in on_open(). So a watch is
 * only kept beyond libcurl's wish when an answer has come on its socket.
 */
#include "client/client_internal.h"

#include <sys/socket.h>
#include <unistd.h>

struct client_socket {
    struct map_node node; /* in client.sockets */
    struct lane *lane;
    int fd;
    bool has_answered; /* a connection of HTTP: on_close() will be called */
    bool is_http2;
    usec_t heard_at;       /* when something came last */
    unsigned wanted;       /* by libcurl: WATCH_READ | WATCH_WRITE */
    struct watch *watch;   /* NULL until libcurl wants something */
    struct list transfers; /* of client_transfer.same_socket: those on its connection */
    struct list idle;      /* in client.idle_sockets while there are none */
};

static bool is_of(const struct map_node *node, const void *key)
{
    return MAP_ENTRY(node, struct client_socket, node)->fd == *(const int *)key;
}

static struct client_socket *find(struct client *c, int fd)
{
    struct map_node *node = map_get(&c->sockets, (uint64_t)fd, is_of, &fd);

    return node != NULL ? MAP_ENTRY(node, struct client_socket, node) : NULL;
}

static struct client_socket *add(struct lane *l, int fd)
{
    struct client_socket *s = xzalloc(sizeof *s);

    s->lane = l;
    s->fd = fd;
    s->heard_at = loop_now(l->client->loop);
    l->sockets++;
    list_init(&s->transfers);
    list_init(&s->idle);
    map_put(&l->client->sockets, &s->node, (uint64_t)fd);
    return s;
}

static void not_idle(struct client_socket *s)
{
    if (list_is_empty(&s->idle))
        return;
    list_remove(&s->idle);
    s->lane->client->idle_count--;
}

static void forget(struct client_socket *s)
{
    struct list *link;

    while ((link = list_take_first(&s->transfers)) != NULL)
        LIST_ENTRY(link, struct client_transfer, same_socket)->socket = NULL;
    not_idle(s);
    watch_free(&s->watch);
    map_remove(&s->lane->client->sockets, &s->node);
    s->lane->sockets--;
    xfree_p(&s);
}

/* libcurl looks for the end of the stream before it uses a connection again: here it is, with
 * nothing before it. */
static void shut_down(struct client_socket *s)
{
    char unasked[4096];

    (void)shutdown(s->fd, SHUT_RDWR);
    while (recv(s->fd, unasked, sizeof unasked, MSG_DONTWAIT) > 0)
        ;
    not_idle(s);
    watch_set(s->watch, 0);
}

static void set_idle(struct client_socket *s)
{
    struct client *c = s->lane->client;

    list_append(&c->idle_sockets, &s->idle);
    c->idle_count++;
    while (c->idle_count > c->limits.max_idle && c->unplaced == 0)
        shut_down(LIST_ENTRY(list_first(&c->idle_sockets), struct client_socket, idle));
}

static void on_ready(void *arg, int fd, unsigned events)
{
    struct client_socket *s = arg;

    if ((events & WATCH_READ) != 0)
        s->heard_at = loop_now(s->lane->client->loop);
    if ((events & s->wanted) != 0) {
        lane_act(s->lane, fd, /* `s` may be gone after it */
                 ((events & WATCH_READ) != 0 ? CURL_CSELECT_IN : 0) |
                     ((events & WATCH_WRITE) != 0 ? CURL_CSELECT_OUT : 0));
    } else if (s->is_http2 || list_is_empty(&s->idle)) {
        watch_set(s->watch, s->wanted); /* libcurl is to ask again */
    } else if (s->lane->client->unplaced == 0) {
        shut_down(s);
    }
}

bool socket_is_shared(const struct client_transfer *t)
{
    const struct list *all;

    if (!t->lane->multiplexes)
        return false;
    if (t->socket == NULL)
        return true;
    all = &t->socket->transfers;
    return list_first(all)->next != all;
}

/* Those who were alone and paused may be so no longer: receive.c. */
static void wake_paused(struct client_socket *s)
{
    LIST_FOREACH (link, &s->transfers) {
        struct client_transfer *t = LIST_ENTRY(link, struct client_transfer, same_socket);

        if (t->is_paused)
            client_todo(t->client, t);
    }
}

static void set_unplaced(struct client_transfer *t, bool is_unplaced)
{
    t->client->unplaced += is_unplaced;
    t->client->unplaced -= t->is_unplaced;
    t->is_unplaced = is_unplaced;
}

/*
 * Ends the connection for those on it, who hear it from libcurl, and for those to come: where a
 * server has gone without a word TCP goes on trying for many minutes, and one request after the
 * other would wait for it.
 */
void socket_end_if_silent(struct client_transfer *t, usec_t since)
{
    if (t->lane->multiplexes && t->socket != NULL && t->socket->heard_at < since)
        (void)shutdown(t->socket->fd, SHUT_RDWR);
}

/* Which transfer reads which socket is told by what libcurl wants for it. */
static void join(struct client_socket *s, struct client_transfer *t)
{
    if (t->socket == s)
        return;
    socket_leave(t);
    t->socket = s;
    wake_paused(s);
    list_append(&s->transfers, &t->same_socket);
    not_idle(s);
}

void socket_leave(struct client_transfer *t)
{
    struct client_socket *s = TAKE(t->socket);

    set_unplaced(t, false);
    if (s == NULL)
        return;
    list_remove(&t->same_socket);
    if (s->has_answered && list_is_empty(&s->transfers))
        set_idle(s);
}

static void set_watch(struct client_socket *s)
{
    if (s->watch == NULL)
        s->watch = watch_new(s->lane->client->loop, s->fd, on_ready, s);
    watch_set(s->watch, s->wanted != 0 ? s->wanted : WATCH_READ);
}

static unsigned events_of(int what)
{
    return (what == CURL_POLL_IN || what == CURL_POLL_INOUT ? WATCH_READ : 0U) |
           (what == CURL_POLL_OUT || what == CURL_POLL_INOUT ? WATCH_WRITE : 0U);
}

static void wants_nothing(struct client_socket *s)
{
    if (s == NULL)
        return;
    s->wanted = 0;
    if (s->has_answered)
        set_watch(s);
    else
        forget(s);
}

int sockets_on_wish(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
    struct lane *l = arg;
    struct client_socket *s = find(l->client, fd);
    struct client_transfer *t = NULL;

    if (what == CURL_POLL_REMOVE) {
        wants_nothing(s);
        return 0;
    }
    if (s == NULL)
        s = add(l, fd);
    s->wanted = events_of(what);
    set_watch(s);
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &t);
    if (t != NULL)
        join(s, t);
    return 0;
}

/* A number that is known was closed without a word, and libcurl may take what it wanted there for
 * what it has told us of the new one. */
static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    int fd = socket(a->family, a->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->protocol);
    struct client_socket *known = fd >= 0 ? find(arg, fd) : NULL;

    if (known != NULL) {
        watch_free(&known->watch);
        set_watch(known);
    }
    return fd; /* CURL_SOCKET_BAD is -1, too */
}

static int on_close(void *arg, curl_socket_t fd)
{
    struct client_socket *s = find(arg, fd);

    if (s != NULL)
        forget(s);
    return close(fd);
}

void socket_note_sending(struct client_transfer *t)
{
    set_unplaced(t, t->socket == NULL);
}

void socket_note_answer(struct client_transfer *t)
{
    if (t->socket == NULL)
        return;
    t->socket->has_answered = true;
    t->socket->is_http2 = t->is_http2;
}

void sockets_set(struct client_transfer *t)
{
    OPTION(t->easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    OPTION(t->easy, CURLOPT_OPENSOCKETDATA, t->client);
    OPTION(t->easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    OPTION(t->easy, CURLOPT_CLOSESOCKETDATA, t->client);
}

void sockets_init(struct client *c)
{
    map_init(&c->sockets);
    list_init(&c->idle_sockets);
}

void sockets_done(struct client *c)
{
    assert(c->sockets.count == 0); /* libcurl has closed them all */
    map_done(&c->sockets);
}
