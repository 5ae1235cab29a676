#include "cache/hot.h"

#include "base/mem.h"
#include "base/test.h"

#define CELL(n) ((uint64_t)(n) << 32)
#define SEC USEC_PER_SEC

static struct hot_table *table;

static int setup(void **state)
{
    table = xzalloc(sizeof *table);
    return 0;
}

static int teardown(void **state)
{
    xfree_p(&table);
    return 0;
}

/* How many of `times` calls answer true, and which was the last that did (0: none). */
static int count_true(uint64_t hash, int times, unsigned threshold, usec_t now, int *ret_last)
{
    int n = 0;

    *ret_last = 0;
    for (int i = 1; i <= times; i++) {
        if (hot_count(table, hash, threshold, now)) {
            n++;
            *ret_last = i;
        }
    }
    return n;
}

static void test_thresholds(void **state)
{
    static const struct {
        unsigned threshold;
        int times, want, at;
    } cases[] = {
        {1, 10, 1, 1},         {2, 1, 0, 0},          {2, 10, 1, 2},
        {3, 3, 1, 3},          {0, 5, 1, 1}, /* moved to 1 */
        {4095, 9000, 1, 4095}, {4096, 9000, 1, 4095}, {100, 99, 0, 0},
    };
    int last;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(count_true(CELL(i), cases[i].times, cases[i].threshold, 5 * SEC, &last),
                         cases[i].want);
        assert_int_equal(last, cases[i].at);
    }
}

/* Two requests, threshold 2: does the second one count as within the window of the first? */
static void test_window(void **state)
{
    static const struct {
        usec_t first, second;
        bool is_hot;
    } cases[] = {
        {0, 0, true},
        {0, 59 * SEC, true},
        {0, 60 * SEC, false},
        {100 * SEC, 159 * SEC, true},
        {100 * SEC, 160 * SEC, false},
        {100 * SEC, 99 * SEC, true}, /* a worker whose clock is behind */
        {100 * SEC, 100000 * SEC, false},
        {((1ull << 20) - 1) * SEC, ((1ull << 20) + 3) * SEC, true}, /* the seconds wrap */
        {((1ull << 20) + 3) * SEC, ((1ull << 20) - 1) * SEC, true},
        {((1ull << 20) - 1) * SEC, ((1ull << 20) + 70) * SEC, false},
        {5 * SEC, (5 + (1ull << 19)) * SEC, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_false(hot_count(table, CELL(i), 2, cases[i].first));
        assert_true(hot_count(table, CELL(i), 2, cases[i].second) == cases[i].is_hot);
    }
}

static void test_next_window_counts_from_nothing(void **state)
{
    int last;

    assert_int_equal(count_true(CELL(7), 9000, 3, 0, &last), 1);
    assert_int_equal(count_true(CELL(7), 2, 3, 60 * SEC, &last), 0);
    assert_int_equal(count_true(CELL(7), 9000, 3, 61 * SEC, &last), 1);
    assert_int_equal(last, 1);
}

static void test_forget(void **state)
{
    int last;

    assert_int_equal(count_true(CELL(7), 50, 3, 0, &last), 1);
    hot_forget(table, CELL(7));
    assert_int_equal(count_true(CELL(7), 50, 3, 0, &last), 1);
    assert_int_equal(last, 3);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
TEST_MAIN(TEST(test_thresholds), TEST(test_window), TEST(test_next_window_counts_from_nothing),
          TEST(test_forget))
