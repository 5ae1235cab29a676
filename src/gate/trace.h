/* What each check of one request saw and said: filled while an explanation runs, shown by
 * /debug/explain. */
#ifndef GATE_TRACE_H
#define GATE_TRACE_H

#include "base/arena.h"

enum { TRACE_MAX = 32 };

struct trace_entry {
    struct str check, text; /* in the arena */
};

struct trace {
    struct arena *arena;
    struct trace_entry entries[TRACE_MAX];
    unsigned count; /* notes past TRACE_MAX are dropped */
};

void trace_add(struct trace *t, const char *check, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
