/* What all links of a process share: options, counters, what is shown of the way to Redis. */
#ifndef STORE_REDIS_SHARED_H
#define STORE_REDIS_SHARED_H

#include <pthread.h>
#include <stdatomic.h>

#include "store/redis_link.h"

struct redis_shared {
    struct store_redis_options o; /* copied into `arena` */
    struct arena arena;
    struct {
#define X(name, text) _Atomic uint64_t name;
        STORE_COUNTERS(X)
#undef X
    } counters;
    _Atomic int links, links_up;
    _Atomic unsigned replicas; /* that ROLE has named last */
    _Atomic usec_t round_trip; /* the last one that ROLE measured */
    pthread_mutex_t lock;      /* for what follows */
    char server[STORE_SERVER_MAX];
    char trouble[STORE_TROUBLE_MAX];
};

static inline void redis_count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

void redis_shared_init(struct redis_shared *s, const struct store_redis_options *o);
void redis_shared_done(struct redis_shared *s); /* after all links */

/* Remembers it for /stats and `hlsgate check`. Another server than the last one is a switch. */
void redis_say_server(struct redis_shared *s, const char *server);
void redis_say_trouble(struct redis_shared *s, const char *trouble); /* "": all is well */

#endif
