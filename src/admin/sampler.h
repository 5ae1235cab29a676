/*
 * The process's history (history.h): one worker takes a sample once a second, any thread reads.
 * Counters of all workers are summed for it, nothing is asked of a request on its way. A sample
 * costs some 100 us; a reader holds the lock for as long at most.
 */
#ifndef ADMIN_SAMPLER_H
#define ADMIN_SAMPLER_H

#include "admin/history.h"
#include "admin/warnings.h"
#include "gate/gate.h"

struct sampler;
struct sampler *sampler_new(void);
void sampler_free(struct sampler **s);

/* Always on the same thread. */
void sampler_take(struct sampler *s, const struct gate *g);

/* As history_points() and history_now(). */
unsigned sampler_points(struct sampler *s, enum history_range range,
                        struct history_point ret[HISTORY_POINTS_MAX]);
bool sampler_now(struct sampler *s, struct history_point *ret);

/* What warnings remember, as of the last sample (warnings.h). */
void sampler_noticed(struct sampler *s, struct warning_memory *ret);

#endif
