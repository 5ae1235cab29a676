/* Exchanges of requests and responses, and how streams end. */
#include "http/h2_testing.h"

#include <errno.h>

static void run(struct world *w, struct buf *b, int receives, const char *said)
{
    assert_int_equal(world_receive(w, b), receives);
    assert_str(str_of(world_said(w)), said);
}

static void test_a_request_and_its_response(void **state)
{
    struct world w;
    struct buf b = {.cap = 1 << 20};
    struct asked *a;

    world_init(&w, 100);
    world_open(&w);
    w.plan.length = 600;
    put_request(&b, 1, END_STREAM, GET_LINES "accept: */*\nuser-agent: x\n");
    run(&w, &b, 0, "headers(1) data(1:600)+end");
    a = world_last(&w);
    assert_int_equal(a->verdict, H2_HEAD_OK);
    assert_int_equal(a->head.method, HTTP_GET);
    assert_str(a->head.method_text, "GET");
    assert_str(a->head.target, "/a");
    assert_str(a->head.authority, "a.example");
    assert_int_equal(a->head.field_count, 2);
    assert_str(a->head.known[FIELD_USER_AGENT], "x");
    assert_int_equal(a->head.version_major, 2);
    assert_true(a->head.keep_alive && !a->head.has_body);
    assert_int_equal(a->moved, 600);
    assert_int_equal(a->closed, 1);
    assert_int_equal(a->err, 0);
    assert_int_equal(h2_stream_count(w.h2), 0);
    assert_false(h2_is_over(w.h2));
    buf_done(&b);
    world_done(&w);
}

TEST_MAIN(cmocka_unit_test(test_a_request_and_its_response))
