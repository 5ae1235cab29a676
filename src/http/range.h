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
    COND_PARTIAL,       /* 206 with the one range */
    COND_SEVERAL,       /* 206 with each of the ranges (http/multipart.h), or 200 */
    COND_NOT_MODIFIED,  /* 304 */
    COND_FAILED,        /* 412 */
    COND_UNSATISFIABLE, /* 416 with "bytes * / length" */
};

struct http_byte_range {
    uint64_t first, last; /* inclusive; last < length */
};

enum {
    HTTP_RANGES_MAX = 16, /* more are refused: many small ranges (RFC 9110 14.2, 17.15) */
};

/* In the order they were asked for; no two of them share a byte. */
struct http_ranges {
    unsigned count;
    struct http_byte_range of[HTTP_RANGES_MAX];
};

/*
 * Evaluates, for GET and HEAD and in the order of RFC 9110 13.2.2: If-Match (strong comparison),
 * else If-Unmodified-Since; If-None-Match (lists, "*", weak comparison), else If-Modified-Since;
 * then, for GET alone (14.2), Range with If-Range (strong validators only). `now` tells whether a
 * date is strong (8.8.2.2), and the century of a two-digit year. `ret` is filled for COND_PARTIAL
 * and COND_SEVERAL.
 *
 * A Range that is malformed, or in a unit other than bytes, is ignored (14.2). Of several ranges
 * those that are not satisfiable fall away; none left, more than HTTP_RANGES_MAX, or two that
 * overlap: COND_UNSATISFIABLE (15.5.17).
 */
enum http_condition http_evaluate(const struct http_head *h, const struct http_validators *v,
                                  uint64_t length, unix_t now, struct http_ranges *ret);

/* The part of it that comes first: do If-Match and If-Unmodified-Since hold? */
bool http_precondition_holds(const struct http_head *h, const struct http_validators *v,
                             unix_t now);

/* Does this list of entity-tags hold this one, by weak comparison, or is it "*"? STR_NONE matches
 * nothing. */
bool http_etag_is_in(struct str list, struct str etag);

/*
 * Does this ask for more of something whose beginning the client must have already: exactly one
 * range, not from the first byte on, nor from the end, whatever the representation is now (no
 * If-Range)?
 */
bool http_is_continuation(const struct http_head *h);

/* "0-99", "100-" or "-500" out of a Range field that holds exactly this; else STR_NONE. */
struct str http_one_range(struct str field);

#endif
