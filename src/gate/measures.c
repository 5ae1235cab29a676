/* Buckets are counted each for itself and cumulated when somebody looks. */
#include "gate/measures.h"

#include "base/mem.h"
#include "base/panic.h"

#define X(name, list, metric, text) static const uint64_t bounds_of_##name[] = {list};
MEASURES(X)
#undef X

/* What is timed is shown in seconds, the base unit; bytes are one already. */
enum { FIRST_BYTE_UNIT = 1000000, DURATION_UNIT = 1000000, SIZE_UNIT = 1 };

static const struct measure_row rows[] = {
#define X(name, list, metric, text) \
    {STR(metric), STR(text), bounds_of_##name, ARRAY_LEN(bounds_of_##name), name##_UNIT},
    MEASURES(X)
#undef X
};

#define X(name, list, metric, text) \
    _Static_assert(ARRAY_LEN(bounds_of_##name) <= MEASURE_MAX_BOUNDS, "a cell for every bucket");
MEASURES(X)
#undef X

const struct measure_row *measure_row(enum measure m)
{
    assert(m < MEASURE_COUNT);
    return &rows[m];
}

static size_t cells_of(size_t first, enum measure m, unsigned kind)
{
    assert(kind < MEASURE_KINDS);
    return first + ((size_t)m * MEASURE_KINDS + kind) * MEASURE_SIZE_CELLS;
}

static unsigned bucket_of(const struct measure_row *row, uint64_t value)
{
    unsigned i = 0;

    while (i < row->count && value > row->bounds[i])
        i++;
    return i;
}

void measure_take(struct counters *c, size_t first, enum measure m, unsigned kind, uint64_t value)
{
    size_t cells = cells_of(first, m, kind);

    counter_add(c, cells + bucket_of(measure_row(m), value), 1);
    counter_add(c, cells + MEASURE_BUCKETS, (int64_t)value);
}

void measure_read(const struct counter_registry *r, size_t first, enum measure m, unsigned kind,
                  struct measure_sums *ret)
{
    size_t cells = cells_of(first, m, kind);
    uint64_t so_far = 0;

    *ret = (struct measure_sums){.sum = (uint64_t)counter_sum(r, cells + MEASURE_BUCKETS)};
    for (unsigned i = 0; i <= measure_row(m)->count; i++) {
        so_far += (uint64_t)counter_sum(r, cells + i);
        ret->up_to[i] = so_far;
    }
}
