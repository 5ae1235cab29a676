/*
 * How long requests take and how much they bring, as histograms by class: one row each, with fixed
 * bounds, so that instances can be added up. The cells are counters of the worker's (stats.h): a
 * request costs three of them, and no lock.
 */
#ifndef GATE_MEASURES_H
#define GATE_MEASURES_H

#include "access/policy.h"
#include "base/counter.h"

/*    measure      bounds        name in /metrics         text */
#define MEASURES(X)                                                                       \
    X(FIRST_BYTE, TIME_BOUNDS, "request_first_byte_seconds",                              \
      "time from a request to the head of its answer")                                    \
    X(DURATION, TIME_BOUNDS, "request_duration_seconds",                                  \
      "time from a request to the last byte of its answer that was handed to the socket") \
    X(SIZE, SIZE_BOUNDS, "response_size_bytes",                                           \
      "body bytes that were handed to sockets, for each "                                 \
      "request")

/* Microseconds: 100 us to 2 minutes. */
#define TIME_BOUNDS                                                                        \
    100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, \
        2500000, 5000000, 10000000, 30000000, 120000000
/* Bytes: 1 KiB to 1 GiB. */
#define SIZE_BOUNDS                                                                        \
    1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20, 64 << 20, \
        256 << 20, 1 << 30

enum measure {
#define X(name, bounds, metric, text) MEASURE_##name,
    MEASURES(X)
#undef X
        MEASURE_COUNT
};

enum {
    MEASURE_API = CLASS_COUNT, /* the kind of what the API answers; else it is the path class */
    MEASURE_KINDS,
    MEASURE_MAX_BOUNDS = 18,
    MEASURE_BUCKETS = MEASURE_MAX_BOUNDS + 1, /* the last: all that is over the bounds */
    MEASURE_SIZE_CELLS = MEASURE_BUCKETS + 1, /* the last: the sum */
    MEASURE_CELLS = MEASURE_COUNT * MEASURE_KINDS * MEASURE_SIZE_CELLS
};

struct measure_row {
    struct str name, text;
    const uint64_t *bounds; /* ascending */
    unsigned count;
    double unit; /* by which bounds and sums are divided in /metrics */
};
const struct measure_row *measure_row(enum measure m);

/* On the counters' own thread; the cells of all measures begin at `first`. `kind`: an enum
 * path_class, or MEASURE_API. */
void measure_take(struct counters *c, size_t first, enum measure m, unsigned kind, uint64_t value);

struct measure_sums {
    uint64_t up_to[MEASURE_BUCKETS]; /* cumulated: how many were at most bounds[i]; [row->count]:
                                        all */
    uint64_t sum;
};
/* Of all threads. A request that ends meanwhile is in all buckets that it belongs to, or in none.
 */
void measure_read(const struct counter_registry *r, size_t first, enum measure m, unsigned kind,
                  struct measure_sums *ret);

#endif
