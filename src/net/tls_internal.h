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
#include "net/tls.h"

/* tls.c: one socket. The calls keep the promises of those of the same name in net/sock.h. */
struct tls;
/* Borrows the loop and the descriptor. NULL: no memory. */
struct tls *tls_new(struct loop *l, int fd, const struct tls_server *server) MUST_CHECK;
void tls_free(struct tls **t); /* accepts NULL; says nothing to the peer */

int tls_handshake(struct tls *t, unsigned *ret_want) MUST_CHECK;
ssize_t tls_recv(struct tls *t, void *p, size_t n);
ssize_t tls_send(struct tls *t, const struct iovec *iov, int count, bool more);
ssize_t tls_send_file(struct tls *t, int fd, off_t offset, size_t n);
int tls_flush(struct tls *t) MUST_CHECK;
void tls_shutdown_write(struct tls *t); /* close_notify */

/* Is there something to receive that the kernel does not show? */
bool tls_has_input(const struct tls *t);
struct str tls_alpn(const struct tls *t);
struct str tls_version(const struct tls *t);
bool tls_is_resumed(const struct tls *t);

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
