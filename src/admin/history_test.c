/* Points are the differences of samples, whatever time their steps really took. */
#include "admin/history.h"

#include <math.h>

#include "base/mem.h"
#include "base/test.h"

enum { T0_UNIX = 1800000000 };

#define START (50 * USEC_PER_SEC)

static struct history_point points[HISTORY_POINTS_MAX];

/* So many seconds after the start; counters and gauges say how many. */
static struct history_sample sample_at(double seconds)
{
    struct history_sample s = {.at = START + (usec_t)(seconds * USEC_PER_SEC)};

    s.at_unix = T0_UNIX * USEC_PER_SEC + (usec_t)(seconds * USEC_PER_SEC);
    for (int c = 0; c < HISTORY_COUNTERS; c++)
        s.counters[c] = (uint64_t)(seconds * 1000) * (unsigned)(c + 1);
    for (int g = 0; g < HISTORY_GAUGES; g++)
        s.gauges[g] = seconds * (g + 1);
    return s;
}

static void add_at(struct history *h, double seconds)
{
    struct history_sample s = sample_at(seconds);

    history_add(h, &s);
}

static void assert_near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-6 * MAX(fabs(want), 1.0)))
        fail_msg("%g is not %g", got, want);
}

static void test_words(void **state)
{
    for (int r = 0; r < HISTORY_RANGE_COUNT; r++)
        assert_int_equal(history_range_parse(history_word((enum history_range)r)), r);
    assert_int_equal(history_range_parse(STR("7d")), HISTORY_RANGE_COUNT);
    assert_int_equal(history_range_parse(STR("")), HISTORY_RANGE_COUNT);
}

/* How many points there are after so many samples, a second apart. */
static void test_how_many(void **state)
{
    static const struct {
        enum history_range range;
        unsigned samples, points;
        double last; /* seconds after the first sample */
    } cases[] = {
        {HISTORY_MINUTES_5, 0, 0, 0},        {HISTORY_MINUTES_5, 1, 0, 0},
        {HISTORY_MINUTES_5, 2, 1, 1},        {HISTORY_MINUTES_5, 301, 300, 300},
        {HISTORY_MINUTES_5, 1000, 300, 999}, {HISTORY_HOUR, 12, 0, 0},
        {HISTORY_HOUR, 13, 1, 12},           {HISTORY_HOUR, 24, 1, 12},
        {HISTORY_HOUR, 25, 2, 24},           {HISTORY_HOUR, 3601, 300, 3600},
        {HISTORY_HOUR, 8000, 300, 7992},     {HISTORY_DAY, 300, 0, 0},
        {HISTORY_DAY, 301, 1, 300},          {HISTORY_DAY, 90001, 288, 90000},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(history_free) struct history *h = history_new();
        unsigned n;

        for (unsigned s = 0; s < cases[i].samples; s++)
            add_at(h, s);
        n = history_points(h, cases[i].range, points);
        assert_int_equal(n, cases[i].points);
        for (unsigned p = 0; p < n; p++) {
            double ago = (double)(n - 1 - p) * history_step(cases[i].range);

            assert_near(points[p].seconds, history_step(cases[i].range));
            assert_int_equal(points[p].at_unix, T0_UNIX * USEC_PER_SEC +
                                                    (usec_t)((cases[i].last - ago) * USEC_PER_SEC));
        }
    }
}

/* Nothing is drawn back over what is there, and nothing an hour away from it. */
static void test_a_clock_that_is_put(void **state)
{
    static const int jumps[] = {-3600, 3600, -T0_UNIX};

    for (size_t i = 0; i < ARRAY_LEN(jumps); i++) {
        AUTO(history_free) struct history *h = history_new();
        struct history_sample last = sample_at(20);
        unsigned n;

        for (unsigned s = 0; s < 20; s++)
            add_at(h, s);
        last.at_unix += (usec_t)jumps[i] * USEC_PER_SEC;
        history_add(h, &last);
        n = history_points(h, HISTORY_MINUTES_5, points);
        assert_int_equal(n, 20);
        assert_int_equal(points[n - 1].at_unix, last.at_unix);
        for (unsigned p = 1; p < n; p++)
            assert_int_equal(points[p].at_unix - points[p - 1].at_unix, USEC_PER_SEC);
    }
}

/* Who samples comes late and early, and once not at all: nothing is lost, nothing counted twice. */
static void test_untimely_samples(void **state)
{
    static const double seconds[] = {0, 1.3, 2, 2.9, 4.4, 5, 6, 20, 21, 22};
    AUTO(history_free) struct history *h = history_new();
    uint64_t sum = 0;
    unsigned n;

    for (size_t i = 0; i < ARRAY_LEN(seconds); i++)
        add_at(h, seconds[i]);
    n = history_points(h, HISTORY_MINUTES_5, points);
    assert_int_equal(n, ARRAY_LEN(seconds) - 1);
    for (unsigned p = 0; p < n; p++) {
        sum += points[p].counters[HISTORY_BYTES];
        assert_near(points[p].seconds, seconds[p + 1] - seconds[p]);
        assert_near(history_rate(&points[p], HISTORY_BYTES), 1000.0 * (HISTORY_BYTES + 1));
    }
    assert_int_equal(sum, 22000 * (HISTORY_BYTES + 1));
    assert_int_equal(history_points(h, HISTORY_HOUR, points), 1);
    assert_near(points[0].seconds, 20);
}

/* A step of twelve is not put off until a thirteenth because each comes a little late or early. */
static void test_steps_do_not_drift(void **state)
{
    static const double seconds[] = {0.9999, 1.0001, 1.004};

    for (size_t i = 0; i < ARRAY_LEN(seconds); i++) {
        AUTO(history_free) struct history *h = history_new();
        unsigned n;

        for (unsigned s = 0; s <= 1200; s++)
            add_at(h, s * seconds[i]);
        n = history_points(h, HISTORY_HOUR, points);
        assert_int_equal(n, 100);
        for (unsigned p = 0; p < n; p++)
            assert_near(points[p].seconds, 12 * seconds[i]);
    }
}

/* What is older than the range is not shown as if it were of it. */
static void test_after_a_long_pause(void **state)
{
    AUTO(history_free) struct history *h = history_new();

    for (unsigned s = 0; s <= 100; s++)
        add_at(h, s);
    add_at(h, 1000);
    add_at(h, 1001);
    assert_int_equal(history_points(h, HISTORY_MINUTES_5, points), 2);
    assert_near(points[0].seconds, 900); /* it is known when it ended */
    assert_near(points[1].seconds, 1);
    assert_int_equal(history_points(h, HISTORY_HOUR, points), 9);
}

static void test_gauges_are_means(void **state)
{
    AUTO(history_free) struct history *h = history_new();
    struct history_sample s;

    for (unsigned i = 0; i <= 24; i++) {
        s = sample_at(i);
        s.gauges[HISTORY_VIEWERS] = i;
        s.gauges[HISTORY_SESSIONS] = i > 12 ? NAN : 5;        /* known at first alone */
        s.gauges[HISTORY_STORE_USEC] = i % 12 == 3 ? 7 : NAN; /* once a step */
        history_add(h, &s);
    }
    assert_int_equal(history_points(h, HISTORY_HOUR, points), 2);
    assert_near(points[0].gauges[HISTORY_VIEWERS], 6.5); /* of 1 to 12 */
    assert_near(points[1].gauges[HISTORY_VIEWERS], 18.5);
    assert_near(points[0].gauges[HISTORY_SESSIONS], 5);
    assert_true(isnan(points[1].gauges[HISTORY_SESSIONS]));
    assert_near(points[0].gauges[HISTORY_STORE_USEC], 7);
    assert_near(points[1].gauges[HISTORY_STORE_USEC], 7);
}

static void test_now(void **state)
{
    AUTO(history_free) struct history *h = history_new();
    struct history_point p;

    assert_false(history_now(h, &p));
    add_at(h, 3);
    assert_false(history_now(h, &p));
    add_at(h, 4);
    add_at(h, 4.5);
    assert_true(history_now(h, &p));
    assert_near(p.seconds, 0.5);
    assert_int_equal(p.counters[HISTORY_REQUESTS], 500);
    assert_near(p.gauges[HISTORY_USERS], 9);
}

static void test_hit_ratio(void **state)
{
    struct history_point p = {.seconds = 1};

    assert_true(isnan(history_hit_ratio(&p)));
    p.counters[HISTORY_CACHE_MISSES] = 1;
    assert_near(history_hit_ratio(&p), 0);
    p.counters[HISTORY_CACHE_HITS] = 3;
    assert_near(history_hit_ratio(&p), 0.75);
}

/* The bounds are 100, 250, 500, ... 120000000 us. */
static void test_first_byte(void **state)
{
    static const struct {
        uint64_t under_100, under_250, under_500, over_all;
        double share, usec;
    } cases[] = {
        {1, 0, 0, 0, 0.5, 50},     {100, 0, 0, 0, 0.99, 99},  {100, 0, 0, 0, 0, 0},
        {100, 0, 0, 0, 1, 100},    {0, 100, 0, 0, 0.5, 175},  {0, 100, 0, 0, 0, 100},
        {50, 50, 0, 0, 0.5, 100},  {50, 50, 0, 0, 0.95, 235}, {90, 0, 10, 0, 0.95, 375},
        {90, 0, 10, 0, 0.90, 100}, {0, 0, 0, 5, 0.5, 120e6},  {99, 0, 0, 1, 0.995, 120e6},
        {10, 0, 0, 90, 0.1, 100},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct history_point p = {
            .first_bytes = {cases[i].under_100, cases[i].under_250, cases[i].under_500}};

        p.first_bytes[measure_row(MEASURE_FIRST_BYTE)->count] = cases[i].over_all;
        assert_near(history_first_byte(&p, cases[i].share), cases[i].usec);
    }
}

static void test_no_first_byte(void **state)
{
    struct history_point p = {0};

    assert_true(isnan(history_first_byte(&p, 0.5)));
    assert_true(isnan(history_first_byte(&p, 1)));
}

TEST_MAIN(cmocka_unit_test(test_words), cmocka_unit_test(test_how_many),
          cmocka_unit_test(test_a_clock_that_is_put), cmocka_unit_test(test_untimely_samples),
          cmocka_unit_test(test_steps_do_not_drift), cmocka_unit_test(test_after_a_long_pause),
          cmocka_unit_test(test_gauges_are_means), cmocka_unit_test(test_now),
          cmocka_unit_test(test_hit_ratio), cmocka_unit_test(test_first_byte),
          cmocka_unit_test(test_no_first_byte))
