/* Requests, connections, limits and ends, against a scripted server. */
#include "client/client_testing.h"

#include <errno.h>

#include "base/mem.h"

#define OK_TWO "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* What is sent */

static void a_get_is_exactly_this(void **state)
{
    struct world *w = *state;
    struct seen s = {0};
    char want[128];

    snprintf(want, sizeof want, "GET /a/../b%%20c?d=/../e HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n",
             peer_port(w->peer));
    PEER_SCRIPT(w->peer, RX_EXACT(want),
                TX("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
                   "ETag: \"x\"\r\n\r\nhello"));
    world_get(w, &s, "/a/../b%20c?d=/../e");
    ASSERT_WHOLE(&s, "hello");
    assert_int_equal(s.status, 200);
    assert_int_equal(s.length, 5);
    assert_string_equal(s.etag, "\"x\"");
    assert_true(s.was_sent);
    seen_done(&s);
}

static void fields_are_sent_as_given(void **state)
{
    static const struct http_field fields[] = {
        {{"User-Agent", 10}, {"VLC/3\t\xc3\xa4", 8}},
        {{"X-Empty", 7}, {"", 0}},
        {{"accept", 6}, {"video/*", 7}},
    };
    struct world *w = *state;
    struct seen s = {0};
    struct client_request r = world_request(w, "/");

    r.fields = fields;
    r.field_count = ARRAY_LEN(fields);
    PEER_SCRIPT(w->peer,
                RX("\r\nUser-Agent: VLC/3\t\xc3\xa4\r\nX-Empty:\r\naccept: video/*\r\n\r\n"),
                TX(OK_TWO));
    world_start(w, &s, &r);
    WAIT_FOR_END(w, &s);
    ASSERT_WHOLE(&s, "ok");
    seen_done(&s);
}

static void the_host_may_be_another(void **state)
{
    struct world *w = *state;
    struct seen s = {0};

    w->at.host = "o1.example";
    PEER_SCRIPT(w->peer, RX("\r\nHost: o1.example\r\n"), TX(OK_TWO));
    world_get(w, &s, "/");
    ASSERT_WHOLE(&s, "ok");
    seen_done(&s);
}

static void a_post_carries_its_content(void **state)
{
    static const struct http_field type = {{"Content-Type", 12}, {"application/json", 16}};
    struct world *w = *state;
    struct seen s[2] = {{0}};
    struct client_request r = world_request(w, "/report");

    r.method = HTTP_POST;
    r.content = (struct str){"{\"a\":\0}", 7};
    r.fields = &type;
    r.field_count = 1;
    PEER_SCRIPT(w->peer, RX("POST /report HTTP/1.1\r\n"), HAS("\r\nContent-Length: 7\r\n"),
                HAS("\r\nContent-Type: application/json\r\n"), LACKS("Expect"),
                ((struct peer_step){.act = PEER_RX_CONTENT, .bytes = r.content}), TX(OK_TWO));
    world_start(w, &s[0], &r);
    WAIT_FOR_END(w, &s[0]);
    ASSERT_WHOLE(&s[0], "ok");

    r.content = STR("");
    r.field_count = 0;
    PEER_SCRIPT(w->peer, RX("POST /report HTTP/1.1\r\n"), HAS("\r\nContent-Length: 0\r\n"),
                LACKS("Content-Type"), TX(OK_TWO));
    world_start(w, &s[1], &r);
    WAIT_FOR_END(w, &s[1]);
    ASSERT_WHOLE(&s[1], "ok");
    seen_done(&s[0]);
    seen_done(&s[1]);
}

/* One after the other on one connection, whatever the method before was. */
static void methods_do_not_stick(void **state)
{
    struct world *w = *state;
    struct seen head = {0}, get = {0};
    struct client_request r = world_request(w, "/");

    PEER_SCRIPT(w->peer, RX("HEAD / HTTP/1.1\r\n"),
                TX("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"), RX("GET / HTTP/1.1\r\n"),
                TX(OK_TWO));
    r.method = HTTP_HEAD;
    world_start(w, &head, &r);
    WAIT_FOR_END(w, &head);
    ASSERT_WHOLE(&head, "");
    assert_int_equal(head.length, 1000);
    world_get(w, &get, "/");
    ASSERT_WHOLE(&get, "ok");
    seen_done(&head);
    seen_done(&get);
}

/* Connections */

static void a_connection_is_used_again(void **state)
{
    struct world *w = *state;
    struct client_stats stats;

    PEER_SCRIPT(w->peer, RX("GET "), TX(OK_TWO), AGAIN);
    for (int i = 0; i < 50; i++) {
        struct seen s = {0};

        world_get(w, &s, "/");
        ASSERT_WHOLE(&s, "ok");
        seen_done(&s);
    }
    client_stats(w->client, &stats);
    assert_int_equal(stats.transfers, 0);
    assert_int_equal(stats.connections, 1);
    assert_int_equal(stats.reused, 49);
}

static void requests_beyond_the_limit_wait_in_line(void **state)
{
    struct world *w = *state;
    struct client_limits limits = w->limits;
    struct peer_barrier barrier = {0};
    struct seen s[20] = {{0}};

    limits.max_connections = 3;
    world_set_limits(w, &limits);
    PEER_SCRIPT_ALL(w->peer, RX("GET "), WAIT(&barrier), TX(OK_TWO), AGAIN);
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        struct client_request r = world_request(w, "/");

        world_start(w, &s[i], &r);
    }
    TURN_UNTIL(w->loop, barrier.reached == 3);
    for (int i = 0; i < 20; i++)
        loop_turn(w->loop);
    assert_int_equal(barrier.reached, 3);
    barrier.is_open = true;
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        WAIT_FOR_END(w, &s[i]);
        ASSERT_WHOLE(&s[i], "ok");
        seen_done(&s[i]);
    }
    assert_int_equal(peer_connections(w->peer), 3);
    assert_int_equal(peer_heads(w->peer), ARRAY_LEN(s));
}

/* Four at once, then idle: those over max_idle are closed. */
static void only_so_many_idle_ones_are_kept(void **state)
{
    struct world *w = *state;
    struct client_limits limits = w->limits;
    struct seen s[4] = {{0}};
    struct peer_barrier barrier = {0};

    limits.max_idle = 1;
    world_set_limits(w, &limits);
    PEER_SCRIPT_ALL(w->peer, RX("GET "), WAIT(&barrier), TX(OK_TWO), AGAIN);
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        struct client_request r = world_request(w, "/");

        world_start(w, &s[i], &r);
    }
    TURN_UNTIL(w->loop, barrier.reached == 4);
    barrier.is_open = true;
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        WAIT_FOR_END(w, &s[i]);
        seen_done(&s[i]);
    }
    TURN_UNTIL(w->loop, peer_open_connections(w->peer) == 1);

    s[0] = (struct seen){0};
    world_get(w, &s[0], "/"); /* on the one that is left */
    ASSERT_WHOLE(&s[0], "ok");
    assert_int_equal(peer_connections(w->peer), 4);
    seen_done(&s[0]);
}

static void idle_connections_grow_old(void **state)
{
    struct world *w = *state;
    struct client_limits limits = w->limits;
    struct seen s = {0};

    limits.keep_alive = USEC_PER_SEC;
    world_set_limits(w, &limits);
    PEER_SCRIPT_ALL(w->peer, RX("GET "), TX(OK_TWO), AGAIN);
    world_get(w, &s, "/");
    seen_done(&s);
    assert_int_equal(peer_open_connections(w->peer), 1);
    TURN_UNTIL(w->loop, peer_open_connections(w->peer) == 0);

    s = (struct seen){0};
    world_get(w, &s, "/");
    ASSERT_WHOLE(&s, "ok");
    assert_int_equal(peer_connections(w->peer), 2);
    seen_done(&s);
}

static void a_closed_idle_connection_is_not_noticed(void **state)
{
    struct world *w = *state;
    struct seen s[2] = {{0}};

    PEER_SCRIPT(w->peer, RX("GET "), TX(OK_TWO), CLOSE);
    PEER_SCRIPT(w->peer, RX("GET "), TX(OK_TWO));
    world_get(w, &s[0], "/");
    TURN_UNTIL(w->loop, peer_open_connections(w->peer) == 0);
    world_get(w, &s[1], "/");
    ASSERT_WHOLE(&s[1], "ok");
    seen_done(&s[0]);
    seen_done(&s[1]);
}

/* The server closes when it reads the second request: that one is sent again, elsewhere. */
static void a_request_on_a_dying_connection_is_sent_again(void **state)
{
    struct world *w = *state;
    struct seen s[2] = {{0}};

    PEER_SCRIPT(w->peer, RX("GET "), TX(OK_TWO), RX("GET "), RESET);
    PEER_SCRIPT(w->peer, RX("GET "), TX(OK_TWO));
    world_get(w, &s[0], "/");
    world_get(w, &s[1], "/");
    ASSERT_WHOLE(&s[1], "ok");
    seen_done(&s[0]);
    seen_done(&s[1]);
}

static void a_post_is_never_sent_twice(void **state)
{
    struct world *w = *state;
    struct seen get = {0}, post = {0};
    struct client_request r = world_request(w, "/");

    PEER_SCRIPT(w->peer, RX("GET "), TX(OK_TWO));
    PEER_SCRIPT(w->peer, RX("POST "), RESET);
    world_get(w, &get, "/");
    r.method = HTTP_POST;
    world_start(w, &post, &r);
    WAIT_FOR_END(w, &post);
    ASSERT_ERROR(&post, -ECONNRESET);
    assert_true(post.was_sent);
    seen_done(&get);
    seen_done(&post);
}

/* Addresses */

static void over_another_peer(struct world *w, const char *address, const char *host)
{
    struct peer *p = peer_new(address);
    struct seen s = {0};

    if (p == NULL)
        skip();
    w->at.base = peer_base(p);
    w->at.unix_path = peer_unix_path(p);
    PEER_SCRIPT(p, RX(host), TX(OK_TWO));
    world_get(w, &s, "/");
    ASSERT_WHOLE(&s, "ok");
    client_free(&w->client);
    peer_free(&p);
    seen_done(&s);
}

static void over_ipv6(void **state)
{
    over_another_peer(*state, "::1", "\r\nHost: [::1]:");
}

static void over_a_unix_socket(void **state)
{
    char folder[] = "/tmp/hlsgate-client-XXXXXX", address[64];

    assert_non_null(mkdtemp(folder));
    snprintf(address, sizeof address, "unix:%s/socket", folder);
    over_another_peer(*state, address, "\r\nHost: unix\r\n");
    assert_int_equal(rmdir(folder), 0);
}

static void a_unix_socket_with_a_host(void **state)
{
    struct world *w = *state;
    char folder[] = "/tmp/hlsgate-client-XXXXXX", address[64];

    assert_non_null(mkdtemp(folder));
    snprintf(address, sizeof address, "unix:%s/socket", folder);
    w->at.host = "o1.example";
    over_another_peer(w, address, "\r\nHost: o1.example\r\n");
    assert_int_equal(rmdir(folder), 0);
}

static void names_are_looked_up_without_waiting(void **state)
{
    struct world *w = *state;
    struct seen s = {0};
    char base[64];

    snprintf(base, sizeof base, "http://localhost:%u", peer_port(w->peer));
    w->at.base = base;
    PEER_SCRIPT(w->peer, RX("\r\nHost: localhost:"), TX(OK_TWO));
    world_get(w, &s, "/");
    ASSERT_WHOLE(&s, "ok");
    seen_done(&s);
}

static void a_name_that_is_none(void **state)
{
    struct world *w = *state;
    struct seen s = {0};

    w->at.base = "http://no-such-name.invalid";
    world_get(w, &s, "/");
    ASSERT_ERROR(&s, -EHOSTUNREACH);
    assert_false(s.was_sent);
    seen_done(&s);
}

static void a_refused_connection(void **state)
{
    struct world *w = *state;
    struct seen s = {0};

    peer_down(w->peer);
    world_get(w, &s, "/");
    ASSERT_ERROR(&s, -ECONNREFUSED);
    assert_false(s.was_sent);
    assert_true(strlen(s.reason) > 0);
    seen_done(&s);

    s = (struct seen){0};
    w->at.unix_path = "/nonexistent/socket";
    world_get(w, &s, "/");
    ASSERT_ERROR(&s, -ECONNREFUSED);
    seen_done(&s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
TEST_MAIN(T(a_get_is_exactly_this), T(fields_are_sent_as_given), T(the_host_may_be_another),
          T(a_post_carries_its_content), T(methods_do_not_stick), T(a_connection_is_used_again),
          T(requests_beyond_the_limit_wait_in_line), T(only_so_many_idle_ones_are_kept),
          T(idle_connections_grow_old), T(a_closed_idle_connection_is_not_noticed),
          T(a_request_on_a_dying_connection_is_sent_again), T(a_post_is_never_sent_twice),
          T(over_ipv6), T(over_a_unix_socket), T(a_unix_socket_with_a_host),
          T(names_are_looked_up_without_waiting), T(a_name_that_is_none), T(a_refused_connection))
