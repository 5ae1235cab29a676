/*
 * A report as its receiver gets it: JSON in the form that FileProxy sent (compat), and `report_id`.
 * The same report gives the same bytes each time, so that one that comes twice can be recognised by
 * whatever means.
 */
#ifndef TRAFFIC_REPORT_BODY_H
#define TRAFFIC_REPORT_BODY_H

#include "store/traffic.h"

struct report_about {
    struct str instance;
    int64_t interval; /* seconds */
    uint64_t threshold;
};

/*
 * Adds the body to `b`. A uid that is not UTF-8 has \xHH for what is none. Distinct addresses and
 * sessions are exact up to SKETCH_EXACT, and estimated beyond: then `unique_ips_estimated` or
 * `unique_sessions_estimated` stands beside.
 */
void report_body(struct buf *b, const struct report_about *about, const struct report_next *report);

/* `s` as a string of JSON (RFC 8259 7), with its quotes. */
void report_add_string(struct buf *b, struct str s);

#endif
