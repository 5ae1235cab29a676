/* Reference resolution: RFC 3986 5.4 where a URI stays here, and every reason to leave one alone.
 */
#include "base/test.h"

#include "base/mem.h"
#include "hls/uri.h"

static char scratch[URI_MAX_TARGET];

static enum uri_place locate(const char *path, const char *authority, struct str uri,
                             struct uri_target *ret)
{
    struct uri_base base = {.path = str_of(path), .authority = str_of(authority)};
    bool names_host = false;

    return uri_locate(&base, uri, scratch, ret, &names_host);
}

/* RFC 3986 5.4.1 and 5.4.2, base "http://a/b/c/d;p?q", and the rules of http/url.h. */
static void test_resolution(void **state)
{
    static const struct {
        const char *uri, *want; /* NULL: stays untouched */
    } cases[] = {
        {"g:h", NULL},
        {"g", "/b/c/g"},
        {"./g", "/b/c/g"},
        {"g/", "/b/c/g/"},
        {"/g", "/g"},
        {"//g", NULL},
        {"//a", "/"},
        {"//a/g", "/g"},
        {"?y", "/b/c/d;p"},
        {"g?y", "/b/c/g"},
        {"#s", NULL},
        {"g#s", "/b/c/g"},
        {"g?y#s", "/b/c/g"},
        {";x", "/b/c/;x"},
        {"g;x?y#s", "/b/c/g;x"},
        {"", NULL},
        {".", "/b/c/"},
        {"./", "/b/c/"},
        {"..", "/b/"},
        {"../", "/b/"},
        {"../g", "/b/g"},
        {"../..", "/"},
        {"../../", "/"},
        {"../../g", "/g"},
        {"../../../g", NULL},
        {"/./g", "/g"},
        {"/../g", NULL},
        {"g.", "/b/c/g."},
        {".g", "/b/c/.g"},
        {"g..", "/b/c/g.."},
        {"..g", "/b/c/..g"},
        {"...", "/b/c/..."},
        {"./../g", "/b/g"},
        {"./g/.", "/b/c/g/"},
        {"g/./h", "/b/c/g/h"},
        {"g/../h", "/b/c/h"},
        {"g;x=1/../y", "/b/c/y"},
        {"g?y/../x", "/b/c/g"},
        {"g#s/../x", "/b/c/g"},
        {"http:g", NULL},
        {"http://a/g//h", "/g/h"},
        {"http://a//g", "/g"},
        {"http://a?x", "/"},
        {"http://a#x", "/"},
        {"https://a/g", "/g"},
        {"ftp://a/g", NULL},
        {"g//h///", "/b/c/g/h/"},
        {"g//../h", NULL},
        {"g//h/../../i", NULL},
        {"..//g", "/b/g"},
        {"%67", "/b/c/g"},
        {"%2e%2E/g", "/b/g"},
        {"%2e/g", "/b/c/g"},
        {".%2e/.%2e/../g", NULL},
        {"a%2fb", NULL},
        {"a%2Fb", NULL},
        {"a%5cb", NULL},
        {"a\\b", NULL},
        {"a%00b", NULL},
        {"a%0ab", NULL},
        {"a%7Fb", NULL},
        {"a%20b", "/b/c/a b"},
        {"a%3Fb%23", "/b/c/a?b#"},
        {"a+b%2B%25", "/b/c/a+b+%"},
        {"a%", NULL},
        {"a%4", NULL},
        {"a%4g", NULL},
        {"a%4/1", NULL},
        {"%e2%82%ac", "/b/c/\xe2\x82\xac"},
        {"\xe2\x82\xac", "/b/c/\xe2\x82\xac"},
        {"\xe2%82\xac", "/b/c/\xe2\x82\xac"},
        {"%c0%ae%c0%ae/g", NULL},
        {"%ff", NULL},
        {"%ed%a0%80", NULL},
        {"g?%zz\xff", "/b/c/g"},
        {"a\tb", NULL},
        {"a\x7f", NULL},
        {"g?a\rb", NULL},
        {"a b", "/b/c/a b"},
        {"1a:b", "/b/c/1a:b"},
        {"./a:b", "/b/c/a:b"},
        {"a/b:c", "/b/c/a/b:c"},
        {":a", "/b/c/:a"},
        {"{a}", "/b/c/{a}"},
        {"{$a}", NULL},
        {"g?x={$a}", NULL},
        {"g?uid=1", NULL},
        {"g?a&gate", NULL},
        {"g?a&&token=&b", NULL},
        {"g?scope=1", NULL},
        {"g?expires", NULL},
        {"g?uidx=1&xuid=1&a=uid=1&UID=1", "/b/c/g"},
        {"g#?uid=1", "/b/c/g"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str uri = str_of(cases[i].uri);
        char *copy = xmemdup(uri.p, uri.n + 1);
        struct uri_target got;
        enum uri_place place = locate("/b/c/d;p", "a", (struct str){copy, uri.n}, &got);

        if ((place == URI_HERE) != (cases[i].want != NULL))
            fail_msg("'%s': place %d", cases[i].uri, place);
        if (place == URI_HERE) {
            assert_str(got.path, cases[i].want);
            assert_int_equal(got.end, strcspn(cases[i].uri, "#"));
            assert_int_equal(got.has_query, str_find_char(str_first(uri, got.end), '?') >= 0);
        }
        free(copy);
    }
}

static void test_authority(void **state)
{
    static const struct {
        const char *ours, *uri;
        enum uri_place want;
    } cases[] = {
        {"h", "http://h/x", URI_HERE},
        {"h", "HTTPS://H/x", URI_HERE},
        {"H", "//h/x", URI_HERE},
        {"h", "http://h:80/x", URI_HERE},
        {"h:80", "http://h/x", URI_HERE},
        {"h", "http://h:/x", URI_HERE},
        {"h", "https://h:443/x", URI_HERE},
        {"h", "https://h:80/x", URI_ELSEWHERE},
        {"h", "http://h:443/x", URI_ELSEWHERE},
        {"h:80", "https://h/x", URI_ELSEWHERE},
        {"h:8080", "http://h:8080/x", URI_HERE},
        {"h:8080", "http://h/x", URI_ELSEWHERE},
        {"h:80", "//h/x", URI_ELSEWHERE},
        {"h:80", "//h:80/x", URI_HERE},
        {"[::1]:8080", "http://[::1]:8080/x", URI_HERE},
        {"h", "http://u@h/x", URI_ELSEWHERE},
        {"h", "http://h.evil/x", URI_ELSEWHERE},
        {"h", "http://evil/h/x", URI_ELSEWHERE},
        {"h", "http:///h/x", URI_ELSEWHERE},
        {"h", "http:/h/x", URI_ELSEWHERE},
        {"", "http:///x", URI_ELSEWHERE},
        {"", "http://:80/x", URI_ELSEWHERE},
        {"", "///x", URI_ELSEWHERE},
        {"", "x", URI_HERE},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct uri_target got;

        if (locate("/", cases[i].ours, str_of(cases[i].uri), &got) != cases[i].want)
            fail_msg("'%s' seen from '%s'", cases[i].uri, cases[i].ours);
    }
}

static void test_names_host(void **state)
{
    static const struct {
        const char *uri;
        bool want;
    } cases[] = {{"x", false},        {"/x", false},         {"http://h/x", true},
                 {"//other/x", true}, {"data:,x", false},    {"skd://x", false},
                 {"http:x", false},   {"x?http://h", false}, {"http://h/../x", true}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct uri_base base = {.path = STR("/"), .authority = STR("h")};
        bool names_host = false;
        struct uri_target got;

        (void)uri_locate(&base, str_of(cases[i].uri), scratch, &got, &names_host);
        assert_int_equal(names_host, cases[i].want);
    }
}

static void test_longest(void **state)
{
    static char uri[URI_MAX_TARGET];
    struct uri_target got;
    size_t fits =
        URI_MAX_TARGET - sizeof "/b/c"; /* the base has 4 bytes, one is kept for a slash */

    memset(uri, 'x', sizeof uri);
    assert_int_equal(locate("/b/c", "", (struct str){uri, fits}, &got), URI_HERE);
    assert_int_equal(got.path.n, fits + 3);
    assert_int_equal(locate("/b/c", "", (struct str){uri, fits + 1}, &got), URI_ELSEWHERE);
}

TEST_MAIN(cmocka_unit_test(test_resolution), cmocka_unit_test(test_authority),
          cmocka_unit_test(test_names_host), cmocka_unit_test(test_longest))
