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

struct audience_place {
    uint64_t bytes, requests; /* since its key has it */
    uint64_t stamp;           /* of the taking; no two are equal */
    struct sketch viewers;
    size_t key_n;
    char key[AUDIENCE_KEY_MAX];
};

struct audience_table {
    uint64_t tags[AUDIENCE_SETS][AUDIENCE_WAYS]; /* hashes of keys; 0: free */
    /* Bytes, with those of all who had the place before: what decides who has to go. */
    uint64_t weights[AUDIENCE_SETS][AUDIENCE_WAYS];
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
    uint64_t stamps;
    struct audience_minute minutes[AUDIENCE_MINUTES];
};

/* NULL: that minute is over, or nothing was noted in it. */
static inline const struct audience_minute *audience_minute(const struct audience *a,
                                                            uint64_t number)
{
    const struct audience_minute *m = &a->minutes[number % AUDIENCE_MINUTES];

    return m->number == number ? m : NULL;
}

/* Borrowed; NULL: none has it. */
const struct audience_place *audience_find(const struct audience_table *t, uint64_t tag);

#endif
