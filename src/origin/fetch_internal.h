/* A fetch from inside: for the two files it is made of. */
#ifndef ORIGIN_FETCH_INTERNAL_H
#define ORIGIN_FETCH_INTERNAL_H

#include "net/watch.h"
#include "origin/cluster_internal.h"
#include "origin/promise.h"

/*
 * With a promise given, PAUSING and ASKED are those of a resumption.
 *
 *     PAUSING ◄──► ASKED ──► FLOWING       any ──► ENDED
 *        ▲                      │
 *        └──────────────────────┘
 */
#define FETCH_STATES(X)                                                                      \
    X(PAUSING) /* nothing is under way; the alarm will ring, or the first try is to begin */ \
    X(ASKED)   /* a transfer without a head yet */                                           \
    X(FLOWING) /* its content goes to the sink */                                            \
    X(ENDED)   /* freed at the end of the turn */

enum fetch_state {
#define X(name) FETCH_##name,
    FETCH_STATES(X)
#undef X
        FETCH_STATE_COUNT
};

enum { FETCH_REASON_MAX = 128 };

struct origin_fetch {
    struct list link; /* in the worker's */
    struct origin_worker *worker;
    struct cluster *cluster;
    const struct origin_sink *sink; /* the owner's, as is `arg` */
    void *arg;
    struct origin_request request; /* strings in `text` */

    enum fetch_state state;           /* fetch_move() */
    struct client_transfer *transfer; /* ASKED, FLOWING */
    struct server_use use;            /* the same */
    struct alarm *alarm;              /* owned; NULL until the first pause */
    struct loop_task free_task;

    /* The try under way, or the next one. */
    usec_t deadline;            /* for the head of it, and of all that may come after it */
    usec_t patience;            /* what this one was given */
    struct server_wish wish;    /* its key is the request's */
    const struct server *asked; /* NULL: none yet */
    unsigned redirects;
    bool is_redirected; /* the next one goes to `redirect_server`, for `redirect_target` */
    unsigned redirect_server;
    struct buf redirect_target;

    unsigned pauses; /* in a row: each twice as long */
    unsigned retries, resumes;
    unsigned breaks; /* those resumptions that were a server's fault */
    bool is_alone;   /* held too long for HTTP/2: the rest over a connection of its own */

    struct promise promise;
    uint64_t got; /* of the content, passed on */

    char reason[FETCH_REASON_MAX];
    char text[];
};

void fetch_move(struct origin_fetch *f, enum fetch_state to);
/* The end but for a cancel; no transfer is under way any more. */
void fetch_finish(struct origin_fetch *f, int err, struct str reason);
void fetch_pass_head(struct origin_fetch *f, const struct http_answer *a);
bool fetch_pass_content(struct origin_fetch *f, struct str bytes);
void fetch_content_ended(struct origin_fetch *f, int err, struct str reason);

/* ---- fetch_try.c: from a try to its head ---- */

void fetch_ask(struct origin_fetch *f);
/* Both end the transfer under way without a look at the rest of it. */
void fetch_cut(struct origin_fetch *f, enum health_event verdict, struct str why);
/* ... its connection may be used again */
void fetch_let_go(struct origin_fetch *f, enum health_event verdict, struct str why);
bool fetch_is_anyone_left(const struct origin_fetch *f); /* who may be asked for the rest */
/* Asks for it, not at `avoided` if there are others. Never ends the fetch within the call. */
void fetch_resume(struct origin_fetch *f, server_set avoided);

#endif
