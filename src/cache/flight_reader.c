/*
 * Readers sit in seats, one seat for each loop that reads a flight: news costs one message a loop,
 * however many read there. A seat is posted only when somebody in it waits:
 *
 *     IDLE ──wait──► WANTS ──news──► POSTED ──message──► IDLE
 *
 * A reader says that it waits, then looks again; the producer publishes, then looks whether
 * somebody waits. Both with full barriers: one of them sees the other.
 */
#include <stdlib.h>

#include "base/panic.h"
#include "cache/flight_internal.h"

enum seat_state { SEAT_IDLE, SEAT_WANTS, SEAT_POSTED };

struct flight_seat {
    struct list link;      /* in flight->seats */
    struct flight *flight; /* a reference */
    struct loop *loop;
    struct list readers; /* this and the next: touched on the loop's thread alone */
    bool is_telling;
    struct loop_message message;
    _Atomic unsigned char state;
};

/*
 * Not while it is told, nor when a message is still to come: that frees it then. Whoever posts
 * holds the lock, so what has no message when it leaves the list gets none.
 */
static void seat_free_when_empty(struct flight_seat *s)
{
    struct flight *f = s->flight;
    bool is_posted;

    if (!list_is_empty(&s->readers) || s->is_telling)
        return;
    pthread_mutex_lock(&f->lock);
    is_posted = atomic_load(&s->state) == SEAT_POSTED;
    if (!is_posted)
        list_remove(&s->link);
    pthread_mutex_unlock(&f->lock);
    if (is_posted)
        return;
    free(s);
    flight_unref(&f);
}

static void tell(struct flight_seat *s)
{
    struct list due, *link;

    list_init(&due);
    list_move_all(&due, &s->readers);
    while ((link = list_take_first(&due)) != NULL) {
        struct flight_reader *r = LIST_ENTRY(link, struct flight_reader, link);

        list_append(&s->readers, link);
        if (r->is_waiting && !flight_wait(r, r->seen, r->filled)) /* else it goes on waiting */
            r->changed(r); /* may leave, and take others with it */
    }
}

static void on_news(struct loop_message *m)
{
    struct flight_seat *s = container_of(m, struct flight_seat, message);

    atomic_store(&s->state, SEAT_IDLE);
    s->is_telling = true;
    tell(s);
    s->is_telling = false;
    seat_free_when_empty(s);
}

static struct flight_seat *seat_new(struct flight *f, struct loop *l)
{
    struct flight_seat *s = xzalloc(sizeof *s);

    s->flight = flight_ref(f);
    s->loop = l;
    list_init(&s->readers);
    s->message.run = on_news;
    list_append(&f->seats, &s->link);
    return s;
}

/* With the lock held. */
static struct flight_seat *seat_of(struct flight *f, struct loop *l)
{
    LIST_FOREACH (link, &f->seats) {
        struct flight_seat *s = LIST_ENTRY(link, struct flight_seat, link);

        if (s->loop == l)
            return s;
    }
    return seat_new(f, l);
}

void flight_add_reader(struct flight *f, struct loop *l, struct flight_reader *r)
{
    assert(r->flight == NULL && r->changed != NULL);
    pthread_mutex_lock(&f->lock);
    r->seat = seat_of(f, l);
    f->readers++;
    pthread_mutex_unlock(&f->lock);
    r->flight = flight_ref(f);
    r->is_waiting = false;
    list_append(&r->seat->readers, &r->link);
}

static void want(struct flight_seat *s)
{
    unsigned char idle = SEAT_IDLE;

    (void)atomic_compare_exchange_strong(&s->state, &idle, SEAT_WANTS);
}

static void post(struct flight_seat *s)
{
    unsigned char wants = SEAT_WANTS;

    if (atomic_compare_exchange_strong(&s->state, &wants, SEAT_POSTED))
        loop_post(s->loop, &s->message);
}

void flight_wake(struct flight *f)
{
    atomic_thread_fence(memory_order_seq_cst);
    pthread_mutex_lock(&f->lock);
    LIST_FOREACH (link, &f->seats)
        post(LIST_ENTRY(link, struct flight_seat, link));
    pthread_mutex_unlock(&f->lock);
}

static bool has_moved(const struct flight *f, enum flight_state seen, size_t filled)
{
    return flight_state(f) != seen || (seen == FLIGHT_GROWING && blob_filled(f->blob) > filled);
}

bool flight_wait(struct flight_reader *r, enum flight_state seen, size_t filled)
{
    assert(seen <= FLIGHT_GROWING); /* nothing follows an end: it would wait for ever */
    r->seen = seen;
    r->filled = filled;
    want(r->seat);
    atomic_thread_fence(memory_order_seq_cst);
    r->is_waiting = !has_moved(r->flight, seen, filled);
    return r->is_waiting;
}

static void on_deserted(struct loop_message *m)
{
    struct flight *f = container_of(m, struct flight, deserted);

    atomic_store(&f->deserted_is_posted, false);
    if (f->producer != NULL && !flight_has_readers(f)) /* else somebody has joined meanwhile */
        f->producer->deserted(f->producer);
    flight_unref(&f);
}

static void tell_producer(struct flight *f)
{
    if (flight_state(f) >= FLIGHT_LANDED || atomic_exchange(&f->deserted_is_posted, true))
        return;
    f->deserted.run = on_deserted;
    loop_post(f->loop, &flight_ref(f)->deserted);
}

void flight_leave(struct flight_reader *r)
{
    struct flight *f = TAKE(r->flight);
    struct flight_seat *s = TAKE(r->seat);
    bool is_last;

    if (f == NULL)
        return;
    list_remove(&r->link);
    r->is_waiting = false;
    pthread_mutex_lock(&f->lock);
    is_last = --f->readers == 0;
    pthread_mutex_unlock(&f->lock);
    if (is_last)
        tell_producer(f);
    seat_free_when_empty(s);
    flight_unref(&f);
}
