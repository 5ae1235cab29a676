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

/* "127.0.0.1:80", "[::]:80" (dual stack), "unix:/run/x.sock"; a literal address, no names. -1
 * otherwise. Port 0 = the kernel chooses. */
int net_address_parse(struct str text, struct net_address *ret) MUST_CHECK;
void net_address_format(const struct net_address *a, char *ret,
                        size_t room); /* as net_address_parse() reads it */

/*
 * A bound, listening, non-blocking descriptor, or -errno. With SO_REUSEPORT a second process on the
 * same port would be silently accepted, so the first socket of a process is bound once without it
 * to find out: -EADDRINUSE.
 */
int net_listen(const struct net_address *a, int backlog, bool reuse_port) MUST_CHECK;
int net_is_free(const struct net_address *a) MUST_CHECK; /* 0, or -errno why it cannot be bound */

/* Accepts on a loop. Takes `fd`. accepted() owns the new descriptor (non-blocking, TCP_NODELAY
 * set). */
struct listener;
typedef void (*listener_accepted_fn)(void *arg, int fd, const struct net_address *peer);
struct listener *listener_new(struct loop *l, int fd, listener_accepted_fn accepted, void *arg);
void listener_free(struct listener **l); /* stops accepting, closes the descriptor */

enum {
    LISTENER_BURST =
        64, /* accepted per event, so that a connection flood leaves room for running requests */
};
/* Out of descriptors (EMFILE): accepting pauses for 100 ms instead of spinning; counted here, all
 * threads. */
unsigned long listener_pauses(void);

#endif
