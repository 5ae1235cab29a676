/*
 * Admissions answered a moment ago, for the workers of a store that is a round trip away: a player
 * that asks for one segment after another by its session would ask the store each time. Only what
 * changed nothing is remembered: admitted, no use taken, no session begun, not dry. It is answered
 * again to whoever asks for exactly the same (all that `struct admission` asks but the time), for
 * `ttl` after it was asked.
 *
 * A revocation makes all of them void: verdicts_clear(). A reply may still be on its way then that
 * was decided before; so who puts says at which verdicts_version() it asked, and what is of another
 * is not kept. A change of the rules is such a moment, too.
 *
 * One worker's; no I/O, no clock: `now` is its loop's.
 */
#ifndef STORE_VERDICTS_H
#define STORE_VERDICTS_H

#include "store/store.h"

enum {
    /* Of one worker, at most about 1 KiB each. Viewers who ask for ever different things push each
     * other out, oldest first, and nothing grows. */
    VERDICTS_MAX = 8192,
};

struct verdicts;

/* At most `max` of them; ttl 0: none is ever kept. */
struct verdicts *verdicts_new(unsigned max, usec_t ttl);
void verdicts_free(struct verdicts **v);

/* Those that were put before do not hear of it: clear them. */
void verdicts_set_ttl(struct verdicts *v, usec_t ttl);

/* True with what is answered filled in, strings in a->arena. */
bool verdicts_get(struct verdicts *v, struct admission *a, usec_t now);

/* Taken when the store is asked. */
uint64_t verdicts_version(const struct verdicts *v);
/* What the store has answered. `asked`: when, at version `version`. */
void verdicts_put(struct verdicts *v, const struct admission *a, usec_t asked, uint64_t version);

void verdicts_clear(struct verdicts *v); /* costs nothing, however many there are */

#endif
