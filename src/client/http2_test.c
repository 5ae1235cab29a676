/* HTTP/2 against nginx: many requests on one connection, and holding one of them. */
#include <errno.h>
#include <time.h>

#include "base/mem.h"
#include "client/nginx_testing.h"
#include "net/watch.h"

static void many_requests_share_one_connection(void **state)
{
    struct world *w = *state;
    struct client_stats stats;
    struct seen s[100] = {{0}};

    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        struct client_request r = world_request(w, "/who");

        world_start(w, &s[i], &r);
    }
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        WAIT_FOR_END(w, &s[i]);
        assert_int_equal(s[i].err, 0);
        assert_true(str_eq(buf_str(&s[i].body), buf_str(&s[0].body))); /* names the connection */
    }
    client_stats(w->client, &stats);
    assert_int_equal(stats.connections, 1);
    assert_int_equal(stats.reused, ARRAY_LEN(s) - 1);
    for (size_t i = 0; i < ARRAY_LEN(s); i++)
        seen_done(&s[i]);
}

/* The others wait for the connection that it opens. */
static void the_first_one_may_be_cancelled(void **state)
{
    struct world *w = *state;

    for (int turns = 0; turns < 12; turns++) {
        struct client_request r = world_request(w, "/who");
        struct seen s[4] = {{0}};

        world_set_limits(w, &w->limits); /* no connection is left */
        for (size_t i = 0; i < ARRAY_LEN(s); i++)
            world_start(w, &s[i], &r);
        for (int i = 0; i < turns; i++)
            loop_turn(w->loop);
        client_cancel(&s[0].t);
        for (size_t i = 0; i < ARRAY_LEN(s); i++) {
            if (i > 0)
                WAIT_FOR_END(w, &s[i]);
            assert_int_equal(s[i].err, 0);
            seen_done(&s[i]);
        }
    }
}

static void answers_without_content(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/big");
    struct http_field condition = {STR("If-None-Match"), STR_NONE};
    struct seen head = {0}, nothing = {0}, same = {0};

    r.method = HTTP_HEAD;
    world_start(w, &head, &r);
    WAIT_FOR_END(w, &head);
    ASSERT_WHOLE(&head, "");
    assert_int_equal(head.length, NGINX_BIG_BYTES);

    world_get(w, &nothing, "/nothing");
    ASSERT_WHOLE(&nothing, "");
    assert_int_equal(nothing.status, 204);

    condition.value = str_of(head.etag);
    r.method = HTTP_GET;
    r.fields = &condition;
    r.field_count = 1;
    world_start(w, &same, &r);
    WAIT_FOR_END(w, &same);
    ASSERT_WHOLE(&same, "");
    assert_int_equal(same.status, 304);
    seen_done(&head);
    seen_done(&nothing);
    seen_done(&same);
}

static void a_post_over_http2(void **state)
{
    static const struct http_field type = {{"content-type", 12}, {"application/json", 16}};
    struct world *w = *state;
    struct client_request r = world_request(w, "/post");
    struct seen s = {0};

    r.method = HTTP_POST;
    r.content = STR("{}");
    r.fields = &type;
    r.field_count = 1;
    world_start(w, &s, &r);
    WAIT_FOR_END(w, &s);
    ASSERT_WHOLE(&s, "POST 2 application/json");
    seen_done(&s);
}

static void big_ones_arrive_side_by_side(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/big");
    struct seen s[3] = {{0}};

    for (size_t i = 0; i < ARRAY_LEN(s); i++)
        world_start(w, &s[i], &r);
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        WAIT_FOR_END(w, &s[i]);
        assert_int_equal(s[i].err, 0);
        assert_int_equal(s[i].body.n, NGINX_BIG_BYTES);
        nginx_check_big(&s[i]);
        seen_done(&s[i]);
    }
}

static void a_cancelled_stream_leaves_the_connection_to_the_others(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/big");
    struct client_stats stats;
    struct seen cancelled = {.cancels_in_data = true}, whole = {0};

    world_start(w, &whole, &r);
    world_start(w, &cancelled, &r);
    WAIT_FOR_END(w, &whole);
    TURN_UNTIL(w->loop, cancelled.t == NULL);
    assert_int_equal(whole.err, 0);
    assert_int_equal(whole.body.n, NGINX_BIG_BYTES);
    assert_int_equal(cancelled.ends, 0);
    nginx_check_who(w, "HTTP/2.0");
    client_stats(w->client, &stats);
    assert_int_equal(stats.connections, 1);
    seen_done(&whole);
    seen_done(&cancelled);
}

/* nginx says GOAWAY after each ten requests, with others under way. */
static void connections_that_end_lose_nothing(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/who");
    struct client_stats stats;
    struct seen s[20];

    w->at.base = nginx.short_lived;
    for (int round = 0; round < 10; round++) {
        memset(s, 0, sizeof s);
        for (size_t i = 0; i < ARRAY_LEN(s); i++)
            world_start(w, &s[i], &r);
        for (size_t i = 0; i < ARRAY_LEN(s); i++) {
            WAIT_FOR_END(w, &s[i]);
            ASSERT_ERROR(&s[i], 0);
            assert_int_equal(s[i].status, 200);
            seen_done(&s[i]);
        }
    }
    client_stats(w->client, &stats);
    assert_in_range(stats.connections, 20, 60);
}

/* Holding */

static void a_short_hold_loses_nothing(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/big");
    struct seen s = {.holds = true};

    world_start(w, &s, &r);
    while (s.ends == 0) {
        loop_turn(w->loop);
        if (s.t != NULL)
            client_proceed(s.t);
    }
    assert_int_equal(s.err, 0);
    assert_int_equal(s.body.n, NGINX_BIG_BYTES);
    nginx_check_big(&s);
    seen_done(&s);
}

static void on_ring(void *arg)
{
    loop_stop(arg);
}

static void sleep_in_loop(struct world *w, usec_t time)
{
    struct alarm *alarm = alarm_new(w->loop, on_ring, w->loop);

    alarm_set(alarm, time);
    loop_run(w->loop);
    alarm_free(&alarm);
}

static usec_t cpu_time(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (usec_t)t.tv_sec * USEC_PER_SEC + (usec_t)t.tv_nsec / 1000;
}

/* While nobody else uses its connection, TCP holds the server back. */
static void a_long_hold_without_company(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/big");
    struct seen s = {.holds = true};
    usec_t cpu;

    world_start(w, &s, &r);
    TURN_UNTIL(w->loop, s.pieces == 1);
    cpu = cpu_time();
    sleep_in_loop(w, 400 * USEC_PER_MSEC);
    assert_true(cpu_time() - cpu < 200 * USEC_PER_MSEC);
    assert_int_equal(s.pieces, 1);
    s.holds = false;
    client_proceed(s.t);
    WAIT_FOR_END(w, &s);
    assert_int_equal(s.err, 0);
    assert_int_equal(s.body.n, NGINX_BIG_BYTES);
    nginx_check_big(&s);
    seen_done(&s);
}

/* Others of its connection go on, memory is bounded, and what was kept is told before the end. */
static void a_long_hold_resets_the_stream(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/big");
    struct client_stats stats;
    struct seen held = {.holds = true}, other = {0};

    world_start(w, &held, &r);
    TURN_UNTIL(w->loop, held.pieces == 1);
    world_start(w, &other, &r);
    WAIT_FOR_END(w, &other);
    assert_int_equal(other.err, 0);
    assert_int_equal(other.body.n, NGINX_BIG_BYTES);
    assert_int_equal(held.ends, 0);
    assert_int_equal(held.pieces, 1);
    held.holds = false;
    client_proceed(held.t);
    WAIT_FOR_END(w, &held);
    assert_int_equal(held.err, -ENOBUFS);
    assert_in_range(held.body.n, CLIENT_HELD_MAX / 2, 2 * CLIENT_HELD_MAX);
    nginx_check_big(&held);
    client_stats(w->client, &stats);
    assert_int_equal(stats.connections, 1);
    seen_done(&held);
    seen_done(&other);
}

/* Paused, then cancelled some turns after another has come to its connection. */
static void a_paused_stream_is_cancelled(void **state)
{
    struct world *w = *state;

    for (int turns = 0; turns < 8; turns++) {
        struct client_request big = world_request(w, "/big"), who = world_request(w, "/who");
        struct seen held = {.holds = true}, other = {0};

        world_start(w, &held, &big);
        TURN_UNTIL(w->loop, held.pieces == 1);
        sleep_in_loop(w, 10 * USEC_PER_MSEC);
        world_start(w, &other, &who);
        for (int i = 0; i < turns; i++)
            loop_turn(w->loop);
        client_cancel(&held.t);
        WAIT_FOR_END(w, &other);
        ASSERT_ERROR(&other, 0);
        seen_done(&held);
        seen_done(&other);
    }
}

/* On a connection of its own it may be held for as long as it takes. */
static void alone_it_is_held_for_long(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/big");
    struct seen held = {.holds = true}, other = {0};

    r.is_alone = true;
    world_start(w, &held, &r);
    TURN_UNTIL(w->loop, held.pieces == 1);
    r.is_alone = false;
    world_start(w, &other, &r);
    WAIT_FOR_END(w, &other);
    assert_int_equal(other.err, 0);
    nginx_check_who(w, "HTTP/2.0");
    sleep_in_loop(w, 200 * USEC_PER_MSEC);
    assert_int_equal(held.pieces, 1);
    held.holds = false;
    client_proceed(held.t);
    WAIT_FOR_END(w, &held);
    assert_int_equal(held.err, 0);
    assert_int_equal(held.body.n, NGINX_BIG_BYTES);
    nginx_check_big(&held);
    seen_done(&held);
    seen_done(&other);
}

/* The last test: nobody is there afterwards. */
static void killed_in_the_middle(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/slow");
    struct seen http2 = {0}, http1 = {0};

    world_start(w, &http2, &r);
    TURN_UNTIL(w->loop, http2.pieces > 0);
    w->at.protocol = CLIENT_HTTP_1;
    world_start(w, &http1, &r);
    TURN_UNTIL(w->loop, http1.pieces > 0);
    nginx_kill(&nginx);
    WAIT_FOR_END(w, &http2);
    WAIT_FOR_END(w, &http1);
    assert_int_equal(http2.err, -ECONNRESET);
    assert_int_equal(http1.err, -ECONNRESET);
    seen_done(&http2);
    seen_done(&http1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, nginx_world_setup, world_teardown)
static const struct CMUnitTest tests[] = {
    T(many_requests_share_one_connection),
    T(the_first_one_may_be_cancelled),
    T(answers_without_content),
    T(a_post_over_http2),
    T(big_ones_arrive_side_by_side),
    T(a_cancelled_stream_leaves_the_connection_to_the_others),
    T(connections_that_end_lose_nothing),
    T(a_short_hold_loses_nothing),
    T(a_long_hold_without_company),
    T(a_long_hold_resets_the_stream),
    T(a_paused_stream_is_cancelled),
    T(alone_it_is_held_for_long),
    T(killed_in_the_middle),
};

int main(void)
{
    return cmocka_run_group_tests(tests, nginx_group_setup, nginx_group_teardown);
}
