#include "http/url.h"

#include "base/test.h"

static void accepted_targets(void **state)
{
    static const struct {
        const char *target, *path, *query; /* NULL: no query */
    } cases[] = {
        {"/", "/", NULL},
        {"/a/b.m3u8", "/a/b.m3u8", NULL},
        {"/a?", "/a", ""},
        {"/a?b=%2f%zz?c", "/a", "b=%2f%zz?c"},
        {"/a%20b", "/a b", NULL},
        {"/%41%2D%7e", "/A-~", NULL},
        {"/a+b", "/a+b", NULL},
        {"/%E4%B8%AD/x.ts", "/\u4e2d/x.ts", NULL},
        {"/\u4e2d/x.ts", "/\u4e2d/x.ts", NULL},
        {"/a|b[c]", "/a|b[c]", NULL},
        {"/%252e%252e/a", "/%2e%2e/a", NULL},
        {"/a%3Fb", "/a?b", NULL},
        {"/a%23b", "/a#b", NULL},
        {"//", "/", NULL},
        {"//a///b//", "/a/b/", NULL},
        {"/.", "/", NULL},
        {"/./a", "/a", NULL},
        {"/a/.", "/a/", NULL},
        {"/a/./b", "/a/b", NULL},
        {"/a/..", "/", NULL},
        {"/a/b/..", "/a/", NULL},
        {"/a/b/../c", "/a/c", NULL},
        {"/a/b/../../c", "/c", NULL},
        {"/a/%2e%2E/c", "/c", NULL},
        {"/a/.%2e/c", "/c", NULL},
        {"/a//../c", "/c", NULL},
        {"/.a/..b/...", "/.a/..b/...", NULL},
        {"/a/.../b", "/a/.../b", NULL},
    };
    struct arena a;

    arena_init(&a, 1 << 16);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct url u;

        assert_int_equal(url_parse(&a, str_of(cases[i].target), &u), URL_OK);
        assert_str(u.path, cases[i].path);
        assert_int_equal(u.query.p != NULL, cases[i].query != NULL);
        assert_str(u.query, cases[i].query);
    }
    arena_done(&a);
}

static void refused_targets(void **state)
{
    static const struct {
        const char *target;
        enum url_error want;
    } cases[] = {
        {"", URL_MALFORMED},
        {"*", URL_MALFORMED},
        {"a/b", URL_MALFORMED},
        {"?a", URL_MALFORMED},
        {"http://a/b", URL_MALFORMED},
        {"%2fa", URL_MALFORMED},
        {"/a%", URL_MALFORMED},
        {"/a%4", URL_MALFORMED},
        {"/a%zz", URL_MALFORMED},
        {"/a%4g", URL_MALFORMED},
        {"/a\nb", URL_MALFORMED},
        {"/a?b\rc", URL_MALFORMED},
        {"/a%0ab", URL_MALFORMED},
        {"/a%7f", URL_MALFORMED},
        {"/a#b", URL_MALFORMED},
        {"/%ff", URL_MALFORMED},
        {"/\xff", URL_MALFORMED},
        {"/%c0%af", URL_MALFORMED},        /* overlong "/" */
        {"/%c0%ae%c0%ae/", URL_MALFORMED}, /* overlong ".." */
        {"/%ed%a0%80", URL_MALFORMED},     /* surrogate */
        {"/%e4%b8", URL_MALFORMED},
        {"/a%00", URL_NUL},
        {"/a%00.ts", URL_NUL},
        {"/..", URL_ESCAPES},
        {"/../a", URL_ESCAPES},
        {"/a/../../b", URL_ESCAPES},
        {"/a//../../b", URL_ESCAPES},
        {"/%2e%2e/a", URL_ESCAPES},
        {"/a%2fb", URL_ESCAPES},
        {"/a%2Fb", URL_ESCAPES},
        {"/..%2f..%2fetc", URL_ESCAPES},
        {"/a%5cb", URL_ESCAPES},
        {"/a%5Cb", URL_ESCAPES},
        {"/a\\b", URL_ESCAPES},
    };
    struct arena a;

    arena_init(&a, 1 << 16);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct url u;

        if (url_parse(&a, str_of(cases[i].target), &u) != cases[i].want)
            fail_msg("%s: not %d", cases[i].target, (int)cases[i].want);
    }
    arena_done(&a);
}

static void plain_targets_are_borrowed(void **state)
{
    struct str target = STR("/live/ch1/index.m3u8?uid=1");
    struct arena a;
    struct url u;

    arena_init(&a, 0);
    assert_int_equal(url_parse(&a, target, &u), URL_OK);
    assert_ptr_equal(u.path.p, target.p);
    assert_int_equal(url_parse(&a, STR("/%41"), &u), URL_TOO_LONG);
    assert_null(url_decode(&a, STR("%41")).p);
    assert_null(url_encode_path(&a, STR(" ")).p);
    arena_done(&a);
}

static void decoding(void **state)
{
    struct arena a;

    arena_init(&a, 4096);
    assert_str(url_decode(&a, STR("a+b")), "a+b");
    assert_str(url_decode(&a, STR("%2Fa%3d%3D")), "/a==");
    assert_str(url_decode(&a, STR("")), "");
    assert_int_equal(url_decode(&a, STR("%00")).n, 1);
    assert_null(url_decode(&a, STR("a%")).p);
    assert_null(url_decode(&a, STR("a%1")).p);
    assert_null(url_decode(&a, STR("%-1")).p);
    arena_done(&a);
}

static void encoding(void **state)
{
    struct arena a;

    arena_init(&a, 4096);
    assert_str(url_encode_path(&a, STR("/a/b-c_d.e~f!$&'()*+,;=:@")), "/a/b-c_d.e~f!$&'()*+,;=:@");
    assert_str(url_encode_path(&a, STR("/a b?#%\"<\x7f\xc3\xa4")),
               "/a%20b%3F%23%25%22%3C%7F%C3%A4");
    assert_str(url_encode_query(&a, STR("/a/b:c")), "/a/b:c");
    assert_str(url_encode_query(&a, STR("a=b&c+d e")), "a%3Db%26c%2Bd%20e");
    arena_done(&a);
}

static void parameters(void **state)
{
    struct str rest = STR("&a=1&&b&=c&d=x=y&");
    struct url_param p;
    static const char *const want[][3] = {
        {"a", "1", "a=1"}, {"b", "", "b"}, {"", "c", "=c"}, {"d", "x=y", "d=x=y"}};

    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_true(url_next_param(&rest, &p));
        assert_str(p.name, want[i][0]);
        assert_str(p.value, want[i][1]);
        assert_str(p.whole, want[i][2]);
    }
    assert_false(url_next_param(&rest, &p));
    rest = STR_NONE;
    assert_false(url_next_param(&rest, &p));
}

TEST_MAIN(cmocka_unit_test(accepted_targets), cmocka_unit_test(refused_targets),
          cmocka_unit_test(plain_targets_are_borrowed), cmocka_unit_test(decoding),
          cmocka_unit_test(encoding), cmocka_unit_test(parameters))
