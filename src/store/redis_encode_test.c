/* Arguments as Redis reads them; and where a buffer ends. */
#include "base/test.h"
#include "store/redis_internal.h"

static void what_is_added_is_framed(void **state)
{
    struct redis_args a = {.count = 0};
    struct buf out = {.cap = 1000};

    redis_add(&a, STR("EVAL"));
    redis_add(&a, STR(""));
    redis_add_bytes(&a, "a\0\r\n", 4);
    assert_true(redis_encode(&a, &out));
    assert_true(str_eq(buf_str(&out), STR("*3\r\n$4\r\nEVAL\r\n$0\r\n\r\n$4\r\na\0\r\n\r\n")));
    buf_done(&out);
}

static void numbers_are_text(void **state)
{
    static const struct {
        int64_t n;
        const char *text;
    } cases[] = {{0, "0"},
                 {7, "7"},
                 {-1, "-1"},
                 {1700000000, "1700000000"},
                 {INT64_MAX, "9223372036854775807"},
                 {INT64_MIN, "-9223372036854775808"}};
    struct redis_args a = {.count = 0};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        redis_add_number(&a, cases[i].n);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_str(((struct str){a.at[i], a.len[i]}), cases[i].text);
}

static void a_command_is_added_whole_or_not_at_all(void **state)
{
    struct redis_args a = {.count = 0};
    struct buf out = {.cap = 100};
    char long_one[200] = "";
    size_t before;

    redis_add(&a, STR("PING"));
    assert_true(redis_encode(&a, &out));
    before = out.n;
    redis_add_bytes(&a, long_one, sizeof long_one);
    assert_false(redis_encode(&a, &out));
    assert_int_equal(out.n, before);
    a.count = 1;
    assert_true(redis_encode(&a, &out)); /* a shorter one still goes in */
    assert_int_equal(out.n, 2 * before);
    buf_done(&out);
}

static void what_is_quoted_is_not_shown(void **state)
{
    static const struct {
        const char *said, *shown;
    } cases[] = {
        {"ERR unknown command 'secret'", "ERR unknown command"},
        {"ERR unknown command `secret`", "ERR unknown command"},
        {"ERR \"secret\"", "ERR"},
        {"'secret'", ""},
        {"READONLY You can't write", "READONLY You can't write"},
        {"ERR a\r\nb\x7f", "ERR a??b?"},
        {"ERR Error running script (call to f_1): @user_script:1: -OOM full 'x'", "OOM full"},
        {"ERR Error running script", "ERR Error running script"},
    };
    char shown[REDIS_WHY_MAX], endless[5000];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        redis_error_show(str_of(cases[i].said), shown);
        assert_string_equal(shown, cases[i].shown);
    }
    memset(endless, 'x', sizeof endless);
    redis_error_show((struct str){endless, sizeof endless}, shown);
    assert_int_equal(strlen(shown), REDIS_WHY_MAX - 1);
}

static void an_address_is_joined(void **state)
{
    static char long_host[STORE_SERVER_MAX];
    char joined[STORE_SERVER_MAX];

    assert_true(redis_address_join(STR("10.0.0.1"), STR("6379"), joined));
    assert_string_equal(joined, "10.0.0.1:6379");
    assert_true(redis_address_join(STR("::1"), STR("6379"), joined));
    assert_string_equal(joined, "[::1]:6379");
    assert_false(redis_address_join(STR(""), STR("6379"), joined));
    assert_false(redis_address_join((struct str){long_host, sizeof long_host}, STR("1"), joined));
}

TEST_MAIN(cmocka_unit_test(what_is_added_is_framed), cmocka_unit_test(numbers_are_text),
          cmocka_unit_test(a_command_is_added_whole_or_not_at_all),
          cmocka_unit_test(what_is_quoted_is_not_shown), cmocka_unit_test(an_address_is_joined))
