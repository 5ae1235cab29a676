#include "base/codec.h"

#include "base/hash.h"
#include "base/test.h"

static void test_base64url_vectors(void **state)
{
    /* RFC 4648 section 10, without padding */
    static const char *const rows[][2] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},         {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}};
    char text[32], bytes[32];

    for (size_t i = 0; i < 7; i++) {
        size_t n = strlen(rows[i][0]);

        assert_str(((struct str){text, base64url_encode(rows[i][0], n, text)}), rows[i][1]);
        assert_int_equal(base64url_decode(str_of(rows[i][1]), bytes, n), 0);
        assert_memory_equal(bytes, rows[i][0], n);
    }
}

static void test_base64url_is_strict(void **state)
{
    char bytes[5];

    assert_int_equal(base64url_decode(STR("Zh"), bytes, 1), -1);   /* stray bits */
    assert_int_equal(base64url_decode(STR("Zg=="), bytes, 1), -1); /* padding */
    assert_int_equal(base64url_decode(STR("+/"), bytes, 1), -1);   /* the other alphabet */
    assert_int_equal(base64url_decode(STR("Zg"), bytes, 2), -1);   /* other length */
    for (size_t i = 0; i < 7; i++) { /* none of the alphabet, wherever it stands */
        char text[] = "Zm9vYmE";

        text[i] = '+';
        assert_int_equal(base64url_decode(str_of(text), bytes, 5), -1);
    }
}

static void test_hex(void **state)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[2];
    char text[4];

    assert_str(((struct str){text, hex_encode("\x0f\xa0", 2, text)}), "0fa0");
    assert_int_equal(hex_decode(STR("0fa0"), bytes, 2), 0);
    assert_int_equal(bytes[1], 0xa0);
    assert_int_equal(hex_decode(STR("0FA0"), bytes, 2), -1); /* one spelling only */
    for (int c = 0; c < 256; c++) {
        char one[] = {'0', (char)c};
        const char *at = memchr(digits, c, 16);

        assert_int_equal(hex_decode((struct str){one, 2}, bytes, 1), at != NULL ? 0 : -1);
        if (at != NULL)
            assert_int_equal(bytes[0], at - digits);
    }
    assert_int_equal(hex_decode(STR("0fa"), bytes, 2), -1);
    assert_int_equal(hex_decode(STR("0fag"), bytes, 2), -1);
}

static void test_decimal(void **state)
{
    static const struct {
        uint64_t n;
        const char *text;
    } rows[] = {{0, "0"},
                {9, "9"},
                {10, "10"},
                {1795443420, "1795443420"},
                {UINT64_MAX, "18446744073709551615"}};
    char text[DECIMAL_MAX];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_str(((struct str){text, decimal_encode(rows[i].n, text)}), rows[i].text);
}

/* Names of content are the same in all versions: caches hold them. */
static void test_names_of_content_stay(void **state)
{
    struct hash_wide none = hash_content(STR("")), some = hash_content(STR("#EXTM3U\n"));

    assert_true(none.a == UINT64_C(0x28d40332b9211af0) && none.b == UINT64_C(0xa89f45246504fb7b));
    assert_true(some.a == UINT64_C(0x20a9bf9b9356c6ae) && some.b == UINT64_C(0xa9707ba7b62332ef));
}

static void test_siphash_depends_on_key(void **state)
{
    struct hash_key a = {1, 2}, b = {1, 3};

    assert_true(hash_bytes(&a, STR("hello")) == hash_bytes(&a, STR("hello")));
    assert_true(hash_bytes(&a, STR("hello")) != hash_bytes(&b, STR("hello")));
    assert_true(hash_bytes(&a, STR("hello")) != hash_bytes(&a, STR("hello\0")));
    assert_true(hash_bytes(&a, STR("12345678")) != hash_bytes(&a, STR("12345679")));
}

TEST_MAIN(cmocka_unit_test(test_base64url_vectors), cmocka_unit_test(test_base64url_is_strict),
          cmocka_unit_test(test_hex), cmocka_unit_test(test_decimal),
          cmocka_unit_test(test_siphash_depends_on_key),
          cmocka_unit_test(test_names_of_content_stay))
