/*
 * Only requests that were meant to find out bring an ejected server back: an answer to one that
 * began while the server was still up says what it was like then. And only the one request of a
 * trial throws it out again: when all servers are out, requests go to them anyway, and those must
 * not make the ejection longer and longer.
 */
#include "origin/health.h"

/* The layout of the word, from the lowest bit up. 40 bits of milliseconds are 34 years of uptime.
 */
enum {
    STATE_BITS = 2,
    TRIED_BITS = 1,
    STRIKES_BITS = 5,
    FAILURES_BITS = 16,
    UNTIL_BITS = 40,
};
_Static_assert(STATE_BITS + TRIED_BITS + STRIKES_BITS + FAILURES_BITS + UNTIL_BITS == 64,
               "one word");
_Static_assert(SERVER_STATE_COUNT <= 1 << STATE_BITS, "states fit");

static void put(uint64_t *word, unsigned bits, uint64_t value)
{
    uint64_t max = (UINT64_C(1) << bits) - 1;

    *word = *word << bits | MIN(value, max);
}

static uint64_t take(uint64_t *word, unsigned bits)
{
    uint64_t value = *word & ((UINT64_C(1) << bits) - 1);

    *word >>= bits;
    return value;
}

uint64_t health_pack(const struct health *h)
{
    uint64_t word = 0;

    put(&word, UNTIL_BITS, (h->until + USEC_PER_MSEC - 1) / USEC_PER_MSEC);
    put(&word, FAILURES_BITS, h->failures);
    put(&word, STRIKES_BITS, h->strikes);
    put(&word, TRIED_BITS, h->is_tried);
    put(&word, STATE_BITS, h->state);
    return word;
}

struct health health_unpack(uint64_t word)
{
    struct health h;

    h.state = (enum server_state)take(&word, STATE_BITS);
    h.is_tried = take(&word, TRIED_BITS) != 0;
    h.strikes = (unsigned)take(&word, STRIKES_BITS);
    h.failures = (unsigned)take(&word, FAILURES_BITS);
    h.until = take(&word, UNTIL_BITS) * USEC_PER_MSEC;
    return h;
}

/* Twice as long with each strike. */
static usec_t ejection_time(const struct health_rules *r, unsigned strikes)
{
    usec_t t = r->eject_time;

    for (unsigned i = 1; i < strikes && t < r->eject_max; i++)
        t *= 2;
    return MIN(t, r->eject_max);
}

static struct health eject(struct health h, const struct health_rules *r, usec_t now)
{
    bool is_again = h.state == SERVER_TRIAL || now < h.until;
    unsigned strikes = is_again ? h.strikes + 1 : 1;

    return (struct health){
        .state = SERVER_EJECTED, .strikes = strikes, .until = now + ejection_time(r, strikes)};
}

/* For as long as it was out, failing again counts as "right after". */
static struct health come_back(struct health h, const struct health_rules *r, usec_t now)
{
    return (struct health){
        .state = SERVER_UP, .strikes = h.strikes, .until = now + ejection_time(r, h.strikes)};
}

static struct health after_answer(struct health h, enum use_kind kind, const struct health_rules *r,
                                  usec_t now)
{
    bool was_out = h.state == SERVER_EJECTED || h.state == SERVER_TRIAL;

    if (was_out && kind != USE_ORDINARY)
        return come_back(h, r, now);
    h.failures = 0;
    return h;
}

static struct health after_failure(struct health h, enum use_kind kind,
                                   const struct health_rules *r, usec_t now)
{
    if (h.state == SERVER_TRIAL && kind == USE_TRIAL)
        return eject(h, r, now);
    if (h.state != SERVER_UP)
        return h;
    h.failures++;
    return r->eject_after > 0 && h.failures >= r->eject_after ? eject(h, r, now) : h;
}

static struct health after_letting_go(struct health h, enum use_kind kind)
{
    if (kind == USE_TRIAL)
        h.is_tried = false;
    return h;
}

struct health health_next(struct health h, enum health_event e, enum use_kind kind,
                          const struct health_rules *r, usec_t now)
{
    switch (e) {
    case HEALTH_ANSWERED:
        return after_answer(h, kind, r, now);
    case HEALTH_FAILED:
        return after_failure(h, kind, r, now);
    case HEALTH_LET_GO:
        return after_letting_go(h, kind);
    case HEALTH_CHECKS_FELL:
        return (struct health){.state = SERVER_DOWN};
    case HEALTH_CHECKS_ROSE:
        return h.state == SERVER_DOWN ? (struct health){.state = SERVER_UP} : h;
    default:
        WRONG("no such news of a server");
    }
}

bool health_may_be_tried(const struct health *h, usec_t now)
{
    return (h->state == SERVER_EJECTED && now >= h->until) ||
           (h->state == SERVER_TRIAL && !h->is_tried);
}

bool health_is_usable(const struct health *h, usec_t now)
{
    return h->state == SERVER_UP || health_may_be_tried(h, now);
}

struct health health_on_trial(struct health h)
{
    h.state = SERVER_TRIAL;
    h.is_tried = true;
    return h;
}

enum server_state health_seen(const struct health *h, usec_t now)
{
    return h->state == SERVER_EJECTED && now >= h->until ? SERVER_TRIAL : h->state;
}
