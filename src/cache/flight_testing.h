/* For tests of flights: workers that share a cache, viewers who read, producers who feed. */
#ifndef CACHE_FLIGHT_TESTING_H
#define CACHE_FLIGHT_TESTING_H

#include "cache/flight.h"
#include "net/loop_testing.h"

enum { KB = 1024, MB = 1024 * KB, WORKERS = 3 };

struct world {
    struct cache *cache;
    struct loop *loops[WORKERS]; /* the first is the producers' */
};

void world_init(struct world *w, size_t memory_limit, size_t max_object);
/* Everything must have been given back: flights, seats, room, blobs. */
void world_done(struct world *w);
void world_turn(struct world *w); /* every loop, until no message is under way */
struct cache_stats world_stats(const struct world *w);

/* One who reads and notes how often changed() was called. */
struct viewer {
    struct flight_reader reader;
    unsigned calls;
    void (*then)(struct viewer *v); /* what it does when called; NULL: nothing */
    struct viewer *other;           /* for `then` */
    struct world *world;            /* the same */
};

struct viewer viewer_new(void);
/* Looks up "/a" or another key, at a loop, at a time. */
enum cache_found view(struct world *w, struct viewer *v, const char *key, usec_t now, int loop,
                      struct cache_lookup *ret);

struct crew {
    struct flight *flight; /* a reference while it produces */
    struct flight_producer producer;
    unsigned deserted; /* how often it was told so */
    bool loses_deserted;
};

/* The first look-up of a key: begun, with a viewer at loop 0 and this crew. */
void crew_begin(struct crew *crew, struct world *w, struct viewer *v, const char *key);
/* As it, for the flight of a look-up that has been made. */
void crew_take(struct crew *crew, struct flight *f);
void crew_leave(struct crew *crew); /* lets go of its reference, when the flight has ended */

/* A head of that length, with an ETag and a type; must be accepted. */
void crew_grow(struct crew *crew, uint64_t length);
void crew_add(struct crew *crew, const char *bytes); /* must be accepted */
void crew_land(struct crew *crew, bool is_kept);     /* fresh until 100, stale 200, error 300 */
void crew_lose(struct crew *crew, int why);

/* Joins a flight that must be under way. */
void join(struct world *w, struct viewer *v, const char *key, int loop);
/* flight_wait() with what is there, which must be true. */
void wait_for_news(struct viewer *v);

/* Of the entry in the index; -1: there is none. */
long cached_bytes(struct world *w, const char *key);
/* Puts an entry of one byte in; stale_if_error goes 100 further. */
void put_timed(struct world *w, const char *key, usec_t fresh, usec_t stale);
/* Looks up and expects that; `begins`: the caller is to produce. Leaves nothing under way. */
void check_look_up(struct world *w, const char *key, usec_t now, enum cache_found want,
                   bool begins);

/* Does `run` end the process by an assertion? */
bool dies(void (*run)(void *arg), void *arg);

#endif
