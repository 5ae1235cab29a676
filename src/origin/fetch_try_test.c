/* Fetches that need more than one try before their head: who is asked, when, and how long. */
#include <errno.h>

#include "origin/fetch_testing.h"

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

#define UNIT(test) cmocka_unit_test_teardown(test, world_teardown)

TEST_MAIN(UNIT(another_server_at_once), UNIT(busy_servers), UNIT(the_same_server_after_a_pause),
          UNIT(there_is_always_a_pause), UNIT(the_next_round_after_a_pause),
          UNIT(the_last_error_counts), UNIT(a_head_over_its_limit_is_malformed),
          UNIT(the_last_busy_answer_is_the_answer), UNIT(no_second_try_when_none_is_allowed),
          UNIT(patience_ends_at_the_deadline), UNIT(no_try_that_could_not_begin_in_time),
          UNIT(a_late_alarm), UNIT(whose_fault_a_timeout_is),
          UNIT(a_black_hole_is_found_all_the_same))
