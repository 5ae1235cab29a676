/*
 * The input is a query, a newline and a path. Whatever they are, nobody who lacks the secret gets a
 * signature accepted; whatever is signed here is accepted after its way through a URL.
 */
#include "access/token.h"

#include "base/hash.h"
#include "base/panic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { ARENA_CAP = 1 << 20, NOW = 1700000000 };

static struct token_keyring *keys;
static struct token_scratch *scratch;

static void keys_make(void)
{
    uint8_t bytes[2][32];
    struct token_secret secrets[2] = {
        {STR("k1"), {(const char *)bytes[0], sizeof bytes[0]}},
        {STR("k2"), {(const char *)bytes[1], sizeof bytes[1]}},
    };

    random_bytes(bytes, sizeof bytes);
    keys = token_keyring_new(secrets, 2);
    scratch = token_scratch_new();
}

static void never_accepted(struct arena *a, struct str query, struct str path,
                           const struct viewer *v)
{
    struct token_params p;
    enum token_verdict verdict;
    struct token t;

    token_params_parse(a, query, &p);
    verdict = token_verify(keys, scratch, &p, path, v, NOW, &t);
    assert(verdict == TOKEN_NONE || verdict == TOKEN_MALFORMED || verdict == TOKEN_BAD_SIG);
    assert(t.uid.p == NULL || token_uid_is_valid(t.uid));
    assert(t.expires >= 0);
}

static enum token_verdict verify_query(struct arena *a, struct str query, struct str path,
                                       const struct viewer *v)
{
    struct token_params p;
    struct token t;

    assert(query.p != NULL);
    token_params_parse(a, query, &p);
    return token_verify(keys, scratch, &p, path, v, NOW, &t);
}

static void signed_is_accepted(struct arena *a, struct str uid, struct str path,
                               const struct viewer *v)
{
    struct str query;
    char mac[43];

    token_sign_path(keys, scratch, uid, path, NOW, mac);
    query = token_query(a, uid, NOW, STR_NONE, STR("token"), (struct str){mac, 43});
    assert(verify_query(a, query, path, v) == TOKEN_OK);
    gate_sign_path(keys, scratch, uid, path, NOW - 1, v, mac);
    query = token_query(a, uid, NOW - 1, STR_NONE, STR("gate"), (struct str){mac, 22});
    assert(verify_query(a, query, path, v) == TOKEN_EXPIRED);
    if (!str_starts(path, STR("/")) || !str_ends(path, STR("/")))
        return;
    gate_sign_scope(keys, scratch, uid, path, NOW, v, mac);
    query = token_query(a, uid, NOW, path, STR("gate"), (struct str){mac, 22});
    assert(verify_query(a, query, path, v) == TOKEN_OK);
    assert(verify_query(a, query, STR(""), v) == TOKEN_OUT_OF_SCOPE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str rest = {(const char *)data, n}, query;
    struct viewer v = {.id = {1, 24, 203, 0, 113}};
    struct arena a;

    if (keys == NULL)
        keys_make();
    if (n == 0 || n > ARENA_CAP / 64 || !str_split(&rest, '\n', &query))
        return 0;
    arena_init(&a, ARENA_CAP);
    never_accepted(&a, query, rest, &v);
    if (token_uid_is_valid(query))
        signed_is_accepted(&a, query, rest, &v);
    arena_done(&a);
    return 0;
}
