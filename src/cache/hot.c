/*
 * A cell is 20 bits of the second its window began in and 12 bits of count. The seconds wrap after
 * 12 days; a cell that was left alone for exactly so long is taken for a fresh one, which costs
 * nothing. Workers' clocks may differ by a loop turn, so a `now` shortly before the window began
 * still belongs to it.
 */
#include "cache/hot.h"

#include "base/mem.h"

enum { COUNT_BITS = 12, SECOND_BITS = 32 - COUNT_BITS };
_Static_assert(HOT_COUNT_MAX == (1 << COUNT_BITS) - 1, "the count fills its bits");

static _Atomic uint32_t *cell_of(struct hot_table *t, uint64_t hash)
{
    return &t->cells[(hash >> 32) % HOT_CELLS]; /* the index uses the low and the highest bits */
}

static bool is_in_window(uint32_t cell, uint32_t second)
{
    int32_t age = (int32_t)((second - (cell >> COUNT_BITS)) << COUNT_BITS) >>
                  COUNT_BITS; /* 20 bits, signed */

    return (cell & HOT_COUNT_MAX) > 0 && age < HOT_WINDOW_SEC && age > -HOT_WINDOW_SEC;
}

static uint32_t one_more(uint32_t cell, uint32_t second)
{
    if (!is_in_window(cell, second))
        return second << COUNT_BITS | 1;
    return (cell & HOT_COUNT_MAX) < HOT_COUNT_MAX ? cell + 1 : cell;
}

bool hot_count(struct hot_table *t, uint64_t hash, unsigned threshold, usec_t now)
{
    uint32_t second = (uint32_t)(now / USEC_PER_SEC) & ((1u << SECOND_BITS) - 1);
    uint32_t want = MIN(MAX(threshold, 1u), (unsigned)HOT_COUNT_MAX);
    _Atomic uint32_t *cell = cell_of(t, hash);
    uint32_t before = atomic_load_explicit(cell, memory_order_relaxed), after;

    do {
        after = one_more(before, second);
        if (after == before) /* as many as it can count: the threshold is long past */
            return false;
    } while (!atomic_compare_exchange_weak_explicit(cell, &before, after, memory_order_relaxed,
                                                    memory_order_relaxed));
    return (after & HOT_COUNT_MAX) == want;
}

void hot_forget(struct hot_table *t, uint64_t hash)
{
    atomic_store_explicit(cell_of(t, hash), 0, memory_order_relaxed);
}
