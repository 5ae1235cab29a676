#include "access/api_key.h"

#include "base/mem.h"
#include "base/test.h"

/* sha256("test-key") */
#define HASH "62af8704764faf8ea82fc61ce9c4c3908b6cb97d463a634e9e587d7c885db0ef"
#define HASH_OF_NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void test_scopes(void **state)
{
    assert_int_equal(scope_parse(STR("viewer")), SCOPE_VIEWER);
    assert_int_equal(scope_parse(STR("operator")), SCOPE_OPERATOR);
    assert_int_equal(scope_parse(STR("admin")), SCOPE_ADMIN);
    assert_int_equal(scope_parse(STR("")), SCOPE_NONE);
    assert_int_equal(scope_parse(STR("Admin")), SCOPE_NONE);
    assert_int_equal(scope_parse(STR("none")), SCOPE_NONE);
    assert_str(scope_word(SCOPE_OPERATOR), "operator");
    assert_true(SCOPE_NONE < SCOPE_VIEWER && SCOPE_VIEWER < SCOPE_OPERATOR);
    assert_true(SCOPE_OPERATOR < SCOPE_ADMIN);
}

static void test_parse_hash(void **state)
{
    static const struct {
        struct str hex;
        int want;
    } rows[] = {
        {STR(HASH), 0},
        {STR(HASH "0"), -1},
        {STR(""), -1},
        {STR("62AF8704764FAF8EA82FC61CE9C4C3908B6CB97D463A634E9E587D7C885DB0EF"), -1},
        {STR("g2af8704764faf8ea82fc61ce9c4c3908b6cb97d463a634e9e587d7c885db0ef"), -1},
    };
    uint8_t hash[API_KEY_HASH_LEN];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(api_key_parse_hash(rows[i].hex, hash), rows[i].want);
}

static void test_presented(void **state)
{
    static const struct {
        const char *field, *want;
    } rows[] = {
        {"Bearer test-key", "test-key"},
        {"bearer test-key", "test-key"},
        {"BEARER   test-key ", "test-key"},
        {"Bearer\ttest-key", "test-key"},
        {"test-key", "test-key"},
        {" test-key ", "test-key"},
        {"Bearertest-key", "Bearertest-key"}, /* a bare key may begin like this */
        {"Basic dGVzdA==", "Basic dGVzdA=="},
        {"Bearer", ""},
        {"Bearer ", ""},
        {"", ""},
        {NULL, ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_str(api_key_presented(str_of(rows[i].field)), rows[i].want);
}

static void test_matches(void **state)
{
    uint8_t hash[API_KEY_HASH_LEN];

    assert_int_equal(api_key_parse_hash(STR(HASH), hash), 0);
    assert_true(api_key_matches(hash, STR("test-key")));
    assert_false(api_key_matches(hash, STR("test-kez")));
    assert_false(api_key_matches(hash, STR("test-key ")));
    assert_false(api_key_matches(hash, STR(HASH)));
    hash[API_KEY_HASH_LEN - 1] ^= 1;
    assert_false(api_key_matches(hash, STR("test-key")));

    assert_int_equal(api_key_parse_hash(STR(HASH_OF_NOTHING), hash), 0);
    assert_false(api_key_matches(hash, STR("")));
    assert_false(api_key_matches(hash, STR_NONE));
}

TEST_MAIN(cmocka_unit_test(test_scopes), cmocka_unit_test(test_parse_hash),
          cmocka_unit_test(test_presented), cmocka_unit_test(test_matches))
