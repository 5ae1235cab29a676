/*
 * How nobody waits and no line is forgotten. The writer says what it is doing in `mood`. Before it
 * falls asleep it says so and looks at the queues once more; a worker puts its line in and looks at
 * the mood afterwards. Both in one order (sequentially consistent): at least one of them sees the
 * other. So a line costs no system call but when the writer sleeps, or a queue is half full.
 */
#include "logs/writer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/panic.h"

enum {
    BATCH_BYTES = 8 * LINE_BYTES_MAX,
    GATHER_MSEC = 100, /* a file takes one large piece for half of what many small ones cost */
    TELL_MSEC = 1000,
    TELL_MAX = 256,
};
#define STUCK_TIME USEC_PER_SEC /* what a stop waits for a target that takes nothing */

enum mood { AWAKE, GATHERING, ASLEEP };

struct line_writer {
    unsigned queue_count;
    struct line_queue **queues; /* owned */
    void (*tell)(const char *sentence);
    int wake_fd; /* an eventfd */
    atomic_int mood;
    pthread_t thread;
    bool is_started;

    pthread_mutex_t lock; /* of the orders; never taken for a line */
    struct line_target *next;
    atomic_bool has_next, is_stopping;

    /* The thread's own. */
    struct line_target *target; /* owned; NULL: lines are thrown away */
    char *batch;
    usec_t give_up_at; /* while stopping */
    usec_t told_at;
    uint64_t told_dropped, told_lost;
    int trouble; /* of the last write: 0 or its errno */
    int told_trouble;
    atomic_uint_fast64_t lost;
};

struct line_writer *line_writer_new(const struct line_writer_options *o)
{
    struct line_writer *w = xzalloc(sizeof *w);

    w->queue_count = o->queues;
    w->queues = xcalloc(o->queues, sizeof(struct line_queue *));
    for (unsigned i = 0; i < o->queues; i++)
        w->queues[i] = line_queue_new(o->queue_bytes);
    w->tell = o->tell;
    w->batch = xmalloc(BATCH_BYTES);
    w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert(w->wake_fd >= 0); /* made at the start, before anybody could have used descriptors up */
    pthread_mutex_init(&w->lock, NULL);
    return w;
}

void line_writer_free(struct line_writer **w)
{
    struct line_writer *old = TAKE(*w);

    if (old == NULL)
        return;
    for (unsigned i = 0; i < old->queue_count; i++)
        line_queue_free(&old->queues[i]);
    free(old->queues);
    line_target_close(&old->target);
    line_target_close(&old->next);
    close(old->wake_fd);
    pthread_mutex_destroy(&old->lock);
    free(old->batch);
    free(old);
}

/* ---- on the workers' threads ---- */

static void wake(struct line_writer *w)
{
    uint64_t one = 1;

    (void)!write(w->wake_fd, &one, sizeof one); /* full: it is awake */
}

static void announce(struct line_writer *w, const struct line_queue *q)
{
    int mood = atomic_load(&w->mood);

    if (mood == AWAKE || (mood == GATHERING && !line_queue_is_filling(q)))
        return;
    if (atomic_exchange(&w->mood, AWAKE) != AWAKE) /* one of them wakes it */
        wake(w);
}

void line_writer_put(struct line_writer *w, unsigned queue, struct str line)
{
    if (line_queue_put(w->queues[queue], line))
        announce(w, w->queues[queue]);
}

char *line_writer_room(const struct line_writer *w, unsigned queue, size_t n)
{
    return line_queue_room(w->queues[queue], n);
}

void line_writer_made(struct line_writer *w, unsigned queue, size_t n)
{
    line_queue_made(w->queues[queue], n);
    announce(w, w->queues[queue]);
}

/* ---- orders ---- */

void line_writer_turn_to(struct line_writer *w, struct line_target *t)
{
    struct line_target *unused;

    pthread_mutex_lock(&w->lock);
    unused = w->next;
    w->next = t;
    atomic_store(&w->has_next, true);
    pthread_mutex_unlock(&w->lock);
    line_target_close(&unused);
    wake(w);
}

static bool adopt_next(struct line_writer *w)
{
    struct line_target *next;

    if (!atomic_load(&w->has_next))
        return false;
    pthread_mutex_lock(&w->lock);
    next = TAKE(w->next);
    atomic_store(&w->has_next, false);
    pthread_mutex_unlock(&w->lock);
    line_target_close(&w->target);
    w->target = next;
    return true;
}

/* ---- writing ---- */

static uint64_t count_lines(struct str s)
{
    uint64_t n = 0;
    struct str line;

    while (str_split(&s, '\n', &line))
        n++;
    return n;
}

static void lose(struct line_writer *w, struct str lines)
{
    if (lines.n > 0)
        atomic_fetch_add(&w->lost, count_lines(str_first(lines, lines.n - 1)));
}

static bool is_within_line(const struct line_writer *w, struct str rest)
{
    return rest.p > w->batch && rest.p[-1] != '\n';
}

/* A new target gets whole lines: what the old one has half of is lost. */
static void move_on(struct line_writer *w, struct str *rest)
{
    struct str torn;

    if (!adopt_next(w) || !is_within_line(w, *rest))
        return;
    torn = str_first(*rest, (size_t)str_find_char(*rest, '\n') + 1);
    lose(w, torn);
    *rest = str_skip(*rest, torn.n);
}

static void hear_orders(const struct line_writer *w)
{
    uint64_t count;

    (void)!read(w->wake_fd, &count, sizeof count);
}

/* False: it is time to stop, and the target goes on taking nothing. */
static bool wait_for_room(struct line_writer *w)
{
    struct pollfd fds[] = {{.fd = line_target_fd(w->target), .events = POLLOUT},
                           {.fd = w->wake_fd, .events = POLLIN}};
    int timeout = TELL_MSEC;

    if (atomic_load(&w->is_stopping)) {
        usec_t now = clock_monotonic();

        if (w->give_up_at == 0)
            w->give_up_at = now + STUCK_TIME;
        if (now >= w->give_up_at)
            return false;
        timeout = (int)((w->give_up_at - now) / USEC_PER_MSEC) + 1;
    }
    (void)poll(fds, ARRAY_LEN(fds), timeout);
    hear_orders(w);
    return true;
}

static void tell_losses(struct line_writer *w, bool is_last);

static void give_up(struct line_writer *w, struct str rest, int err)
{
    w->trouble = err;
    lose(w, rest);
    line_target_give_up(w->target);
}

static void deliver(struct line_writer *w, struct str rest)
{
    while (rest.n > 0 && w->target != NULL) {
        ssize_t n = line_target_write(w->target, rest);

        if (n > 0) {
            w->trouble = 0;
            rest = str_skip(rest, (size_t)n);
        } else if (n != -EAGAIN || !wait_for_room(w)) {
            give_up(w, rest, (int)-n);
            return;
        } else {
            tell_losses(w, false);
            move_on(w, &rest);
        }
    }
}

static size_t gather(struct line_writer *w)
{
    size_t n = 0;

    for (unsigned i = 0; i < w->queue_count; i++)
        if (BATCH_BYTES - n >= LINE_BYTES_MAX)
            n += line_queue_take(w->queues[i], w->batch + n, BATCH_BYTES - n);
    return n;
}

/* ---- what is said ---- */

static uint64_t dropped(const struct line_writer *w)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < w->queue_count; i++)
        sum += line_queue_dropped(w->queues[i]);
    return sum;
}

static void say(struct line_writer *w, uint64_t now_dropped, uint64_t now_lost)
{
    char text[TELL_MAX];
    int n = 0;

    if (now_lost > w->told_lost)
        n = snprintf(text, sizeof text, "access log: %s; %llu lines are lost",
                     w->trouble != 0 ? strerror(w->trouble) : "a write failed",
                     (unsigned long long)(now_lost - w->told_lost));
    else if (now_dropped == w->told_dropped)
        snprintf(text, sizeof text, "access log: it is written again");
    if (now_dropped > w->told_dropped)
        snprintf(
            text + n, sizeof text - (size_t)n,
            "%s%llu lines are dropped: it is written more slowly than they come",
            n > 0 ? "; " : "access log: ", (unsigned long long)(now_dropped - w->told_dropped));
    w->tell(text);
}

static bool has_news(const struct line_writer *w)
{
    return dropped(w) > w->told_dropped || atomic_load(&w->lost) > w->told_lost ||
           (w->trouble == 0 && w->told_trouble != 0);
}

static void tell_losses(struct line_writer *w, bool is_last)
{
    usec_t now = clock_monotonic();
    uint64_t now_dropped = dropped(w), now_lost = atomic_load(&w->lost);
    bool is_time = w->told_at == 0 || now - w->told_at >= TELL_MSEC * USEC_PER_MSEC;

    if (w->tell == NULL || !has_news(w) || !(is_time || is_last))
        return;
    say(w, now_dropped, now_lost);
    w->told_at = now;
    w->told_dropped = now_dropped;
    w->told_lost = now_lost;
    w->told_trouble = w->trouble;
}

/* ---- the thread ---- */

static bool has_work(const struct line_writer *w)
{
    if (atomic_load(&w->has_next) || atomic_load(&w->is_stopping))
        return true;
    for (unsigned i = 0; i < w->queue_count; i++)
        if (!line_queue_is_empty(w->queues[i]))
            return true;
    return false;
}

static void poll_wake(struct line_writer *w, int timeout)
{
    struct pollfd p = {.fd = w->wake_fd, .events = POLLIN};

    if (poll(&p, 1, timeout) > 0)
        hear_orders(w);
}

static void nap(struct line_writer *w, bool more_may_come)
{
    atomic_store(&w->mood, more_may_come ? GATHERING : ASLEEP);
    if (more_may_come)
        poll_wake(w, GATHER_MSEC);
    else if (!has_work(w))
        poll_wake(w, has_news(w) ? TELL_MSEC : -1);
    atomic_store(&w->mood, AWAKE);
}

static void *write_loop(void *arg)
{
    struct line_writer *w = arg;

    for (;;) {
        bool is_stopping = atomic_load(&w->is_stopping); /* asked first: then nothing comes after */
        size_t n;

        adopt_next(w);
        n = gather(w);
        deliver(w, (struct str){w->batch, n});
        tell_losses(w, false);
        if (n == 0 && is_stopping)
            break;
        if (n < BATCH_BYTES / 2 && !is_stopping)
            nap(w, n > 0);
    }
    tell_losses(w, true);
    return NULL;
}

int line_writer_start(struct line_writer *w)
{
    int r = -pthread_create(&w->thread, NULL, write_loop, w);

    w->is_started = r == 0;
    return r;
}

void line_writer_stop(struct line_writer *w)
{
    if (!w->is_started)
        return;
    w->is_started = false;
    atomic_store(&w->is_stopping, true);
    wake(w);
    pthread_join(w->thread, NULL);
}

void line_writer_stats(const struct line_writer *w, struct line_writer_stats *ret)
{
    *ret = (struct line_writer_stats){.dropped = dropped(w), .lost = atomic_load(&w->lost)};
    for (unsigned i = 0; i < w->queue_count; i++)
        ret->accepted += line_queue_accepted(w->queues[i]);
}
