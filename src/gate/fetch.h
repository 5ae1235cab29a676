/*
 * A fetch: one object of an HTTP origin on its way into the cache: the producer of a flight
 * (cache/flight.h). Belongs to its worker, not to a request: viewers come and go while it runs.
 * Only when its object turns out not to be shareable does the request that began it, its leader,
 * take it over.
 */
#ifndef GATE_FETCH_H
#define GATE_FETCH_H

#include "cache/flight.h"
#include "gate/req.h"

struct fetch;

/*
 * Asks the origin for what `r` wants and feeds `flight` (which begins here; its reference is
 * taken). `stale`: what is kept of it, to be asked for with a condition; borrowed; NULL: nothing.
 * r->leads is set when `is_leader`; else it runs behind the backs of all requests.
 */
void fetch_begin(struct req *r, struct flight *flight, struct cache_entry *stale, bool is_leader);
void fetch_forget_leader(struct req *r); /* it has left, or been answered; the fetch goes on */

/* At the worker's end: those that nobody reads; all of them. */
void fetch_cancel_deserted(struct gate_worker *w);
void fetch_cancel_all(struct gate_worker *w);

/* What an origin's status, or the errno its fetch ended with, means to a viewer. OUT_OK: 200, 206.
 */
enum outcome outcome_of_status(unsigned status);
enum outcome outcome_of_origin(int err);

/* A line for the operator: which server, what for, and what it came to. In the end() of `o`. */
void log_origin_failure(const struct origin_route *route, struct arena *a, struct str target,
                        const struct origin_fetch *o);

/* How the request for `r` goes to its origin: without Range and conditions. */
void origin_request_of(struct req *r, struct origin_request *ret);

#endif
