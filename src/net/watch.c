/*
 * Readiness of a descriptor that another library owns, on uv_poll, and a timer that rings once.
 *
 * Both live until libuv has let go of their handle: *_free() cuts the caller off at once, the
 * memory follows in the close callback. uv_close() takes the descriptor out of epoll before it
 * returns, so the library may close it, and the number may come back with a watch of its own.
 */
#include "net/watch.h"

#include "base/mem.h"
#include "net/loop_internal.h"

/* Events pass through without translation. */
_Static_assert((int)WATCH_READ == (int)UV_READABLE && (int)WATCH_WRITE == (int)UV_WRITABLE,
               "events are those of libuv");

struct watch {
    uv_poll_t poll;
    struct loop *loop;
    int fd; /* the library's */
    watch_fn ready;
    void *arg;
    unsigned wanted;
    bool is_freed;
};

static void on_event(uv_poll_t *poll, int status, int events);

static void arm(struct watch *w)
{
    int r =
        w->wanted != 0 ? uv_poll_start(&w->poll, (int)w->wanted, on_event) : uv_poll_stop(&w->poll);

    assert(r == 0);
}

/* EPOLLERR comes as a status, upon which libuv has stopped watching. Whoever still wants to know
 * after it was told is told again. */
static void on_event(uv_poll_t *poll, int status, int events)
{
    struct watch *w = container_of(poll, struct watch, poll);

    w->ready(w->arg, w->fd, status < 0 ? WATCH_READ | WATCH_WRITE : (unsigned)events);
    if (status < 0 && !w->is_freed)
        arm(w);
}

struct watch *watch_new(struct loop *l, int fd, watch_fn ready, void *arg)
{
    struct watch *w = xzalloc(sizeof *w);
    int r = uv_poll_init(&l->uv, &w->poll, fd);

    assert(r ==
           0); /* fails for what epoll cannot watch, and for a number that is watched already */
    w->loop = l;
    w->fd = fd;
    w->ready = ready;
    w->arg = arg;
    return w;
}

void watch_set(struct watch *w, unsigned events)
{
    if (w->wanted == events)
        return;
    w->wanted = events;
    arm(w);
}

static void on_watch_closed(uv_handle_t *handle)
{
    struct watch *w = container_of((uv_poll_t *)handle, struct watch, poll);

    w->loop->under_way--;
    xfree_p(&w);
}

void watch_free(struct watch **w)
{
    struct watch *watch = TAKE(*w);

    if (watch == NULL)
        return;
    watch->is_freed = true;
    watch->loop->under_way++;
    uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
}

/* Alarms */

struct alarm {
    uv_timer_t timer;
    struct loop_task at_once; /* libuv would run a timer of 0 within the timers of this turn */
    struct loop *loop;
    void (*ring)(void *arg);
    void *arg;
};

static void on_timer(uv_timer_t *timer)
{
    struct alarm *a = container_of(timer, struct alarm, timer);

    a->ring(a->arg);
}

static void on_task(struct loop_task *task)
{
    struct alarm *a = container_of(task, struct alarm, at_once);

    a->ring(a->arg);
}

struct alarm *alarm_new(struct loop *l, void (*ring)(void *arg), void *arg)
{
    struct alarm *a = xzalloc(sizeof *a);
    int r = uv_timer_init(&l->uv, &a->timer);

    assert(r == 0);
    loop_task_init(&a->at_once, on_task);
    a->loop = l;
    a->ring = ring;
    a->arg = arg;
    return a;
}

void alarm_set(struct alarm *a, usec_t after)
{
    uint64_t msec = (after + USEC_PER_MSEC - 1) / USEC_PER_MSEC + 1; /* libuv rounds now down */

    alarm_clear(a);
    if (after == 0) {
        loop_defer(a->loop, &a->at_once);
        return;
    }
    uv_update_time(&a->loop->uv); /* a turn that has lasted long would make it ring early */
    uv_timer_start(&a->timer, on_timer, msec, 0);
}

void alarm_clear(struct alarm *a)
{
    loop_task_cancel(&a->at_once);
    uv_timer_stop(&a->timer);
}

static void on_alarm_closed(uv_handle_t *handle)
{
    struct alarm *a = container_of((uv_timer_t *)handle, struct alarm, timer);

    a->loop->under_way--;
    xfree_p(&a);
}

void alarm_free(struct alarm **a)
{
    struct alarm *alarm = TAKE(*a);

    if (alarm == NULL)
        return;
    alarm_clear(alarm);
    alarm->loop->under_way++;
    uv_close((uv_handle_t *)&alarm->timer, on_alarm_closed);
}
