/*
 * Range, If-Range and the conditional fields (RFC 9110 13 and 14) against one representation.
 */
#ifndef HTTP_RANGE_H
#define HTTP_RANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/str.h"
#include "http/request.h"

/* What is known of the representation that would be sent. */
struct http_validators {
    struct str etag;      /* with its quotes, and W/ when weak; STR_NONE when there is none */
    unix_t last_modified; /* 0: unknown */
};

enum http_condition {
    COND_FULL,          /* 200, everything */
    COND_PARTIAL,       /* 206 with `first` to `last` */
    COND_NOT_MODIFIED,  /* 304 */
    COND_UNSATISFIABLE, /* 416 with "bytes * / length" */
};

struct http_byte_range {
    uint64_t first, last; /* inclusive; last < length */
};

/*
 * Evaluates If-None-Match (lists, "*", weak comparison), else If-Modified-Since, for GET and HEAD;
 * then, for GET alone (RFC 9110 14.2), Range with If-Range (strong validators only), in the order
 * of RFC 9110 13.2.2. A malformed Range or a unit other than bytes is ignored (14.2); several
 * ranges answer COND_FULL. `now` tells whether a date is strong (8.8.2.2), and the century of a
 * two-digit year.
 */
enum http_condition http_evaluate(const struct http_head *h, const struct http_validators *v,
                                  uint64_t length, unix_t now, struct http_byte_range *ret_range);

/*
 * Does this ask for more of something whose beginning the client must have already: exactly one
 * range, not from the first byte on, nor from the end, whatever the representation is now (no
 * If-Range)?
 */
bool http_is_continuation(const struct http_head *h);

/* "0-99", "100-" or "-500" out of a Range field that holds exactly this; else STR_NONE. */
struct str http_one_range(struct str field);

#endif
