/*
 * TLS from inside: what sock.c dispatches to when a socket has it, and what the files of TLS share.
 * For the files of net/ only.
 */
#ifndef NET_TLS_INTERNAL_H
#define NET_TLS_INTERNAL_H

#include <openssl/ssl.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "net/loop.h"
#include "net/sock.h"
#include "net/tls.h"

/* What the sockets of a loop seal into, one call at a time; empty between calls. */
struct sealer {
    size_t n; /* in `sealed` */
    char sealed[SOCK_SEALED_MAX];
    char plain[SOCK_SEAL_AT_ONCE]; /* small pieces that share a record, or what comes from a file */
};

struct tls {
    SSL *ssl;                  /* owned */
    struct loop *loop;         /* borrowed, as is `fd` */
    struct tls_server *server; /* a reference: the handshake looks names up in it */
    char *kept;                /* owned; NULL when nothing is kept */
    size_t kept_at, kept_n;    /* the first byte that is not sent, and the end */
    int fd;
    int broken;        /* -errno; 0: not */
    bool has_ended;    /* the peer's side, with or without close_notify */
    bool is_end_told;  /* the end, or what broke it, to who receives */
    bool is_dry;       /* the last recv found nothing, and OpenSSL has used up all before it */
    bool is_drained;   /* in this call a recv has brought less than it could */
    uint8_t reads;     /* of this call */
    bool is_congested; /* the kernel has left something of the last sendmsg */
    size_t at_once;    /* plain bytes that a send may seal */
    BIO *writing;      /* borrowed from `ssl` */
    BIO *kernel;       /* owned: OpenSSL's of `fd`; NULL: the kernel offers no TLS for it */
    bool is_in_kernel; /* what we send is sealed there */
    size_t open_n;     /* of a file, in a record that the kernel has not closed */
    bool is_established;
    bool may_hold_back; /* the kernel, something of what was sent */
};

/* tls.c and tls_send.c: one socket. The calls keep the promises of those of the same name in
 * net/sock.h. */

struct tls *tls_new(struct loop *l, int fd,
                    const struct tls_server *server) MUST_CHECK; /* NULL: no memory */
void tls_free(struct tls **t); /* accepts NULL; says nothing to the peer */

int tls_handshake(struct tls *t, unsigned *ret_want) MUST_CHECK;
ssize_t tls_recv(struct tls *t, void *p, size_t n);
ssize_t tls_send(struct tls *t, const struct iovec *iov, int count, bool more);
ssize_t tls_send_file(struct tls *t, int fd, off_t offset, size_t n);
int tls_flush(struct tls *t) MUST_CHECK;
/* close_notify. False: a FIN now would overtake what was sent. */
bool tls_shutdown_write(struct tls *t) MUST_CHECK;

/* Is there something to receive that the kernel does not show? */
bool tls_has_input(const struct tls *t);
struct str tls_alpn(const struct tls *t);
struct str tls_version(const struct tls *t);
bool tls_is_in_kernel(const struct tls *t); /* what is sent is sealed by the kernel */
bool tls_is_resumed(const struct tls *t);

/* Between the two. Before an OpenSSL call; why one has failed (-EAGAIN, or -errno that lasts);
 * after it: what it has sealed goes to the kernel, or is kept (0, or -errno that lasts). */
void tls_begin(struct tls *t);
int tls_failure(struct tls *t, int result);
int tls_transmit(struct tls *t, bool more);
struct sealer *tls_sealer_of(struct loop *l);

static inline size_t tls_kept(const struct tls *t)
{
    return t->kept_n - t->kept_at;
}

/*
 * tls_kernel.c. Before the handshake: gets the socket ready, if it can be (else NULL); what our BIO
 * for writing does not know; what OpenSSL writes once the keys are the kernel's; then the calls of
 * the same name above.
 */
BIO *tls_kernel_bio_new(SSL *ssl, int fd);
long tls_kernel_control(struct tls *t, int command, long number, void *pointer);
int tls_kernel_write(struct tls *t, BIO *bio, const char *p, size_t n, size_t *ret_n);
bool tls_kernel_needs_new_key(const struct tls *t); /* the connection must end */
ssize_t tls_kernel_send(struct tls *t, const struct iovec *iov, int count);
ssize_t tls_kernel_send_file(struct tls *t, int fd, off_t offset, size_t n);
int tls_kernel_flush(struct tls *t) MUST_CHECK;

/* tls_server.c: a socket holds a reference to the server that has begun it. */
struct tls_server *tls_server_ref(const struct tls_server *t);
void tls_server_unref(struct tls_server **t);
SSL *tls_server_begin(const struct tls_server *t); /* NULL: no memory */

/* tls_tickets.c: for SSL_CTX_set_tlsext_ticket_key_evp_cb(); the context's app data are the
 * tickets. */
int tls_tickets_on_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                       EVP_MAC_CTX *mac, int is_new);
usec_t tls_tickets_rotation(const struct tls_tickets *t);

/* For messages: the oldest error that OpenSSL has queued, in words; empties the queue. */
const char *tls_reason(void);

#endif
