/*
 * What needs a hand, in a word that the dashboard translates and a detail as it is: found by
 * looking at what the daemon knows of itself. Pure, but for what it remembers from one look to the
 * next.
 */
#ifndef ADMIN_WARNINGS_H
#define ADMIN_WARNINGS_H

#include "store/store.h"
#include "traffic/reports.h"

/*    word                  when */
#define WARNINGS(X)                                                                    \
    X(store_down, "the store does not take writes, or is out of reach")                \
    X(store_full, "the store has used more than nine tenths of its room")              \
    X(store_no_replica, "the primary had replicas and has none any more")              \
    X(server_down, "a server of an origin is left out")                                \
    X(reports_failing, "the last report did not reach its receiver")                   \
    X(reports_held, "so many reports wait that no new ones are made")                  \
    X(access_log_dropping, "lines of the access log were lost within the last minute") \
    X(connections_full, "more than nineteen twentieths of http.max_connections are in use")

enum warning_kind {
#define X(word, when) WARNING_##word,
    WARNINGS(X)
#undef X
        WARNING_COUNT
};

struct condition {
    usec_t now; /* monotonic */
    const struct store_stats *store;
    struct str server_out;                /* one that is left out; "": none */
    const struct reports_status *reports; /* NULL: none are made */
    uint64_t lines_lost;                  /* of the access log, since the start */
    int64_t connections, max_connections;
};

/* What was noticed before, of things that are news only when they change. */
struct warning_memory {
    bool had_replicas;
    uint64_t lines_lost;
    usec_t lost_at; /* 0: never */
};

struct warning {
    enum warning_kind kind;
    struct str detail; /* borrowed from the condition; "": none */
};

struct str warning_word(enum warning_kind kind);
/* Once a second, also while nobody looks: else who looks in the morning would not be told that the
 * replica went in the night, but that lines were lost just now which were lost days ago. Asks of
 * the condition `now`, `store` and `lines_lost`. */
void warnings_remember(struct warning_memory *m, const struct condition *c);
/* How many hold; `ret` in the order of the table. */
unsigned warnings_find(const struct warning_memory *m, const struct condition *c,
                       struct warning ret[WARNING_COUNT]);

#endif
