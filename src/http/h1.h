/*
 * HTTP/1.1 request parser (RFC 9112), on llhttp: bytes in, events out, no I/O and no allocation.
 *
 * The head: the caller keeps the bytes of one head contiguous and calls h1_parse() with everything
 * from the head's first byte on, each time more has come; the parser remembers how far it has
 * looked. The memory may move between calls (offsets are kept, not pointers). On H1_HEAD,
 * `ret_consumed` says where the head ends and `ret_index` where everything in it stands; h1_head()
 * then builds a http_head that borrows from the bytes it is given (which may be a copy at another
 * address) and from `fields`. An index is only needed between these two calls: it may live on the
 * stack, and a connection that waits for its next request keeps nothing but its `struct h1`.
 *
 * The content, if any: call h1_parse_body() with what follows until it answers H1_END; each H1_BODY
 * gives a piece of decoded content. Then h1_next() readies the parser for the next head on the
 * connection. Trailer fields are checked and dropped.
 *
 * Refused as H1_BAD (400, and the connection must be closed: where the next request begins cannot
 * be trusted): repeated or conflicting Content-Length, Transfer-Encoding together with
 * Content-Length or other than exactly "chunked", bare CR, bare LF line ends, obs-fold, white space
 * before the colon, NUL or other control characters in a field value, a missing or repeated Host
 * in 1.1, absolute-form whose authority is not the Host field's (RFC 9112 3.2.2 lets it win; we
 * refuse, nobody honest sends it), a target with a space, a control character or one of "<>\#. What
 * else is outside RFC 3986 but sent raw by browsers (WHATWG URL leaves []|^{} and the backtick
 * alone) or players (UTF-8) goes through. H1_TOO_LARGE is 431. No answer depends on how the bytes
 * were split between calls.
 */
#ifndef HTTP_H1_H
#define HTTP_H1_H

#include "base/mem.h"
#include "http/h1_lex.h"
#include "http/request.h"

enum h1_event {
    H1_MORE,      /* give me more bytes */
    H1_HEAD,      /* a whole head */
    H1_BODY,      /* a piece of content */
    H1_END,       /* the message is complete */
    H1_BAD,       /* malformed: 400 and close */
    H1_TOO_LARGE, /* head or number of fields over its limit: 431 and close */
    H1_VERSION,   /* neither HTTP/1.0 nor 1.1: 505 and close */
};

enum {
    H1_MAX_OVERHEAD =
        8 * 1024, /* chunk extensions and trailer bytes of one message; more is H1_BAD */
};

/* Where a connection's parser stands. The caller embeds it; its members are the parser's own. */
struct h1 {
    uint8_t state;         /* enum h1_state, see h1.c */
    uint16_t start;        /* of the request line: empty lines may stand before it */
    uint16_t looked, line; /* how far the head is seen through, and where the last line begins */
    uint16_t line_count;   /* request line included */
    uint16_t overhead;     /* see H1_MAX_OVERHEAD */
    uint64_t left;         /* content bytes still to come, of the message or of this chunk */
    const char *reason;    /* a literal */
};

/* What stands where in one head. */
struct h1_index {
    enum http_method method;
    struct http_span method_text, target,
        authority; /* an empty target is the authority's "/" or "*" */
    uint8_t version_minor;
    bool has_host, has_length, has_close, has_keep_alive; /* fields and Connection options seen */
    bool is_chunked, expects_continue;
    uint64_t content_length;
    unsigned field_count;
    struct http_field_span fields[HTTP_MAX_FIELDS];
};

void h1_init(struct h1 *h);

enum h1_event h1_parse(struct h1 *h, struct str bytes, struct h1_index *ret_index,
                       size_t *ret_consumed) MUST_CHECK;

/* `bytes` as h1_parse() had them, `fields` with room for index->field_count. */
void h1_head(const struct h1_index *index, const char *bytes, struct http_field *fields,
             struct http_head *ret);

/* H1_MORE, H1_BODY (a piece of `bytes`; call again with what follows `ret_consumed`), H1_END or
 * H1_BAD. */
enum h1_event h1_parse_body(struct h1 *h, struct str bytes, size_t *ret_consumed,
                            struct str *ret_piece) MUST_CHECK;

/* After H1_END, or at once after a H1_HEAD without content. */
void h1_next(struct h1 *h);

/* Why the last call answered H1_BAD, H1_TOO_LARGE or H1_VERSION, for the log: a literal. */
const char *h1_reason(const struct h1 *h);

#endif
