#include "admin/js_sign.h"

#include "access/token.h"
#include "base/codec.h"
#include "base/test.h"

#define JS_SECRET "a secret for browsers"
#define EXPIRES 1800000000
/* printf %s 'u1:/js/app.js:1800000000' | openssl dgst -sha256 -hmac 'a secret for browsers' */
#define SIGN_HEX "cbf3d2b6e44d8e4f5d9e21b2312655b3f8352154c88e500a7096c6189beacddd"

static struct arena arena;

static int setup(void **state)
{
    arena_init(&arena, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    arena_done(&arena);
    return 0;
}

static void test_verdicts(void **state)
{
    static const struct {
        const char *secret, *uid, *path;
        unix_t expires, now;
        const char *sign;
        enum js_verdict want;
    } rows[] = {
        {JS_SECRET, "u1", "/js/app.js", EXPIRES, EXPIRES, SIGN_HEX, JS_SIGNED},
        {JS_SECRET, "u1", "/js/app.js", EXPIRES, EXPIRES + 1, SIGN_HEX, JS_EXPIRED},
        {JS_SECRET, "u2", "/js/app.js", EXPIRES, 0, SIGN_HEX, JS_BAD_SIGNATURE},
        {JS_SECRET, "u1", "js/app.js", EXPIRES, 0, SIGN_HEX, JS_BAD_SIGNATURE},
        {JS_SECRET, "u1", "", EXPIRES, 0, SIGN_HEX, JS_BAD_SIGNATURE},
        {JS_SECRET, "u1", "/js/app.js", EXPIRES + 1, 0, SIGN_HEX, JS_BAD_SIGNATURE},
        {"another secret...", "u1", "/js/app.js", EXPIRES, 0, SIGN_HEX, JS_BAD_SIGNATURE},
        {"", "u1", "/js/app.js", EXPIRES, 0, SIGN_HEX, JS_BAD_SIGNATURE},
        {JS_SECRET, "u1", "/js/app.js", EXPIRES, 0, "", JS_BAD_SIGNATURE},
        {JS_SECRET, "u1", "/js/app.js", EXPIRES, 0, SIGN_HEX "0", JS_BAD_SIGNATURE},
        {JS_SECRET, "u1", "/js/app.js", EXPIRES, 0,
         "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", JS_BAD_SIGNATURE},
        {JS_SECRET, "u1:/js/app.js", "", EXPIRES, 0, SIGN_HEX, JS_BAD_SIGNATURE},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum js_verdict got =
            js_verify(&arena, str_of(rows[i].secret), str_of(rows[i].uid), str_of(rows[i].path),
                      rows[i].expires, str_of(rows[i].sign), rows[i].now);

        if (got != rows[i].want)
            fail_msg("row %zu: got %d, want %d", i, (int)got, (int)rows[i].want);
    }
}

static void test_base64url_is_as_good(void **state)
{
    uint8_t mac[TOKEN_MAC_LEN];
    char text[BASE64URL_LEN(TOKEN_MAC_LEN)];
    struct str sign = {text, sizeof text};

    assert_int_equal(hex_decode(STR(SIGN_HEX), mac, sizeof mac), 0);
    base64url_encode(mac, sizeof mac, text);
    assert_int_equal(
        js_verify(&arena, STR(JS_SECRET), STR("u1"), STR("/js/app.js"), EXPIRES, sign, EXPIRES),
        JS_SIGNED);
    text[5] ^= 1;
    assert_int_equal(
        js_verify(&arena, STR(JS_SECRET), STR("u1"), STR("/js/app.js"), EXPIRES, sign, EXPIRES),
        JS_BAD_SIGNATURE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_base64url_is_as_good),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
