/* Registration pushes onto a lock-free list; sums walk it. */
#include "base/counter.h"

#include <stdlib.h>

#include "base/mem.h"

struct counters *counters_new(struct counter_registry *r, size_t n)
{
    struct counters *c = xzalloc(sizeof *c + n * sizeof(counter_cell));

    c->n = n;
    c->next = atomic_load(&r->first);
    while (!atomic_compare_exchange_weak(&r->first, &c->next, c))
        continue;
    return c;
}

void counter_registry_done(struct counter_registry *r)
{
    struct counters *c = atomic_exchange(&r->first, NULL);

    while (c != NULL) {
        struct counters *next = c->next;

        free(c);
        c = next;
    }
}

int64_t counter_sum(const struct counter_registry *r, size_t cell)
{
    int64_t sum = 0;

    for (const struct counters *c = atomic_load(&r->first); c != NULL; c = c->next)
        sum += atomic_load_explicit(&c->cells[cell], memory_order_relaxed);
    return sum;
}
