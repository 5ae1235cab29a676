/*
 * A step may still be queued on the pool when its worker, and even the store, is gone. So this is
 * an object of its own that knows the store under a lock; stopping it takes the store away, which
 * waits for a step that is running.
 */
#include "store/housekeeping.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"

struct housekeeping {
    struct work work;
    struct ticker *ticker;
    struct loop *loop;
    housekeep_fn step;
    pthread_mutex_t lock;
    struct store *store; /* under the lock; NULL: stopped */
    unix_t now;          /* of the step under way */
};

static int run(struct work *work)
{
    struct housekeeping *h = container_of(work, struct housekeeping, work);
    int err = 0;

    pthread_mutex_lock(&h->lock);
    if (h->store != NULL)
        err = h->step(h->store, h->now);
    pthread_mutex_unlock(&h->lock);
    return err;
}

static void destroy(struct work *work)
{
    struct housekeeping *h = container_of(work, struct housekeeping, work);

    pthread_mutex_destroy(&h->lock);
    free(h);
}

static void on_done(struct op *op, int err)
{
    /* A failure shows in store_stats(), and the next second tries again. */
}

static void on_tick(void *arg)
{
    struct housekeeping *h = arg;

    if (op_is_under_way(&h->work.op))
        return;
    h->now = loop_unix(h->loop);
    work_start(h->loop, &h->work);
}

struct housekeeping *housekeeping_new(struct loop *l, struct store *s, housekeep_fn step)
{
    struct housekeeping *h = xzalloc(sizeof *h);

    op_init(&h->work.op, on_done);
    h->work.run = run;
    h->work.abandoned = destroy;
    h->loop = l;
    h->step = step;
    h->store = s;
    pthread_mutex_init(&h->lock, NULL);
    h->ticker = ticker_new(l, USEC_PER_SEC, on_tick, h);
    return h;
}

void housekeeping_free(struct housekeeping **ret)
{
    struct housekeeping *h = TAKE(*ret);

    if (h == NULL)
        return;
    ticker_free(&h->ticker);
    pthread_mutex_lock(&h->lock);
    h->store = NULL;
    pthread_mutex_unlock(&h->lock);
    if (op_is_under_way(&h->work.op))
        op_cancel(&h->work.op); /* destroy() comes when the pool lets go of it */
    else
        destroy(&h->work);
}
