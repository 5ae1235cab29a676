/* A transport that goes nowhere: the request is admitted or refused, and that is all. */
#include "gate/explain.h"

#include "gate/steps.h"

static int explain_content(struct req *r)
{
    return 1;
}

static int explain_respond(struct req *r)
{
    return 1;
}

static void explain_finished(struct req *r)
{
    struct explanation *e = r->owner;

    e->outcome = r->outcome;
    facts_take(r, &e->facts);
    e->req = NULL;
    req_free(&r);
    if (op_is_under_way(&e->op))
        op_finish(&e->op, 0);
}

static const struct transport explain_transport = {explain_content, explain_respond,
                                                   explain_finished};

static void explain_cancel(struct op *op)
{
    struct explanation *e = container_of(op, struct explanation, op);

    req_abort(e->req, OUT_CLIENT_LEFT);
}

int gate_explain(struct gate_worker *w, struct explanation *e)
{
    struct req *r = req_new(w, &explain_transport, e);
    struct http_head *h = &r->head;

    e->req = r;
    r->is_dry = true;
    r->peer = e->client;
    h->method = HTTP_GET;
    h->method_text = STR("GET");
    h->target = e->target;
    h->authority = e->authority;
    h->known[FIELD_USER_AGENT] = e->user_agent;
    h->known[FIELD_X_SESSION_ID] = e->session_id;
    req_start(r);
    if (e->req == NULL)
        return 1;
    op_begin(&e->op, explain_cancel, e);
    return 0;
}
