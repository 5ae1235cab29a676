/*
 * Where waking could go wrong: between a reader that says it waits and a producer that looks
 * whether anybody does. The loops really sleep; a wake-up that is lost is never made up for by
 * later news. Built with -Db_sanitize=thread it looks for races, too.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "base/test.h"
#include "cache/flight.h"

enum { THREADS = 3, VIEWERS = 4, BYTES = 3000, RESTLESS_ROUNDS = 30000, MB = 1 << 20 };

/* A flight of "/a", produced by the test's own thread. */
struct scene {
    struct cache *cache;
    struct loop *loop;
    struct flight *flight; /* a reference */
    struct flight_reader reader;
    struct flight_producer producer;
};

static void never(struct flight_reader *r)
{
    fail_msg("it does not wait");
}

static void on_deserted(struct flight_producer *p)
{
}

static void begin(struct scene *s)
{
    struct cache_lookup found;

    *s = (struct scene){.reader.changed = never, .producer.deserted = on_deserted};
    s->cache = cache_new(128 * MB, 64 * MB);
    s->loop = loop_new();
    assert_int_equal(cache_look_up(s->cache, STR("/a"), 0, s->loop, &s->reader, &found),
                     CACHE_BEGUN);
    s->flight = found.flight;
    flight_produce(s->flight, &s->producer);
    assert_true(
        flight_begin(s->flight, &(struct flight_head){.length = BODY_LENGTH_UNKNOWN}, 64 * MB));
}

static void end(struct scene *s)
{
    struct cache_stats stats;

    flight_unref(&s->flight);
    flight_leave(&s->reader);
    loop_free(&s->loop);
    cache_stats(s->cache, &stats);
    assert_int_equal(stats.flights, 0);
    assert_int_equal(stats.bytes, 0);
    cache_free(&s->cache);
    assert_int_equal(blob_live(), 0);
}

/* ---- in step: the next byte comes when all have the one before ---- */

static atomic_uint seen; /* bytes, by all viewers together; the end is one more for each */

struct watch {
    pthread_t thread;
    struct scene *scene;
    struct loop *loop;
    struct viewer {
        struct watch *watch;
        struct flight_reader reader;
        struct arena arena;
        struct body *body;
        unsigned bytes, wrong;
    } viewers[VIEWERS];
    unsigned left; /* viewers who read still */
};

static void pull(struct viewer *v)
{
    struct body_view view;

    while (v->body->left > 0 && body_peek(v->body, &view) > 0) {
        v->wrong += *(char *)view.iov[0].iov_base != (char)v->bytes;
        v->bytes++;
        body_advance(v->body, 1);
        atomic_fetch_add(&seen, 1); /* the next one may come before this one waits */
    }
    if (v->body->left > 0)
        return;
    body_done(v->body);
    atomic_fetch_add(&seen, 1);
    if (--v->watch->left == 0)
        loop_stop(v->watch->loop);
}

static void on_more(struct body *b)
{
    pull(b->puller);
}

static void open_body(struct viewer *v)
{
    struct cache_lookup found;

    v->reader.changed = never;
    arena_init(&v->arena, 4096);
    if (cache_look_up(v->watch->scene->cache, STR("/a"), 0, v->watch->loop, &v->reader, &found) !=
        CACHE_JOINED) {
        v->wrong++;
        return;
    }
    v->body = flight_body_new(&v->arena, &v->reader, 0, BODY_LENGTH_UNKNOWN);
    v->body->on_more = on_more;
    v->body->puller = v;
    pull(v);
}

static void *watch(void *arg)
{
    struct watch *w = arg;

    w->left = VIEWERS;
    for (int i = 0; i < VIEWERS; i++) {
        w->viewers[i].watch = w;
        open_body(&w->viewers[i]);
    }
    loop_run(w->loop);
    for (int i = 0; i < VIEWERS; i++)
        arena_done(&w->viewers[i].arena);
    return NULL;
}

/* Looks without sleeping, so that the next byte comes while the last viewer begins to wait. */
static bool all_have_seen(unsigned bytes)
{
    usec_t deadline = clock_monotonic() + 60 * USEC_PER_SEC;

    for (unsigned looks = 0; atomic_load(&seen) < bytes * THREADS * VIEWERS; looks++) {
        if (looks % 64 == 63)
            sched_yield();
        if (looks % 1024 == 1023 && clock_monotonic() > deadline)
            return false;
    }
    return true;
}

static void test_nobody_sleeps_for_ever(void **state)
{
    static struct watch watches[THREADS];
    struct scene s;

    begin(&s);
    atomic_store(&seen, 0);
    for (int i = 0; i < THREADS; i++) {
        watches[i] = (struct watch){.scene = &s, .loop = loop_new()};
        assert_int_equal(pthread_create(&watches[i].thread, NULL, watch, &watches[i]), 0);
    }
    for (unsigned i = 0; i < BYTES; i++) {
        char byte = (char)i;

        assert_true(flight_add(s.flight, (struct str){&byte, 1}));
        assert_true(all_have_seen(i + 1));
    }
    flight_land(s.flight, &(struct cache_entry){.status = 200}, false);
    assert_true(all_have_seen(BYTES + 1));
    for (int i = 0; i < THREADS; i++) {
        pthread_join(watches[i].thread, NULL);
        loop_free(&watches[i].loop);
        for (int v = 0; v < VIEWERS; v++) {
            assert_int_equal(watches[i].viewers[v].bytes, BYTES);
            assert_int_equal(watches[i].viewers[v].wrong, 0);
        }
    }
    end(&s);
}

/* ---- restless: seats are taken, waited in and left while news is posted to them ---- */

static atomic_uint restless;

static void count_call(struct flight_reader *r)
{
}

static void *come_and_go(void *arg)
{
    struct scene *s = arg;
    struct loop *l = loop_new();
    struct flight_reader r = {.changed = count_call};
    struct cache_lookup found;

    for (int i = 0; i < RESTLESS_ROUNDS; i++) {
        size_t filled = blob_filled(flight_blob(s->flight));

        (void)cache_look_up(s->cache, STR("/a"), 0, l, &r, &found);
        (void)!flight_wait(&r, FLIGHT_GROWING, filled + (size_t)(i % 2));
        if (i % 8 == 0)
            loop_turn(l);
        flight_leave(&r);
    }
    loop_free(&l); /* with messages to seats that are empty */
    atomic_fetch_sub(&restless, 1);
    return NULL;
}

static void test_seats_go_while_they_are_told(void **state)
{
    pthread_t threads[THREADS];
    struct scene s;

    begin(&s);
    atomic_store(&restless, THREADS);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &s), 0);
    while (atomic_load(&restless) > 0)
        assert_true(flight_add(s.flight, STR("x")));
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    flight_lose(s.flight, -EIO);
    end(&s);
}

TEST_MAIN(cmocka_unit_test(test_nobody_sleeps_for_ever),
          cmocka_unit_test(test_seats_go_while_they_are_told))
