/* One configuration, loaded and compiled: settings, rules, and the arena that holds them.
 * Immutable. */
#ifndef SERVER_SNAPSHOT_H
#define SERVER_SNAPSHOT_H

#include <stdatomic.h>

#include "gate/rules.h"
#include "server/entrance.h"
#include "server/settings.h"

struct snapshot {
    atomic_uint refs; /* one of the server's while it is in force, one of each worker's */
    struct arena arena;
    struct settings settings;
    struct conf_source *source;                       /* in the arena */
    struct rules *rules;                              /* owned */
    struct entrance *entrances[WORKER_MAX_LISTENERS]; /* owned references, as in settings.listen */
    unsigned entrance_count;
};

/*
 * -1 with every mistake, one a line, in `ret_errors`. `tickets` must outlive everything that comes
 * of it; NULL: without entrances, for who does not listen (and may not read the keys of
 * certificates).
 */
int snapshot_load(const char *path, struct tls_tickets *tickets, struct snapshot **ret,
                  struct buf *ret_errors) MUST_CHECK;
/* The one at this address, borrowed; NULL: none. */
struct entrance *snapshot_entrance(const struct snapshot *s, const struct net_address *a);
struct snapshot *snapshot_ref(struct snapshot *s);
void snapshot_unref(struct snapshot **s); /* any thread */

#endif
