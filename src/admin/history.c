/*
 * Rings of samples, one for each range. Gauges are kept as sums over all samples so far, so that
 * they are differences, too, as everything is.
 */
#include "admin/history.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/panic.h"

enum { KEPT = HISTORY_POINTS_MAX + 1 };

struct kept {
    usec_t at, at_unix;
    uint64_t counters[HISTORY_COUNTERS];
    uint64_t first_bytes[MEASURE_BUCKETS];
    double sums[HISTORY_GAUGES];
    uint64_t known[HISTORY_GAUGES]; /* how many samples a sum is of */
};

struct ring {
    struct kept kept[KEPT];
    unsigned count, next;
};

struct history {
    struct ring rings[HISTORY_RANGE_COUNT];
    struct kept last, before; /* samples as they came; at 0: none */
};

static const struct {
    struct str word;
    unsigned step; /* seconds */
    unsigned points;
} ranges[] = {
#define X(name, word, step, points) {STR(word), step, points},
    HISTORY_RANGES(X)
#undef X
};

struct history *history_new(void)
{
    return xzalloc(sizeof(struct history));
}

void history_free(struct history **h)
{
    free(TAKE(*h));
}

unsigned history_step(enum history_range range)
{
    assert(range < HISTORY_RANGE_COUNT);
    return ranges[range].step;
}

struct str history_word(enum history_range range)
{
    assert(range < HISTORY_RANGE_COUNT);
    return ranges[range].word;
}

enum history_range history_range_parse(struct str word)
{
    int i = 0;

    while (i < HISTORY_RANGE_COUNT && !str_eq(ranges[i].word, word))
        i++;
    return (enum history_range)i;
}

/* ---- samples ---- */

static void accumulate(struct kept *k, const struct history_sample *s)
{
    k->at = s->at;
    k->at_unix = s->at_unix;
    memcpy(k->counters, s->counters, sizeof k->counters);
    memcpy(k->first_bytes, s->first_bytes, sizeof k->first_bytes);
    for (int g = 0; g < HISTORY_GAUGES; g++)
        if (!isnan(s->gauges[g])) {
            k->sums[g] += s->gauges[g];
            k->known[g]++;
        }
}

/* The `back`th before the newest. */
static const struct kept *kept_of(const struct ring *r, unsigned back)
{
    return &r->kept[(r->next + KEPT - 1 - back) % KEPT];
}

/* Who samples is not on time to the microsecond: half a second early is early enough. */
static bool is_due(const struct ring *r, usec_t at, unsigned step)
{
    return r->count == 0 || at + USEC_PER_SEC / 2 >= kept_of(r, 0)->at + step * USEC_PER_SEC;
}

static void push(struct ring *r, const struct kept *k)
{
    r->kept[r->next] = *k;
    r->next = (r->next + 1) % KEPT;
    r->count = MIN(r->count + 1, (unsigned)KEPT);
}

void history_add(struct history *h, const struct history_sample *s)
{
    assert(s->at > h->last.at);
    h->before = h->last;
    accumulate(&h->last, s);
    for (int i = 0; i < HISTORY_RANGE_COUNT; i++)
        if (is_due(&h->rings[i], s->at, ranges[i].step))
            push(&h->rings[i], &h->last);
}

/* ---- points ---- */

static double mean(const struct kept *from, const struct kept *to, int g)
{
    uint64_t n = to->known[g] - from->known[g];

    return n > 0 ? (to->sums[g] - from->sums[g]) / (double)n : NAN;
}

static usec_t as_unix(const struct history *h, usec_t at)
{
    usec_t ago = h->last.at - at;

    return h->last.at_unix > ago ? h->last.at_unix - ago : 0;
}

static void subtract(const struct history *h, const struct kept *from, const struct kept *to,
                     struct history_point *ret)
{
    ret->at_unix = as_unix(h, to->at);
    ret->seconds = (double)(to->at - from->at) / (double)USEC_PER_SEC;
    for (int c = 0; c < HISTORY_COUNTERS; c++)
        ret->counters[c] = to->counters[c] - from->counters[c];
    for (int b = 0; b < MEASURE_BUCKETS; b++)
        ret->first_bytes[b] = to->first_bytes[b] - from->first_bytes[b];
    for (int g = 0; g < HISTORY_GAUGES; g++)
        ret->gauges[g] = mean(from, to, g);
}

/* After a pause of the whole process there are older ones. */
static bool is_in_range(const struct history *h, enum history_range range, const struct kept *k)
{
    usec_t span = (usec_t)ranges[range].step * (ranges[range].points + 1) * USEC_PER_SEC;

    return k->at + span > h->last.at;
}

unsigned history_points(const struct history *h, enum history_range range,
                        struct history_point ret[HISTORY_POINTS_MAX])
{
    const struct ring *r = &h->rings[range];
    unsigned n = 0;

    assert(range < HISTORY_RANGE_COUNT);
    while (n + 1 < r->count && n < ranges[range].points && is_in_range(h, range, kept_of(r, n)))
        n++;
    for (unsigned i = 0; i < n; i++)
        subtract(h, kept_of(r, n - i), kept_of(r, n - i - 1), &ret[i]);
    return n;
}

bool history_now(const struct history *h, struct history_point *ret)
{
    if (h->before.at == 0)
        return false;
    subtract(h, &h->before, &h->last, ret);
    return true;
}

/* ---- what a point says ---- */

double history_rate(const struct history_point *p, enum history_counter c)
{
    return (double)p->counters[c] / p->seconds;
}

double history_hit_ratio(const struct history_point *p)
{
    uint64_t hits = p->counters[HISTORY_CACHE_HITS];
    uint64_t all = hits + p->counters[HISTORY_CACHE_MISSES];

    return all > 0 ? (double)hits / (double)all : NAN;
}

static uint64_t all_first_bytes(const struct history_point *p)
{
    uint64_t all = 0;

    for (int b = 0; b < MEASURE_BUCKETS; b++)
        all += p->first_bytes[b];
    return all;
}

double history_first_byte(const struct history_point *p, double share)
{
    const struct measure_row *row = measure_row(MEASURE_FIRST_BYTE);
    double rank = share * (double)all_first_bytes(p), below = 0;

    for (unsigned b = 0; b < row->count; b++) {
        double here = (double)p->first_bytes[b], from = b > 0 ? (double)row->bounds[b - 1] : 0;

        if (here > 0 && below + here >= rank)
            return from + ((double)row->bounds[b] - from) * MAX(rank - below, 0.0) / here;
        below += here;
    }
    return all_first_bytes(p) > 0 ? (double)row->bounds[row->count - 1] : NAN;
}
