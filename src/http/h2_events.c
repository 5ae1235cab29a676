/*
 * nghttp2's callbacks become events, and streams get their life: made with the first byte of a
 * head, closed once, freed when both nghttp2 and the owner are done with them.
 *
 * nghttp2 must not be re-entered, so `closed` waits in h2->ended for the end of h2_receive() or
 * h2_advance(): whatever closes a stream, its owner hears of it outside of nghttp2.
 */
#include "http/h2_internal.h"

#include <errno.h>

#include "base/stock.h"

static struct h2_stream *stream_of(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

void h2_stream_enter(struct h2_stream *s, enum h2_stage stage)
{
    assert(stage > s->stage);
    s->stage = stage;
}

/*
 * PRIORITY_UPDATE may come before its request (RFC 9218 7.1). nghttp2 remembers what it says, but
 * not for us to see that it was said: the last few ids are kept.
 */
static bool was_updated(const struct h2 *h, int32_t id)
{
    for (unsigned i = 0; i < ARRAY_LEN(h->urgent_ids); i++)
        if (h->urgent_ids[i] == id)
            return true;
    return false;
}

static void take_priority_update(struct h2 *h, const nghttp2_ext_priority_update *update)
{
    struct h2_stream *s = stream_of(h->session, update->stream_id);

    if (update->stream_id == 0) /* RFC 9218 7.1; nghttp2 does not look */
        nghttp2_session_terminate_session(h->session, NGHTTP2_PROTOCOL_ERROR);
    else if (s != NULL)
        s->has_urgency = true;
    else
        h->urgent_ids[h->urgent_next++ % ARRAY_LEN(h->urgent_ids)] = update->stream_id;
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *user_data)
{
    struct h2 *h = user_data;

    return h2_spend_for_frame(h, hd);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct h2 *h = user_data;
    struct h2_stream *s;

    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    s = stock_zalloc(sizeof *s);
    s->h2 = h;
    s->id = frame->hd.stream_id;
    s->expects_content = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0;
    s->has_urgency = was_updated(h, s->id);
    list_append(&h->streams, &s->all);
    list_init(&s->touched);
    list_init(&s->ended);
    nghttp2_session_set_stream_user_data(session, s->id, s);
    h->draft = h2_draft_begin();
    h2_budget_give(&h->budget, 1);
    return 0;
}

/*
 * Trailers are checked by nghttp2 and dropped. What nobody will look at is paid for: one byte of a
 * header block can stand for 4 KiB that nghttp2 has to check (HPACK bomb).
 */
static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags,
                     void *user_data)
{
    struct h2 *h = user_data;

    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST || h->draft == NULL)
        return h2_spend(h);
    h2_draft_add(h->draft, (struct str){(const char *)name, name_n},
                 (struct str){(const char *)value, value_n});
    return h2_draft_verdict(h->draft) == H2_HEAD_TOO_LARGE ? h2_spend(h) : 0;
}

/* RFC 9113 8.2.1: a field with characters it may not hold makes the request malformed. */
static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame,
                             nghttp2_rcbuf *name, nghttp2_rcbuf *value, uint8_t flags,
                             void *user_data)
{
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static void announce(struct h2_stream *s, struct h2_head_draft **d)
{
    struct h2 *h = s->h2;

    h2_draft_end(*d, s->expects_content);
    s->has_urgency |= h2_draft_has_urgency(*d);
    h->counts.malformed += h2_draft_verdict(*d) == H2_HEAD_BAD;
    h2_stream_enter(s, H2_ASKED);
    h->stream_count++;
    h->events->request(h->owner, s, *d, s->expects_content);
}

static void end_content(struct h2_stream *s)
{
    if (!s->expects_content)
        return;
    s->expects_content = false;
    if (s->stage == H2_ASKED && !s->is_forgotten)
        s->h2->events->content_end(s);
}

static int take_headers(struct h2 *h, const nghttp2_frame *frame)
{
    struct h2_stream *s = stream_of(h->session, frame->hd.stream_id);

    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST && s != NULL && h->draft != NULL) {
        announce(s, &h->draft);
        h2_draft_drop(&h->draft);
    } else if (s != NULL && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        end_content(s);
    }
    return 0;
}

/* Empty DATA, or nothing but padding, moves nothing (CVE-2019-9518). */
static int take_data(struct h2 *h, const nghttp2_frame *frame)
{
    struct h2_stream *s = stream_of(h->session, frame->hd.stream_id);

    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        if (s != NULL)
            end_content(s);
        return 0;
    }
    return frame->hd.length == frame->data.padlen ? h2_spend(h) : 0;
}

static void take_ping(struct h2 *h, const nghttp2_frame *frame)
{
    bool is_answer = (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 &&
                     memcmp(frame->ping.opaque_data, h2_drain_ping, sizeof h2_drain_ping) == 0;

    if (is_answer && h->drain == H2_NOTICED)
        h2_go_away(h);
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct h2 *h = user_data;
    struct h2_stream *s;

    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        return take_headers(h, frame);
    case NGHTTP2_DATA:
        return take_data(h, frame);
    case NGHTTP2_PING:
        take_ping(h, frame);
        return 0;
    case NGHTTP2_RST_STREAM:
        s = stream_of(session, frame->hd.stream_id);
        if (s != NULL)
            s->is_reset = true;
        return 0;
    case NGHTTP2_WINDOW_UPDATE:
        if (frame->window_update.window_size_increment >= H2_TINY_WINDOW_UPDATE)
            h2_budget_give(&h->budget, 1);
        return 0;
    case NGHTTP2_PRIORITY_UPDATE:
        take_priority_update(h, frame->ext.payload);
        return 0;
    default:
        return 0;
    }
}

static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int error,
                            void *user_data)
{
    struct h2 *h = user_data;

    h->counts.malformed++;
    h->is_blamed = true;
    h2_draft_drop(&h->draft);
    return h2_spend(h);
}

static int on_content(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p,
                      size_t n, void *user_data)
{
    struct h2_stream *s = stream_of(session, id);

    if (s != NULL && s->stage == H2_ASKED && !s->is_forgotten)
        s->h2->events->content(s, (struct str){(const char *)p, n});
    return 0;
}

/*
 * RFC 9113 8.1: who has answered without waiting for the content asks for no more of it. Answered
 * requests bring the budget back: those who use the server as it is meant never run out.
 */
static void answered(struct h2_stream *s)
{
    h2_stream_enter(s, H2_ANSWERED);
    h2_budget_give(&s->h2->budget, H2_BUDGET_PER_ANSWER);
    if (s->expects_content)
        nghttp2_submit_rst_stream(s->h2->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
}

/* Many errors of the connection nghttp2 answers by itself: their GOAWAY is all we see of them. */
static void note_end(struct h2 *h, uint32_t code)
{
    h->is_broken = true;
    h->counts.malformed += !h->is_blamed && code != NGHTTP2_ENHANCE_YOUR_CALM;
    h->is_blamed = true;
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct h2 *h = user_data;
    struct h2_stream *s = NULL;

    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR)
        note_end(h, frame->goaway.error_code);
    if (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA)
        s = stream_of(session, frame->hd.stream_id);
    if (s == NULL || s->is_forgotten || s->stage == H2_ASKED) /* 100 (Continue) */
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS)
        s->is_head_gone = true;
    h2_touch(s);
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
        answered(s);
    return 0;
}

/* A head that cannot be sent (over 64 KiB when packed): its stream would wait for ever. */
static int on_frame_not_send(nghttp2_session *session, const nghttp2_frame *frame, int error,
                             void *user_data)
{
    struct h2_stream *s = NULL;

    if (frame->hd.type == NGHTTP2_HEADERS)
        s = stream_of(session, frame->hd.stream_id);
    if (s != NULL && !s->is_forgotten && error != NGHTTP2_ERR_STREAM_CLOSING) {
        s->err = -EIO;
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_INTERNAL_ERROR);
    }
    return 0;
}

/*
 * A stream that broke by what the client did, without its RST_STREAM (which has paid), pays too:
 * else it would make us reset ours as fast as it likes (CVE-2025-8671).
 */
static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *user_data)
{
    struct h2 *h = user_data;
    struct h2_stream *s = stream_of(session, id);
    bool is_whole;

    if (s == NULL)
        return 0;
    is_whole = s->stage == H2_ANSWERED && (code == NGHTTP2_NO_ERROR || !s->is_reset);
    nghttp2_session_set_stream_user_data(session, id, NULL);
    if (!s->is_forgotten && s->stage > H2_COMING) {
        h->counts.resets += s->is_reset && !is_whole;
        if (!is_whole && !s->is_reset && s->err == 0)
            h2_spend(h); /* h2_receive() looks whether that was the last */
    }
    if (!is_whole && s->err == 0)
        s->err = -ECONNRESET;
    list_append(&h->ended, &s->ended);
    return 0;
}

void h2_set_callbacks(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback2(callbacks, on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_content);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_send);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, h2_send_data);
}
