/*
 * Addresses that present wrong API keys, counted: after THROTTLE_FREE of them in a row each further
 * wrong key is worth a pause. Right keys are never held back, whoever shares the address: a
 * stranger behind the same proxy must not be able to lock a site's back end out.
 *
 * A table of fixed size for the whole process, behind a lock that only wrong keys take. An address
 * that nobody has seen takes the place of the one forgiven first among the few it may stand in:
 * a flood from many addresses makes the table forget, never grow. An IPv6 client counts as its /64.
 */
#ifndef ADMIN_THROTTLE_H
#define ADMIN_THROTTLE_H

#include "base/clock.h"
#include "base/ip.h"

enum {
    THROTTLE_FREE = 10, /* wrong keys that cost nothing */
    THROTTLE_ADDRESSES = 1024,
};
#define THROTTLE_FORGIVES (6 * USEC_PER_SEC) /* one wrong key */

struct throttle;
struct throttle *throttle_new(void);
void throttle_free(struct throttle **t);

/* One more wrong key. Is it to be answered slowly? From any thread. */
bool throttle_wrong_key(struct throttle *t, const struct ip *client, usec_t now);

#endif
