#include "http/request.h"

#include "base/mem.h"
#include "base/test.h"

static void every_known_name_is_found(void **state)
{
    static const char *const names[] = {
#define X(name, text) text,
        HTTP_KNOWN_FIELDS(X)
#undef X
    };

    for (int i = 0; i < FIELD_KNOWN_COUNT; i++) {
        char upper[64] = {0};

        assert_int_equal(http_known_field(str_of(names[i])), i);
        for (size_t c = 0; names[i][c] != 0; c++)
            upper[c] =
                names[i][c] >= 'a' && names[i][c] <= 'z' ? (char)(names[i][c] - 32) : names[i][c];
        assert_int_equal(http_known_field(str_of(upper)), i);
        upper[0]++;
        assert_int_equal(http_known_field(str_of(upper)), FIELD_KNOWN_COUNT);
    }
}

static void other_names_are_not_known(void **state)
{
    static const char *const names[] = {"",
                                        "h",
                                        "hosts",
                                        "h0st",
                                        "x-forwarded-foo",
                                        "content-lengtx",
                                        "if\rrange",
                                        "a-name-that-is-longer-than-all-of-those"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_int_equal(http_known_field(str_of(names[i])), FIELD_KNOWN_COUNT);
}

static void tokens(void **state)
{
    assert_true(http_is_token(STR("X-a_b~1!#$%&'*+.^`|")));
    assert_false(http_is_token(STR("")));
    for (const char *c = "\"(),/:;<=>?@[\\]{} \t\r\n\x7f\x80"; *c != 0; c++)
        assert_false(http_is_token((struct str){c, 1}));
    assert_false(http_is_token((struct str){"\0", 1}));
}

static void fields_by_name(void **state)
{
    struct http_field fields[] = {
        {STR("Via"), STR("a")}, {STR("X"), STR("")}, {STR("vIA"), STR("b")}};
    struct http_head h = {.fields = fields, .field_count = 3};

    assert_str(http_head_get(&h, STR("via")), "a");
    assert_non_null(http_head_get(&h, STR("x")).p);
    assert_null(http_head_get(&h, STR("y")).p);
    assert_int_equal(http_head_count(&h, STR("via")), 2);
    assert_int_equal(http_head_count(&h, STR("y")), 0);
}

TEST_MAIN(cmocka_unit_test(every_known_name_is_found), cmocka_unit_test(other_names_are_not_known),
          cmocka_unit_test(tokens), cmocka_unit_test(fields_by_name))
