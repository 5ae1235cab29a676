/*
 * Listening sockets. TCP: one per worker with SO_REUSEPORT, so the kernel spreads connections. Unix
 * socket: one, shared by all workers (a stale socket file that nobody listens on is removed; a live
 * one is an error).
 */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include <sys/socket.h>
#include <sys/un.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/loop.h"

struct net_address {
    union {
        struct sockaddr any;
        struct sockaddr_storage storage;
        struct sockaddr_un unix_path;
    } u;
    socklen_t length;
};

/*
 * "127.0.0.1:80", "[::]:80" (dual stack), "unix:/run/x.sock": a literal address, no names; -1
 * otherwise. Port 0: the kernel chooses. What format() writes, parse() reads.
 */
int net_address_parse(struct str text, struct net_address *ret) MUST_CHECK;
void net_address_format(const struct net_address *a, char *ret, size_t room);

/*
 * A bound, listening, non-blocking descriptor, or -errno. With SO_REUSEPORT a second process of the
 * same user on the same port is silently let in: ask net_is_free(), which binds without it, before
 * the first socket of a process.
 */
int net_listen(const struct net_address *a, int backlog, bool reuse_port) MUST_CHECK;
int net_is_free(const struct net_address *a) MUST_CHECK; /* 0, or -errno why it cannot be bound */

/*
 * Accepts on a loop. Takes `fd`; workers that share a Unix socket each bring a dup() of it.
 * accepted() owns the new descriptor (non-blocking, TCP_NODELAY set) and may free the listener.
 */
struct listener;
typedef void (*listener_accepted_fn)(void *arg, int fd, const struct net_address *peer);
struct listener *listener_new(struct loop *l, int fd, listener_accepted_fn accepted, void *arg);
void listener_free(struct listener **l); /* stops accepting, closes the descriptor */

/* Accepted per event, so that a flood of connections leaves room for running requests. */
enum { LISTENER_BURST = 64 };

/* Pauses of 100 ms so far, of all threads: taken instead of spinning when descriptors run out. */
unsigned long listener_pauses(void);

#endif
