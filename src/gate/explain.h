/*
 * "Why": one request walked through the whole gate without side effects. The same steps run as for
 * a real one, on a request that has nobody to answer; what they saw stays as facts. Nothing is
 * spent, begun, renewed, logged or opened.
 */
#ifndef GATE_EXPLAIN_H
#define GATE_EXPLAIN_H

#include "base/op.h"
#include "gate/facts.h"
#include "gate/gate.h"

struct explanation {
    struct op op; /* op_init() by the caller; see base/op.h */
    /* asked */
    struct str target;    /* origin-form, with its query */
    struct str authority; /* "" = none */
    struct ip client;
    struct str user_agent, session_id; /* "" = none */
    /* answered */
    enum outcome outcome;
    struct facts facts;
    struct req *req; /* internal */
};

int gate_explain(struct gate_worker *w, struct explanation *e);

#endif
