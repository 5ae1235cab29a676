/*
 * Cross-origin resource sharing (Fetch standard, CORS protocol): which fields a response gets, and
 * what answers a preflight.
 */
#ifndef HTTP_CORS_H
#define HTTP_CORS_H

#include <stdbool.h>

#include "base/arena.h"
#include "http/request.h"
#include "http/response.h"

struct cors_policy {
    struct str *origins; /* serialised origins in lower case ("https://a.example:8443"), or "*" */
    unsigned origin_count;
    bool credentials;
    unsigned max_age_seconds; /* of a preflight's answer */
};

/* A preflight is OPTIONS with Origin and Access-Control-Request-Method. */
bool cors_is_preflight(const struct http_head *h);

/*
 * Adds the CORS fields to `r` for this request; nothing but "Vary: Origin" (where the answer
 * depends on it) for a request without Origin or with one that is not allowed. With credentials the
 * origin is echoed instead of "*". Exposed: Content-Length, Content-Range, Accept-Ranges,
 * Content-Type. On a preflight also the allowed methods (GET, HEAD, OPTIONS, and POST, DELETE for
 * `is_api`), the requested headers (checked as field names), and Access-Control-Max-Age.
 */
void cors_apply(const struct cors_policy *p, struct arena *a, const struct http_head *h,
                bool is_api, struct http_response *r);

#endif
