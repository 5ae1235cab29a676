/* When the last reader has left: the producer is told, and may go on or close. */
#include <errno.h>

#include "cache/flight_testing.h"

struct scene {
    struct world world;
    struct crew crew;
    struct viewer a, b;
};

/* "/a" is growing, read by `a` at loop 0 and by `b` at loop 1. */
static void begin(struct scene *s)
{
    *s = (struct scene){.a = viewer_new(), .b = viewer_new()};
    world_init(&s->world, MB, MB);
    crew_begin(&s->crew, &s->world, &s->a, "/a");
    join(&s->world, &s->b, "/a", 1);
    crew_grow(&s->crew, 4);
}

static void end(struct scene *s)
{
    if (s->crew.flight != NULL)
        crew_lose(&s->crew, -EIO);
    flight_leave(&s->a.reader);
    flight_leave(&s->b.reader);
    world_done(&s->world);
}

static void leave_both(struct scene *s)
{
    flight_leave(&s->a.reader);
    flight_leave(&s->b.reader);
}

static void test_told_when_the_last_has_left(void **state)
{
    struct scene s;

    begin(&s);
    flight_leave(&s.a.reader);
    world_turn(&s.world);
    assert_int_equal(s.crew.deserted, 0);
    assert_true(flight_has_readers(s.crew.flight));
    flight_leave(&s.b.reader);
    assert_false(flight_has_readers(s.crew.flight));
    assert_int_equal(s.crew.deserted, 0); /* never from within the reader's call */
    loop_turn(s.world.loops[1]);
    assert_int_equal(s.crew.deserted, 0); /* nor on its loop */
    loop_turn(s.world.loops[0]);
    assert_int_equal(s.crew.deserted, 1);
    world_turn(&s.world);
    assert_int_equal(s.crew.deserted, 1);
    end(&s);
}

/* Most of it may be there: the next viewer finds it whole. */
static void test_going_on(void **state)
{
    struct scene s;

    begin(&s);
    leave_both(&s);
    world_turn(&s.world);
    crew_add(&s.crew, "some");
    join(&s.world, &s.b, "/a", 1);
    crew_land(&s.crew, true);
    assert_int_equal(cached_bytes(&s.world, "/a"), 4);
    end(&s);
}

static void test_closing(void **state)
{
    struct scene s;

    begin(&s);
    assert_false(flight_close_deserted(s.crew.flight));
    s.crew.loses_deserted = true;
    leave_both(&s);
    TURN_UNTIL(s.world.loops[0], s.crew.flight == NULL);
    assert_int_equal(world_stats(&s.world).bytes, 0);
    assert_int_equal(blob_live(), 0);
    crew_begin(&s.crew, &s.world, &s.a, "/a"); /* who comes now asks anew */
    end(&s);
}

/* Between closing and losing it, too. */
static void test_nobody_joins_what_is_closed(void **state)
{
    struct scene s;
    struct crew next;

    begin(&s);
    leave_both(&s);
    assert_true(flight_close_deserted(s.crew.flight));
    assert_true(flight_close_deserted(s.crew.flight));
    crew_begin(&next, &s.world, &s.a, "/a");
    assert_ptr_not_equal(next.flight, s.crew.flight);
    assert_false(flight_has_readers(s.crew.flight));
    crew_add(&s.crew, "some");
    crew_land(&s.crew, true); /* it has gone on after all: nothing of it is kept */
    assert_int_equal(cached_bytes(&s.world, "/a"), -1);
    crew_lose(&next, -EIO);
    end(&s);
}

/* One who comes back before the message does: nothing has happened. */
static void test_joined_before_the_producer_hears(void **state)
{
    struct scene s;

    begin(&s);
    s.crew.loses_deserted = true;
    leave_both(&s);
    join(&s.world, &s.b, "/a", 2);
    world_turn(&s.world);
    assert_int_equal(s.crew.deserted, 0);
    assert_false(flight_close_deserted(s.crew.flight));
    flight_leave(&s.b.reader);
    TURN_UNTIL(s.world.loops[0], s.crew.flight == NULL);
    assert_int_equal(s.crew.deserted, 1);
    end(&s);
}

/* One who comes back between hearing of it and closing. */
static void test_joined_before_it_closes(void **state)
{
    struct scene s;

    begin(&s);
    leave_both(&s);
    world_turn(&s.world);
    assert_int_equal(s.crew.deserted, 1);
    join(&s.world, &s.a, "/a", 0);
    assert_false(flight_close_deserted(s.crew.flight));
    crew_add(&s.crew, "some");
    crew_land(&s.crew, true);
    assert_str(blob_str(flight_entry(s.a.reader.flight)->blob), "some");
    end(&s);
}

static void test_coming_and_going_is_told_once(void **state)
{
    struct scene s;

    begin(&s);
    leave_both(&s);
    for (int i = 0; i < 10; i++) {
        join(&s.world, &s.b, "/a", i % WORKERS);
        flight_leave(&s.b.reader);
    }
    world_turn(&s.world);
    assert_int_equal(s.crew.deserted, 1);
    join(&s.world, &s.b, "/a", 1);
    flight_leave(&s.b.reader);
    world_turn(&s.world);
    assert_int_equal(s.crew.deserted, 2); /* each time anew */
    end(&s);
}

/* Those who leave after the end, or at the end, have nobody to tell. */
static void test_an_end_comes_first(void **state)
{
    struct scene s;

    begin(&s);
    flight_leave(&s.a.reader);
    crew_lose(&s.crew, -EIO);
    flight_leave(&s.b.reader);
    world_turn(&s.world);
    assert_int_equal(s.crew.deserted, 0);
    end(&s);

    begin(&s);
    leave_both(&s); /* the message is on its way when the flight ends */
    crew_lose(&s.crew, -EIO);
    assert_int_equal(world_stats(&s.world).flights, 1);
    world_turn(&s.world);
    assert_int_equal(s.crew.deserted, 0);
    assert_int_equal(world_stats(&s.world).flights, 0);
    end(&s);
}

/* What is refreshed for nobody in particular is not deserted, unless somebody came and went. */
static void test_a_refresh_needs_no_readers(void **state)
{
    struct cache_lookup found;
    struct scene s = {.a = viewer_new(), .b = viewer_new()};

    world_init(&s.world, MB, MB);
    put_timed(&s.world, "/a", 100, 200);
    assert_int_equal(view(&s.world, &s.a, "/a", 150, 0, &found), CACHE_STALE);
    assert_null(s.a.reader.flight);
    cache_entry_unref(&found.entry);
    crew_take(&s.crew, found.flight);
    world_turn(&s.world);
    assert_int_equal(s.crew.deserted, 0);
    join(&s.world, &s.b, "/a", 1); /* it has become too old to be used meanwhile */
    flight_leave(&s.b.reader);
    world_turn(&s.world);
    assert_int_equal(s.crew.deserted, 1);
    crew_grow(&s.crew, 4);
    crew_add(&s.crew, "some");
    crew_land(&s.crew, true);
    assert_int_equal(cached_bytes(&s.world, "/a"), 4);
    end(&s);
}

static void test_left_before_it_is_produced(void **state)
{
    struct cache_lookup found;
    struct scene s = {.a = viewer_new(), .b = viewer_new()};

    world_init(&s.world, MB, MB);
    assert_int_equal(view(&s.world, &s.a, "/a", 0, 0, &found), CACHE_BEGUN);
    flight_leave(&s.a.reader);
    crew_take(&s.crew, found.flight); /* in the same turn */
    world_turn(&s.world);
    assert_int_equal(s.crew.deserted, 1);
    end(&s);
}

static void test_private_flights_are_deserted_too(void **state)
{
    struct scene s = {.a = viewer_new(), .b = viewer_new()};

    world_init(&s.world, MB, MB);
    crew_take(&s.crew, flight_new_private(s.world.cache, s.world.loops[0], &s.a.reader));
    s.crew.loses_deserted = true;
    assert_false(flight_close_deserted(s.crew.flight));
    flight_leave(&s.a.reader);
    world_turn(&s.world);
    assert_int_equal(s.crew.deserted, 1);
    assert_null(s.crew.flight);
    end(&s);
}

TEST_MAIN(cmocka_unit_test(test_told_when_the_last_has_left), cmocka_unit_test(test_going_on),
          cmocka_unit_test(test_closing), cmocka_unit_test(test_nobody_joins_what_is_closed),
          cmocka_unit_test(test_joined_before_the_producer_hears),
          cmocka_unit_test(test_joined_before_it_closes),
          cmocka_unit_test(test_coming_and_going_is_told_once),
          cmocka_unit_test(test_an_end_comes_first),
          cmocka_unit_test(test_a_refresh_needs_no_readers),
          cmocka_unit_test(test_left_before_it_is_produced),
          cmocka_unit_test(test_private_flights_are_deserted_too))
