#include "http/range.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/test.h"

#define MODIFIED 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */
#define NOW (MODIFIED + 3600)
#define AT "Sun, 06 Nov 1994 08:49:37 GMT"
#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"

static const struct http_validators validators = {.etag = {"\"v1\"", 4}, .last_modified = MODIFIED};

static enum http_condition evaluate(struct http_head *h, enum http_known_field field,
                                    const char *value, uint64_t length, struct http_ranges *ret)
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
        {"bytes=0-1,2000-", 1000, COND_PARTIAL, 0, 1},
        {"bytes=2000-,-0,-3", 1000, COND_PARTIAL, 997, 999},
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
        struct http_ranges r;
        enum http_condition got = evaluate(&h, FIELD_RANGE, cases[i].field, cases[i].length, &r);
        bool is_right = got == cases[i].want;

        if (is_right && got == COND_PARTIAL)
            is_right = r.of[0].first == cases[i].first && r.of[0].last == cases[i].last;
        if (!is_right)
            fail_msg("%s of %lu: got %d", cases[i].field, (unsigned long)cases[i].length, (int)got);
    }
}

/* The ranges as a field would say them, clamped. */
static const char *text_of(const struct http_ranges *r)
{
    static char text[1024];
    size_t n = 0;

    text[0] = '\0';
    for (unsigned i = 0; i < r->count; i++)
        n += (size_t)sprintf(text + n, "%s%llu-%llu", i > 0 ? "," : "",
                             (unsigned long long)r->of[i].first, (unsigned long long)r->of[i].last);
    return text;
}

#define SIXTEEN \
    "0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,24-24,26-26,28-28,30-30"

static void several_ranges(void **state)
{
    static const struct {
        const char *field, *want; /* NULL: not several */
        enum http_condition condition;
    } cases[] = {
        {"bytes=0-1,5-6", "0-1,5-6", COND_SEVERAL},
        {"bytes=0-1,2-3", "0-1,2-3", COND_SEVERAL},
        {"bytes=5-6,0-1", "5-6,0-1", COND_SEVERAL},
        {"bytes=-1,0-1,50-", NULL, COND_UNSATISFIABLE},
        {"bytes=-1,0-1,50-98", "99-99,0-1,50-98", COND_SEVERAL},
        {"bytes= 0-1 , , 5-6,", "0-1,5-6", COND_SEVERAL},
        {"bytes=0-1,200-300,5-6", "0-1,5-6", COND_SEVERAL},
        {"bytes=0-1,-0,98-1000", "0-1,98-99", COND_SEVERAL},
        {"bytes=0-5,5-6", NULL, COND_UNSATISFIABLE},
        {"bytes=5-6,0-99", NULL, COND_UNSATISFIABLE},
        {"bytes=0-0,0-0", NULL, COND_UNSATISFIABLE},
        {"bytes=0-,-1", NULL, COND_UNSATISFIABLE},
        {"bytes=100-,200-", NULL, COND_UNSATISFIABLE},
        {"bytes=0-1,x", NULL, COND_FULL},
        {"bytes=0-1,6-5", NULL, COND_FULL},
        {"bytes=0-5,5-6,x", NULL, COND_FULL},
        {"bytes=" SIXTEEN, SIXTEEN, COND_SEVERAL},
        {"bytes=" SIXTEEN ",32-32", NULL, COND_UNSATISFIABLE},
        {"bytes=" SIXTEEN ",200-", NULL, COND_UNSATISFIABLE},
        {"bytes=" SIXTEEN ",32-32,-", NULL, COND_FULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_head h = {.method = HTTP_GET};
        struct http_ranges r;
        enum http_condition got = evaluate(&h, FIELD_RANGE, cases[i].field, 100, &r);

        if (got != cases[i].condition)
            fail_msg("%s: got %d", cases[i].field, (int)got);
        if (cases[i].want != NULL)
            assert_string_equal(text_of(&r), cases[i].want);
    }
}

static void an_empty_representation_has_no_part(void **state)
{
    struct http_head h = {.method = HTTP_GET};
    struct http_ranges r;

    assert_int_equal(evaluate(&h, FIELD_RANGE, "bytes=0-1,3-4", 0, &r), COND_UNSATISFIABLE);
    assert_int_equal(evaluate(&h, FIELD_RANGE, "bytes=0-1,-4", 0, &r), COND_FULL);
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
        struct http_ranges r;

        h.known[FIELD_RANGE] = STR("bytes=0-1");
        assert_int_equal(evaluate(&h, FIELD_IF_RANGE, cases[i].field, 10, &r), cases[i].want);
    }
}

static void weak_validators_do_not_join_pieces(void **state)
{
    struct http_validators weak = {.etag = STR("W/\"v1\""), .last_modified = NOW};
    struct http_head h = {.method = HTTP_GET};
    struct http_ranges r;

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
        struct http_ranges r;

        h.known[FIELD_IF_NONE_MATCH] = str_of(cases[i].none_match);
        assert_int_equal(evaluate(&h, FIELD_IF_MODIFIED_SINCE, cases[i].modified_since, 10, &r),
                         cases[i].want);
    }
}

static void preconditions(void **state)
{
    static const struct {
        const char *match, *unmodified_since, *none_match;
        enum http_condition want;
    } cases[] = {
        {"\"v1\"", NULL, NULL, COND_FULL},
        {"\"a\", \"v1\"", NULL, NULL, COND_FULL},
        {"*", NULL, NULL, COND_FULL},
        {"W/\"v1\"", NULL, NULL, COND_FAILED},
        {"\"v2\"", NULL, NULL, COND_FAILED},
        {"", NULL, NULL, COND_FAILED},
        {"\"v2\"", AT, NULL, COND_FAILED}, /* the tag decides alone */
        {"\"v1\"", BEFORE, NULL, COND_FULL},
        {NULL, AT, NULL, COND_FULL},
        {NULL, "Mon, 07 Nov 1994 08:49:37 GMT", NULL, COND_FULL},
        {NULL, BEFORE, NULL, COND_FAILED},
        {NULL, "yesterday", NULL, COND_FULL},
        {"\"v2\"", NULL, "\"v1\"", COND_FAILED}, /* RFC 9110 13.2.2: it goes first */
        {"\"v1\"", NULL, "\"v1\"", COND_NOT_MODIFIED},
    };

    for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
        struct http_head h = {.method = i % 2 == 0 ? HTTP_GET : HTTP_HEAD};
        struct http_ranges r;

        h.known[FIELD_IF_MATCH] = str_of(cases[i / 2].match);
        h.known[FIELD_IF_NONE_MATCH] = str_of(cases[i / 2].none_match);
        if (evaluate(&h, FIELD_IF_UNMODIFIED_SINCE, cases[i / 2].unmodified_since, 10, &r) !=
            cases[i / 2].want)
            fail_msg("case %zu", i / 2);
    }
}

static void a_weak_tag_fulfils_no_if_match(void **state)
{
    struct http_validators weak = {.etag = STR("W/\"v1\"")};
    struct http_head h = {.method = HTTP_GET};
    struct http_ranges r;

    h.known[FIELD_IF_MATCH] = weak.etag;
    assert_int_equal(http_evaluate(&h, &weak, 10, NOW, &r), COND_FAILED);
}

static void a_list_on_two_lines(void **state)
{
    struct http_field fields[] = {{STR("If-Match"), STR("\"a\"")},
                                  {STR("If-None-Match"), STR("\"b\"")},
                                  {STR("if-match"), STR("\"v1\"")},
                                  {STR("if-none-match"), STR("\"c\", W/\"v1\"")}};
    struct http_head h = {.method = HTTP_GET, .fields = fields, .field_count = 4};
    struct http_ranges r;

    h.known[FIELD_IF_MATCH] = fields[0].value;
    assert_int_equal(http_evaluate(&h, &validators, 10, NOW, &r), COND_FULL);
    h.known[FIELD_IF_NONE_MATCH] = fields[1].value;
    assert_int_equal(http_evaluate(&h, &validators, 10, NOW, &r), COND_NOT_MODIFIED);
    h.field_count = 3;
    assert_int_equal(http_evaluate(&h, &validators, 10, NOW, &r), COND_FULL);
    h.field_count = 2;
    assert_int_equal(http_evaluate(&h, &validators, 10, NOW, &r), COND_FAILED);
}

static void other_methods_get_everything(void **state)
{
    struct http_head h = {.method = HTTP_HEAD};
    struct http_ranges r;

    assert_int_equal(evaluate(&h, FIELD_RANGE, "bytes=0-1", 10, &r), COND_FULL);
    h.method = HTTP_POST;
    assert_int_equal(evaluate(&h, FIELD_IF_NONE_MATCH, "*", 10, &r), COND_FULL);
}

static void nothing_known_matches_nothing(void **state)
{
    struct http_validators none = {.etag = STR_NONE};
    struct http_head h = {.method = HTTP_GET};
    struct http_ranges r;

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
          cmocka_unit_test(several_ranges), cmocka_unit_test(an_empty_representation_has_no_part),
          cmocka_unit_test(preconditions), cmocka_unit_test(a_list_on_two_lines),
          cmocka_unit_test(a_weak_tag_fulfils_no_if_match), cmocka_unit_test(if_range),
          cmocka_unit_test(weak_validators_do_not_join_pieces), cmocka_unit_test(conditions),
          cmocka_unit_test(other_methods_get_everything),
          cmocka_unit_test(nothing_known_matches_nothing))
