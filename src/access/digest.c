/*
 * Digests through EVP. An algorithm is fetched once per process: an implicit fetch in every call
 * would search the providers each time under a lock (provider(7), "explicit fetching").
 *
 * HMAC is put together from plain SHA-256 states (RFC 2104) instead of EVP_MAC, because two
 * prepared states can be copied for less than what EVP_MAC spends on its parameters.
 */
#include "access/digest.h"

#include <pthread.h>
#include <stdatomic.h>

#include <openssl/crypto.h>

#include "access/token.h"
#include "base/mem.h"
#include "base/panic.h"

static pthread_once_t fetched = PTHREAD_ONCE_INIT;
static EVP_MD *sha256_md, *md5_md; /* of the process */

static void fetch_all(void)
{
    sha256_md = EVP_MD_fetch(NULL, "SHA256", NULL);
    md5_md = EVP_MD_fetch(NULL, "MD5", NULL);
    assert(sha256_md != NULL);
    assert(md5_md != NULL); /* a FIPS-only libcrypto has none, and every stored grant needs it */
}

static const EVP_MD *get_sha256(void)
{
    pthread_once(&fetched, fetch_all);
    return sha256_md;
}

static const EVP_MD *get_md5(void)
{
    pthread_once(&fetched, fetch_all);
    return md5_md;
}

static void digest_once(const EVP_MD *md, struct str message, uint8_t *ret)
{
    int ok = EVP_Digest(message.n > 0 ? message.p : "", message.n, ret, NULL, md, NULL);

    assert(ok == 1);
}

void sha256(struct str message, uint8_t ret[32])
{
    digest_once(get_sha256(), message, ret);
}

void md5(struct str message, uint8_t ret[MD5_LEN])
{
    digest_once(get_md5(), message, ret);
}

/* A new state that has hashed `block` with every byte XORed with `pad`. */
static EVP_MD_CTX *padded_state(const uint8_t block[SHA256_BLOCK_LEN], uint8_t pad)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    uint8_t padded[SHA256_BLOCK_LEN];
    int ok;

    for (size_t i = 0; i < sizeof padded; i++)
        padded[i] = block[i] ^ pad;
    assert(c != NULL);
    ok = EVP_DigestInit_ex2(c, get_sha256(), NULL);
    ok &= EVP_DigestUpdate(c, padded, sizeof padded);
    assert(ok == 1);
    OPENSSL_cleanse(padded, sizeof padded);
    return c;
}

static _Atomic uint64_t last_id;

void hmac_key_init(struct hmac_key *k, struct str secret)
{
    uint8_t block[SHA256_BLOCK_LEN] = {0};

    if (secret.n > sizeof block)
        sha256(secret, block); /* RFC 2104 section 3 */
    else if (secret.n > 0)
        memcpy(block, secret.p, secret.n);
    k->inner = padded_state(block, 0x36);
    k->outer = padded_state(block, 0x5c);
    k->id = atomic_fetch_add_explicit(&last_id, 1, memory_order_relaxed) + 1;
    OPENSSL_cleanse(block, sizeof block);
}

void hmac_key_done(struct hmac_key *k)
{
    EVP_MD_CTX_free(k->inner); /* clears the state it frees */
    EVP_MD_CTX_free(k->outer);
    *k = (struct hmac_key){NULL};
}

void hmac_run(const struct hmac_key *k, EVP_MD_CTX *work, const struct str *pieces, size_t n,
              uint8_t ret[SHA256_LEN])
{
    int ok = EVP_MD_CTX_copy_ex(work, k->inner);

    for (size_t i = 0; i < n; i++)
        if (pieces[i].n > 0)
            ok &= EVP_DigestUpdate(work, pieces[i].p, pieces[i].n);
    ok &= EVP_DigestFinal_ex(work, ret, NULL);
    ok &= EVP_MD_CTX_copy_ex(work, k->outer);
    ok &= EVP_DigestUpdate(work, ret, SHA256_LEN);
    ok &= EVP_DigestFinal_ex(work, ret, NULL);
    assert(ok == 1);
}

void hmac_sha256(struct str key, struct str message, uint8_t ret[32])
{
    EVP_MD_CTX *work = EVP_MD_CTX_new();
    struct hmac_key k;

    assert(work != NULL);
    hmac_key_init(&k, key);
    hmac_run(&k, work, &message, 1, ret);
    hmac_key_done(&k);
    EVP_MD_CTX_free(work);
}
