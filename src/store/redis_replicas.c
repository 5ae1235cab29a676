/*
 * With wait_replicas a write counts when so many replicas have it, which WAIT tells: of all that
 * was written on this connection before. Redis answers nothing else on it meanwhile. So there is
 * one WAIT behind the scripts of a turn, and what comes while it is under way gathers in the link's
 * queue and leaves together when it is over: the more calls there are, the more share a WAIT.
 */
#include <errno.h>

#include "store/redis_internal.h"

static bool is_acknowledged(const struct redis_lane *lane, const redisReply *wait)
{
    return wait != NULL && wait->type == REDIS_REPLY_INTEGER &&
           wait->integer >= (long long)lane->link->shared->o.wait_replicas;
}

static void say_missing(struct redis_lane *lane, const redisReply *wait)
{
    char why[REDIS_WHY_MAX] = "too few replicas have acknowledged a write";

    if (wait->type == REDIS_REPLY_ERROR)
        redis_error_show(redis_str(wait), why);
    redis_link_trouble(lane->link, lane->server, why);
}

static void count_missing(struct redis_lane *lane, const redisReply *wait)
{
    struct redis_shared *s = lane->link->shared;

    redis_count(wait != NULL ? &s->counters.unacknowledged : &s->counters.timeouts);
}

static void answer_held(struct redis_lane *lane, const redisReply *wait)
{
    bool is_good = is_acknowledged(lane, wait);
    struct list held, *link;

    list_init(&held);
    list_move_all(&held, &lane->held);
    if (is_good)
        redis_link_well(lane->link);
    else if (wait != NULL && !list_is_empty(&held))
        say_missing(lane, wait);
    while ((link = list_take_first(&held)) != NULL) {
        struct redis_ticket *t = LIST_ENTRY(link, struct redis_ticket, pending.link);

        if (!is_good)
            count_missing(lane, wait);
        redis_ticket_end(t, is_good ? 0 : -ETIMEDOUT, is_good ? t->answer : NULL);
    }
}

static void on_reply(struct redis_pending *p, redisReply **reply)
{
    struct redis_lane *lane = container_of(p, struct redis_lane, wait);

    answer_held(lane, *reply);
    if (*reply != NULL)
        redis_link_serve_waiting(lane->link);
}

/* Half the time that a call has: then it is answered, whatever the replicas do. */
static void on_end_of_turn(struct loop_task *task)
{
    struct redis_lane *lane = container_of(task, struct redis_lane, ask_replicas);
    const struct store_redis_options *o = &lane->link->shared->o;
    struct redis_args a;

    a.count = 0;
    redis_add_text(&a, "WAIT");
    redis_add_number(&a, o->wait_replicas);
    redis_add_number(&a, (int64_t)MAX(o->timeout / 2 / USEC_PER_MSEC, (usec_t)1));
    if (!redis_conn_send(&lane->conn, &a)) {
        redis_conn_break(&lane->conn, "reads too slowly");
        return;
    }
    redis_pending_init(&lane->wait, 1, on_reply);
    redis_conn_expect(&lane->conn, &lane->wait);
    deadline_set(lane->link->steps, &lane->wait.deadline);
}

void redis_replicas_init(struct redis_lane *lane)
{
    redis_pending_init(&lane->wait, 0, on_reply);
    loop_task_init(&lane->ask_replicas, on_end_of_turn);
    list_init(&lane->held);
}

void redis_replicas_done(struct redis_lane *lane)
{
    struct list *link;

    loop_task_cancel(&lane->ask_replicas);
    list_remove(&lane->wait.link);
    deadline_clear(&lane->wait.deadline);
    while ((link = list_first(&lane->held)) != NULL)
        redis_ticket_drop(LIST_ENTRY(link, struct redis_ticket, pending.link));
}
