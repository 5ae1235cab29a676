/*
 * Kernel TLS: once the handshake has made the keys, what we send is sealed by the kernel, so files
 * and memory go to the socket as without TLS. Receiving stays with OpenSSL, as do alerts.
 *
 * OpenSSL hands the keys over by controls of its BIO that have no public names; ours passes what it
 * does not know on to OpenSSL's own BIO of the socket, which knows. It refuses while something that
 * was sealed before is not with the kernel yet: OpenSSL goes on sealing by itself then. Only the
 * BIO for writing does so; the kernel never opens what comes.
 *
 * The kernel may hold back the last record when the socket has no room for it, and a FIN would
 * overtake it. It follows with the next record, or once a third of the socket's buffer is free;
 * until then the socket is not flushed.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/retry.h"
#include "net/tls_internal.h"

static const char layer[] = "tls";

/* What is there */

static int add_layer(int fd)
{
    return setsockopt(fd, IPPROTO_TCP, TCP_ULP, layer, sizeof layer - 1) == 0 ? 0 : -errno;
}

static bool is_offered; /* of the process, from the first question on */

/* A kernel that has the layer gives it to nobody who is not connected, and says so. */
static void ask_kernel(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return;
    is_offered = add_layer(fd) == -ENOTCONN;
    close(fd);
}

bool tls_kernel_is_offered(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

#ifndef OPENSSL_NO_KTLS
    pthread_once(&once, ask_kernel);
#else
    (void)once;
#endif
    return is_offered;
}

/* The keys */

BIO *tls_kernel_bio_new(SSL *ssl, int fd)
{
    BIO *bio;

    if (!tls_kernel_is_offered() || add_layer(fd) < 0) /* a Unix socket has none */
        return NULL;
    bio = BIO_new_socket(fd, BIO_NOCLOSE);
    if (bio != NULL)
        SSL_set_options(ssl, SSL_OP_ENABLE_KTLS);
    return bio;
}

long tls_kernel_control(struct tls *t, int command, long number, void *pointer)
{
    long r;

    if (t->kernel == NULL || tls_transmit(t, false) < 0 || tls_kept(t) > 0)
        return 0;
    r = BIO_ctrl(t->kernel, command, number, pointer);
    t->is_in_kernel = BIO_get_ktls_send(t->kernel);
    return r;
}

/* What OpenSSL itself says, plain. */
int tls_kernel_write(struct tls *t, BIO *bio, const char *p, size_t n, size_t *ret_n)
{
    /* After the handshake that is alerts, or from some versions the answer to a key update. */
    if (t->is_established && SSL_get_state(t->ssl) != TLS_ST_OK) {
        t->broken = -EPROTO;
        return 0;
    }
    if (BIO_write_ex(t->kernel, p, n, ret_n) == 1)
        return 1;
    if (BIO_should_retry(t->kernel))
        BIO_set_retry_write(bio);
    else
        t->broken = -EPIPE;
    return 0;
}

/* RFC 8446 4.6.3: before we send more we would have to change our key, and the kernel cannot. */
bool tls_kernel_needs_new_key(const struct tls *t)
{
    return t->is_in_kernel && SSL_get_key_update_type(t->ssl) != SSL_KEY_UPDATE_NONE;
}

/* Sending */

/* Never MSG_MORE: a record that fills under it, or inside of one sendfile, is given to TCP without
 * being pushed. Where that fills the socket's buffer, nothing is under way whose acknowledgement
 * would push it, and the connection hangs (Linux 6.1, small buffers). */
ssize_t tls_kernel_send(struct tls *t, const struct iovec *iov, int count)
{
    struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)count};
    ssize_t r;

    if (t->broken != 0)
        return t->broken;
    r = RETRY_ON_EINTR(sendmsg(t->fd, &m, MSG_NOSIGNAL));
    t->may_hold_back = true;
    t->open_n = 0;
    if (r < 0 && r != -EAGAIN)
        t->broken = (int)r;
    return r;
}

/* To the end of a record at most; what was cut short leaves it open. */
static ssize_t send_record(struct tls *t, int fd, off_t offset, size_t n)
{
    size_t asked = MIN(n, SSL3_RT_MAX_PLAIN_LENGTH - t->open_n);
    ssize_t r = RETRY_ON_EINTR(sendfile(t->fd, fd, &offset, asked));

    if (r > 0)
        t->open_n = (size_t)r == asked ? 0 : t->open_n + (size_t)r;
    return r;
}

ssize_t tls_kernel_send_file(struct tls *t, int fd, off_t offset, size_t n)
{
    size_t sent = 0;
    ssize_t r = 0;

    if (t->broken != 0)
        return t->broken;
    t->may_hold_back = true;
    do {
        r = send_record(t, fd, offset + (off_t)sent, n - sent);
        sent += r > 0 ? (size_t)r : 0;
    } while (r > 0 && sent < n && t->open_n == 0);
    return sent > 0 ? (ssize_t)sent : r;
}

int tls_kernel_flush(struct tls *t)
{
    struct pollfd room = {.fd = t->fd, .events = POLLOUT};

    if (t->broken == 0 && t->may_hold_back) {
        if (RETRY_ON_EINTR(poll(&room, 1, 0)) == 0)
            return -EAGAIN;
        t->may_hold_back = false; /* or it is broken, which the next send will say */
    }
    return t->broken;
}
