/*
 * The loop on libuv: turns, deferred tasks, messages, time, tickers.
 *
 * libuv runs: timers, prepare, sleep and events, closed handles, and again timers. Our turn begins
 * when it wakes and ends in the prepare handle, so tasks see everything the turn has brought, and
 * run before the loop sleeps. Tasks deferred by tasks get ONE more round; what those defer waits
 * for the next turn, which then does not sleep: a task that defers itself for ever cannot starve
 * the sockets.
 *
 * Messages are pushed on a stack with one compare-and-swap and taken all at once; turned around,
 * they are in order. Only the sender that found the stack empty wakes the loop.
 */
#include "net/loop.h"

#include <signal.h>

#include "base/mem.h"
#include "net/loop_internal.h"

enum { TASK_ROUNDS = 2 };

static void must(int uv_result)
{
    assert(uv_result == 0);
}

/* Deferred tasks */

static void run_round(struct loop *l)
{
    struct list round, *link;

    list_init(&round);
    list_move_all(&round, &l->tasks);
    while ((link = list_take_first(&round)) != NULL) {
        struct loop_task *t = LIST_ENTRY(link, struct loop_task, link);

        t->run(t);
    }
}

static void end_turn(struct loop *l)
{
    for (int i = 0; i < TASK_ROUNDS && !list_is_empty(&l->tasks); i++)
        run_round(l);
    l->has_time = false;
}

static void on_awake(uv_idle_t *idle)
{
    (void)idle; /* being active is its whole effect: libuv then polls without sleeping */
}

static void on_end_of_turn(uv_prepare_t *prepare)
{
    struct loop *l = container_of(prepare, struct loop, end_of_turn);

    end_turn(l);
    if (list_is_empty(&l->tasks))
        must(uv_idle_stop(&l->stay_awake));
    else
        must(uv_idle_start(&l->stay_awake, on_awake));
}

void loop_task_init(struct loop_task *t, void (*run)(struct loop_task *task))
{
    list_init(&t->link);
    t->run = run;
}

void loop_defer(struct loop *l, struct loop_task *t)
{
    if (list_is_empty(&t->link))
        list_append(&l->tasks, &t->link);
}

void loop_task_cancel(struct loop_task *t)
{
    list_remove(&t->link);
}

/* Messages */

static struct loop_message *take_inbox(struct loop *l)
{
    struct loop_message *newest = atomic_exchange_explicit(&l->inbox, NULL, memory_order_acquire);
    struct loop_message *oldest = NULL;

    while (newest != NULL) {
        struct loop_message *m = newest;

        newest = m->next;
        m->next = oldest;
        oldest = m;
    }
    return oldest;
}

static void on_wake(uv_async_t *async)
{
    struct loop_message *m = take_inbox(container_of(async, struct loop, wake));

    while (m != NULL) {
        struct loop_message *next = m->next; /* run() may free the message */

        m->next = NULL;
        m->run(m);
        m = next;
    }
}

void loop_post(struct loop *l, struct loop_message *m)
{
    struct loop_message *newest = atomic_load_explicit(&l->inbox, memory_order_relaxed);

    do
        m->next = newest;
    while (!atomic_compare_exchange_weak_explicit(&l->inbox, &newest, m, memory_order_release,
                                                  memory_order_relaxed));
    if (newest == NULL)
        must(uv_async_send(&l->wake));
}

/* Time */

static void read_time(struct loop *l)
{
    if (l->has_time)
        return;
    l->now = clock_monotonic();
    l->unix_now = clock_unix();
    l->has_time = true;
}

usec_t loop_now(struct loop *l)
{
    read_time(l);
    return l->now;
}

unix_t loop_unix(struct loop *l)
{
    read_time(l);
    return l->unix_now;
}

/* The loop itself */

struct loop *loop_new(void)
{
    struct loop *l = xzalloc(sizeof *l);

    signal(SIGPIPE, SIG_IGN); /* sendfile(2) has no MSG_NOSIGNAL */
    must(uv_loop_init(&l->uv));
    must(uv_async_init(&l->uv, &l->wake, on_wake));
    must(uv_prepare_init(&l->uv, &l->end_of_turn));
    must(uv_prepare_start(&l->end_of_turn, on_end_of_turn));
    must(uv_idle_init(&l->uv, &l->stay_awake));
    list_init(&l->tasks);
    deadlines_init(l);
    return l;
}

void loop_run(struct loop *l)
{
    uv_run(&l->uv, UV_RUN_DEFAULT);
    end_turn(l); /* libuv leaves without the prepare handle */
}

void loop_stop(struct loop *l)
{
    uv_stop(&l->uv);
}

void loop_turn(struct loop *l)
{
    l->has_time = false;
    uv_run(&l->uv, UV_RUN_NOWAIT);
    end_turn(l);
}

/* Until cancelled work has come back from the pool, closed handles have said so, and nobody has
 * deferred anything. */
static void settle(struct loop *l)
{
    while (l->under_way > 0 || !list_is_empty(&l->tasks) || atomic_load(&l->inbox) != NULL) {
        uv_run(&l->uv, l->under_way > 0 ? UV_RUN_ONCE : UV_RUN_NOWAIT);
        end_turn(l);
    }
}

void loop_free(struct loop **l)
{
    struct loop *loop = TAKE(*l);

    if (loop == NULL)
        return;
    settle(loop);
    deadlines_done(loop);
    lender_free(&loop->lender);
    sealer_free(&loop->sealer);
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_close((uv_handle_t *)&loop->end_of_turn, NULL);
    uv_close((uv_handle_t *)&loop->stay_awake, NULL);
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    must(uv_loop_close(&loop->uv)); /* a socket, listener or ticker that nobody has closed */
    xfree_p(&loop);
}

/* Tickers */

struct ticker {
    uv_timer_t timer;
    struct loop *loop;
    void (*run)(void *arg);
    void *arg;
};

static void on_tick(uv_timer_t *timer)
{
    struct ticker *t = container_of(timer, struct ticker, timer);

    t->run(t->arg);
}

struct ticker *ticker_new(struct loop *l, usec_t interval, void (*run)(void *arg), void *arg)
{
    struct ticker *t = xzalloc(sizeof *t);
    uint64_t msec = MAX((interval + USEC_PER_MSEC - 1) / USEC_PER_MSEC, (usec_t)1);

    t->loop = l;
    t->run = run;
    t->arg = arg;
    must(uv_timer_init(&l->uv, &t->timer));
    uv_update_time(&l->uv); /* a turn that has lasted long would make the first interval short */
    must(uv_timer_start(&t->timer, on_tick, msec, msec));
    return t;
}

static void on_ticker_closed(uv_handle_t *handle)
{
    struct ticker *t = container_of(handle, struct ticker, timer);

    t->loop->under_way--;
    xfree_p(&t);
}

void ticker_free(struct ticker **t)
{
    struct ticker *ticker = TAKE(*t);

    if (ticker == NULL)
        return;
    ticker->loop->under_way++;
    uv_close((uv_handle_t *)&ticker->timer, on_ticker_closed);
}
