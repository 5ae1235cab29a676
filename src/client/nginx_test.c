/* TLS and HTTP/2 against nginx. */
#include "client/nginx_testing.h"

#include <errno.h>
#include <time.h>

#include "base/mem.h"
#include "client/client_testing.h"
#include "net/watch.h"

static struct nginx nginx;

static int group_setup(void **state)
{
    nginx_start(&nginx);
    return 0;
}

static int group_teardown(void **state)
{
    nginx_stop(&nginx);
    return 0;
}

static int setup(void **state)
{
    struct world *w;
    int r = world_setup(state);

    w = *state;
    w->at.base = nginx.tls;
    w->at.host = "o1.example";
    w->at.ca_file = nginx.ca;
    return r;
}

static void check_who(struct world *w, const char *want)
{
    struct seen s = {0};

    world_get(w, &s, "/who");
    ASSERT_ERROR(&s, 0);
    assert_int_equal(s.status, 200);
    buf_add_char(&s.body, '\0');
    if (strstr(s.body.p, want) == NULL)
        fail_msg("'%s' is not in '%s'", want, s.body.p);
    seen_done(&s);
}

static void check_refused(struct world *w)
{
    struct seen s = {0};

    world_get(w, &s, "/who");
    ASSERT_ERROR(&s, -EKEYREJECTED);
    assert_false(s.was_sent);
    seen_done(&s);
}

/* TLS */

static void the_certificate_is_verified(void **state)
{
    struct world *w = *state;

    check_who(w, "HTTP/2.0 o1.example o1.example ");
    w->at.ca_file = NULL;
    check_refused(w);
    w->at.ca_file = nginx.ca;
    w->at.host = "o2.example";
    check_refused(w);
    w->at.host = NULL; /* 127.0.0.1 */
    check_refused(w);
    w->at.ca_file = "/nonexistent/ca.pem";
    check_refused(w);
    w->at.host = "o1.example";
    w->at.ca_file = nginx.ca;
    check_who(w, "HTTP/2.0 o1.example o1.example ");
}

static void unless_it_need_not_be(void **state)
{
    struct world *w = *state;

    w->at.ca_file = w->at.host = NULL;
    w->at.is_unverified = true;
    check_who(w, "HTTP/2.0 127.0.0.1:");
    w->at.is_unverified = false; /* and not over the same connection */
    check_refused(w);
}

static void we_have_a_certificate_too(void **state)
{
    struct world *w = *state;
    struct seen s = {0};

    w->at.base = nginx.clients;
    w->at.certificate = nginx.certificate;
    w->at.certificate_key = nginx.key;
    check_who(w, " SUCCESS");
    w->at.certificate = w->at.certificate_key = NULL; /* and not over the same connection */
    world_get(w, &s, "/who");
    ASSERT_ERROR(&s, 0);
    assert_int_equal(s.status, 400);
    w->at.certificate = "/nonexistent/us.pem";
    check_refused(w);
    seen_done(&s);
}

static void http1_when_asked_for(void **state)
{
    struct world *w = *state;
    struct client_stats stats;

    w->at.protocol = CLIENT_HTTP_1;
    check_who(w, "HTTP/1.1 o1.example o1.example ");
    check_who(w, "HTTP/1.1 o1.example o1.example ");
    client_stats(w->client, &stats);
    assert_int_equal(stats.connections, 1);
}

static void http2_in_the_clear(void **state)
{
    struct world *w = *state;

    w->at.base = nginx.clear;
    w->at.protocol = CLIENT_HTTP_2;
    check_who(w, "HTTP/2.0 o1.example ");
    check_who(w, "HTTP/2.0 o1.example ");
}

/* Asked for HTTP/2 with the first request; from then on it is known to have none. */
static void a_server_without_http2(void **state)
{
    struct world *w = *state;
    struct client_stats before, after;
    struct seen s[20] = {{0}};

    w->at.base = nginx.http1;
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        struct client_request r = world_request(w, "/big");

        world_start(w, &s[i], &r);
    }
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        WAIT_FOR_END(w, &s[i]);
        assert_int_equal(s[i].err, 0);
        assert_int_equal(s[i].body.n, NGINX_BIG_BYTES);
        seen_done(&s[i]);
    }
    client_stats(w->client, &before);
    for (int i = 0; i < 10; i++)
        check_who(w, "HTTP/1.1");
    client_stats(w->client, &after);
    assert_int_equal(after.connections, before.connections);
}

/* libcurl would put the second kind on a busy connection of the first. */
static void versions_are_never_mixed(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/slow");
    struct client_peer http1 = w->at;
    struct seen slow = {0};

    http1.protocol = CLIENT_HTTP_1;
    r.peer = &http1;
    world_start(w, &slow, &r);
    TURN_UNTIL(w->loop, slow.pieces > 0);
    for (int i = 0; i < 10; i++) {
        check_who(w, "HTTP/2.0");
        w->at.protocol = CLIENT_HTTP_1;
        check_who(w, "HTTP/1.1");
        w->at.protocol = CLIENT_AUTO;
    }
    client_cancel(&slow.t);
    seen_done(&slow);
}

static void no_tls_on_the_other_side(void **state)
{
    struct world *w = *state;
    char base[64];

    snprintf(base, sizeof base, "https://127.0.0.1:%u", peer_port(w->peer));
    w->at.base = base;
    PEER_SCRIPT(w->peer, IGNORE, TX("HTTP/1.1 400 Bad Request\r\n\r\n"));
    check_refused(w);
}

/* HTTP/2 */

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

static void assert_big(const struct seen *s, uint64_t at)
{
    for (uint64_t i = 0; i < s->body.n; i++)
        if (s->body.p[i] != peer_pattern(at + i))
            fail_msg("byte %llu is wrong", (unsigned long long)i);
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
        assert_big(&s[i], 0);
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
    check_who(w, "HTTP/2.0");
    client_stats(w->client, &stats);
    assert_int_equal(stats.connections, 1);
    seen_done(&whole);
    seen_done(&cancelled);
}

/* Holding over HTTP/2 */

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
    assert_big(&s, 0);
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
    assert_big(&s, 0);
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
    assert_big(&held, 0);
    client_stats(w->client, &stats);
    assert_int_equal(stats.connections, 1);
    seen_done(&held);
    seen_done(&other);
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
    check_who(w, "HTTP/2.0");
    sleep_in_loop(w, 200 * USEC_PER_MSEC);
    assert_int_equal(held.pieces, 1);
    held.holds = false;
    client_proceed(held.t);
    WAIT_FOR_END(w, &held);
    assert_int_equal(held.err, 0);
    assert_int_equal(held.body.n, NGINX_BIG_BYTES);
    assert_big(&held, 0);
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

#define T(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
static const struct CMUnitTest tests[] = {
    T(the_certificate_is_verified),
    T(unless_it_need_not_be),
    T(we_have_a_certificate_too),
    T(http1_when_asked_for),
    T(http2_in_the_clear),
    T(a_server_without_http2),
    T(versions_are_never_mixed),
    T(no_tls_on_the_other_side),
    T(many_requests_share_one_connection),
    T(answers_without_content),
    T(a_post_over_http2),
    T(big_ones_arrive_side_by_side),
    T(a_cancelled_stream_leaves_the_connection_to_the_others),
    T(a_short_hold_loses_nothing),
    T(a_long_hold_without_company),
    T(a_long_hold_resets_the_stream),
    T(alone_it_is_held_for_long),
    T(killed_in_the_middle),
};

int main(void)
{
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
