/* Fetches up to their head: what is asked, tried again, followed, refused. */
#include <errno.h>

#include "origin/fetch_testing.h"

#define OK "HTTP/1.1 200 OK\nContent-Length: 100\nETag: \"a\"\n"
#define GET "GET /a/1.ts\nAccept-Encoding: identity\n"

static int finish(void **state)
{
    world_finish();
    return 0;
}

/* The whole of what OK promises. */
static void deliver(struct client_transfer *t)
{
    assert_true(fake_head(t, OK));
    assert_true(fake_data(t, object(0, 60)));
    assert_true(fake_data(t, object(60, 40)));
    fake_end(t, 0);
    assert_ended(0, "");
    assert_got(0, 100);
}

static void a_plain_fetch(void **state)
{
    world_start(1, NULL);
    world_get();
    assert_string_equal(fake_asked(asked()), GET);
    assert_int_equal(fake_patience(asked()), 30 * USEC_PER_SEC);
    deliver(asked());
    assert_int_equal(world.t.status, 200);
    assert_int_equal(world.t.retries + world.t.resumes, 0);
    assert_string_equal(world.t.server, "http://a");
    assert_int_equal(fake_cancelled(), 0);
}

/* What is asked */

static void only_what_is_given_is_sent(void **state)
{
    world_start(1, NULL);
    world_fetch(&(struct origin_request){.target = STR("/a?b=c"),
                                         .user_agent = STR("VLC/3"),
                                         .forwarded_for = STR("192.0.2.1, 2001:db8::1"),
                                         .range = STR("bytes=0-9"),
                                         .if_range = STR("\"a\""),
                                         .if_none_match = STR("\"b\", \"c\""),
                                         .if_modified_since = STR("yesterday")});
    assert_string_equal(fake_asked(asked()), "GET /a?b=c\n"
                                             "User-Agent: VLC/3\n"
                                             "X-Forwarded-For: 192.0.2.1, 2001:db8::1\n"
                                             "Accept-Encoding: identity\n"
                                             "Range: bytes=0-9\n"
                                             "If-Range: \"a\"\n"
                                             "If-None-Match: \"b\", \"c\"\n"
                                             "If-Modified-Since: yesterday\n");
    origin_fetch_cancel(&world.t.f);
}

static void an_empty_value_is_one(void **state)
{
    world_start(1, NULL);
    world_fetch(&(struct origin_request){.target = STR("/"), .user_agent = STR("")});
    assert_string_equal(fake_asked(asked()), "GET /\nUser-Agent: \nAccept-Encoding: identity\n");
    origin_fetch_cancel(&world.t.f);
}

static void a_value_that_ends_its_line_is_not_sent(void **state)
{
    world_start(1, NULL);
    world_fetch(&(struct origin_request){.target = STR("/"),
                                         .user_agent = STR("a\r\nCookie: b"),
                                         .forwarded_for = {"a\0b", 3},
                                         .if_none_match = STR("\"a\tb\"")});
    assert_string_equal(fake_asked(asked()),
                        "GET /\nAccept-Encoding: identity\nIf-None-Match: \"a\tb\"\n");
    origin_fetch_cancel(&world.t.f);
}

static void the_request_is_copied(void **state)
{
    char target[] = "/a", agent[] = "VLC";
    struct origin_request r = {.target = str_of(target), .user_agent = str_of(agent)};

    world_start(1, NULL);
    world_fetch(&r);
    fake_end(asked(), -ECONNRESET);
    memset(target, 'x', sizeof target);
    memset(agent, 'x', sizeof agent);
    assert_string_equal(fake_asked(asked_again()),
                        "GET /a\nUser-Agent: VLC\nAccept-Encoding: identity\n");
    origin_fetch_cancel(&world.t.f);
}

static void a_head_has_no_content(void **state)
{
    world_start(1, NULL);
    world_fetch(&(struct origin_request){.target = STR("/"), .is_head = true});
    assert_string_equal(fake_asked(asked()), "HEAD /\nAccept-Encoding: identity\n");
    assert_true(fake_head(asked(), OK));
    fake_end(asked(), 0);
    assert_ended(0, "");
    assert_got(0, 0);
}

/* Answers */

static void whatever_a_server_says_is_the_answer(void **state)
{
    static const unsigned statuses[] = {400, 401, 403, 404, 410, 429, 451, 500, 501, 505};

    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        char head[64];

        world_start(2, NULL);
        world_get();
        snprintf(head, sizeof head, "HTTP/1.1 %u X\nContent-Length: 5\n", statuses[i]);
        assert_true(fake_head(asked(), head));
        assert_true(fake_data(asked(), object(0, 5)));
        fake_end(asked(), 0);
        assert_ended(0, "");
        assert_got(0, 5);
        assert_int_equal(world.t.status, statuses[i]);
        assert_int_equal(fake_started(), 1);
        assert_int_equal(atomic_load(&world.cluster->servers[0].failures), 0);
        world_finish();
    }
    world_start(1, NULL);
}

static void not_modified(void **state)
{
    world_start(1, NULL);
    world_fetch(&(struct origin_request){.target = STR("/"), .if_none_match = STR("\"a\"")});
    assert_true(fake_head(asked(), "HTTP/1.1 304 Not Modified\nETag: \"a\"\nContent-Length: 9\n"));
    fake_end(asked(), 0);
    assert_ended(0, "");
    assert_int_equal(world.t.status, 304);
    assert_str(buf_str(&world.t.etag), "\"a\"");
}

static void content_of_unknown_length(void **state)
{
    world_start(1, NULL);
    world_get();
    assert_true(fake_head(asked(), "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n"));
    assert_true(fake_data(asked(), object(0, 7)));
    assert_true(fake_data(asked(), object(7, 1)));
    fake_end(asked(), 0);
    assert_ended(0, "");
    assert_got(0, 8);
}

/* Tries */

static void another_server_at_once(void **state)
{
    static const int errors[] = {-EHOSTUNREACH, -ECONNREFUSED, -ECONNRESET, -EKEYREJECTED,
                                 -ETIMEDOUT,    -EPROTO,       -EMSGSIZE};

    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        usec_t before;

        world_start(2, NULL);
        before = fake_now();
        world_get();
        assert_int_equal(asked_server(), 0);
        fake_end(asked(), errors[i]);
        assert_int_equal(fake_live(), 0); /* never inside a callback */
        deliver(asked_again());
        assert_string_equal(world.t.server, "http://b");
        assert_int_equal(world.t.retries, 1);
        assert_int_equal(fake_now(), before);
        assert_int_equal(atomic_load(&world.cluster->servers[0].failures), 1);
        assert_int_equal(atomic_load(&world.cluster->servers[1].failures), 0);
        world_finish();
    }
    world_start(1, NULL);
}

static void busy_servers(void **state)
{
    static const char *const heads[] = {"HTTP/1.1 502 X\n", "HTTP/1.1 503 X\nRetry-After: 100\n",
                                        "HTTP/1.1 504 X\nContent-Length: 5\n"};

    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        world_start(2, NULL);
        world_get();
        assert_false(fake_head(asked(), heads[i])); /* its content is not waited for */
        assert_int_equal(fake_dropped(), 1);
        deliver(asked_again());
        assert_string_equal(world.t.server, "http://b");
        assert_int_equal(atomic_load(&world.cluster->servers[0].failures), 1);
        world_finish();
    }
    world_start(1, NULL);
}

/* Each twice as long as the one before; half of it is luck. */
static void the_same_server_after_a_pause(void **state)
{
    for (int i = 0; i < 50; i++) {
        usec_t before, pause = 100 * USEC_PER_MSEC;

        world_start(1, NULL);
        world_get();
        for (int retry = 0; retry < 2; retry++, pause *= 2) {
            before = fake_now();
            fake_end(asked(), -ECONNREFUSED);
            asked_again();
            assert_in_range(fake_now() - before, pause / 2, pause);
        }
        deliver(asked());
        assert_int_equal(world.t.retries, 2);
        assert_int_equal(world.retries_told, 2);
        assert_int_equal(world.resumes_told, 0);
        world_finish();
    }
    world_start(1, NULL);
}

static void no_pause(struct cluster_settings *s)
{
    s->retry_pause = 0;
}

/* Nobody is flooded with tries, whatever is configured. */
static void there_is_always_a_pause(void **state)
{
    usec_t before;

    world_start(1, no_pause);
    world_get();
    before = fake_now();
    fake_end(asked(), -ECONNREFUSED);
    deliver(asked_again());
    assert_in_range(fake_now() - before, 5 * USEC_PER_MSEC, 10 * USEC_PER_MSEC);
}

/* Three servers, all tried: then the pause, and all are there again. */
static void five_tries(struct cluster_settings *s)
{
    s->retries = 4;
    s->eject_after = 0;
}

static void the_next_round_after_a_pause(void **state)
{
    server_set tried = 0;
    usec_t start;

    world_start(3, five_tries);
    start = fake_now();
    world_get();
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(tried & server_bit(asked_server()), 0);
        tried |= server_bit(asked_server());
        assert_int_equal(fake_now(), start);
        fake_end(asked(), -ECONNREFUSED);
        asked_again();
    }
    assert_in_range(fake_now() - start, 50 * USEC_PER_MSEC, 100 * USEC_PER_MSEC);
    start = fake_now();
    fake_end(asked(), -ECONNREFUSED);
    asked_again();
    assert_int_equal(fake_now(), start);
    fake_end(asked(), -ECONNREFUSED);
    assert_ended(-ECONNREFUSED, "Connection refused");
    assert_int_equal(fake_started(), 5);
}

static void the_last_error_counts(void **state)
{
    world_start(1, NULL);
    world_get();
    fake_end(asked(), -ECONNREFUSED);
    fake_end(asked_again(), -EMSGSIZE);
    fake_end(asked_again(), -ETIMEDOUT);
    assert_ended(-ETIMEDOUT, "Connection timed out");
    assert_int_equal(world.t.retries, 2);
    assert_int_equal(world.t.heads, 0);
}

static void a_head_over_its_limit_is_malformed(void **state)
{
    world_start(1, NULL);
    world_get();
    fake_end(asked(), -EMSGSIZE);
    fake_end(asked_again(), -EMSGSIZE);
    fake_end(asked_again(), -EMSGSIZE);
    assert_ended(-EPROTO, "Message too long");
}

/* Nobody had better: the viewer is told what the server said. */
static void the_last_busy_answer_is_the_answer(void **state)
{
    world_start(1, NULL);
    world_get();
    fake_end(asked(), -ECONNREFUSED);
    assert_false(fake_head(asked_again(), "HTTP/1.1 502 X\nContent-Length: 3\n"));
    assert_true(fake_head(asked_again(), "HTTP/1.1 503 X\nContent-Length: 5\n"));
    assert_int_equal(world.t.status, 503);
    assert_true(fake_data(asked(), object(0, 5)));
    fake_end(asked(), 0);
    assert_ended(0, "");
    assert_got(0, 5);
    assert_int_equal(atomic_load(&world.cluster->servers[0].failures), 3);
    assert_int_equal(world.changes, 1);
}

static void no_retries(struct cluster_settings *s)
{
    s->retries = 0;
}

static void no_second_try_when_none_is_allowed(void **state)
{
    world_start(2, no_retries);
    world_get();
    fake_end(asked(), -ECONNRESET);
    assert_ended(-ECONNRESET, "Connection reset by peer");
    assert_int_equal(fake_started(), 1);
}

/* Time */

static void short_deadline(struct cluster_settings *s)
{
    s->deadline = 40 * USEC_PER_SEC;
    s->first_byte_timeout = 15 * USEC_PER_SEC;
    s->retries = 10;
}

static void patience_ends_at_the_deadline(void **state)
{
    static const unsigned seconds[] = {15, 15, 10};
    const struct server *last = NULL;

    world_start(4, short_deadline);
    world_get();
    for (size_t i = 0; i < ARRAY_LEN(seconds); i++) {
        struct client_transfer *t = i == 0 ? asked() : asked_again();

        assert_int_equal(fake_patience(t), seconds[i] * USEC_PER_SEC);
        last = &world.cluster->servers[asked_server()];
        fake_time_passes(seconds[i] * USEC_PER_SEC);
        fake_end(t, -ETIMEDOUT);
        /* The last one was given less than its time: that is not its fault. */
        assert_int_equal(atomic_load(&last->failures), seconds[i] == 15);
    }
    assert_ended(-ETIMEDOUT, "Connection timed out");
}

static void no_try_that_could_not_begin_in_time(void **state)
{
    world_start(1, short_deadline);
    world_get();
    fake_time_passes(40 * USEC_PER_SEC - 50 * USEC_PER_MSEC);
    assert_true(fake_head(asked(), "HTTP/1.1 503 X\nContent-Length: 0\n"));
    fake_end(asked(), 0);
    assert_ended(0, "");
    assert_int_equal(world.t.status, 503);
}

/* The loop was late: the alarm for the next try rings after the deadline. */
static void a_late_alarm(void **state)
{
    world_start(1, short_deadline);
    world_get();
    fake_time_passes(39 * USEC_PER_SEC);
    fake_end(asked(), -ECONNRESET);
    fake_late_alarm(10 * USEC_PER_SEC);
    assert_ended(-ETIMEDOUT, "out of time");
    assert_int_equal(fake_started(), 1);
}

/* Connecting that takes too long is the server's failure; standing in line for a connection is not.
 */
static void whose_fault_a_timeout_is(void **state)
{
    static const struct {
        unsigned seconds;
        bool was_sent, is_failure;
    } cases[] = {
        {30, true, true},   /* silence */
        {8, false, true},   /* no connection */
        {20, false, true},  /* in line at first, then no connection */
        {30, false, false}, /* in line to the end */
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        world_start(1, no_retries);
        world_get();
        fake_time_passes(cases[i].seconds * USEC_PER_SEC);
        if (cases[i].was_sent)
            fake_end(asked(), -ETIMEDOUT);
        else
            fake_end_unsent(asked(), -ETIMEDOUT);
        assert_ended(-ETIMEDOUT, "Connection timed out");
        assert_int_equal(atomic_load(&world.cluster->servers[0].failures), cases[i].is_failure);
        world_finish();
    }
    world_start(1, NULL);
}

static void hasty(struct cluster_settings *s)
{
    s->first_byte_timeout = 5 * USEC_PER_SEC;
    s->retries = 0;
}

/* Shorter than the time to connect: then all silence is the server's. */
static void a_black_hole_is_found_all_the_same(void **state)
{
    world_start(1, hasty);
    world_get();
    fake_time_passes(5 * USEC_PER_SEC);
    fake_end_unsent(asked(), -ETIMEDOUT);
    assert_ended(-ETIMEDOUT, "Connection timed out");
    assert_int_equal(atomic_load(&world.cluster->servers[0].failures), 1);
}

/* Malformed answers */

static void malformed_answers(void **state)
{
    static const struct {
        const char *head, *why;
    } cases[] = {
        {"HTTP/1.1 200 OK\nContent-Encoding: gzip\n", "a Content-Encoding nobody asked for"},
        {"HTTP/1.1 206 X\nContent-Range: bytes 0-9/100\n", "a 206 nobody asked for"},
        {"HTTP/1.1 304 X\n", "a 304 nobody asked for"},
        {"HTTP/1.1 204 X\n", "a status nobody asked for"},
        {"HTTP/1.1 302 X\n", "a status nobody asked for"},
        {"HTTP/1.1 302 X\nLocation: x y\n", "a redirect to nowhere"},
        {"HTTP/1.1 200 OK\nContent-Length: 1\nContent-Length: 2\n", "Protocol error"},
        {"SSH-2.0-OpenSSH\n", "Protocol error"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        world_start(3, NULL);
        world_get();
        assert_false(fake_head(asked(), cases[i].head));
        assert_false(fake_head(asked_again(), cases[i].head));
        assert_false(fake_head(asked_again(), cases[i].head));
        assert_ended(-EPROTO, cases[i].why);
        assert_int_equal(world.t.heads, 0);
        world_finish();

        world_start(3, NULL); /* another server may know better */
        world_get();
        assert_false(fake_head(asked(), cases[i].head));
        deliver(asked_again());
        world_finish();
    }
    world_start(1, NULL);
}

/* One bad object must not cost the server all others. */
static void a_misfit_is_no_failure_of_the_server(void **state)
{
    world_start(1, NULL);
    world_get();
    for (int i = 0; i < 3; i++)
        assert_false(fake_head(i == 0 ? asked() : asked_again(), "HTTP/1.1 304 X\n"));
    assert_ended(-EPROTO, "a 304 nobody asked for");
    assert_int_equal(atomic_load(&world.cluster->servers[0].failures), 0);
    assert_int_equal(fake_cancelled(), 3); /* those connections are not used again */
}

static void more_content_than_announced(void **state)
{
    static const char *const heads[] = {OK, "HTTP/1.1 404 X\nContent-Length: 100\n"};

    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        world_start(2, NULL);
        world_get();
        assert_true(fake_head(asked(), heads[i]));
        assert_true(fake_data(asked(), object(0, 60)));
        assert_false(fake_data(asked(), object(60, 41)));
        assert_ended(-EPROTO, "more content than announced");
        assert_got(0, 60);
        world_finish();
    }
    world_start(1, NULL);
}

/* Redirects */

static void a_redirect_to_another_server(void **state)
{
    world_start(3, NULL);
    world_get();
    assert_false(fake_head(asked(), "HTTP/1.1 302 X\nLocation: http://c/moved?x\n"));
    asked_again();
    assert_int_equal(asked_server(), 2);
    assert_string_equal(fake_asked(asked()), "GET /moved?x\nAccept-Encoding: identity\n");
    assert_false(fake_head(asked(), "HTTP/1.1 308 X\nLocation: /again\n"));
    asked_again();
    assert_int_equal(asked_server(), 2);
    assert_string_equal(fake_asked(asked()), "GET /again\nAccept-Encoding: identity\n");
    deliver(asked());
    assert_int_equal(world.t.retries + world.retries_told, 0);
    assert_string_equal(world.t.server, "http://c");
}

static void a_redirect_that_leads_out(void **state)
{
    static const char why[] = "a redirect that leads out, or on and on";

    world_start(3, NULL);
    world_get();
    assert_false(fake_head(asked(), "HTTP/1.1 301 X\nLocation: http://169.254.169.254/\n"));
    assert_ended(-ELOOP, why);
    assert_int_equal(fake_started(), 1);
}

static void redirects_on_and_on(void **state)
{
    world_start(1, NULL);
    world_get();
    assert_false(fake_head(asked(), "HTTP/1.1 307 X\nLocation: /b\n"));
    for (int i = 0; i < 4; i++)
        assert_false(fake_head(asked_again(), "HTTP/1.1 303 X\nLocation: /b\n"));
    assert_string_equal(fake_asked(asked_again()), "GET /b\nAccept-Encoding: identity\n");
    assert_false(fake_head(asked(), "HTTP/1.1 307 X\nLocation: /b\n"));
    assert_ended(-ELOOP, "a redirect that leads out, or on and on");
}

/* The next server is asked for what the viewer asked for, not for what another one made of it. */
static void a_redirect_that_leads_to_a_dead_server(void **state)
{
    world_start(3, NULL);
    world_get();
    assert_false(fake_head(asked(), "HTTP/1.1 302 X\nLocation: http://b/signed?by=a\n"));
    fake_end(asked_again(), -ECONNREFUSED);
    asked_again();
    assert_int_equal(asked_server(), 2);
    assert_string_equal(fake_asked(asked()), GET);
    deliver(asked());
    assert_int_equal(world.t.retries, 1);
}

static void a_redirect_carries_the_range(void **state)
{
    world_start(1, NULL);
    world_fetch(&(struct origin_request){.target = STR("/a"), .range = STR("bytes=5-9")});
    assert_false(fake_head(asked(), "HTTP/1.1 302 X\nLocation: /b\n"));
    assert_string_equal(fake_asked(asked_again()),
                        "GET /b\nAccept-Encoding: identity\nRange: bytes=5-9\n");
    assert_true(fake_head(asked(), "HTTP/1.1 206 X\nContent-Range: bytes 5-9/100\n"));
    assert_true(fake_data(asked(), object(5, 5)));
    fake_end(asked(), 0);
    assert_ended(0, "");
    assert_got(5, 5);
}

/* Owners */

static void cancel_while_asked(void **state)
{
    world_start(1, NULL);
    world_get();
    origin_fetch_cancel(&world.t.f);
    assert_null(world.t.f);
    assert_int_equal(fake_live(), 0);
    origin_fetch_cancel(&world.t.f); /* accepts NULL */
    assert_int_equal(atomic_load(&world.cluster->servers[0].failures), 0);
}

static void cancel_in_a_pause(void **state)
{
    world_start(1, NULL);
    world_get();
    fake_end(asked(), -ECONNREFUSED);
    origin_fetch_cancel(&world.t.f);
    assert_false(fake_next_alarm());
}

static void cancel_in_head(void **state)
{
    world_start(1, NULL);
    world.t.cancels_in_head = true;
    world_get();
    assert_false(fake_head(asked(), OK));
    assert_int_equal(fake_live(), 0);
    assert_int_equal(world.t.ends, 0);
}

static void cancel_in_data(void **state)
{
    world_start(1, NULL);
    world.t.cancels_in_data = true;
    world_get();
    assert_true(fake_head(asked(), OK));
    fake_data(asked(), object(0, 10));
    assert_int_equal(fake_live(), 0);
    assert_int_equal(world.t.ends, 0);
}

/* What is left is for the client to read or not; nothing of it comes here. */
static void drop_while_it_flows(void **state)
{
    world_start(1, NULL);
    world_get();
    assert_true(fake_head(asked(), OK));
    assert_true(fake_data(asked(), object(0, 10)));
    origin_fetch_drop(&world.t.f);
    assert_null(world.t.f);
    assert_int_equal(fake_live(), 0);
    assert_int_equal(fake_dropped(), 1);
    assert_int_equal(fake_cancelled(), 0);
    assert_int_equal(world.t.ends, 0);
    origin_fetch_drop(&world.t.f); /* accepts NULL */
}

static void drop_in_head_and_data(void **state)
{
    world_start(1, NULL);
    world.t.drops_in_head = true;
    world_get();
    assert_false(fake_head(asked(), OK));
    assert_int_equal(fake_dropped(), 1);
    world_finish();

    world_start(1, NULL);
    world.t.drops_in_data = true;
    world_get();
    assert_true(fake_head(asked(), OK));
    assert_false(fake_data(asked(), object(0, 10)));
    assert_int_equal(fake_dropped(), 1);
    assert_int_equal(world.t.ends, 0);
}

static void drop_without_an_answer_is_a_cancel(void **state)
{
    world_start(1, NULL);
    world_get();
    origin_fetch_drop(&world.t.f);
    assert_int_equal(fake_cancelled(), 1);
    world_get();
    fake_end(asked(), -ECONNREFUSED);
    origin_fetch_drop(&world.t.f);
    assert_false(fake_next_alarm());
    assert_int_equal(fake_dropped(), 0);
}

static void holding(void **state)
{
    world_start(1, NULL);
    world.t.holds = true;
    world_get();
    origin_fetch_proceed(world.t.f); /* harmless: nothing holds yet */
    assert_true(fake_head(asked(), OK));
    assert_true(fake_data(asked(), object(0, 10)));
    assert_true(fake_is_held(asked()));
    origin_fetch_proceed(world.t.f);
    assert_false(fake_is_held(asked()));
    assert_true(fake_data(asked(), object(10, 10)));
    origin_fetch_cancel(&world.t.f);
}

static void proceeding_inside_is_not_holding(void **state)
{
    world_start(1, NULL);
    world.t.holds = world.t.proceeds_inside = true;
    world_get();
    assert_true(fake_head(asked(), OK));
    fake_data(asked(), object(0, 60));
    assert_false(fake_is_held(asked()));
    fake_data(asked(), object(60, 40));
    fake_end(asked(), 0);
    assert_ended(0, "");
}

/* The cache takes over where the request's own sink began. */
static unsigned other_calls;

static void other_head(void *arg, struct origin_fetch *f, const struct http_answer *a)
{
    fail();
}

static bool other_data(void *arg, struct origin_fetch *f, struct str bytes)
{
    other_calls++;
    return true;
}

static void other_end(void *arg, struct origin_fetch *f, int err)
{
    assert_ptr_equal(arg, &other_calls);
    assert_int_equal(err, 0);
    other_calls += 100;
}

static void another_sink(void **state)
{
    static const struct origin_sink other = {other_head, other_data, other_end};

    other_calls = 0;
    world_start(1, NULL);
    world_get();
    assert_true(fake_head(asked(), OK));
    assert_true(fake_data(asked(), object(0, 60)));
    origin_fetch_set_sink(world.t.f, &other, &other_calls);
    world.t.f = NULL;
    assert_true(fake_data(asked(), object(60, 40)));
    fake_end(asked(), 0);
    assert_int_equal(other_calls, 101);
    assert_got(0, 60);
}

static void by_stream_key(struct cluster_settings *s)
{
    s->balance = BALANCE_HASH;
}

static void one_stream_one_server(void **state)
{
    unsigned first;

    world_start(8, by_stream_key);
    world_get();
    first = asked_server();
    origin_fetch_cancel(&world.t.f);
    for (int i = 0; i < 20; i++) {
        world_fetch(&(struct origin_request){.target = STR("/other"), .stream_key = STR("a")});
        assert_int_equal(asked_server(), first);
        origin_fetch_cancel(&world.t.f);
    }
    world_get(); /* and one other server when that one fails: always the same one */
    fake_end(asked(), -ECONNREFUSED);
    asked_again();
    assert_int_not_equal(asked_server(), first);
    origin_fetch_cancel(&world.t.f);
}

#define UNIT(test) cmocka_unit_test_teardown(test, finish)

TEST_MAIN(UNIT(a_plain_fetch), UNIT(only_what_is_given_is_sent), UNIT(an_empty_value_is_one),
          UNIT(a_value_that_ends_its_line_is_not_sent), UNIT(the_request_is_copied),
          UNIT(a_head_has_no_content), UNIT(whatever_a_server_says_is_the_answer),
          UNIT(not_modified), UNIT(content_of_unknown_length), UNIT(another_server_at_once),
          UNIT(busy_servers), UNIT(the_same_server_after_a_pause), UNIT(there_is_always_a_pause),
          UNIT(the_next_round_after_a_pause), UNIT(the_last_error_counts),
          UNIT(a_head_over_its_limit_is_malformed), UNIT(the_last_busy_answer_is_the_answer),
          UNIT(no_second_try_when_none_is_allowed), UNIT(patience_ends_at_the_deadline),
          UNIT(no_try_that_could_not_begin_in_time), UNIT(a_late_alarm),
          UNIT(whose_fault_a_timeout_is), UNIT(a_black_hole_is_found_all_the_same),
          UNIT(malformed_answers), UNIT(a_misfit_is_no_failure_of_the_server),
          UNIT(more_content_than_announced), UNIT(a_redirect_to_another_server),
          UNIT(a_redirect_that_leads_out), UNIT(redirects_on_and_on),
          UNIT(a_redirect_that_leads_to_a_dead_server), UNIT(a_redirect_carries_the_range),
          UNIT(cancel_while_asked), UNIT(cancel_in_a_pause), UNIT(cancel_in_head),
          UNIT(cancel_in_data), UNIT(drop_while_it_flows), UNIT(drop_in_head_and_data),
          UNIT(drop_without_an_answer_is_a_cancel), UNIT(holding),
          UNIT(proceeding_inside_is_not_holding), UNIT(another_sink), UNIT(one_stream_one_server))
