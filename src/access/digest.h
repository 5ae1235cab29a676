/*
 * Digests and HMAC-SHA256 on top of libcrypto, for the other files of access/. Nothing here can
 * fail but for want of memory or a libcrypto without the algorithm: both end the process.
 */
#ifndef ACCESS_DIGEST_H
#define ACCESS_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "base/str.h"

enum { SHA256_LEN = 32, SHA256_BLOCK_LEN = 64, MD5_LEN = 16 };

/* An HMAC key (RFC 2104) with its two padded blocks already hashed. Immutable, shared by all
 * threads. */
struct hmac_key {
    EVP_MD_CTX *inner, *outer; /* owned */
    uint64_t id;               /* of this key alone, for the life of the process; never 0 */
};

void hmac_key_init(struct hmac_key *k, struct str secret);
void hmac_key_done(struct hmac_key *k); /* cleanses */

/* The MAC of the pieces one after the other. `work` is overwritten. */
void hmac_run(const struct hmac_key *k, EVP_MD_CTX *work, const struct str *pieces, size_t n,
              uint8_t ret[SHA256_LEN]);

void md5(struct str message, uint8_t ret[MD5_LEN]);

#endif
