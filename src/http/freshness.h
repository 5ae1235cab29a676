/*
 * What a shared cache may do with a response (RFC 9111, and stale-while-revalidate and
 * stale-if-error of RFC 5861). Pure: a head and two times in, numbers out. Requests of hlsgate to
 * origins carry neither cookies nor credentials nor Accept-Encoding but "identity", so of the
 * fields that a response may vary on only the forwarded ones matter: User-Agent and
 * X-Forwarded-For.
 */
#ifndef HTTP_FRESHNESS_H
#define HTTP_FRESHNESS_H

#include <stdbool.h>
#include <stdint.h>

#include "http/answer.h"

struct http_freshness {
    /* RFC 9111 3, 4.1: no no-store, no private, Vary on nothing that differs. */
    bool may_store;
    bool is_explicit; /* the response says how long: s-maxage, max-age, Expires, or no-cache */
    /* no-cache, must-revalidate, proxy-revalidate, s-maxage: never used stale. */
    bool must_revalidate;
    int64_t lifetime; /* seconds, from the moment it was made at the origin; 0 when not explicit */
    int64_t age;      /* seconds, at `now` (RFC 9111 4.2.3); fresh while lifetime > age */
    int64_t stale_while_revalidate; /* seconds; -1: not said; 0 with must_revalidate */
    int64_t stale_if_error;         /* the same */
};

/* All values are held to 0 .. HTTP_FRESHNESS_MAX (RFC 9111 1.2.2: about 68 years). */
enum { HTTP_FRESHNESS_MAX = INT32_MAX };

/* `asked`: when the request was sent; `now`: when the head came (unix seconds). */
void http_freshness_of(const struct http_answer *a, unix_t asked, unix_t now,
                       struct http_freshness *ret);

#endif
