#include "base/str.h"

#include "base/mem.h"
#include "base/test.h"

static void test_compare(void **state)
{
    assert_true(str_eq(STR("abc"), STR("abc")));
    assert_true(str_eq(STR_NONE, STR("")));
    assert_false(str_eq(STR("abc"), STR("abd")));
    assert_true(str_eq_nocase(STR("Content-LENGTH"), STR("content-length")));
    assert_true(str_cmp(STR("a"), STR("ab")) < 0);
    assert_true(str_cmp(STR("b"), STR("ab")) > 0);
    assert_int_equal(str_cmp(STR("ab"), STR("ab")), 0);
    assert_true(str_eq_secret(STR("secret"), STR("secret")));
    assert_false(str_eq_secret(STR("secret"), STR("secreT")));
    assert_false(str_eq_secret(STR("secret"), STR("secre")));
}

static void test_find(void **state)
{
    assert_int_equal(str_find_char(STR("a=b=c"), '='), 1);
    assert_int_equal(str_rfind_char(STR("a=b=c"), '='), 3);
    assert_int_equal(str_find_char(STR(""), '='), -1);
    assert_int_equal(str_find(STR("chrome/1 edg/2"), STR("edg/")), 9);
    assert_int_equal(str_find_nocase(STR("Chrome Edg/2"), STR("eDG/")), 7);
    assert_int_equal(str_find(STR("abc"), STR("abcd")), -1);
    assert_true(str_starts(STR("/api/x"), STR("/api/")));
    assert_false(str_starts(STR("/ap"), STR("/api/")));
    assert_true(str_ends_nocase(STR("A.M3U8"), STR(".m3u8")));
    assert_str(str_trim(STR(" \t a b \t")), "a b");
}

static void test_copy_cut(void **state)
{
    char to[4] = "....";

    assert_int_equal(str_copy_cut(to, sizeof to, STR_NONE), 0);
    assert_int_equal(str_copy_cut(to, sizeof to, STR("ab")), 2);
    assert_memory_equal(to, "ab..", 4);
    assert_int_equal(str_copy_cut(to, 3, STR("wxyz")), 3);
    assert_memory_equal(to, "wxy.", 4);
    assert_int_equal(str_copy_cut(to, 0, STR("!")), 0);
}

static void test_split(void **state)
{
    static const char *const want[] = {"a", "", "b", ""};
    struct str rest = STR("a,,b,"), piece;
    size_t n = 0;

    while (str_split(&rest, ',', &piece)) {
        assert_true(n < ARRAY_LEN(want));
        assert_str(piece, want[n++]);
    }
    assert_int_equal(n, ARRAY_LEN(want));
}

static void test_numbers(void **state)
{
    static const struct {
        const char *text;
        uint64_t max;
        int64_t want; /* -1: refused */
    } rows[] = {
        {"0", 10, 0},   {"10", 10, 10},  {"11", 10, -1},  {"", 10, -1},
        {"-1", 10, -1}, {"+1", 10, -1},  {" 1", 10, -1},  {"1 ", 10, -1},
        {"007", 10, 7}, {"0x1", 10, -1}, {"1e3", 10, -1}, {"18446744073709551616", UINT64_MAX, -1},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t v = 77;
        int r = str_parse_u64(str_of(rows[i].text), rows[i].max, &v);

        assert_int_equal(r, rows[i].want < 0 ? -1 : 0);
        assert_int_equal(v, rows[i].want < 0 ? 77 : (uint64_t)rows[i].want);
    }
}

static void test_utf8_char(void **state)
{
    assert_int_equal(str_utf8_char(STR("")), 0);
    assert_int_equal(str_utf8_char(STR("ab")), 1);
    assert_int_equal(str_utf8_char(STR("\xc3\xa9z")), 2);
    assert_int_equal(str_utf8_char(STR("\xe4\xb8\xad\xff")), 3);
    assert_int_equal(str_utf8_char(STR("\xf0\x9f\x8e\xac")), 4);
    assert_int_equal(str_utf8_char(STR("\xe4\xb8")), 0);
    assert_int_equal(str_utf8_char(STR("\xffz")), 0);
}

static void test_code_points(void **state)
{
    assert_int_equal(str_code_point(STR("a")), 'a');
    assert_int_equal(str_code_point(STR("\xc3\xa9")), 0xe9);
    assert_int_equal(str_code_point(STR("\xe4\xb8\xad")), 0x4e2d);
    assert_int_equal(str_code_point(STR("\xf0\x9f\x8e\xac")), 0x1f3ac);
    assert_true(code_point_is_unseen('\n') && code_point_is_unseen(0x9b));
    assert_true(code_point_is_unseen(0x2028) && code_point_is_unseen(0x202e));
    assert_false(code_point_is_unseen(' ') || code_point_is_unseen(0x1f3ac));
}

static void test_utf8(void **state)
{
    assert_true(str_is_utf8(STR("plain \xc3\xa9 \xe4\xb8\xad \xf0\x9f\x8e\xac")));
    assert_false(str_is_utf8(STR("\xc0\xae")));         /* overlong '.' */
    assert_false(str_is_utf8(STR("\xe0\x80\xae")));     /* overlong '.' */
    assert_false(str_is_utf8(STR("\xed\xa0\x80")));     /* surrogate */
    assert_false(str_is_utf8(STR("\xf4\x90\x80\x80"))); /* above U+10FFFF */
    assert_false(str_is_utf8(STR("\xc3")));             /* cut off */
}

TEST_MAIN(cmocka_unit_test(test_compare), cmocka_unit_test(test_find),
          cmocka_unit_test(test_copy_cut), cmocka_unit_test(test_split),
          cmocka_unit_test(test_numbers), cmocka_unit_test(test_utf8),
          cmocka_unit_test(test_code_points), cmocka_unit_test(test_utf8_char))
