/*
 * The directives of a response's Cache-Control (RFC 9111 5.2.2, RFC 5861) that mean something to a
 * shared cache. What is said twice, or cannot be read, is taken in its stricter sense (4.2.1).
 */
#ifndef HTTP_CACHE_CONTROL_H
#define HTTP_CACHE_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "http/answer.h"

struct cache_control {
    bool no_store, is_private, no_cache, must_revalidate, proxy_revalidate;
    bool is_garbled; /* a quote that does not close may hide any of them */
    /* Seconds, at most HTTP_FRESHNESS_MAX; 0 when unreadable; -1 when not said. */
    int64_t max_age, s_maxage, stale_while_revalidate, stale_if_error;
};

void cache_control_of(const struct http_answer *a, struct cache_control *ret);

#endif
