/* Objects that are to be forgotten before their time, by one of three words. */
#ifndef GATE_PURGE_H
#define GATE_PURGE_H

#include "gate/gate.h"

/* One of them is set, the others are STR_NONE. */
struct purge {
    struct str path;       /* decoded; with every query it was asked for with */
    struct str prefix;     /* decoded: all paths that begin so */
    struct str stream_key; /* all paths of that stream */
};

/*
 * Takes them out of memory and off the disk, for all workers; what is under way is not kept. How
 * many objects that were in memory, and in `ret_disk` on the disk. What has been sent to viewers is
 * theirs.
 */
unsigned cache_purge_by(struct gate_worker *w, const struct rules *rules, const struct purge *p,
                        unsigned *ret_disk);

/* The path in a key of the cache, as locate.c makes them. */
struct str cache_key_path(struct str key);

#endif
