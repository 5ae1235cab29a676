#include "admin/metrics_text.h"

#include "base/mem.h"
#include "base/test.h"

static struct buf out;

static struct metrics begin(void)
{
    struct metrics m;

    buf_init(&out, 4096);
    metrics_init(&m, &out);
    return m;
}

static void check(const char *want)
{
    assert_str(buf_str(&out), want);
    buf_done(&out);
}

static void test_families(void **state)
{
    struct metrics m = begin();

    metrics_one(&m, METRIC_COUNTER, STR("requests"), STR("requests"), 18446744073709551615u);
    metrics_family(&m, METRIC_GAUGE, STR("store_write_seconds"), STR("of the last"));
    metrics_seconds(&m, 1234);
    metrics_common_family(&m, METRIC_COUNTER, STR("process_cpu_seconds_total"), STR("of CPU"));
    metrics_real(&m, 0.25);
    check("# HELP hlsgate_requests_total requests\n# TYPE hlsgate_requests_total counter\n"
          "hlsgate_requests_total 18446744073709551615\n"
          "# HELP hlsgate_store_write_seconds of the last\n"
          "# TYPE hlsgate_store_write_seconds gauge\nhlsgate_store_write_seconds 0.001234\n"
          "# HELP process_cpu_seconds_total of CPU\n"
          "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 0.25\n");
}

/* A value cannot end its quotes, its line, or the document's encoding. */
static void test_label_values(void **state)
{
    static const struct {
        struct str value;
        const char *want;
    } rows[] = {
        {STR(""), "hlsgate_x{a=\"\"} 1\n"},
        {STR("http://o1:80"), "hlsgate_x{a=\"http://o1:80\"} 1\n"},
        {STR("\"} 2\n\\"), "hlsgate_x{a=\"\\\"} 2\\n\\\\\"} 1\n"},
        {STR("\xe4\xb8\xad"), "hlsgate_x{a=\"\xe4\xb8\xad\"} 1\n"},
        {STR("\xff"), "hlsgate_x{a=\"\\\\xff\"} 1\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct metrics m = begin();

        metrics_family(&m, METRIC_GAUGE, STR("x"), STR("x"));
        buf_clear(&out);
        metrics_labels(&m, (struct metric_label){"a", rows[i].value}, (struct metric_label){0});
        metrics_int(&m, 1);
        check(rows[i].want);
    }
}

static void test_histogram(void **state)
{
    static const uint64_t bounds[] = {100, 2500000}, up_to[] = {1, 3, 4};
    struct metrics m = begin();

    metrics_family(&m, METRIC_HISTOGRAM, STR("t_seconds"), STR("times"));
    metrics_labels(&m, (struct metric_label){"class", STR("key")}, (struct metric_label){0});
    metrics_histogram(&m, bounds, ARRAY_LEN(bounds), 1000000, up_to, 7000001);
    metrics_labels(&m, (struct metric_label){0}, (struct metric_label){0});
    check("# HELP hlsgate_t_seconds times\n# TYPE hlsgate_t_seconds histogram\n"
          "hlsgate_t_seconds_bucket{class=\"key\",le=\"0.0001\"} 1\n"
          "hlsgate_t_seconds_bucket{class=\"key\",le=\"2.5\"} 3\n"
          "hlsgate_t_seconds_bucket{class=\"key\",le=\"+Inf\"} 4\n"
          "hlsgate_t_seconds_sum{class=\"key\"} 7.000001\n"
          "hlsgate_t_seconds_count{class=\"key\"} 4\n");
}

TEST_MAIN(cmocka_unit_test(test_families), cmocka_unit_test(test_label_values),
          cmocka_unit_test(test_histogram))
