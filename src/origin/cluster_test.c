/* Settings, choosing, ejection and trial, what is told, what a new configuration inherits. */
#include <stdio.h>

#include "net/loop_testing.h"
#include "origin/cluster_testing.h"
#include "origin/fake_client_testing.h"

enum { TOLD_MAX = 4096 };

static struct loop *loop;
static struct origin_worker worker;
static struct buf told;
static struct str names[CLUSTER_MAX_SERVERS];

/* "b: up > ejected 1000ms (status 503)\n" */
static void on_change(struct origin_worker *w, const struct server_change *change)
{
    assert_ptr_equal(w, &worker);
    assert_str(change->cluster, "/vod/");
    buf_printf(&told, "%.*s: %.*s > %.*s", STR_FMT(str_skip(change->server, 7)),
               STR_FMT(server_state_word(change->from)), STR_FMT(server_state_word(change->to)));
    if (change->to == SERVER_EJECTED)
        buf_printf(&told, " %lums", (unsigned long)(change->ejected_for / USEC_PER_MSEC));
    buf_printf(&told, " (%.*s)\n", STR_FMT(change->why));
}

#define assert_told(want)                 \
    do {                                  \
        assert_str(buf_str(&told), want); \
        buf_clear(&told);                 \
    } while (0)

static int set_up(void **state)
{
    loop = loop_new();
    fake_start(loop);
    origin_worker_init(&worker, loop, NULL);
    worker.changed = on_change;
    buf_init(&told, TOLD_MAX);
    buf_add(&told, STR(""));
    test_server_names(names, ARRAY_LEN(names));
    return 0;
}

static int tear_down(void **state)
{
    assert_int_equal(told.n, 0); /* every change was expected */
    fake_finish();
    loop_free(&loop);
    buf_done(&told);
    return 0;
}

static struct cluster *cluster_of(unsigned n)
{
    struct cluster_settings s = test_settings(names, n);

    return test_cluster(&s);
}

static struct str why_of(enum health_event verdict)
{
    return verdict == HEALTH_FAILED ? STR("Connection refused") : STR("it is well");
}

/* One request from choice to verdict; answers which server it was. */
static unsigned use_once(struct cluster *c, enum health_event verdict)
{
    struct server_wish wish = {.stream_key = STR("k")};
    struct server_use u;
    unsigned server;

    assert_true(cluster_pick(c, &worker, &wish, &u));
    server = server_index(c, u.server);
    server_use_end(c, &worker, &u, verdict, why_of(verdict));
    return server;
}

static void use_server(struct cluster *c, unsigned server, enum health_event verdict)
{
    struct server_use u;

    cluster_pick_server(c, &worker, server, &u);
    server_use_end(c, &worker, &u, verdict, why_of(verdict));
}

static void fail_times(struct cluster *c, unsigned server, unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        use_server(c, server, HEALTH_FAILED);
}

/* Settings */

static void servers_of_all_kinds(void **state)
{
    static const struct str servers[] = {
        {"https://o1.example:8443", 23}, {"http://127.0.0.1:8080", 21}, {"unix:/run/o.sock", 16}};
    struct cluster_settings s = test_settings(servers, 3);
    struct cluster *c;

    s.host = STR("o.example");
    s.ca_file = STR("/ca.pem");
    s.certificate = STR("/c.pem");
    s.certificate_key = STR("/k.pem");
    s.protocol = CLIENT_HTTP_2;
    s.is_unverified = true;
    c = test_cluster(&s);
    assert_int_equal(cluster_server_count(c), 3);
    assert_string_equal(c->servers[0].peer.base, "https://o1.example:8443");
    assert_null(c->servers[0].peer.unix_path);
    assert_string_equal(c->servers[2].peer.base, "http://localhost");
    assert_string_equal(c->servers[2].peer.unix_path, "/run/o.sock");
    for (unsigned i = 0; i < 3; i++) {
        const struct client_peer *p = &c->servers[i].peer;

        assert_string_equal(p->host, "o.example");
        assert_string_equal(p->ca_file, "/ca.pem");
        assert_string_equal(p->certificate, "/c.pem");
        assert_string_equal(p->certificate_key, "/k.pem");
        assert_int_equal(p->protocol, CLIENT_HTTP_2);
        assert_true(p->is_unverified);
        assert_int_equal(p->connect_timeout, 8 * USEC_PER_SEC);
    }
    cluster_free(&c);
}

static void what_is_not_set_is_null(void **state)
{
    struct cluster *c = cluster_of(1);
    const struct client_peer *p = &c->servers[0].peer;

    assert_null(p->host);
    assert_null(p->ca_file);
    assert_null(p->certificate);
    assert_null(p->certificate_key);
    cluster_free(&c);
    cluster_free(&c); /* accepts NULL */
}

static void refuse(const struct cluster_settings *s, int want_server, const char *want_error)
{
    AUTO(buf_done) struct buf error = {.cap = 1024};
    struct cluster *c = NULL;
    int server = -7;

    assert_int_equal(cluster_new(s, &c, &server, &error), -1);
    assert_null(c);
    assert_int_equal(server, want_server);
    assert_str(buf_str(&error), want_error);
}

static void bad_servers(void **state)
{
    static const struct {
        const char *server, *error;
    } cases[] = {
        {"ftp://a", "ftp://a is no server"},
        {"http://a/path", "http://a/path is no server"},
        {"", " is no server"},
        {"unix:o.sock", "the path of a socket is absolute, and no longer than 107 bytes"},
        {"unix:", "the path of a socket is absolute, and no longer than 107 bytes"},
        {"unix:/a\nb", "the path of a socket is absolute, and no longer than 107 bytes"},
        {"unix:/345678901234567890123456789012345678901234567890123456789012345678901234567890"
         "12345678901234567890123456789",
         "the path of a socket is absolute, and no longer than 107 bytes"},
        {"http://a", "http://a is listed twice"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str servers[] = {STR("http://a"), str_of(cases[i].server), STR("http://b")};
        struct cluster_settings s = test_settings(servers, 3);

        refuse(&s, 1, cases[i].error);
    }
}

static void bad_settings(void **state)
{
    struct cluster_settings none = test_settings(names, 0), many = test_settings(names, 65),
                            key = test_settings(names, 1);

    refuse(&none, -1, "an origin has 1 to 64 servers");
    refuse(&many, -1, "an origin has 1 to 64 servers");
    key.certificate_key = STR("/k.pem");
    refuse(&key, -1, "a certificate_key without a certificate");
}

static void bad_paths_of_checks(void **state)
{
    static const char *const paths[] = {"", "ping", "/a b", "/a\r\nCookie: b"};

    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct cluster_settings s = test_settings(names, 1);

        s.health.interval = 1;
        s.health.path = str_of(paths[i]);
        refuse(&s, -1, "checks need a health.path that begins with \"/\", without spaces");
    }
}

static void a_bad_host(void **state)
{
    struct cluster_settings s = test_settings(names, 1);

    s.host = STR("video.example/x");
    refuse(&s, -1, "http://video.example/x is no server (in host: it is a name, or name:port)");
}

/* Choosing */

static void those_that_were_tried_come_last(void **state)
{
    struct cluster *c = cluster_of(3);
    struct server_wish wish = {.stream_key = STR("k")};
    struct server_use u;

    for (unsigned round = 0; round < 2; round++) {
        wish.tried = 0;
        for (unsigned i = 0; i < 3; i++) {
            assert_true(cluster_offers_another(c, &wish, loop_now(loop)));
            assert_true(cluster_pick(c, &worker, &wish, &u));
            assert_int_equal(wish.tried & server_bit(server_index(c, u.server)), 0);
            wish.tried |= server_bit(server_index(c, u.server));
            server_use_end(c, &worker, &u, HEALTH_ANSWERED, STR_NONE);
        }
        assert_false(cluster_offers_another(c, &wish, loop_now(loop)));
    }
    assert_true(cluster_pick(c, &worker, &wish, &u)); /* all the same */
    server_use_end(c, &worker, &u, HEALTH_ANSWERED, STR_NONE);
    cluster_free(&c);
}

/* A server that is out is no "other one" as long as one is in. */
static void a_server_that_is_out_is_no_alternative(void **state)
{
    struct cluster *c = cluster_of(2);
    struct server_wish wish = {.stream_key = STR("k"), .tried = server_bit(0)};
    struct server_use u;

    fail_times(c, 1, 3);
    assert_told("b: up > ejected 1000ms (Connection refused)\n");
    assert_false(cluster_offers_another(c, &wish, loop_now(loop)));
    assert_true(cluster_pick(c, &worker, &wish, &u));
    assert_int_equal(server_index(c, u.server), 0);
    server_use_end(c, &worker, &u, HEALTH_ANSWERED, STR_NONE);

    wish.barred = server_bit(0); /* then it is better than nothing */
    assert_true(cluster_offers_another(c, &wish, loop_now(loop)));
    assert_true(cluster_pick(c, &worker, &wish, &u));
    assert_int_equal(server_index(c, u.server), 1);
    server_use_end(c, &worker, &u, HEALTH_FAILED, STR_NONE);

    wish.barred = cluster_all(c);
    assert_false(cluster_offers_another(c, &wish, loop_now(loop)));
    assert_false(cluster_pick(c, &worker, &wish, &u));
    cluster_free(&c);
}

static void least_counts_what_is_under_way(void **state)
{
    struct cluster_settings s = test_settings(names, 3);
    struct server_wish wish = {.stream_key = STR("k")};
    struct server_use u[9];
    struct cluster *c;
    struct server_view v;

    s.balance = BALANCE_LEAST;
    c = test_cluster(&s);
    for (size_t i = 0; i < 9; i++)
        assert_true(cluster_pick(c, &worker, &wish, &u[i]));
    for (unsigned i = 0; i < 3; i++) {
        cluster_view(c, i, loop_now(loop), &v);
        assert_int_equal(v.under_way, 3);
    }
    for (size_t i = 0; i < 9; i++) /* two of its three are through: the next two are its own */
        if (server_index(c, u[i].server) == 1 && i >= 3)
            server_use_end(c, &worker, &u[i], HEALTH_ANSWERED, STR_NONE);
    for (size_t i = 0; i < 9; i++) {
        if (u[i].server != NULL)
            continue;
        assert_true(cluster_pick(c, &worker, &wish, &u[i]));
        assert_int_equal(server_index(c, u[i].server), 1);
    }
    for (size_t i = 0; i < 9; i++)
        server_use_end(c, &worker, &u[i], HEALTH_ANSWERED, STR_NONE);
    cluster_free(&c);
}

/* Ejection and trial */

static void failures_in_a_row_eject(void **state)
{
    struct cluster *c = cluster_of(2);

    fail_times(c, 0, 2);
    use_server(c, 0, HEALTH_ANSWERED);
    fail_times(c, 0, 2);
    assert_int_equal(test_state(c, 0, loop), SERVER_UP);
    fail_times(c, 0, 1);
    assert_told("a: up > ejected 1000ms (Connection refused)\n");
    assert_int_equal(test_state(c, 0, loop), SERVER_EJECTED);
    for (int i = 0; i < 10; i++)
        assert_int_equal(use_once(c, HEALTH_ANSWERED), 1);
    cluster_free(&c);
}

static void one_request_is_the_trial(void **state)
{
    struct cluster *c = cluster_of(2);
    struct server_wish wish = {.stream_key = STR("k"), .tried = server_bit(1)};
    struct server_use trial;

    fail_times(c, 0, 3);
    assert_told("a: up > ejected 1000ms (Connection refused)\n");
    fake_time_passes(USEC_PER_SEC - 1);
    assert_int_equal(use_once(c, HEALTH_ANSWERED), 1);
    fake_time_passes(1);
    assert_int_equal(test_state(c, 0, loop), SERVER_TRIAL);
    assert_told("");
    assert_true(cluster_pick(c, &worker, &wish, &trial));
    assert_told("a: ejected > trial (its time is over)\n");
    assert_int_equal(trial.kind, USE_TRIAL);
    for (int i = 0; i < 10; i++)
        assert_int_equal(use_once(c, HEALTH_ANSWERED), 1);

    server_use_end(c, &worker, &trial, HEALTH_LET_GO, STR_NONE); /* its viewer has left */
    assert_true(cluster_pick(c, &worker, &wish, &trial));
    assert_int_equal(trial.kind, USE_TRIAL);
    server_use_end(c, &worker, &trial, HEALTH_FAILED, STR("Connection timed out"));
    assert_told("a: trial > ejected 2000ms (Connection timed out)\n");
    fake_time_passes(2 * USEC_PER_SEC);
    assert_true(cluster_pick(c, &worker, &wish, &trial));
    server_use_end(c, &worker, &trial, HEALTH_ANSWERED, STR_NONE);
    assert_told("a: ejected > trial (its time is over)\n"
                "a: trial > up ()\n");
    cluster_free(&c);
}

static void a_head_decides_a_trial(void **state)
{
    struct cluster *c = cluster_of(1);
    struct server_use u;

    fail_times(c, 0, 3);
    fake_time_passes(USEC_PER_SEC);
    cluster_pick_server(c, &worker, 0, &u);
    server_use_head(c, &worker, &u, 200);
    assert_told("a: up > ejected 1000ms (Connection refused)\n"
                "a: ejected > trial (its time is over)\n"
                "a: trial > up (it answers again)\n");
    server_use_end(c, &worker, &u, HEALTH_FAILED, STR_NONE); /* the body broke off */
    assert_int_equal(health_unpack(atomic_load(&c->servers[0].health)).failures, 1);
    cluster_free(&c);
}

/* From its head on it is a request like others: its end says nothing of what came later. */
static void the_end_of_a_trial_decides_nothing(void **state)
{
    struct cluster *c = cluster_of(1);
    struct server_use u;

    fail_times(c, 0, 3);
    fake_time_passes(USEC_PER_SEC);
    cluster_pick_server(c, &worker, 0, &u);
    server_use_head(c, &worker, &u, 200);
    fail_times(c, 0, 3);
    buf_clear(&told);
    server_use_end(c, &worker, &u, HEALTH_ANSWERED, STR_NONE);
    assert_int_equal(test_state(c, 0, loop), SERVER_EJECTED);
    cluster_free(&c);
}

static void statuses_that_are_failures(void **state)
{
    for (unsigned status = 200; status < 600; status++) {
        struct cluster_settings s = test_settings(names, 1);
        struct server_use u;
        struct server_view v;
        struct cluster *c;

        s.eject_after = 0;
        c = test_cluster(&s);
        cluster_pick_server(c, &worker, 0, &u);
        server_use_head(c, &worker, &u, status);
        server_use_end(c, &worker, &u, HEALTH_ANSWERED, STR_NONE);
        cluster_view(c, 0, loop_now(loop), &v);
        assert_int_equal(v.failures, status == 502 || status == 503 || status == 504);
        cluster_free(&c);
    }
}

static void a_status_is_told_as_the_reason(void **state)
{
    struct cluster_settings s = test_settings(names, 1);
    struct cluster *c;
    struct server_use u;

    s.eject_after = 1;
    c = test_cluster(&s);
    cluster_pick_server(c, &worker, 0, &u);
    server_use_head(c, &worker, &u, 503);
    assert_told("a: up > ejected 1000ms (status 503)\n");
    server_use_end(c, &worker, &u, HEALTH_FAILED, STR_NONE); /* once is enough */
    assert_int_equal(atomic_load(&c->servers[0].failures), 1);
    cluster_free(&c);
}

/* A single server: it is asked though it is out, which neither prolongs that nor hides a recovery.
 */
static void better_a_try_than_a_refusal(void **state)
{
    struct cluster *c = cluster_of(1);
    struct server_view v;

    fail_times(c, 0, 3);
    assert_told("a: up > ejected 1000ms (Connection refused)\n");
    for (int i = 0; i < 10; i++)
        use_once(c, HEALTH_FAILED);
    fake_time_passes(USEC_PER_SEC / 2);
    use_once(c, HEALTH_ANSWERED);
    assert_told("a: ejected > up (it is well)\n");
    cluster_view(c, 0, loop_now(loop), &v);
    assert_int_equal(v.requests, 14);
    assert_int_equal(v.failures, 13);
    assert_int_equal(v.ejections, 1);
    cluster_free(&c);
}

static void an_answer_from_before_the_ejection_is_old(void **state)
{
    struct cluster *c = cluster_of(1);
    struct server_use early;

    cluster_pick_server(c, &worker, 0, &early);
    fail_times(c, 0, 3);
    assert_told("a: up > ejected 1000ms (Connection refused)\n");
    server_use_end(c, &worker, &early, HEALTH_ANSWERED, STR_NONE);
    assert_int_equal(test_state(c, 0, loop), SERVER_EJECTED);
    cluster_free(&c);
}

static void views(void **state)
{
    struct cluster *c = cluster_of(2);
    struct server_use u;
    struct server_view v;

    cluster_pick_server(c, &worker, 1, &u);
    cluster_view(c, 1, loop_now(loop), &v);
    assert_str(v.server, "http://b");
    assert_int_equal(v.state, SERVER_UP);
    assert_int_equal(v.under_way, 1);
    assert_int_equal(v.first_byte, 0);
    fake_time_passes(80 * USEC_PER_MSEC);
    server_use_head(c, &worker, &u, 200);
    server_use_end(c, &worker, &u, HEALTH_ANSWERED, STR_NONE);
    cluster_view(c, 1, loop_now(loop), &v);
    assert_int_equal(v.first_byte, 80 * USEC_PER_MSEC);
    assert_int_equal(v.under_way, 0);

    cluster_pick_server(c, &worker, 1, &u); /* in no time at all: an eighth less */
    server_use_head(c, &worker, &u, 200);
    server_use_end(c, &worker, &u, HEALTH_ANSWERED, STR_NONE);
    cluster_view(c, 1, loop_now(loop), &v);
    assert_int_equal(v.first_byte, 70 * USEC_PER_MSEC);
    assert_int_equal(v.requests, 2);
    cluster_free(&c);
}

/* A new configuration */

static void a_new_configuration_inherits(void **state)
{
    struct str later[] = {STR("http://c"), STR("http://new"), STR("http://b"), STR("http://a")};
    struct cluster_settings s = test_settings(later, 4);
    struct cluster *old = cluster_of(3), *c = test_cluster(&s);
    struct server_use trial, another;
    struct server_view v;

    fail_times(old, 0, 3); /* out */
    fail_times(old, 1, 2); /* one more, and it is */
    fail_times(old, 2, 3);
    fake_time_passes(USEC_PER_SEC);
    cluster_pick_server(old, &worker, 2, &trial);
    buf_clear(&told);
    cluster_inherit(c, old);
    assert_told("");

    cluster_view(c, 3, loop_now(loop), &v);
    assert_int_equal(v.state, SERVER_TRIAL);
    assert_int_equal(v.requests, 3);
    assert_int_equal(v.failures, 3);
    assert_int_equal(v.ejections, 1);
    cluster_view(c, 1, loop_now(loop), &v);
    assert_int_equal(v.state, SERVER_UP);
    assert_int_equal(v.requests, 0);
    fail_times(c, 2, 1);
    assert_told("b: up > ejected 1000ms (Connection refused)\n");
    cluster_view(c, 0, loop_now(loop), &v);
    assert_int_equal(v.under_way, 0); /* that is the old one's, and so is its trial */
    cluster_pick_server(c, &worker, 0, &another);
    assert_int_equal(another.kind, USE_TRIAL);
    server_use_end(c, &worker, &another, HEALTH_ANSWERED, why_of(HEALTH_ANSWERED));
    assert_told("c: trial > up (it is well)\n");
    server_use_end(old, &worker, &trial, HEALTH_LET_GO, STR_NONE);
    cluster_free(&old);
    cluster_free(&c);
}

/* DOWN is the checks' word: without checks nobody would ever take it back. */
static void a_server_that_is_down_stays_so_where_checks_go_on(void **state)
{
    struct cluster_settings without = test_settings(names, 1), with = test_settings(names, 1);
    struct cluster *old, *c[2];

    with.health.interval = USEC_PER_SEC;
    with.health.path = STR("/ping");
    old = test_cluster(&with);
    server_news(old, &worker, &old->servers[0], HEALTH_CHECKS_FELL, USE_ORDINARY, STR("x"));
    assert_told("a: up > down (x)\n");
    c[0] = test_cluster(&without);
    c[1] = test_cluster(&with);
    for (int i = 0; i < 2; i++) {
        cluster_inherit(c[i], old);
        assert_int_equal(test_state(c[i], 0, loop), i == 0 ? SERVER_UP : SERVER_DOWN);
        cluster_free(&c[i]);
    }
    cluster_free(&old);
}

static void nobody_need_be_told(void **state)
{
    struct cluster *c = cluster_of(1);

    worker.changed = NULL;
    fail_times(c, 0, 3);
    assert_int_equal(test_state(c, 0, loop), SERVER_EJECTED);
    cluster_free(&c);
}

#define UNIT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

TEST_MAIN(UNIT(servers_of_all_kinds), UNIT(what_is_not_set_is_null), UNIT(bad_servers),
          UNIT(bad_settings), UNIT(bad_paths_of_checks), UNIT(a_bad_host),
          UNIT(those_that_were_tried_come_last), UNIT(a_server_that_is_out_is_no_alternative),
          UNIT(least_counts_what_is_under_way), UNIT(failures_in_a_row_eject),
          UNIT(one_request_is_the_trial), UNIT(a_head_decides_a_trial),
          UNIT(the_end_of_a_trial_decides_nothing), UNIT(statuses_that_are_failures),
          UNIT(a_status_is_told_as_the_reason), UNIT(better_a_try_than_a_refusal),
          UNIT(an_answer_from_before_the_ejection_is_old), UNIT(views),
          UNIT(a_new_configuration_inherits),
          UNIT(a_server_that_is_down_stays_so_where_checks_go_on), UNIT(nobody_need_be_told))
