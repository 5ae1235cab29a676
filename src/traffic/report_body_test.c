/* The body to the letter: other people's programs read it. */
#include "traffic/report_body.h"

#include "base/test.h"
#include "traffic/file_type.h"

static const struct report_about about = {STR("gate-1"), 300, 1 << 20};

static struct report_next report_of(struct traffic_line *lines, unsigned count)
{
    struct report_next n = {.made = 1764115200, .lines = lines, .count = count};

    memcpy(n.id, "0123456789abcdef0123456789abcdef", sizeof n.id);
    return n;
}

static void assert_body(const struct report_next *n, const char *want)
{
    struct buf b;

    buf_init(&b, 1 << 20);
    report_body(&b, &about, n);
    assert_str(buf_str(&b), want);
    buf_done(&b);
}

static void test_body(void **state)
{
    struct traffic_line lines[2] = {
        {STR("u1"), {.first = 1764115000, .last = 1764115100, .requests = 3}}, {STR("u2"), {0}}};
    struct report_next n = report_of(lines, 2);

    lines[0].counts.bytes[1] = 1000000;
    lines[0].counts.bytes[2] = 3000000;
    lines[0].counts.types[FILE_TYPE_m3u8] = 1000000;
    lines[0].counts.types[FILE_TYPE_default_] = 3000000;
    sketch_add(&lines[0].counts.ips, 7);
    lines[1].counts.first = lines[1].counts.last = 5;
    assert_body(
        &n,
        "{\"report_id\": \"0123456789abcdef0123456789abcdef\", \"timestamp\": 1764115200, "
        "\"worker_id\": \"gate-1\", \"report_interval_seconds\": 300, "
        "\"min_bytes_threshold\": 1048576, \"total_qualified_uids\": 2, \"traffic_details\": [\n"
        "{\"uid\": \"u1\", \"total_bytes\": 4000000, \"total_mb\": 3.81, \"request_count\": 3, "
        "\"duration_seconds\": 100, \"start_time\": 1764115000, \"last_activity\": 1764115100, "
        "\"file_types\": {\"default\": 3000000, \"m3u8\": 1000000}, \"unique_ips\": 1, "
        "\"unique_sessions\": 0, \"avg_bytes_per_request\": 1333333, \"bytes_per_second\": "
        "40000},\n"
        "{\"uid\": \"u2\", \"total_bytes\": 0, \"total_mb\": 0.00, \"request_count\": 0, "
        "\"duration_seconds\": 1, \"start_time\": 5, \"last_activity\": 5, \"file_types\": {}, "
        "\"unique_ips\": 0, \"unique_sessions\": 0, \"avg_bytes_per_request\": 0, "
        "\"bytes_per_second\": 0}\n"
        "], \"summary\": {\"total_bytes\": 4000000, \"total_mb\": 3.81, \"total_requests\": 3, "
        "\"avg_bytes_per_uid\": 2000000, "
        "\"report_generated_at\": \"2025-11-26 00:00:00 UTC\"}}\n");
    traffic_lines_done(lines, 2);
}

static void test_estimates_are_said(void **state)
{
    struct traffic_line line = {STR("u1"), {0}};
    struct report_next n = report_of(&line, 1);
    struct buf b;

    for (uint64_t i = 0; i <= SKETCH_EXACT; i++)
        sketch_add(&line.counts.sessions, i * 0x9e3779b97f4a7c15);
    buf_init(&b, 1 << 20);
    report_body(&b, &about, &n);
    assert_true(str_find(buf_str(&b), STR("\"unique_sessions_estimated\": true")) > 0);
    assert_true(str_find(buf_str(&b), STR("unique_ips_estimated")) < 0);
    buf_done(&b);
    traffic_lines_done(&line, 1);
}

static void test_strings(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"plain", "\"plain\""},
        {"", "\"\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"a\nb\x01\x7f", "\"a\\u000ab\\u0001\\u007f\""},
        {"</script>", "\"</script>\""},
        {"\xe7\x94\xa8\xe6\x88\xb7", "\"\xe7\x94\xa8\xe6\x88\xb7\""},
        {"\xe7\x94"
         "x",
         "\"\\\\xe7\\\\x94x\""},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b;

        buf_init(&b, 1000);
        report_add_string(&b, str_of(cases[i].text));
        assert_str(buf_str(&b), cases[i].want);
        buf_done(&b);
    }
}

TEST_MAIN(cmocka_unit_test(test_body), cmocka_unit_test(test_estimates_are_said),
          cmocka_unit_test(test_strings))
