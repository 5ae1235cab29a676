/*
 * Counters of one thread, read by any: a flat array of 64-bit cells that only the owner changes,
 * summed over all threads when somebody looks. No lock and no locked instruction on the way of a
 * request. A module names its cells in an X-macro table (see gate/stats.h).
 */
#ifndef BASE_COUNTER_H
#define BASE_COUNTER_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef _Atomic int64_t counter_cell;

struct counters {
    struct counters *next; /* all sets of one registry */
    size_t n;
    counter_cell cells[];
};

struct counter_registry {
    struct counters *_Atomic first; /* owned; sets are never taken out before the registry ends */
};

/* A set of `n` zeroed cells that belongs to the calling thread from now on. The registry owns it.
 */
struct counters *counters_new(struct counter_registry *r, size_t n);
void counter_registry_done(struct counter_registry *r);

static inline void counter_add(struct counters *c, size_t cell, int64_t by)
{
    int64_t now = atomic_load_explicit(&c->cells[cell], memory_order_relaxed);

    atomic_store_explicit(&c->cells[cell], now + by, memory_order_relaxed);
}

/* The sum over all threads. */
int64_t counter_sum(const struct counter_registry *r, size_t cell);

#endif
