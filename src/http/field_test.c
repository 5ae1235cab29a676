#include "http/field.h"

#include "base/buf.h"
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

TEST_MAIN(cmocka_unit_test(lists), cmocka_unit_test(entity_tags))
