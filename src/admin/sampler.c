#include "admin/sampler.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "admin/counted.h"
#include "admin/process.h"
#include "gate/audience.h"

struct sampler {
    pthread_mutex_t lock;
    struct history *history; /* owned */
    struct warning_memory noticed;
    usec_t last; /* when a sample was taken; 0: none yet */
};

struct sampler *sampler_new(void)
{
    struct sampler *s = xzalloc(sizeof *s);

    pthread_mutex_init(&s->lock, NULL);
    s->history = history_new();
    return s;
}

void sampler_free(struct sampler **s)
{
    struct sampler *old = TAKE(*s);

    if (old == NULL)
        return;
    history_free(&old->history);
    pthread_mutex_destroy(&old->lock);
    free(old);
}

/* ---- counters ---- */

/* Every request has a duration, but for feeds, which begin once for each look. */
static uint64_t count_api_requests(const struct gate *g)
{
    struct measure_sums s;

    measure_read(&g->counters, STAT_FIRST_MEASURE, MEASURE_DURATION, MEASURE_API, &s);
    return s.up_to[measure_row(MEASURE_DURATION)->count];
}

/* The API's answers are left out of bytes and first bytes: they are about those who watch, not
 * about viewers. Twenty dashboards alone are a megabyte a second. */
static void take_counters(const struct gate *g, uint64_t to[HISTORY_COUNTERS])
{
    for (int i = 0; i < CLASS_COUNT; i++) {
        to[HISTORY_REQUESTS + i] = (uint64_t)counted(g, STAT_FIRST_CLASS + i);
        to[HISTORY_BYTES] += (uint64_t)counted(g, STAT_FIRST_CLASS_BYTES + i);
    }
    to[HISTORY_API_REQUESTS] = (uint64_t)count_api_requests(g);
    to[HISTORY_DENIED] = (uint64_t)counted_outcomes(g, outcome_is_denied);
    to[HISTORY_FAILED] = (uint64_t)counted_outcomes(g, outcome_is_failed);
    to[HISTORY_BYTES_SAVED] = (uint64_t)counted(g, STAT_CACHE_BYTES);
    to[HISTORY_CACHE_HITS] = (uint64_t)(counted(g, STAT_CACHE_HIT) + counted(g, STAT_CACHE_JOIN) +
                                        counted(g, STAT_CACHE_STALE));
    to[HISTORY_CACHE_MISSES] =
        (uint64_t)(counted(g, STAT_CACHE_MISS) + counted(g, STAT_CACHE_BYPASS));
    to[HISTORY_CPU_USEC] = process_cpu_usec();
}

static void take_first_bytes(const struct gate *g, uint64_t to[MEASURE_BUCKETS])
{
    unsigned last = measure_row(MEASURE_FIRST_BYTE)->count;

    for (unsigned kind = 0; kind < CLASS_COUNT; kind++) {
        struct measure_sums s;

        measure_read(&g->counters, STAT_FIRST_MEASURE, MEASURE_FIRST_BYTE, kind, &s);
        for (unsigned b = 0; b <= last; b++)
            to[b] += s.up_to[b] - (b > 0 ? s.up_to[b - 1] : 0);
    }
}

/* ---- gauges ---- */

static double known(uint64_t value)
{
    return value > 0 ? (double)value : NAN;
}

/* A store that does not answer has no figures, but those of before. */
static void take_store(const struct store_stats *s, double to[HISTORY_GAUGES])
{
    to[HISTORY_SESSIONS] = s->is_healthy ? (double)s->sessions : NAN;
    to[HISTORY_GRANTS] = s->is_healthy ? (double)s->grants : NAN;
    to[HISTORY_STORE_USEC] = s->is_healthy ? known(s->write_usec) : NAN;
}

static void take_gauges(const struct gate *g, usec_t now, double to[HISTORY_GAUGES])
{
    struct audience_counts c;

    audience_count(g, now, &c);
    to[HISTORY_VIEWERS] = (double)c.viewers;
    to[HISTORY_USERS] = (double)c.keys[AUDIENCE_USERS];
    to[HISTORY_STREAMS] = (double)c.keys[AUDIENCE_STREAMS];
    to[HISTORY_CONNECTIONS] = (double)counted(g, STAT_CONNECTIONS);
    to[HISTORY_MEMORY_BYTES] = known(process_resident_bytes());
}

/* ---- sampler.h ---- */

void sampler_take(struct sampler *s, const struct gate *g)
{
    struct history_sample sample = {.at = clock_monotonic(), .at_unix = clock_unix_usec()};
    struct store_stats store;
    struct condition c = {.now = sample.at, .store = &store, .lines_lost = counted_lines_lost(g)};

    if (sample.at <= s->last) /* two in one microsecond have nothing between them */
        return;
    s->last = sample.at;
    take_counters(g, sample.counters);
    take_first_bytes(g, sample.first_bytes);
    take_gauges(g, sample.at, sample.gauges);
    store_stats(g->store, &store);
    take_store(&store, sample.gauges);
    pthread_mutex_lock(&s->lock);
    history_add(s->history, &sample);
    warnings_remember(&s->noticed, &c);
    pthread_mutex_unlock(&s->lock);
}

unsigned sampler_points(struct sampler *s, enum history_range range,
                        struct history_point ret[HISTORY_POINTS_MAX])
{
    unsigned n;

    pthread_mutex_lock(&s->lock);
    n = history_points(s->history, range, ret);
    pthread_mutex_unlock(&s->lock);
    return n;
}

bool sampler_now(struct sampler *s, struct history_point *ret)
{
    bool is_known;

    pthread_mutex_lock(&s->lock);
    is_known = history_now(s->history, ret);
    pthread_mutex_unlock(&s->lock);
    return is_known;
}

void sampler_noticed(struct sampler *s, struct warning_memory *ret)
{
    pthread_mutex_lock(&s->lock);
    *ret = s->noticed;
    pthread_mutex_unlock(&s->lock);
}
