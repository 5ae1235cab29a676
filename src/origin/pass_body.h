/*
 * The answer of an origin as the body of one response. What has just come is shown where it lies,
 * in the receive buffer; only what the viewer does not take at once is held, up to a cap, and then
 * the origin is held back, too.
 */
#ifndef ORIGIN_PASS_BODY_H
#define ORIGIN_PASS_BODY_H

#include "base/body.h"
#include "base/buf.h"
#include "origin/fetch.h"

struct pass_body {
    struct body body;
    struct origin_fetch *fetch; /* owned; NULL: it has ended */
    struct str offered;         /* in the origin's hands, during its data() */
    struct buf held;
    size_t held_at;   /* of it, sent already */
    size_t hold_from; /* bytes held that make the origin wait */
    bool is_waiting;  /* the puller found nothing */
    bool has_ended;
    int err;       /* how */
    bool *is_gone; /* of the call that is on the stack: the body has been done meanwhile */
};

/* Takes over `f`, whose head() is running or has run; `length` may be BODY_LENGTH_UNKNOWN. */
void pass_body_init(struct pass_body *p, struct origin_fetch *f, uint64_t length, size_t cap);

#endif
