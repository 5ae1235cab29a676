/* Bodies that break off: resumed unseen, to the last byte, or ended with an error. Never short,
 * never of two versions. */
#include <errno.h>

#include "origin/fetch_testing.h"

#define GOOD "HTTP/1.1 200 OK\nContent-Length: 10000\nETag: \"a\"\n"

/* The answer to "bytes=from-", of a version. */
static const char *rest(size_t from, const char *etag)
{
    static char head[256];

    snprintf(head, sizeof head,
             "HTTP/1.1 206 X\nContent-Range: bytes %zu-%d/%d\nContent-Length: %zu\nETag: %s\n",
             from, OBJECT_SIZE - 1, OBJECT_SIZE, OBJECT_SIZE - from, etag);
    return head;
}

static void assert_asks_for(const struct client_transfer *t, size_t from)
{
    char want[256];

    snprintf(want, sizeof want,
             "GET /a/1.ts\nAccept-Encoding: identity\nRange: bytes=%zu-\nIf-Range: \"a\"\n", from);
    assert_string_equal(fake_asked(t), want);
}

/* A head, `n` bytes of the object, and then nothing more. */
static void break_at(size_t n, int err)
{
    world_get();
    assert_true(fake_head(asked(), GOOD));
    if (n > 0)
        assert_true(fake_data(asked(), object(0, n)));
    fake_end(asked(), err);
}

static void go_on(struct client_transfer *t, size_t from)
{
    assert_true(fake_head(t, rest(from, "\"a\"")));
    assert_true(fake_data(t, object(from, OBJECT_SIZE - from)));
    fake_end(t, 0);
    assert_ended(0, "");
    assert_got(0, OBJECT_SIZE);
}

/* Good endings */

static void broken_anywhere(void **state)
{
    for (size_t servers = 1; servers <= 2; servers++) {
        for (size_t at = 0; at <= OBJECT_SIZE; at += OBJECT_SIZE / 20) {
            world_start((unsigned)servers, NULL);
            break_at(at, at % 3 == 0 ? -ECONNRESET : -ETIMEDOUT);
            if (at == OBJECT_SIZE) { /* all is there: what breaks after that breaks nothing */
                assert_ended(0, "");
            } else {
                struct client_transfer *t = asked_again();

                assert_int_equal(asked_server(), servers - 1); /* another one, if there is */
                assert_asks_for(t, at);
                go_on(t, at);
                assert_int_equal(world.t.resumes, 1);
                assert_int_equal(world.t.retries, 0);
                assert_int_equal(atomic_load(&world.cluster->servers[0].failures), 1);
            }
            world_finish();
        }
    }
    world_start(1, NULL);
}

static void broken_again_and_again(void **state)
{
    world_start(2, NULL);
    break_at(100, -ECONNRESET);
    for (size_t i = 1; i < 5; i++) {
        struct client_transfer *t = asked_again();

        assert_asks_for(t, 100 * i);
        assert_true(fake_head(t, rest(100 * i, "\"a\"")));
        assert_true(fake_data(t, object(100 * i, 100)));
        fake_end(t, -ECONNRESET);
    }
    go_on(asked_again(), 500);
    assert_int_equal(world.t.resumes, 5);
}

static void broken_too_often(void **state)
{
    world_start(2, NULL);
    break_at(100, -ECONNRESET);
    for (size_t i = 1; i <= 5; i++) {
        struct client_transfer *t = asked_again();

        assert_true(fake_head(t, rest(100 * i, "\"a\"")));
        assert_true(fake_data(t, object(100 * i, 100)));
        fake_end(t, -ETIMEDOUT);
    }
    assert_ended(-ETIMEDOUT, "Connection timed out");
    assert_got(0, 600);
}

/* A client that calls it whole is not believed. */
static void less_than_announced(void **state)
{
    world_start(1, NULL);
    break_at(100, 0);
    go_on(asked_again(), 100);
    assert_int_equal(atomic_load(&world.cluster->servers[0].failures), 1);
}

static void a_range_is_resumed_within_it(void **state)
{
    struct origin_request r = {.target = STR("/a"), .range = STR("bytes=2000-2999")};

    world_start(1, NULL);
    world_fetch(&r);
    assert_true(fake_head(asked(), "HTTP/1.1 206 X\nContent-Range: bytes 2000-2999/10000\n"
                                   "ETag: \"a\"\n"));
    assert_true(fake_data(asked(), object(2000, 300)));
    fake_end(asked(), -ECONNRESET);
    assert_string_equal(fake_asked(asked_again()),
                        "GET /a\nAccept-Encoding: identity\nRange: bytes=2300-2999\n"
                        "If-Range: \"a\"\n");
    assert_true(fake_head(asked(), "HTTP/1.1 206 X\nContent-Range: bytes 2300-2999/10000\n"
                                   "ETag: \"a\"\n"));
    assert_true(fake_data(asked(), object(2300, 700)));
    fake_end(asked(), 0);
    assert_ended(0, "");
    assert_got(2000, 1000);
}

/* To a Range the server gave all: that is what goes on, not the range. */
static void a_whole_instead_of_a_range(void **state)
{
    struct origin_request r = {.target = STR("/a/1.ts"), .range = STR("bytes=2000-2999")};

    world_start(1, NULL);
    world_fetch(&r);
    assert_true(fake_head(asked(), GOOD));
    assert_true(fake_data(asked(), object(0, 300)));
    fake_end(asked(), -ECONNRESET);
    assert_asks_for(asked_again(), 300);
    go_on(asked(), 300);
}

static void unknown_length(void **state)
{
    world_start(1, NULL);
    world_get();
    assert_true(fake_head(asked(), "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nETag: \"a\"\n"));
    assert_true(fake_data(asked(), object(0, 4321)));
    fake_end(asked(), -ECONNRESET);
    assert_string_equal(fake_asked(asked_again()),
                        "GET /a/1.ts\nAccept-Encoding: identity\nRange: bytes=4321-\n"
                        "If-Range: \"a\"\n");
    go_on(asked(), 4321);
}

/* Chunked, but the range has said how much it is: a last chunk that comes early is a break. */
static void a_206_without_a_length(void **state)
{
    struct client_transfer *t;

    world_start(1, NULL);
    break_at(100, -ECONNRESET);
    t = asked_again();
    assert_true(fake_head(t, "HTTP/1.1 206 X\nTransfer-Encoding: chunked\nETag: \"a\"\n"
                             "Content-Range: bytes 100-9999/10000\n"));
    assert_true(fake_data(t, object(100, 100)));
    fake_end(t, 0);
    assert_asks_for(asked_again(), 200);
    go_on(asked(), 200);
    assert_int_equal(world.t.resumes, 2);
}

static void by_date(void **state)
{
    world_start(1, NULL);
    world_get();
    assert_true(fake_head(asked(), "HTTP/1.1 200 OK\nContent-Length: 10000\n"
                                   "Last-Modified: Tue, 07 Nov 2023 22:13:20 GMT\n"));
    assert_true(fake_data(asked(), object(0, 10)));
    fake_end(asked(), -ECONNRESET);
    assert_string_equal(fake_asked(asked_again()),
                        "GET /a/1.ts\nAccept-Encoding: identity\nRange: bytes=10-\n"
                        "If-Range: Tue, 07 Nov 2023 22:13:20 GMT\n");
    assert_true(fake_head(asked(), "HTTP/1.1 206 X\nContent-Range: bytes 10-9999/10000\n"
                                   "Last-Modified: Tue, 07 Nov 2023 22:13:20 GMT\n"));
    assert_true(fake_data(asked(), object(10, OBJECT_SIZE - 10)));
    fake_end(asked(), 0);
    assert_ended(0, "");
    assert_got(0, OBJECT_SIZE);
}

static void the_conditions_are_not_sent_again(void **state)
{
    world_start(1, NULL);
    world_fetch(&(struct origin_request){.target = STR("/a/1.ts"),
                                         .user_agent = STR("VLC"),
                                         .forwarded_for = STR("192.0.2.1"),
                                         .if_none_match = STR("\"b\""),
                                         .if_modified_since = STR("x")});
    assert_true(fake_head(asked(), GOOD));
    fake_end(asked(), -ECONNRESET);
    assert_string_equal(fake_asked(asked_again()),
                        "GET /a/1.ts\nUser-Agent: VLC\nX-Forwarded-For: 192.0.2.1\n"
                        "Accept-Encoding: identity\nRange: bytes=0-\nIf-Range: \"a\"\n");
    go_on(asked(), 0);
}

static void the_rest_by_redirect(void **state)
{
    world_start(3, NULL);
    break_at(100, -ECONNRESET);
    assert_false(fake_head(asked_again(), "HTTP/1.1 302 X\nLocation: http://a/x\n"));
    asked_again();
    assert_int_equal(asked_server(), 0);
    assert_string_equal(fake_asked(asked()),
                        "GET /x\nAccept-Encoding: identity\nRange: bytes=100-\nIf-Range: \"a\"\n");
    go_on(asked(), 100);
}

/* Who cannot resume */

static void nothing_to_tell_the_version_by(void **state)
{
    static const char *const heads[] = {
        "HTTP/1.1 200 OK\nContent-Length: 10000\n",
        "HTTP/1.1 200 OK\nContent-Length: 10000\nETag: W/\"a\"\n",
        "HTTP/1.1 404 X\nContent-Length: 10000\nETag: \"a\"\n",
        "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n",
    };

    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        world_start(3, NULL);
        world_get();
        assert_true(fake_head(asked(), heads[i]));
        assert_true(fake_data(asked(), object(0, 77)));
        fake_end(asked(), -ECONNRESET);
        assert_ended(-ECONNRESET, "Connection reset by peer");
        assert_got(0, 77);
        world_finish();
    }
    world_start(1, NULL);
}

static void no_resumes(struct cluster_settings *s)
{
    s->resumes = 0;
}

static void switched_off(void **state)
{
    world_start(3, no_resumes);
    break_at(77, -ETIMEDOUT);
    assert_ended(-ETIMEDOUT, "Connection timed out");
}

/* Bad rests: each from the only server, and then with another one that has the right one. */
static void bad_rests(void **state)
{
    static const char version[] = "the rest is of another version",
                      bounds[] = "a 206 with other bounds than asked for",
                      no_206[] = "the rest is not to be had: no 206";
    static const struct {
        const char *head, *why;
    } cases[] = {
        {"HTTP/1.1 206 X\nContent-Range: bytes 100-9999/10000\nETag: \"b\"\n", version},
        {"HTTP/1.1 206 X\nContent-Range: bytes 100-9999/10000\n", version},
        {"HTTP/1.1 206 X\nContent-Range: bytes 99-9999/10000\nETag: \"a\"\n", bounds},
        {"HTTP/1.1 206 X\nContent-Range: bytes 100-9998/10000\nETag: \"a\"\n", bounds},
        {"HTTP/1.1 206 X\nContent-Range: bytes 100-9999/10001\nETag: \"a\"\n",
         "a 206 of another total than before"},
        {"HTTP/1.1 206 X\nContent-Range: bytes 100-9999/10000\nETag: \"a\"\nContent-Encoding: br\n",
         "a Content-Encoding nobody asked for"},
        {GOOD, no_206},
        {"HTTP/1.1 200 OK\nContent-Length: 9000\nETag: \"b\"\n", no_206},
        {"HTTP/1.1 304 X\n", no_206},
        {"HTTP/1.1 404 X\n", no_206},
        {"HTTP/1.1 416 X\nContent-Range: bytes */50\n", no_206},
        {"HTTP/1.1 302 X\nLocation: http://elsewhere/\n",
         "a redirect that leads out, or on and on"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        world_start(1, NULL);
        break_at(100, -ETIMEDOUT);
        assert_false(fake_head(asked_again(), cases[i].head));
        assert_ended(-ECONNRESET, cases[i].why);
        assert_got(0, 100);
        world_finish();

        world_start(2, NULL);
        break_at(100, -ETIMEDOUT);
        asked_again();
        assert_int_equal(asked_server(), 1);
        assert_false(fake_head(asked(), cases[i].head));
        asked_again();
        assert_int_equal(asked_server(), 0); /* the first one has it still */
        go_on(asked(), 100);
        assert_int_equal(world.t.retries, 1);
        world_finish();
    }
    world_start(1, NULL);
}

/* Its bytes are another object's: it is not asked for the rest of this one any more. */
static void a_server_with_another_version_is_left_out(void **state)
{
    world_start(2, NULL);
    break_at(100, -ECONNRESET);
    assert_int_equal(fake_started(), 1);
    assert_false(fake_head(asked_again(), rest(100, "\"b\"")));
    for (int i = 0; i < 10; i++) { /* the other one is not there for a while */
        asked_again();
        assert_int_equal(asked_server(), 0);
        fake_end(asked(), -ECONNREFUSED);
    }
    go_on(asked_again(), 100);
}

static void more_than_the_rest(void **state)
{
    struct client_transfer *t;

    world_start(1, NULL);
    break_at(9990, -ECONNRESET);
    t = asked_again();
    assert_true(fake_head(t, "HTTP/1.1 206 X\nTransfer-Encoding: chunked\nETag: \"a\"\n"
                             "Content-Range: bytes 9990-9999/10000\n"));
    assert_false(fake_data(t, object(9980, 11)));
    assert_ended(-EPROTO, "more content than announced");
    assert_got(0, 9990);
}

/* Time */

/* A server restarts: what was begun goes on as soon as it is back, however many tries that takes.
 */
static void until_the_server_is_back(void **state)
{
    usec_t broke;

    world_start(1, NULL);
    break_at(100, -ECONNRESET);
    broke = fake_now();
    while (fake_now() - broke < 20 * USEC_PER_SEC)
        fake_end(asked_again(), -ECONNREFUSED);
    assert_false(fake_head(asked_again(), "HTTP/1.1 503 X\n")); /* not ready yet */
    assert_false(fake_head(asked_again(), "HTTP/1.1 500 X\n"));
    assert_in_range(fake_started(), 12, 25); /* the pauses grow, and end growing */
    go_on(asked_again(), 100);
    assert_int_equal(world.t.resumes, 1);
}

static void until_the_deadline(void **state)
{
    usec_t broke;

    world_start(1, NULL);
    fake_time_passes(50 * USEC_PER_SEC);
    break_at(100, -ECONNRESET);
    broke = fake_now();
    while (world.t.ends == 0)
        fake_end(asked_again(), -ECONNREFUSED);
    assert_ended(-ECONNREFUSED, "Connection refused");
    assert_in_range(fake_now() - broke, 56 * USEC_PER_SEC, 60 * USEC_PER_SEC);
    assert_got(0, 100);
}

/* The next break is another story: its pauses are short again. */
static void pauses_begin_anew(void **state)
{
    usec_t broke;

    world_start(1, NULL);
    break_at(100, -ECONNRESET);
    for (int i = 0; i < 8; i++)
        fake_end(asked_again(), -ECONNREFUSED);
    assert_true(fake_head(asked_again(), rest(100, "\"a\"")));
    broke = fake_now();
    fake_end(asked(), -ECONNRESET);
    asked_again();
    assert_in_range(fake_now() - broke, 50 * USEC_PER_MSEC, 100 * USEC_PER_MSEC);
    go_on(asked(), 100);
}

static void patience_with_a_rest(void **state)
{
    world_start(1, NULL);
    world_get();
    fake_time_passes(25 * USEC_PER_SEC);
    assert_true(fake_head(asked(), GOOD));
    fake_time_passes(300 * USEC_PER_SEC); /* a long body */
    fake_end(asked(), -ECONNRESET);
    asked_again();
    assert_int_equal(fake_patience(asked()), 30 * USEC_PER_SEC); /* a deadline of its own */
    fake_time_passes(30 * USEC_PER_SEC);
    fake_end(asked(), -ETIMEDOUT);
    asked_again();
    assert_in_range(fake_patience(asked()), 29 * USEC_PER_SEC, 30 * USEC_PER_SEC - 1);
    go_on(asked(), 0);
}

/* Holding */

static void the_rest_is_held_too(void **state)
{
    world_start(2, NULL);
    break_at(100, -ECONNRESET);
    world.t.holds = true;
    origin_fetch_proceed(world.t.f); /* harmless: nothing flows */
    assert_true(fake_head(asked_again(), rest(100, "\"a\"")));
    assert_true(fake_data(asked(), object(100, 100)));
    assert_true(fake_is_held(asked()));
    origin_fetch_proceed(world.t.f);
    assert_false(fake_is_held(asked()));
    world.t.holds = false;
    assert_true(fake_data(asked(), object(200, OBJECT_SIZE - 200)));
    fake_end(asked(), 0);
    assert_ended(0, "");
    assert_got(0, OBJECT_SIZE);
}

static void once(struct cluster_settings *s)
{
    s->resumes = 1;
    s->eject_after = 1;
}

/* Over HTTP/2 a transfer cannot be held for long. That is nobody's failure, may happen any number
 * of times, and the rest comes over a connection that can be held. */
static void held_for_too_long(void **state)
{
    usec_t start;

    world_start(1, once);
    start = fake_now();
    world_get();
    assert_false(fake_is_alone(asked()));
    assert_true(fake_head(asked(), GOOD));
    for (size_t at = 0; at < 900; at += 100) {
        assert_true(fake_data(asked(), object(at, 100)));
        fake_end(asked(), -ENOBUFS);
        assert_asks_for(asked_again(), at + 100);
        assert_true(fake_is_alone(asked()));
        assert_true(fake_head(asked(), rest(at + 100, "\"a\"")));
    }
    assert_int_equal(fake_now(), start); /* no pauses: nothing is wrong with the server */
    assert_int_equal(atomic_load(&world.cluster->servers[0].failures), 0);
    fake_end(asked(), -ECONNRESET); /* and this is the one break that is allowed */
    go_on(asked_again(), 900);
    assert_int_equal(world.t.resumes, 10);
    assert_int_equal(world.resumes_told, 10);
}

static void held_for_too_long_without_a_version(void **state)
{
    world_start(1, NULL);
    world_get();
    assert_true(fake_head(asked(), "HTTP/1.1 200 OK\nContent-Length: 10000\n"));
    fake_end(asked(), -ENOBUFS);
    assert_ended(-ENOBUFS, "No buffer space available");
    assert_int_equal(atomic_load(&world.cluster->servers[0].failures), 0);
}

/* Cancelling */

static void cancel_anywhere(void **state)
{
    world_start(1, NULL); /* in the pause before a resumption */
    break_at(100, -ECONNRESET);
    origin_fetch_cancel(&world.t.f);
    world_finish();

    world_start(1, NULL); /* while the rest is asked for */
    break_at(100, -ECONNRESET);
    asked_again();
    origin_fetch_cancel(&world.t.f);
    world_finish();

    world_start(1, NULL); /* while it flows */
    break_at(100, -ECONNRESET);
    assert_true(fake_head(asked_again(), rest(100, "\"a\"")));
    origin_fetch_cancel(&world.t.f);
    world_finish();

    world_start(1, NULL); /* in its first piece */
    break_at(100, -ECONNRESET);
    world.t.cancels_in_data = true;
    assert_true(fake_head(asked_again(), rest(100, "\"a\"")));
    assert_false(fake_data(asked(), object(100, 1)));
    assert_int_equal(world.t.ends, 0);
}

#define UNIT(test) cmocka_unit_test_teardown(test, world_teardown)

TEST_MAIN(UNIT(broken_anywhere), UNIT(broken_again_and_again), UNIT(broken_too_often),
          UNIT(less_than_announced), UNIT(a_range_is_resumed_within_it),
          UNIT(a_whole_instead_of_a_range), UNIT(unknown_length), UNIT(a_206_without_a_length),
          UNIT(by_date), UNIT(the_conditions_are_not_sent_again), UNIT(the_rest_by_redirect),
          UNIT(nothing_to_tell_the_version_by), UNIT(switched_off), UNIT(bad_rests),
          UNIT(a_server_with_another_version_is_left_out), UNIT(more_than_the_rest),
          UNIT(until_the_server_is_back), UNIT(until_the_deadline), UNIT(pauses_begin_anew),
          UNIT(patience_with_a_rest), UNIT(the_rest_is_held_too), UNIT(held_for_too_long),
          UNIT(held_for_too_long_without_a_version), UNIT(cancel_anywhere))
