#include "admin/events.h"

#include <stdlib.h>

#include "admin/caller.h"
#include "admin/endpoints.h"
#include "admin/snapshot.h"

struct events {
    struct gate_worker *worker;
    struct board *board; /* the process's */
    struct feed feed;
    bool is_open; /* the board, to it */
};

/* Who watches. */
struct onlooker {
    struct watcher watcher;
    struct req *req;
    bool has_badge; /* else it came with a key */
    struct badge badge;
};

static struct events *events_of(const struct req *r)
{
    return admin_worker_of(r->worker)->events;
}

struct events *events_new(struct gate_worker *w)
{
    const struct admin *admin = w->gate->api->context;
    struct events *e = xzalloc(sizeof *e);

    e->worker = w;
    e->board = admin->board;
    feed_init(&e->feed);
    return e;
}

void events_free(struct events **e)
{
    struct events *old = TAKE(*e);

    if (old == NULL)
        return;
    assert(old->feed.count == 0);
    if (old->is_open)
        board_close(old->board);
    free(old);
}

/* Whoever has the cookie too, in another window or by theft, watches no longer than it is good. */
static bool is_good(const struct onlooker *o)
{
    return loop_unix(o->req->worker->loop) < o->badge.expires &&
           !returned_badges_has(admin_of(o->req)->returned, &o->badge);
}

static bool goes_on(const struct watcher *watcher)
{
    const struct onlooker *o = container_of(watcher, struct onlooker, watcher);

    return o->req->era == o->req->worker->era && (!o->has_badge || is_good(o));
}

void events_tick(struct events *e)
{
    struct message *m;

    if (!e->is_open)
        return;
    if (e->feed.count == 0) {
        e->is_open = false;
        board_close(e->board);
        return;
    }
    m = board_latest(e->board, e->worker);
    if (m != NULL)
        feed_send(&e->feed, m, goes_on);
    message_unref(&m);
}

void events_drain(struct events *e)
{
    feed_end(&e->feed);
}

static void add_fields(struct req *r)
{
    req_add_field(r, STR("Content-Type"), STR("text/event-stream"));
    req_add_field(r, STR("Cache-Control"), STR("no-store"));
    req_add_field(r, STR("X-Content-Type-Options"), STR("nosniff"));
    req_add_field(r, STR("X-Accel-Buffering"), STR("no")); /* nginx in front would gather it */
}

/* Begins with what there is: nobody looks at an empty page for a second. */
static void watch(struct req *r, struct events *e, struct onlooker *o)
{
    struct message *m;

    if (!e->is_open)
        board_open(e->board);
    e->is_open = true;
    m = board_latest(e->board, e->worker);
    feed_watch(&e->feed, &o->watcher, m);
    message_unref(&m);
    r->body = &o->watcher.body;
}

const struct step *run_events(struct req *r)
{
    struct events *e = events_of(r);
    struct onlooker *o = ARENA_NEW(&r->arena, struct onlooker);

    if (o == NULL)
        return req_fail(r, OUT_INTERNAL);
    if (e->feed.count >= EVENTS_WATCHERS_MAX)
        return req_fail(r, OUT_OVERLOADED);
    add_fields(r);
    r->outcome = OUT_OK;
    r->response.status = outcome_row(OUT_OK)->status;
    r->response.content_length = HTTP_LENGTH_UNKNOWN;
    r->is_endless = true;
    if (r->head.method != HTTP_HEAD) {
        watch(r, e, o);
        o->req = r;
        o->has_badge = r->head.known[FIELD_AUTHORIZATION].n == 0 && caller_badge(r, &o->badge);
    }
    return STEP(send);
}
