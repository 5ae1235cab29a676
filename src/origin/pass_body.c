#include "origin/pass_body.h"

#include <errno.h>

#include "base/mem.h"

enum {
    PIECE_MAX = 1 << 20,      /* of one data(), on top of what is held already */
    GATHER_BYTES = 256 << 10, /* one send of so many costs little more than one of 16 KiB, and they
                                 are still in the processor's cache */
};

static struct pass_body *of(struct body *b)
{
    return container_of(b, struct pass_body, body);
}

static size_t bytes_held(const struct pass_body *p)
{
    return p->held.n - p->held_at;
}

static int pass_peek(struct body *b, struct body_view *ret_view)
{
    struct pass_body *p = of(b);

    if (bytes_held(p) > 0) {
        ret_view->kind = BODY_MEMORY;
        ret_view->iov_count = 1;
        ret_view->iov[0] =
            (struct iovec){p->held.p + p->held_at, MIN((uint64_t)bytes_held(p), b->left)};
        return 1;
    }
    if (p->has_ended)
        return p->err == 0 && b->left == BODY_LENGTH_UNKNOWN ? body_end(b) : -EIO;
    p->is_waiting = true;
    return 0;
}

/* All that was held is sent: there is room again. */
static void pass_advance(struct body *b, uint64_t n)
{
    struct pass_body *p = of(b);

    p->held_at += n;
    if (p->held_at < p->held.n)
        return;
    buf_clear(&p->held);
    p->held_at = 0;
    if (p->fetch != NULL)
        origin_fetch_proceed(p->fetch);
}

static void pass_done(struct body *b)
{
    struct pass_body *p = of(b);

    loop_task_cancel(&p->show);
    if (b->left == 0)
        origin_fetch_drop(&p->fetch); /* all is there but the origin's word that it is */
    else
        origin_fetch_cancel(&p->fetch);
    buf_done(&p->held);
}

/* The body may be gone after this. */
static void on_show(struct loop_task *task)
{
    struct pass_body *p = container_of(task, struct pass_body, show);

    p->is_waiting = false;
    p->body.on_more(&p->body);
}

/* Moves no more bytes than were sent since the last time. */
static void forget_sent(struct pass_body *p)
{
    if (p->held_at < bytes_held(p))
        return;
    buf_consume(&p->held, p->held_at);
    p->held_at = 0;
}

static bool on_data(void *arg, struct origin_fetch *f, struct str bytes)
{
    struct pass_body *p = arg;
    bool goes_on;

    forget_sent(p);
    buf_add(&p->held, bytes);
    assert(!p->held.is_full); /* no piece comes while the origin is held back */
    goes_on = bytes_held(p) < p->hold_from;
    if (!p->is_waiting)
        return goes_on;
    if (bytes_held(p) < GATHER_BYTES) {
        loop_defer(p->loop, &p->show);
        return goes_on;
    }
    loop_task_cancel(&p->show);
    on_show(&p->show); /* may drain it, and tell the origin to go on */
    return goes_on;
}

static void on_end(void *arg, struct origin_fetch *f, int err)
{
    struct pass_body *p = arg;

    p->fetch = NULL;
    p->has_ended = true;
    p->err = err;
    if (err < 0 && p->broke != NULL)
        p->broke(p->arg, f);
    if (p->is_waiting)
        loop_defer(p->loop, &p->show);
}

void pass_body_init(struct pass_body *p, struct loop *l, struct origin_fetch *f, uint64_t length,
                    size_t cap)
{
    static const struct body_ops ops = {pass_peek, pass_advance, pass_done};
    static const struct origin_sink sink = {NULL, on_data, on_end};

    *p = (struct pass_body){
        .body = {.ops = &ops, .left = length}, .fetch = f, .loop = l, .hold_from = cap / 2};
    loop_task_init(&p->show, on_show);
    buf_init(&p->held, cap + PIECE_MAX);
    origin_fetch_set_sink(f, &sink, p);
}
