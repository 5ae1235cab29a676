/* The scalar types, each with texts at and over every edge. */
#include "conf/conf.h"

#include "base/test.h"

static const struct conf_field unlimited = {.name = "x"};
static const struct conf_field one_to_ten = {.name = "x", .min = "1", .max = "10"};
static const struct conf_field second_to_day = {.name = "x", .min = "1s", .max = "1d"};

#define BAD INT64_MIN

static void test_numbers(void **state)
{
    static const struct {
        const struct conf_type *type;
        const struct conf_field *field;
        const char *text;
        int64_t value;
    } cases[] = {
        {&conf_int, &unlimited, "0", 0},
        {&conf_int, &unlimited, "-17", -17},
        {&conf_int, &unlimited, "9223372036854775807", INT64_MAX},
        {&conf_int, &unlimited, "9223372036854775808", BAD},
        {&conf_int, &unlimited, "-9223372036854775807", -INT64_MAX},
        {&conf_int, &unlimited, "", BAD},
        {&conf_int, &unlimited, "-", BAD},
        {&conf_int, &unlimited, "--1", BAD},
        {&conf_int, &unlimited, "+1", BAD},
        {&conf_int, &unlimited, "0x10", BAD},
        {&conf_int, &unlimited, " 1", BAD},
        {&conf_int, &unlimited, "1.5", BAD},
        {&conf_int, &one_to_ten, "0", BAD},
        {&conf_int, &one_to_ten, "1", 1},
        {&conf_int, &one_to_ten, "10", 10},
        {&conf_int, &one_to_ten, "11", BAD},
        {&conf_duration, &unlimited, "0", 0},
        {&conf_duration, &unlimited, "0s", 0},
        {&conf_duration, &unlimited, "300ms", 300000},
        {&conf_duration, &unlimited, "30s", 30000000},
        {&conf_duration, &unlimited, "5m", 300000000},
        {&conf_duration, &unlimited, "2h", 7200000000},
        {&conf_duration, &unlimited, "7d", 604800000000},
        {&conf_duration, &unlimited, "106751991d", 106751991 * 86400000000},
        {&conf_duration, &unlimited, "106751992d", BAD},
        {&conf_duration, &unlimited, "99999999999999999999d", BAD},
        {&conf_duration, &unlimited, "30", BAD},
        {&conf_duration, &unlimited, "s", BAD},
        {&conf_duration, &unlimited, "1 s", BAD},
        {&conf_duration, &unlimited, "-1s", BAD},
        {&conf_duration, &unlimited, "1S", BAD},
        {&conf_duration, &unlimited, "1h30m", BAD},
        {&conf_duration, &second_to_day, "999ms", BAD},
        {&conf_duration, &second_to_day, "1000ms", 1000000},
        {&conf_duration, &second_to_day, "24h", 86400000000},
        {&conf_duration, &second_to_day, "86401s", BAD},
        {&conf_size, &unlimited, "10", 10},
        {&conf_size, &unlimited, "10B", 10},
        {&conf_size, &unlimited, "64KiB", 65536},
        {&conf_size, &unlimited, "8MiB", 8388608},
        {&conf_size, &unlimited, "1GiB", 1073741824},
        {&conf_size, &unlimited, "2TiB", 2199023255552},
        {&conf_size, &unlimited, "64KB", 64000},
        {&conf_size, &unlimited, "1MB", 1000000},
        {&conf_size, &unlimited, "1GB", 1000000000},
        {&conf_size, &unlimited, "1TB", 1000000000000},
        {&conf_size, &unlimited, "8388607TiB", 8388607LL << 40},
        {&conf_size, &unlimited, "8388608TiB", BAD},
        {&conf_size, &unlimited, "", BAD},
        {&conf_size, &unlimited, "KiB", BAD},
        {&conf_size, &unlimited, "1kib", BAD},
        {&conf_size, &unlimited, "25%", BAD},
        {&conf_memory, &unlimited, "25GiB", 25LL << 30},
        {&conf_memory, &unlimited, "0%", 0},
        {&conf_memory, &unlimited, "101%", BAD},
        {&conf_memory, &unlimited, "%", BAD},
        {&conf_memory, &unlimited, "-1%", BAD},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf error = {.cap = 1000};
        int64_t got = BAD;
        int r = cases[i].type->parse(NULL, str_of(cases[i].text), cases[i].field, &got, &error);

        if (got != cases[i].value || (r == 0) != (got != BAD) || (r == 0) != (error.n == 0))
            fail_msg("%s '%s': %d, %lld, %.*s", cases[i].type->name, cases[i].text, r,
                     (long long)got, STR_FMT(buf_str(&error)));
        buf_done(&error);
    }
}

static void test_share_of_memory(void **state)
{
    uint64_t all, quarter;

    assert_int_equal(conf_memory.parse(NULL, STR("100%"), &unlimited, &all, NULL), 0);
    assert_int_equal(conf_memory.parse(NULL, STR("25%"), &unlimited, &quarter, NULL), 0);
    assert_true(all > 0 && all <= conf_machine_memory());
    assert_int_equal(quarter, all / 4);
}

static void test_words_for_bool(void **state)
{
    static const struct {
        const char *text;
        int value;
    } cases[] = {{"on", 1}, {"off", 0}, {"true", 1}, {"False", 0}, {"YES", 1},
                 {"no", 0}, {"1", -1},  {"", -1},    {"y", -1},    {"on ", -1}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf error = {.cap = 1000};
        bool got = cases[i].value != 1;
        int r = conf_bool.parse(NULL, str_of(cases[i].text), &unlimited, &got, &error);

        assert_int_equal(r, cases[i].value < 0 ? -1 : 0);
        assert_true(r < 0 || got == cases[i].value);
        assert_str(buf_str(&error), r < 0 ? "on or off" : "");
        buf_done(&error);
    }
}

static void test_string_is_a_copy_with_nul(void **state)
{
    struct buf error = {.cap = 1000};
    struct str text = {"hello, world", 5}, got = STR_NONE;
    struct arena arena;

    arena_init(&arena, 64);
    assert_int_equal(conf_string.parse(&arena, text, &one_to_ten, &got, &error), 0);
    assert_string_equal(got.p, "hello");
    assert_int_equal(conf_string.parse(&arena, STR("hello, world"), &one_to_ten, &got, &error), -1);
    assert_str(buf_str(&error), "text from 1 to 10 bytes");
    assert_str(got, "hello");
    buf_done(&error);
    arena_done(&arena);
}

TEST_MAIN(cmocka_unit_test(test_numbers), cmocka_unit_test(test_share_of_memory),
          cmocka_unit_test(test_words_for_bool), cmocka_unit_test(test_string_is_a_copy_with_nul))
