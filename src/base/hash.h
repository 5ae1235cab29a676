/*
 * Keyed hashing of what peers send (SipHash-1-3, by Aumasson and Bernstein): without the key nobody
 * can choose inputs that collide. hash_random_key() is drawn once per process; what is stored on
 * disk uses a key stored beside it.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdint.h>

#include "base/str.h"

struct hash_key {
    uint64_t k0, k1;
};

uint64_t hash_bytes(const struct hash_key *key, struct str s);

/*
 * 128 bits that name some content (an ETag), by SipHash with a fixed key: equal in every process on
 * every machine. Content that differs by chance has another name; nobody who chooses both contents
 * is to be relied on.
 */
struct hash_wide {
    uint64_t a, b;
};

struct hash_wide hash_content(struct str s);

/* The key of this process, for tables that live and die with it. Thread-safe. */
const struct hash_key *hash_process_key(void);

/* `n` bytes of the kernel's generator; aborts when there are none. Not for a child of fork(): it
 * would hand out what its parent does. */
void random_bytes(void *p, size_t n);

#endif
