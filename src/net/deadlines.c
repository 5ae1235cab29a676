/*
 * Deadlines: each queue holds deadlines of one length, so appending keeps it in order of time and
 * only its head is looked at. One timer per loop serves all queues. It is started by the first
 * deadline that is set and stops itself at the first tick that finds every queue empty: clearing
 * knows only the deadline, and is one list operation.
 */
#include "base/mem.h"
#include "net/loop_internal.h"

struct deadline_queue {
    struct list link; /* in loop.deadline_queues */
    struct list set;  /* of deadline.link, the earliest first */
    struct loop *loop;
    usec_t after;
    deadline_fn expired;
};

#define QUEUE(link_) LIST_ENTRY(link_, struct deadline_queue, link)

/* Takes the due ones out first: what a callback sets anew waits for the next tick, even with a
 * length of zero. */
static void expire(struct deadline_queue *q, usec_t now)
{
    struct list due, *link;

    list_init(&due);
    while ((link = list_first(&q->set)) != NULL &&
           LIST_ENTRY(link, struct deadline, link)->at <= now) {
        list_remove(link);
        list_append(&due, link);
    }
    while ((link = list_take_first(&due)) != NULL)
        q->expired(LIST_ENTRY(link, struct deadline, link));
}

static void on_deadline_tick(uv_timer_t *timer)
{
    struct loop *l = container_of(timer, struct loop, deadline_tick);
    bool is_any_set = false;

    LIST_FOREACH (link, &l->deadline_queues)
        expire(QUEUE(link), loop_now(l));
    LIST_FOREACH (link, &l->deadline_queues)
        is_any_set = is_any_set || !list_is_empty(&QUEUE(link)->set);
    if (!is_any_set)
        uv_timer_stop(timer);
}

static void start_ticking(struct loop *l)
{
    uint64_t msec = DEADLINE_RESOLUTION / USEC_PER_MSEC;

    if (!uv_is_active((uv_handle_t *)&l->deadline_tick))
        uv_timer_start(&l->deadline_tick, on_deadline_tick, msec, msec);
}

void deadlines_init(struct loop *l)
{
    list_init(&l->deadline_queues);
    uv_timer_init(&l->uv, &l->deadline_tick);
}

void deadlines_done(struct loop *l)
{
    struct list *link;

    while ((link = list_take_first(&l->deadline_queues)) != NULL) {
        struct deadline_queue *q = QUEUE(link);

        assert(list_is_empty(&q->set));
        xfree_p(&q);
    }
    uv_close((uv_handle_t *)&l->deadline_tick, NULL);
}

struct deadline_queue *deadline_queue_new(struct loop *l, usec_t after, deadline_fn expired)
{
    struct deadline_queue *q = xzalloc(sizeof *q);

    list_init(&q->set);
    q->loop = l;
    q->after = after;
    q->expired = expired;
    list_append(&l->deadline_queues, &q->link);
    return q;
}

void deadline_init(struct deadline *d)
{
    list_init(&d->link);
    d->at = 0;
}

void deadline_set(struct deadline_queue *q, struct deadline *d)
{
    list_remove(&d->link);
    d->at = loop_now(q->loop) + q->after;
    list_append(&q->set, &d->link);
    start_ticking(q->loop);
}

void deadline_clear(struct deadline *d)
{
    list_remove(&d->link);
}
