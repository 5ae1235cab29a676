/*
 * Keys of session tickets, as RFC 5077 4 recommends: AES-256-CBC and HMAC-SHA256, each with a key
 * of its own, found by a random name. The ring is turned by whoever comes first after the time,
 * under the lock; nobody else needs a clock.
 */
#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <string.h>

#include "net/tls_internal.h"

enum { KEYS = 3, NAME_BYTES = 16, IV_BYTES = 16 }; /* the key of today and the two before it */

struct ticket_key {
    unsigned char name[NAME_BYTES], cipher[32], mac[32];
};

struct tls_tickets {
    usec_t rotation;
    EVP_CIPHER *cipher; /* owned; looking it up each time would cost more than using it */
    pthread_mutex_t lock;
    usec_t made_at;               /* the newest */
    struct ticket_key keys[KEYS]; /* the newest first */
};

static void turn(struct tls_tickets *t)
{
    memmove(t->keys + 1, t->keys, sizeof t->keys - sizeof *t->keys);
    if (RAND_priv_bytes((unsigned char *)t->keys, sizeof *t->keys) != 1)
        assert(!"the kernel gives no randomness");
}

/* Turned once for each period that has passed, so that a key ends in time on a quiet server, too.
 */
static void turn_if_due(struct tls_tickets *t)
{
    usec_t periods = (clock_monotonic() - t->made_at) / t->rotation;

    for (usec_t i = 0; i < MIN(periods, (usec_t)KEYS); i++)
        turn(t);
    t->made_at += periods * t->rotation;
}

struct tls_tickets *tls_tickets_new(usec_t rotation)
{
    struct tls_tickets *t = xzalloc(sizeof *t);

    assert(rotation > 0);
    t->rotation = rotation;
    t->made_at = clock_monotonic();
    t->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    assert(t->cipher != NULL);
    pthread_mutex_init(&t->lock, NULL);
    for (int i = 0; i < KEYS; i++)
        turn(t);
    return t;
}

void tls_tickets_free(struct tls_tickets **t)
{
    struct tls_tickets *gone = TAKE(*t);

    if (gone == NULL)
        return;
    OPENSSL_cleanse(gone->keys, sizeof gone->keys);
    pthread_mutex_destroy(&gone->lock);
    EVP_CIPHER_free(gone->cipher);
    xfree_p(&gone);
}

usec_t tls_tickets_rotation(const struct tls_tickets *t)
{
    return t->rotation;
}

/* Index of the key of that name (NULL: the newest); -1: none. */
static int get_key(struct tls_tickets *t, const unsigned char *name, struct ticket_key *ret)
{
    int found = name == NULL ? 0 : -1;

    pthread_mutex_lock(&t->lock);
    turn_if_due(t);
    for (int i = 0; found < 0 && i < KEYS; i++)
        if (memcmp(t->keys[i].name, name, NAME_BYTES) == 0)
            found = i;
    if (found >= 0)
        *ret = t->keys[found];
    pthread_mutex_unlock(&t->lock);
    return found;
}

static bool set_mac(EVP_MAC_CTX *mac, struct ticket_key *k)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, k->mac, sizeof k->mac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
        OSSL_PARAM_construct_end()};

    return EVP_MAC_CTX_set_params(mac, params) == 1;
}

int tls_tickets_on_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                       EVP_MAC_CTX *mac, int is_new)
{
    enum { FAILED = -1, UNKNOWN = 0, TAKEN = 1, TAKEN_AND_RENEWED = 2 };
    struct tls_tickets *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    struct ticket_key k;
    int found = get_key(t, is_new ? NULL : name, &k);
    bool ok;

    if (found < 0)
        return UNKNOWN;
    if (is_new)
        memcpy(name, k.name, NAME_BYTES);
    ok = (!is_new || RAND_bytes(iv, IV_BYTES) == 1) && set_mac(mac, &k) &&
         EVP_CipherInit_ex(cipher, t->cipher, NULL, k.cipher, iv, is_new) == 1;
    OPENSSL_cleanse(&k, sizeof k);
    if (!ok)
        return FAILED;
    /* RFC 8446 C.4: clients use a ticket of TLS 1.3 once, so that nobody can link their visits. */
    return found == 0 && SSL_version(ssl) != TLS1_3_VERSION ? TAKEN : TAKEN_AND_RENEWED;
}
