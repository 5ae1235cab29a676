/*
 * The head of a response as another server sent it: status line and fields with their line ends,
 * one after the other. Hostile until it is parsed: what cannot be framed in exactly one way is
 * refused (RFC 9112 6.3), so an origin and hlsgate never disagree on where a body ends.
 */
#ifndef HTTP_ANSWER_H
#define HTTP_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "http/request.h"
#include "http/response.h"

enum {
    HTTP_MAX_ANSWER_BYTES = 64 * 1024, /* of one head: endless heads */
    HTTP_MAX_ANSWER_FIELDS = 128,
};

#define HTTP_ANSWER_FIELDS(X)                 \
    X(CONTENT_LENGTH, "content-length")       \
    X(CONTENT_RANGE, "content-range")         \
    X(CONTENT_TYPE, "content-type")           \
    X(CONTENT_ENCODING, "content-encoding")   \
    X(TRANSFER_ENCODING, "transfer-encoding") \
    X(ETAG, "etag")                           \
    X(LAST_MODIFIED, "last-modified")         \
    X(CACHE_CONTROL, "cache-control")         \
    X(EXPIRES, "expires")                     \
    X(DATE, "date")                           \
    X(AGE, "age")                             \
    X(VARY, "vary")                           \
    X(LOCATION, "location")                   \
    X(RETRY_AFTER, "retry-after")

enum http_answer_field {
#define X(name, text) ANSWER_##name,
    HTTP_ANSWER_FIELDS(X)
#undef X
        ANSWER_KNOWN_COUNT
};

/* Content-Range (RFC 9110 14.4): "bytes first-last/total" of a 206, "bytes * /total" of a 416. */
struct http_content_range {
    bool is_there;
    uint64_t first, last; /* inclusive; of a 206 */
    uint64_t total;       /* HTTP_LENGTH_UNKNOWN: "*" */
};

/* Strings borrow from the head's bytes. */
struct http_answer {
    uint16_t status;
    uint64_t content_length; /* HTTP_LENGTH_UNKNOWN: not said */
    /* Its content ends where the connection does: whether it is whole, nobody can tell (RFC 9112
     * 8). */
    bool ends_with_connection;
    struct http_content_range range;
    struct str etag;      /* with its quotes, and W/ when weak; STR_NONE: none, or malformed */
    unix_t last_modified; /* 0: unknown or malformed */
    struct str known[ANSWER_KNOWN_COUNT]; /* the first value of each; STR_NONE when absent */
    struct http_field fields[HTTP_MAX_ANSWER_FIELDS];
    unsigned field_count;
};

/*
 * `head` may end with the empty line or without it. -EMSGSIZE: over the limits above. -EPROTO: no
 * HTTP response head; a folded line, a control character; two different Content-Length, a malformed
 * one, one beside Transfer-Encoding; a Transfer-Encoding other than "chunked" in HTTP/1.1; a 206
 * without a sound Content-Range (or multipart), or with a Content-Length that is not the range's.
 * `ret` is then undefined. `now` settles the century of two-digit years. 1xx heads are the client's
 * to drop. A repeated ETag or Last-Modified counts as malformed.
 */
int http_answer_parse(struct str head, unix_t now, struct http_answer *ret) MUST_CHECK;

/* The values of a field one after the other, with `*at` 0 at first; STR_NONE after the last. */
struct str http_answer_next(const struct http_answer *a, enum http_answer_field field,
                            unsigned *at);

/* The content as it came is the representation itself: no Content-Encoding but "identity". */
bool http_answer_is_plain(const struct http_answer *a);

/* Strong: not weak, not absent (RFC 9110 8.8.1). */
bool http_etag_is_strong(struct str etag);

#endif
