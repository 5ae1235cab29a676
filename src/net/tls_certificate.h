/* A certificate with its chain and its key, read from files and checked. For the files of net/
 * only. */
#ifndef NET_TLS_CERTIFICATE_H
#define NET_TLS_CERTIFICATE_H

#include <openssl/x509.h>

#include "net/tls.h"

/* Certificates of different kinds may stand side by side in one context of OpenSSL. */
enum tls_key_kind { TLS_ECDSA, TLS_ED25519, TLS_RSA, TLS_KEY_KINDS };

struct tls_certificate {
    X509 *leaf;             /* owned, as all below */
    STACK_OF(X509) * chain; /* behind it, in the order of the file */
    EVP_PKEY *key;
    enum tls_key_kind kind;
    char **
        names; /* of subjectAltName (the common name, if there is none): lower case, no addresses */
    unsigned name_count;
    unix_t expires;
};

/* -1 with what is wrong in `error`; what has been read is for tls_certificate_done() all the same.
 */
int tls_certificate_load(const struct tls_pair *files, struct tls_certificate *ret,
                         struct buf *error) MUST_CHECK;
void tls_certificate_done(struct tls_certificate *c);

#endif
