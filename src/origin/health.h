/*
 * The health of one server as a value, and what one piece of news makes of it. Pure. It packs into
 * one word, so that one compare-and-swap is one move and whoever makes it is who tells of it.
 *
 *     UP ──failures──► EJECTED ──its time, the next request──► TRIAL ──answer──► UP
 *                         ▲                                      │
 *                         └────────────────failure───────────────┘
 *     any ──checks──► DOWN ──checks──► UP
 */
#ifndef ORIGIN_HEALTH_H
#define ORIGIN_HEALTH_H

#include "origin/cluster.h"

struct health_rules {
    unsigned eject_after; /* 0: never */
    usec_t eject_time, eject_max;
};

struct health {
    enum server_state state;
    unsigned failures; /* UP: in a row */
    unsigned strikes;  /* ejections, each right after coming back from the one before */
    bool is_tried;     /* TRIAL: the request that decides is under way */
    usec_t until; /* EJECTED: its end; UP: who fails before it fails "right after coming back" */
};

/* Saturates; times are rounded up to milliseconds. */
uint64_t health_pack(const struct health *h);
struct health health_unpack(uint64_t word);

/* Why a server was asked: says how much its answer means. */
enum use_kind {
    USE_ORDINARY,    /* it was up */
    USE_TRIAL,       /* the one request of a trial */
    USE_LAST_RESORT, /* it was out, as were all others */
};

#define HEALTH_EVENTS(X)                                              \
    X(ANSWERED)    /* a request that began as `kind` got an answer */ \
    X(FAILED)      /* ... none, or one that says the server fails */  \
    X(LET_GO)      /* ... was given up for other reasons */           \
    X(CHECKS_FELL) /* `fall` bad checks in a row */                   \
    X(CHECKS_ROSE) /* `rise` good ones */

enum health_event {
#define X(name) HEALTH_##name,
    HEALTH_EVENTS(X)
#undef X
};

struct health health_next(struct health h, enum health_event e, enum use_kind kind,
                          const struct health_rules *r, usec_t now);

bool health_may_be_tried(const struct health *h, usec_t now); /* its trial may begin */
bool health_is_usable(const struct health *h, usec_t now);    /* up, or may be tried */
struct health health_on_trial(struct health h);               /* with its request under way */

/* For people: an ejected server whose time is over waits for its trial. */
enum server_state health_seen(const struct health *h, usec_t now);

#endif
