/* Deadlines of one length, in a queue of the worker's loop. */
#include "gate/delay.h"

static void on_over(struct deadline *deadline)
{
    op_finish(&container_of(deadline, struct delay, deadline)->op, 0);
}

struct deadline_queue *delay_queue_new(struct loop *l)
{
    return deadline_queue_new(l, DELAY_TIME, on_over);
}

static void cancel(struct op *op)
{
    deadline_clear(&container_of(op, struct delay, op)->deadline);
}

void delay_start(struct gate_worker *w, struct delay *d)
{
    deadline_init(&d->deadline);
    op_begin(&d->op, cancel, w);
    deadline_set(w->delays, &d->deadline);
}
