/*
 * What was counted and measured over the last five minutes, hour and day. Pure: samples go in, once
 * a second or so, points come out.
 *
 * A sample holds counters as they stand and gauges as they are. A point is what happened between
 * two samples, one step apart: exact for counters and for the histogram of first bytes, however
 * long the step and whatever was missed, as nothing is averaged twice. A gauge is the mean of its
 * samples in that time; NAN where there was none.
 *
 * A fixed 360 KiB: HISTORY_POINTS_MAX and one samples for each range.
 */
#ifndef ADMIN_HISTORY_H
#define ADMIN_HISTORY_H

#include "base/clock.h"
#include "base/str.h"
#include "gate/measures.h"

/*    range       word   step (seconds)  points */
#define HISTORY_RANGES(X)      \
    X(MINUTES_5, "5m", 1, 300) \
    X(HOUR, "1h", 12, 300)     \
    X(DAY, "24h", 300, 288)

enum history_range {
#define X(name, word, step, points) HISTORY_##name,
    HISTORY_RANGES(X)
#undef X
        HISTORY_RANGE_COUNT
};

/* Requests by class begin with HISTORY_REQUESTS, in the order of enum path_class. */
enum history_counter {
    HISTORY_REQUESTS,
    HISTORY_API_REQUESTS = HISTORY_REQUESTS + CLASS_COUNT,
    HISTORY_DENIED,
    HISTORY_FAILED,
    HISTORY_BYTES,        /* to viewers */
    HISTORY_BYTES_SAVED,  /* that came from memory */
    HISTORY_CACHE_HITS,   /* hit, joined, stale: no request to an origin of their own */
    HISTORY_CACHE_MISSES, /* missed, bypassed */
    HISTORY_CPU_USEC,
    HISTORY_COUNTERS
};

enum history_gauge {
    HISTORY_VIEWERS,
    HISTORY_USERS,
    HISTORY_STREAMS,
    HISTORY_SESSIONS,
    HISTORY_GRANTS,
    HISTORY_CONNECTIONS,
    HISTORY_MEMORY_BYTES,
    HISTORY_STORE_USEC,
    HISTORY_GAUGES
};

enum { HISTORY_POINTS_MAX = 300 }; /* of one range, at most */

struct history_sample {
    usec_t at; /* monotonic, later than the one before */
    usec_t at_unix;
    uint64_t counters[HISTORY_COUNTERS];   /* since the start */
    uint64_t first_bytes[MEASURE_BUCKETS]; /* the same, by the bounds of MEASURE_FIRST_BYTE */
    double gauges[HISTORY_GAUGES];         /* NAN: unknown */
};

struct history_point {
    usec_t at_unix; /* its end, by the wall clock as it is now: points stay in order and a step
                       apart when that was put back or forward */
    double seconds; /* its length; more than 0 */
    uint64_t counters[HISTORY_COUNTERS]; /* in that time */
    uint64_t first_bytes[MEASURE_BUCKETS];
    double gauges[HISTORY_GAUGES]; /* means; NAN: unknown all the time */
};

struct history;
struct history *history_new(void);
void history_free(struct history **h);

void history_add(struct history *h, const struct history_sample *s);

/* Oldest first, the last one is the latest complete step. Returns how many; none is older than its
 * range. */
unsigned history_points(const struct history *h, enum history_range range,
                        struct history_point ret[HISTORY_POINTS_MAX]);
/* What happened between the last two samples. False: there are no two yet. */
bool history_now(const struct history *h, struct history_point *ret);

unsigned history_step(enum history_range range); /* seconds */
struct str history_word(enum history_range range);
/* HISTORY_RANGE_COUNT for an unknown word. */
enum history_range history_range_parse(struct str word);

/* ---- what a point says ---- */

double history_rate(const struct history_point *p, enum history_counter c); /* a second */
/* Of what was looked for, how much was in memory: 0 to 1; NAN: nothing was looked for. */
double history_hit_ratio(const struct history_point *p);
/*
 * The time in microseconds within which `share` (0 to 1) of the answers began, taken to be spread
 * evenly over their bucket; the last bound for what is over it. NAN: nothing was answered.
 */
double history_first_byte(const struct history_point *p, double share);

#endif
