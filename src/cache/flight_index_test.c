/* Who begins a flight and who joins it, around every boundary of an entry's times; what purging
 * does. */
#include <errno.h>

#include "cache/flight_testing.h"

/* What two who look up one after the other are told, around every boundary. */
static const struct {
    const char *key;
    usec_t now;
    enum cache_found first, second;
} look_ups[] = {
    {"/none", 0, CACHE_BEGUN, CACHE_JOINED},
    {"/none", 5000, CACHE_BEGUN, CACHE_JOINED},
    {"/100-200", 0, CACHE_FRESH, CACHE_FRESH},
    {"/100-200", 99, CACHE_FRESH, CACHE_FRESH},
    {"/100-200", 100, CACHE_STALE, CACHE_STALE},
    {"/100-200", 199, CACHE_STALE, CACHE_STALE},
    {"/100-200", 200, CACHE_BEGUN, CACHE_JOINED},
    {"/100-200", 299, CACHE_BEGUN, CACHE_JOINED}, /* what errors allow is the caller's to see */
    {"/100-200", 300, CACHE_BEGUN, CACHE_JOINED},
    {"/100-100", 99, CACHE_FRESH, CACHE_FRESH},
    {"/100-100", 100, CACHE_BEGUN, CACHE_JOINED},
    {"/0-0", 0, CACHE_BEGUN, CACHE_JOINED},
    {"/0-200", 0, CACHE_STALE, CACHE_STALE},
};

static void test_every_boundary_of_the_times(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(look_ups); i++) {
        bool is_fresh = look_ups[i].first == CACHE_FRESH;
        struct world w;

        world_init(&w, MB, MB);
        put_timed(&w, "/100-200", 100, 200);
        put_timed(&w, "/100-100", 100, 100);
        put_timed(&w, "/0-200", 0, 200);
        put_timed(&w, "/0-0", 0, 0);
        check_look_up(&w, look_ups[i].key, look_ups[i].now, look_ups[i].first, !is_fresh);
        check_look_up(&w, look_ups[i].key, look_ups[i].now, look_ups[i].first, !is_fresh);
        world_done(&w);
    }
}

static void test_the_second_joins_the_first(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(look_ups); i++) {
        struct viewer a = viewer_new(), b = viewer_new();
        struct cache_lookup first, second;
        struct world w;
        struct crew crew;

        if (look_ups[i].second != CACHE_JOINED)
            continue;
        world_init(&w, MB, MB);
        put_timed(&w, "/100-200", 100, 200);
        put_timed(&w, "/100-100", 100, 100);
        put_timed(&w, "/0-0", 0, 0);
        assert_int_equal(view(&w, &a, look_ups[i].key, look_ups[i].now, 0, &first), CACHE_BEGUN);
        crew_take(&crew, first.flight);
        assert_int_equal(view(&w, &b, look_ups[i].key, look_ups[i].now, 1, &second), CACHE_JOINED);
        assert_ptr_equal(second.entry, first.entry); /* both may fall back on the stale one */
        assert_ptr_equal(a.reader.flight, b.reader.flight);
        assert_int_equal(world_stats(&w).flights, 1);
        cache_entry_unref(&first.entry);
        cache_entry_unref(&second.entry);
        crew_lose(&crew, -EIO);
        flight_leave(&a.reader);
        flight_leave(&b.reader);
        world_done(&w);
    }
}

/* Another key, if only by its case or its length, is another object. */
static void test_keys_are_bytes(void **state)
{
    static const struct str keys[] = {{"a", 1},    {"A", 1},    {"a\0", 2}, {"a\0b", 3},
                                      {"a\0c", 3}, {"\0\0", 2}, {"", 0}};
    struct viewer v[ARRAY_LEN(keys)], again = viewer_new();
    struct crew crews[ARRAY_LEN(keys)];
    struct cache_lookup found;
    struct world w;

    world_init(&w, MB, MB);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        v[i] = viewer_new();
        assert_int_equal(cache_look_up(w.cache, keys[i], 0, w.loops[0], &v[i].reader, &found),
                         CACHE_BEGUN);
        crew_take(&crews[i], found.flight);
    }
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        assert_int_equal(cache_look_up(w.cache, keys[i], 0, w.loops[0], &again.reader, &found),
                         CACHE_JOINED);
        assert_ptr_equal(again.reader.flight, v[i].reader.flight);
        flight_leave(&again.reader);
        crew_grow(&crews[i], i);
        assert_true(flight_add(crews[i].flight, str_first(STR("123456"), i)));
        crew_land(&crews[i], true);
        flight_leave(&v[i].reader);
    }
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        assert_int_equal(cache_look_up(w.cache, keys[i], 0, w.loops[0], &again.reader, &found),
                         CACHE_FRESH);
        assert_int_equal(blob_filled(found.entry->blob), i);
        cache_entry_unref(&found.entry);
    }
    world_done(&w);
}

/* Used, or good enough meanwhile, is a hit; whatever makes somebody wait is a miss. */
static void test_hits_and_misses(void **state)
{
    struct viewer v = viewer_new();
    struct cache_lookup found;
    struct world w;
    struct crew crew;

    world_init(&w, MB, MB);
    put_timed(&w, "/a", 100, 200);
    for (usec_t now = 50; now < 300; now += 100) {
        (void)view(&w, &v, "/a", now, 0, &found);
        cache_entry_unref(&found.entry);
        if (found.flight == NULL)
            continue;
        crew_take(&crew, found.flight);
        crew_lose(&crew, -EIO);
        flight_leave(&v.reader);
    }
    assert_int_equal(world_stats(&w).hits, 2);
    assert_int_equal(world_stats(&w).misses, 1);
    world_done(&w);
}

/* ---- purging ---- */

static bool is_key(struct str key, void *arg)
{
    return str_eq(key, str_of(arg));
}

static unsigned purge(struct world *w, const char *key)
{
    return cache_purge(w->cache, is_key, (void *)(uintptr_t)key);
}

/* Who comes after a purge gets nothing of what was asked for before it. */
static void test_purge_overtakes_what_is_under_way(void **state)
{
    struct viewer a = viewer_new(), b = viewer_new(), other = viewer_new();
    struct crew old, new, kept;
    struct world w;

    world_init(&w, MB, MB);
    crew_begin(&kept, &w, &other, "/b");
    crew_begin(&old, &w, &a, "/a");
    crew_grow(&old, 3);
    assert_int_equal(purge(&w, "/c"), 0);
    assert_int_equal(purge(&w, "/a"), 1);
    assert_int_equal(purge(&w, "/a"), 0);
    crew_begin(&new, &w, &b, "/a");
    crew_add(&old, "old");
    crew_land(&old, true);
    assert_str(blob_str(flight_entry(a.reader.flight)->blob), "old"); /* who came before is fed */
    assert_int_equal(cached_bytes(&w, "/a"), -1);
    crew_grow(&new, 5);
    crew_add(&new, "newer");
    crew_land(&new, true);
    assert_int_equal(cached_bytes(&w, "/a"), 5);
    crew_grow(&kept, 1);
    crew_add(&kept, "k");
    crew_land(&kept, true);
    assert_int_equal(cached_bytes(&w, "/b"), 1);
    flight_leave(&a.reader);
    flight_leave(&b.reader);
    flight_leave(&other.reader);
    world_done(&w);
}

/* What the disk had of it is there for those who may use it stale, unless it was purged meanwhile.
 */
static void test_a_version_from_elsewhere(void **state)
{
    for (int is_purged = 0; is_purged <= 1; is_purged++) {
        struct cache_entry what = {.status = 200, .blob = blob_new(4), .stale_until = 2000}, *e;
        struct viewer v = viewer_new();
        struct world w;
        struct crew crew;

        world_init(&w, MB, MB);
        crew_begin(&crew, &w, &v, "/a");
        if (is_purged)
            assert_int_equal(purge(&w, "/a"), 1);
        e = flight_put(crew.flight, &what);
        assert_int_equal(blob_filled(e->blob), 4); /* usable all the same */
        assert_int_equal(cached_bytes(&w, "/a"), is_purged ? -1 : 4);
        if (!is_purged)
            check_look_up(&w, "/a", 1999, CACHE_STALE, false);
        crew_grow(&crew, 1);
        crew_add(&crew, "n");
        crew_land(&crew, true);
        assert_int_equal(cached_bytes(&w, "/a"), is_purged ? -1 : 1);
        cache_entry_unref(&e);
        flight_leave(&v.reader);
        world_done(&w);
    }
}

static void test_a_version_that_has_no_room(void **state)
{
    struct cache_entry what = {.status = 200, .blob = blob_new(11)}, *e;
    struct viewer v = viewer_new();
    struct world w;
    struct crew crew;

    world_init(&w, MB, 10);
    crew_begin(&crew, &w, &v, "/a");
    e = flight_put(crew.flight, &what);
    assert_int_equal(blob_filled(e->blob), 11);
    assert_int_equal(cached_bytes(&w, "/a"), -1);
    assert_int_equal(world_stats(&w).bytes, 0);
    assert_int_equal(world_stats(&w).rejected, 1);
    cache_entry_unref(&e);
    crew_lose(&crew, -EIO);
    flight_leave(&v.reader);
    world_done(&w);
}

/* A version and the flight that asks for it anew are both gone, whatever the answer is. */
static void test_purge_of_what_is_revalidated(void **state)
{
    for (int end = 0; end < 3; end++) {
        struct viewer v = viewer_new();
        struct cache_lookup found;
        struct world w;
        struct crew crew;

        world_init(&w, MB, MB);
        put_timed(&w, "/a", 100, 200);
        assert_int_equal(view(&w, &v, "/a", 1000, 0, &found), CACHE_BEGUN);
        crew_take(&crew, found.flight);
        assert_int_equal(purge(&w, "/a"), 2);
        if (end == 0)
            flight_land_same(crew.flight, found.entry);
        else if (end == 1)
            flight_send_alone(crew.flight, 1000, 1000);
        else
            flight_lose(crew.flight, -EIO);
        crew_leave(&crew);
        cache_entry_unref(&found.entry);
        flight_leave(&v.reader);
        assert_int_equal(world_stats(&w).entries, 0);
        assert_int_equal(world_stats(&w).bytes, 0);
        world_done(&w);
    }
}

TEST_MAIN(cmocka_unit_test(test_every_boundary_of_the_times),
          cmocka_unit_test(test_the_second_joins_the_first), cmocka_unit_test(test_keys_are_bytes),
          cmocka_unit_test(test_hits_and_misses),
          cmocka_unit_test(test_purge_overtakes_what_is_under_way),
          cmocka_unit_test(test_a_version_from_elsewhere),
          cmocka_unit_test(test_a_version_that_has_no_room),
          cmocka_unit_test(test_purge_of_what_is_revalidated))
