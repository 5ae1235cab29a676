/*
 * "Why": one request walked through the whole gate without side effects. The same steps run as for
 * a real one, on a request that has nobody to answer; each check notes what it saw. Nothing is
 * spent, begun, renewed, logged or opened.
 */
#ifndef GATE_EXPLAIN_H
#define GATE_EXPLAIN_H

#include "base/op.h"
#include "gate/gate.h"
#include "gate/trace.h"

struct explanation {
    struct op op;        /* op_init() by the caller; see base/op.h */
    struct arena *arena; /* everything below lives there */
    /* asked */
    struct str target;    /* origin-form, with its query */
    struct str authority; /* "" = none */
    struct ip client;
    struct str user_agent, session_id; /* "" = none */
    /* answered */
    enum outcome outcome;
    struct trace trace;
    struct req *req; /* internal */
};

int gate_explain(struct gate_worker *w, struct explanation *e);

#endif
