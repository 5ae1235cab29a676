/* Holding over HTTP/1: nothing comes, little is taken, and nothing is lost. */
#include <errno.h>
#include <time.h>

#include "base/mem.h"
#include "client/client_testing.h"
#include "net/watch.h"

enum { BODY = 12 << 20 };

static void assert_pattern(const struct seen *s, uint64_t n)
{
    assert_int_equal(s->body.n, n);
    for (uint64_t i = 0; i < n; i++)
        if (s->body.p[i] != peer_pattern(i))
            fail_msg("byte %llu is wrong", (unsigned long long)i);
}

static void script_body(struct world *w, uint64_t n)
{
    char head[64];

    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %llu\r\n\r\n",
             (unsigned long long)n);
    PEER_SCRIPT(w->peer, RX("GET "), TX(head), TX_PATTERN(0, n));
}

/* Proceeds each time it has stopped. */
static void proceed_to_the_end(struct world *w, struct seen *s)
{
    unsigned told = s->pieces;

    while (s->ends == 0) {
        client_proceed(s->t);
        TURN_UNTIL(w->loop, s->ends > 0 || s->pieces > told);
        assert_true(s->pieces <= told + 1);
        told = s->pieces;
    }
}

static void a_held_transfer_goes_on_where_it_was(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/");
    struct seen s = {.holds = true};

    script_body(w, BODY);
    world_start(w, &s, &r);
    TURN_UNTIL(w->loop, s.pieces == 1);
    proceed_to_the_end(w, &s);
    assert_int_equal(s.err, 0);
    assert_pattern(&s, BODY);
    seen_done(&s);
}

/* The kernel's buffers take some megabytes; we take no more than CLIENT_HELD_MAX on top. */
static void a_held_transfer_leaves_the_rest_with_the_server(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/");
    struct seen s = {.holds = true};
    uint64_t sent = 0;

    script_body(w, 64 << 20);
    world_start(w, &s, &r);
    TURN_UNTIL(w->loop, s.pieces == 1);
    for (int still = 0; still < 200; still++) { /* until the server has not moved for a while */
        loop_turn(w->loop);
        usleep(500);
        if (peer_sent(w->peer) != sent)
            still = 0;
        sent = peer_sent(w->peer);
    }
    assert_true(sent < 32 << 20);
    assert_int_equal(s.pieces, 1);
    s.holds = false;
    client_proceed(s.t);
    WAIT_FOR_END(w, &s);
    assert_int_equal(s.err, 0);
    assert_int_equal(s.body.n, 64 << 20);
    seen_done(&s);
}

static void small_and_chunked_bodies_are_held_too(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/");
    struct seen s = {.holds = true};

    PEER_SCRIPT(w->peer, RX("GET "),
                TX("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n"));
    world_start(w, &s, &r);
    TURN_UNTIL(w->loop, s.pieces == 1);
    for (int i = 0; i < 20; i++)
        loop_turn(w->loop);
    assert_str(buf_str(&s.body), "a");
    proceed_to_the_end(w, &s);
    ASSERT_WHOLE(&s, "abcdef");
    seen_done(&s);
}

/*
 * A server that answers at once is often read in the same go as it is asked, before libcurl has
 * told which connection it reads: a hold there must not make the connection look idle.
 */
static void a_hold_within_the_first_read_lasts(void **state)
{
    struct world *w = *state;

    PEER_SCRIPT(w->peer, RX("GET "), TX("HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n"),
                TX_PATTERN(0, 3000000), AGAIN);
    for (int i = 0; i < 100; i++) {
        struct client_request r = world_request(w, "/");
        struct seen s = {.holds = true};

        world_start(w, &s, &r);
        TURN_UNTIL(w->loop, s.pieces == 1);
        for (int turns = 0; turns < 3; turns++)
            loop_turn(w->loop);
        s.holds = false;
        client_proceed(s.t);
        WAIT_FOR_END(w, &s);
        assert_int_equal(s.err, 0);
        assert_int_equal(s.body.n, 3000000);
        seen_done(&s);
    }
    assert_int_equal(peer_connections(w->peer), 1);
}

static void the_end_is_held_too(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/");
    struct seen s = {.holds = true};

    PEER_SCRIPT(w->peer, RX("GET "), TX("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
    world_start(w, &s, &r);
    TURN_UNTIL(w->loop, s.pieces == 1);
    for (int i = 0; i < 20; i++)
        loop_turn(w->loop);
    assert_int_equal(s.ends, 0);
    client_proceed(s.t);
    assert_int_equal(s.ends, 0); /* not within the call */
    WAIT_FOR_END(w, &s);
    ASSERT_WHOLE(&s, "ok");
    seen_done(&s);
}

static void a_broken_end_is_held_too(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/");
    struct seen s = {.holds = true};

    PEER_SCRIPT(w->peer, RX("GET "), TX("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"), RESET);
    world_start(w, &s, &r);
    TURN_UNTIL(w->loop, s.pieces == 1);
    TURN_UNTIL(w->loop, peer_open_connections(w->peer) == 0);
    for (int i = 0; i < 20; i++)
        loop_turn(w->loop);
    assert_int_equal(s.ends, 0);
    client_proceed(s.t);
    WAIT_FOR_END(w, &s);
    assert_int_equal(s.err, -ECONNRESET);
    seen_done(&s);
}

static void taken_back_inside_data_it_never_held(void **state)
{
    struct world *w = *state;
    struct seen s = {.proceeds_in_data = true};

    script_body(w, BODY);
    world_get(w, &s, "/");
    assert_int_equal(s.err, 0);
    assert_pattern(&s, BODY);
    seen_done(&s);
}

static void proceeding_without_a_hold_changes_nothing(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/");
    struct seen s = {0};

    script_body(w, BODY);
    world_start(w, &s, &r);
    while (s.ends == 0) {
        client_proceed(s.t);
        loop_turn(w->loop);
    }
    assert_int_equal(s.err, 0);
    assert_pattern(&s, BODY);
    seen_done(&s);
}

/* Its body is on this side already, so that only the hold could run into the limit. */
static void time_stands_still_for_the_held(void **state)
{
    enum { SMALL = 100000 };
    struct world *w = *state;
    struct client_request r = world_request(w, "/");
    struct seen s = {.holds = true};
    usec_t until;

    r.stall_timeout = 1 * USEC_PER_SEC;
    script_body(w, SMALL);
    world_start(w, &s, &r);
    TURN_UNTIL(w->loop, s.pieces == 1);
    until = clock_monotonic() + 3 * r.stall_timeout / 2;
    TURN_UNTIL(w->loop, clock_monotonic() > until);
    assert_int_equal(s.ends, 0);
    s.holds = false;
    client_proceed(s.t);
    WAIT_FOR_END(w, &s);
    assert_int_equal(s.err, 0);
    assert_pattern(&s, SMALL);
    seen_done(&s);
}

static void on_ring(void *arg)
{
    loop_stop(arg);
}

static usec_t cpu_time(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (usec_t)t.tv_sec * USEC_PER_SEC + (usec_t)t.tv_nsec / 1000;
}

/* What waits in its socket does not wake the loop again and again. */
static void a_held_transfer_lets_the_loop_sleep(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/");
    struct seen s = {.holds = true};
    struct alarm *alarm = alarm_new(w->loop, on_ring, w->loop);
    usec_t cpu;

    PEER_SCRIPT(w->peer, RX("GET "), TX("HTTP/1.1 200 OK\r\n\r\n"), TX_FLOOD("xxxxxxxxxxxxxxxx"));
    world_start(w, &s, &r);
    TURN_UNTIL(w->loop, s.pieces == 1);
    alarm_set(alarm, 400 * USEC_PER_MSEC);
    cpu = cpu_time();
    loop_run(w->loop);
    assert_true(cpu_time() - cpu < 200 * USEC_PER_MSEC);
    assert_int_equal(s.pieces, 1);
    client_cancel(&s.t);
    alarm_free(&alarm);
    seen_done(&s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
TEST_MAIN(T(a_held_transfer_goes_on_where_it_was),
          T(a_held_transfer_leaves_the_rest_with_the_server),
          T(small_and_chunked_bodies_are_held_too), T(a_hold_within_the_first_read_lasts),
          T(the_end_is_held_too), T(a_broken_end_is_held_too),
          T(taken_back_inside_data_it_never_held), T(proceeding_without_a_hold_changes_nothing),
          T(time_stands_still_for_the_held), T(a_held_transfer_lets_the_loop_sleep))
