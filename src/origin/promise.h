/*
 * What the head that was passed on has promised: which bytes of which version. A body that broke
 * off may only go on with those. Pure.
 */
#ifndef ORIGIN_PROMISE_H
#define ORIGIN_PROMISE_H

#include "http/date.h"
#include "origin/fetch.h"

enum { PROMISE_ETAG_MAX = 256 }; /* with a longer one, a body cannot be resumed */

struct promise {
    bool is_given;
    bool may_resume;    /* a representation, or a range of one, and how to tell its version */
    uint64_t first;     /* of the representation, where the content begins */
    uint64_t length;    /* of the content; HTTP_LENGTH_UNKNOWN */
    uint64_t total;     /* of the representation; HTTP_LENGTH_UNKNOWN */
    size_t etag_length; /* 0: none */
    unix_t last_modified;
    char etag[PROMISE_ETAG_MAX];
};

void promise_give(struct promise *p, const struct origin_request *r, const struct http_answer *a,
                  unix_t now);

/* Range and If-Range that ask for the rest. `if_range` borrows from the promise or from itself. */
struct promise_range {
    char range[64];
    char date[HTTP_DATE_LEN];
    struct str if_range;
};
void promise_range(const struct promise *p, uint64_t got, struct promise_range *ret);

/* STR_NONE: the answer goes on after `got` bytes, and the promise knows its length from now on.
 * Else what is wrong with it. */
struct str promise_goes_on(struct promise *p, const struct http_answer *a, uint64_t got) MUST_CHECK;

#endif
