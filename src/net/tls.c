/*
 * TLS of one socket. OpenSSL works between two BIO callbacks of ours:
 *
 * Reading goes straight from the descriptor into OpenSSL's buffer, as much as fits, so a request
 * costs one recv. Once a recv has brought less than there was room for, the kernel has no more, and
 * it is not asked again within the call.
 *
 * Writing only appends to a buffer that the sockets of a loop share (the sealer); what one call has
 * put there goes out by ONE sendmsg at the call's end, so the buffer is empty between calls. What
 * the kernel did not take is kept by the socket, on the heap, and goes first next time. So OpenSSL
 * never has to wait for room, and never sees a write fail but for good.
 *
 * Where the kernel seals what we send, nothing of ours does from then on (tls_kernel.c).
 *
 * Errors last: what has failed once fails for ever (`broken`), for OpenSSL's state is undefined
 * then.
 */
#include <assert.h>
#include <openssl/err.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/loop_internal.h"
#include "net/retry.h"
#include "net/sock.h"
#include "net/tls_internal.h"

enum {
    /* Of one call: 64 KiB and the end of a record. A peer that sends key updates without a pause
     * would keep OpenSSL in one call, and the worker, for ever; what is left the kernel shows
     * again. */
    READS_AT_ONCE = 5,
};

/* BIO */

static ssize_t receive(struct tls *t, void *p, size_t n)
{
    ssize_t r;

    if (t->is_drained)
        return -EAGAIN;
    r = RETRY_ON_EINTR(recv(t->fd, p, n, 0));
    t->is_drained = r < (ssize_t)n || ++t->reads == READS_AT_ONCE;
    return r;
}

static int on_bio_read(BIO *bio, char *p, size_t n, size_t *ret_n)
{
    struct tls *t = BIO_get_data(bio);
    ssize_t r = receive(t, p, n);

    BIO_clear_retry_flags(bio);
    t->is_dry = r == -EAGAIN;
    if (r > 0) {
        *ret_n = (size_t)r;
        return 1;
    }
    if (r == -EAGAIN)
        BIO_set_retry_read(bio);
    else if (r == 0)
        t->has_ended = true;
    else
        t->broken = (int)r;
    return 0;
}

static int on_bio_write(BIO *bio, const char *p, size_t n, size_t *ret_n)
{
    struct tls *t = BIO_get_data(bio);
    struct sealer *s = t->loop->sealer;

    BIO_clear_retry_flags(bio);
    if (t->is_in_kernel)
        return tls_kernel_write(t, bio, p, n, ret_n);
    if (n > sizeof s->sealed - s->n) { /* not by what we send: its size is known */
        t->broken = -ENOBUFS;
        return 0;
    }
    memcpy(s->sealed + s->n, p, n);
    s->n += n;
    *ret_n = n;
    return 1;
}

static long on_bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    struct tls *t = BIO_get_data(bio);

    if (command == BIO_CTRL_FLUSH)
        return 1;
    if (command == BIO_CTRL_EOF)
        return t->has_ended;
    return bio == t->writing ? tls_kernel_control(t, command, number, pointer) : 0;
}

static BIO_METHOD *bio_method; /* of the process, for ever */

static void make_bio_method(void)
{
    bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket of a loop");
    assert(bio_method != NULL);
    BIO_meth_set_read_ex(bio_method, on_bio_read);
    BIO_meth_set_write_ex(bio_method, on_bio_write);
    BIO_meth_set_ctrl(bio_method, on_bio_ctrl);
}

static BIO *bio_new(struct tls *t)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    BIO *bio;

    pthread_once(&once, make_bio_method);
    bio = BIO_new(bio_method);
    if (bio != NULL) {
        BIO_set_data(bio, t);
        BIO_set_init(bio, 1);
    }
    return bio;
}

/* Beginning and end */

struct tls *tls_new(struct loop *l, int fd, const struct tls_server *server)
{
    struct tls *t = xzalloc(sizeof *t);
    BIO *reading = bio_new(t);

    t->loop = l;
    t->fd = fd;
    t->at_once = SOCK_SEAL_AT_ONCE;
    t->server = tls_server_ref(server);
    t->ssl = tls_server_begin(server);
    t->kernel = t->ssl != NULL ? tls_kernel_bio_new(t->ssl, fd) : NULL;
    t->writing = t->kernel != NULL ? bio_new(t) : reading; /* the kernel gets no key for reading */
    if (t->ssl == NULL || reading == NULL || t->writing == NULL) {
        if (t->writing != reading)
            BIO_free(t->writing);
        BIO_free(reading);
        tls_free(&t);
        return NULL;
    }
    SSL_set_bio(t->ssl, reading, t->writing);
    return t;
}

void tls_free(struct tls **t)
{
    struct tls *gone = TAKE(*t);

    if (gone == NULL)
        return;
    SSL_free(gone->ssl);
    BIO_free(gone->kernel);
    tls_server_unref(&gone->server);
    xfree_p(&gone->kept);
    xfree_p(&gone);
}

/* Before an OpenSSL call: its queue of errors is the thread's, so another socket's may be there. */
void tls_begin(struct tls *t)
{
    assert(tls_sealer_of(t->loop)->n ==
           0); /* bytes of one socket must never reach another's peer */
    ERR_clear_error();
    t->is_drained = false;
    t->reads = 0;
}

/* Why an OpenSSL call has failed: -EAGAIN, or -errno that lasts. */
int tls_failure(struct tls *t, int result)
{
    int why = SSL_get_error(t->ssl, result);

    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
        return -EAGAIN;
    if (t->broken == 0 && t->has_ended)
        t->broken = -ECONNRESET;
    if (t->broken == 0)
        /* An alert: the peer has given up. Anything else: it speaks no TLS, or has been tampered.
         */
        t->broken = ERR_GET_REASON(ERR_peek_error()) > SSL_AD_REASON_OFFSET ? -ECONNRESET : -EPROTO;
    return t->broken;
}

/* The handshake */

/* Tickets, the last that we say in TLS 1.3, are not held back for the first answer: a client under
 * Nagle's rule sends its request only once its Finished is acknowledged, which without them takes
 * 40 ms. */
int tls_handshake(struct tls *t, unsigned *ret_want)
{
    int r, sent;

    if (t->broken != 0)
        return t->broken;
    tls_begin(t);
    r = SSL_accept(t->ssl);
    r = r == 1 ? 1 : tls_failure(t, r);
    sent = tls_transmit(t, false); /* after a failure, too: the alert */
    if (sent < 0)
        return sent;
    if (r < 0 && r != -EAGAIN)
        return r;
    t->is_established = r == 1;
    *ret_want = tls_kept(t) > 0 || SSL_want_write(t->ssl) ? SOCK_WRITE : SOCK_READ;
    return r == 1 && tls_kept(t) > 0 ? -EAGAIN : r;
}

/* Receiving */

/* What one record has; 0: the peer has ended its side. */
static ssize_t open_record(struct tls *t, char *p, size_t n)
{
    size_t got;
    int r = SSL_read_ex(t->ssl, p, n, &got);

    if (r == 1)
        return (ssize_t)got;
    if (SSL_get_error(t->ssl, r) != SSL_ERROR_ZERO_RETURN)
        return tls_failure(t, r);
    t->has_ended = true;
    return 0;
}

/* As many records as are there and fit, without asking the kernel in vain. */
static ssize_t open_records(struct tls *t, char *p, size_t n)
{
    ssize_t got = 0, k;

    do {
        k = open_record(t, p + got, n - (size_t)got);
        got += MAX(k, (ssize_t)0);
    } while (k > 0 && (size_t)got < n && tls_has_input(t));
    return got > 0 ? got : k;
}

static ssize_t tell_end(struct tls *t)
{
    t->is_end_told = true;
    return t->broken;
}

ssize_t tls_recv(struct tls *t, void *p, size_t n)
{
    ssize_t got;

    if (t->broken != 0 || t->has_ended)
        return tell_end(t);
    if (n == 0)
        return 0;
    tls_begin(t);
    got = open_records(t, p, n);
    if (tls_kernel_needs_new_key(t))
        got = t->broken = -EPROTO;
    if (t->loop->sealer->n > 0) /* an alert, or the answer to a key update */
        (void)tls_transmit(t, false);
    return got > 0 || got == -EAGAIN ? got : tell_end(t);
}

/* An end that came behind bytes (close_notify, a forged record) the kernel does not show either. */
bool tls_has_input(const struct tls *t)
{
    if (t->broken != 0 || t->has_ended)
        return !t->is_end_told;
    return !t->is_dry && SSL_has_pending(t->ssl) == 1;
}

/* What was agreed on */

struct str tls_alpn(const struct tls *t)
{
    const unsigned char *p;
    unsigned n;

    SSL_get0_alpn_selected(t->ssl, &p, &n);
    return n > 0 ? (struct str){(const char *)p, n} : STR("");
}

struct str tls_version(const struct tls *t)
{
    return str_of(SSL_get_version(t->ssl));
}

bool tls_is_in_kernel(const struct tls *t)
{
    return t->is_in_kernel;
}

bool tls_is_resumed(const struct tls *t)
{
    return SSL_session_reused(t->ssl) == 1;
}
