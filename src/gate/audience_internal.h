/* A worker's places, for those who fill them (audience.c) and those who look (audience_read.c). */
#ifndef GATE_AUDIENCE_INTERNAL_H
#define GATE_AUDIENCE_INTERNAL_H

#include <pthread.h>

#include "base/sketch.h"
#include "gate/audience.h"

enum {
    AUDIENCE_MINUTES = 2,
    AUDIENCE_SEEN = 1024, /* viewers of keys that need not be looked for in sketches again */
};

/* What every note touches, side by side. */
struct audience_set {
    uint64_t tags[AUDIENCE_WAYS]; /* hashes of keys; 0: free */
    /* Bytes, with those of all who had the place before: what decides who has to go. */
    uint64_t weights[AUDIENCE_WAYS];
    uint32_t requests[AUDIENCE_WAYS]; /* since its key has it */
    uint32_t stamps[AUDIENCE_WAYS];   /* of the taking; no two are equal */
};

struct audience_place {
    uint64_t inherited; /* of the weight: what the key began with, and is not shown */
    struct sketch viewers;
    size_t key_n;
    char key[AUDIENCE_KEY_MAX];
};

struct audience_table {
    struct audience_set sets[AUDIENCE_SETS];
    struct audience_place places[AUDIENCE_SETS][AUDIENCE_WAYS];
    struct sketch keys; /* all that have ever had a place */
};

struct audience_minute {
    uint64_t number; /* of the clock; another one's is worth nothing */
    struct audience_table tables[AUDIENCE_KINDS];
    struct sketch viewers;
    uint64_t seen[AUDIENCE_SEEN];
};

struct audience {
    pthread_mutex_t lock;
    usec_t began;
    uint32_t stamps;
    struct audience_minute minutes[AUDIENCE_MINUTES];
};

/* NULL: that minute is over, or nothing was noted in it. */
static inline const struct audience_minute *audience_minute(const struct audience *a,
                                                            uint64_t number)
{
    const struct audience_minute *m = &a->minutes[number % AUDIENCE_MINUTES];

    return m->number == number ? m : NULL;
}

/* AUDIENCE_WAYS: in none. */
int audience_way(const struct audience_set *set, uint64_t tag);

static inline unsigned audience_set_of(uint64_t tag)
{
    return tag % AUDIENCE_SETS;
}

#endif
