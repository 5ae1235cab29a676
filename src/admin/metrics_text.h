/*
 * The text format of Prometheus, version 0.0.4: families of samples, each family with HELP and TYPE
 * once, in front. Written into a buffer with a cap; whoever reads it looks at `is_full`.
 */
#ifndef ADMIN_METRICS_TEXT_H
#define ADMIN_METRICS_TEXT_H

#include "base/buf.h"
#include "base/clock.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

enum { METRIC_NAME_MAX = 96, METRIC_MAX_LABELS = 3 };

struct metric_label {
    const char *name;
    struct str value; /* any bytes */
};

struct metrics {
    struct buf *out;
    char name[METRIC_NAME_MAX]; /* of the family */
    struct metric_label labels[METRIC_MAX_LABELS];
    unsigned label_count; /* of the samples from now on */
};

void metrics_init(struct metrics *m, struct buf *out);

/* "hlsgate_" and `name`, and "_total" behind that of a counter; no labels. */
void metrics_family(struct metrics *m, enum metric_type type, struct str name, struct str help);
/* The same under a name that is everybody's, such as those of processes: as it is. */
void metrics_common_family(struct metrics *m, enum metric_type type, struct str name,
                           struct str help);

/* Labels of the next samples; at most METRIC_MAX_LABELS. A name of NULL ends the list. */
void metrics_labels(struct metrics *m, struct metric_label first, struct metric_label second);

void metrics_int(struct metrics *m, uint64_t value);
void metrics_real(struct metrics *m, double value);
void metrics_seconds(struct metrics *m, usec_t value);

/* A family with one sample. */
void metrics_one(struct metrics *m, enum metric_type type, struct str name, struct str help,
                 uint64_t value);

/* One histogram of the family: `count` buckets with their upper bounds, cumulated, and all. */
void metrics_histogram(struct metrics *m, const uint64_t *bounds, unsigned count, double unit,
                       const uint64_t *up_to, uint64_t sum);

#endif
