#include "access/stream_key.h"

#include "base/mem.h"
#include "base/test.h"

static void test_built_in(void **state)
{
    static const struct {
        const char *path, *key, *folder;
    } rows[] = {
        {"/video/2026-11-22/movie1/720p/index.m3u8", "movie1", "/video/2026-11-22/movie1/"},
        {"/video/2026-11-22/movie1/index.m3u8", "movie1", "/video/2026-11-22/movie1/"},
        {"/live/ch1/index.m3u8", "ch1", "/live/ch1/"},
        {"/live/ch1/720p/index.m3u8", "720p", "/live/ch1/720p/"},
        {"/2026-11-22/m/2026-11-23/n/a.ts", "m", "/2026-11-22/m/"}, /* the first date */
        {"/2026-11-22/2026-11-23/n/a.ts", "2026-11-23", "/2026-11-22/2026-11-23/"},
        {"/video/2026-11-22/index.m3u8", "2026-11-22", "/video/2026-11-22/"},
        {"/2026-11-22", "", "/"}, /* a file, not a folder */
        {"/2026-1-22/movie/720p/a.ts", "720p", "/2026-1-22/movie/720p/"},
        {"/x2026-11-22/movie/720p/a.ts", "720p", "/x2026-11-22/movie/720p/"},
        {"/2026_11_22/movie/720p/a.ts", "720p", "/2026_11_22/movie/720p/"},
        {"/202a-11-22/movie/720p/a.ts", "720p", "/202a-11-22/movie/720p/"},
        {"/ch1/", "ch1", "/ch1/"},
        {"/index.m3u8", "", "/"},
        {"/", "", "/"},
        {"", "", ""},
        {"index.m3u8", "", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_str(stream_key_of(NULL, str_of(rows[i].path)), rows[i].key);
        assert_str(stream_folder_of(NULL, str_of(rows[i].path)), rows[i].folder);
    }
}

static void test_pattern(void **state)
{
    static const struct {
        const char *pattern, *path, *key, *folder;
    } rows[] = {
        {"^/vod/([^/]+)/", "/vod/film/720p/a.ts", "film", "/vod/film/"},
        {"^/vod/([^/]+)/", "/live/film/720p/a.ts", "", "/live/film/720p/"},
        {"film\\d+", "/vod/film12/720p/a.ts", "film12", "/vod/film12/"},
        {"film\\d", "/vod/film12/720p/a.ts", "film1", "/vod/film12/720p/"}, /* no whole folder */
        {"ilm\\d+", "/vod/film12/720p/a.ts", "ilm12", "/vod/film12/720p/"},
        {"/([^/]+)\\.m3u8$", "/vod/film.m3u8", "film", "/vod/"},
        {"([a-z]+/\\d+)/", "/vod/film/12/x/a.ts", "film/12", "/vod/film/12/"},
        {"/(?:vod/(\\w+)|live)/", "/live/x/a.ts", "", "/live/x/"}, /* the group took no part */
        {"(a)(b)(c)(d)", "/abcd/x", "a", "/abcd/"},
        {"x*", "/vod/a.ts", "", "/vod/"},
        {"", "/vod/a.ts", "", "/vod/"},
        {"vod\\Kzzz|vod", "/vod/a.ts", "vod", "/vod/"},
        {"b\\K|(?=a(?R))", "/ab/x", "", "/ab/"},         /* the match starts behind its end */
        {"(*UTF)(.)x", "/\xff\xfe/x", "", "/\xff\xfe/"}, /* not UTF-8 */
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(stream_key_rule_free) struct stream_key_rule *rule = NULL;
        struct str key;
        char error[200];

        assert_int_equal(stream_key_rule_new(str_of(rows[i].pattern), &rule, error, sizeof error),
                         0);
        key = stream_key_of(rule, str_of(rows[i].path));
        assert_str(key, rows[i].key);
        assert_true(key.p >= rows[i].path && key.p <= rows[i].path + strlen(rows[i].path));
        assert_str(stream_folder_of(rule, str_of(rows[i].path)), rows[i].folder);
    }
}

static void test_bad_pattern(void **state)
{
    struct stream_key_rule *rule = NULL;
    char error[200] = "", tiny[5];

    assert_int_equal(stream_key_rule_new(STR("/vod/([^/]+"), &rule, error, sizeof error), -1);
    assert_null(rule);
    assert_non_null(strstr(error, " at offset 11"));
    assert_int_equal(stream_key_rule_new(STR("*"), &rule, tiny, sizeof tiny), -1);
    assert_int_equal(strlen(tiny), sizeof tiny - 1);
    stream_key_rule_free(&rule);
}

/*
 * Exponential backtracking stops at the match limit, and no match is "": with more steps the second
 * branch would have matched.
 */
static void test_costly_pattern(void **state)
{
    AUTO(stream_key_rule_free) struct stream_key_rule *rule = NULL;
    char error[200];

    assert_int_equal(
        stream_key_rule_new(STR("^/(?:(?:(?:a+)+)+[!?]|(a+))"), &rule, error, sizeof error), 0);
    assert_str(stream_key_of(rule, STR("/aaa/x")), "aaa");
    assert_str(stream_key_of(rule, STR("/aaaaaaaaaaa/x")), "");
}

TEST_MAIN(cmocka_unit_test(test_built_in), cmocka_unit_test(test_pattern),
          cmocka_unit_test(test_bad_pattern), cmocka_unit_test(test_costly_pattern))
