/*
 * The last requests, kept in memory for the API's logs: recent ones, denied ones, refused replays,
 * refused keys. Each worker has rings of fixed size, so no stream of refusals can make them grow; a
 * reader merges those of all workers. They are not kept in the store: a refusal must not cost a
 * write there.
 */
#ifndef GATE_JOURNAL_H
#define GATE_JOURNAL_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/ip.h"
#include "gate/facts.h"
#include "http/request.h"

/*    ring     kept   what */
#define JOURNALS(X)                                     \
    X(RECENT, 100, "requests")                          \
    X(DENIED, 100, "requests the gate refused")         \
    X(REPLAY, 300, "tokens refused by their use limit") \
    X(KEY, 300, "key requests, served or refused")

enum journal_ring {
#define X(name, kept, what) JOURNAL_##name,
    JOURNALS(X)
#undef X
        JOURNAL_COUNT
};

enum { JOURNAL_PATH_MAX = 200, JOURNAL_UA_MAX = 120 }; /* longer texts are cut */

struct journal_record {
    usec_t at;    /* wall clock, microseconds */
    usec_t ended; /* monotonic: which is the newest, whatever is done to the wall clock */
    usec_t duration;
    uint64_t bytes;
    struct ip client;
    uint16_t status;
    uint8_t class, method; /* enum path_class, http_method */
    uint8_t path_n, ua_n;
    char path[JOURNAL_PATH_MAX], ua[JOURNAL_UA_MAX];
    struct facts facts; /* the outcome, whose request it was, and why */
};

struct journal;
struct journal *journal_new(void);
void journal_free(struct journal **j);

/* On the journal's own thread. The record is copied; in a full ring it takes the place of the
 * oldest. */
void journal_add(struct journal *j, enum journal_ring ring, const struct journal_record *r);

/* From any thread: the newest `limit` of all journals, newest first, in `a`. Returns how many. */
unsigned journal_read(struct journal *const *journals, unsigned count, enum journal_ring ring,
                      unsigned limit, struct arena *a, struct journal_record **ret);

/* From any thread: how many it was told of since it was made, kept or not. */
uint64_t journal_told(struct journal *j, enum journal_ring ring);

unsigned journal_kept(enum journal_ring ring);

#endif
