/*
 * First byte: seed of everything that is not input (splits, answers, bodies, resets, when is sent);
 * second: bit 0: preface and SETTINGS come first; the rest: what the client sends. Whatever that
 * is, events must come in their order, every stream must end once, and what goes out must be
 * frames.
 */
#include "http/h2.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/panic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { FRAME_HEADER = 9, FRAME_MAX = 16384, BODY_BYTES = 1 << 18, SENT_MAX = 1 << 22 };

struct request {
    struct list link; /* gate->requests */
    struct h2_stream *s;
    struct body body;
    uint64_t at, length; /* of the body */
    bool is_answered, has_content, has_ended, is_starved, is_waiting;
};

struct gate {
    struct h2 *h2;
    uint32_t random;
    struct list requests;
    bool is_peeking;
    unsigned live;
    struct buf sent; /* not yet checked */
};

static char content[BODY_BYTES];
static struct gate *gate; /* bodies have no other way to the dice */

static unsigned dice(unsigned sides)
{
    gate->random = gate->random * 1664525 + 1013904223;
    return (gate->random >> 8) % sides;
}

/* ---- bodies: they are late, short, broken, in pieces ---- */

static int peek(struct body *b, struct body_view *ret_view)
{
    struct request *r = container_of(b, struct request, body);
    uint64_t n = r->length - r->at;

    assert(!r->is_waiting);
    if (dice(40) == 0)
        return -5;
    if (n == 0)
        return body_end(b);
    if (dice(4) == 0) {
        r->is_waiting = true;
        return 0;
    }
    n = MIN(n, 1u + dice(30000));
    ret_view->kind = BODY_MEMORY;
    ret_view->iov_count = 0;
    for (uint64_t at = 0; at < n;) {
        uint64_t part =
            ret_view->iov_count < BODY_PEEK_IOV - 1 ? dice((unsigned)(n - at) + 1) : n - at;

        ret_view->iov[ret_view->iov_count++] = (struct iovec){content + r->at + at, part};
        at += part;
    }
    return 1;
}

static void advance(struct body *b, uint64_t n)
{
    container_of(b, struct request, body)->at += n;
}

static void done(struct body *b)
{
}

static const struct body_ops ops = {peek, advance, done};

/* ---- the owner ---- */

static void let_go(struct request *r)
{
    list_remove(&r->link);
    gate->live--;
    free(r);
}

static void answer(struct request *r)
{
    static const uint16_t statuses[] = {200, 206, 204, 304, 404, 599};
    struct http_response p = {.status = statuses[dice(ARRAY_LEN(statuses))]};
    bool is_length_known = dice(2) == 0;

    if (dice(8) == 0) {
        h2_reset(r->s, dice(4));
        let_go(r);
        return;
    }
    r->is_answered = true;
    r->length = dice(3) == 0 ? dice(BODY_BYTES) : dice(1000);
    r->body.ops = &ops;
    r->body.left = is_length_known ? r->length : BODY_LENGTH_UNKNOWN;
    p.content_length = is_length_known ? r->length : HTTP_LENGTH_UNKNOWN;
    http_response_add(&p, STR("Content-Type"), STR("text/plain"));
    http_response_add(&p, STR("Set-Cookie"), STR("a=b"));
    if (h2_respond(r->s, &p, dice(4) > 0 ? &r->body : NULL, 1 + dice(6), 1700000000) < 0)
        return;
}

static void check_head(const struct http_head *h)
{
    assert(h->target.p[0] == '/' || (h->method == HTTP_OPTIONS && str_eq(h->target, STR("*"))));
    assert(http_is_token(h->method_text) && h->authority.n > 0);
    for (unsigned i = 0; i < h->field_count; i++) {
        const struct http_field *f = &h->fields[i];

        assert(http_is_token(f->name));
        for (size_t at = 0; at < f->value.n; at++)
            assert((unsigned char)f->value.p[at] >= 0x20 || f->value.p[at] == '\t');
    }
}

static void on_request(void *owner, struct h2_stream *s, const struct h2_head_draft *draft,
                       bool has_content)
{
    struct str bytes = h2_draft_bytes(draft);
    struct http_field *fields = xcalloc(h2_draft_field_count(draft) + 1, sizeof *fields);
    char *copy = xmemdup(bytes.p, bytes.n + 1);
    struct request *r = xzalloc(sizeof *r);
    struct http_head head;

    assert(!gate->is_peeking);
    h2_head(draft, copy, fields, &head);
    if (h2_draft_verdict(draft) == H2_HEAD_OK)
        check_head(&head);
    free(copy);
    free(fields);
    r->s = s;
    r->has_content = has_content;
    list_append(&gate->requests, &r->link);
    gate->live++;
    h2_stream_set_owner(s, r);
    if (dice(2) == 0)
        answer(r);
}

static void on_content(struct h2_stream *s, struct str piece)
{
    struct request *r = h2_stream_owner(s);

    assert(!gate->is_peeking && r->has_content && !r->has_ended && !r->is_answered && piece.n > 0);
}

static void on_content_end(struct h2_stream *s)
{
    struct request *r = h2_stream_owner(s);

    assert(r->has_content && !r->has_ended && !r->is_answered);
    r->has_ended = true;
    if (dice(2) == 0)
        answer(r);
}

static void on_moved(struct h2_stream *s, uint64_t n)
{
    struct request *r = h2_stream_owner(s);

    assert(!gate->is_peeking && r->is_answered && n <= r->at);
    if (dice(20) == 0) {
        h2_reset(s, H2_RESET_INTERNAL);
        let_go(r);
    }
}

static void on_starved(struct h2_stream *s, bool is_starved)
{
    struct request *r = h2_stream_owner(s);

    assert(r->is_starved != is_starved);
    r->is_starved = is_starved;
}

static void on_closed(struct h2_stream *s, int err)
{
    assert(!gate->is_peeking);
    let_go(h2_stream_owner(s));
}

static void on_wants_to_send(void *owner)
{
    assert(!gate->is_peeking);
}

/* ---- what goes out ---- */

/* Frames that are whole, to streams that a client may have opened. */
static void check_frames(struct buf *b)
{
    struct str s = buf_str(b);

    while (s.n >= FRAME_HEADER) {
        const uint8_t *p = (const uint8_t *)s.p;
        size_t n = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];

        assert(n <= FRAME_MAX && n + FRAME_HEADER <= s.n && p[3] <= 9);
        assert((p[3] == 0 || p[3] == 1 || p[3] == 3) == ((p[8] & 1) != 0) || p[3] >= 8);
        s = str_skip(s, FRAME_HEADER + n);
    }
    assert(s.n == 0);
    buf_clear(b);
}

static void send_batch(struct h2_batch *batch)
{
    size_t n = 0;
    bool is_something;

    gate->is_peeking = true;
    is_something = h2_peek(gate->h2, 1 + dice(100000), batch);
    gate->is_peeking = false;
    assert(batch->count <= H2_BATCH_PIECES && batch->frame_bytes <= H2_BATCH_FRAMES);
    for (unsigned i = 0; i < batch->count; i++) {
        assert(batch->pieces[i].n > 0 && batch->pieces[i].p != NULL);
        buf_add(&gate->sent, (struct str){batch->pieces[i].p, batch->pieces[i].n});
        n += batch->pieces[i].n;
    }
    assert(n == batch->bytes && is_something == (n > 0));
    check_frames(&gate->sent);
    if (is_something)
        h2_advance(gate->h2);
}

/* Something that is not input happens to one of the requests, or to all of them. */
static void happen(void)
{
    unsigned which = dice(gate->live + 3);

    if (which == gate->live && dice(30) == 0)
        h2_drain(gate->h2);
    if (which == gate->live + 1 && dice(30) == 0)
        h2_go_away(gate->h2);
    LIST_FOREACH (link, &gate->requests) {
        struct request *r = LIST_ENTRY(link, struct request, link);

        if (which-- > 0)
            continue;
        if (r->is_waiting) {
            r->is_waiting = false;
            r->body.on_more(&r->body);
        } else if (!r->is_answered) {
            answer(r);
        } else if (dice(10) == 0) {
            h2_reset(r->s, H2_RESET_CANCEL);
            let_go(r);
        }
        return;
    }
}

static void run(struct str input, bool has_preface)
{
    static const char opening[] = H2_PREFACE "\0\0\0\4\0\0\0\0\0" /* SETTINGS */
                                             "\0\0\0\4\1\0\0\0\0";
    static struct h2_batch batch;
    usec_t now = 1;
    int err = 0;

    if (has_preface)
        err = h2_receive(gate->h2, (struct str){opening, sizeof opening - 1}, now);
    assert(err == 0);
    while (input.n > 0 && err == 0) {
        struct str piece = str_first(input, 1 + (dice(2) == 0 ? dice(16) : dice(20000)));
        char *copy = xmemdup(piece.p, piece.n); /* its end is seen by ASan */

        err = h2_receive(gate->h2, (struct str){copy, piece.n}, now += dice(1000000));
        free(copy);
        input = str_skip(input, piece.n);
        if (dice(2) == 0)
            happen();
        if (dice(3) > 0)
            send_batch(&batch);
    }
    for (int i = 0; i < 100; i++) {
        happen();
        send_batch(&batch);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct h2_events events = {
        .request = on_request,
        .content = on_content,
        .content_end = on_content_end,
        .moved = on_moved,
        .starved = on_starved,
        .closed = on_closed,
        .wants_to_send = on_wants_to_send,
    };
    struct gate g = {.sent = {.cap = SENT_MAX}};

    if (n < 2)
        return 0;
    gate = &g;
    g.random = data[0];
    list_init(&g.requests);
    g.h2 = h2_new(&events, &g, 20, 1);
    run((struct str){(const char *)data + 2, n - 2}, (data[1] & 1) != 0);
    h2_free(&g.h2);
    assert(g.live == 0 && list_is_empty(&g.requests));
    buf_done(&g.sent);
    return 0;
}
