/*
 * For tests: calls of store.h made at random, from few enough names and numbers that they meet. The
 * same seed makes the same calls.
 */
#ifndef STORE_DIFFERENTIAL_TESTING_H
#define STORE_DIFFERENTIAL_TESTING_H

#include "store/conformance.h"
#include "store/differential_traffic_testing.h"

enum call_kind {
    CALL_ADMIT,
    CALL_BURST, /* one session after the other, each of another stream key */
    CALL_ZAPS,  /* one viewer that changes from title to title, with late links of what it left */
    CALL_GRANT,
    CALL_REVOKE,
    CALL_TOUCH,
    CALL_END_ID,
    CALL_END_UID,
    CALL_LIST_GRANTS,
    CALL_LIST_SESSIONS,
    CALL_SWEEP,
    CALL_RULES,
    CALL_TRAFFIC,
    CALL_KINDS
};

enum { BURST = STORE_SESSIONS_AHEAD + 3, ZAPS = 9, EVERYTHING = 10000 };

struct call {
    enum call_kind kind;
    struct step step;         /* what a call is made of; session_id is not in it */
    int session;              /* whose id is presented or ended: a number of sessions seen, or -1 */
    unsigned limit;           /* of a list */
    int pause;                /* CALL_ZAPS: seconds that each title is watched */
    struct store_rules rules; /* CALL_RULES */
    struct traffic_call traffic;
};

struct dice {
    uint64_t state; /* the seed at first */
};
unsigned dice_below(struct dice *d, unsigned n);

struct store_rules random_rules(struct dice *d);
/* The next call, at the time of the one before or later. `seen`: how many sessions there have been.
 */
struct call random_call(struct dice *d, const struct store_rules *rules, const struct call *before,
                        unsigned seen);
/* What a call of the burst is: the one number `i`. `key` is the room for its stream key. */
struct call burst_call(const struct call *c, int i, char key[16]);
/* The same of a call of the zaps, each not before the one before. */
struct call zap_call(const struct call *c, int i);

void call_format(const struct call *c, struct buf *ret);

#endif
