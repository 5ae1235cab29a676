/*
 * The producer of a flight. It lives on the heap, in its worker's list, until the origin has said
 * its last word; what it needs of the request that began it, it copies.
 *
 *     begin ──► head ──► 200: the flight grows ──► end: lands
 *                 │      304: the stale version lands again, fresh
 *                 │      404 and the like: a remembered failure lands
 *                 │      not to be shared: the leader takes the answer over, the others ask alone
 *                 └──►   anything else, or no head at all: the flight is lost
 */
#include "gate/fetch_internal.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "gate/pass.h"
#include "gate/steps.h"

/* How long it is remembered that an object is not shared: its viewers then don't wait in line. */
#define ALONE_TIME (120 * USEC_PER_SEC)

enum {
    FETCH_ARENA_CAP = 64 * 1024, /* a target, a User-Agent: parts of a head of
                                    HTTP_MAX_HEAD_BYTES */
    VALUE_MAX = 256, /* of an ETag or a type that is kept; longer ones are no better than none */
};

/* ---- the end ---- */

/* The flight must have ended, or be somebody else's. What is left of the origin's answer is not
 * wanted. */
static void fetch_free(struct fetch **f)
{
    struct fetch *old = TAKE(*f);

    gate_count(old->worker, STAT_FETCHES, -1);
    if (old->leader != NULL)
        old->leader->leads = NULL;
    list_remove(&old->link);
    origin_fetch_drop(&old->origin);
    disk_load_done(&old->load);
    cache_entry_unref(&old->stale);
    playlist_place_done(&old->place);
    arena_done(&old->arena);
    era_let_go(old->era);
    free(old);
}

static void lose(struct fetch *f, enum outcome why)
{
    flight_lose(f->flight, (int)why);
    fetch_free(&f);
}

/* The origin could not, or would not. */
static void fail(struct fetch *f, enum outcome why)
{
    if (f->stale != NULL)
        lifetime_excuse(f->stale, loop_now(f->worker->loop));
    lose(f, why);
}

static void cancel(struct fetch *f, enum outcome why)
{
    origin_fetch_cancel(&f->origin);
    lose(f, why);
}

void fetch_forget_leader(struct req *r)
{
    if (r->leads != NULL)
        r->leads->leader = NULL;
    r->leads = NULL;
}

/* "Unless most of it is there": then the rest costs less than another viewer's new start. */
static bool is_mostly_there(const struct fetch *f)
{
    const struct blob *b = flight_blob(f->flight);
    uint64_t length;

    if (b == NULL)
        return false;
    length = flight_head(f->flight)->length;
    return length != BODY_LENGTH_UNKNOWN && blob_filled(b) >= length / 2;
}

static void on_deserted(struct flight_producer *p)
{
    struct fetch *f = container_of(p, struct fetch, producer);

    if (!is_mostly_there(f) && flight_close_deserted(f->flight))
        cancel(f, OUT_CLIENT_LEFT);
}

void fetch_cancel_deserted(struct gate_worker *w)
{
    LIST_FOREACH_SAFE (link, &w->fetches) {
        struct fetch *f = LIST_ENTRY(link, struct fetch, link);

        if (flight_close_deserted(f->flight))
            cancel(f, OUT_DRAINING);
    }
}

void fetch_cancel_all(struct gate_worker *w)
{
    LIST_FOREACH_SAFE (link, &w->fetches)
        cancel(LIST_ENTRY(link, struct fetch, link), OUT_DRAINING);
}

/* ---- the words of origins ---- */

enum outcome outcome_of_status(unsigned status)
{
    switch (status) {
    case 200:
    case 206:
        return OUT_OK;
    case 304:
        return OUT_NOT_MODIFIED;
    case 401:
    case 403:
        return OUT_FORBIDDEN_FILE;
    case 404:
    case 410:
        return OUT_NOT_FOUND;
    case 416:
        return OUT_BAD_RANGE;
    case 504:
        return OUT_ORIGIN_TIMEOUT;
    default:
        return OUT_ORIGIN_ERROR;
    }
}

enum outcome outcome_of_origin(int err)
{
    switch (err) {
    case -ETIMEDOUT:
        return OUT_ORIGIN_TIMEOUT;
    case -EPROTO:
    case -EMSGSIZE:
    case -ELOOP:
        return OUT_ORIGIN_BAD;
    default:
        return OUT_ORIGIN_DOWN;
    }
}

/* The query may hold what is nobody's business. */
void log_origin_failure(const struct origin_route *route, struct arena *a, struct str target,
                        const struct origin_fetch *o)
{
    struct str rest = target, path;

    if (!log_wants(LOG_WARN) || !str_split(&rest, '?', &path))
        return;
    log_warn("origin %.*s: %.*s from %.*s failed after %u retries and %u resumptions: %.*s",
             STR_FMT(route->prefix), STR_FMT(log_quote(a, path)), STR_FMT(origin_fetch_server(o)),
             origin_fetch_retries(o), origin_fetch_resumes(o), STR_FMT(origin_fetch_reason(o)));
}

/* ---- the head ---- */

/* Everybody asks for himself; the leader with the answer that is here already. */
static void go_alone(struct fetch *f, const struct http_answer *a, usec_t remember)
{
    struct req *leader = TAKE(f->leader);
    bool can_take = leader != NULL && leader->head.known[FIELD_RANGE].n == 0;

    if (leader != NULL)
        leader->leads = NULL;
    if (can_take)
        flight_leave(&leader->reader);
    fetch_forget_stored(f);
    flight_send_alone(f->flight, loop_now(f->worker->loop), remember);
    if (can_take)
        pass_take_over(leader, TAKE(f->origin), a); /* the leader may be gone after this */
    fetch_free(&f);
}

/* A playlist is needed as a whole: its leader waits on in a flight of its own. */
static void go_private(struct fetch *f)
{
    struct req *leader = f->leader;
    struct flight *mine;

    fetch_forget_stored(f);
    flight_leave(&leader->reader);
    mine = flight_new_private(f->worker->gate->cache, f->worker->loop, &leader->reader);
    flight_produce(mine, &f->producer);
    flight_send_alone(f->flight, loop_now(f->worker->loop), ALONE_TIME);
    f->flight = mine;
    flight_unref(&mine); /* flight_produce() has its own */
    req_wait_for_flight(leader);
}

static struct str kept_value(struct str s)
{
    return s.n <= VALUE_MAX ? s : STR_NONE;
}

/* What all need who answer before it is whole. */
static struct flight_head head_of(const struct http_answer *a)
{
    return (struct flight_head){.length = a->content_length,
                                .etag = kept_value(a->etag),
                                .type = kept_value(a->known[ANSWER_CONTENT_TYPE]),
                                .last_modified = a->last_modified};
}

static bool is_over(const struct http_answer *a, uint64_t max)
{
    return a->content_length != HTTP_LENGTH_UNKNOWN && a->content_length > max;
}

/* The length is within limits, but there is no room for it just now: nothing to remember. */
static void on_no_room(struct fetch *f, const struct http_answer *a)
{
    if (f->is_playlist)
        cancel(f, OUT_OVERLOADED);
    else
        go_alone(f, a, 0);
}

static void on_object(struct fetch *f, const struct http_answer *a)
{
    const struct rules *rules = f->era->rules;
    uint64_t max = f->is_playlist ? rules->max_playlist : rules->cache.max_object;
    struct flight_head head = head_of(a);

    if (f->is_playlist && is_over(a, max)) {
        cancel(f, OUT_PLAYLIST_TOO_LARGE);
        return;
    }
    if (!f->lifetime.may_share && !flight_is_private(f->flight)) {
        if (!f->is_playlist || f->leader == NULL) {
            go_alone(f, a, ALONE_TIME);
            return;
        }
        go_private(f);
    }
    if (is_over(a, max)) {
        go_alone(f, a, ALONE_TIME);
        return;
    }
    if (!flight_begin(f->flight, &head, max))
        on_no_room(f, a);
}

static void cap_playlist(struct fetch *f, const struct cache_entry *what)
{
    if (f->is_playlist)
        lifetime_cap_playlist(&f->lifetime, what, f->is_blocking);
}

static void ask_without_condition(struct fetch *f)
{
    origin_fetch_drop(&f->origin);
    cache_entry_unref(&f->stale);
    fetch_ask_origin(f);
}

/* RFC 9111 4.3.4. What it is about must be what we have, and may go on having. */
static void on_not_modified(struct fetch *f, const struct http_answer *a)
{
    struct cache_entry *e = f->stale;

    if (!f->lifetime.may_share || (a->etag.p != NULL && !str_eq(a->etag, e->etag))) {
        ask_without_condition(f);
        return;
    }
    lifetime_take_over(&f->lifetime, e);
    cap_playlist(f, e);
    lifetime_store(&f->lifetime, e);
    gate_count(f->worker, STAT_FETCHES_REVALIDATED, 1);
    flight_land_same(f->flight, e);
    fetch_free(&f);
}

static void on_failure(struct fetch *f, const struct http_answer *a)
{
    enum outcome o = outcome_of_status(a->status);
    bool is_kept = o == OUT_NOT_FOUND || o == OUT_FORBIDDEN_FILE;
    struct cache_entry what = {.status = a->status};

    if (!is_kept) {
        fail(f, o);
        return;
    }
    lifetime_store(&f->lifetime, &what);
    fetch_forget_stored(f);
    fetch_land(f, &what);
}

static void on_head(void *arg, struct origin_fetch *o, const struct http_answer *a)
{
    struct fetch *f = arg;

    f->is_sure = !a->ends_with_connection || a->status != 200;
    lifetime_of(&f->lifetime, a, &f->era->rules->cache, f->asked, loop_unix(f->worker->loop),
                loop_now(f->worker->loop));
    if (a->status == 200)
        on_object(f, a);
    else if (a->status == 304)
        on_not_modified(f, a);
    else
        on_failure(f, a);
}

/* ---- the body ---- */

/* It has grown beyond what is kept, or there is no room left. The next to ask gets it passed
 * through. */
static void overflow(struct fetch *f)
{
    usec_t now = loop_now(f->worker->loop);

    origin_fetch_cancel(&f->origin);
    if (f->is_playlist) {
        lose(f, OUT_PLAYLIST_TOO_LARGE);
        return;
    }
    flight_lose_alone(f->flight, (int)OUT_ORIGIN_BROKE, now, ALONE_TIME);
    fetch_free(&f);
}

static bool on_data(void *arg, struct origin_fetch *o, struct str bytes)
{
    struct fetch *f = arg;

    if (!flight_add(f->flight, bytes))
        overflow(f);
    return true;
}

bool fetch_may_keep(const struct fetch *f)
{
    return f->lifetime.may_share && f->is_sure && !flight_is_private(f->flight);
}

void fetch_land(struct fetch *f, const struct cache_entry *what)
{
    flight_land(f->flight, what, fetch_may_keep(f));
    fetch_free(&f);
}

static void land(struct fetch *f)
{
    const struct flight_head *head = flight_head(f->flight);
    struct cache_entry what = {.etag = head->etag,
                               .type = head->type,
                               .last_modified = head->last_modified,
                               .status = 200};

    if (f->is_playlist && scanned_add(f->worker, blob_str(flight_seal(f->flight)), &f->place,
                                      &what) == PLAYLIST_TOO_MANY) {
        lose(f, OUT_PLAYLIST_TOO_LARGE);
        return;
    }
    cap_playlist(f, &what);
    lifetime_store(&f->lifetime, &what);
    fetch_store(f, &what);
    fetch_land(f, &what);
}

static void on_end(void *arg, struct origin_fetch *o, int err)
{
    struct fetch *f = arg;
    bool has_begun = flight_state(f->flight) == FLIGHT_GROWING;

    f->origin = NULL; /* it is gone after this */
    if (err < 0)
        log_origin_failure(f->route, &f->arena, f->request.target, o);
    if (err == 0 && has_begun)
        land(f);
    else
        fail(f, has_begun ? OUT_ORIGIN_BROKE : outcome_of_origin(err));
}

/* ---- the beginning ---- */

void fetch_ask_origin(struct fetch *f)
{
    static const struct origin_sink sink = {on_head, on_data, on_end};
    struct origin_request request = f->request;
    char date[HTTP_DATE_LEN];

    if (f->stale != NULL)
        lifetime_set_condition(f->stale, &request, date);
    f->asked = loop_unix(f->worker->loop);
    f->origin = origin_fetch_start(&f->worker->origins, f->route->cluster, &request, &sink, f);
    gate_count(f->worker, STAT_FETCHES_TOTAL, 1);
}

/* Delivery directives of a playlist reload (draft-pantos-hls-rfc8216bis 6.2.5). */
static bool has_directive(struct str query)
{
    struct url_param p;

    while (url_next_param(&query, &p))
        if (str_starts(p.name, STR("_HLS_")))
            return true;
    return false;
}

static void copy_request(struct fetch *f, struct req *r)
{
    struct origin_request *q = &f->request;

    origin_request_of(r, q);
    q->target = arena_copy(&f->arena, q->target);
    q->stream_key = arena_copy(&f->arena, q->stream_key);
    if (q->user_agent.p != NULL)
        q->user_agent = arena_copy(&f->arena, q->user_agent);
    q->forwarded_for = arena_copy(&f->arena, q->forwarded_for);
}

static struct fetch *fetch_new(struct req *r, struct cache_entry *stale)
{
    struct fetch *f = xzalloc(sizeof *f);

    f->producer.deserted = on_deserted;
    f->worker = r->worker;
    f->era = r->era;
    f->route = r->route;
    f->stale = stale != NULL ? cache_entry_ref(stale) : NULL;
    f->disk_purges = r->worker->gate->disk != NULL ? disk_purges(r->worker->gate->disk) : 0;
    f->is_playlist = r->class == CLASS_PLAYLIST;
    f->is_blocking = f->is_playlist && has_directive(r->origin_query);
    arena_init(&f->arena, FETCH_ARENA_CAP);
    copy_request(f, r);
    if (f->is_playlist)
        playlist_place_init(&f->place, r);
    era_hold(f->era);
    list_append(&f->worker->fetches, &f->link);
    gate_count(f->worker, STAT_FETCHES, 1);
    return f;
}

void fetch_begin(struct req *r, struct flight *flight, struct cache_entry *stale, bool is_leader)
{
    struct fetch *f = fetch_new(r, stale);

    f->flight = flight;
    flight_produce(flight, &f->producer);
    flight_unref(&flight); /* flight_produce() has its own */
    if (f->arena.is_full || r->arena.is_full) {
        lose(f, OUT_INTERNAL);
        return;
    }
    if (is_leader) {
        f->leader = r;
        r->leads = f;
    }
    if (!fetch_load(f))
        fetch_ask_origin(f);
}
