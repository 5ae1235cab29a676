/*
 * For the test of flights with threads: objects that anybody can check, producers who feed, land
 * and lose them at random, and the counts of what was seen. Each object names itself in its ETag;
 * length and bytes follow from the name.
 */
#ifndef CACHE_CROWD_TESTING_H
#define CACHE_CROWD_TESTING_H

#include <pthread.h>
#include <stdatomic.h>

#include "cache/flight.h"

enum {
    CROWD_PLACES = 4,   /* threads, each with a loop */
    CROWD_VIEWERS = 12, /* at each */
    CROWD_KEYS = 6,
    CROWD_LASTING = 3, /* of the keys: those that are never purged */
    CROWD_LIMIT = 400 << 10,
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
#define SIGHTS(X)                                    \
    X(FRESH, "an entry that is fresh")               \
    X(STALE, "an entry to be used meanwhile")        \
    X(JOINED, "a flight that is joined")             \
    X(BEGUN, "a flight that is begun")               \
    X(REFRESHED, "a flight begun for a stale entry") \
    X(MARK, "an entry that says it is not shared")   \
    X(WHOLE, "a whole body")                         \
    X(RANGE, "a whole range")                        \
    X(LANDED, "an end: landed")                      \
    X(SAME, "an end: the same")                      \
    X(LOST, "an end: lost")                          \
    X(ALONE, "an end: alone")                        \
    X(BROKE_OFF, "a body that breaks off")           \
    X(LEFT, "a viewer who leaves in the middle")     \
    X(DESERTED, "a producer nobody reads")           \
    X(CLOSED, "a deserted flight that is closed")    \
    X(PURGED, "a purge that finds something")        \
    X(REFUSED, "no room")

enum wrong {
#define X(name, text) WRONG_##name,
    WRONGS(X)
#undef X
        WRONG_COUNT
};

enum sight {
#define X(name, text) SEEN_##name,
    SIGHTS(X)
#undef X
        SIGHT_COUNT
};

struct crowd {
    struct cache *cache;
    _Atomic usec_t now; /* a clock that goes by turns */
    atomic_uint wrongs[WRONG_COUNT], sights[SIGHT_COUNT];
    atomic_uint under_way[CROWD_LASTING]; /* producers of each key */
    atomic_uint names;                    /* of objects, given so far */
};
extern struct crowd crowd;

void crowd_wrong(enum wrong w);
void crowd_saw(enum sight s);
void crowd_assert_counts(void); /* on the test's thread */

struct place;

struct viewer {
    struct flight_reader reader;
    struct place *place;
    struct body *body; /* NULL: it has not seen the head yet */
    struct arena arena;
    uint64_t name, at; /* of what it reads, and how far it is */
    bool is_reading, is_asleep;
};

struct place {
    pthread_t thread;
    struct loop *loop;
    unsigned seed;
    bool is_closing; /* nobody comes or goes any more; everything must come to its end */
    struct viewer viewers[CROWD_VIEWERS];
    struct list producers; /* owned */
};

unsigned place_one_of(struct place *p, unsigned n); /* at random, below `n` */

/* The flight and the entry of the look-up are the producer's from here on. */
void place_produce(struct place *p, unsigned key, struct cache_lookup *found);
void place_feed(struct place *p); /* each of its producers takes a step, or not */

/* ---- objects ---- */

uint64_t object_named(struct str etag);
uint64_t object_length(uint64_t name);
void object_check(uint64_t name, uint64_t at, struct str bytes);
void object_check_entry(const struct cache_entry *e);

#endif
