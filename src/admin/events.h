/*
 * /events: what feeds the dashboard, as server-sent events (HTML Living Standard 9.2): a snapshot
 * a second, the same bytes for all (snapshot.h). A stream ends when its badge does, by its time or
 * by a logout, when the rules change (the browser comes again by itself, under the new ones), and
 * when the worker is to end.
 */
#ifndef ADMIN_EVENTS_H
#define ADMIN_EVENTS_H

#include "gate/gate.h"

enum { EVENTS_WATCHERS_MAX = 250 }; /* of a worker: who opens more is refused, not served slowly */

/* A worker's part of it. */
struct events;
struct events *events_new(struct gate_worker *w);
void events_free(struct events **e); /* nobody may watch */
void events_tick(struct events *e);
void events_drain(struct events *e);

#endif
