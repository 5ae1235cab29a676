/* For tests: a link on a loop, and calls that remember what they were answered. */
#ifndef STORE_REDIS_WORLD_TESTING_H
#define STORE_REDIS_WORLD_TESTING_H

#include "store/fake_redis_testing.h"
#include "store/redis_shared.h"

/* Of a call: long enough for a machine that has much to do; for tests of what takes too long. */
#define WORLD_PATIENT (8 * USEC_PER_SEC)
#define WORLD_IMPATIENT (250 * USEC_PER_MSEC)

struct world {
    struct loop *loop;
    struct redis_shared shared;
    struct redis_link *link;
    unsigned ups, heard;
};

/* With what is set in `o`; one connection, and WORLD_PATIENT, unless something else is. */
struct world *world_new(struct loop *l, struct store_redis_options o);
void world_free(struct world **w); /* but not the loop, and all has gone by then */
uint64_t world_count(_Atomic uint64_t *counter);
/* The trouble of this moment; static. */
const char *world_trouble(struct world *w);

enum { PROBE_WAITS = 1 };

struct probe {
    struct redis_call call;
    char argument[32];
    unsigned encoded, answers; /* how often */
    int err;                   /* PROBE_WAITS before the answer */
    char text[64];             /* the second element of the answer */
    unsigned place;            /* among all answered since the start */
    void (*then)(struct probe *p);
    void *arg;
};
void probe_init(struct probe *p, const char *argument);
int probe_send(struct world *w, struct probe *p, const char *argument);
/* Sends, and turns the loop until it is answered; the err. */
int probe_ask(struct world *w, const char *argument);

#endif
