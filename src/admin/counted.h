/* What the gate has counted since the start, of all workers (gate/stats.h). Any thread. */
#ifndef ADMIN_COUNTED_H
#define ADMIN_COUNTED_H

#include "gate/gate.h"

static inline int64_t counted(const struct gate *g, int stat)
{
    return counter_sum(&g->counters, (size_t)stat);
}

/* Requests that ended so that `counts` says yes. */
int64_t counted_outcomes(const struct gate *g, bool (*counts)(enum outcome o));

/* Requests that the log of recent ones was told of: all but what the dashboard asks for itself. */
uint64_t counted_recent(const struct gate *g);

/* Lines of the access log that nobody will read. */
uint64_t counted_lines_lost(const struct gate *g);

#endif
