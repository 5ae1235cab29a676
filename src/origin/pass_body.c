#include "origin/pass_body.h"

#include <errno.h>

#include "base/mem.h"

enum { PIECE_MAX = 1 << 20 }; /* of one data(), on top of what is held already */

static struct pass_body *of(struct body *b)
{
    return container_of(b, struct pass_body, body);
}

static struct str next_bytes(const struct pass_body *p)
{
    return p->held.n > p->held_at ? str_skip(buf_str(&p->held), p->held_at) : p->offered;
}

static int pass_peek(struct body *b, struct body_view *ret_view)
{
    struct pass_body *p = of(b);
    struct str next = next_bytes(p);

    if (next.n > 0) {
        ret_view->kind = BODY_MEMORY;
        ret_view->iov_count = 1;
        ret_view->iov[0] = (struct iovec){(void *)(uintptr_t)next.p, MIN(next.n, b->left)};
        return 1;
    }
    if (p->has_ended)
        return p->err == 0 && b->left == BODY_LENGTH_UNKNOWN ? body_end(b) : -EIO;
    p->is_waiting = true;
    return 0;
}

/* All that was held is sent: there is room again. */
static void let_origin_go_on(struct pass_body *p)
{
    buf_clear(&p->held);
    p->held_at = 0;
    if (p->fetch != NULL)
        origin_fetch_proceed(p->fetch);
}

static void pass_advance(struct body *b, uint64_t n)
{
    struct pass_body *p = of(b);

    if (p->held.n == 0) {
        p->offered = str_skip(p->offered, n);
        return;
    }
    p->held_at += n;
    if (p->held_at == p->held.n)
        let_origin_go_on(p);
}

static void pass_done(struct body *b)
{
    struct pass_body *p = of(b);

    if (p->is_gone != NULL)
        *p->is_gone = true;
    if (b->left == 0)
        origin_fetch_drop(&p->fetch); /* all is there but the origin's word that it is */
    else
        origin_fetch_cancel(&p->fetch);
    buf_done(&p->held);
}

/* Wakes the puller if it waits. False: the body is gone. */
static bool wake(struct pass_body *p)
{
    bool is_gone = false;

    if (!p->is_waiting)
        return true;
    p->is_waiting = false;
    p->is_gone = &is_gone;
    p->body.on_more(&p->body);
    if (!is_gone)
        p->is_gone = NULL;
    return !is_gone;
}

static bool on_data(void *arg, struct origin_fetch *f, struct str bytes)
{
    struct pass_body *p = arg;

    if (p->held.n == 0) {
        p->offered = bytes;
        if (!wake(p))
            return true;
        bytes = p->offered;
        p->offered = STR_NONE;
    }
    buf_consume(&p->held, p->held_at);
    p->held_at = 0;
    buf_add(&p->held, bytes);
    assert(!p->held.is_full); /* no piece comes while the origin is held back */
    return p->held.n < p->hold_from;
}

static void on_end(void *arg, struct origin_fetch *f, int err)
{
    struct pass_body *p = arg;

    p->fetch = NULL;
    p->has_ended = true;
    p->err = err;
    (void)wake(p);
}

void pass_body_init(struct pass_body *p, struct origin_fetch *f, uint64_t length, size_t cap)
{
    static const struct body_ops ops = {pass_peek, pass_advance, pass_done};
    static const struct origin_sink sink = {NULL, on_data, on_end};

    *p = (struct pass_body){.body = {.ops = &ops, .left = length}, .fetch = f, .hold_from = cap};
    buf_init(&p->held, cap + PIECE_MAX);
    origin_fetch_set_sink(f, &sink, p);
}
