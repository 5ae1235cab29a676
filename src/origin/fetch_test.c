/* Fetches: what is asked, what is answered, and what their owners may do with them. */
#include <errno.h>

#include "origin/fetch_testing.h"

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
    assert_true(fake_head(asked(), OK_100));
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
    assert_true(fake_head(asked(), "HTTP/1.1 200 OK_100\nTransfer-Encoding: chunked\n"));
    assert_true(fake_data(asked(), object(0, 7)));
    assert_true(fake_data(asked(), object(7, 1)));
    fake_end(asked(), 0);
    assert_ended(0, "");
    assert_got(0, 8);
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
    assert_false(fake_head(asked(), OK_100));
    assert_int_equal(fake_live(), 0);
    assert_int_equal(world.t.ends, 0);
}

static void cancel_in_data(void **state)
{
    world_start(1, NULL);
    world.t.cancels_in_data = true;
    world_get();
    assert_true(fake_head(asked(), OK_100));
    fake_data(asked(), object(0, 10));
    assert_int_equal(fake_live(), 0);
    assert_int_equal(world.t.ends, 0);
}

/* What is left is for the client to read or not; nothing of it comes here. */
static void drop_while_it_flows(void **state)
{
    world_start(1, NULL);
    world_get();
    assert_true(fake_head(asked(), OK_100));
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
    assert_false(fake_head(asked(), OK_100));
    assert_int_equal(fake_dropped(), 1);
    world_finish();

    world_start(1, NULL);
    world.t.drops_in_data = true;
    world_get();
    assert_true(fake_head(asked(), OK_100));
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
    assert_true(fake_head(asked(), OK_100));
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
    assert_true(fake_head(asked(), OK_100));
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
    assert_true(fake_head(asked(), OK_100));
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

#define UNIT(test) cmocka_unit_test_teardown(test, world_teardown)

TEST_MAIN(UNIT(a_plain_fetch), UNIT(only_what_is_given_is_sent), UNIT(an_empty_value_is_one),
          UNIT(a_value_that_ends_its_line_is_not_sent), UNIT(the_request_is_copied),
          UNIT(a_head_has_no_content), UNIT(whatever_a_server_says_is_the_answer),
          UNIT(not_modified), UNIT(content_of_unknown_length), UNIT(cancel_while_asked),
          UNIT(cancel_in_a_pause), UNIT(cancel_in_head), UNIT(cancel_in_data),
          UNIT(drop_while_it_flows), UNIT(drop_in_head_and_data),
          UNIT(drop_without_an_answer_is_a_cancel), UNIT(holding),
          UNIT(proceeding_inside_is_not_holding), UNIT(another_sink), UNIT(one_stream_one_server))
