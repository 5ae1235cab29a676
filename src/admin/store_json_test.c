/* What /stats and /health say of a store: the embedded one as always, Redis' figures told apart. */
#include "admin/store_json.h"

#include "base/test.h"

static const struct store_stats embedded = {
    .grants = 1,
    .sessions = 2,
    .uses = 3,
    .revocations = 4,
    .bytes_used = 5,
    .bytes_limit = 6,
    .write_usec = 250,
    .is_healthy = true,
    .kind = "embedded",
};

static const struct store_stats redis = {
    .grants = 1,
    .sessions = 2,
    .uses = 3,
    .revocations = 4,
    .bytes_used = 5,
    .write_usec = 250,
    .kind = "redis",
    .server = "127.0.0.1:6379",
    .trouble = "LOADING Redis is loading the dataset in memory",
    .replicas = 2,
    .calls = 10,
    .reused = 11,
    .timeouts = 12,
    .refused = 13,
    .errors = 14,
    .reloads = 15,
    .connects = 16,
    .connect_failures = 17,
    .switches = 18,
    .unacknowledged = 19,
};

static void assert_json(json_t *value, const char *want)
{
    char *got = json_dumps(value, JSON_SORT_KEYS | JSON_COMPACT);

    assert_string_equal(got, want);
    free(got);
    json_decref(value);
}

static void test_embedded(void **state)
{
    assert_json(json_of_store(&embedded),
                "{\"bytes_limit\":6,\"bytes_used\":5,\"grants\":1,\"healthy\":true,"
                "\"kind\":\"embedded\",\"revocations\":4,\"sessions\":2,\"uses\":3,"
                "\"write_usec\":250}");
    assert_json(json_of_store_health(&embedded),
                "{\"healthy\":true,\"kind\":\"embedded\",\"latency_ms\":0.25}");
}

static void test_before_the_first_write(void **state)
{
    struct store_stats s = embedded;

    s.write_usec = 0;
    assert_json(json_of_store_health(&s),
                "{\"healthy\":true,\"kind\":\"embedded\",\"latency_ms\":null}");
}

static void test_redis(void **state)
{
    assert_json(json_of_store(&redis),
                "{\"calls\":10,\"connect_failures\":17,\"connects\":16,\"errors\":14,"
                "\"healthy\":false,\"kind\":\"redis\",\"refused\":13,\"reloads\":15,"
                "\"replicas\":2,\"reused\":11,\"round_trip_usec\":250,"
                "\"server\":\"127.0.0.1:6379\","
                "\"shared\":{\"bytes_limit\":0,\"bytes_used\":5,\"grants\":1,\"revocations\":4,"
                "\"sessions\":2,\"uses\":3},\"switches\":18,\"timeouts\":12,"
                "\"trouble\":\"LOADING Redis is loading the dataset in memory\","
                "\"unacknowledged\":19}");
    assert_json(json_of_store_health(&redis),
                "{\"healthy\":false,\"kind\":\"redis\",\"latency_ms\":0.25,\"replicas\":2,"
                "\"server\":\"127.0.0.1:6379\","
                "\"trouble\":\"LOADING Redis is loading the dataset in memory\"}");
}

TEST_MAIN(cmocka_unit_test(test_embedded), cmocka_unit_test(test_before_the_first_write),
          cmocka_unit_test(test_redis))
