/*
 * What the dashboard shows of one moment, as one event for all who watch (feed.h). It is made when
 * somebody watches, at most once a second, by whichever worker comes first; the others take it as
 * it is. Nothing in it is asked of the store: what the store counts is in memory (store_stats()).
 */
#ifndef ADMIN_SNAPSHOT_H
#define ADMIN_SNAPSHOT_H

#include "admin/feed.h"
#include "gate/gate.h"

#define SNAPSHOT_FRESH \
    (900 * USEC_PER_MSEC) /* a tick that comes a bit early makes a new one, too */

/* Where the latest one is: the process's. */
struct board;
struct board *board_new(void);

/* A reference to the latest, no older than SNAPSHOT_FRESH unless another worker is just making the
 * next one; NULL: that is the first. On the worker's thread. */
struct message *board_latest(struct board *b, struct gate_worker *w);

/* A worker's first onlooker has come, its last one has left: the latest goes with the last of all.
 */
void board_open(struct board *b);
void board_close(struct board *b);

#endif
