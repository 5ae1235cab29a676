/*
 * What is not to be shared, or not to be kept: a request's own answer of its origin, passed through
 * as it comes. Range and conditions are the viewer's own here.
 */
#ifndef GATE_PASS_H
#define GATE_PASS_H

#include "gate/req.h"

/* The leader of a fetch takes its answer over, from within the fetch's head(). Resumes the request,
 * which may be gone afterwards. */
void pass_take_over(struct req *r, struct origin_fetch *f, const struct http_answer *a);

#endif
