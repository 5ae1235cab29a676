#include "cache/crowd_testing.h"

#include <errno.h>
#include <stdio.h>

#include "base/test.h"

struct crowd crowd;

void crowd_wrong(enum wrong w)
{
    atomic_fetch_add_explicit(&crowd.wrongs[w], 1, memory_order_relaxed);
}

void crowd_saw(enum sight s)
{
    atomic_fetch_add_explicit(&crowd.sights[s], 1, memory_order_relaxed);
}

void crowd_assert_counts(void)
{
    static const char *const wrong_texts[] = {
#define X(name, text) text,
        WRONGS(X)
#undef X
    };
    static const char *const sight_texts[] = {
#define X(name, text) text,
        SIGHTS(X)
#undef X
    };

    for (int i = 0; i < WRONG_COUNT; i++)
        if (atomic_load(&crowd.wrongs[i]) > 0)
            fail_msg("%u times: %s", atomic_load(&crowd.wrongs[i]), wrong_texts[i]);
    for (int i = 0; i < SIGHT_COUNT; i++)
        if (atomic_load(&crowd.sights[i]) == 0)
            fail_msg("never seen: %s", sight_texts[i]);
}

unsigned place_one_of(struct place *p, unsigned n)
{
    return (unsigned)rand_r(&p->seed) % n;
}

/* ---- objects ---- */

uint64_t object_length(uint64_t name)
{
    return name % 16 == 0 ? 64 * 1024 + name % 10000 : name * 37 % 3000;
}

static char byte_of(uint64_t name, uint64_t at)
{
    return (char)(name * 31 + at * 7 + (at >> 8));
}

uint64_t object_named(struct str etag)
{
    uint64_t name = 0;

    if (str_parse_u64(etag, UINT32_MAX, &name) < 0)
        crowd_wrong(WRONG_BYTES);
    return name;
}

void object_check(uint64_t name, uint64_t at, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != byte_of(name, at + i)) {
            crowd_wrong(WRONG_BYTES);
            return;
        }
    }
}

void object_check_entry(const struct cache_entry *e)
{
    uint64_t name;

    if (e->blob == NULL) {
        crowd_saw(SEEN_MARK);
        return;
    }
    name = object_named(e->etag);
    object_check(name, 0, blob_str(e->blob));
    if (blob_filled(e->blob) != object_length(name))
        crowd_wrong(WRONG_SHORT);
}

/* ---- producers ---- */

struct producer {
    struct list link; /* of place.producers */
    struct flight_producer hears;
    struct place *place;
    struct flight *flight;   /* a reference */
    struct cache_entry *old; /* a reference, or NULL */
    unsigned key;
    uint64_t name, at;
};

/* From here on another may begin; but for the keys that are purged, nobody may before. */
static void count_off(struct producer *m)
{
    if (m->key < CROWD_LASTING)
        atomic_fetch_sub(&crowd.under_way[m->key], 1);
}

static void count_on(unsigned key)
{
    if (key < CROWD_LASTING && atomic_fetch_add(&crowd.under_way[key], 1) > 0)
        crowd_wrong(WRONG_TWO_BEGUN);
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

    crowd_saw(SEEN_DESERTED);
    if (place_one_of(m->place, 2) == 0)
        return;
    count_off(m);
    if (flight_close_deserted(m->flight)) {
        crowd_saw(SEEN_CLOSED);
        flight_lose(m->flight, -ECANCELED);
        producer_free(m);
    } else {
        count_on(m->key);
    }
}

void place_produce(struct place *p, unsigned key, struct cache_lookup *found)
{
    struct producer *m = xzalloc(sizeof *m);

    count_on(key);
    m->hears.deserted = on_deserted;
    m->place = p;
    m->flight = TAKE(found->flight);
    m->old = TAKE(found->entry);
    m->key = key;
    m->name = atomic_fetch_add(&crowd.names, 1) + 1;
    list_append(&p->producers, &m->link);
    flight_produce(m->flight, &m->hears);
}

static void send_alone(struct producer *m, usec_t remember)
{
    count_off(m);
    flight_send_alone(m->flight, atomic_load(&crowd.now), remember);
    producer_free(m);
}

static void lose_alone(struct producer *m)
{
    count_off(m);
    flight_lose_alone(m->flight, -ENOBUFS, atomic_load(&crowd.now), 10);
    producer_free(m);
}

static void land_same(struct producer *m)
{
    crowd_saw(SEEN_SAME);
    atomic_store(&m->old->fresh_until, atomic_load(&crowd.now) + 20);
    count_off(m);
    flight_land_same(m->flight, m->old);
    producer_free(m);
}

static void answer(struct producer *m)
{
    char name[32];
    struct flight_head head = {.length = object_length(m->name)};
    unsigned how = place_one_of(m->place, 16);

    head.etag = (struct str){name, (size_t)snprintf(name, sizeof name, "%u", (unsigned)m->name)};
    if (place_one_of(m->place, 2) == 0)
        head.length = BODY_LENGTH_UNKNOWN;
    if (how == 0)
        lose(m);
    else if (how == 1)
        send_alone(m, place_one_of(m->place, 2) * 10);
    else if (how < 6 && m->old != NULL)
        land_same(m);
    else if (!flight_begin(m->flight, &head, CROWD_LIMIT)) {
        crowd_saw(SEEN_REFUSED);
        send_alone(m, 0);
    }
}

static void land(struct producer *m)
{
    usec_t t = atomic_load(&crowd.now);
    char name[32];
    struct cache_entry what = {.status = 200, .fresh_until = t + 5, .stale_until = t + 20};

    what.etag = (struct str){name, (size_t)snprintf(name, sizeof name, "%u", (unsigned)m->name)};
    object_check(m->name, 0, blob_str(flight_seal(m->flight)));
    count_off(m);
    flight_land(m->flight, &what, place_one_of(m->place, 8) > 0);
    producer_free(m);
}

static void feed(struct producer *m)
{
    char bytes[4096];
    uint64_t left = object_length(m->name) - m->at;
    size_t n = MIN(left, 1 + (uint64_t)place_one_of(m->place, sizeof bytes));

    for (size_t i = 0; i < n; i++)
        bytes[i] = byte_of(m->name, m->at + i);
    m->at += n;
    if (!flight_add(m->flight, (struct str){bytes, n})) {
        crowd_saw(SEEN_REFUSED);
        lose_alone(m);
    } else if (place_one_of(m->place, 64) == 0)
        lose(m);
    else if (m->at == object_length(m->name))
        land(m);
}

void place_feed(struct place *p)
{
    LIST_FOREACH_SAFE (link, &p->producers) {
        struct producer *m = LIST_ENTRY(link, struct producer, link);

        if (!p->is_closing && place_one_of(p, 2) == 0)
            continue;
        if (flight_state(m->flight) == FLIGHT_ASKED)
            answer(m);
        else
            feed(m);
    }
}
