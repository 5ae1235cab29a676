/* One configuration, loaded and compiled: settings, rules, and the arena that holds them.
 * Immutable. */
#ifndef SERVER_SNAPSHOT_H
#define SERVER_SNAPSHOT_H

#include <stdatomic.h>

#include "gate/rules.h"
#include "server/settings.h"

struct snapshot {
    atomic_uint refs; /* one of the server's while it is in force, one of each worker's */
    struct arena arena;
    struct settings settings;
    struct conf_source *source; /* in the arena */
    struct rules *rules;        /* owned */
};

/*
 * -1 with every mistake, one a line, in `ret_errors`.
 */
int snapshot_load(const char *path, struct snapshot **ret, struct buf *ret_errors) MUST_CHECK;
struct snapshot *snapshot_ref(struct snapshot *s);
void snapshot_unref(struct snapshot **s); /* any thread */

#endif
