/*
 * From bytes to a whole head. llhttp is not asked before the head is complete: a scan for control
 * characters finds line ends on the way, and with them everything that llhttp would let through or
 * that should be refused without waiting for more: bare CR, bare LF, obs-fold, NUL, a wrong
 * version. So the only state between two reads is an offset, an answer cannot depend on how the
 * bytes were split, and llhttp lives on the stack of h1_index.c.
 *
 * Invariants: start <= line <= looked <= HTTP_MAX_HEAD_BYTES. Lines before `line` have been
 * checked.
 */
#include "http/h1.h"

#include "base/panic.h"
#include "http/h1_internal.h"
#include "http/scan.h"

_Static_assert(HTTP_MAX_HEAD_BYTES <= UINT16_MAX, "offsets into a head are 16 bits wide");

void h1_init(struct h1 *h)
{
    *h = (struct h1){.state = H1_IN_HEAD};
}

enum h1_event h1_refuse(struct h1 *h, enum h1_event event, const char *reason)
{
    h->state = H1_BROKEN;
    h->reason = reason;
    return event;
}

const char *h1_reason(const struct h1 *h)
{
    return h->reason != NULL ? h->reason : "";
}

/* " HTTP/1.1" at the end of the line; what stands before it is llhttp's to read. */
static enum h1_event check_request_line(struct h1 *h, struct str line)
{
    enum { TAIL = sizeof(" HTTP/1.1") - 1 };
    const char *tail = line.p + line.n - TAIL;

    if (line.n <= TAIL || memcmp(tail, " HTTP/", 6) != 0 || !ascii_is_digit(tail[6]) ||
        tail[7] != '.' || !ascii_is_digit(tail[8]))
        return h1_refuse(h, H1_BAD, "request line does not end in an HTTP version");
    if (tail[6] != '1' || tail[8] > '1')
        return h1_refuse(h, H1_VERSION, "version is neither HTTP/1.0 nor HTTP/1.1");
    return H1_MORE;
}

static enum h1_event check_line(struct h1 *h, struct str line)
{
    if (h->line_count == 0)
        return check_request_line(h, line);
    if (h->line_count > HTTP_MAX_FIELDS)
        return h1_refuse(h, H1_TOO_LARGE, "too many fields");
    if (line.p[0] == ' ' || line.p[0] == '\t') /* RFC 9112 5.2 */
        return h1_refuse(h, H1_BAD, "folded field line");
    return H1_MORE;
}

/* `looked` is behind the line's CRLF. H1_HEAD after the last line. */
static enum h1_event end_line(struct h1 *h, struct str bytes)
{
    struct str line = {bytes.p + h->line, (size_t)(h->looked - 2 - h->line)};
    enum h1_event e = H1_MORE;

    if (line.n == 0 && h->line_count > 0)
        return H1_HEAD;
    if (line.n == 0) /* RFC 9112 2.2: empty lines before the request line are ignored */
        h->start = h->looked;
    else
        e = check_line(h, line);
    h->line_count += line.n > 0;
    h->line = h->looked;
    return e;
}

static enum h1_event look_at_cr(struct h1 *h, struct str bytes)
{
    if (h->looked + 1u == bytes.n)
        return H1_MORE;
    if (bytes.p[h->looked + 1] != '\n')
        return h1_refuse(h, H1_BAD, "CR without LF");
    h->looked += 2;
    return end_line(h, bytes);
}

/* Runs on to the end of the head, or of the bytes. */
static enum h1_event look(struct h1 *h, struct str bytes)
{
    enum h1_event e = H1_MORE;

    while (e == H1_MORE) {
        uint16_t before = h->looked = (uint16_t)scan_control(bytes, h->looked);

        if (before == bytes.n)
            return H1_MORE;
        if (bytes.p[before] == '\t')
            h->looked++;
        else if (bytes.p[before] == '\r')
            e = look_at_cr(h, bytes);
        else
            return h1_refuse(h, H1_BAD,
                             bytes.p[before] == '\n' ? "LF without CR" : "control character");
        if (h->looked == before) /* a CR whose LF has not come */
            return e;
    }
    return e;
}

static void enter_content(struct h1 *h, const struct h1_index *ix)
{
    if (ix->is_chunked)
        h->state = H1_IN_SIZE;
    else if (ix->content_length > 0)
        h->state = H1_IN_CONTENT;
    else
        h->state = H1_AT_END;
    h->left = ix->content_length;
}

enum h1_event h1_parse(struct h1 *h, struct str bytes, struct h1_index *ret_index,
                       size_t *ret_consumed)
{
    struct str seen = str_first(bytes, HTTP_MAX_HEAD_BYTES);
    enum h1_event e;
    const char *reason;

    assert(h->state == H1_IN_HEAD && bytes.n >= h->looked);
    e = look(h, seen);
    if (e == H1_MORE && seen.n == HTTP_MAX_HEAD_BYTES)
        return h1_refuse(h, H1_TOO_LARGE, "head too large");
    if (e != H1_HEAD)
        return e;
    reason = h1_index_fill(ret_index, bytes.p, str_range(bytes.p + h->start, bytes.p + h->looked));
    if (reason != NULL)
        return h1_refuse(h, H1_BAD, reason);
    enter_content(h, ret_index);
    *ret_consumed = h->looked;
    return H1_HEAD;
}

void h1_next(struct h1 *h)
{
    assert(h->state == H1_AT_END);
    h1_init(h);
}
