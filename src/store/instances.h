/*
 * The processes that share the store, as they show themselves to each other. A part of store.h's
 * interface: its rules about calls, errors and strings count here too.
 *
 * Each beats every second or so: it says what it has to say, for so many seconds, and hears what
 * all that live have said last. What a text means is the callers' to know. Nothing is kept beyond
 * that: one that stopped beating is gone when its seconds are over, by the clock of the store, so
 * that those of the machines need not agree.
 */
#ifndef STORE_INSTANCES_H
#define STORE_INSTANCES_H

#include "store/store.h"

enum {
    INSTANCE_ID_LEN = 16,
    INSTANCE_TEXT_MAX = 2048, /* each beat of each brings all texts */
    INSTANCE_TTL_MAX = 3600,  /* seconds */
    INSTANCES_MAX = 64, /* that are kept and told of. With ever new ids (a process that dies as it
                           starts, over and over) more come than go; they are not kept until others
                           are gone, and nothing grows */
};

struct instance {
    uint8_t id[INSTANCE_ID_LEN];
    struct str text; /* in the beat's arena */
};

struct instance_beat {
    struct op op;
    struct arena *arena;
    /* asked */
    uint8_t id[INSTANCE_ID_LEN]; /* random, the process's for its life */
    struct str text;             /* any bytes; INSTANCE_TEXT_MAX */
    unsigned ttl;                /* seconds, 1 to INSTANCE_TTL_MAX */
    /* answered */
    struct instance *instances; /* in the arena; this one first, the others by their ids */
    unsigned count;             /* 1 to INSTANCES_MAX */
};

/* Embedded: there is no other; answered at once. Redis: one script. */
int store_instance_beat(struct store_worker *s, struct instance_beat *b);

#endif
