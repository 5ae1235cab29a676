/*
 * The Redis backend's inside: the store of the process, and the worker's part of it. Every call is
 * one script (store/lua/), decided and carried out there in one step; here arguments are packed and
 * replies are looked at with suspicion: what is not of the shape it must have is -EIO.
 */
#ifndef STORE_REDIS_H
#define STORE_REDIS_H

#include <pthread.h>
#include <stdatomic.h>

#include "store/backend.h"
#include "store/redis_link.h"

/* What all links of a process share. */
struct redis_shared {
    struct store_redis_options o; /* copied into `arena` */
    struct arena arena;
    struct {
#define X(name, text) _Atomic uint64_t name;
        STORE_COUNTERS(X)
#undef X
    } counters;
    _Atomic int links, links_up;
    _Atomic usec_t round_trip; /* the last one that ROLE measured */
    pthread_mutex_t lock;      /* for what follows */
    char server[STORE_SERVER_MAX];
    char trouble[STORE_TROUBLE_MAX];
};

static inline void redis_count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* Remembers it for /stats and `hlsgate check`. */
void redis_say_server(struct redis_shared *s, const char *server);
void redis_say_trouble(struct redis_shared *s, const char *trouble); /* "": all is well */

#endif
