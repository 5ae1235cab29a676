/*
 * An answer that is held back for a second, so that whoever tries and errs cannot do so as fast as
 * the machine allows. The request waits as it would wait for the store: it may be aborted
 * meanwhile.
 */
#ifndef GATE_DELAY_H
#define GATE_DELAY_H

#include "base/op.h"
#include "gate/gate.h"

#define DELAY_TIME USEC_PER_SEC

struct delay {
    struct op op; /* op_init() by the caller; ends with 0 */
    struct deadline deadline;
};

/* Always under way afterwards. */
void delay_start(struct gate_worker *w, struct delay *d);

/* Of a worker: what its delays wait in. Belongs to the loop. */
struct deadline_queue *delay_queue_new(struct loop *l);

#endif
