/* What flights leave in the index, and how they leave it. */
#include <errno.h>

#include "cache/flight_testing.h"

/* A whole flight of "/a" or another key: `text` is what is kept. */
static void fly(struct world *w, const char *key, const char *text, bool is_kept)
{
    struct viewer v = viewer_new();
    struct crew crew;

    crew_begin(&crew, w, &v, key);
    crew_grow(&crew, strlen(text));
    crew_add(&crew, text);
    crew_land(&crew, is_kept);
    assert_str(blob_str(flight_entry(v.reader.flight)->blob), text); /* the reader has it anyway */
    flight_leave(&v.reader);
}

static void test_a_new_version_takes_the_place(void **state)
{
    struct world w;

    world_init(&w, MB, MB);
    fly(&w, "/a", "old", true);
    assert_int_equal(cached_bytes(&w, "/a"), 3);
    fly(&w, "/a", "newer", true);
    assert_int_equal(cached_bytes(&w, "/a"), 5);
    assert_int_equal(world_stats(&w).entries, 1);
    world_done(&w);
}

/* Else it would be served for stale as long as its times allow, and forgotten again and again. */
static void test_what_is_not_kept_ends_the_old_version(void **state)
{
    struct world w;

    world_init(&w, MB, MB);
    fly(&w, "/a", "old", true);
    fly(&w, "/a", "newer", false);
    assert_int_equal(cached_bytes(&w, "/a"), -1);
    assert_int_equal(world_stats(&w).bytes, 0);
    assert_int_equal(world_stats(&w).rejected, 0); /* nobody wanted it in */
    world_done(&w);
}

static void test_what_is_too_large_ends_the_old_version(void **state)
{
    struct world w;

    world_init(&w, MB, 5);
    fly(&w, "/a", "old", true);
    fly(&w, "/a", "too large", true);
    assert_int_equal(cached_bytes(&w, "/a"), -1);
    assert_int_equal(world_stats(&w).bytes, 0);
    assert_int_equal(world_stats(&w).rejected, 1);
    world_done(&w);
}

/* ---- alone ---- */

static void send_alone(struct world *w, usec_t now, usec_t remember)
{
    struct viewer v = viewer_new();
    struct crew crew;

    crew_begin(&crew, w, &v, "/a");
    flight_send_alone(crew.flight, now, remember);
    crew_leave(&crew);
    assert_int_equal(flight_state(v.reader.flight), FLIGHT_ALONE);
    flight_leave(&v.reader);
}

/* Until then nobody waits for another; afterwards one asks again, and has no version to go by. */
static void test_alone_is_remembered(void **state)
{
    struct viewer v = viewer_new();
    struct cache_lookup found;
    struct world w;
    struct crew crew;

    world_init(&w, MB, MB);
    fly(&w, "/a", "old", true);
    send_alone(&w, 2000, 50);
    assert_int_equal(view(&w, &v, "/a", 2049, 0, &found), CACHE_FRESH);
    assert_int_equal(found.entry->status, 0);
    assert_null(found.entry->blob);
    assert_null(found.flight);
    cache_entry_unref(&found.entry);
    assert_int_equal(view(&w, &v, "/a", 2050, 0, &found), CACHE_BEGUN);
    assert_null(found.entry);
    crew_take(&crew, found.flight);
    flight_leave(&v.reader);
    assert_int_equal(view(&w, &v, "/a", 2050, 1, &found), CACHE_JOINED);
    assert_null(found.entry);
    crew_grow(&crew, 3);
    crew_add(&crew, "new");
    crew_land(&crew, true);
    flight_leave(&v.reader);
    assert_int_equal(cached_bytes(&w, "/a"), 3);
    assert_int_equal(world_stats(&w).entries, 1);
    world_done(&w);
}

static void test_alone_without_memory(void **state)
{
    struct world w;

    world_init(&w, MB, MB);
    send_alone(&w, 2000, 0);
    assert_int_equal(world_stats(&w).entries, 0);
    fly(&w, "/a", "old", true);
    send_alone(&w, 2000, 0);
    assert_int_equal(cached_bytes(&w, "/a"), -1); /* the old one has been overtaken */
    world_done(&w);
}

/* It has grown too large to be shared: who reads it is cut, who comes next asks for itself. */
static void test_lost_and_alone(void **state)
{
    struct viewer v = viewer_new();
    struct cache_lookup found;
    struct world w;
    struct crew crew;

    world_init(&w, MB, MB);
    fly(&w, "/a", "old", true);
    crew_begin(&crew, &w, &v, "/a");
    crew_grow(&crew, BODY_LENGTH_UNKNOWN);
    crew_add(&crew, "some");
    flight_lose_alone(crew.flight, -EFBIG, 2000, 50);
    crew_leave(&crew);
    assert_int_equal(flight_state(v.reader.flight), FLIGHT_LOST);
    assert_int_equal(flight_why(v.reader.flight), -EFBIG);
    flight_leave(&v.reader);
    assert_int_equal(view(&w, &v, "/a", 2049, 0, &found), CACHE_FRESH);
    assert_int_equal(found.entry->status, 0);
    assert_null(found.entry->blob);
    cache_entry_unref(&found.entry);
    world_done(&w);
}

/* What is made of the bytes before they land is made of those that are kept. */
static void test_sealed_before_it_lands(void **state)
{
    for (int lands = 0; lands <= 1; lands++) {
        struct viewer v = viewer_new();
        struct blob *sealed;
        struct world w;
        struct crew crew;

        world_init(&w, MB, MB);
        crew_begin(&crew, &w, &v, "/a");
        crew_grow(&crew, BODY_LENGTH_UNKNOWN);
        crew_add(&crew, "some");
        sealed = flight_seal(crew.flight);
        assert_str(blob_str(sealed), "some");
        assert_ptr_equal(flight_seal(crew.flight), sealed);
        assert_false(flight_add(crew.flight, STR("more")));
        if (lands) {
            crew_land(&crew, true);
            assert_ptr_equal(flight_entry(v.reader.flight)->blob, sealed);
        } else {
            crew_lose(&crew, -EIO);
        }
        flight_leave(&v.reader);
        world_done(&w);
    }
}

/* ---- private flights, and those that have left the index ---- */

static void test_private_flights_are_nobodys(void **state)
{
    struct viewer v = viewer_new();
    struct world w;
    struct crew crew;

    world_init(&w, MB, MB);
    crew_take(&crew, flight_new_private(w.cache, w.loops[0], &v.reader));
    assert_true(flight_is_private(crew.flight));
    assert_null(flight_key(crew.flight).p);
    assert_true(flight_has_readers(crew.flight));
    crew_grow(&crew, 4);
    crew_add(&crew, "mine");
    crew_land(&crew, true);
    assert_str(blob_str(flight_entry(v.reader.flight)->blob), "mine");
    flight_leave(&v.reader);
    assert_int_equal(world_stats(&w).entries, 0);
    assert_int_equal(world_stats(&w).bytes, 0);
    crew_take(&crew, flight_new_private(w.cache, w.loops[0], &v.reader));
    flight_send_alone(crew.flight, 0, 1000);
    crew_leave(&crew);
    flight_leave(&v.reader);
    assert_int_equal(world_stats(&w).entries, 0);
    world_done(&w);
}

static void test_an_unlisted_flight_is_overtaken(void **state)
{
    struct viewer a = viewer_new(), b = viewer_new();
    struct crew first, second;
    struct world w;

    world_init(&w, MB, MB);
    crew_begin(&first, &w, &a, "/a");
    crew_grow(&first, 3);
    flight_unlist(first.flight);
    flight_unlist(first.flight); /* twice is once */
    crew_begin(&second, &w, &b, "/a");
    assert_ptr_not_equal(a.reader.flight, b.reader.flight);
    crew_grow(&second, 5);
    crew_add(&second, "newer");
    crew_land(&second, true);
    crew_add(&first, "old");
    crew_land(&first, true);
    assert_str(blob_str(flight_entry(a.reader.flight)->blob), "old");
    assert_int_equal(cached_bytes(&w, "/a"), 5);
    flight_leave(&a.reader);
    flight_leave(&b.reader);
    world_done(&w);
}

TEST_MAIN(cmocka_unit_test(test_a_new_version_takes_the_place),
          cmocka_unit_test(test_what_is_not_kept_ends_the_old_version),
          cmocka_unit_test(test_what_is_too_large_ends_the_old_version),
          cmocka_unit_test(test_alone_is_remembered), cmocka_unit_test(test_alone_without_memory),
          cmocka_unit_test(test_lost_and_alone), cmocka_unit_test(test_sealed_before_it_lands),
          cmocka_unit_test(test_private_flights_are_nobodys),
          cmocka_unit_test(test_an_unlisted_flight_is_overtaken))
