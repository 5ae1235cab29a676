#include "admin/feed.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct message {
    atomic_uint references;
    size_t n;
    char bytes[];
};

struct message *message_new(struct str text)
{
    struct message *m = xmalloc(sizeof *m + text.n);

    atomic_init(&m->references, 1);
    m->n = text.n;
    memcpy(m->bytes, text.p, text.n);
    return m;
}

struct message *message_ref(struct message *m)
{
    atomic_fetch_add_explicit(&m->references, 1, memory_order_relaxed);
    return m;
}

void message_unref(struct message **m)
{
    struct message *old = TAKE(*m);

    if (old != NULL && atomic_fetch_sub_explicit(&old->references, 1, memory_order_acq_rel) == 1)
        free(old);
}

/* ---- the body ---- */

static struct watcher *watcher_of(struct body *b)
{
    return container_of(b, struct watcher, body);
}

static int feed_peek(struct body *b, struct body_view *ret_view)
{
    struct watcher *w = watcher_of(b);

    if (w->message == NULL) {
        if (w->is_over)
            return body_end(b);
        w->is_waiting = true;
        return 0;
    }
    ret_view->kind = BODY_MEMORY;
    ret_view->iov[0] = (struct iovec){w->message->bytes + w->at, w->message->n - w->at};
    ret_view->iov_count = 1;
    return 1;
}

static void feed_advance(struct body *b, uint64_t n)
{
    struct watcher *w = watcher_of(b);

    w->at += n;
    if (w->at < w->message->n)
        return;
    message_unref(&w->message);
    w->at = 0;
}

static void feed_done(struct body *b)
{
    struct watcher *w = watcher_of(b);

    message_unref(&w->message);
    list_remove(&w->link);
    w->feed->count--;
}

/* ---- the feed ---- */

void feed_init(struct feed *f)
{
    *f = (struct feed){0};
    list_init(&f->watchers);
}

void feed_watch(struct feed *f, struct watcher *w, struct message *first)
{
    static const struct body_ops ops = {feed_peek, feed_advance, feed_done};

    *w = (struct watcher){.body = {.ops = &ops, .left = BODY_LENGTH_UNKNOWN},
                          .feed = f,
                          .message = first != NULL ? message_ref(first) : NULL,
                          .is_over = f->has_ended};
    list_append(&f->watchers, &w->link);
    f->count++;
}

static void tell(struct watcher *w, struct message *m)
{
    if (!w->is_waiting)
        return;
    w->is_waiting = false;
    if (!w->is_over)
        w->message = message_ref(m);
    w->body.on_more(&w->body);
}

/* Whoever is told something may leave, and others with it: those of the same connection. */
void feed_send(struct feed *f, struct message *m, bool (*goes_on)(const struct watcher *w))
{
    struct list due, *link;

    list_init(&due);
    list_move_all(&due, &f->watchers);
    while ((link = list_take_first(&due)) != NULL) {
        struct watcher *w = LIST_ENTRY(link, struct watcher, link);

        list_append(&f->watchers, link);
        w->is_over |= f->has_ended || !goes_on(w);
        tell(w, m);
    }
}

static bool goes_on_never(const struct watcher *w)
{
    return false;
}

void feed_end(struct feed *f)
{
    f->has_ended = true;
    feed_send(f, NULL, goes_on_never);
}
