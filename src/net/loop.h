/*
 * One event loop per worker thread, on libuv. Everything of a worker runs on its thread; another
 * thread reaches it only with loop_post().
 *
 * A turn: the kernel's events, timers and messages are handled, then everything deferred in this
 * turn runs, then the loop sleeps. "Freed at the end of the turn" means: in a deferred task.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/op.h"

struct loop;

struct loop *loop_new(void); /* SIGPIPE is ignored from here on, in the whole process */
/*
 * Waits for cancelled work and closing sockets, runs what is deferred or posted. Sockets,
 * listeners, tickers and deadlines must have been closed, freed and cleared.
 */
void loop_free(struct loop **l);
void loop_run(struct loop *l);  /* returns after loop_stop() */
void loop_stop(struct loop *l); /* on its own thread */
void loop_turn(struct loop *l); /* one turn that does not sleep when nothing is ready: for tests */

/* Read once a turn, when first asked for; the same for everything in the turn. */
usec_t loop_now(struct loop *l);
unix_t loop_unix(struct loop *l);

/*
 * Runs `run` once at the end of this turn, in the order of deferring. `task` is embedded by the
 * caller; deferring it twice is deferring it once. Tasks deferred by a task run in the same turn;
 * those deferred by these, in the next one, which does not sleep.
 */
struct loop_task {
    struct list link; /* loop_task_init() */
    void (*run)(struct loop_task *task);
};
void loop_task_init(struct loop_task *t, void (*run)(struct loop_task *task));
void loop_defer(struct loop *l, struct loop_task *t);
void loop_task_cancel(struct loop_task *t);

/*
 * From any thread: `run` is called on the loop's thread. The message is the receiver's from here
 * on. In order per sender. The loop must outlive the call, not only the message: whoever frees it
 * knows that all senders have returned.
 */
struct loop_message {
    struct loop_message *next;
    void (*run)(struct loop_message *message);
};
void loop_post(struct loop *l, struct loop_message *m);

/* Calls `run` every `interval` until ticker_free(). */
struct ticker;
struct ticker *ticker_new(struct loop *l, usec_t interval, void (*run)(void *arg), void *arg);
void ticker_free(struct ticker **t); /* legal inside its own callback */

/*
 * Many deadlines of the same length (idle connections, slow heads): a queue in order of time, so
 * that setting and clearing one costs a list operation and no timer. Checked DEADLINE_RESOLUTION
 * apart.
 */
#define DEADLINE_RESOLUTION (100 * USEC_PER_MSEC)

struct deadline {
    struct list link; /* deadline_init() */
    usec_t at;
};
struct deadline_queue; /* belongs to the loop, ends with it */
typedef void (*deadline_fn)(struct deadline *d);

struct deadline_queue *deadline_queue_new(struct loop *l, usec_t after, deadline_fn expired);
void deadline_init(struct deadline *d);
/* Counts from now. One that is set already, in this or another queue, is moved. */
void deadline_set(struct deadline_queue *q, struct deadline *d);
void deadline_clear(struct deadline *d);

static inline bool deadline_is_set(const struct deadline *d)
{
    return !list_is_empty(&d->link);
}

/*
 * Work that may block, on libuv's pool. `run` is called on some thread and must touch nothing but
 * what the work owns. Then op.done on the loop's thread, err = what `run` returned; or, when the op
 * was cancelled meanwhile, `abandoned` on the loop's thread: it frees what `run` made (nothing,
 * when it was cancelled before a thread took it), and the work itself if it is on the heap. So a
 * work must stay allocated until one of the two.
 */
struct work {
    struct op op; /* op_init() by the caller */
    int (*run)(struct work *w);
    void (*abandoned)(struct work *w);
};
int work_start(struct loop *l, struct work *w); /* always 0: under way */

#endif
