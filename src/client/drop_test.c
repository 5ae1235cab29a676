/* Content that nobody wants: read to its end, when that is worth a connection. */
#include "base/mem.h"
#include "client/client_testing.h"

#define OK_TWO "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static void check_next(struct world *w, unsigned connections)
{
    struct seen next = {0};

    world_get(w, &next, "/next");
    ASSERT_WHOLE(&next, "ok");
    assert_int_equal(peer_connections(w->peer), connections);
    seen_done(&next);
}

static void wait_until_none_is_left(struct world *w)
{
    struct client_stats stats;

    do {
        loop_turn(w->loop);
        client_stats(w->client, &stats);
    } while (stats.transfers > 0);
}

static void check_dropped(struct world *w, const struct seen *s)
{
    assert_null(s->t);
    assert_int_equal(s->ends, 0);
    wait_until_none_is_left(w);
    assert_int_equal(s->ends, 0);
}

/* The rest comes only after it was dropped. */
static void the_rest_is_read_for_the_connection(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/");
    struct peer_barrier barrier = {0};
    struct seen s = {0};

    PEER_SCRIPT(w->peer, RX("GET "), TX("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n"),
                TX_PATTERN(0, 10000), WAIT(&barrier), TX_PATTERN(10000, 50000), RX("GET /next"),
                TX(OK_TWO));
    world_start(w, &s, &r);
    TURN_UNTIL(w->loop, s.pieces > 0 && barrier.reached == 1);
    client_drop(&s.t);
    barrier.is_open = true;
    check_dropped(w, &s);
    check_next(w, 1);
    seen_done(&s);
}

static void inside_a_callback(struct world *w, struct seen s)
{
    struct client_request r = world_request(w, "/");

    PEER_SCRIPT(w->peer, RX("GET "), TX("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n"),
                TX_PATTERN(0, 60000), RX("GET /next"), TX(OK_TWO));
    world_start(w, &s, &r);
    TURN_UNTIL(w->loop, s.t == NULL);
    check_dropped(w, &s);
    assert_int_equal(s.pieces, s.drops_in_data ? 1 : 0);
    check_next(w, 1);
    seen_done(&s);
}

static void inside_head(void **state)
{
    inside_a_callback(*state, (struct seen){.drops_in_head = true});
}

static void inside_data(void **state)
{
    inside_a_callback(*state, (struct seen){.drops_in_data = true});
}

static void inside_data_that_holds(void **state)
{
    inside_a_callback(*state, (struct seen){.drops_in_data = true, .holds = true});
}

static void while_it_is_held(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/");
    struct seen s = {.holds = true};

    PEER_SCRIPT(w->peer, RX("GET "), TX("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n"),
                TX_PATTERN(0, 60000), RX("GET /next"), TX(OK_TWO));
    world_start(w, &s, &r);
    TURN_UNTIL(w->loop, s.pieces == 1);
    for (int i = 0; i < 10; i++)
        loop_turn(w->loop);
    client_drop(&s.t);
    check_dropped(w, &s);
    check_next(w, 1);
    seen_done(&s);
}

static void too_much_is_not_worth_it(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/");
    struct seen s = {.drops_in_head = true};

    PEER_SCRIPT(w->peer, RX("GET "), TX("HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n"),
                RX_END);
    PEER_SCRIPT(w->peer, RX("GET /next"), TX(OK_TWO));
    world_start(w, &s, &r);
    TURN_UNTIL(w->loop, s.t == NULL);
    check_dropped(w, &s);
    check_next(w, 2);
    seen_done(&s);
}

static void what_never_ends_is_cut(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/");
    struct seen s = {.drops_in_head = true};

    PEER_SCRIPT(w->peer, RX("GET "), TX("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
                TX_FLOOD("10\r\n0123456789abcdef\r\n"));
    world_start(w, &s, &r);
    TURN_UNTIL(w->loop, s.t == NULL);
    check_dropped(w, &s);
    seen_done(&s);
}

static void before_a_head_it_is_a_cancel(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/");
    struct seen s = {0};

    PEER_SCRIPT(w->peer, RX("GET "), RX_END);
    world_start(w, &s, &r);
    TURN_UNTIL(w->loop, peer_heads(w->peer) == 1);
    client_drop(&s.t);
    client_drop(&s.t);
    check_dropped(w, &s);
    seen_done(&s);
}

static void a_client_may_end_meanwhile(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/");
    struct seen s = {.drops_in_head = true};

    PEER_SCRIPT(w->peer, RX("GET "), TX("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"), RX_END);
    world_start(w, &s, &r);
    TURN_UNTIL(w->loop, s.t == NULL);
    client_free(&w->client);
    assert_int_equal(s.ends, 0);
    seen_done(&s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
TEST_MAIN(T(the_rest_is_read_for_the_connection), T(inside_head), T(inside_data),
          T(inside_data_that_holds), T(while_it_is_held), T(too_much_is_not_worth_it),
          T(what_never_ends_is_cut), T(before_a_head_it_is_a_cancel), T(a_client_may_end_meanwhile))
