#include "admin/auth.h"

#include "access/token.h"
#include "base/codec.h"
#include "base/test.h"

static struct api_key_setting keys[3];
static const struct api_settings settings = {.keys = {keys, 3}};

static int setup(void **state)
{
    static const char *const texts[] = {"key-of-a-viewer", "key-of-an-operator", "key-of-nobody"};
    static const int scopes[] = {SCOPE_VIEWER, SCOPE_OPERATOR, SCOPE_NONE};

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        keys[i].scope = scopes[i];
        sha256(str_of(texts[i]), keys[i].sha256);
    }
    return 0;
}

static void test_verdicts(void **state)
{
    static const struct {
        const char *field; /* NULL: none */
        enum api_scope needed;
        enum auth_verdict want;
    } rows[] = {
        {"Bearer key-of-a-viewer", SCOPE_VIEWER, AUTH_OK},
        {"bearer  key-of-a-viewer", SCOPE_VIEWER, AUTH_OK},
        {"key-of-a-viewer", SCOPE_VIEWER, AUTH_OK},
        {"key-of-a-viewer", SCOPE_OPERATOR, AUTH_LOW_SCOPE},
        {"key-of-an-operator", SCOPE_OPERATOR, AUTH_OK},
        {"key-of-an-operator", SCOPE_VIEWER, AUTH_OK},
        {"key-of-an-operator", SCOPE_ADMIN, AUTH_LOW_SCOPE},
        {"key-of-nobody", SCOPE_VIEWER, AUTH_LOW_SCOPE},
        {"key-of-a-viewe", SCOPE_VIEWER, AUTH_UNKNOWN_KEY},
        {"key-of-a-viewerx", SCOPE_VIEWER, AUTH_UNKNOWN_KEY},
        {"Basic key-of-a-viewer", SCOPE_VIEWER, AUTH_UNKNOWN_KEY},
        {"Bearerkey-of-a-viewer", SCOPE_VIEWER, AUTH_UNKNOWN_KEY},
        {NULL, SCOPE_VIEWER, AUTH_NO_KEY},
        {"", SCOPE_VIEWER, AUTH_NO_KEY},
        {"Bearer", SCOPE_VIEWER, AUTH_NO_KEY},
        {"Bearer  ", SCOPE_ADMIN, AUTH_NO_KEY},
        {NULL, SCOPE_NONE, AUTH_OK},
        {"Bearer key-of-a-viewer", SCOPE_NONE, AUTH_OK},
        {"Bearer wrong", SCOPE_NONE, AUTH_UNKNOWN_KEY},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum auth_verdict got = auth_check(&settings, str_of(rows[i].field), rows[i].needed);

        if (got != rows[i].want)
            fail_msg("row %zu: got %d, want %d", i, (int)got, (int)rows[i].want);
    }
}

static void test_without_keys_nothing_is_ours(void **state)
{
    static const struct api_settings none = {.keys = {NULL, 0}};

    assert_int_equal(auth_check(&none, STR("x"), SCOPE_VIEWER), AUTH_UNKNOWN_KEY);
    assert_int_equal(auth_check(&none, STR_NONE, SCOPE_VIEWER), AUTH_NO_KEY);
    assert_int_equal(auth_check(&none, STR_NONE, SCOPE_NONE), AUTH_OK);
}

static void test_hash_is_no_key(void **state)
{
    char hex[] = "0123456789012345678901234567890123456789012345678901234567890123";

    hex_encode(keys[1].sha256, sizeof keys[1].sha256, hex);
    assert_int_equal(auth_check(&settings, str_of(hex), SCOPE_VIEWER), AUTH_UNKNOWN_KEY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_without_keys_nothing_is_ours),
        cmocka_unit_test(test_hash_is_no_key),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
