/*
 * Keys of the API. The configuration holds their SHA-256 hashes, so reading it gives nobody a key;
 * keys are long random strings, so a plain hash is enough.
 */
#ifndef ACCESS_API_KEY_H
#define ACCESS_API_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/str.h"

enum { API_KEY_HASH_LEN = 32 };

/* Each scope may do what those before it may, and more. */
/* clang-format off */
/*    enum      word        may */
#define API_SCOPES(X)                                                                              \
    X(NONE,     "",         "nothing: no key, or an unknown one")                                  \
    X(VIEWER,   "viewer",   "read statistics, logs and the dashboard")                             \
    X(OPERATOR, "operator", "store and revoke grants")                                             \
    X(ADMIN,    "admin",    "everything")
/* clang-format on */

enum api_scope {
#define X(name, word, doc) SCOPE_##name,
    API_SCOPES(X)
#undef X
        SCOPE_COUNT
};

/* SCOPE_NONE for an unknown word. */
enum api_scope scope_parse(struct str word);
struct str scope_word(enum api_scope scope);

/* 64 lower-case hex digits, as sha256sum prints them. */
int api_key_parse_hash(struct str hex, uint8_t ret[API_KEY_HASH_LEN]) MUST_CHECK;

/* The key in an Authorization field: "Bearer KEY" (RFC 6750 2.1, scheme without case) or the bare
 * key. Borrows. */
struct str api_key_presented(struct str authorization_field);

/* In constant time. An empty key matches nothing. */
bool api_key_matches(const uint8_t sha256_hash[API_KEY_HASH_LEN], struct str presented);

#endif
