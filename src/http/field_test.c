#include "http/field.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/test.h"

typedef bool (*next_fn)(struct str *rest, struct str *ret);

/* All elements, each in brackets. */
static void check(next_fn next, const char *list, const char *want)
{
    struct buf got = {.cap = 1 << 16};
    struct str rest = str_of(list), element;

    while (next(&rest, &element))
        buf_printf(&got, "[%.*s]", STR_FMT(element));
    assert_str(buf_str(&got), want);
    buf_done(&got);
}

static void lists(void **state)
{
    static const struct {
        const char *list, *want;
    } cases[] = {
        {NULL, ""},
        {"", ""},
        {" ", ""},
        {",", ""},
        {" , ,, ", ""},
        {"a", "[a]"},
        {"a,b", "[a][b]"},
        {" a ,\tb c\t,", "[a][b c]"},
        {",,a,,b,,", "[a][b]"},
        {"a=\"1,2\",b", "[a=\"1,2\"][b]"},
        {"a=\"1\\\",2\",b", "[a=\"1\\\",2\"][b]"},
        {"a=\"\\\\\",b", "[a=\"\\\\\"][b]"},
        {"a\\,b", "[a\\][b]"}, /* a quoted-pair only inside quotes */
        {"\",\"\",\",b", "[\",\"\",\"][b]"},
        {"a=\"1,2", "[a=\"1,2]"},
        {"a=\"1,2\\", "[a=\"1,2\\]"},
        {"\"", "[\"]"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(http_list_next, cases[i].list, cases[i].want);
}

static void entity_tags(void **state)
{
    static const struct {
        const char *list, *want;
    } cases[] = {
        {NULL, ""},
        {"", ""},
        {"\"a\"", "[\"a\"]"},
        {"\"\"", "[\"\"]"},
        {"\"a,b\" , W/\"c\"", "[\"a,b\"][W/\"c\"]"},
        {", \"a\"", "[\"a\"]"},
        {"\"a\\\", \"b\"", "[\"a\\\"][\"b\"]"}, /* no escapes in an entity-tag */
        {"a", ""},
        {"*", ""},
        {"W/", ""},
        {"w/\"a\"", ""},
        {"\"a", ""},
        {"\"a\", b, \"c\"", "[\"a\"]"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(http_etag_next, cases[i].list, cases[i].want);
}

static void quoted_strings(void **state)
{
    static const struct {
        const char *s, *want; /* NULL: it is none */
    } cases[] = {
        {"\"a\"", "a"},       {"\"\"", ""},     {"\"a, b\"", "a, b"}, {"\"a\\\"b\"", "a\\\"b"},
        {"\"\\\\\"", "\\\\"}, {NULL, NULL},     {"", NULL},           {"a", NULL},
        {"\"", NULL},         {"\"a", NULL},    {"a\"", NULL},        {"\"a\\\"", NULL},
        {"\"a\"b\"", NULL},   {"\"a\" ", NULL}, {" \"a\"", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str inside = STR_NONE;

        assert_int_equal(http_unquote(str_of(cases[i].s), &inside), cases[i].want != NULL);
        assert_str(inside, cases[i].want);
    }
}

static void numbers(void **state)
{
    static const struct {
        const char *s;
        bool is_number;
        uint64_t want;
    } cases[] = {
        {"0", true, 0},
        {"007", true, 7},
        {"18446744073709551614", true, UINT64_MAX - 1},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", true, UINT64_MAX},
        {"18446744073709551620", true, UINT64_MAX},
        {"99999999999999999999999999999999999999999", true, UINT64_MAX},
        {NULL, false, 0},
        {"", false, 0},
        {"-1", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1.0", false, 0},
        {"1e3", false, 0},
        {"99999999999999999999999x", false, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t got = 0;

        assert_int_equal(http_digits(str_of(cases[i].s), &got), cases[i].is_number);
        assert_true(!cases[i].is_number || got == cases[i].want);
    }
}

TEST_MAIN(cmocka_unit_test(lists), cmocka_unit_test(entity_tags), cmocka_unit_test(quoted_strings),
          cmocka_unit_test(numbers))
