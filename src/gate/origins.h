/* The origins of a configuration, for rules.c: opened, closed, found by path. */
#ifndef GATE_ORIGINS_H
#define GATE_ORIGINS_H

#include "gate/rules.h"

/* Fills r->routes. -1 with what is wrong in `report`; origins_close() is due in every case. */
int origins_open(struct arena *arena, struct rules *r, const struct gate_settings *s,
                 struct conf_report *report, const struct conf_source *source) MUST_CHECK;
void origins_close(struct rules *r);

#endif
