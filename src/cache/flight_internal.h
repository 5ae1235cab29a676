/* A flight from inside: flight.c has its life, flight_index.c how it is found, flight_reader.c
 * those who wait, flight_body.c what they are fed. */
#ifndef CACHE_FLIGHT_INTERNAL_H
#define CACHE_FLIGHT_INTERNAL_H

#include "cache/cache_internal.h"
#include "cache/flight.h"

struct flight {
    atomic_uint refs;
    _Atomic unsigned char state; /* enum flight_state; set by the producer alone */
    struct cache *cache;         /* borrowed: outlives it */
    struct map_node node;        /* in the shard's flights while it is listed */
    bool is_listed;              /* guarded by the shard's lock; the index has a reference */
    struct str key;              /* bytes owned; STR_NONE: private */

    pthread_mutex_t lock; /* guards the next two; taken after the shard's */
    struct list seats;
    unsigned readers;

    struct loop *loop; /* the producer's */
    struct loop_message deserted;
    atomic_bool deserted_is_posted;
    struct flight_producer *producer; /* the producer's thread alone; NULL when it is over */

    /* written by the producer before the state that says so */
    struct flight_head head;
    struct blob *blob;         /* owned reference */
    struct blob *landing;      /* the same, or a smaller copy: of the entry; owned reference */
    struct cache_entry *entry; /* owned reference; LANDED */
    int why;                   /* LOST */
    size_t reserved;           /* bytes of the cache's account; the producer's alone */
};

/* ---- flight.c ---- */

struct flight *flight_new(struct cache *c, struct loop *l); /* ASKED, in no index */

/* ---- flight_index.c ---- */

/* Out of the index, and `e`, which has been paid for, in its place and in that of the version that
 * is there. NULL: nothing is. When the flight is not listed, nothing changes, and the room of `e`
 * is given back. */
void flight_replace(struct flight *f, struct entry *e);

/* ---- flight_reader.c ---- */

void flight_add_reader(struct flight *f, struct loop *l, struct flight_reader *r);
void flight_wake(struct flight *f); /* everybody who waits */

#endif
