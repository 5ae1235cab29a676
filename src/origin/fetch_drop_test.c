/* Answers that nobody wants any more: read to their end where that is near, else cancelled. The
 * cluster goes right away: what is left of the fetch must not need it. */
#include <errno.h>

#include "origin/fetch_testing.h"

static int finish(void **state)
{
    world_finish();
    return 0;
}

static const char *head_of(const char *fields)
{
    static char head[256];

    snprintf(head, sizeof head, "HTTP/1.1 200 OK\nETag: \"a\"\n%s", fields);
    return head;
}

static void drop(void)
{
    origin_fetch_drop(&world.t.f);
    assert_null(world.t.f);
    world_free_cluster();
}

static void begin(const char *fields)
{
    world_start(1, NULL);
    world_get();
    assert_true(fake_head(asked(), head_of(fields)));
}

/* What happened to the transfer; nothing of it may have come to the sink. */
static void expect(unsigned cancelled, unsigned pieces)
{
    assert_int_equal(fake_live(), 0);
    assert_int_equal(fake_cancelled(), cancelled);
    assert_int_equal(world.t.ends, 0);
    assert_int_equal(world.t.pieces, pieces);
    assert_true(list_is_empty(&world.worker.fetches));
    assert_false(fake_next_alarm());
}

static void a_short_rest_is_read(void **state)
{
    begin("Content-Length: 65536\n");
    drop();
    for (int i = 0; i < 8; i++)
        assert_true(fake_data(asked(), object(0, 8192)));
    fake_end(asked(), 0);
    expect(0, 0);
}

static void a_long_rest_is_not(void **state)
{
    begin("Content-Length: 65537\n");
    drop();
    expect(1, 0);
}

static void what_has_come_already_does_not_count(void **state)
{
    begin("Content-Length: 70000\n");
    assert_true(fake_data(asked(), object(0, 8192)));
    drop();
    assert_int_equal(fake_live(), 1);
    fake_end(asked(), -ECONNRESET); /* whatever: it is not resumed */
    expect(0, 1);
}

static void a_rest_of_unknown_length(void **state)
{
    begin("Transfer-Encoding: chunked\n");
    drop();
    for (int i = 0; i < 8; i++)
        assert_true(fake_data(asked(), object(0, 8192)));
    assert_false(fake_data(asked(), object(0, 1)));
    expect(1, 0);
}

static void a_slow_rest(void **state)
{
    begin("Content-Length: 1000\n");
    drop();
    fake_time_passes(5 * USEC_PER_SEC - 1);
    assert_true(fake_data(asked(), object(0, 1)));
    fake_time_passes(1);
    expect(1, 0);
}

static void without_an_answer_it_is_cancelled(void **state)
{
    world_start(1, NULL);
    world_get();
    drop();
    expect(1, 0);
    world_finish();

    world_start(1, NULL); /* in a pause */
    world_get();
    fake_end(asked(), -ECONNREFUSED);
    drop();
    expect(0, 0);
    world_finish();

    world_start(1, NULL); /* while the rest is asked for */
    world_get();
    assert_true(fake_head(asked(), head_of("Content-Length: 100\n")));
    fake_end(asked(), -ECONNRESET);
    asked_again();
    drop();
    expect(1, 0);
    origin_fetch_drop(&world.t.f); /* accepts NULL */
}

static void in_head(void **state)
{
    world_start(1, NULL);
    world.t.drops_in_head = true;
    world_get();
    assert_true(fake_head(asked(), head_of("Content-Length: 100\n")));
    assert_true(fake_data(asked(), object(0, 100)));
    fake_end(asked(), 0);
    expect(0, 0);
}

static void in_data(void **state)
{
    begin("Content-Length: 200\n");
    world.t.drops_in_data = world.t.holds = true;
    assert_true(fake_data(asked(), object(0, 100)));
    assert_false(fake_is_held(asked()));
    assert_true(fake_data(asked(), object(100, 100)));
    fake_end(asked(), 0);
    expect(0, 1);
}

static void while_held(void **state)
{
    begin("Content-Length: 200\n");
    world.t.holds = true;
    assert_true(fake_data(asked(), object(0, 100)));
    assert_true(fake_is_held(asked()));
    drop();
    assert_true(fake_data(asked(), object(100, 100)));
    fake_end(asked(), 0);
    expect(0, 1);
}

static void nothing_is_left_to_read(void **state)
{
    world_start(1, NULL);
    world.t.drops_in_head = true;
    world_fetch(&(struct origin_request){.target = STR("/"), .is_head = true});
    assert_true(fake_head(asked(), head_of("Content-Length: 1000000\n")));
    fake_end(asked(), 0);
    expect(0, 0);
}

static void the_worker_ends(void **state)
{
    begin("Content-Length: 100\n");
    drop();
    origin_worker_done(&world.worker);
    expect(1, 0);
}

static void it_counts_as_an_answer(void **state)
{
    struct health two_failures = {.state = SERVER_UP, .failures = 2};

    world_start(1, NULL);
    atomic_store(&world.cluster->servers[0].health, health_pack(&two_failures));
    world_get();
    assert_true(fake_head(asked(), head_of("Content-Length: 100\n")));
    origin_fetch_drop(&world.t.f);
    assert_int_equal(health_unpack(atomic_load(&world.cluster->servers[0].health)).failures, 0);
    assert_int_equal(atomic_load(&world.cluster->servers[0].under_way), 0);
    fake_end(asked(), 0);
    expect(0, 0);
}

#define UNIT(test) cmocka_unit_test_teardown(test, finish)

TEST_MAIN(UNIT(a_short_rest_is_read), UNIT(a_long_rest_is_not),
          UNIT(what_has_come_already_does_not_count), UNIT(a_rest_of_unknown_length),
          UNIT(a_slow_rest), UNIT(without_an_answer_it_is_cancelled), UNIT(in_head), UNIT(in_data),
          UNIT(while_held), UNIT(nothing_is_left_to_read), UNIT(the_worker_ends),
          UNIT(it_counts_as_an_answer))
