/*
 * What an origin is asked: the one place that builds the fields of requests to origins, so that
 * nothing of the viewer's gets there but what origin/fetch.h names.
 */
#ifndef ORIGIN_REQUEST_H
#define ORIGIN_REQUEST_H

#include "origin/fetch.h"
#include "origin/promise.h"

enum { REQUEST_FIELDS_MAX = 8 };

/* The bytes that a copy's strings need. */
size_t request_text_size(const struct origin_request *r);
void request_copy(const struct origin_request *r, char *text, struct origin_request *ret);

struct request_fields {
    struct http_field list[REQUEST_FIELDS_MAX];
    unsigned count;
    struct promise_range rest;
};

/* `rest_of`: what a resumption goes on with, `got` bytes of which are there; NULL: the first time.
 * The strings borrow from all three. */
void request_fields(const struct origin_request *r, const struct promise *rest_of, uint64_t got,
                    struct request_fields *ret);

#endif
