/* Hash what is presented, compare in constant time: neither length nor content of a key shows in
 * the timing. */
#include "access/api_key.h"

#include <openssl/crypto.h>

#include "access/token.h"
#include "base/codec.h"
#include "base/panic.h"

static const struct str scope_words[SCOPE_COUNT] = {
#define X(name, word, doc) [SCOPE_##name] = STR(word),
    API_SCOPES(X)
#undef X
};

enum api_scope scope_parse(struct str word)
{
    for (enum api_scope s = SCOPE_NONE + 1; s < SCOPE_COUNT; s++)
        if (str_eq(word, scope_words[s]))
            return s;
    return SCOPE_NONE;
}

struct str scope_word(enum api_scope scope)
{
    assert((unsigned)scope < SCOPE_COUNT);
    return scope_words[scope];
}

int api_key_parse_hash(struct str hex, uint8_t ret[API_KEY_HASH_LEN])
{
    return hex_decode(hex, ret, API_KEY_HASH_LEN);
}

struct str api_key_presented(struct str authorization_field)
{
    static const struct str scheme = STR("Bearer");
    struct str field = str_trim(authorization_field);
    struct str rest = str_skip(field, scheme.n);

    if (str_eq_nocase(str_first(field, scheme.n), scheme) &&
        (rest.n == 0 || rest.p[0] == ' ' || rest.p[0] == '\t'))
        return str_trim(rest);
    return field;
}

bool api_key_matches(const uint8_t sha256_hash[API_KEY_HASH_LEN], struct str presented)
{
    uint8_t hash[API_KEY_HASH_LEN];

    if (presented.n == 0)
        return false;
    sha256(presented, hash);
    return CRYPTO_memcmp(hash, sha256_hash, sizeof hash) == 0;
}
