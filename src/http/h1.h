/*
 * HTTP/1.1 request parser (RFC 9112), on llhttp: bytes in, events out, no I/O, no allocation after init.
 *
 * The head: the caller keeps the bytes of one head contiguous and calls h1_parse() with everything from
 * the head's first byte on, each time more has come; the parser remembers how far it has looked. The
 * memory may move between calls (offsets are kept, not pointers). On H1_HEAD, `ret_consumed` says where
 * the head ends; h1_head() then builds a http_head that borrows from the bytes it is given (which may be a
 * copy at another address) and from `fields`.
 *
 * The content, if any: call h1_parse_body() with what follows until it answers H1_END; each H1_BODY gives
 * a piece of decoded content. Then h1_next() readies the parser for the next head on the connection.
 *
 * Refused as H1_BAD (400, and the connection must be closed: where the next request begins cannot be
 * trusted): repeated or conflicting Content-Length, Transfer-Encoding together with Content-Length or
 * other than exactly "chunked", bare CR, bare LF line ends, obs-fold, white space before the colon, NUL or other
 * control characters in a field value, a missing or repeated Host in 1.1, absolute-form whose authority is
 * not the Host field's (RFC 9112 3.2.2 lets it win; we refuse, nobody honest sends it), a target with
 * characters outside RFC 3986's, unknown versions. H1_TOO_LARGE is 431.
 */
#ifndef HTTP_H1_H
#define HTTP_H1_H

#include "base/mem.h"
#include "http/request.h"

enum h1_event {
    H1_MORE,      /* give me more bytes */
    H1_HEAD,      /* a whole head */
    H1_BODY,      /* a piece of content */
    H1_END,       /* the message is complete */
    H1_BAD,       /* malformed: 400 and close */
    H1_TOO_LARGE, /* head or number of fields over its limit: 431 and close */
    H1_VERSION,   /* not HTTP/1.x: 505 and close */
};

struct h1; /* a few hundred bytes */

struct h1 *h1_new(void);
void h1_free(struct h1 **h);

enum h1_event h1_parse(struct h1 *h, struct str bytes, size_t *ret_consumed);
void h1_head(const struct h1 *h, const char *bytes, struct http_field fields[HTTP_MAX_FIELDS],
             struct http_head *ret);
unsigned h1_field_count(const struct h1 *h); /* after H1_HEAD: how many `fields` h1_head() will fill */
enum h1_event h1_parse_body(struct h1 *h, struct str bytes, size_t *ret_consumed, struct str *ret_piece);
void h1_next(struct h1 *h);

/* Why the last call answered H1_BAD, for the log: a literal. */
const char *h1_reason(const struct h1 *h);

#endif
