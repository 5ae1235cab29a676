/*
 * A crowd: threads with a loop each, on which viewers look up, read, leave and come back at random
 * while producers feed, land and lose what was asked for, and purges run beside. Whoever reads can
 * tell a wrong byte. Built with -Db_sanitize=thread it looks for races, too.
 */
#include <sched.h>

#include "base/panic.h"
#include "base/test.h"
#include "cache/crowd_testing.h"

enum {
    TURNS = 4000,
    DEADLINE_SEC = 100,
};

/* ---- viewers ---- */

static void stop(struct viewer *v)
{
    if (!v->is_reading)
        return;
    if (v->body != NULL)
        body_done(v->body);
    flight_leave(&v->reader);
    v->is_reading = false;
    v->body = NULL;
    arena_done(&v->arena);
}

static void whole(struct viewer *v, bool is_range)
{
    crowd_saw(is_range ? SEEN_RANGE : SEEN_WHOLE);
    if (!is_range && v->at != object_length(v->name))
        crowd_wrong(WRONG_SHORT);
    stop(v);
}

static void pull(struct viewer *v)
{
    bool is_range = v->body->left != BODY_LENGTH_UNKNOWN;
    struct body_view view;
    int r;

    while (v->body->left > 0 && (r = body_peek(v->body, &view)) != 0) {
        struct str s = {view.iov[0].iov_base, view.iov[0].iov_len};

        if (r < 0) {
            crowd_saw(SEEN_BROKE_OFF);
            if (flight_state(v->reader.flight) != FLIGHT_LOST)
                crowd_wrong(WRONG_BROKEN);
            stop(v);
            return;
        }
        s.n = MIN(s.n, (size_t)1 + place_one_of(v->place, 5000));
        object_check(v->name, v->at, s);
        v->at += s.n;
        body_advance(v->body, s.n);
    }
    if (v->body->left == 0)
        whole(v, is_range);
    else
        v->is_asleep = true;
}

static void on_more(struct body *b)
{
    struct viewer *v = b->puller;

    if (!v->is_asleep)
        crowd_wrong(WRONG_UNASKED);
    v->is_asleep = false;
    pull(v);
}

static void open_body(struct viewer *v)
{
    const struct flight_head *head = flight_head(v->reader.flight);
    uint64_t length = BODY_LENGTH_UNKNOWN;

    v->at = 0;
    if (head->length != BODY_LENGTH_UNKNOWN && place_one_of(v->place, 2) == 0) {
        v->at = place_one_of(v->place, (unsigned)head->length + 1);
        length = place_one_of(v->place, (unsigned)(head->length - v->at) + 1);
    }
    v->name = object_named(head->etag);
    v->body = flight_body_new(&v->arena, &v->reader, v->at, length);
    v->body->on_more = on_more;
    v->body->puller = v;
    pull(v);
}

static void look(struct viewer *v)
{
    struct flight *f = v->reader.flight;

    if (flight_state(f) == FLIGHT_ASKED &&
        flight_wait(&v->reader, FLIGHT_ASKED, FLIGHT_ANY_BYTES)) {
        v->is_asleep = true;
        return;
    }
    if (flight_state(f) == FLIGHT_GROWING) {
        open_body(v);
        return;
    }
    if (flight_state(f) == FLIGHT_LANDED) {
        crowd_saw(SEEN_LANDED);
        object_check_entry(flight_entry(f));
    } else {
        crowd_saw(flight_state(f) == FLIGHT_LOST ? SEEN_LOST : SEEN_ALONE);
    }
    stop(v);
}

static void start(struct viewer *v);

/* Some take a neighbour with them, or begin anew on the spot. */
static void on_changed(struct flight_reader *r)
{
    struct viewer *v = container_of(r, struct viewer, reader);
    unsigned what = v->place->is_closing ? 9 : place_one_of(v->place, 10);

    if (!v->is_asleep)
        crowd_wrong(WRONG_UNASKED);
    v->is_asleep = false;
    if (what == 0)
        stop(&v->place->viewers[place_one_of(v->place, CROWD_VIEWERS)]);
    if (what == 1) {
        stop(v);
        start(v);
    }
    if (v->is_reading && !v->is_asleep && v->body == NULL)
        look(v);
}

static void start(struct viewer *v)
{
    static const char *const keys[CROWD_KEYS] = {"/a",        "/b",        "/c",
                                                 "/purged/a", "/purged/b", "/purged/c"};
    static const enum sight seen[] = {SEEN_FRESH, SEEN_STALE, SEEN_JOINED, SEEN_BEGUN};
    unsigned key = place_one_of(v->place, CROWD_KEYS);
    struct cache_lookup found;
    enum cache_found how;

    v->reader = (struct flight_reader){.changed = on_changed};
    v->is_asleep = false;
    how = cache_look_up(crowd.cache, str_of(keys[key]), atomic_load(&crowd.now), v->place->loop,
                        &v->reader, &found);
    crowd_saw(seen[how]);
    if (how == CACHE_FRESH || how == CACHE_STALE)
        object_check_entry(found.entry);
    if (how == CACHE_STALE && found.flight != NULL)
        crowd_saw(SEEN_REFRESHED);
    if (found.flight != NULL)
        place_produce(v->place, key, &found);
    cache_entry_unref(&found.entry);
    if (how == CACHE_FRESH || how == CACHE_STALE)
        return;
    v->is_reading = true;
    arena_init(&v->arena, 4096);
    look(v);
}

/* ---- the threads ---- */

static bool is_purged(struct str key, void *arg)
{
    return str_starts(key, STR("/purged/"));
}

static void come_and_go(struct place *p)
{
    struct cache_stats s;

    for (int i = 0; i < CROWD_VIEWERS; i++) {
        struct viewer *v = &p->viewers[i];

        if (!v->is_reading && place_one_of(p, 4) == 0) {
            start(v);
        } else if (v->is_reading && place_one_of(p, 16) == 0) {
            crowd_saw(SEEN_LEFT);
            stop(v);
        }
    }
    if (place_one_of(p, 16) == 0 && cache_purge(crowd.cache, is_purged, NULL) > 0)
        crowd_saw(SEEN_PURGED);
    cache_stats(crowd.cache, &s);
    if (s.bytes > CROWD_LIMIT)
        crowd_wrong(WRONG_OVER_LIMIT);
    atomic_fetch_add(&crowd.now, 1);
}

static bool is_busy(const struct place *p)
{
    for (int i = 0; i < CROWD_VIEWERS; i++)
        if (p->viewers[i].is_reading)
            return true;
    return !list_is_empty(&p->producers);
}

static void *run(void *arg)
{
    struct place *p = arg;
    usec_t deadline = clock_monotonic() + DEADLINE_SEC * USEC_PER_SEC;

    for (int turn = 0; turn < TURNS; turn++) {
        come_and_go(p);
        place_feed(p);
        loop_turn(p->loop);
    }
    for (p->is_closing = true; is_busy(p); sched_yield()) {
        place_feed(p);
        loop_turn(p->loop);
        if (clock_monotonic() > deadline)
            WRONG("a viewer sleeps for ever");
    }
    return NULL;
}

static void place_init(struct place *p, unsigned seed)
{
    *p = (struct place){.loop = loop_new(), .seed = seed};
    list_init(&p->producers);
    for (int i = 0; i < CROWD_VIEWERS; i++)
        p->viewers[i].place = p;
}

static void test_crowd(void **state)
{
    static struct place places[CROWD_PLACES];
    struct cache_stats s;

    crowd.cache = cache_new(CROWD_LIMIT, CROWD_LIMIT / 2);
    for (unsigned i = 0; i < CROWD_PLACES; i++)
        place_init(&places[i], i + 1);
    for (unsigned i = 0; i < CROWD_PLACES; i++)
        assert_int_equal(pthread_create(&places[i].thread, NULL, run, &places[i]), 0);
    for (unsigned i = 0; i < CROWD_PLACES; i++)
        pthread_join(places[i].thread, NULL);
    for (unsigned i = 0; i < CROWD_PLACES; i++)
        loop_free(&places[i].loop);
    crowd_assert_counts();
    cache_stats(crowd.cache, &s);
    assert_int_equal(s.flights, 0);
    assert_int_equal(blob_live(), s.blobs);
    cache_free(&crowd.cache); /* its account is at zero, or it dies here */
    assert_int_equal(blob_live(), 0);
}

TEST_MAIN(cmocka_unit_test(test_crowd))
