/*
 * TLS of a server (OpenSSL 3): what a listener offers, and the session tickets that its process
 * gives out. Sockets use it through net/sock.h; nobody else sees OpenSSL.
 *
 * TLS 1.2 and 1.3, forward secrecy and AEAD alone, no renegotiation, no compression, no early data
 * (it could be replayed). Several certificates: which one a client gets is decided by the name it
 * asks for (RFC 6066 3: an exact name of the certificate's subjectAltName, then a wildcard's
 * leftmost label, then the first certificate; the common name counts where there is no
 * subjectAltName) and by the signatures it knows (an ECDSA and an RSA
 * certificate for the same names stand side by side). A client that asks for a name that no
 * certificate has gets the first one: it will tell its user what is wrong better than an alert.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

/* PEM files: the certificate with its chain behind it, and its key (not encrypted). */
struct tls_pair {
    const char *certificate, *key;
};

enum tls_version { TLS_1_2, TLS_1_3 };

struct tls_options {
    const struct tls_pair *pairs; /* the first is the default */
    unsigned pair_count;          /* at least 1 */
    enum tls_version min_version;
    const char *ciphers; /* of TLS 1.2, in OpenSSL's words; "": ECDHE with AES-GCM or ChaCha20 */
    bool has_http2;      /* ALPN (RFC 7301): "h2", else only "http/1.1" */
};

/*
 * The keys of session tickets (RFC 5077, RFC 8446 4.6.1): one set for all workers and listeners, so
 * that a session is resumed by whichever worker accepts; it outlives reloads. A new key every
 * `rotation`; tickets of the two before it are still taken, and renewed. Old keys are cleansed.
 * Thread-safe.
 */
struct tls_tickets;
struct tls_tickets *tls_tickets_new(usec_t rotation);
void tls_tickets_free(struct tls_tickets **t);

/*
 * One listener's offer. Immutable, shared by all workers. Borrows `tickets` for as long as it and
 * the sockets it has begun live. -1 with what is wrong in `ret_error`, naming the file: it cannot
 * be read, is no certificate, the key is not the certificate's, is encrypted, is too weak (RSA
 * below 2048 bits, EC below 256) or of another kind (Ed25519 is taken, too), the chain is longer
 * than 32 KiB, the certificate has expired (a warning would be read too late); ciphers that are
 * unknown or lack forward secrecy or AEAD.
 */
struct tls_server;
int tls_server_new(const struct tls_options *o, struct tls_tickets *tickets,
                   struct tls_server **ret, struct buf *ret_error) MUST_CHECK;
/* Sockets that it has begun go on. */
void tls_server_free(struct tls_server **t);

/* Do this kernel and OpenSSL offer kernel TLS? Asked once; then what is sent over TCP and TLS is
 * sealed by the kernel, for the ciphers that it knows. Thread-safe. */
bool tls_kernel_is_offered(void);

/* When the first of its certificates expires; for the log and /health. */
unix_t tls_server_expires(const struct tls_server *t);

#endif
