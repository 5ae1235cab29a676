/* What a reader of a flight is fed: bytes of its blob as they arrive. */
#include <errno.h>

#include "base/panic.h"
#include "cache/flight_internal.h"

struct flight_body {
    struct body body;
    struct flight_reader *reader; /* its owner's */
    struct blob *blob;            /* a reference */
    size_t at;
};

static struct flight_body *body_of(struct body *b)
{
    return container_of(b, struct flight_body, body);
}

/* The state is read before the bytes: when it says that no more will come, all have. */
static int flight_peek(struct body *b, struct body_view *ret_view)
{
    struct flight_body *f = body_of(b);
    enum flight_state state;
    size_t filled;

    do {
        state = flight_state(f->reader->flight);
        filled = blob_filled(f->blob);
        if (filled > f->at) {
            blob_show(f->blob, f->at, (size_t)MIN(filled - f->at, b->left), ret_view);
            return 1;
        }
        if (state == FLIGHT_LANDED && b->left == BODY_LENGTH_UNKNOWN)
            return body_end(b);
        if (state != FLIGHT_GROWING) /* lost, or shorter than a viewer has been promised */
            return -EIO;
    } while (!flight_wait(f->reader, state, f->at));
    return 0;
}

static void flight_advance(struct body *b, uint64_t n)
{
    body_of(b)->at += n;
}

static void flight_done(struct body *b)
{
    struct flight_body *f = body_of(b);

    blob_unref(&f->blob);
    flight_leave(f->reader);
}

static void on_changed(struct flight_reader *r)
{
    struct body *b = r->body;

    b->on_more(b);
}

static bool is_inside(const struct flight_head *h, uint64_t first, uint64_t length)
{
    return h->length == BODY_LENGTH_UNKNOWN ||
           (first <= h->length && (length == BODY_LENGTH_UNKNOWN || length <= h->length - first));
}

struct body *flight_body_new(struct arena *a, struct flight_reader *r, uint64_t first,
                             uint64_t length)
{
    static const struct body_ops ops = {flight_peek, flight_advance, flight_done};
    struct flight_body *f = ARENA_NEW(a, struct flight_body);

    assert(flight_blob(r->flight) != NULL && is_inside(flight_head(r->flight), first, length));
    if (f == NULL)
        return NULL;
    f->body = (struct body){.ops = &ops, .left = length};
    f->reader = r;
    f->blob = blob_ref(flight_blob(r->flight));
    f->at = first;
    r->body = &f->body;
    r->is_waiting = false; /* what it waited for so far is the body's to see */
    r->changed = on_changed;
    return &f->body;
}
