/*
 * Reading PEM files and saying in an operator's words what is wrong with them. OpenSSL's own words
 * are added only where ours would not do.
 */
#include "net/tls_certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "net/tls_internal.h"

enum {
    RSA_BITS_MIN = 2048, /* NIST SP 800-57: 112 bits of strength */
    EC_BITS_MIN = 256,
    CHAIN_BYTES_MAX = 32 * 1024, /* a handshake is sealed into one buffer of SOCK_SEALED_MAX */
};

const char *tls_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_get_error());

    ERR_clear_error();
    return reason != NULL ? reason : "unknown error";
}

static int fail(struct buf *error, const char *file, const char *what, const char *why)
{
    buf_printf(error, "%s: %s%s%s", file, what, *why != '\0' ? ": " : "", why);
    ERR_clear_error();
    return -1;
}

static int open_file(const char *file, BIO **ret, struct buf *error)
{
    errno = 0;
    *ret = BIO_new_file(file, "r");
    return *ret != NULL ? 0 : fail(error, file, "cannot be read", strerror(errno));
}

/* The certificate */

static int read_chain(BIO *bio, struct tls_certificate *c)
{
    int bytes = i2d_X509(c->leaf, NULL);
    X509 *next;

    c->chain = sk_X509_new_null();
    assert(c->chain != NULL);
    while ((next = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        sk_X509_push(c->chain, next);
        bytes += i2d_X509(next, NULL);
    }
    return ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE ? -EINVAL
           : bytes > CHAIN_BYTES_MAX                                    ? -E2BIG
                                                                        : 0;
}

static int read_certificates(const char *file, struct tls_certificate *c, struct buf *error)
{
    BIO *bio;
    int r;

    if (open_file(file, &bio, error) < 0)
        return -1;
    c->leaf = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    r = c->leaf != NULL ? read_chain(bio, c) : -ENOENT;
    BIO_free(bio);
    if (r == -ENOENT)
        return fail(error, file, "holds no certificate (PEM)", "");
    if (r == -EINVAL)
        return fail(error, file, "its chain cannot be understood", tls_reason());
    if (r == -E2BIG)
        return fail(error, file, "its chain is longer than 32 KiB", "");
    ERR_clear_error();
    return 0;
}

static int read_expiry(const char *file, struct tls_certificate *c, struct buf *error)
{
    struct tm tm;

    if (ASN1_TIME_to_tm(X509_get0_notAfter(c->leaf), &tm) != 1)
        return fail(error, file, "its time of expiry cannot be understood", "");
    c->expires = timegm(&tm);
    return c->expires > clock_unix() ? 0 : fail(error, file, "the certificate has expired", "");
}

/* The key */

static int no_password(char *buf, int size, int for_writing, void *ret_asked)
{
    (void)buf;
    (void)size;
    (void)for_writing;
    *(bool *)ret_asked = true; /* and nobody is asked on a terminal */
    return -1;
}

static int read_key(const char *file, struct tls_certificate *c, struct buf *error)
{
    bool is_encrypted = false;
    BIO *bio;

    if (open_file(file, &bio, error) < 0)
        return -1;
    c->key = PEM_read_bio_PrivateKey(bio, NULL, no_password, &is_encrypted);
    BIO_free(bio);
    if (is_encrypted)
        return fail(error, file, "the key is encrypted; it must not be", "");
    return c->key != NULL ? 0 : fail(error, file, "holds no private key (PEM)", "");
}

static int judge_key(const char *file, struct tls_certificate *c, struct buf *error)
{
    int bits = EVP_PKEY_get_bits(c->key);

    switch (EVP_PKEY_get_base_id(c->key)) {
    case EVP_PKEY_RSA:
        c->kind = TLS_RSA;
        return bits >= RSA_BITS_MIN ? 0 : fail(error, file, "RSA keys need 2048 bits", "");
    case EVP_PKEY_EC:
        c->kind = TLS_ECDSA;
        return bits >= EC_BITS_MIN ? 0 : fail(error, file, "EC keys need 256 bits", "");
    case EVP_PKEY_ED25519:
        c->kind = TLS_ED25519;
        return 0;
    default:
        return fail(error, file, "neither an RSA, an EC nor an Ed25519 key", "");
    }
}

/* Names */

static void add_name(struct tls_certificate *c, const ASN1_STRING *text)
{
    const char *p = (const char *)ASN1_STRING_get0_data(text);
    size_t n = (size_t)ASN1_STRING_length(text);
    char *name;

    if (n == 0 || memchr(p, '\0', n) != NULL)
        return;
    name = xzalloc(n + 1);
    for (size_t i = 0; i < n; i++)
        name[i] = ascii_lower(p[i]);
    c->names = xrealloc(c->names, (c->name_count + 1) * sizeof *c->names);
    c->names[c->name_count++] = name;
}

static void read_names(struct tls_certificate *c)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(c->leaf, NID_subject_alt_name, NULL, NULL);
    X509_NAME *subject = X509_get_subject_name(c->leaf);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

    for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
        const GENERAL_NAME *one = sk_GENERAL_NAME_value(all, i);

        if (one->type == GEN_DNS)
            add_name(c, one->d.dNSName);
    }
    if (all == NULL && at >= 0) /* RFC 9110 4.3.4 knows subjectAltName alone; old files do not */
        add_name(c, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    GENERAL_NAMES_free(all);
}

int tls_certificate_load(const struct tls_pair *files, struct tls_certificate *ret,
                         struct buf *error)
{
    *ret = (struct tls_certificate){.kind = TLS_RSA};
    if (read_certificates(files->certificate, ret, error) < 0 ||
        read_expiry(files->certificate, ret, error) < 0 || read_key(files->key, ret, error) < 0 ||
        judge_key(files->key, ret, error) < 0)
        return -1;
    if (X509_check_private_key(ret->leaf, ret->key) != 1)
        return fail(error, files->key, "not the key of the certificate in", files->certificate);
    read_names(ret);
    return 0;
}

void tls_certificate_done(struct tls_certificate *c)
{
    X509_free(c->leaf);
    sk_X509_pop_free(c->chain, X509_free);
    EVP_PKEY_free(c->key);
    for (unsigned i = 0; i < c->name_count; i++)
        xfree_p(&c->names[i]);
    xfree_p(&c->names);
    *c = (struct tls_certificate){.kind = TLS_RSA};
}
