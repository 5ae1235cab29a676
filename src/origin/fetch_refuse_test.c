/* Answers that are none, and redirects. */
#include <errno.h>

#include "origin/fetch_testing.h"

/* Malformed answers */

static void malformed_answers(void **state)
{
    static const struct {
        const char *head, *why;
    } cases[] = {
        {"HTTP/1.1 200 OK_100\nContent-Encoding: gzip\n", "a Content-Encoding nobody asked for"},
        {"HTTP/1.1 206 X\nContent-Range: bytes 0-9/100\n", "a 206 nobody asked for"},
        {"HTTP/1.1 304 X\n", "a 304 nobody asked for"},
        {"HTTP/1.1 204 X\n", "a status nobody asked for"},
        {"HTTP/1.1 302 X\n", "a status nobody asked for"},
        {"HTTP/1.1 302 X\nLocation: x y\n", "a redirect to nowhere"},
        {"HTTP/1.1 200 OK_100\nContent-Length: 1\nContent-Length: 2\n", "Protocol error"},
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
    static const char *const heads[] = {OK_100, "HTTP/1.1 404 X\nContent-Length: 100\n"};

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

/* Each try has five of its own. */
static void redirects_again_after_a_failure(void **state)
{
    world_start(1, NULL);
    world_get();
    for (int try = 0; try < 3; try++) {
        for (int i = 0; i < 5; i++) {
            assert_false(fake_head(asked(), "HTTP/1.1 307 X\nLocation: /b\n"));
            asked_again();
        }
        if (try == 2)
            break;
        fake_end(asked(), -ECONNRESET);
        assert_string_equal(fake_asked(asked_again()), GET);
    }
    deliver(asked());
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

#define UNIT(test) cmocka_unit_test_teardown(test, world_teardown)

TEST_MAIN(UNIT(malformed_answers), UNIT(a_misfit_is_no_failure_of_the_server),
          UNIT(more_content_than_announced), UNIT(a_redirect_to_another_server),
          UNIT(a_redirect_that_leads_out), UNIT(redirects_on_and_on),
          UNIT(redirects_again_after_a_failure), UNIT(a_redirect_that_leads_to_a_dead_server),
          UNIT(a_redirect_carries_the_range))
