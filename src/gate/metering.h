/* What requests deliver, counted to their users (traffic/meter.h) and noted as who watches what
 * (audience.h): at their end, and while they run. */
#ifndef GATE_METERING_H
#define GATE_METERING_H

#include "gate/req.h"

struct meter *metering_begin(struct gate_worker *w);

/* Counts what has been sent and not counted yet: in the counters, to its user, and as watching,
 * with the request when it was not counted either. The API's answers are no user's; who gets
 * nothing but a refusal watches nothing. */
void meter_request(struct req *r);

#endif
