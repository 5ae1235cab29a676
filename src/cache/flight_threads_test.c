/*
 * A crowd: threads with a loop each, on which viewers look up, read, leave and come back at random
 * while producers feed, land and lose what was asked for, and purges run beside. Each object names
 * itself in its ETag, from which length and bytes follow, so whoever reads can tell a wrong byte.
 * Built with -Db_sanitize=thread it looks for races, too.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "base/panic.h"
#include "base/test.h"
#include "cache/flight.h"

enum {
    PLACES = 4,
    VIEWERS = 12, /* at each */
    TURNS = 5000,
    KEYS = 6,
    LASTING = 3, /* of the keys: those that are never purged */
    LIMIT = 400 << 10,
    DEADLINE_SEC = 100,
};

/* What must never happen: a thread beside the test's can only count it. */
#define WRONGS(X)                                        \
    X(BYTES, "a byte that is not the object's")          \
    X(SHORT, "a body that ended early")                  \
    X(BROKEN, "an error though the flight was not lost") \
    X(TWO_BEGUN, "two producers of one object")          \
    X(UNASKED, "a call to a viewer that did not wait")   \
    X(OVER_LIMIT, "more memory than the cache may take")

/* What must happen, or the test has shown nothing. */
#define SIGHTS(X)                                                                                \
    X(FRESH)                                                                                     \
    X(STALE) X(JOINED) X(BEGUN) X(REFRESHED) X(MARK) X(WHOLE) X(RANGE) X(LANDED) X(SAME) X(LOST) \
        X(BROKE_OFF) X(ALONE) X(LEFT) X(DESERTED) X(CLOSED) X(PURGED) X(REFUSED)

enum wrong {
#define X(name, text) WRONG_##name,
    WRONGS(X)
#undef X
        WRONG_COUNT
};

enum sight {
#define X(name) SEEN_##name,
    SIGHTS(X)
#undef X
        SIGHT_COUNT
};

static atomic_uint wrongs[WRONG_COUNT], sights[SIGHT_COUNT];
static atomic_uint under_way[LASTING]; /* producers of each key */
static atomic_uint names;              /* of objects, given so far */
static _Atomic usec_t now;             /* a clock that goes by turns */
static struct cache *cache;

static void wrong(enum wrong w)
{
    atomic_fetch_add_explicit(&wrongs[w], 1, memory_order_relaxed);
}

static void saw(enum sight s)
{
    atomic_fetch_add_explicit(&sights[s], 1, memory_order_relaxed);
}

/* ---- objects ---- */

static uint64_t length_of(uint64_t name)
{
    return name % 16 == 0 ? 64 * 1024 + name % 10000 : name * 37 % 3000;
}

static char byte_of(uint64_t name, uint64_t at)
{
    return (char)(name * 31 + at * 7 + (at >> 8));
}

static uint64_t name_in(struct str etag)
{
    uint64_t name = 0;

    if (str_parse_u64(etag, UINT32_MAX, &name) < 0)
        wrong(WRONG_BYTES);
    return name;
}

static void check_bytes(uint64_t name, uint64_t at, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != byte_of(name, at + i)) {
            wrong(WRONG_BYTES);
            return;
        }
    }
}

static void check_entry(const struct cache_entry *e)
{
    uint64_t name;

    if (e->blob == NULL) {
        saw(SEEN_MARK);
        return;
    }
    name = name_in(e->etag);
    check_bytes(name, 0, blob_str(e->blob));
    if (blob_filled(e->blob) != length_of(name))
        wrong(WRONG_SHORT);
}

/* ---- places ---- */

struct place;

struct viewer {
    struct flight_reader reader;
    struct place *place;
    struct body *body; /* NULL: it has not seen the head yet */
    struct arena arena;
    uint64_t name, at; /* of what it reads, and how far it is */
    bool is_reading, is_asleep;
};

struct producer {
    struct list link; /* of place.producers */
    struct flight_producer hears;
    struct place *place;
    struct flight *flight;   /* a reference */
    struct cache_entry *old; /* a reference, or NULL */
    unsigned key;
    uint64_t name, at;
};

struct place {
    pthread_t thread;
    struct loop *loop;
    unsigned seed;
    bool is_closing; /* nobody comes or goes any more; everything must come to its end */
    struct viewer viewers[VIEWERS];
    struct list producers;
};

static unsigned one_of(struct place *p, unsigned n)
{
    return (unsigned)rand_r(&p->seed) % n;
}

/* ---- producers ---- */

/* From here on another may begin; but for the keys that are purged, nobody may before. */
static void count_off(struct producer *m)
{
    if (m->key < LASTING)
        atomic_fetch_sub(&under_way[m->key], 1);
}

static void count_on(unsigned key)
{
    if (key < LASTING && atomic_fetch_add(&under_way[key], 1) > 0)
        wrong(WRONG_TWO_BEGUN);
}

static void producer_free(struct producer *m)
{
    list_remove(&m->link);
    cache_entry_unref(&m->old);
    flight_unref(&m->flight);
    free(m);
}

static void lose(struct producer *m)
{
    count_off(m);
    flight_lose(m->flight, -ECONNRESET);
    producer_free(m);
}

static void on_deserted(struct flight_producer *hears)
{
    struct producer *m = container_of(hears, struct producer, hears);

    saw(SEEN_DESERTED);
    if (one_of(m->place, 2) == 0)
        return;
    count_off(m);
    if (flight_close_deserted(m->flight)) {
        saw(SEEN_CLOSED);
        flight_lose(m->flight, -ECANCELED);
        producer_free(m);
    } else {
        count_on(m->key);
    }
}

static void producer_new(struct place *p, unsigned key, struct cache_lookup *found)
{
    struct producer *m = xzalloc(sizeof *m);

    count_on(key);
    m->hears.deserted = on_deserted;
    m->place = p;
    m->flight = TAKE(found->flight);
    m->old = TAKE(found->entry);
    m->key = key;
    m->name = atomic_fetch_add(&names, 1) + 1;
    list_append(&p->producers, &m->link);
    flight_produce(m->flight, &m->hears);
}

static void send_alone(struct producer *m, usec_t remember)
{
    count_off(m);
    flight_send_alone(m->flight, atomic_load(&now), remember);
    producer_free(m);
}

static void land_same(struct producer *m)
{
    saw(SEEN_SAME);
    atomic_store(&m->old->fresh_until, atomic_load(&now) + 20);
    count_off(m);
    flight_land_same(m->flight, m->old);
    producer_free(m);
}

static void answer(struct producer *m)
{
    char name[32];
    struct flight_head head = {.length = length_of(m->name)};
    unsigned how = one_of(m->place, 16);

    head.etag = (struct str){name, (size_t)snprintf(name, sizeof name, "%u", (unsigned)m->name)};
    if (one_of(m->place, 2) == 0)
        head.length = BODY_LENGTH_UNKNOWN;
    if (how == 0)
        lose(m);
    else if (how == 1)
        send_alone(m, one_of(m->place, 2) * 10);
    else if (how < 6 && m->old != NULL)
        land_same(m);
    else if (!flight_begin(m->flight, &head, LIMIT)) {
        saw(SEEN_REFUSED);
        send_alone(m, 0);
    }
}

static void land(struct producer *m)
{
    usec_t t = atomic_load(&now);
    char name[32];
    struct cache_entry what = {.status = 200, .fresh_until = t + 5, .stale_until = t + 20};

    what.etag = (struct str){name, (size_t)snprintf(name, sizeof name, "%u", (unsigned)m->name)};
    count_off(m);
    flight_land(m->flight, &what, one_of(m->place, 8) > 0);
    producer_free(m);
}

static void feed(struct producer *m)
{
    char bytes[4096];
    uint64_t left = length_of(m->name) - m->at;
    size_t n = MIN(left, 1 + (uint64_t)one_of(m->place, sizeof bytes));

    for (size_t i = 0; i < n; i++)
        bytes[i] = byte_of(m->name, m->at + i);
    m->at += n;
    if (!flight_add(m->flight, (struct str){bytes, n})) {
        saw(SEEN_REFUSED);
        lose(m);
    } else if (one_of(m->place, 64) == 0)
        lose(m);
    else if (m->at == length_of(m->name))
        land(m);
}

static void produce(struct place *p)
{
    LIST_FOREACH_SAFE (link, &p->producers) {
        struct producer *m = LIST_ENTRY(link, struct producer, link);

        if (!p->is_closing && one_of(p, 2) == 0)
            continue;
        if (flight_state(m->flight) == FLIGHT_ASKED)
            answer(m);
        else
            feed(m);
    }
}

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
    saw(is_range ? SEEN_RANGE : SEEN_WHOLE);
    if (!is_range && v->at != length_of(v->name))
        wrong(WRONG_SHORT);
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
            saw(SEEN_BROKE_OFF);
            if (flight_state(v->reader.flight) != FLIGHT_LOST)
                wrong(WRONG_BROKEN);
            stop(v);
            return;
        }
        s.n = MIN(s.n, (size_t)1 + one_of(v->place, 5000));
        check_bytes(v->name, v->at, s);
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
        wrong(WRONG_UNASKED);
    v->is_asleep = false;
    pull(v);
}

static void open_body(struct viewer *v)
{
    const struct flight_head *head = flight_head(v->reader.flight);
    uint64_t length = BODY_LENGTH_UNKNOWN;

    v->at = 0;
    if (head->length != BODY_LENGTH_UNKNOWN && one_of(v->place, 2) == 0) {
        v->at = one_of(v->place, (unsigned)head->length + 1);
        length = one_of(v->place, (unsigned)(head->length - v->at) + 1);
    }
    v->name = name_in(head->etag);
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
        saw(SEEN_LANDED);
        check_entry(flight_entry(f));
    } else {
        saw(flight_state(f) == FLIGHT_LOST ? SEEN_LOST : SEEN_ALONE);
    }
    stop(v);
}

static void start(struct viewer *v);

/* Some take a neighbour with them, or begin anew on the spot. */
static void on_changed(struct flight_reader *r)
{
    struct viewer *v = container_of(r, struct viewer, reader);
    unsigned what = v->place->is_closing ? 9 : one_of(v->place, 10);

    if (!v->is_asleep)
        wrong(WRONG_UNASKED);
    v->is_asleep = false;
    if (what == 0)
        stop(&v->place->viewers[one_of(v->place, VIEWERS)]);
    if (what == 1) {
        stop(v);
        start(v);
    }
    if (v->is_reading && !v->is_asleep && v->body == NULL)
        look(v);
}

static void start(struct viewer *v)
{
    static const char *const keys[KEYS] = {"/a", "/b", "/c", "/purged/a", "/purged/b", "/purged/c"};
    static const enum sight seen[] = {SEEN_FRESH, SEEN_STALE, SEEN_JOINED, SEEN_BEGUN};
    unsigned key = one_of(v->place, KEYS);
    struct cache_lookup found;
    enum cache_found how;

    v->reader = (struct flight_reader){.changed = on_changed};
    v->is_asleep = false;
    how = cache_look_up(cache, str_of(keys[key]), atomic_load(&now), v->place->loop, &v->reader,
                        &found);
    saw(seen[how]);
    if (how == CACHE_FRESH || how == CACHE_STALE)
        check_entry(found.entry);
    if (how == CACHE_STALE && found.flight != NULL)
        saw(SEEN_REFRESHED);
    if (found.flight != NULL)
        producer_new(v->place, key, &found);
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

    for (int i = 0; i < VIEWERS; i++) {
        struct viewer *v = &p->viewers[i];

        if (!v->is_reading && one_of(p, 4) == 0) {
            start(v);
        } else if (v->is_reading && one_of(p, 16) == 0) {
            saw(SEEN_LEFT);
            stop(v);
        }
    }
    if (one_of(p, 16) == 0 && cache_purge(cache, is_purged, NULL) > 0)
        saw(SEEN_PURGED);
    cache_stats(cache, &s);
    if (s.bytes > LIMIT)
        wrong(WRONG_OVER_LIMIT);
    atomic_fetch_add(&now, 1);
}

static bool is_busy(const struct place *p)
{
    for (int i = 0; i < VIEWERS; i++)
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
        produce(p);
        loop_turn(p->loop);
    }
    for (p->is_closing = true; is_busy(p); sched_yield()) {
        produce(p);
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
    for (int i = 0; i < VIEWERS; i++)
        p->viewers[i].place = p;
}

static void assert_counts(void)
{
    static const char *const wrong_texts[] = {
#define X(name, text) text,
        WRONGS(X)
#undef X
    };
    static const char *const sight_names[] = {
#define X(name) #name,
        SIGHTS(X)
#undef X
    };

    for (int i = 0; i < WRONG_COUNT; i++)
        if (atomic_load(&wrongs[i]) > 0)
            fail_msg("%u times: %s", atomic_load(&wrongs[i]), wrong_texts[i]);
    for (int i = 0; i < SIGHT_COUNT; i++)
        if (atomic_load(&sights[i]) == 0)
            fail_msg("never seen: %s", sight_names[i]);
}

static void test_crowd(void **state)
{
    static struct place places[PLACES];
    struct cache_stats s;

    cache = cache_new(LIMIT, LIMIT / 2);
    for (unsigned i = 0; i < PLACES; i++)
        place_init(&places[i], i + 1);
    for (unsigned i = 0; i < PLACES; i++)
        assert_int_equal(pthread_create(&places[i].thread, NULL, run, &places[i]), 0);
    for (unsigned i = 0; i < PLACES; i++)
        pthread_join(places[i].thread, NULL);
    for (unsigned i = 0; i < PLACES; i++)
        loop_free(&places[i].loop);
    assert_counts();
    cache_stats(cache, &s);
    assert_int_equal(s.flights, 0);
    assert_int_equal(blob_live(), s.blobs);
    cache_free(&cache); /* its account is at zero, or it dies here */
    assert_int_equal(blob_live(), 0);
}

TEST_MAIN(cmocka_unit_test(test_crowd))
