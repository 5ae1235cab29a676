/* TLS against nginx: certificates, and which HTTP is spoken. */
#include <errno.h>

#include "base/mem.h"
#include "client/nginx_testing.h"

static void check_refused(struct world *w)
{
    struct seen s = {0};

    world_get(w, &s, "/who");
    ASSERT_ERROR(&s, -EKEYREJECTED);
    assert_false(s.was_sent);
    seen_done(&s);
}

static void the_certificate_is_verified(void **state)
{
    struct world *w = *state;

    nginx_check_who(w, "HTTP/2.0 o1.example o1.example ");
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
    nginx_check_who(w, "HTTP/2.0 o1.example o1.example ");
}

static void unless_it_need_not_be(void **state)
{
    struct world *w = *state;

    w->at.ca_file = w->at.host = NULL;
    w->at.is_unverified = true;
    nginx_check_who(w, "HTTP/2.0 127.0.0.1:");
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
    nginx_check_who(w, " SUCCESS");
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
    nginx_check_who(w, "HTTP/1.1 o1.example o1.example ");
    nginx_check_who(w, "HTTP/1.1 o1.example o1.example ");
    client_stats(w->client, &stats);
    assert_int_equal(stats.connections, 1);
}

static void http2_in_the_clear(void **state)
{
    struct world *w = *state;

    w->at.base = nginx.clear;
    w->at.protocol = CLIENT_HTTP_2;
    nginx_check_who(w, "HTTP/2.0 o1.example ");
    nginx_check_who(w, "HTTP/2.0 o1.example ");
}

/* Asked for HTTP/2 by the first request; from then on it is known to have none. */
static void a_server_without_http2(void **state)
{
    struct world *w = *state;
    struct client_stats before, after;
    struct seen s[20] = {{0}};

    w->at.base = nginx.http1;
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        struct client_request r = world_request(w, "/who");

        world_start(w, &s[i], &r);
    }
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        WAIT_FOR_END(w, &s[i]);
        ASSERT_ERROR(&s[i], 0);
        assert_true(str_starts(buf_str(&s[i].body), STR("HTTP/1.1 ")));
        seen_done(&s[i]);
    }
    client_stats(w->client, &before);
    assert_in_range(before.connections, 2, 1 + ARRAY_LEN(s));
    for (int i = 0; i < 10; i++)
        nginx_check_who(w, "HTTP/1.1");
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
        nginx_check_who(w, "HTTP/2.0");
        w->at.protocol = CLIENT_HTTP_1;
        nginx_check_who(w, "HTTP/1.1");
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

/* One connects, the others wait for it; when it fails, they do not try one after the other. */
static void a_lost_connection_is_lost_for_all_who_wait(void **state)
{
    struct world *w = *state;
    struct client_request r = world_request(w, "/");
    struct seen s[100] = {{0}};
    struct deaf deaf;
    usec_t begin = clock_monotonic();

    deaf_init(&deaf, "https");
    w->at.base = deaf.base;
    w->at.connect_timeout = 100 * USEC_PER_MSEC;
    for (size_t i = 0; i < ARRAY_LEN(s); i++)
        world_start(w, &s[i], &r);
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        WAIT_FOR_END(w, &s[i]);
        ASSERT_ERROR(&s[i], -ETIMEDOUT);
        assert_false(s[i].was_sent);
        seen_done(&s[i]);
    }
    assert_true(clock_monotonic() - begin < 50 * w->at.connect_timeout);
    deaf_done(&deaf);
}

#define T(f) cmocka_unit_test_setup_teardown(f, nginx_world_setup, world_teardown)
static const struct CMUnitTest tests[] = {
    T(the_certificate_is_verified),
    T(unless_it_need_not_be),
    T(we_have_a_certificate_too),
    T(http1_when_asked_for),
    T(http2_in_the_clear),
    T(a_server_without_http2),
    T(versions_are_never_mixed),
    T(no_tls_on_the_other_side),
    T(a_lost_connection_is_lost_for_all_who_wait),
};

int main(void)
{
    return cmocka_run_group_tests(tests, nginx_group_setup, nginx_group_teardown);
}
