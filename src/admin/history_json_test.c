/* The names that the dashboard looks for, figures as they are shown, and null for what is not
 * known. */
#include "admin/history_json.h"

#include <math.h>

#include "admin/json.h"
#include "base/test.h"
#include "gate/audience.h"

enum { CACHE_BYTES = 1 << 20 };

static void assert_json(json_t *got, const char *want)
{
    json_t *wanted = json_loads(want, JSON_DECODE_ANY, NULL);

    assert_non_null(wanted);
    if (!json_equal(got, wanted))
        fail_msg("%s\nis not\n%s", json_dumps(got, JSON_REAL_PRECISION(15)), want);
    json_free(&wanted);
    json_free(&got);
}

static struct history_point busy_point(void)
{
    struct history_point p = {.at_unix = 1800000000123456, .seconds = 2, .first_bytes = {100}};

    for (int c = 0; c < HISTORY_COUNTERS; c++)
        p.counters[c] = (unsigned)c;
    for (int g = 0; g < HISTORY_GAUGES; g++)
        p.gauges[g] = g + 0.25;
    p.counters[HISTORY_CPU_USEC] = 500000;
    p.counters[HISTORY_CACHE_HITS] = 1;
    p.counters[HISTORY_CACHE_MISSES] = 2;
    return p;
}

static void test_history(void **state)
{
    struct history_point points[] = {busy_point(), {.seconds = 1}};

    for (int g = 0; g < HISTORY_GAUGES; g++)
        points[1].gauges[g] = NAN;
    assert_json(
        json_of_history(HISTORY_HOUR, points, ARRAY_LEN(points)),
        "{\"range\": \"1h\", \"step_seconds\": 12, \"points\": 2,"
        " \"at\": [1800000000.123, 0], \"viewers\": [0.3, null], \"sessions\": [3.3, null],"
        " \"bytes_per_second\": [4, 0],"
        " \"requests_per_second\": {\"key\": [0, 0], \"playlist\": [0.5, 0],"
        "  \"segment\": [1, 0], \"static\": [1.5, 0], \"other\": [2, 0], \"api\": [2.5, 0]},"
        " \"denied_per_second\": [3, 0], \"failed_per_second\": [3.5, 0],"
        " \"first_byte_ms\": {\"p50\": [0.05, null], \"p95\": [0.095, null],"
        "  \"p99\": [0.099, null]},"
        " \"memory_bytes\": [6, null], \"cpu_percent\": [25, 0],"
        " \"hit_ratio\": [0.3333, null], \"connections\": [5.3, null],"
        " \"store_latency_ms\": [0.007, null]}");
}

static void test_no_history(void **state)
{
    json_t *o = json_of_history(HISTORY_DAY, NULL, 0);

    assert_int_equal(json_array_size(json_object_get(o, "viewers")), 0);
    assert_int_equal(json_array_size(json_object_get(o, "at")), 0);
    json_free(&o);
}

/* In the first second. */
static void test_now_is_not_known_yet(void **state)
{
    AUTO(cache_free) struct cache *cache = cache_new(CACHE_BYTES, CACHE_BYTES);
    AUTO(sampler_free) struct sampler *sampler = sampler_new();
    struct gate g = {.cache = cache, .max_connections = 10};
    struct counters *c = counters_new(&g.counters, STAT_COUNT);

    counter_add(c, STAT_CONNECTIONS, 5);
    counter_add(c, STAT_CONNECTIONS_H2, 2);
    counter_add(c, STAT_CONNECTIONS_TLS, 3);
    assert_json(json_of_now(&g, sampler),
                "{\"viewers\": null, \"users\": null, \"streams\": null, \"sessions\": null,"
                " \"grants\": null,"
                " \"connections\": {\"total\": 5, \"h1\": 3, \"h2\": 2, \"tls\": 3, \"limit\": 10},"
                " \"requests_per_second\": {\"key\": null, \"playlist\": null, \"segment\": null,"
                "  \"static\": null, \"other\": null, \"api\": null},"
                " \"denied_per_second\": null, \"failed_per_second\": null,"
                " \"bytes_per_second\": null,"
                " \"first_byte_ms\": {\"p50\": null, \"p95\": null, \"p99\": null},"
                " \"cache\": {\"hit_ratio\": null, \"bytes\": 0, \"limit\": 1048576,"
                "  \"saved_bytes_per_second\": null},"
                " \"memory_bytes\": null, \"cpu_percent\": null}");
    counter_registry_done(&g.counters);
}

static void test_audience(void **state)
{
    usec_t now = clock_monotonic();
    uint8_t viewer[VIEWER_ID_LEN] = {IP_V4};
    struct gate_worker w = {.audience = audience_new(now)}, *list[] = {&w};
    struct gate g = {.workers = list, .worker_count = 1};
    struct audience_note n = {
        .keys = {STR("movie1"), STR("u\xff")}, .viewer = viewer, .bytes = 7, .is_first = true};

    audience_note(w.audience, &n, now);
    assert_json(
        json_of_audience(&g),
        "{\"window_seconds\": 1,"
        " \"streams\": [{\"stream_key\": \"movie1\", \"bytes\": 7, \"viewers\": 1,"
        "  \"requests\": 1}],"
        " \"users\": [{\"uid\": \"u\\\\xff\", \"bytes\": 7, \"viewers\": 1, \"requests\": 1}]}");
    audience_free(&w.audience);
}

TEST_MAIN(cmocka_unit_test(test_history), cmocka_unit_test(test_no_history),
          cmocka_unit_test(test_now_is_not_known_yet), cmocka_unit_test(test_audience))
