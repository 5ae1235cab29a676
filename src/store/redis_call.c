/*
 * A script under way. A ticket stands for it, since the caller may leave (redis_call_cancel) while
 * Redis still owes the reply.
 *
 * NOSCRIPT: one of those that hear it brings the source (EVAL), the others queue up behind it by
 * name: after SCRIPT FLUSH a thousand calls must not send a thousand sources.
 */
#include <errno.h>

#include "base/panic.h"
#include "base/stock.h"
#include "store/redis_internal.h"

enum { TRIES_MAX = 4 }; /* by name, behind an EVAL, with the source, and once more */

static void on_reply(struct redis_pending *p, redisReply **reply);

/* ---- sending ---- */

static bool needs_source(const struct redis_ticket *t, const struct redis_lane *lane)
{
    return t->tries > 1 || (t->tries == 1 && lane->evals[t->script] == 0);
}

static bool send_script(struct redis_ticket *t, struct redis_lane *lane)
{
    struct redis_link *l = t->link;
    struct redis_args a;

    a.count = 0;
    redis_add_text(&a, t->is_eval ? "EVAL" : "EVALSHA");
    if (t->is_eval)
        redis_add(&a, redis_script_source(t->script));
    else
        redis_add_bytes(&a, l->sha[t->script], REDIS_SHA_LEN);
    redis_add_text(&a, "0");
    redis_add(&a, l->shared->o.prefix);
    t->call->encode(t->call, &a);
    return redis_conn_send(&lane->conn, &a);
}

static bool waits_for_replicas(const struct redis_ticket *t)
{
    return t->link->shared->o.wait_replicas > 0;
}

bool redis_ticket_send(struct redis_ticket *t, struct redis_lane *lane)
{
    if (waits_for_replicas(t))
        loop_defer(t->link->loop, &lane->ask_replicas); /* before the connection is flushed */
    t->is_eval = needs_source(t, lane);
    if (!send_script(t, lane))
        return false;
    t->lane = lane;
    t->tries++;
    t->sent = loop_now(t->link->loop);
    lane->evals[t->script] += t->is_eval;
    t->pending.due = 1;
    redis_conn_expect(&lane->conn, &t->pending);
    redis_count(t->is_eval ? &t->link->shared->counters.reloads : &t->link->shared->counters.calls);
    return true;
}

/* ---- the end ---- */

void redis_ticket_drop(struct redis_ticket *t)
{
    struct redis_link *l = t->link;

    list_remove(&t->pending.link);
    deadline_clear(&t->pending.deadline);
    if (t->call != NULL)
        t->call->ticket = NULL;
    if (t->answer != NULL)
        freeReplyObject(t->answer);
    stock_free(t);
    redis_link_ticket_gone(l);
}

static void answer(struct redis_ticket *t, int err, const redisReply *reply)
{
    struct redis_call *call = TAKE(t->call);

    if (call == NULL)
        return;
    call->ticket = NULL;
    call->answered(call, err, reply);
}

static void count(struct redis_link *l, int err)
{
    if (err == -ETIMEDOUT)
        redis_count(&l->shared->counters.timeouts);
    else if (err == -EAGAIN)
        redis_count(&l->shared->counters.refused);
}

void redis_ticket_end(struct redis_ticket *t, int err, const redisReply *reply)
{
    list_remove(&t->pending.link);
    if (t->call != NULL && t->answer == NULL) /* a held one has been counted */
        count(t->link, err);
    answer(t, err, reply);
    redis_ticket_drop(t);
}

/* ---- replies ---- */

static void wait_again(struct redis_ticket *t)
{
    t->lane = NULL;
    list_prepend(&t->link->waiting, &t->pending.link);
    deadline_set(t->link->calls, &t->pending.deadline);
}

static void again(struct redis_ticket *t)
{
    if (t->call == NULL)
        redis_ticket_drop(t);
    else if (!redis_lane_is_free(t->lane))
        wait_again(t);
    else if (!redis_ticket_send(t, t->lane))
        redis_ticket_end(t, -EAGAIN, NULL);
    else
        deadline_set(t->link->calls, &t->pending.deadline);
}

static void said_error(struct redis_ticket *t, const redisReply *r)
{
    enum redis_error error = redis_error_of(redis_str(r));
    char why[REDIS_WHY_MAX];

    if (error == REDIS_ERROR_NO_SCRIPT && t->tries < TRIES_MAX) {
        again(t);
        return;
    }
    redis_count(&t->link->shared->counters.errors);
    redis_error_show(redis_str(r), why);
    redis_link_trouble(t->link, t->lane->server, why);
    if (error == REDIS_ERROR_UNFIT)
        redis_conn_break(&t->lane->conn, why);
    redis_ticket_end(t,
                     error == REDIS_ERROR_UNFIT  ? -EAGAIN
                     : error == REDIS_ERROR_FULL ? -ENOSPC
                                                 : -EIO,
                     NULL);
}

static bool has_changed_something(const redisReply *r)
{
    return redis_is_array(r, 1) && r->element[0]->type == REDIS_REPLY_INTEGER &&
           r->element[0]->integer == 1;
}

static void on_reply(struct redis_pending *p, redisReply **reply)
{
    struct redis_ticket *t = container_of(p, struct redis_ticket, pending);

    if (*reply == NULL) {
        redis_ticket_end(t, -ETIMEDOUT, NULL);
        return;
    }
    t->lane->evals[t->script] -= t->is_eval;
    if ((*reply)->type == REDIS_REPLY_ERROR) {
        said_error(t, *reply);
    } else if (waits_for_replicas(t) && has_changed_something(*reply)) {
        t->answer = TAKE(*reply);
        list_append(&t->lane->held, &t->pending.link);
    } else {
        redis_link_well(t->link);
        redis_ticket_end(t, 0, *reply);
    }
}

/* ---- deadlines ---- */

/* A call that had to wait for a connection has been under way for less long than it has existed:
 * the connection is not to blame for that. */
void redis_ticket_expired(struct deadline *d)
{
    struct redis_ticket *t = container_of(d, struct redis_ticket, pending.deadline);
    struct redis_link *l = t->link;

    if (t->lane == NULL) {
        redis_ticket_end(t, -EAGAIN, NULL);
    } else if (loop_now(l->loop) - t->sent >= l->shared->o.timeout) {
        redis_conn_break(&t->lane->conn, "did not answer in time");
    } else {
        deadline_set(l->calls, d);
        count(l, -ETIMEDOUT);
        answer(t, -ETIMEDOUT, NULL);
    }
}

/* ---- redis_link.h ---- */

static struct redis_ticket *new_ticket(struct redis_link *l, struct redis_call *c)
{
    struct redis_ticket *t = stock_zalloc(sizeof *t);

    redis_pending_init(&t->pending, 0, on_reply);
    t->link = l;
    t->call = c;
    t->script = c->script;
    c->ticket = t;
    l->under_way++;
    deadline_set(l->calls, &t->pending.deadline);
    return t;
}

static int refuse(struct redis_link *l)
{
    redis_count(&l->shared->counters.refused);
    return -EAGAIN;
}

int redis_link_call(struct redis_link *l, struct redis_call *c)
{
    struct redis_lane *lane = redis_link_choose(l);
    struct redis_ticket *t;

    assert(c->ticket == NULL);
    if (l->under_way >= REDIS_UNDER_WAY_MAX || (lane == NULL && l->state == LINK_OPEN))
        return refuse(l);
    t = new_ticket(l, c);
    if (lane == NULL) {
        list_append(&l->waiting, &t->pending.link);
    } else if (!redis_ticket_send(t, lane)) {
        redis_ticket_drop(t);
        return refuse(l);
    }
    return 0;
}

void redis_call_cancel(struct redis_call *c)
{
    struct redis_ticket *t = TAKE(c->ticket);

    if (t == NULL)
        return;
    t->call = NULL;
    if (t->lane == NULL)
        redis_ticket_drop(t); /* it was never sent */
}
