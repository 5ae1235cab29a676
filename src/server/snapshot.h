/* One configuration, loaded and compiled: settings, rules, and the arena that holds them.
 * Immutable. */
#ifndef SERVER_SNAPSHOT_H
#define SERVER_SNAPSHOT_H

#include "gate/rules.h"
#include "server/settings.h"

struct snapshot {
    struct arena arena;
    struct settings settings;
    struct conf_source *source; /* in the arena */
    struct rules *rules;        /* owned */
};

/*
 * -1 with every mistake, one a line, in `ret_errors`.
 */
int snapshot_load(const char *path, struct snapshot **ret, struct buf *ret_errors) MUST_CHECK;
void snapshot_free(struct snapshot **s);

#endif
