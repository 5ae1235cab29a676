#include "http/range.h"

#include "base/mem.h"
#include "base/test.h"

#define MODIFIED 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */
#define NOW (MODIFIED + 3600)
#define AT "Sun, 06 Nov 1994 08:49:37 GMT"
#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"

static const struct http_validators validators = {.etag = {"\"v1\"", 4}, .last_modified = MODIFIED};

static enum http_condition evaluate(struct http_head *h, enum http_known_field field,
                                    const char *value, uint64_t length, struct http_byte_range *ret)
{
    h->known[field] = str_of(value);
    return http_evaluate(h, &validators, length, NOW, ret);
}

static void ranges(void **state)
{
    static const struct {
        const char *field;
        uint64_t length;
        enum http_condition want;
        uint64_t first, last;
    } cases[] = {
        {"bytes=0-499", 1000, COND_PARTIAL, 0, 499},
        {"bytes=500-", 1000, COND_PARTIAL, 500, 999},
        {"bytes=0-", 1000, COND_PARTIAL, 0, 999},
        {"bytes=-1", 1000, COND_PARTIAL, 999, 999},
        {"bytes=-1000", 1000, COND_PARTIAL, 0, 999},
        {"bytes=-5000", 1000, COND_PARTIAL, 0, 999},
        {"bytes=999-999", 1000, COND_PARTIAL, 999, 999},
        {"bytes=990-5000", 1000, COND_PARTIAL, 990, 999},
        {"bytes=0-18446744073709551615", 1000, COND_PARTIAL, 0, 999},
        {"bytes=0-99999999999999999999999", 1000, COND_PARTIAL, 0, 999},
        {"bytes=-99999999999999999999999", 1000, COND_PARTIAL, 0, 999},
        {"BYTES=0-1", 1000, COND_PARTIAL, 0, 1},
        {"bytes= 0-1 ,", 1000, COND_PARTIAL, 0, 1},
        {"bytes=1000-", 1000, COND_UNSATISFIABLE, 0, 0},
        {"bytes=99999999999999999999999-", 1000, COND_UNSATISFIABLE, 0, 0},
        {"bytes=-0", 1000, COND_UNSATISFIABLE, 0, 0},
        {"bytes=0-", 0, COND_UNSATISFIABLE, 0, 0},
        {"bytes=-5", 0, COND_FULL, 0, 0},
        {"bytes=0-1,5-6", 1000, COND_FULL, 0, 0},
        {"bytes=0-1,-1", 1000, COND_FULL, 0, 0},
        {"bytes=5-4", 1000, COND_FULL, 0, 0},
        {"bytes=", 1000, COND_FULL, 0, 0},
        {"bytes=-", 1000, COND_FULL, 0, 0},
        {"bytes=,", 1000, COND_FULL, 0, 0},
        {"bytes=a-b", 1000, COND_FULL, 0, 0},
        {"bytes=0x1-2", 1000, COND_FULL, 0, 0},
        {"bytes=1-2-3", 1000, COND_FULL, 0, 0},
        {"bytes=--1", 1000, COND_FULL, 0, 0},
        {"bytes=+1-2", 1000, COND_FULL, 0, 0},
        {"bytes=1 - 2", 1000, COND_FULL, 0, 0},
        {"bytes 0-1", 1000, COND_FULL, 0, 0},
        {"items=0-1", 1000, COND_FULL, 0, 0},
        {"", 1000, COND_FULL, 0, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_head h = {.method = HTTP_GET};
        struct http_byte_range r = {0, 0};
        enum http_condition got = evaluate(&h, FIELD_RANGE, cases[i].field, cases[i].length, &r);

        if (got != cases[i].want || r.first != cases[i].first || r.last != cases[i].last)
            fail_msg("%s of %lu: got %d, %lu-%lu", cases[i].field, (unsigned long)cases[i].length,
                     (int)got, (unsigned long)r.first, (unsigned long)r.last);
    }
}

static void if_range(void **state)
{
    static const struct {
        const char *field;
        enum http_condition want;
    } cases[] = {
        {"\"v1\"", COND_PARTIAL}, {"\"v2\"", COND_FULL}, {"W/\"v1\"", COND_FULL}, {"v1", COND_FULL},
        {AT, COND_PARTIAL},       {BEFORE, COND_FULL},   {"", COND_FULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_head h = {.method = HTTP_GET};
        struct http_byte_range r;

        h.known[FIELD_RANGE] = STR("bytes=0-1");
        assert_int_equal(evaluate(&h, FIELD_IF_RANGE, cases[i].field, 10, &r), cases[i].want);
    }
}

static void weak_validators_do_not_join_pieces(void **state)
{
    struct http_validators weak = {.etag = STR("W/\"v1\""), .last_modified = NOW};
    struct http_head h = {.method = HTTP_GET};
    struct http_byte_range r;

    h.known[FIELD_RANGE] = STR("bytes=0-1");
    h.known[FIELD_IF_RANGE] = STR("W/\"v1\"");
    assert_int_equal(http_evaluate(&h, &weak, 10, NOW, &r), COND_FULL);
    h.known[FIELD_IF_RANGE] = STR("Sun, 06 Nov 1994 09:49:37 GMT"); /* modified this very second */
    assert_int_equal(http_evaluate(&h, &weak, 10, NOW, &r), COND_FULL);
    assert_int_equal(http_evaluate(&h, &weak, 10, NOW + 1, &r), COND_PARTIAL);
}

static void conditions(void **state)
{
    static const struct {
        const char *none_match, *modified_since;
        enum http_condition want;
    } cases[] = {
        {"\"v1\"", NULL, COND_NOT_MODIFIED},
        {"W/\"v1\"", NULL, COND_NOT_MODIFIED},
        {"\"a\", W/\"b,c\" ,\"v1\"", NULL, COND_NOT_MODIFIED},
        {"*", NULL, COND_NOT_MODIFIED},
        {"\"v2\"", NULL, COND_FULL},
        {"v1", NULL, COND_FULL},
        {"\"v1", NULL, COND_FULL},
        {"w/\"v1\"", NULL, COND_FULL},
        {"W/", NULL, COND_FULL},
        {"", NULL, COND_FULL},
        {NULL, AT, COND_NOT_MODIFIED},
        {NULL, "Mon, 07 Nov 1994 08:49:37 GMT", COND_NOT_MODIFIED},
        {NULL, BEFORE, COND_FULL},
        {NULL, "yesterday", COND_FULL},
        {"\"v2\"", AT, COND_FULL}, /* the tag decides alone */
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_head h = {.method = HTTP_HEAD};
        struct http_byte_range r;

        h.known[FIELD_IF_NONE_MATCH] = str_of(cases[i].none_match);
        assert_int_equal(evaluate(&h, FIELD_IF_MODIFIED_SINCE, cases[i].modified_since, 10, &r),
                         cases[i].want);
    }
}

static void other_methods_get_everything(void **state)
{
    struct http_head h = {.method = HTTP_HEAD};
    struct http_byte_range r;

    assert_int_equal(evaluate(&h, FIELD_RANGE, "bytes=0-1", 10, &r), COND_FULL);
    h.method = HTTP_POST;
    assert_int_equal(evaluate(&h, FIELD_IF_NONE_MATCH, "*", 10, &r), COND_FULL);
}

static void nothing_known_matches_nothing(void **state)
{
    struct http_validators none = {.etag = STR_NONE};
    struct http_head h = {.method = HTTP_GET};
    struct http_byte_range r;

    h.known[FIELD_IF_MODIFIED_SINCE] = STR(AT);
    assert_int_equal(http_evaluate(&h, &none, 10, NOW, &r), COND_FULL);
    h.known[FIELD_IF_NONE_MATCH] = STR("\"\"");
    assert_int_equal(http_evaluate(&h, &none, 10, NOW, &r), COND_FULL);
}

static void one_well_formed_range(void **state)
{
    static const struct {
        const char *field, *want; /* NULL: none */
    } cases[] = {
        {"bytes=0-99", "0-99"},
        {"Bytes=100-", "100-"},
        {"bytes=-500", "-500"},
        {"bytes= 5-6 ,", "5-6"},
        {"bytes=0-1,3-4", NULL},
        {"bytes=9-1", NULL},
        {"bytes=x-1", NULL},
        {"bytes=-0", NULL},
        {"bytes=", NULL},
        {"lines=0-1", NULL},
        {"", NULL},
    };

    assert_null(http_one_range(STR_NONE).p);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str got = http_one_range(str_of(cases[i].field));

        if (cases[i].want == NULL)
            assert_null(got.p);
        else
            assert_str(got, cases[i].want);
    }
}

TEST_MAIN(cmocka_unit_test(one_well_formed_range), cmocka_unit_test(ranges),
          cmocka_unit_test(if_range), cmocka_unit_test(weak_validators_do_not_join_pieces),
          cmocka_unit_test(conditions), cmocka_unit_test(other_methods_get_everything),
          cmocka_unit_test(nothing_known_matches_nothing))
