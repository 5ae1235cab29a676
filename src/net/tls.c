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

enum { RECORD_MAX = SSL3_RT_MAX_PLAIN_LENGTH };

struct sealer {
    size_t n; /* in `sealed` */
    char sealed[SOCK_SEALED_MAX];
    char plain[SOCK_SEAL_AT_ONCE]; /* small pieces that share a record, or what comes from a file */
};

struct tls {
    SSL *ssl;
    struct loop *loop;
    struct tls_server *server; /* a reference: the handshake looks names up in it */
    char *kept;                /* owned; NULL when nothing is kept */
    size_t kept_at, kept_n;    /* the first byte that is not sent, and the end */
    int fd;
    int broken;        /* -errno; 0: not */
    bool has_ended;    /* the peer's side, with or without close_notify */
    bool is_dry;       /* the last recv found nothing, and OpenSSL has used up all before it */
    bool is_drained;   /* in this call a recv has brought less than it could */
    bool is_congested; /* the kernel has left something of the last sendmsg */
};

/* The sealer */

static struct sealer *sealer_of(struct loop *l)
{
    if (l->sealer == NULL)
        l->sealer = xzalloc(sizeof *l->sealer);
    return l->sealer;
}

void sealer_free(struct sealer **s)
{
    xfree_p(s);
}

/* BIO */

static ssize_t receive(struct tls *t, void *p, size_t n)
{
    ssize_t r;

    if (t->is_drained)
        return -EAGAIN;
    r = RETRY_ON_EINTR(recv(t->fd, p, n, 0));
    t->is_drained = r < (ssize_t)n;
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
    const struct tls *t = BIO_get_data(bio);

    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_FLUSH)
        return 1;
    return command == BIO_CTRL_EOF && t->has_ended;
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
    BIO *bio = bio_new(t);

    t->loop = l;
    t->fd = fd;
    t->server = tls_server_ref(server);
    t->ssl = tls_server_begin(server);
    if (t->ssl == NULL || bio == NULL) {
        BIO_free(bio);
        tls_free(&t);
        return NULL;
    }
    SSL_set_bio(t->ssl, bio, bio);
    return t;
}

void tls_free(struct tls **t)
{
    struct tls *gone = TAKE(*t);

    if (gone == NULL)
        return;
    SSL_free(gone->ssl);
    tls_server_unref(&gone->server);
    xfree_p(&gone->kept);
    xfree_p(&gone);
}

/* To the kernel */

static size_t kept(const struct tls *t)
{
    return t->kept_n - t->kept_at;
}

/* Now that the kernel has taken `sent` bytes of what was kept and what is in the sealer. */
static void keep_rest(struct tls *t, struct sealer *s, size_t sent)
{
    size_t old = MIN(sent, kept(t)), fresh = s->n - (sent - old);

    t->kept_at += old;
    if (kept(t) == 0) {
        xfree_p(&t->kept);
        t->kept_at = t->kept_n = 0;
    }
    if (fresh > 0) {
        t->kept = xrealloc(t->kept, t->kept_n + fresh);
        memcpy(t->kept + t->kept_n, s->sealed + s->n - fresh, fresh);
        t->kept_n += fresh;
    }
    s->n = 0;
}

/* A peer that makes us answer (key updates) and reads nothing could let this grow for ever. */
static bool would_keep_too_much(const struct tls *t, const struct sealer *s)
{
    return t->kept_n + s->n > SOCK_SEALED_MAX;
}

static int transmit(struct tls *t, bool more)
{
    struct sealer *s = sealer_of(t->loop);
    struct iovec iov[] = {{t->kept + t->kept_at, kept(t)}, {s->sealed, s->n}};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = ARRAY_LEN(iov)};
    size_t n = kept(t) + s->n;
    ssize_t sent;

    if (n == 0)
        return t->broken;
    sent = RETRY_ON_EINTR(sendmsg(t->fd, &m, MSG_NOSIGNAL | (more ? MSG_MORE : 0)));
    t->is_congested = sent < (ssize_t)n;
    if (sent == -EAGAIN)
        sent = 0;
    if (sent >= 0 && t->is_congested && would_keep_too_much(t, s))
        sent = -ENOBUFS;
    if (sent < 0) {
        t->broken = t->broken != 0 ? t->broken : (int)sent;
        sent = (ssize_t)n;
    }
    keep_rest(t, s, (size_t)sent);
    return t->broken;
}

int tls_flush(struct tls *t)
{
    int r = t->broken == 0 ? transmit(t, false) : t->broken;

    return r < 0 ? r : kept(t) > 0 ? -EAGAIN : 0;
}

/* Before an OpenSSL call: its queue of errors is the thread's, so another socket's may be there. */
static void begin(struct tls *t)
{
    assert(sealer_of(t->loop)->n == 0); /* bytes of one socket must never reach another's peer */
    ERR_clear_error();
    t->is_drained = false;
}

/* Why an OpenSSL call has failed: -EAGAIN, or -errno that lasts. */
static int failure(struct tls *t, int result)
{
    int why = SSL_get_error(t->ssl, result);

    if (why == SSL_ERROR_WANT_READ)
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

/* In TLS 1.3 the last that we say are tickets: they go with the first answer, and cost no packet of
 * their own. */
static bool may_wait(const struct tls *t)
{
    return SSL_version(t->ssl) == TLS1_3_VERSION && !t->is_congested;
}

static int step(struct tls *t)
{
    bool is_done = SSL_is_init_finished(t->ssl);
    int r, sent;

    if (t->broken != 0)
        return t->broken;
    begin(t);
    r = SSL_accept(t->ssl);
    r = r == 1 ? 1 : failure(t, r);
    if (r == 1 && !is_done && may_wait(t)) {
        keep_rest(t, t->loop->sealer, 0);
        return 1;
    }
    sent = transmit(t, false); /* after a failure, too: the alert */
    if (sent == 0 && r == 1 && kept(t) > 0)
        r = -EAGAIN;
    return sent < 0 ? sent : r;
}

int tls_handshake(struct tls *t, unsigned *ret_want)
{
    int r = step(t);

    if (r == -EAGAIN)
        *ret_want = kept(t) > 0 ? SOCK_WRITE : SOCK_READ;
    return r;
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
        return failure(t, r);
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

ssize_t tls_recv(struct tls *t, void *p, size_t n)
{
    ssize_t got;

    if (t->broken != 0)
        return t->broken;
    if (t->has_ended || n == 0)
        return 0;
    begin(t);
    got = open_records(t, p, n);
    if (t->loop->sealer->n > 0) /* an alert, or the answer to a key update */
        (void)transmit(t, false);
    return got;
}

bool tls_has_input(const struct tls *t)
{
    return t->broken == 0 && !t->has_ended && !t->is_dry && SSL_has_pending(t->ssl) == 1;
}

/* Sending */

/* False: the socket is broken. */
static bool seal(struct tls *t, const char *p, size_t n)
{
    while (n > 0) {
        size_t k;
        int r = SSL_write_ex(t->ssl, p, n, &k);

        if (r != 1) {
            /* A key update in two pieces, of which one has come: who does that to a message of
             * five bytes wants us to wait for room that there is, round and round. */
            if (failure(t, r) == -EAGAIN)
                t->broken = -EPROTO;
            return false;
        }
        p += k;
        n -= k;
    }
    return true;
}

/* A walk through what is to be sent. */
struct pieces {
    const struct iovec *iov, *end;
    size_t at;   /* in iov[0] */
    size_t left; /* of what may be sealed in this call */
};

static struct str piece(struct pieces *w)
{
    while (w->iov < w->end && w->at == w->iov->iov_len) {
        w->iov++;
        w->at = 0;
    }
    if (w->iov == w->end)
        return (struct str){"", 0};
    return (struct str){(const char *)w->iov->iov_base + w->at,
                        MIN(w->iov->iov_len - w->at, w->left)};
}

static void pass(struct pieces *w, size_t n)
{
    w->at += n;
    w->left -= n;
}

/* A record's worth of small pieces, side by side in `to`. */
static size_t gather(struct pieces *w, char *to)
{
    size_t n = 0;

    while (n < RECORD_MAX) {
        struct str s = str_first(piece(w), RECORD_MAX - n);

        if (s.n == 0)
            break;
        memcpy(to + n, s.p, s.n);
        pass(w, s.n);
        n += s.n;
    }
    return n;
}

/* Every record but the last is full; what comes in large pieces is sealed from where it is. */
static void seal_pieces(struct tls *t, struct pieces *w)
{
    char *scratch = t->loop->sealer->plain;
    struct str s = piece(w);
    bool ok = true;

    for (; ok && s.n > 0; s = piece(w)) {
        if (s.n >= RECORD_MAX) {
            s.n = s.n / RECORD_MAX * RECORD_MAX;
            pass(w, s.n);
        } else {
            s = (struct str){scratch, gather(w, scratch)};
        }
        ok = seal(t, s.p, s.n);
    }
}

/* May more be sealed? Only once the kernel has had room for all that was. */
static int get_ready(struct tls *t)
{
    if (t->broken != 0)
        return t->broken;
    if (t->is_congested) {
        int r = tls_flush(t);

        if (r < 0)
            return r;
    }
    begin(t);
    return 0;
}

ssize_t tls_send(struct tls *t, const struct iovec *iov, int count, bool more)
{
    struct pieces w = {.iov = iov, .end = iov + count, .left = SOCK_SEAL_AT_ONCE};
    int r = get_ready(t);

    if (r < 0)
        return r;
    seal_pieces(t, &w);
    r = transmit(t, more);
    return r < 0 ? r : (ssize_t)(SOCK_SEAL_AT_ONCE - w.left);
}

ssize_t tls_send_file(struct tls *t, int fd, off_t offset, size_t n)
{
    int r = get_ready(t);
    char *scratch;
    ssize_t got;

    if (r < 0)
        return r;
    scratch = t->loop->sealer->plain;
    got = RETRY_ON_EINTR(pread(fd, scratch, MIN(n, sizeof t->loop->sealer->plain), offset));
    if (got <= 0)
        return got;
    (void)seal(t, scratch, (size_t)got);
    r = transmit(t, false);
    return r < 0 ? r : got;
}

void tls_shutdown_write(struct tls *t)
{
    if (t->broken != 0 || !SSL_is_init_finished(t->ssl))
        return;
    begin(t);
    (void)SSL_shutdown(t->ssl); /* 0: the peer's own close_notify is not waited for */
    (void)transmit(t, false);
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

bool tls_is_resumed(const struct tls *t)
{
    return SSL_session_reused(t->ssl) == 1;
}
