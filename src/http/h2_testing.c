/* The server's side of tests: see h2_testing.h. */
#include "http/h2_testing.h"

#include <errno.h>
#include <unistd.h>

#include "base/panic.h"

/* ---- bodies ---- */

const char *test_pattern(void)
{
    static char *pattern;

    if (pattern != NULL)
        return pattern;
    pattern = xmalloc(PATTERN_BYTES);
    for (size_t i = 0; i < PATTERN_BYTES; i++) /* no power of two is a period */
        pattern[i] = (char)(i % 251 + i / 251 % 7);
    return pattern;
}

static int show_file(const struct test_body *t, uint64_t n, struct body_view *ret_view)
{
    ret_view->kind = BODY_FILE;
    ret_view->fd = t->fd;
    ret_view->offset = (off_t)t->at;
    ret_view->length = n;
    return 1;
}

static int show_memory(const struct test_body *t, uint64_t n, struct body_view *ret_view)
{
    uint64_t piece = t->piece > 0 ? t->piece : n;
    uint64_t at = t->at;

    ret_view->kind = BODY_MEMORY;
    ret_view->iov_count = 0;
    while (n > 0 && ret_view->iov_count < BODY_PEEK_IOV) {
        uint64_t part = MIN(n, piece);

        ret_view->iov[ret_view->iov_count++] =
            (struct iovec){(void *)(uintptr_t)(test_pattern() + at), part};
        at += part;
        n -= part;
    }
    return 1;
}

static int test_peek(struct body *b, struct body_view *ret_view)
{
    struct test_body *t = container_of(b, struct test_body, body);
    uint64_t n = MIN(t->ready, t->length) - t->at;

    assert(!t->is_waiting);
    t->peeks++;
    if (t->at >= t->fails_at)
        return -EIO;
    if (n == 0 && t->at == t->length && b->left == BODY_LENGTH_UNKNOWN)
        return body_end(b);
    if (n == 0) {
        t->is_waiting = true;
        return 0;
    }
    n = MIN(n, t->fails_at - t->at);
    n = t->view > 0 ? MIN(n, t->view) : n;
    return t->fd >= 0 ? show_file(t, n, ret_view) : show_memory(t, n, ret_view);
}

static void test_advance(struct body *b, uint64_t n)
{
    container_of(b, struct test_body, body)->at += n;
}

static void test_done(struct body *b)
{
}

static void test_body_init(struct test_body *t, const struct plan *p, int fd)
{
    static const struct body_ops ops = {test_peek, test_advance, test_done};

    *t = (struct test_body){
        .body = {.ops = &ops, .left = p->is_length_unknown ? BODY_LENGTH_UNKNOWN : p->length},
        .length = p->length,
        .ready = p->ready > 0 ? p->ready : p->length,
        .view = p->view,
        .piece = p->piece,
        .fails_at = p->fails_at > 0 ? p->fails_at : UINT64_MAX,
        .fd = fd,
    };
}

void test_body_more(struct asked *a, uint64_t n)
{
    a->body.ready += n;
    if (!a->body.is_waiting)
        return;
    a->body.is_waiting = false;
    a->body.body.on_more(&a->body.body);
}

/* ---- the owner ---- */

static int world_file(struct world *w)
{
    char path[] = "/tmp/h2-test-XXXXXX";

    if (w->file >= 0)
        return w->file;
    w->file = mkstemp(path);
    assert_true(w->file >= 0);
    unlink(path);
    assert_int_equal(write(w->file, test_pattern(), PATTERN_BYTES), PATTERN_BYTES);
    return w->file;
}

void world_respond(struct world *w, struct asked *a, const struct plan *p)
{
    struct http_response r = {.status = (uint16_t)p->status, .content_length = p->length};
    int err;

    if (p->is_length_unknown)
        r.content_length = HTTP_LENGTH_UNKNOWN;
    http_response_add(&r, STR("Content-Type"), STR("text/plain"));
    test_body_init(&a->body, p, p->from_file ? world_file(w) : -1);
    err = h2_respond(a->s, &r, a->head.method != HTTP_HEAD ? &a->body.body : NULL,
                     p->urgency != 0 ? p->urgency : H2_USUAL, w->date);
    assert_true(err == 0 || err == -ECONNRESET);
}

void world_reset(struct asked *a, enum h2_reset_code code)
{
    h2_reset(a->s, code);
    a->s = NULL;
}

static void on_request(void *owner, struct h2_stream *s, const struct h2_head_draft *draft,
                       bool has_content)
{
    struct world *w = owner;
    struct asked *a = xzalloc(sizeof *a);
    struct str bytes = h2_draft_bytes(draft);

    assert_false(w->is_peeking);
    assert_true(w->count < WORLD_ASKED_MAX);
    w->asked[w->count++] = a;
    a->s = s;
    a->verdict = h2_draft_verdict(draft);
    a->bytes = xmemdup(bytes.p, bytes.n + 1);
    assert_true(h2_draft_field_count(draft) <= HTTP_MAX_FIELDS);
    h2_head(draft, a->bytes, a->fields, &a->head);
    assert_true(has_content || !a->head.has_body); /* its length may be 0 */
    buf_init(&a->content, 1 << 20);
    h2_stream_set_owner(s, a);
    assert_ptr_equal(h2_stream_owner(s), a);
    if (w->choose != NULL)
        w->choose(w, a);
    if (w->plan.resets)
        world_reset(a, H2_RESET_REFUSED);
    else if (w->plan.status != 0)
        world_respond(w, a, &w->plan);
}

static void on_content(struct h2_stream *s, struct str piece)
{
    struct asked *a = h2_stream_owner(s);

    assert_true(piece.n > 0 && !a->has_ended && a->closed == 0);
    buf_add(&a->content, piece);
}

static void on_content_end(struct h2_stream *s)
{
    struct asked *a = h2_stream_owner(s);

    assert_true(!a->has_ended && a->head.has_body);
    a->has_ended = true;
}

static void on_moved(struct h2_stream *s, uint64_t n)
{
    struct asked *a = h2_stream_owner(s);

    assert_ptr_equal(a->s, s);
    a->moves++;
    a->moved += n;
    assert_int_equal(a->body.at, a->moved);
}

static void on_starved(struct h2_stream *s, bool is_starved)
{
    struct asked *a = h2_stream_owner(s);

    assert_true(a->is_starved != is_starved);
    a->is_starved = is_starved;
}

static void on_closed(struct h2_stream *s, int err)
{
    struct asked *a = h2_stream_owner(s);

    assert_ptr_equal(a->s, s);
    a->s = NULL;
    a->closed++;
    a->err = err;
}

static void on_wants_to_send(void *owner)
{
    ((struct world *)owner)->wants++;
}

static const struct h2_events events = {
    .request = on_request,
    .content = on_content,
    .content_end = on_content_end,
    .moved = on_moved,
    .starved = on_starved,
    .closed = on_closed,
    .wants_to_send = on_wants_to_send,
};

void world_init(struct world *w, unsigned max_streams)
{
    memset(w, 0, sizeof *w);
    w->now = 1000 * USEC_PER_SEC;
    w->date = 1700000000;
    w->max = 64 * 1024;
    w->file = -1;
    w->plan.status = 200;
    buf_init(&w->sent, 16 << 20);
    w->h2 = h2_new(&events, w, max_streams, w->now);
}

void world_done(struct world *w)
{
    h2_free(&w->h2);
    for (unsigned i = 0; i < w->count; i++) {
        struct asked *a = w->asked[i];

        assert_null(a->s);
        assert_true(a->closed <= 1);
        buf_done(&a->content);
        free(a->bytes);
        free(a);
    }
    buf_done(&w->sent);
    if (w->file >= 0)
        close(w->file);
}

struct asked *world_last(struct world *w)
{
    assert_true(w->count > 0);
    return w->asked[w->count - 1];
}

/* ---- what it sends ---- */

static void take_piece(struct world *w, const struct h2_piece *p)
{
    char *to = buf_reserve(&w->sent, p->n);

    assert_non_null(to);
    assert_true(p->n > 0);
    if (p->p != NULL)
        memcpy(to, p->p, p->n);
    else
        assert_int_equal(pread(p->fd, to, p->n, (off_t)p->offset), p->n);
    buf_added(&w->sent, p->n);
}

bool world_send(struct world *w)
{
    bool is_something;
    size_t before = w->sent.n;

    w->is_peeking = true;
    is_something = h2_peek(w->h2, w->max, &w->batch);
    w->is_peeking = false;
    assert_true(w->batch.count <= H2_BATCH_PIECES && w->batch.frame_bytes <= H2_BATCH_FRAMES);
    for (unsigned i = 0; i < w->batch.count; i++)
        take_piece(w, &w->batch.pieces[i]);
    assert_int_equal(w->sent.n - before, w->batch.bytes);
    if (is_something)
        h2_advance(w->h2);
    return is_something;
}

void world_send_all(struct world *w)
{
    while (world_send(w))
        ;
}
