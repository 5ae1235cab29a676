/*
 * The answer of an origin as the body of one response. libcurl brings it in pieces of 16 KiB; they
 * are gathered and shown together at the end of the turn, or as soon as there are enough for a big
 * send. What the viewer does not take is held, up to a cap, and then the origin is held back, too.
 */
#ifndef ORIGIN_PASS_BODY_H
#define ORIGIN_PASS_BODY_H

#include "base/body.h"
#include "base/buf.h"
#include "origin/fetch.h"

struct pass_body {
    struct body body;
    struct origin_fetch *fetch; /* owned; NULL: it has ended */
    struct loop *loop;
    struct loop_task show; /* wakes the puller at the end of the turn */
    struct buf held;
    size_t held_at;   /* of it, sent already */
    size_t hold_from; /* bytes held that make the origin wait: half of the cap, since as many that
                         are sent already may stand before them */
    bool is_waiting;  /* the puller found nothing */
    bool has_ended;
    int err; /* how */
    /* The owner's: it has broken off, in the end() of `f`. NULL: nobody wants to know. */
    void (*broke)(void *arg, struct origin_fetch *f);
    void *arg;
};

/* Takes over `f`, whose head() is running or has run; `length` may be BODY_LENGTH_UNKNOWN. */
void pass_body_init(struct pass_body *p, struct loop *l, struct origin_fetch *f, uint64_t length,
                    size_t cap);

#endif
