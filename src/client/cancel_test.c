/* Time limits, and cancelling in every state. */
#include <errno.h>

#include "base/mem.h"
#include "client/client_testing.h"

#define OK_TWO "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define BEGINNING "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"

/* Time limits */

static void check_timeout(struct world *w, const char *sent, const char *body)
{
    struct client_request r = world_request(w, "/");
    struct seen s = {0};
    usec_t begin = clock_monotonic();

    r.first_byte_timeout = r.stall_timeout = 50 * USEC_PER_MSEC;
    PEER_SCRIPT(w->peer, RX("GET "), TX(sent), RX_END);
    world_start(w, &s, &r);
    WAIT_FOR_END(w, &s);
    ASSERT_ERROR(&s, -ETIMEDOUT);
    assert_true(clock_monotonic() - begin >= 50 * USEC_PER_MSEC);
    assert_true(s.was_sent);
    assert_str(buf_str(&s.body), body);
    seen_done(&s);
}

static void silence_is_cut_short(void **state)
{
    struct world *w = *state;

    check_timeout(w, "", "");
    check_timeout(w, "HTTP/1.1 200 OK\r\nX: y\r\n", "");
    check_timeout(w, "HTTP/1.1 100 Continue\r\n\r\n", "");
    check_timeout(w, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "");
    check_timeout(w, BEGINNING, "ok");
    check_timeout(w, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", "ok");
}

/* A head that drips in is not progress; content is. */
static void a_dripping_head_is_silence(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/");
    struct seen s = {0};

    r.first_byte_timeout = 50 * USEC_PER_MSEC;
    PEER_SCRIPT(w->peer, RX("GET "), MAY_LEAVE, TX_SLOWLY(OK_TWO, 1, 5000));
    world_start(w, &s, &r);
    WAIT_FOR_END(w, &s);
    ASSERT_ERROR(&s, -ETIMEDOUT);
    seen_done(&s);
}

static void slow_content_is_not_a_stall(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/");
    struct seen s = {0};

    r.first_byte_timeout = r.stall_timeout = USEC_PER_SEC;
    PEER_SCRIPT(w->peer, RX("GET "), TX("HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n"),
                TX_SLOWLY("123456789012345678901234567890", 1, 40000));
    world_start(w, &s, &r);
    WAIT_FOR_END(w, &s);
    ASSERT_WHOLE(&s, "123456789012345678901234567890");
    seen_done(&s);
}

static void waiting_in_line_counts(void **state)
{
    struct world *w = *state;
    struct client_limits limits = w->limits;
    struct client_request r = world_request(w, "/");
    struct peer_barrier barrier = {0};
    struct seen first = {0}, second = {0};

    limits.max_connections = 1;
    world_set_limits(w, &limits);
    PEER_SCRIPT(w->peer, RX("GET "), WAIT(&barrier), TX(OK_TWO));
    world_start(w, &first, &r);
    r.first_byte_timeout = 50 * USEC_PER_MSEC;
    world_start(w, &second, &r);
    WAIT_FOR_END(w, &second);
    ASSERT_ERROR(&second, -ETIMEDOUT);
    assert_false(second.was_sent);
    barrier.is_open = true;
    WAIT_FOR_END(w, &first);
    ASSERT_WHOLE(&first, "ok");
    seen_done(&first);
    seen_done(&second);
}

static void connecting_has_a_limit(void **state)
{
    struct world *w = *state;
    struct deaf deaf;
    struct seen s = {0};

    deaf_init(&deaf, "http");
    w->at.base = deaf.base;
    w->at.connect_timeout = 50 * USEC_PER_MSEC;
    world_get(w, &s, "/");
    ASSERT_ERROR(&s, -ETIMEDOUT);
    assert_false(s.was_sent);
    deaf_done(&deaf);
    seen_done(&s);
}

/* Cancelling */

static void nothing_comes_any_more(struct world *w, struct seen *s)
{
    struct client_stats stats;
    unsigned heads = s->heads, pieces = s->pieces;

    for (int i = 0; i < 50; i++)
        loop_turn(w->loop);
    assert_int_equal(s->heads, heads);
    assert_int_equal(s->pieces, pieces);
    assert_int_equal(s->ends, 0);
    client_stats(w->client, &stats);
    assert_int_equal(stats.transfers, 0);
    seen_done(s);
}

static void cancel(struct world *w, struct seen *s)
{
    client_cancel(&s->t);
    assert_null(s->t);
    client_cancel(&s->t);
    nothing_comes_any_more(w, s);
}

static void before_it_began(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/");
    struct seen s = {0};

    world_start(w, &s, &r);
    cancel(w, &s);
    assert_int_equal(peer_connections(w->peer), 0);
}

static void while_a_name_is_looked_up(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/");
    struct seen s = {0};

    w->at.base = "http://no-such-name.invalid";
    world_start(w, &s, &r);
    loop_turn(w->loop);
    cancel(w, &s);
}

static void while_it_connects(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/");
    struct deaf deaf;
    struct seen s = {0};

    deaf_init(&deaf, "http");
    w->at.base = deaf.base;
    world_start(w, &s, &r);
    for (int i = 0; i < 5; i++)
        loop_turn(w->loop);
    cancel(w, &s);
    deaf_done(&deaf);
}

static void while_it_waits_in_line(void **state)
{
    struct world *w = *state;
    struct client_limits limits = w->limits;
    struct client_request r = world_request(w, "/");
    struct seen first = {0}, second = {0};

    limits.max_connections = 1;
    world_set_limits(w, &limits);
    PEER_SCRIPT(w->peer, RX("GET "), RX_END);
    world_start(w, &first, &r);
    TURN_UNTIL(w->loop, peer_heads(w->peer) == 1);
    world_start(w, &second, &r);
    for (int i = 0; i < 5; i++)
        loop_turn(w->loop);
    client_cancel(&second.t);
    client_cancel(&first.t);
    nothing_comes_any_more(w, &first);
    nothing_comes_any_more(w, &second);
}

static void cancel_after(struct world *w, const char *sent, bool holds)
{
    struct client_request r = world_request(w, "/");
    struct seen s = {.holds = holds};

    PEER_SCRIPT(w->peer, RX("GET "), TX(sent), RX_END);
    world_start(w, &s, &r);
    TURN_UNTIL(w->loop, peer_heads(w->peer) == 1);
    TURN_UNTIL(w->loop, peer_sent(w->peer) == strlen(sent) || strlen(sent) == 0);
    for (int i = 0; i < 10; i++)
        loop_turn(w->loop);
    cancel(w, &s);
}

static void while_it_waits_for_a_head(void **state)
{
    cancel_after(*state, "", false);
}

static void inside_a_head(void **state)
{
    cancel_after(*state, "HTTP/1.1 200 OK\r\nX: ", false);
}

static void in_the_middle_of_content(void **state)
{
    cancel_after(*state, BEGINNING, false);
}

static void while_it_is_held(void **state)
{
    cancel_after(*state, BEGINNING, true);
}

/* Everything but the end has been told, and a hold keeps that back: the connection was good. */
static void when_only_its_end_is_left(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/");
    struct seen s = {.holds = true}, next = {0};

    PEER_SCRIPT(w->peer, RX("GET "), TX(OK_TWO), RX("GET "), TX(OK_TWO));
    world_start(w, &s, &r);
    TURN_UNTIL(w->loop, s.pieces == 1);
    for (int i = 0; i < 10; i++)
        loop_turn(w->loop);
    cancel(w, &s);
    world_get(w, &next, "/");
    ASSERT_WHOLE(&next, "ok");
    seen_done(&next);
}

static void inside_a_callback(struct world *w, struct seen s)
{
    struct client_request r = world_request(w, "/");
    struct seen next = {0};

    PEER_SCRIPT(w->peer, RX("GET "), TX(OK_TWO));
    PEER_SCRIPT(w->peer, RX("GET "), TX(OK_TWO));
    world_start(w, &s, &r);
    TURN_UNTIL(w->loop, s.t == NULL);
    assert_int_equal(s.pieces, s.cancels_in_data ? 1 : 0);
    nothing_comes_any_more(w, &s);
    world_get(w, &next, "/");
    ASSERT_WHOLE(&next, "ok");
    seen_done(&next);
}

static void inside_head(void **state)
{
    inside_a_callback(*state, (struct seen){.cancels_in_head = true});
}

static void inside_data(void **state)
{
    inside_a_callback(*state, (struct seen){.cancels_in_data = true});
}

static void inside_data_of_another(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/");
    struct seen one = {0}, other = {0};

    PEER_SCRIPT(w->peer, RX("GET "), RX_END);
    PEER_SCRIPT(w->peer, RX("GET "), TX(OK_TWO));
    world_start(w, &other, &r);
    TURN_UNTIL(w->loop, peer_heads(w->peer) == 1);
    one.cancels_other = &other.t;
    world_start(w, &one, &r);
    WAIT_FOR_END(w, &one);
    ASSERT_WHOLE(&one, "ok");
    assert_null(other.t);
    seen_done(&one);
    nothing_comes_any_more(w, &other);
}

/* The next request begins in the end() of the last one, as retries do. */
static void start_again(struct seen *s)
{
    struct world *w = s->arg;
    struct client_request r = world_request(w, "/");

    if (s->ends > 0 && s->pieces < 20) {
        s->ends = s->heads = 0;
        s->at_end = s->pieces < 19 ? start_again : NULL;
        s->pieces++;
        s->t = client_start(w->client, &r, &seen_sink, s);
    }
}

static void ends_may_begin_anew(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/");
    struct seen s = {.at_end = start_again, .arg = w};

    peer_down(w->peer);
    world_start(w, &s, &r);
    WAIT_FOR_END(w, &s);
    assert_int_equal(s.err, -ECONNREFUSED);
    assert_int_equal(s.pieces, 20);
    seen_done(&s);
}

static void a_client_is_freed_in_the_turn_of_a_cancel(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/");
    struct seen waiting = {0}, starting = {0};

    PEER_SCRIPT(w->peer, RX("GET "), TX(BEGINNING), RX_END);
    world_start(w, &waiting, &r);
    TURN_UNTIL(w->loop, waiting.pieces == 1);
    world_start(w, &starting, &r);
    client_cancel(&waiting.t);
    client_cancel(&starting.t);
    client_free(&w->client);
    seen_done(&waiting);
    seen_done(&starting);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
TEST_MAIN(T(silence_is_cut_short), T(a_dripping_head_is_silence), T(slow_content_is_not_a_stall),
          T(waiting_in_line_counts), T(connecting_has_a_limit), T(before_it_began),
          T(while_a_name_is_looked_up), T(while_it_connects), T(while_it_waits_in_line),
          T(while_it_waits_for_a_head), T(inside_a_head), T(in_the_middle_of_content),
          T(while_it_is_held), T(when_only_its_end_is_left), T(inside_head), T(inside_data),
          T(inside_data_of_another), T(ends_may_begin_anew),
          T(a_client_is_freed_in_the_turn_of_a_cancel))
