/*
 * SIEVE eviction (Zhang et al., "SIEVE is Simpler than LRU", NSDI 2024) over a list threaded
 * through its members. New members go to the young end and never move; a hit sets one bit. A hand
 * walks from old to young: it clears bits it finds set and evicts the first member without one,
 * then waits there. Objects asked for once leave soon, popular ones stay. Not thread-safe; owns
 * nothing.
 */
#ifndef CACHE_SIEVE_H
#define CACHE_SIEVE_H

#include <stdbool.h>

#include "base/list.h"

struct sieve {
    struct list members; /* youngest first */
    struct list *hand;   /* where the next search begins; the head itself: at the oldest */
};

struct sieve_node {
    struct list link;
    bool was_hit; /* since the hand last passed */
};

void sieve_init(struct sieve *s);
void sieve_add(struct sieve *s, struct sieve_node *n);
void sieve_remove(struct sieve *s, struct sieve_node *n); /* must be a member */
struct sieve_node *sieve_evict(struct sieve *s);          /* takes it out; NULL: empty */

static inline void sieve_hit(struct sieve_node *n)
{
    n->was_hit = true;
}

#endif
