/*
 * What goes out. nghttp2 decides what is next; frames other than DATA's content are copied into the
 * batch, content stays where the body shows it. A batch is taken whole: h2_advance() moves the
 * bodies on by what their frames hold.
 *
 * A body is peeked at once a batch. Frames are cut from that view until it is used up; then its
 * stream is put aside (NGHTTP2_ERR_DEFERRED) until h2_advance() has moved the body on. One that has
 * nothing is put aside until its on_more().
 */
#include "http/h2_internal.h"

#include <errno.h>

#include "base/codec.h"
#include "base/stock.h"
#include "http/date.h"
#include "http/scan.h"

enum {
    /* What mem_send may hand out at once: a frame header, a pad length, a payload. */
    LARGEST_FRAME = 9 + 1 + 16 * 1024,
    FRAME_HEADER = 9
};

_Static_assert(H2_BATCH_FRAMES >= 2 * LARGEST_FRAME, "a batch takes any frame behind DATA");

/* ---- responses ---- */

static nghttp2_nv nv_of(struct str name, struct str value, uint8_t flags)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name.p, (uint8_t *)(uintptr_t)value.p, name.n,
                        value.n, flags};
}

/*
 * RFC 7541 7.1.3: what is secret stays out of every table, also those of proxies on the way. The
 * rest is nghttp2's choice (it indexes no etag and no content-length). Names become lower case
 * there.
 */
static nghttp2_nv nv_of_field(const struct http_field *f)
{
    bool is_secret = str_eq_nocase(f->name, STR("set-cookie"));

    assert(scan_control_but_tab(f->name) == f->name.n &&
           scan_control_but_tab(f->value) == f->value.n);
    return nv_of(f->name, f->value, is_secret ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE);
}

/* The date's text changes in place: at worst a head that waits shows a later second. */
static int submit_head(struct h2_stream *s, const struct http_response *r,
                       const nghttp2_data_provider *content, unix_t now)
{
    const uint8_t fixed = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
    nghttp2_nv nv[HTTP_RESPONSE_FIELDS + 3];
    char status[DECIMAL_MAX], length[DECIMAL_MAX];
    size_t n = 0;

    assert(r->status >= 200 && r->status <= 999);
    nv[n++] = nv_of(STR(":status"), (struct str){status, decimal_encode(r->status, status)},
                    NGHTTP2_NV_FLAG_NO_COPY_NAME);
    nv[n++] = nv_of(STR("date"), http_date_now(now), fixed);
    for (unsigned i = 0; i < r->field_count; i++)
        nv[n++] = nv_of_field(&r->fields[i]);
    if (http_has_content(r) && r->content_length != HTTP_LENGTH_UNKNOWN)
        nv[n++] = nv_of(STR("content-length"),
                        (struct str){length, decimal_encode(r->content_length, length)},
                        NGHTTP2_NV_FLAG_NO_COPY_NAME);
    return nghttp2_submit_response(s->h2->session, s->id, nv, n, content);
}

void h2_continue(struct h2_stream *s)
{
    const nghttp2_nv status = nv_of(STR(":status"), STR("100"), NGHTTP2_NV_FLAG_NONE);

    assert(s->stage == H2_ASKED);
    if (list_is_empty(&s->ended)) /* no memory: the client sends without it, after a while */
        (void)nghttp2_submit_headers(s->h2->session, NGHTTP2_FLAG_NONE, s->id, NULL, &status, 1,
                                     NULL);
}

static void resume(struct h2_stream *s)
{
    if (s->is_idle)
        nghttp2_session_resume_data(s->h2->session, s->id);
    s->is_idle = false;
}

static void set_starved(struct h2_stream *s, bool is_starved)
{
    if (s->is_starved == is_starved)
        return;
    s->is_starved = is_starved;
    s->h2->events->starved(s, is_starved);
}

static void on_more(struct body *body)
{
    struct h2_stream *s = body->puller;
    struct h2 *h = s->h2;

    if (!list_is_empty(&s->ended))
        return;
    resume(s);
    set_starved(s, false);
    h->events->wants_to_send(h->owner);
}

static void set_urgency(struct h2_stream *s, enum h2_urgency urgency)
{
    const nghttp2_extpri wanted = {.urgency = urgency};

    if (!s->has_urgency)
        nghttp2_session_change_extpri_stream_priority(s->h2->session, s->id, &wanted, 0);
}

int h2_respond(struct h2_stream *s, const struct http_response *r, struct body *body,
               enum h2_urgency urgency, unix_t now)
{
    const nghttp2_data_provider content = {.source.ptr = s, .read_callback = h2_read_body};
    bool has_body = body != NULL && body->left > 0;

    assert(s->stage == H2_ASKED);
    h2_stream_enter(s, H2_ANSWERING);
    if (!list_is_empty(&s->ended))
        return -ECONNRESET;
    if (has_body) {
        s->body = body;
        body->on_more = on_more;
        body->puller = s;
    }
    set_urgency(s, urgency);
    if (submit_head(s, r, has_body ? &content : NULL, now) == 0)
        return 0;
    s->err = -EIO;
    nghttp2_submit_rst_stream(s->h2->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_INTERNAL_ERROR);
    return -EIO;
}

void h2_reset(struct h2_stream *s, enum h2_reset_code code)
{
    static const uint32_t codes[] = {
        [H2_RESET_INTERNAL] = NGHTTP2_INTERNAL_ERROR,
        [H2_RESET_CANCEL] = NGHTTP2_CANCEL,
        [H2_RESET_REFUSED] = NGHTTP2_REFUSED_STREAM,
        [H2_RESET_CALM] = NGHTTP2_ENHANCE_YOUR_CALM,
    };

    assert(!s->is_forgotten && s->stage > H2_COMING);
    s->is_forgotten = true;
    s->body = NULL;
    list_remove(&s->touched);
    s->h2->stream_count--;
    if (list_is_empty(&s->ended))
        nghttp2_submit_rst_stream(s->h2->session, NGHTTP2_FLAG_NONE, s->id, codes[code]);
}

/* ---- a batch ---- */

static bool is_full(const struct h2_batch *b, size_t max)
{
    return b->bytes >= max || b->frame_bytes + LARGEST_FRAME + FRAME_HEADER > H2_BATCH_FRAMES ||
           b->count + 3 > H2_BATCH_PIECES; /* a frame header, content, a frame behind it */
}

static void put_piece(struct h2_batch *b, struct h2_piece piece)
{
    assert(b->count < H2_BATCH_PIECES);
    b->pieces[b->count++] = piece;
    b->bytes += piece.n;
}

/* Frames that follow each other are one piece. */
static void put_frame(struct h2_batch *b, const uint8_t *p, size_t n)
{
    char *at = b->frames + b->frame_bytes;
    struct h2_piece *last = b->count > 0 ? &b->pieces[b->count - 1] : NULL;

    assert(n <= H2_BATCH_FRAMES - b->frame_bytes);
    memcpy(at, p, n);
    b->frame_bytes += n;
    if (last != NULL && last->p != NULL && (const char *)last->p + last->n == at) {
        last->n += n;
        b->bytes += n;
    } else {
        put_piece(b, (struct h2_piece){.p = at, .n = n});
    }
}

/* 1: `view` shows something. 0: the end. < 0: for nghttp2. */
static int show(struct h2_stream *s)
{
    int r = body_peek(s->body, &s->view);

    if (r < 0) {
        s->err = -EIO;
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    if (r == 0 && s->body->left > 0) {
        s->is_idle = true;
        set_starved(s, true);
        return NGHTTP2_ERR_DEFERRED;
    }
    if (r == 0)
        return 0;
    s->has_view = true;
    s->iov_at = 0;
    s->iov_taken = 0;
    s->taken = 0;
    s->shown = s->view.kind == BODY_FILE ? s->view.length : 0;
    for (int i = 0; s->view.kind != BODY_FILE && i < s->view.iov_count; i++)
        s->shown += s->view.iov[i].iov_len;
    assert(s->shown > 0 && s->shown <= s->body->left);
    return 1;
}

/* How much of the view the next frame may hold, by the pieces that are left. */
static uint64_t room_for(const struct h2_stream *s)
{
    unsigned pieces = H2_BATCH_PIECES - s->h2->batch->count - 2;
    uint64_t n = 0;

    if (s->view.kind == BODY_FILE)
        return s->shown - s->taken;
    for (int i = s->iov_at; i < s->view.iov_count && pieces > 0; i++) {
        n += s->view.iov[i].iov_len;
        pieces -= s->view.iov[i].iov_len > 0;
    }
    return n - s->iov_taken;
}

ssize_t h2_read_body(nghttp2_session *session, int32_t id, uint8_t *buf, size_t length,
                     uint32_t *ret_flags, nghttp2_data_source *source, void *user_data)
{
    struct h2_stream *s = source->ptr;
    struct h2 *h = s->h2;
    size_t n = 0;
    int r = 1;

    if (is_full(h->batch, h->max))
        return NGHTTP2_ERR_PAUSE;
    if (!s->has_view)
        r = show(s);
    if (r < 0)
        return r;
    if (r > 0 && s->taken == s->shown) {
        s->is_idle = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (r > 0)
        n = (size_t)MIN((uint64_t)length, room_for(s));
    *ret_flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (r == 0 || s->taken + n == s->body->left)
        *ret_flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

static void put_content(struct h2_batch *b, struct h2_stream *s, size_t n)
{
    s->taken += n;
    if (s->view.kind == BODY_FILE) {
        uint64_t at = (uint64_t)s->view.offset + s->taken - n;

        put_piece(b, (struct h2_piece){.n = n, .fd = s->view.fd, .offset = at});
        return;
    }
    while (n > 0) {
        struct iovec *v = &s->view.iov[s->iov_at];
        size_t part = MIN(n, v->iov_len - s->iov_taken);

        if (part > 0)
            put_piece(b, (struct h2_piece){.p = (char *)v->iov_base + s->iov_taken, .n = part});
        n -= part;
        s->iov_taken += part;
        if (s->iov_taken == v->iov_len) {
            s->iov_at++;
            s->iov_taken = 0;
        }
    }
}

int h2_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t length,
                 nghttp2_data_source *source, void *user_data)
{
    struct h2_stream *s = source->ptr;
    struct h2_batch *b = s->h2->batch;

    put_frame(b, head, FRAME_HEADER);
    if (length > 0)
        put_content(b, s, length);
    return 0;
}

bool h2_peek(struct h2 *h, size_t max, struct h2_batch *ret)
{
    const uint8_t *p;
    ssize_t n = 1;

    ret->count = 0;
    ret->bytes = ret->frame_bytes = 0;
    h->batch = ret;
    h->max = max;
    while (n > 0 && !is_full(ret, max)) {
        n = nghttp2_session_mem_send(h->session, &p);
        if (n > 0)
            put_frame(ret, p, (size_t)n);
    }
    h->is_broken |= n < 0;
    h->batch = NULL;
    return ret->count > 0;
}

void h2_touch(struct h2_stream *s)
{
    if (list_is_empty(&s->touched))
        list_append(&s->h2->touched, &s->touched);
}

static void move_on(struct h2_stream *s)
{
    uint64_t n = s->has_view ? s->taken : 0;
    bool has_moved = n > 0 || s->is_head_gone;

    s->is_head_gone = s->has_view = false;
    if (n > 0) {
        body_advance(s->body, n);
        if (list_is_empty(&s->ended))
            resume(s);
    }
    if (has_moved)
        s->h2->events->moved(s, n);
}

void h2_advance(struct h2 *h)
{
    struct list *link;

    while ((link = list_take_first(&h->touched)) != NULL)
        move_on(LIST_ENTRY(link, struct h2_stream, touched));
    h2_flush_ended(h);
}

void h2_stream_free(struct h2_stream *s)
{
    list_remove(&s->all);
    list_remove(&s->touched);
    list_remove(&s->ended);
    stock_free(s);
}

void h2_flush_ended(struct h2 *h)
{
    struct list *link;

    while ((link = list_first(&h->ended)) != NULL) {
        struct h2_stream *s = LIST_ENTRY(link, struct h2_stream, ended);

        if (!s->is_forgotten && s->stage > H2_COMING) {
            h->stream_count--;
            h->events->closed(s, s->err);
        }
        h2_stream_free(s);
    }
}
