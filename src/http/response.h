/*
 * The head of a response as the gate fills it and a codec writes it. Strings are borrowed until the
 * head is written (arena or literals). Field values come from us or from origins that `client/` has
 * checked; a value with CR, LF or NUL is a bug and dies in the writer.
 */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/request.h"

enum { HTTP_RESPONSE_FIELDS = 32 };

/* The content is chunked (RFC 9112 7.1), or, for HTTP/1.0, ends with the connection: `is_last` must
 * then be set. */
#define HTTP_LENGTH_UNKNOWN UINT64_MAX

struct http_response {
    uint16_t status;
    uint64_t content_length; /* always sent but with 1xx, 204 and 304 (RFC 9110 8.6) */
    struct http_field fields[HTTP_RESPONSE_FIELDS];
    unsigned field_count;
};

/* Names are written as given: "Content-Type". The 33rd field is a bug. */
void http_response_add(struct http_response *r, struct str name, struct str value);

/* "OK", "Not Found"; "" for a number without a phrase. */
struct str http_reason(unsigned status);

/* By its status (RFC 9110 6.4.1): may there be content, and with it a Content-Length? */
bool http_has_content(const struct http_response *r);

/* Is the content to be sent in chunks? */
bool h1_is_chunked(const struct http_response *r, const struct http_head *request);
/* Its end is the end of the connection (RFC 9112 6.3): HTTP/1.0 knows no other way without a
 * length.
 */
bool h1_ends_by_close(const struct http_response *r, const struct http_head *request);

/*
 * Writes status line, Date (not with 1xx; from `now`; the text is kept per thread and made once a
 * second), fields, Content-Length or Transfer-Encoding, Connection ("close", or "keep-alive" to an
 * HTTP/1.0 client that asked), empty line. -1 when it does not fit into `room`; else how many bytes
 * were written.
 */
ptrdiff_t h1_write_head(const struct http_response *r, const struct http_head *request,
                        bool is_last, unix_t now, char *ret, size_t room) MUST_CHECK;

#endif
