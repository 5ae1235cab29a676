/* Counts of a uid in bytes and back, and what bytes are none. */
#include "base/test.h"
#include "store/traffic.h"

static struct traffic_counts full(void)
{
    struct traffic_counts c = {.first = 1, .last = 2, .requests = 3};

    for (int i = 0; i < TRAFFIC_CLASSES; i++)
        c.bytes[i] = (uint64_t)1 << (40 + i);
    for (int i = 0; i < TRAFFIC_TYPES; i++)
        c.types[i] = (uint64_t)i * 7;
    sketch_add(&c.ips, 42);
    return c;
}

static void test_there_and_back(void **state)
{
    struct traffic_counts c = full(), back;
    uint8_t room[TRAFFIC_RECORD_MAX];
    size_t n = traffic_pack(&c, room);

    for (size_t cut = 0; cut < n; cut++)
        assert_false(traffic_unpack((struct str){(char *)room, cut}, &back));
    assert_false(traffic_unpack((struct str){(char *)room, n + 1}, &back));
    assert_true(traffic_unpack((struct str){(char *)room, n}, &back));
    assert_int_equal(back.first, 1);
    assert_int_equal(back.last, 2);
    assert_int_equal(back.requests, 3);
    assert_memory_equal(back.bytes, c.bytes, sizeof c.bytes);
    assert_memory_equal(back.types, c.types, sizeof c.types);
    assert_int_equal(sketch_count(&back.ips), 1);
    assert_int_equal(sketch_count(&back.sessions), 0);
    traffic_counts_done(&c);
    traffic_counts_done(&back);
}

static void test_numbers_are_whole_and_not_negative(void **state)
{
    static const double wrong[] = {-1, 0.5, 1e300, __builtin_nan("")};
    struct traffic_counts c = full(), back;
    uint8_t room[TRAFFIC_RECORD_MAX];
    size_t n = traffic_pack(&c, room);

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const uint8_t *bytes = (const uint8_t *)&wrong[i];

        for (int b = 0; b < 8; b++)
            room[16 + b] = bytes[7 - b];
        assert_false(traffic_unpack((struct str){(char *)room, n}, &back));
    }
    traffic_counts_done(&c);
}

static void test_peeking(void **state)
{
    struct traffic_counts c = full();
    uint8_t room[TRAFFIC_RECORD_MAX];
    size_t n = traffic_pack(&c, room);
    uint64_t bytes = 0;
    unix_t first = 0;

    assert_true(traffic_peek((struct str){(char *)room, n}, &first, &bytes));
    assert_int_equal(first, 1);
    assert_int_equal(bytes, traffic_total(&c));
    assert_false(traffic_peek((struct str){(char *)room, 8}, &first, &bytes));
    memset(room, 0xff, 8);
    assert_false(traffic_peek((struct str){(char *)room, n}, &first, &bytes));
    traffic_counts_done(&c);
}

static void test_report_ids(void **state)
{
    assert_true(traffic_is_report_id(STR("0123456789abcdef0123456789abcdef")));
    assert_false(traffic_is_report_id(STR("0123456789abcdef")));
    assert_false(traffic_is_report_id(STR("0123456789abcdef0123456789abcde\"")));
    assert_false(traffic_is_report_id(STR("0123456789abcdef\r\n23456789abcdef")));
}

static void test_lines(void **state)
{
    struct traffic_counts c = full();
    struct str lines, uid, record;
    struct buf b;
    int count = 0;

    buf_init(&b, 4 * TRAFFIC_LINE_MAX);
    traffic_add_line(&b, STR("u1"), &c);
    traffic_add_line(&b, STR(""), &c);
    lines = buf_str(&b);
    assert_true(traffic_next_line(&lines, &uid, &record));
    assert_str(uid, "u1");
    assert_true(traffic_next_line(&lines, &uid, &record));
    assert_str(uid, "");
    assert_false(traffic_next_line(&lines, &uid, &record));
    for (size_t cut = 0; cut < b.n; cut++) {
        lines = str_first(buf_str(&b), cut);
        for (count = 0; traffic_next_line(&lines, &uid, &record); count++)
            assert_true(uid.p >= b.p && record.p + record.n <= b.p + cut);
        assert_true(count < 2);
    }
    buf_done(&b);
    traffic_counts_done(&c);
}

TEST_MAIN(cmocka_unit_test(test_there_and_back),
          cmocka_unit_test(test_numbers_are_whole_and_not_negative), cmocka_unit_test(test_peeking),
          cmocka_unit_test(test_report_ids), cmocka_unit_test(test_lines))
