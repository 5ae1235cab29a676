/* What flights cost while they are under way, and what they cannot have. */
#include <errno.h>
#include <stdio.h>

#include "cache/flight_testing.h"

static void put_small(struct world *w, const char *key)
{
    struct cache_entry *e =
        cache_put(w->cache, str_of(key), &(struct cache_entry){.blob = blob_new(5)});

    cache_entry_unref(&e);
}

static void test_bytes_under_way_are_paid_for(void **state)
{
    struct viewer v = viewer_new();
    struct world w;
    struct crew crew;
    uint64_t kept;

    world_init(&w, MB, MB);
    crew_begin(&crew, &w, &v, "/a");
    crew_grow(&crew, 100 * KB);
    assert_true(world_stats(&w).bytes >= 100 * KB);
    crew_lose(&crew, -EIO);
    flight_leave(&v.reader);
    assert_int_equal(world_stats(&w).bytes, 0);

    crew_begin(&crew, &w, &v, "/a");
    crew_grow(&crew, BODY_LENGTH_UNKNOWN);
    for (int i = 0; i < 500; i++) {
        static char kilobyte[KB];

        assert_true(flight_add(crew.flight, (struct str){kilobyte, sizeof kilobyte}));
        assert_true(world_stats(&w).bytes >= (uint64_t)i * KB);
    }
    crew_land(&crew, true);
    kept = world_stats(&w).bytes;
    assert_true(kept >= 500 * KB && kept < 510 * KB);
    flight_leave(&v.reader);
    assert_int_equal(world_stats(&w).bytes, kept);
    world_done(&w);
}

/* What came in pieces of unknown number costs what it holds. */
static void test_small_objects_cost_little(void **state)
{
    struct world w;

    world_init(&w, MB, MB);
    for (int i = 0; i < 100; i++) {
        struct viewer v = viewer_new();
        struct crew crew;
        char key[32];

        snprintf(key, sizeof key, "/%d", i);
        crew_begin(&crew, &w, &v, key);
        crew_grow(&crew, BODY_LENGTH_UNKNOWN);
        crew_add(&crew, "small");
        crew_land(&crew, true);
        flight_leave(&v.reader);
    }
    assert_int_equal(world_stats(&w).entries, 100);
    assert_true(world_stats(&w).bytes < 100 * 500);
    world_done(&w);
}

static bool begins(struct crew *crew, uint64_t length, uint64_t cap)
{
    return flight_begin(crew->flight, &(struct flight_head){.length = length}, cap);
}

/* A refused beginning changes nothing: it is ASKED still, and may be sent alone. */
static void test_what_does_not_begin(void **state)
{
    struct viewer v = viewer_new();
    struct world w;
    struct crew crew;

    world_init(&w, MB, MB);
    crew_begin(&crew, &w, &v, "/a");
    assert_false(begins(&crew, 1001, 1000));
    assert_false(begins(&crew, MB + 1, 2 * MB));
    assert_false(begins(&crew, UINT64_MAX - 1, UINT64_MAX));
    assert_false(begins(&crew, BODY_LENGTH_UNKNOWN, UINT64_MAX));
    assert_int_equal(flight_state(crew.flight), FLIGHT_ASKED);
    assert_int_equal(blob_live(), 0);
    assert_int_equal(world_stats(&w).bytes, 0);
    assert_true(begins(&crew, 1000, 1000));
    crew_lose(&crew, -EIO);
    flight_leave(&v.reader);
    world_done(&w);
}

/* What can never have room makes none: the rest stays where it is. */
static void test_the_impossible_evicts_nothing(void **state)
{
    struct viewer v = viewer_new();
    struct world w;
    struct crew crew;

    world_init(&w, MB, 64 * MB);
    put_small(&w, "/b");
    crew_begin(&crew, &w, &v, "/a");
    assert_false(begins(&crew, MB + 1, 64 * MB));
    assert_int_equal(cached_bytes(&w, "/b"), 5);
    assert_int_equal(world_stats(&w).evictions, 0);
    crew_lose(&crew, -EIO);
    flight_leave(&v.reader);
    world_done(&w);
}

static void test_over_its_cap_without_a_length(void **state)
{
    struct viewer v = viewer_new();
    struct world w;
    struct crew crew;

    world_init(&w, MB, MB);
    crew_begin(&crew, &w, &v, "/a");
    assert_true(begins(&crew, BODY_LENGTH_UNKNOWN, 10));
    assert_true(world_stats(&w).bytes < KB); /* no more room is taken than it may fill */
    crew_add(&crew, "12345");
    assert_false(flight_add(crew.flight, STR("678901")));
    crew_add(&crew, "67890"); /* and nothing of the piece that was too much is there */
    assert_false(flight_add(crew.flight, STR("1")));
    assert_str(blob_str(flight_blob(crew.flight)), "1234567890");
    crew_land(&crew, true);
    flight_leave(&v.reader);
    assert_int_equal(cached_bytes(&w, "/a"), 10);
    world_done(&w);
}

/* Everything there is has been promised to others. */
static void test_no_room_is_an_answer(void **state)
{
    struct viewer a = viewer_new(), b = viewer_new();
    static char half[512 * KB];
    struct crew first, second;
    struct world w;

    world_init(&w, MB, MB);
    crew_begin(&first, &w, &a, "/a");
    assert_true(begins(&first, 900 * KB, MB));
    crew_begin(&second, &w, &b, "/b");
    assert_false(begins(&second, 200 * KB, MB));
    crew_lose(&first, -EIO);
    assert_true(begins(&second, BODY_LENGTH_UNKNOWN, MB));
    assert_true(flight_add(second.flight, (struct str){half, sizeof half}));
    assert_int_equal(world_stats(&w).bytes, 512 * KB);
    flight_leave(&a.reader);
    crew_begin(&first, &w, &a, "/a");
    assert_true(begins(&first, 500 * KB, MB));
    assert_false(flight_add(second.flight, STR("one byte more"))); /* a step is more than is left */
    crew_lose(&second, -ENOBUFS);
    crew_lose(&first, -EIO);
    flight_leave(&a.reader);
    flight_leave(&b.reader);
    assert_int_equal(world_stats(&w).bytes, 0);
    world_done(&w);
}

/* Its room is its own until it is kept: others, who want all there is, cannot take it at the end.
 */
static void test_landing_needs_no_new_room(void **state)
{
    struct viewer a = viewer_new(), b = viewer_new();
    static char most[900 * KB];
    struct crew first, second;
    struct world w;

    world_init(&w, MB, MB);
    crew_begin(&first, &w, &a, "/a");
    assert_true(begins(&first, sizeof most, MB));
    assert_true(flight_add(first.flight, (struct str){most, sizeof most}));
    crew_begin(&second, &w, &b, "/b");
    assert_true(begins(&second, 100 * KB, MB));
    crew_land(&first, true);
    assert_int_equal(cached_bytes(&w, "/a"), sizeof most);
    crew_lose(&second, -EIO);
    flight_leave(&a.reader);
    flight_leave(&b.reader);
    world_done(&w);
}

TEST_MAIN(cmocka_unit_test(test_bytes_under_way_are_paid_for),
          cmocka_unit_test(test_small_objects_cost_little),
          cmocka_unit_test(test_what_does_not_begin),
          cmocka_unit_test(test_the_impossible_evicts_nothing),
          cmocka_unit_test(test_over_its_cap_without_a_length),
          cmocka_unit_test(test_no_room_is_an_answer),
          cmocka_unit_test(test_landing_needs_no_new_room))
