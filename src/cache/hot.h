/*
 * How often was something asked for lately? A fixed table of small counters, indexed by hash: no
 * key is stored, nothing grows, and what peers ask for cannot fill it. Two keys in one cell are
 * counted together, which at worst makes one turn hot early or the other late. Any thread, no lock.
 */
#ifndef CACHE_HOT_H
#define CACHE_HOT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

enum { HOT_CELLS = 1 << 16, HOT_WINDOW_SEC = 60, HOT_COUNT_MAX = 4095 };

struct hot_table {
    _Atomic uint32_t cells[HOT_CELLS];
};

/*
 * Counts one more. True for exactly the caller that makes it `threshold` (1 to HOT_COUNT_MAX;
 * others are moved there) within one window; a window begins with the first one counted after the
 * last window ended.
 */
bool hot_count(struct hot_table *t, uint64_t hash, unsigned threshold, usec_t now);
void hot_forget(struct hot_table *t, uint64_t hash); /* counts from nothing again */

#endif
