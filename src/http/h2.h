/*
 * The server side of HTTP/2 (RFC 9113), on nghttp2: bytes in, events out, and frames out when they
 * are asked for. No I/O, and no timers: who owns a connection also has its clock.
 *
 * In: h2_receive() with whatever came. It calls the events below, in which h2_respond() and
 * h2_reset() may be called, but neither h2_receive(), h2_peek() nor h2_free().
 *
 * Out: h2_peek() shows the next frames, h2_advance() says that they have been sent or copied.
 * Nothing else may be called in between; when h2_peek() shows nothing, h2_advance() need not be
 * called. DATA frames point into the bodies themselves (base/body.h): nothing is copied. A body
 * that has nothing yet stays out of the way of the others until its on_more(); flow control holds a
 * slow reader's stream, and no other. What is shown of a body is never more than its stream's
 * window, so nothing is gathered for who does not read.
 *
 * Order (RFC 9218): by urgency, which the client gives in the field `priority` or in
 * PRIORITY_UPDATE; where it says nothing, what h2_respond() is given. RFC 7540 priorities are not
 * used (SETTINGS_NO_RFC7540_PRIORITIES).
 *
 * What is malformed gets the error of RFC 9113 on its stream or connection. Against floods (RFC
 * 9113 10.5) each connection has a budget: frames that ask for work and bring nothing (PING,
 * SETTINGS, PRIORITY, PRIORITY_UPDATE, RST_STREAM, CONTINUATION, DATA without content
 * or for nobody, WINDOW_UPDATE of a few bytes or for nobody, a head that begins no request,
 * malformed requests, streams that the client made us reset) each cost one; H2_BUDGET are given at
 * the start, H2_BUDGET_PER_SEC come back every second, and H2_BUDGET_PER_ANSWER with each request
 * that is answered to its end. Who has used it up is told GOAWAY with ENHANCE_YOUR_CALM.
 */
#ifndef HTTP_H2_H
#define HTTP_H2_H

#include <stdbool.h>
#include <stdint.h>

#include "base/body.h"
#include "base/clock.h"
#include "base/mem.h"
#include "http/request.h"
#include "http/response.h"

enum {
    H2_BUDGET = 500,
    H2_BUDGET_PER_SEC = 50,
    H2_BUDGET_PER_ANSWER = 2,
    H2_TINY_WINDOW_UPDATE = 256, /* bytes; smaller ones cost */
    H2_CONTENT_WINDOW = 65535,   /* request content that may be on its way, of a stream */
    H2_BATCH_PIECES = 64,
    H2_BATCH_FRAMES = 36 * 1024, /* bytes of everything but DATA's content: two largest frames */
};

#define H2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" /* RFC 9113 3.4 */

struct h2;
struct h2_stream;

/* One request's head where its parts lie one after the other. */
enum h2_verdict {
    H2_HEAD_OK,
    H2_HEAD_TOO_LARGE, /* 431: over HTTP_MAX_HEAD_BYTES or HTTP_MAX_FIELDS; the rest was dropped */
    H2_HEAD_BAD        /* 400: what nghttp2 lets through and we don't: see h2_head.c */
};

struct h2_head_draft; /* h2_head.c */

struct h2_events {
    /*
     * A whole head: `draft` is valid during the call, for h2_draft_bytes() and h2_head(). To be
     * answered, sooner or later, by h2_respond() or h2_reset(). `has_content`: more follows.
     */
    void (*request)(void *owner, struct h2_stream *s, const struct h2_head_draft *draft,
                    bool has_content);
    /*
     * Of the request: a piece of its content; its end (unless `request` said that there is none).
     * Neither comes any more once h2_respond() was called.
     */
    void (*content)(struct h2_stream *s, struct str piece);
    void (*content_end)(struct h2_stream *s);

    /* Of the response, from h2_advance(): so many bytes of its body have gone (0: the head alone).
     */
    void (*moved)(struct h2_stream *s, uint64_t n);
    /*
     * It waits for its body (true), or for the peer, in the socket or by flow control (false, as at
     * the beginning). May come from within h2_peek(): nothing may be called in it.
     */
    void (*starved)(struct h2_stream *s, bool is_starved);
    /*
     * The last event of a stream; `s` is gone after it. 0: the response has gone to its end; -EIO:
     * the body broke (the stream has been reset); -ECONNRESET: the client has reset it, or the
     * connection is given up. The body is not looked at any more.
     */
    void (*closed)(struct h2_stream *s, int err);

    /* There is something for h2_peek(), outside of h2_receive(): a body has more. */
    void (*wants_to_send)(void *owner);
};

/* What a connection has met; for counters. Read and set to zero by the owner. */
struct h2_counts {
    unsigned malformed; /* frames and heads that were an error of the stream or the connection */
    unsigned resets;    /* of requests not answered to their end, by the client */
    unsigned floods;    /* 1: the budget was used up */
};

struct h2 *h2_new(const struct h2_events *events, void *owner, unsigned max_streams, usec_t now);
/* Streams that are left get `closed` with -ECONNRESET first. Not from within an event. */
void h2_free(struct h2 **h);

/*
 * 0, or -EPROTO: no more input is taken; what h2_peek() still shows says why (GOAWAY). After errors
 * that nghttp2 answers itself it is 0, input is ignored, and h2_is_over() says so when GOAWAY was
 * shown.
 */
int h2_receive(struct h2 *h, struct str bytes, usec_t now) MUST_CHECK;

/*
 * No new requests. Gently (RFC 9113 6.8): first GOAWAY with the highest stream, then, after a PING
 * has come back, the true one; requests that were on their way are served. Else at once.
 */
void h2_drain(struct h2 *h);
void h2_go_away(struct h2 *h); /* NO_ERROR; streams under way may end */

/* Nothing more will come of it: send what h2_peek() shows, then close. Not between peek and
 * advance. */
bool h2_is_over(const struct h2 *h);
unsigned h2_stream_count(const struct h2 *h); /* requests not yet `closed` or reset */
struct h2_counts *h2_get_counts(struct h2 *h);

/* ---- requests ---- */

enum h2_verdict h2_draft_verdict(const struct h2_head_draft *d);
/* All names and values: to be copied to memory of the request's own. */
struct str h2_draft_bytes(const struct h2_head_draft *d);
unsigned h2_draft_field_count(const struct h2_head_draft *d);
/*
 * As h1_head(): `bytes` are a copy of h2_draft_bytes(), `fields` has room for all. Cookies are one
 * field again (RFC 9113 8.2.3); the authority is :authority, else Host. Also of a refused head, as
 * far as it goes.
 */
void h2_head(const struct h2_head_draft *d, const char *bytes, struct http_field *fields,
             struct http_head *ret);

void h2_stream_set_owner(struct h2_stream *s, void *owner);
void *h2_stream_owner(const struct h2_stream *s);

/* RFC 9110 10.1.1: 100 (Continue), before h2_respond(). */
void h2_continue(struct h2_stream *s);

/* May more of its response go, as far as its own window goes? */
bool h2_stream_has_window(const struct h2_stream *s);

enum h2_urgency { H2_URGENT = 1, H2_USUAL = 3, H2_BACKGROUND = 5 }; /* RFC 9218 4.1 */

/*
 * Once a stream. The response is copied; `body` (NULL: none) is borrowed until `closed` or
 * h2_reset(), and its on_more() and puller are ours. Content of the request that has not come is
 * not waited for (RFC 9113 8.1: RST_STREAM with NO_ERROR follows). Not with 1xx. 0, or -errno: the
 * stream is lost, `closed` comes.
 */
int h2_respond(struct h2_stream *s, const struct http_response *r, struct body *body,
               enum h2_urgency urgency, unix_t now) MUST_CHECK;

/* Gives a stream up, in any state: no event of it comes any more, `s` is gone. */
enum h2_reset_code { H2_RESET_INTERNAL, H2_RESET_CANCEL, H2_RESET_REFUSED, H2_RESET_CALM };
void h2_reset(struct h2_stream *s, enum h2_reset_code code);

/* ---- output ---- */

/* Memory, or `n` bytes of a file at `offset`. */
struct h2_piece {
    const void *p; /* NULL: of the file */
    size_t n;
    int fd;
    uint64_t offset;
};

/* One for each worker is enough. */
struct h2_batch {
    struct h2_piece pieces[H2_BATCH_PIECES];
    unsigned count;
    size_t bytes;
    size_t frame_bytes;
    char frames[H2_BATCH_FRAMES];
};

/* About `max` bytes (it ends with a whole frame). False: nothing to send now. */
bool h2_peek(struct h2 *h, size_t max, struct h2_batch *ret);
/* Bodies move on, streams that have ended are closed. */
void h2_advance(struct h2 *h);

#endif
