/*
 * A connected stream socket on a loop: readiness through uv_poll, bytes through our own recv,
 * sendmsg and sendfile (DESIGN 4). Level-triggered; the set of wanted events reaches the kernel
 * only when it changes, so a keep-alive request costs no epoll_ctl. TLS will stand behind the same
 * calls.
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

struct sock_ops {
    void (*readable)(struct sock *s);
    void (*writable)(struct sock *s);
    /* The peer has ended its side, or the connection is broken. */
    void (*hangup)(struct sock *s);
    /* After sock_close(), once, in a later turn: the memory may go. */
    void (*closed)(struct sock *s);
};

enum { SOCK_READ = 1, SOCK_WRITE = 2, SOCK_HANGUP = 4 };

struct sock {
    uv_poll_t poll;
    const struct sock_ops *ops;
    struct loop *loop;
    int fd;         /* owned */
    uint8_t wanted; /* SOCK_READ | SOCK_WRITE | SOCK_HANGUP */
    uint8_t armed;  /* what the kernel watches: follows `wanted` at the end of the turn */
    bool is_closing;
    struct loop_task end_of_turn; /* arms, or closes */
};

/* Takes `fd` (non-blocking from here on), in every case: on failure it is closed. */
int sock_init(struct sock *s, struct loop *l, int fd, const struct sock_ops *ops) MUST_CHECK;
void sock_want(struct sock *s, unsigned events);

/* > 0 bytes; 0: the peer has ended its side; -EAGAIN; another -errno: the connection is broken. */
ssize_t sock_recv(struct sock *s, void *p, size_t n);
/* >= 0 bytes taken; -EAGAIN; another -errno. `more`: further bytes follow at once (MSG_MORE). */
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

void sock_shutdown_write(struct sock *s); /* FIN: what we sent still arrives */
/* The close that follows tells the peer that it was no orderly end, and takes back what is unsent.
 * A Unix socket cannot say so. */
void sock_set_reset(struct sock *s);
void sock_close(struct sock *s); /* no callback but `closed` from here on */

#endif
