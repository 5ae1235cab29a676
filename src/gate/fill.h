/*
 * A fill: one file on its way into the cache. Belongs to its worker, not to a request: requests
 * that need a playlist wait for it and may leave; a file that turned hot is filled behind the back
 * of the requests, which go on with the file.
 */
#ifndef GATE_FILL_H
#define GATE_FILL_H

#include "gate/req.h"

struct fill;

enum {
    FILL_BYTES_MAX =
        256 << 20, /* under way in one worker; more is refused: many cold files asked for at once */
};

/*
 * Reads `r->file` (which must be open) into the cache under `r->cache_key`; joins the fill of that
 * very version when there is one. Waiting: the file is let go, and the request is resumed with
 * r->entry set, or failed. Not waiting: nobody is told. False when there is no memory or descriptor
 * for it.
 */
bool fill_start(struct req *r, bool is_waiting);

void fill_leave(struct req *r);              /* it does not wait any more; the fill goes on */
void fill_cancel_all(struct gate_worker *w); /* at the worker's end */

#endif
