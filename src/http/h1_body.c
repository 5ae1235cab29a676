/*
 * The content of a request: by length, or chunked (RFC 9112 7.1), one byte of framing at a time, so
 * any split of the input is the same input. Content itself is never looked at nor copied.
 *
 * llhttp is not used here: it takes bare LF and extensions without end. A front-end that reads a
 * chunk header another way than we do is how requests are smuggled, so nothing lenient is taken:
 * sizes stay below 2^60, lines end in CRLF, and extensions and trailers together are held to
 * H1_MAX_OVERHEAD.
 */
#include "base/codec.h"
#include "base/panic.h"
#include "http/h1_internal.h"
#include "http/scan.h"

static enum h1_event to(struct h1 *h, enum h1_state state)
{
    h->state = (uint8_t)state;
    return H1_MORE;
}

static enum h1_event bad(struct h1 *h, const char *reason)
{
    return h1_refuse(h, H1_BAD, reason);
}

/* `c` must be `want`. */
static enum h1_event expect(struct h1 *h, char c, char want, enum h1_state next)
{
    return c == want ? to(h, next) : bad(h, "CRLF is missing in chunked content");
}

static enum h1_event eat_size_digit(struct h1 *h, char c)
{
    int digit = hex_digit(c);

    if (digit < 0)
        return bad(h, "chunk size is not a number");
    if (h->left > UINT64_MAX >> 8) /* far more than anybody has, and no overflow */
        return bad(h, "chunk size is too large");
    h->left = h->left << 4 | (unsigned)digit;
    return to(h, H1_IN_SIZE_MORE);
}

static enum h1_event eat_after_size(struct h1 *h, char c)
{
    switch (c) {
    case '\r':
        return to(h, H1_IN_SIZE_LF);
    case ';':
        return to(h, H1_IN_EXTENSION);
    case ' ':
    case '\t':
        return to(h, H1_IN_SIZE_SPACE);
    default:
        return bad(h, "chunk size is not a number");
    }
}

/* Text up to the CR that leads to `next`. */
static enum h1_event eat_text(struct h1 *h, char c, enum h1_state next)
{
    if (c == '\r')
        return to(h, next);
    if (scan_is_control(c) && c != '\t')
        return bad(h, "control character in chunked content");
    return H1_MORE;
}

static enum h1_event eat_trailer_name(struct h1 *h, char c)
{
    if (c == ':')
        return to(h, H1_IN_TRAILER_VALUE);
    if (!http_is_token((struct str){&c, 1}))
        return bad(h, "trailer field name is not a token");
    return H1_MORE;
}

/* The line with the size has ended; a chunk of size 0 is the last. */
static enum h1_event enter_chunk(struct h1 *h, char c)
{
    return expect(h, c, '\n', h->left > 0 ? H1_IN_CHUNK : H1_IN_TRAILER);
}

static enum h1_event begin_trailer(struct h1 *h, char c)
{
    if (c == '\r')
        return to(h, H1_IN_LAST_LF);
    to(h, H1_IN_TRAILER_NAME);
    return c != ':' ? eat_trailer_name(h, c) : bad(h, "trailer field name is not a token");
}

/* Bytes that a peer could send for ever without sending content. */
static bool is_overhead(enum h1_state state, char c)
{
    switch (state) {
    case H1_IN_SIZE_MORE: /* leading zeros */
    case H1_IN_SIZE_SPACE:
    case H1_IN_EXTENSION:
    case H1_IN_TRAILER:
    case H1_IN_TRAILER_NAME:
    case H1_IN_TRAILER_VALUE:
        return c != '\r';
    default:
        return false;
    }
}

static enum h1_event eat(struct h1 *h, char c)
{
    if (is_overhead((enum h1_state)h->state, c) && ++h->overhead > H1_MAX_OVERHEAD)
        return bad(h, "too many bytes of chunk extensions and trailers");
    switch ((enum h1_state)h->state) {
    case H1_IN_SIZE:
        h->left = 0;
        return eat_size_digit(h, c);
    case H1_IN_SIZE_MORE:
        return hex_digit(c) >= 0 ? eat_size_digit(h, c) : eat_after_size(h, c);
    case H1_IN_SIZE_SPACE:
        return c != '\r' ? eat_after_size(h, c) : bad(h, "white space after a chunk size");
    case H1_IN_EXTENSION:
        return eat_text(h, c, H1_IN_SIZE_LF);
    case H1_IN_SIZE_LF:
        return enter_chunk(h, c);
    case H1_IN_CHUNK_CR:
        return expect(h, c, '\r', H1_IN_CHUNK_LF);
    case H1_IN_CHUNK_LF:
        return expect(h, c, '\n', H1_IN_SIZE);
    case H1_IN_TRAILER:
        return begin_trailer(h, c);
    case H1_IN_TRAILER_NAME:
        return eat_trailer_name(h, c);
    case H1_IN_TRAILER_VALUE:
        return eat_text(h, c, H1_IN_TRAILER_LF);
    case H1_IN_TRAILER_LF:
        return expect(h, c, '\n', H1_IN_TRAILER);
    case H1_IN_LAST_LF:
        return expect(h, c, '\n', H1_AT_END);
    default:
        WRONG("no byte of framing is due");
    }
}

/* Gives what is there of the content that `left` counts. */
static enum h1_event give(struct h1 *h, struct str bytes, size_t *ret_consumed,
                          struct str *ret_piece)
{
    size_t n = MIN((uint64_t)bytes.n, h->left);

    h->left -= n;
    if (h->left == 0)
        to(h, h->state == H1_IN_CHUNK ? H1_IN_CHUNK_CR : H1_AT_END);
    *ret_piece = str_first(bytes, n);
    *ret_consumed += n;
    return H1_BODY;
}

enum h1_event h1_parse_body(struct h1 *h, struct str bytes, size_t *ret_consumed,
                            struct str *ret_piece)
{
    enum h1_event e = H1_MORE;

    assert(h->state != H1_IN_HEAD && h->state != H1_BROKEN);
    *ret_consumed = 0;
    while (e == H1_MORE) {
        if (h->state == H1_AT_END)
            return H1_END;
        if (*ret_consumed == bytes.n)
            return H1_MORE;
        if (h->state == H1_IN_CONTENT || h->state == H1_IN_CHUNK)
            return give(h, str_skip(bytes, *ret_consumed), ret_consumed, ret_piece);
        e = eat(h, bytes.p[(*ret_consumed)++]);
    }
    return e;
}
