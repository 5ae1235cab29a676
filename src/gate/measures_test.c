#include "gate/measures.h"

#include "base/mem.h"
#include "base/test.h"

enum { FIRST = 3 };

static void test_bounds_ascend(void **state)
{
    for (int m = 0; m < MEASURE_COUNT; m++) {
        const struct measure_row *row = measure_row((enum measure)m);

        assert_true(row->count > 0);
        for (unsigned i = 1; i < row->count; i++)
            assert_true(row->bounds[i - 1] < row->bounds[i]);
    }
}

/* At each bound: what is equal to it belongs to it, what is larger to the next. */
static void test_every_value_is_in_its_bucket(void **state)
{
    for (int m = 0; m < MEASURE_COUNT; m++) {
        const struct measure_row *row = measure_row((enum measure)m);
        struct counter_registry registry = {0};
        struct counters *c = counters_new(&registry, FIRST + MEASURE_CELLS);
        struct measure_sums s;
        uint64_t sum = 0;

        for (unsigned i = 0; i < row->count; i++) {
            measure_take(c, FIRST, (enum measure)m, MEASURE_API, row->bounds[i]);
            measure_take(c, FIRST, (enum measure)m, MEASURE_API, row->bounds[i] + 1);
            sum += 2 * row->bounds[i] + 1;
        }
        measure_read(&registry, FIRST, (enum measure)m, MEASURE_API, &s);
        for (unsigned i = 0; i <= row->count; i++)
            assert_int_equal(s.up_to[i], MIN(2 * i + 1, 2 * row->count));
        assert_int_equal(s.sum, sum);
        counter_registry_done(&registry);
    }
}

/* No measure or kind touches the cells of another, or those of the gate in front. */
static void test_cells_are_apart(void **state)
{
    struct counter_registry registry = {0};
    struct counters *c = counters_new(&registry, FIRST + MEASURE_CELLS);

    for (int m = 0; m < MEASURE_COUNT; m++)
        for (unsigned kind = 0; kind < MEASURE_KINDS; kind++)
            measure_take(c, FIRST, (enum measure)m, kind, UINT32_MAX);
    for (int m = 0; m < MEASURE_COUNT; m++)
        for (unsigned kind = 0; kind < MEASURE_KINDS; kind++) {
            struct measure_sums s;

            measure_read(&registry, FIRST, (enum measure)m, kind, &s);
            assert_int_equal(s.up_to[measure_row((enum measure)m)->count], 1);
            assert_int_equal(s.up_to[0], 0);
            assert_int_equal(s.sum, UINT32_MAX);
        }
    for (size_t i = 0; i < FIRST; i++)
        assert_int_equal(counter_sum(&registry, i), 0);
    counter_registry_done(&registry);
}

TEST_MAIN(cmocka_unit_test(test_bounds_ascend), cmocka_unit_test(test_every_value_is_in_its_bucket),
          cmocka_unit_test(test_cells_are_apart))
