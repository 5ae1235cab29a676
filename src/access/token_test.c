#include "access/token.h"

#include <stdio.h>

#include "base/codec.h"
#include "base/mem.h"
#include "base/test.h"

#define E "2000000000"
#define EXPIRES INT64_C(2000000000)

/* Made with Python's hmac and hashlib, not with this code. */
#define SLASHED_HEX "42f1989c25aa7b4f384390b6e3d4621b2d82e20ab16e6a4beb870757415b6914"
#define SLASHED_B64 "QvGYnCWqe084Q5C249RiGy2C4gqxbmpL64cHV0FbaRQ"
#define BARE_HEX "3a6a36e426a34722f96d1e1f05799fc58a9d63d0a8b5507731c29b96c872c909"
#define BARE_B64 "Omo25CajRyL5bR4fBXmfxYqdY9CotVB3McKblshyyQk"
#define SCOPE_HEX "826a433bbb2f2d4f6e5708239d9e3b1b00f411e5483acebccc1a505573078f72"
#define SECOND_HEX "84b3a8f442b0d3b86fc15460d214d06d34e047e569bc0c275d0b58d3c3dca7bb"
#define GATE_SCOPE_B64 "EHcOGrWbRciI_BgMNlsl9Q"
#define GATE_KEY_B64 "NFeCOLvkAqvm3cOOHrHcSQ"
#define SEAL_HEX "0eb1c79ee19aec81182b2ee521f359b3e47293e7cfcdf6d8c845a3e396257e9a"
#define SECOND_SEAL_HEX "3ea0b3f71108a5ad1ffdd7065edeec4572e0b25d78618637c250dc8e2caffe8f"

static const struct token_secret secrets[] = {
    {STR("k1"), STR("secret-number-one-0123456789")},
    {STR("k2"), STR("secret-number-two-0123456789")},
    {STR("k3"), STR("secret-number-three-0123456789")},
};

static struct viewer viewer_of(enum viewer_bind bind, const char *address, const char *user_agent)
{
    struct viewer_rules rules = {.bind = bind, .ipv4_prefix = 24, .ipv6_prefix = 64};
    uint8_t hash[UA_HASH_LEN];
    struct viewer v;
    struct ip ip;

    assert_int_equal(ip_parse(str_of(address), &ip), 0);
    ua_hash(str_of(user_agent), hash);
    viewer_init(&v, &rules, &ip, hash);
    return v;
}

/* Keys, a thread's scratch and a viewer: what every check needs. */
struct fixture {
    struct token_keyring *keys;
    struct token_scratch *scratch;
    struct viewer viewer;
    struct token token; /* of the last verification */
};

static int setup(void **state)
{
    struct fixture *f = xzalloc(sizeof *f);

    f->keys = token_keyring_new(secrets, ARRAY_LEN(secrets));
    f->scratch = token_scratch_new();
    f->viewer = viewer_of(BIND_NETWORK, "203.0.113.77", "Player/1");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    token_keyring_free(&f->keys);
    token_scratch_free(&f->scratch);
    free(f);
    return 0;
}

static enum token_verdict verify_as(struct fixture *f, const struct viewer *v, struct str query,
                                    struct str path, unix_t now)
{
    struct token_params p;
    enum token_verdict verdict;
    struct arena a;

    arena_init(&a, 1 << 20);
    token_params_parse(&a, query, &p);
    verdict = token_verify(f->keys, f->scratch, &p, path, v, now, &f->token);
    f->token.uid = f->token.scope = STR_NONE; /* borrowed from the arena */
    arena_done(&a);
    return verdict;
}

static enum token_verdict verify(struct fixture *f, const char *query, const char *path)
{
    return verify_as(f, &f->viewer, str_of(query), str_of(path), EXPIRES);
}

struct row {
    const char *query, *path;
    enum token_verdict want;
};

static void check(struct fixture *f, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        enum token_verdict got = verify(f, rows[i].query, rows[i].path);

        if (got != rows[i].want)
            fail_msg("row %zu: %s for %s: got %d, want %d", i, rows[i].query, rows[i].path, got,
                     rows[i].want);
    }
}

static void test_compat(void **state)
{
    static const struct row rows[] = {
        {"uid=42&expires=" E "&token=" SLASHED_HEX, "/video/a.m3u8", TOKEN_OK},
        {"uid=42&expires=" E "&token=" SLASHED_B64, "/video/a.m3u8", TOKEN_OK},
        {"uid=42&expires=" E "&token=" BARE_HEX, "/video/a.m3u8", TOKEN_OK},
        {"uid=42&expires=" E "&token=" BARE_B64, "/video/a.m3u8", TOKEN_OK},
        {"uid=42&expires=" E "&token=" SECOND_HEX, "/video/a.m3u8", TOKEN_OK},
        {"x=1&token=" SLASHED_HEX "&expires=" E "&y=2&uid=%34%32", "/video/a.m3u8", TOKEN_OK},
        {"uid=42&expires=" E "&token=" BARE_HEX, "video/a.m3u8", TOKEN_OK},
        {"uid=42&expires=" E "&token=" SLASHED_HEX, "/video/b.m3u8", TOKEN_BAD_SIG},
        {"uid=42&expires=" E "&token=" SLASHED_HEX, "/video/a.m3u8/", TOKEN_BAD_SIG},
        {"uid=42&expires=" E "&token=" SLASHED_HEX, "/Video/a.m3u8", TOKEN_BAD_SIG},
        {"uid=43&expires=" E "&token=" SLASHED_HEX, "/video/a.m3u8", TOKEN_BAD_SIG},
        {"uid=42&expires=2000000001&token=" SLASHED_HEX, "/video/a.m3u8", TOKEN_BAD_SIG},
        {"uid=42&expires=" E "&scope=/video/&token=" SLASHED_HEX, "/video/a.m3u8", TOKEN_BAD_SIG},
        {"", "/video/a.m3u8", TOKEN_NONE},
        {"uid=42&expires=" E, "/video/a.m3u8", TOKEN_NONE},
    };

    check(*state, rows, ARRAY_LEN(rows));
}

static void test_malformed(void **state)
{
    static const char *const queries[] = {
        "token=" SLASHED_HEX,
        "uid=42&token=" SLASHED_HEX,
        "expires=" E "&token=" SLASHED_HEX,
        "uid=&expires=" E "&token=" SLASHED_HEX,
        "uid=4:2&expires=" E "&token=" SLASHED_HEX,
        "uid=4%3A2&expires=" E "&token=" SLASHED_HEX,
        "uid=4%0A2&expires=" E "&token=" SLASHED_HEX,
        "uid=42%00&expires=" E "&token=" SLASHED_HEX,
        "uid=42%7F&expires=" E "&token=" SLASHED_HEX,
        /* a right signature changes nothing */
        "uid=42&uid=42&expires=" E "&token=" SLASHED_HEX,
        "uid=42&expires=" E "&expires=" E "&token=" SLASHED_HEX,
        "uid=42&expires=" E "&token=" SLASHED_HEX "&token=" SLASHED_HEX,
        "uid=42&expires=" E "&token=" SLASHED_HEX "&scope=/video/&scope=/video/",
        "uid=42&expires=" E "&token=" SLASHED_HEX "&gate=%zz",
        "uid=42&expires=&token=" SLASHED_HEX,
        "uid=42&expires=0&token=" SLASHED_HEX,
        "uid=42&expires=0" E "&token=" SLASHED_HEX,
        "uid=42&expires=-" E "&token=" SLASHED_HEX,
        "uid=42&expires=%2B" E "&token=" SLASHED_HEX,
        "uid=42&expires=+" E "&token=" SLASHED_HEX,
        "uid=42&expires=" E "+&token=" SLASHED_HEX,
        "uid=42&expires=" E ".0&token=" SLASHED_HEX,
        "uid=42&expires=2e9&token=" SLASHED_HEX,
        "uid=42&expires=0x77359400&token=" SLASHED_HEX,
        "uid=42&expires=1000000000000&token=" SLASHED_HEX,
        "uid=42&expires=99999999999999999999999999&token=" SLASHED_HEX,
        "uid=42&expires=" E "&scope=&token=" SCOPE_HEX,
        "uid=42&expires=" E "&scope=video/&token=" SCOPE_HEX,
        "uid=42&expires=" E "&scope=/video&token=" SCOPE_HEX,
        /* the MAC's form */
        "uid=42&expires=" E "&token=",
        "uid=42&expires=" E "&token",
        "uid=42&expires=" E "&token=" SLASHED_B64 "=",
        "uid=42&expires=" E "&token=" SLASHED_HEX "00",
        "uid=42&expires=" E "&token=+" SLASHED_HEX,
        "uid=42&expires=" E "&token="
        "42F1989C25AA7B4F384390B6E3D4621B2D82E20AB16E6A4BEB870757415B6914",
        "uid=42&expires=" E "&token=QvGYnCWqe084Q5C249RiGy2C4gqxbmpL64cHV0FbaRR", /* stray bits */
        "uid=42&expires=" E "&token=" GATE_KEY_B64,
        "uid=42&expires=" E "&gate=" SLASHED_B64,
        "uid=42&expires=" E "&gate=" SLASHED_HEX,
        "uid=42&expires=" E "&gate=",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(queries); i++)
        if (verify(f, queries[i], "/video/a.m3u8") != TOKEN_MALFORMED)
            fail_msg("%s", queries[i]);
}

/* Every part of a MAC is malformed, every other MAC of the right form is wrong. */
static void test_every_cut_and_flip(void **state)
{
    static const struct str whole[] = {STR(SLASHED_HEX), STR(SLASHED_B64)};
    struct fixture *f = *state;
    char query[200];

    for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
        for (size_t n = 0; n < whole[i].n; n++) {
            snprintf(query, sizeof query, "uid=42&expires=" E "&token=%.*s", (int)n, whole[i].p);
            assert_int_equal(verify(f, query, "/video/a.m3u8"), TOKEN_MALFORMED);
        }
        for (size_t n = 0; n + 1 < whole[i].n; n++) {
            int at = snprintf(query, sizeof query, "uid=42&expires=" E "&token=");

            memcpy(query + at, whole[i].p, whole[i].n + 1);
            query[(size_t)at + n] = query[(size_t)at + n] == '1' ? '2' : '1';
            assert_int_equal(verify(f, query, "/video/a.m3u8"), TOKEN_BAD_SIG);
        }
    }
}

static void test_uid_length(void **state)
{
    char uid[TOKEN_UID_MAX + 1];

    memset(uid, 'u', sizeof uid);
    assert_true(token_uid_is_valid((struct str){uid, TOKEN_UID_MAX}));
    assert_false(token_uid_is_valid((struct str){uid, TOKEN_UID_MAX + 1}));
    assert_false(token_uid_is_valid(STR("")));
    assert_false(token_uid_is_valid(STR_NONE));
    assert_true(token_uid_is_valid(STR("user@example.com/\xc3\xa9 ~")));
}

/* The second is still in time; what is wrong otherwise is never called expired. */
static void test_time(void **state)
{
    static const struct str path = STR("/video/a.m3u8");
    static const struct str good = STR("uid=42&expires=" E "&token=" SLASHED_HEX);
    static const struct str scope = STR("uid=42&expires=" E "&scope=/video/&token=" SCOPE_HEX);
    struct fixture *f = *state;

    assert_int_equal(verify_as(f, &f->viewer, good, path, 0), TOKEN_OK);
    assert_int_equal(verify_as(f, &f->viewer, good, path, EXPIRES), TOKEN_OK);
    assert_int_equal(verify_as(f, &f->viewer, good, path, EXPIRES + 1), TOKEN_EXPIRED);
    assert_int_equal(f->token.expires, EXPIRES);
    assert_int_equal(verify_as(f, &f->viewer, good, STR("/x"), EXPIRES + 1), TOKEN_BAD_SIG);
    assert_int_equal(verify_as(f, &f->viewer, scope, path, EXPIRES + 1), TOKEN_EXPIRED);
    assert_int_equal(verify_as(f, &f->viewer, scope, STR("/x"), EXPIRES + 1), TOKEN_OUT_OF_SCOPE);
}

static void test_scope(void **state)
{
    static const struct row rows[] = {
        {"uid=42&expires=" E "&scope=/video/&token=" SCOPE_HEX, "/video/a.m3u8", TOKEN_OK},
        {"uid=42&expires=" E "&scope=/video/&token=" SCOPE_HEX, "/video/b/c.ts", TOKEN_OK},
        {"uid=42&expires=" E "&scope=%2Fvideo%2F&token=" SCOPE_HEX, "/video/", TOKEN_OK},
        {"uid=42&expires=" E "&scope=/video/&token=" SCOPE_HEX, "/videos/x", TOKEN_OUT_OF_SCOPE},
        {"uid=42&expires=" E "&scope=/video/&token=" SCOPE_HEX, "/video", TOKEN_OUT_OF_SCOPE},
        {"uid=42&expires=" E "&scope=/video/&token=" SCOPE_HEX, "/", TOKEN_OUT_OF_SCOPE},
        {"uid=42&expires=" E "&scope=/video/&token=" SCOPE_HEX, "/Video/a", TOKEN_OUT_OF_SCOPE},
        {"uid=42&expires=" E "&scope=/&token=" SCOPE_HEX, "/video/a.m3u8", TOKEN_BAD_SIG},
        {"uid=42&expires=" E "&scope=/video/b/&token=" SCOPE_HEX, "/video/b/c", TOKEN_BAD_SIG},
        {"uid=42&expires=" E "&token=" SCOPE_HEX, "/video/a.m3u8", TOKEN_BAD_SIG},
    };

    check(*state, rows, ARRAY_LEN(rows));
}

static void test_gate(void **state)
{
    static const struct row rows[] = {
        {"uid=42&expires=" E "&scope=/video/&gate=" GATE_SCOPE_B64, "/video/s1.ts", TOKEN_OK},
        {"uid=42&expires=" E "&scope=/video/&gate=" GATE_SCOPE_B64, "/vide", TOKEN_OUT_OF_SCOPE},
        {"uid=42&expires=" E "&gate=" GATE_KEY_B64, "/video/k.key", TOKEN_OK},
        {"uid=42&expires=" E "&gate=" GATE_KEY_B64, "/video/l.key", TOKEN_BAD_SIG},
        {"uid=42&expires=" E "&gate=" GATE_KEY_B64, "video/k.key", TOKEN_BAD_SIG}, /* one form */
        {"uid=43&expires=" E "&gate=" GATE_KEY_B64, "/video/k.key", TOKEN_BAD_SIG},
        {"uid=42&expires=" E "&gate=" GATE_SCOPE_B64, "/video/s1.ts", TOKEN_BAD_SIG},
        /* gate is judged alone, whatever token says */
        {"uid=42&expires=" E "&gate=" GATE_KEY_B64 "&token=junk", "/video/k.key", TOKEN_OK},
        {"uid=42&expires=" E "&gate=" GATE_KEY_B64 "&token=" SLASHED_HEX, "/video/a.m3u8",
         TOKEN_BAD_SIG},
    };
    static const struct str key_query = STR("uid=42&expires=" E "&gate=" GATE_KEY_B64);
    struct fixture *f = *state;

    check(f, rows, ARRAY_LEN(rows));
    assert_int_equal(verify_as(f, &f->viewer, key_query, STR("/video/k.key"), EXPIRES + 1),
                     TOKEN_EXPIRED);
}

static void test_gate_is_bound_to_its_viewer(void **state)
{
    static const struct {
        enum viewer_bind bind;
        const char *signed_for, *signed_agent, *used_by, *used_agent;
        enum token_verdict want;
    } rows[] = {
        {BIND_NETWORK, "203.0.113.77", "P", "203.0.113.77", "P", TOKEN_OK},
        {BIND_NETWORK, "203.0.113.77", "P", "203.0.113.200", "P", TOKEN_OK},
        {BIND_NETWORK, "203.0.113.77", "P", "203.0.112.77", "P", TOKEN_BAD_SIG},
        {BIND_NETWORK, "203.0.113.77", "P", "203.0.113.77", "Q", TOKEN_BAD_SIG},
        {BIND_NETWORK, "2001:db8::1", "P", "2001:db8::2:1", "P", TOKEN_OK},
        {BIND_NETWORK, "2001:db8::1", "P", "2001:db8:0:1::1", "P", TOKEN_BAD_SIG},
        {BIND_NETWORK, "cb00:7100::", "P", "203.0.113.0", "P", TOKEN_BAD_SIG}, /* the same bytes */
        {BIND_IP, "203.0.113.77", "P", "203.0.113.77", "P", TOKEN_OK},
        {BIND_IP, "203.0.113.77", "P", "203.0.113.78", "P", TOKEN_BAD_SIG},
        {BIND_IP, "2001:db8::1", "P", "2001:db8::1", "P", TOKEN_OK},
        {BIND_IP, "2001:db8::1", "P", "2001:db8::2", "P", TOKEN_BAD_SIG},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct viewer owner = viewer_of(rows[i].bind, rows[i].signed_for, rows[i].signed_agent);
        struct viewer user = viewer_of(rows[i].bind, rows[i].used_by, rows[i].used_agent);
        char query[100], mac[BASE64URL_LEN(GATE_MAC_LEN)];
        int n;

        gate_sign_scope(f->keys, f->scratch, STR("42"), STR("/a/"), EXPIRES, &owner, mac);
        n = snprintf(query, sizeof query, "uid=42&expires=" E "&scope=/a/&gate=%.*s",
                     (int)sizeof mac, mac);
        if (verify_as(f, &user, (struct str){query, (size_t)n}, STR("/a/b.ts"), EXPIRES) !=
            rows[i].want)
            fail_msg("row %zu", i);
    }
}

/* A gate query whose MAC is the beginning of a back end's. */
static void as_gate_query(const uint8_t mac[TOKEN_MAC_LEN], char *ret, size_t room)
{
    char text[BASE64URL_LEN(GATE_MAC_LEN)];

    base64url_encode(mac, GATE_MAC_LEN, text);
    snprintf(ret, room, "uid=42&expires=" E "&gate=%.22s", text);
}

/* The first bytes of a back end's MAC are no gate token, a gate token's MAC padded is no token. */
static void test_families_never_mix(void **state)
{
    struct fixture *f = *state;
    uint8_t mac[TOKEN_MAC_LEN] = {0};
    char query[200], text[HEX_LEN(TOKEN_MAC_LEN) + 1], v[HEX_LEN(VIEWER_ID_LEN) + 1];

    assert_int_equal(hex_decode(STR(SLASHED_HEX), mac, TOKEN_MAC_LEN), 0);
    as_gate_query(mac, query, sizeof query);
    assert_int_equal(verify(f, query, "/video/a.m3u8"), TOKEN_BAD_SIG);

    /* Not even when the secret itself has signed the very message of a gate token. */
    v[hex_encode(f->viewer.id, VIEWER_ID_LEN, v)] = '\0';
    snprintf(query, sizeof query, "42:/video/k.key:" E ":%s", v);
    hmac_sha256(secrets[0].bytes, str_of(query), mac);
    as_gate_query(mac, query, sizeof query);
    assert_int_equal(verify(f, query, "/video/k.key"), TOKEN_BAD_SIG);

    memset(mac, 0, sizeof mac);
    assert_int_equal(base64url_decode(STR(GATE_KEY_B64), mac, GATE_MAC_LEN), 0);
    text[hex_encode(mac, TOKEN_MAC_LEN, text)] = '\0';
    snprintf(query, sizeof query, "uid=42&expires=" E "&token=%s", text);
    assert_int_equal(verify(f, query, "/video/k.key"), TOKEN_BAD_SIG);
}

/* A file called "*" does not open its folder. */
static void test_gate_path_is_no_scope(void **state)
{
    static const char *const paths[] = {"/a/*", "/a/**", "/*", "*"};
    struct fixture *f = *state;
    char query[100], mac[22];

    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        gate_sign_path(f->keys, f->scratch, STR("42"), str_of(paths[i]), EXPIRES, &f->viewer, mac);
        snprintf(query, sizeof query, "uid=42&expires=" E "&gate=%.22s", mac);
        for (size_t k = 0; k < ARRAY_LEN(paths); k++)
            assert_int_equal(verify(f, query, paths[k]), k == i ? TOKEN_OK : TOKEN_BAD_SIG);
        snprintf(query, sizeof query, "uid=42&expires=" E "&scope=/a/&gate=%.22s", mac);
        assert_int_equal(verify(f, query, "/a/b"), TOKEN_BAD_SIG);
        snprintf(query, sizeof query, "uid=42&expires=" E "&scope=/&gate=%.22s", mac);
        assert_int_equal(verify(f, query, "/a/b"), TOKEN_BAD_SIG);
    }
}

static void test_signing(void **state)
{
    struct fixture *f = *state;
    char mac[43];

    token_sign_path(f->keys, f->scratch, STR("42"), STR("/video/a.m3u8"), EXPIRES, mac);
    assert_str(((struct str){mac, 43}), SLASHED_B64);
    token_sign_scope(f->keys, f->scratch, STR("42"), STR("/video/"), EXPIRES, mac);
    assert_str(((struct str){mac, 43}), "gmpDO7svLU9uVwgjnZ47GwD0EeVIOs68zBpQVXMHj3I");
    gate_sign_scope(f->keys, f->scratch, STR("42"), STR("/video/"), EXPIRES, &f->viewer, mac);
    assert_str(((struct str){mac, 22}), GATE_SCOPE_B64);
    gate_sign_path(f->keys, f->scratch, STR("42"), STR("/video/k.key"), EXPIRES, &f->viewer, mac);
    assert_str(((struct str){mac, 22}), GATE_KEY_B64);
}

/* Whichever secret signed, in whichever order tokens come, under whatever scratch was used before.
 */
static void test_rotation(void **state)
{
    static const unsigned order[] = {0, 1, 2, 2, 1, 0, 2, 0, 1};
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        struct token_keyring *one = token_keyring_new(&secrets[order[i]], 1), *whole = f->keys;
        char query[100], mac[43];

        token_sign_path(one, f->scratch, STR("42"), STR("/a"), EXPIRES, mac);
        snprintf(query, sizeof query, "uid=42&expires=" E "&token=%.43s", mac);
        assert_int_equal(verify(f, query, "/a"), TOKEN_OK);
        assert_int_equal(f->token.secret, order[i]);
        f->keys = one; /* a reload to fewer secrets keeps the scratch */
        assert_int_equal(verify(f, query, "/a"), TOKEN_OK);
        assert_int_equal(f->token.secret, 0);
        f->keys = whole;
        token_keyring_free(&one);
    }
    assert_int_equal(verify(f, "uid=42&expires=" E "&token=" SECOND_HEX, "/video/a.m3u8"),
                     TOKEN_OK);
    assert_int_equal(f->token.secret, 1);
}

static void test_unknown_secret(void **state)
{
    static const struct token_secret other = {STR("x"), STR("secret-of-somebody-else")};
    struct token_keyring *keys = token_keyring_new(&other, 1);
    struct fixture *f = *state;
    char query[100], mac[43];

    token_sign_path(keys, f->scratch, STR("42"), STR("/a"), EXPIRES, mac);
    snprintf(query, sizeof query, "uid=42&expires=" E "&token=%.43s", mac);
    assert_int_equal(verify(f, query, "/a"), TOKEN_BAD_SIG);
    token_keyring_free(&keys);
}

static void test_keyring_size(void **state)
{
    struct token_secret many[TOKEN_MAX_SECRETS + 1];
    struct token_keyring *keys;

    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = secrets[0];
    assert_null(token_keyring_new(many, 0));
    assert_null(token_keyring_new(many, TOKEN_MAX_SECRETS + 1));
    keys = token_keyring_new(many, TOKEN_MAX_SECRETS);
    assert_non_null(keys);
    token_keyring_free(&keys);
    assert_null(keys);
    token_keyring_free(&keys);
}

/* What the log and the store are told. */
static void test_token_told(void **state)
{
    struct token_params p = {.uid = STR("42"), .expires = STR(E), .token = STR(SLASHED_HEX)};
    struct fixture *f = *state;
    char text[HEX_LEN(TOKEN_MAC_LEN)];
    struct token t;

    assert_int_equal(token_verify(f->keys, f->scratch, &p, STR("/video/a.m3u8"), &f->viewer, 0, &t),
                     TOKEN_OK);
    assert_int_equal(t.kind, TOKEN_PATH);
    assert_str(t.uid, "42");
    assert_null(t.scope.p);
    assert_str(((struct str){text, hex_encode(t.mac, sizeof t.mac, text)}), SLASHED_HEX);

    assert_int_equal(token_verify(f->keys, f->scratch, &p, STR("/x"), &f->viewer, 0, &t),
                     TOKEN_BAD_SIG);
    assert_str(t.uid, "42");
    assert_int_equal(t.expires, EXPIRES);
    assert_int_equal(t.mac[0], 0); /* a refused MAC names nothing */

    p.uid = STR("4:2");
    assert_int_equal(token_verify(f->keys, f->scratch, &p, STR("/x"), &f->viewer, 0, &t),
                     TOKEN_MALFORMED);
    assert_null(t.uid.p);
    assert_int_equal(t.expires, EXPIRES);

    p = (struct token_params){
        .uid = STR("42"), .expires = STR(E), .scope = STR("/video/"), .gate = STR(GATE_SCOPE_B64)};
    assert_int_equal(token_verify(f->keys, f->scratch, &p, STR("/video/x"), &f->viewer, 0, &t),
                     TOKEN_OK);
    assert_int_equal(t.kind, GATE_SCOPE);
    assert_str(t.scope, "/video/");
    for (size_t i = GATE_MAC_LEN; i < TOKEN_MAC_LEN; i++)
        assert_int_equal(t.mac[i], 0);
}

/* The first secret seals, all are believed; a seal is for one purpose and one message. */
static void test_seals(void **state)
{
    struct fixture *f = *state;
    uint8_t mac[TOKEN_MAC_LEN];
    char text[HEX_LEN(TOKEN_MAC_LEN)];

    token_seal(f->keys, f->scratch, STR("badge"), STR("hello"), mac);
    assert_str(((struct str){text, hex_encode(mac, sizeof mac, text)}), SEAL_HEX);
    assert_true(token_seal_holds(f->keys, f->scratch, STR("badge"), STR("hello"), mac, 32));
    assert_true(token_seal_holds(f->keys, f->scratch, STR("badge"), STR("hello"), mac, 16));
    assert_false(token_seal_holds(f->keys, f->scratch, STR("badge"), STR("hellp"), mac, 32));
    assert_false(token_seal_holds(f->keys, f->scratch, STR("badgeh"), STR("ello"), mac, 32));
    assert_int_equal(hex_decode(STR(SECOND_SEAL_HEX), mac, sizeof mac), 0);
    assert_true(token_seal_holds(f->keys, f->scratch, STR("badge"), STR("hello"), mac, 32));
    for (size_t i = 0; i < sizeof mac; i++) {
        mac[i] ^= 1;
        assert_false(token_seal_holds(f->keys, f->scratch, STR("badge"), STR("hello"), mac, 32));
        mac[i] ^= 1;
    }
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

TEST_MAIN(WITH_FIXTURE(test_compat), WITH_FIXTURE(test_malformed),
          WITH_FIXTURE(test_every_cut_and_flip), cmocka_unit_test(test_uid_length),
          WITH_FIXTURE(test_time), WITH_FIXTURE(test_scope), WITH_FIXTURE(test_gate),
          WITH_FIXTURE(test_gate_is_bound_to_its_viewer), WITH_FIXTURE(test_families_never_mix),
          WITH_FIXTURE(test_gate_path_is_no_scope), WITH_FIXTURE(test_signing),
          WITH_FIXTURE(test_rotation), WITH_FIXTURE(test_unknown_secret),
          cmocka_unit_test(test_keyring_size), WITH_FIXTURE(test_token_told),
          WITH_FIXTURE(test_seals))
