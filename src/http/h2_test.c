/* Exchanges of requests and responses, and how streams and connections end. */
#include "http/h2_testing.h"

#include <errno.h>

#define POST_LINES ":method: POST\n:path: /api\n:scheme: https\n:authority: a.example\n"

static void reset_by_client(struct fixture *f, uint32_t id)
{
    put_frame(&f->b, RST_STREAM, 0, id, STR("\0\0\0\x08"));
}

static void assert_closed(const struct asked *a, int err)
{
    assert_int_equal(a->closed, 1);
    assert_int_equal(a->err, err);
}

static void test_a_request_and_its_response(void **state)
{
    struct fixture *f = *state;
    struct asked *a;

    f->w.plan.length = 600;
    put_request(&f->b, 1, END_STREAM, GET_LINES "accept: */*\nuser-agent: x\n");
    run(f, "headers(1) data(1:600)+end");
    a = world_last(&f->w);
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
    assert_int_equal(a->moves, 1);
    assert_closed(a, 0);
    assert_int_equal(h2_stream_count(f->w.h2), 0);
    assert_false(h2_is_over(f->w.h2));
}

static void test_responses_without_content(void **state)
{
    struct fixture *f = *state;

    put_request(&f->b, 1, END_STREAM, GET_LINES);
    run(f, "headers(1)+end");
    f->w.plan.status = 304;
    put_request(&f->b, 3, END_STREAM, GET_LINES);
    run(f, "headers(3)+end");
    f->w.plan = (struct plan){.status = 200, .length = 100};
    put_request(&f->b, 5, END_STREAM, ":method: HEAD\n:path: /a\n:scheme: https\n:authority: a\n");
    run(f, "headers(5)+end");
    for (unsigned i = 0; i < f->w.count; i++) {
        assert_closed(f->w.asked[i], 0);
        assert_int_equal(f->w.asked[i]->moves, 1);
    }
}

/* Preface, a GET, a POST in pieces with trailers, a reset: each cut of the bytes gives the same. */
static void put_story(struct buf *b)
{
    buf_add(b, STR(H2_PREFACE));
    put_frame(b, SETTINGS, 0, 0, STR(""));
    put_frame(b, SETTINGS, ACK, 0, STR(""));
    put_request(b, 1, END_STREAM, GET_LINES "cookie: a=1\ncookie: b=2\n");
    put_request(b, 3, 0, POST_LINES "content-length: 5\n");
    put_frame(b, DATA, 0, 3, STR("he"));
    put_frame(b, DATA, PADDED, 3, STR("\2llo\0\0"));
    put_request(b, 3, END_STREAM, "x-trailer: 1\n");
    put_request(b, 5, END_STREAM, GET_LINES);
    put_frame(b, RST_STREAM, 0, 5, STR("\0\0\0\x08"));
    put_frame(b, PING, 0, 0, STR("12345678"));
}

static void check_story(struct str bytes, size_t cut)
{
    struct world w;

    world_init(&w, 100);
    w.plan.status = 0;
    assert_int_equal(h2_receive(w.h2, str_first(bytes, cut), w.now), 0);
    assert_int_equal(h2_receive(w.h2, str_skip(bytes, cut), w.now), 0);
    assert_int_equal(w.count, 3);
    assert_str(w.asked[0]->head.known[FIELD_COOKIE], "a=1; b=2");
    assert_int_equal(w.asked[1]->head.content_length, 5);
    assert_str(buf_str(&w.asked[1]->content), "hello");
    assert_true(w.asked[1]->has_ended);
    assert_closed(w.asked[2], -ECONNRESET);
    world_respond(&w, w.asked[0], &(struct plan){.status = 200, .length = 10});
    world_respond(&w, w.asked[1], &(struct plan){.status = 201});
    world_send_all(&w);
    assert_str(str_of(world_said(&w)),
               "settings settings+ack ping+ack headers(1) headers(3)+end data(1:10)+end");
    world_done(&w);
}

static void test_every_split(void **state)
{
    struct buf b = {.cap = 1 << 16};

    put_story(&b);
    for (size_t cut = 0; cut <= b.n; cut++)
        check_story(buf_str(&b), cut);
    buf_done(&b);
}

static void test_byte_by_byte(void **state)
{
    struct world w;
    struct buf b = {.cap = 1 << 16};

    world_init(&w, 100);
    put_story(&b);
    put_frame(&b, HEADERS, END_STREAM, 7, STR(""));
    for (int i = 0; i < 7; i++) /* RFC 9113 6.10: any number of them, also empty ones */
        put_frame(&b, CONTINUATION, 0, 7, STR(""));
    put_frame(&b, CONTINUATION, END_HEADERS, 7, STR("\x82\x87\x84\x41\1a"));
    for (size_t i = 0; i < b.n; i++)
        assert_int_equal(h2_receive(w.h2, (struct str){b.p + i, 1}, w.now), 0);
    assert_int_equal(w.count, 4);
    assert_str(world_last(&w)->head.authority, "a");
    buf_done(&b);
    world_done(&w);
}

/* RFC 9113 8.1: the content is not waited for. */
static void test_an_answer_before_the_content(void **state)
{
    struct fixture *f = *state;

    put_request(&f->b, 1, 0, POST_LINES);
    run(f, "headers(1)+end rst(1:0)");
    assert_closed(world_last(&f->w), 0);
    put_frame(&f->b, DATA, END_STREAM, 1, STR("late"));
    run(f, "");
    f->w.plan.length = 5;
    put_request(&f->b, 3, 0, POST_LINES);
    put_frame(&f->b, DATA, 0, 3, STR("early"));
    run(f, "headers(3) data(3:5)+end rst(3:0)");
    assert_int_equal(world_last(&f->w)->content.n, 0);
    assert_closed(world_last(&f->w), 0);
}

static void test_content_comes_before_the_answer(void **state)
{
    struct fixture *f = *state;
    struct asked *a;

    f->w.plan.status = 0;
    put_request(&f->b, 1, 0, POST_LINES);
    put_frame(&f->b, DATA, 0, 1, STR("one "));
    run(f, "");
    a = world_last(&f->w);
    assert_true(a->head.has_body && a->head.is_chunked && !a->has_ended);
    put_frame(&f->b, DATA, END_STREAM, 1, STR("two"));
    run(f, "");
    assert_str(buf_str(&a->content), "one two");
    assert_true(a->has_ended);
    world_respond(&f->w, a, &(struct plan){.status = 200});
    run(f, "headers(1)+end");
    assert_closed(a, 0);
}

/* RFC 9113 8.1.1: less or more content than content-length. */
static void test_content_of_another_length(void **state)
{
    struct fixture *f = *state;

    f->w.plan.status = 0;
    put_request(&f->b, 1, 0, POST_LINES "content-length: 3\n");
    put_frame(&f->b, DATA, END_STREAM, 1, STR("four"));
    run(f, "rst(1:1)");
    assert_closed(world_last(&f->w), -ECONNRESET);
    put_request(&f->b, 3, 0, POST_LINES "content-length: 3\n");
    put_frame(&f->b, DATA, END_STREAM, 3, STR("on"));
    run(f, "rst(3:1)");
    assert_closed(world_last(&f->w), -ECONNRESET);
    put_request(&f->b, 5, END_STREAM, POST_LINES "content-length: 3\n");
    run(f, "rst(5:1)");
    assert_int_equal(f->w.count, 2);
}

/* ---- the client resets, in every state ---- */

static void test_reset_of_an_unanswered_request(void **state)
{
    struct fixture *f = *state;

    f->w.plan.status = 0;
    put_request(&f->b, 1, END_STREAM, GET_LINES);
    reset_by_client(f, 1);
    put_request(&f->b, 3, 0, POST_LINES);
    reset_by_client(f, 3);
    run(f, "");
    assert_closed(f->w.asked[0], -ECONNRESET);
    assert_closed(f->w.asked[1], -ECONNRESET);
    assert_int_equal(h2_get_counts(f->w.h2)->resets, 2);
}

/* Answered, and nothing of the answer was sent; then in the middle of it. */
static void test_reset_of_an_answer(void **state)
{
    struct fixture *f = *state;

    f->w.plan.length = 200000;
    put_request(&f->b, 1, END_STREAM, GET_LINES);
    reset_by_client(f, 1);
    run(f, "");
    assert_closed(world_last(&f->w), -ECONNRESET);
    put_request(&f->b, 3, END_STREAM, GET_LINES);
    run(f, "headers(3) data(3:16384) data(3:16384) data(3:16384) data(3:16383)");
    reset_by_client(f, 3);
    run(f, "");
    assert_closed(world_last(&f->w), -ECONNRESET);
    assert_int_equal(world_last(&f->w)->moved, 65535);
    reset_by_client(f, 3);
    run(f, "");
}

/* An answer that comes too late, from within `choose`: the stream is gone, its event still to come.
 */
static void test_reset_before_a_late_answer(void **state)
{
    struct fixture *f = *state;

    f->w.plan = (struct plan){.status = 200, .length = 100, .ready = 10};
    put_request(&f->b, 1, END_STREAM, GET_LINES);
    run(f, "headers(1) data(1:10)");
    assert_true(world_last(&f->w)->is_starved);
    reset_by_client(f, 1);
    run(f, "");
    assert_closed(world_last(&f->w), -ECONNRESET);
}

/* ---- the owner resets ---- */

static void test_h2_reset_in_every_state(void **state)
{
    struct fixture *f = *state;

    f->w.plan.resets = true; /* in `request` */
    put_request(&f->b, 1, END_STREAM, GET_LINES);
    run(f, "rst(1:7)");
    f->w.plan = (struct plan){.status = 0};
    put_request(&f->b, 3, 0, POST_LINES);
    run(f, "");
    world_reset(world_last(&f->w), H2_RESET_CALM); /* while content comes */
    put_frame(&f->b, DATA, END_STREAM, 3, STR("late"));
    run(f, "rst(3:11)");
    put_request(&f->b, 5, END_STREAM, GET_LINES);
    run(f, "");
    world_respond(&f->w, world_last(&f->w), &(struct plan){.status = 200, .length = 9});
    world_reset(world_last(&f->w), H2_RESET_INTERNAL); /* answered, nothing sent */
    run(f, "rst(5:2)");
    f->w.plan = (struct plan){.status = 200, .length = 100000};
    put_request(&f->b, 7, END_STREAM, GET_LINES);
    run(f, "headers(7) data(7:16384) data(7:16384) data(7:16384) data(7:16383)");
    world_reset(world_last(&f->w), H2_RESET_CANCEL); /* in the middle of the body */
    run(f, "rst(7:8)");
    for (unsigned i = 0; i < f->w.count; i++)
        assert_int_equal(f->w.asked[i]->closed, 0);
    assert_int_equal(h2_stream_count(f->w.h2), 0);
}

static void test_the_connection_goes_with_streams(void **state)
{
    struct fixture *f = *state;

    f->w.plan = (struct plan){.status = 200, .length = 100, .ready = 10};
    put_request(&f->b, 1, END_STREAM, GET_LINES);
    run(f, "headers(1) data(1:10)");
    f->w.plan.status = 0;
    put_request(&f->b, 3, END_STREAM, GET_LINES);
    put_request(&f->b, 5, END_STREAM, GET_LINES);
    put_frame(&f->b, HEADERS, END_STREAM, 7, STR("\x82\x87")); /* a head under way */
    run(f, "");
    world_reset(world_last(&f->w), H2_RESET_CANCEL);
    h2_free(&f->w.h2);
    assert_closed(f->w.asked[0], -ECONNRESET);
    assert_closed(f->w.asked[1], -ECONNRESET);
    assert_int_equal(f->w.asked[2]->closed, 0);
    assert_int_equal(f->w.count, 3);
}

TEST_MAIN(WITH_A_WORLD(test_a_request_and_its_response),
          WITH_A_WORLD(test_responses_without_content), cmocka_unit_test(test_every_split),
          cmocka_unit_test(test_byte_by_byte), WITH_A_WORLD(test_an_answer_before_the_content),
          WITH_A_WORLD(test_content_comes_before_the_answer),
          WITH_A_WORLD(test_content_of_another_length),
          WITH_A_WORLD(test_reset_of_an_unanswered_request), WITH_A_WORLD(test_reset_of_an_answer),
          WITH_A_WORLD(test_reset_before_a_late_answer), WITH_A_WORLD(test_h2_reset_in_every_state),
          WITH_A_WORLD(test_the_connection_goes_with_streams))
