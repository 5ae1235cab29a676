/*
 * An operation under way: the one model of waiting in hlsgate. The caller embeds a `struct op` in
 * an object of its own, gives it a callback, and starts it:
 *
 *     int store_admit(struct store *s, struct admission *a);
 *
 *     < 0   failed at once; the callback will not be called
 *     = 0   under way: the callback runs exactly once, on this thread, later: never before the
 * starting call has returned, never after op_cancel() > 0   answered at once: the results are
 * there, the callback will not be called
 *
 * The callback's `err` is 0 or a negative errno. An op must not be freed while it is under way;
 * op_cancel() ends that at once for the caller, whoever works on it lets go of it by itself. That
 * is what `cancel` is for: set by the module that runs the op, it must cut the link from the work
 * to the op.
 */
#ifndef BASE_OP_H
#define BASE_OP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/panic.h"

struct op;
typedef void (*op_done_fn)(struct op *op, int err);
typedef void (*op_cancel_fn)(struct op *op);

struct op {
    op_done_fn done;     /* the caller's, set by op_init() */
    op_cancel_fn cancel; /* the worker's while under way, else NULL */
    void *work;          /* the worker's, while under way */
};

static inline void op_init(struct op *op, op_done_fn done)
{
    *op = (struct op){.done = done};
}

static inline bool op_is_under_way(const struct op *op)
{
    return op->cancel != NULL;
}

/* For the module that runs it: from here on the callback is owed. */
static inline void op_begin(struct op *op, op_cancel_fn cancel, void *work)
{
    assert(op->cancel == NULL && cancel != NULL && op->done != NULL);
    op->cancel = cancel;
    op->work = work;
}

/* For the module that runs it: pays the callback. */
static inline void op_finish(struct op *op, int err)
{
    assert(op->cancel != NULL);
    op->cancel = NULL;
    op->work = NULL;
    op->done(op, err);
}

/* For the caller: the callback will not come. Harmless when nothing is under way. */
static inline void op_cancel(struct op *op)
{
    op_cancel_fn cancel = op->cancel;

    if (cancel == NULL)
        return;
    op->cancel = NULL;
    cancel(op);
    op->work = NULL;
}

#endif
