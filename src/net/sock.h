/*
 * A connected stream socket on a loop: readiness through uv_poll, bytes through our own recv,
 * sendmsg and sendfile (DESIGN 4). Level-triggered; the set of wanted events reaches the kernel
 * only when it changes, so a keep-alive request costs no epoll_ctl.
 *
 * TLS stands behind the same calls. What is sent is sealed in records at once and is "taken" then;
 * what of them the kernel had no room for is kept (at most SOCK_SEALED_MAX, no memory when empty)
 * and goes first next time. sock_flush() tells when nothing is kept. What is received may wait
 * inside, where the kernel shows nothing: who wants to read then is told `readable` all the same.
 */
#ifndef NET_SOCK_H
#define NET_SOCK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "net/libuv.h"
#include "net/loop.h"

struct sock;
struct tls_server;
struct tls; /* of one socket; net/ only */

struct sock_ops {
    void (*readable)(struct sock *s);
    void (*writable)(struct sock *s);
    /* The peer has ended its side, or the connection is broken. */
    void (*hangup)(struct sock *s);
    /* After sock_close(), once, in a later turn: the memory may go. */
    void (*closed)(struct sock *s);
};

enum { SOCK_READ = 1, SOCK_WRITE = 2, SOCK_HANGUP = 4 };

enum {
    SOCK_SEAL_AT_ONCE = 68 * 1024, /* plain bytes of one send over TLS: four HTTP/2 frames */
    SOCK_SEALED_MAX = SOCK_SEAL_AT_ONCE + 4096, /* the same with what TLS adds */
};

struct sock {
    uv_poll_t poll;
    const struct sock_ops *ops;
    struct loop *loop;
    int fd;         /* owned */
    uint8_t wanted; /* SOCK_READ | SOCK_WRITE | SOCK_HANGUP */
    uint8_t armed;  /* what the kernel watches: follows `wanted` at the end of the turn */
    bool is_closing;
    struct tls *tls;              /* owned; NULL: bytes as they are */
    struct loop_task end_of_turn; /* arms, or closes */
};

/* Takes `fd` (non-blocking from here on), in every case: on failure it is closed. */
int sock_init(struct sock *s, struct loop *l, int fd, const struct sock_ops *ops) MUST_CHECK;
void sock_want(struct sock *s, unsigned events);

/*
 * TLS from the next byte on, as a server. `t` may go meanwhile. Then sock_handshake() whenever the
 * socket is readable (or, if it says so, writable), until it is done; nothing else may be received
 * or sent before.
 *
 * 1: done; -EAGAIN: goes on when what is in `ret_want` has come (SOCK_READ or SOCK_WRITE); -EPROTO:
 * the peer speaks no TLS, or none that we do (it has been told by an alert); -ECONNRESET and
 * others: it has left.
 */
int sock_start_tls(struct sock *s, const struct tls_server *t) MUST_CHECK; /* 0, -ENOMEM */
int sock_handshake(struct sock *s, unsigned *ret_want) MUST_CHECK;
/* What was agreed on by ALPN; "" when nothing was, or without TLS. */
struct str sock_alpn(const struct sock *s);
/* For logs: "TLSv1.3"; "" without TLS. */
struct str sock_tls_version(const struct sock *s);
bool sock_is_resumed(const struct sock *s); /* by a ticket */
/* Is what is sent copied and sealed in this process? False as well where the kernel does it: then
 * sends take what there is room for, as without TLS. */
bool sock_seals(const struct sock *s);

/* > 0 bytes; 0: the peer has ended its side; -EAGAIN; another -errno: the connection is broken. */
ssize_t sock_recv(struct sock *s, void *p, size_t n);
/* The same without taking them, before TLS alone: for what stands in front of it (PROXY). */
ssize_t sock_peek(struct sock *s, void *p, size_t n);
/*
 * >= 0 bytes taken; -EAGAIN; another -errno. `more`: further bytes follow at once (MSG_MORE). Over
 * TLS all is taken up to SOCK_SEAL_AT_ONCE bytes (less while the kernel has had no room lately, so
 * that little is kept for a slow peer), unless something is kept that the kernel still has no room
 * for (-EAGAIN).
 */
ssize_t sock_send(struct sock *s, const struct iovec *iov, int count, bool more);
/* As sock_send; 0 when the file has ended early. */
ssize_t sock_send_file(struct sock *s, int fd, off_t offset, size_t n);

/*
 * As sock_send() of memory that the kernel may keep instead of copying it: its pages stay with it
 * until the peer has them, so the bytes must never change, and their memory must not be used for
 * anything else but be unmapped. Measured with 3 MB on huge pages: 210 to 290 us, where send() took
 * 550 to 710 and sendfile() of a memory file 460 to 700.
 */
ssize_t sock_lend(struct sock *s, const void *p, size_t n);

/* Over TLS: is all that was taken with the kernel? 0: yes; -EAGAIN: not yet, want SOCK_WRITE;
 * another -errno.
 */
int sock_flush(struct sock *s) MUST_CHECK;

/* FIN: what we sent still arrives; over TLS, after close_notify, if there is room for it (neither
 * where the kernel seals and sock_flush() would not say 0: the FIN would overtake a record). */
void sock_shutdown_write(struct sock *s);
/* The close that follows tells the peer that it was no orderly end, and takes back what is unsent.
 * A Unix socket cannot say so. */
void sock_set_reset(struct sock *s);
/* No callback but `closed` from here on. Says nothing to a peer over TLS: sock_shutdown_write()
 * before it does. */
void sock_close(struct sock *s);

#endif
