/* The life of a flight: what it may become, how it ends. */
#include <errno.h>

#include "base/panic.h"
#include "cache/flight_testing.h"

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
    assert_false(flight_is_private(f));
    assert_str(flight_key(f), "/a");
    crew_grow(&crew, 10);
    assert_int_equal(flight_head(f)->length, 10);
    assert_str(flight_head(f)->etag, "\"e\"");
    assert_str(flight_head(f)->type, "video/mp2t");
    assert_int_equal(flight_head(f)->last_modified, 77);
    crew_add(&crew, "01234");
    assert_int_equal(cached_bytes(&w, "/a"), -1);
    assert_true(flight_add(f, STR_NONE)); /* no bytes at all are no harm */
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

TEST_MAIN(cmocka_unit_test(test_every_move_from_every_state),
          cmocka_unit_test(test_what_a_state_does_not_have), cmocka_unit_test(test_lands_whole),
          cmocka_unit_test(test_lands_with_a_length_nobody_knew),
          cmocka_unit_test(test_lands_without_bytes), cmocka_unit_test(test_lands_the_same),
          cmocka_unit_test(test_lost_says_why), cmocka_unit_test(test_lost_while_it_grows))
