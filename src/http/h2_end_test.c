/* How connections end: drained, given up by the client, broken. */
#include "http/h2_testing.h"

#include <errno.h>

static void test_drain(void **state)
{
    struct fixture *f = *state;

    f->w.plan.status = 0;
    put_request(&f->b, 1, END_STREAM, GET_LINES);
    run(f, "");
    h2_drain(f->w.h2);
    h2_drain(f->w.h2);
    run(f, "ping goaway(2147483647:0)");
    assert_false(h2_is_over(f->w.h2));
    put_request(&f->b, 3, END_STREAM, GET_LINES); /* was on its way */
    put_frame(&f->b, PING, ACK, 0, STR("hlsgate\0"));
    run(f, "goaway(3:0)");
    assert_int_equal(f->w.count, 2);
    put_request(&f->b, 5, END_STREAM, GET_LINES); /* too late: RFC 9113 6.8 */
    run(f, "");
    assert_int_equal(f->w.count, 2);
    world_respond(&f->w, f->w.asked[0], &(struct plan){.status = 200});
    world_respond(&f->w, f->w.asked[1], &(struct plan){.status = 200, .length = 10});
    assert_false(h2_is_over(f->w.h2));
    run(f, "headers(1)+end headers(3) data(3:10)+end");
    assert_true(h2_is_over(f->w.h2));
}

static void test_go_away_and_an_idle_connection(void **state)
{
    struct fixture *f = *state;

    h2_go_away(f->w.h2);
    run(f, "goaway(0:0)");
    assert_true(h2_is_over(f->w.h2));
}

static void test_the_client_goes_away(void **state)
{
    struct fixture *f = *state;

    f->w.plan.status = 0;
    put_request(&f->b, 1, END_STREAM, GET_LINES);
    put_frame(&f->b, GOAWAY, 0, 0, STR("\0\0\0\0\0\0\0\0"));
    run(f, "");
    assert_false(h2_is_over(f->w.h2));
    world_respond(&f->w, world_last(&f->w), &(struct plan){.status = 200});
    run(f, "headers(1)+end");
    assert_true(h2_is_over(f->w.h2));
}

static void test_errors_of_the_connection(void **state)
{
    static const struct {
        unsigned type, flags;
        uint32_t id;
        struct str payload;
        const char *said;
    } cases[] = {
        {DATA, 0, 0, {"x", 1}, "goaway(0:1)"},
        {DATA, 0, 1, {"x", 1}, "goaway(0:1)"}, /* idle */
        {HEADERS, END_HEADERS, 0, {"\x82", 1}, "goaway(0:1)"},
        {HEADERS, END_HEADERS, 2, {"\x82", 1}, "goaway(0:1)"},
        {HEADERS, END_HEADERS, 1, {"\xff\xff\xff\xff\xff\xff", 6}, "goaway(1:9)"},
        {RST_STREAM, 0, 1, {"\0\0\0\0", 4}, "goaway(0:1)"},
        {RST_STREAM, 0, 1, {"\0", 1}, "goaway(0:6)"},
        {SETTINGS, 0, 1, {"", 0}, "goaway(0:1)"},
        {SETTINGS, 0, 0, {"x", 1}, "goaway(0:6)"},
        {SETTINGS, ACK, 0, {"", 0}, "goaway(0:1)"},
        {SETTINGS, 0, 0, {"\0\4\x80\0\0\0", 6}, "goaway(0:3)"},
        {PUSH_PROMISE, END_HEADERS, 1, {"\0\0\0\2\x82", 5}, "goaway(0:1)"},
        {PING, 0, 0, {"1234567", 7}, "goaway(0:6)"},
        {WINDOW_UPDATE, 0, 0, {"\0\0\0\0", 4}, "goaway(0:1)"},
        {WINDOW_UPDATE, 0, 0, {"\x7f\xff\xff\xff", 4}, "goaway(0:3)"},
        {CONTINUATION, END_HEADERS, 1, {"\x82", 1}, "goaway(0:1)"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture *f;

        setup((void **)&f);
        put_frame(&f->b, cases[i].type, cases[i].flags, cases[i].id, cases[i].payload);
        assert_true(world_receive(&f->w, &f->b) <= 0);
        assert_str(str_of(world_said(&f->w)), cases[i].said);
        assert_true(h2_is_over(f->w.h2));
        put_request(&f->b, 1, END_STREAM, GET_LINES);
        assert_int_equal(world_receive(&f->w, &f->b), -EPROTO);
        assert_int_equal(f->w.count, 0);
        teardown((void **)&f);
    }
}

static void test_no_preface(void **state)
{
    struct world w;
    struct buf b = {.cap = 1000};

    world_init(&w, 100);
    buf_add(&b, STR("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_int_equal(world_receive(&w, &b), -EPROTO);
    assert_str(str_of(world_said(&w)), "settings goaway(0:1)");
    assert_true(h2_is_over(w.h2));
    assert_int_equal(h2_get_counts(w.h2)->malformed, 1);
    buf_done(&b);
    world_done(&w);
}

TEST_MAIN(WITH_A_WORLD(test_drain), WITH_A_WORLD(test_go_away_and_an_idle_connection),
          WITH_A_WORLD(test_the_client_goes_away), cmocka_unit_test(test_errors_of_the_connection),
          cmocka_unit_test(test_no_preface))
