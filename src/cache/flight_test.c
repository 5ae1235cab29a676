/* The life of a flight: who begins it, what it may become, how it ends. */
#include <errno.h>

#include "base/panic.h"
#include "cache/flight_testing.h"

/* ---- looking up ---- */

static void put_timed(struct world *w, const char *key, usec_t fresh, usec_t stale)
{
    struct cache_entry *e = cache_put(w->cache, str_of(key),
                                      &(struct cache_entry){.blob = blob_new(1),
                                                            .status = 200,
                                                            .fresh_until = fresh,
                                                            .stale_until = stale,
                                                            .error_until = stale + 100});

    cache_entry_unref(&e);
}

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

static void check_look_up(struct world *w, const char *key, usec_t now, enum cache_found want,
                          bool begins)
{
    bool is_in = want == CACHE_BEGUN || want == CACHE_JOINED;
    struct viewer v = viewer_new();
    struct cache_lookup found;
    struct crew crew;

    assert_int_equal(view(w, &v, key, now, 0, &found), want);
    assert_int_equal(found.entry != NULL, cached_bytes(w, key) >= 0);
    assert_int_equal(found.flight != NULL, begins);
    assert_int_equal(v.reader.flight != NULL, is_in);
    cache_entry_unref(&found.entry);
    flight_leave(&v.reader);
    if (found.flight == NULL)
        return;
    assert_int_equal(flight_state(found.flight), FLIGHT_ASKED);
    assert_false(flight_has_readers(found.flight));
    crew_take(&crew, found.flight);
    if (want == CACHE_STALE)
        check_look_up(w, key, now, CACHE_STALE, false); /* one refreshes it, and no other */
    crew_lose(&crew, -EIO);
}

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

/* ---- states ---- */

#define MOVES(X) X(GROW) X(LAND) X(LAND_SAME) X(LOSE) X(ALONE)

enum move {
#define X(name) name,
    MOVES(X)
#undef X
        MOVE_COUNT
};

/* Where each move leads to, if it may be made. */
static const int after[][MOVE_COUNT] = {
    [FLIGHT_ASKED] = {[GROW] = FLIGHT_GROWING,
                      [LAND] = FLIGHT_LANDED,
                      [LAND_SAME] = FLIGHT_LANDED,
                      [LOSE] = FLIGHT_LOST,
                      [ALONE] = FLIGHT_ALONE},
    [FLIGHT_GROWING] =
        {[GROW] = -1, [LAND] = FLIGHT_LANDED, [LAND_SAME] = -1, [LOSE] = FLIGHT_LOST, [ALONE] = -1},
    [FLIGHT_LANDED] = {-1, -1, -1, -1, -1},
    [FLIGHT_LOST] = {-1, -1, -1, -1, -1},
    [FLIGHT_ALONE] = {-1, -1, -1, -1, -1},
};

/* The moves that lead to a state. */
static const struct {
    enum move moves[2];
    unsigned count;
} ways[] = {
    [FLIGHT_ASKED] = {{0}, 0},           [FLIGHT_GROWING] = {{GROW}, 1},
    [FLIGHT_LANDED] = {{GROW, LAND}, 2}, [FLIGHT_LOST] = {{LOSE}, 1},
    [FLIGHT_ALONE] = {{ALONE}, 1},
};

struct step {
    struct flight *flight;
    struct cache_entry *same;
    enum move move;
};

static void make_move(void *arg)
{
    struct step *s = arg;

    switch (s->move) {
    case GROW:
        (void)!flight_begin(s->flight, &(struct flight_head){.length = 0}, MB);
        break;
    case LAND:
        flight_land(s->flight, &(struct cache_entry){.status = 200, .fresh_until = 100}, true);
        break;
    case LAND_SAME:
        flight_land_same(s->flight, s->same);
        break;
    case LOSE:
        flight_lose(s->flight, -EIO);
        break;
    case ALONE:
        flight_send_alone(s->flight, 0, 10);
        break;
    default:
        WRONG("no move");
    }
}

static void check_move(enum flight_state from, enum move move)
{
    struct viewer v = viewer_new();
    struct step step = {0};
    struct world w;
    struct crew crew;

    world_init(&w, MB, MB);
    step.same = cache_put(w.cache, STR("/same"), &(struct cache_entry){.status = 200});
    crew_begin(&crew, &w, &v, "/a");
    step.flight = crew.flight;
    for (unsigned i = 0; i < ways[from].count; i++) {
        step.move = ways[from].moves[i];
        make_move(&step);
    }
    assert_int_equal(flight_state(crew.flight), from);
    step.move = move;
    if (after[from][move] < 0) {
        assert_true(dies(make_move, &step));
    } else {
        make_move(&step);
        assert_int_equal(flight_state(crew.flight), after[from][move]);
    }
    if (flight_state(crew.flight) < FLIGHT_LANDED)
        flight_lose(crew.flight, -EIO);
    crew_leave(&crew);
    flight_leave(&v.reader);
    cache_entry_unref(&step.same);
    world_done(&w);
}

static void test_every_move_from_every_state(void **state)
{
    for (int from = FLIGHT_ASKED; from <= FLIGHT_ALONE; from++)
        for (int move = 0; move < MOVE_COUNT; move++)
            check_move((enum flight_state)from, (enum move)move);
}

/* Who would read what is not there yet, or never comes, has not looked at the state. */
static void ask_for_head(void *f)
{
    (void)flight_head(f);
}

static void ask_for_entry(void *f)
{
    (void)flight_entry(f);
}

static void ask_for_why(void *f)
{
    (void)flight_why(f);
}

static void wait_at_the_end(void *r)
{
    struct flight_reader *reader = r;

    (void)!flight_wait(reader, flight_state(reader->flight), FLIGHT_ANY_BYTES);
}

static void test_what_a_state_does_not_have(void **state)
{
    struct viewer v = viewer_new();
    struct world w;
    struct crew crew;

    world_init(&w, MB, MB);
    crew_begin(&crew, &w, &v, "/a");
    assert_null(flight_blob(crew.flight));
    assert_true(dies(ask_for_head, crew.flight));
    assert_true(dies(ask_for_entry, crew.flight));
    assert_true(dies(ask_for_why, crew.flight));
    crew_grow(&crew, 10);
    assert_true(dies(ask_for_entry, crew.flight));
    assert_true(dies(ask_for_why, crew.flight));
    crew_lose(&crew, -EIO);
    assert_true(dies(ask_for_entry, v.reader.flight));
    assert_true(dies(wait_at_the_end, &v.reader)); /* for ever */
    flight_leave(&v.reader);
    world_done(&w);
}

/* ---- ends ---- */

static void test_lands_whole(void **state)
{
    struct viewer v = viewer_new();
    struct flight *f;
    struct world w;
    struct crew crew;

    world_init(&w, MB, MB);
    crew_begin(&crew, &w, &v, "/a");
    f = v.reader.flight;
    crew_grow(&crew, 10);
    assert_int_equal(flight_head(f)->length, 10);
    assert_str(flight_head(f)->etag, "\"e\"");
    assert_str(flight_head(f)->type, "video/mp2t");
    assert_int_equal(flight_head(f)->last_modified, 77);
    crew_add(&crew, "01234");
    assert_int_equal(cached_bytes(&w, "/a"), -1);
    crew_add(&crew, "");
    crew_add(&crew, "56789");
    assert_false(flight_add(f, STR("more than it said")));
    crew_land(&crew, true);
    assert_int_equal(flight_state(f), FLIGHT_LANDED);
    assert_str(blob_str(flight_entry(f)->blob), "0123456789");
    assert_int_equal(flight_entry(f)->version.size, 10);
    assert_int_equal(flight_entry(f)->status, 200);
    assert_str(flight_entry(f)->etag, "\"e\"");
    assert_str(flight_entry(f)->type, "video/mp2t");
    flight_leave(&v.reader);
    assert_int_equal(world_stats(&w).flights, 0);
    check_look_up(&w, "/a", 99, CACHE_FRESH, false);
    world_done(&w);
}

static void test_lands_with_a_length_nobody_knew(void **state)
{
    struct viewer v = viewer_new();
    struct world w;
    struct crew crew;

    world_init(&w, MB, MB);
    crew_begin(&crew, &w, &v, "/a");
    crew_grow(&crew, BODY_LENGTH_UNKNOWN);
    assert_true(flight_head(v.reader.flight)->length == BODY_LENGTH_UNKNOWN);
    crew_add(&crew, "some");
    crew_land(&crew, true);
    assert_str(blob_str(flight_entry(v.reader.flight)->blob), "some");
    assert_int_equal(flight_entry(v.reader.flight)->version.size, 4);
    flight_leave(&v.reader);
    assert_int_equal(cached_bytes(&w, "/a"), 4);
    world_done(&w);
}

/* An answer without a body, such as a 404 that is remembered. */
static void test_lands_without_bytes(void **state)
{
    struct viewer v = viewer_new();
    struct cache_lookup found;
    struct world w;
    struct crew crew;

    world_init(&w, MB, MB);
    crew_begin(&crew, &w, &v, "/a");
    flight_land(crew.flight, &(struct cache_entry){.status = 404, .fresh_until = 2000}, true);
    crew_leave(&crew);
    assert_null(flight_entry(v.reader.flight)->blob);
    assert_int_equal(flight_entry(v.reader.flight)->status, 404);
    flight_leave(&v.reader);
    assert_int_equal(view(&w, &v, "/a", 1999, 0, &found), CACHE_FRESH);
    assert_int_equal(found.entry->status, 404);
    cache_entry_unref(&found.entry);
    world_done(&w);
}

static void test_lands_the_same(void **state)
{
    struct viewer v = viewer_new();
    struct cache_lookup found;
    struct world w;
    struct crew crew;

    world_init(&w, MB, MB);
    put_timed(&w, "/a", 100, 200);
    assert_int_equal(view(&w, &v, "/a", 200, 0, &found), CACHE_BEGUN);
    crew_take(&crew, found.flight);
    atomic_store(&found.entry->fresh_until, 1000);
    flight_land_same(crew.flight, found.entry);
    crew_leave(&crew);
    assert_ptr_equal(flight_entry(v.reader.flight), found.entry);
    flight_leave(&v.reader);
    cache_entry_unref(&found.entry);
    check_look_up(&w, "/a", 999, CACHE_FRESH, false);
    assert_int_equal(world_stats(&w).entries, 1);
    world_done(&w);
}

/* What is there may be right still, and errors may allow to use it: it stays. */
static void test_lost_says_why(void **state)
{
    struct viewer v = viewer_new();
    struct world w;
    struct crew crew;

    world_init(&w, MB, MB);
    put_timed(&w, "/a", 100, 200);
    crew_begin(&crew, &w, &v, "/a");
    crew_lose(&crew, -ETIMEDOUT);
    assert_int_equal(flight_state(v.reader.flight), FLIGHT_LOST);
    assert_int_equal(flight_why(v.reader.flight), -ETIMEDOUT);
    flight_leave(&v.reader);
    assert_int_equal(cached_bytes(&w, "/a"), 1);
    check_look_up(&w, "/a", 200, CACHE_BEGUN, true); /* and asks again */
    world_done(&w);
}

static void test_lost_while_it_grows(void **state)
{
    struct viewer v = viewer_new();
    struct world w;
    struct crew crew;

    world_init(&w, MB, MB);
    crew_begin(&crew, &w, &v, "/a");
    crew_grow(&crew, 100);
    crew_add(&crew, "some");
    crew_lose(&crew, -ECONNRESET);
    assert_int_equal(flight_why(v.reader.flight), -ECONNRESET);
    flight_leave(&v.reader);
    assert_int_equal(cached_bytes(&w, "/a"), -1);
    check_look_up(&w, "/a", 0, CACHE_BEGUN, true);
    world_done(&w);
}

TEST_MAIN(cmocka_unit_test(test_every_boundary_of_the_times),
          cmocka_unit_test(test_the_second_joins_the_first), cmocka_unit_test(test_keys_are_bytes),
          cmocka_unit_test(test_hits_and_misses),
          cmocka_unit_test(test_every_move_from_every_state),
          cmocka_unit_test(test_what_a_state_does_not_have), cmocka_unit_test(test_lands_whole),
          cmocka_unit_test(test_lands_with_a_length_nobody_knew),
          cmocka_unit_test(test_lands_without_bytes), cmocka_unit_test(test_lands_the_same),
          cmocka_unit_test(test_lost_says_why), cmocka_unit_test(test_lost_while_it_grows))
