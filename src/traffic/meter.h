/*
 * What one worker delivers, by uid: counted in memory, written to the store METER_WRITE apart, so
 * that a crash loses what the last moment brought and no more.
 *
 * Counted are bytes of content as the socket took them: without heads, TLS and frames, so that the
 * figure is the same over every protocol and the viewer can see it, too. What was sent before a
 * viewer left counts; a transfer that runs is counted while it runs.
 *
 * Never dropped silently: when the store does not take them, counts go on adding up here, under the
 * number of the batch that nobody has answered for; more uids than METER_UIDS_MAX are counted
 * together, as `unknown`, and said (METER_UNATTRIBUTED).
 */
#ifndef TRAFFIC_METER_H
#define TRAFFIC_METER_H

#include "base/ip.h"
#include "store/traffic.h"

#define METER_WRITE (500 * USEC_PER_MSEC)
/* With a store that does not take them, at a stop: of all meters together, of one at least, and
 * before it is asked again. */
#define METER_LAST_PATIENCE (3 * USEC_PER_SEC)
#define METER_LEAST_PATIENCE (200 * USEC_PER_MSEC)
#define METER_LAST_PAUSE (100 * USEC_PER_MSEC)
#define METER_UNKNOWN STR("unknown") /* the uid of what has none */

enum {
    METER_UIDS_EARLY = 1000, /* with so many, they are written at once */
    METER_UIDS_MAX = 65536,  /* about 30 MB: who makes up uids fills no memory */
    METER_SESSION_LEN = STORE_VIEWER_LEN + 8,
};

#define METER_EVENTS(X)                                                            \
    X(WRITTEN, "batches of counts written to the store")                           \
    X(FAILED, "batches that the store did not take, and which are tried again")    \
    X(UNATTRIBUTED, "bytes counted as `unknown` because there were too many uids") \
    X(LOST, "bytes that could not be written at a stop")

enum meter_event {
#define X(name, text) METER_##name,
    METER_EVENTS(X)
#undef X
};

struct meter_hooks {
    void (*collect)(void *arg); /* counts what runs: called before each writing */
    void (*happened)(void *arg, enum meter_event e, uint64_t n);
    void *arg;
};

struct meter;

struct meter *meter_new(struct loop *l, struct store_worker *s, const struct meter_hooks *hooks);
/* Writes what is left, again and again if it must, for so long at most. Collects nothing any more.
 * The loop must not be running, the worker of the store must still be there. */
void meter_free(struct meter **m, usec_t patience);

/* A request, or more of one that was counted before. */
struct meter_sample {
    struct str uid;  /* "": unknown */
    uint64_t hash;   /* of uid, by hash_bytes() with the process's key; 0: to be made */
    struct str path; /* for its type */
    unsigned class;
    uint64_t bytes;
    bool is_first; /* of its request */
    const struct ip *client;
    const uint8_t *session; /* METER_SESSION_LEN bytes that name it on every machine; NULL: none */
};
void meter_count(struct meter *m, const struct meter_sample *s);

#endif
