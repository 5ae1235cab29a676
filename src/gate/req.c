/*
 * The driver: runs the steps of a request until one waits or the end is reached. Invariants: one
 * driver, never re-entered; after STEP(END) the transport owns the request and nothing here touches
 * it.
 */
#include "gate/req.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "gate/fetch.h"
#include "gate/fill.h"
#include "gate/steps.h"
#include "hls/playlist.h"

const struct step gate_steps[] = {
#define X(name) {#name, step_##name},
    STEPS(X)
#undef X
        {"wait", NULL},
    {"end", NULL},
};

struct req *req_new(struct gate_worker *w, const struct transport *t, void *owner)
{
    struct arena a;
    struct req *r;

    arena_init(&a, REQ_ARENA_CAP);
    r = ARENA_NEW(&a, struct req);
    assert(r != NULL); /* the cap is larger than a request */
    r->arena = a;
    r->worker = w;
    r->era = w->era;
    r->rules = r->era->rules;
    era_hold(r->era);
    r->transport = t;
    r->owner = owner;
    r->at = STEP(route);
    r->class = CLASS_OTHER; /* until it is classified */
    buf_init(&r->content_buf, REQ_CONTENT_MAX);
    r->began = loop_now(w->loop);
    r->now = loop_unix(w->loop);
    list_init(&r->fill_link);
    list_init(&r->transfer.link);
    list_append(&w->requests, &r->link);
    gate_count(w, STAT_REQUESTS, 1);
    return r;
}

static void stop_waiting(struct req *r)
{
    if (r->waiting != NULL)
        op_cancel(r->waiting);
    r->waiting = NULL;
    fill_leave(r);
    fetch_forget_leader(r);
    flight_leave(&r->reader);
    origin_fetch_cancel(&r->alone);
}

/* Lets go of everything but the arena. */
static void release(struct req *r)
{
    transfers_remove(r->worker->transfers, r); /* first: what is shown of it is still there */
    stop_waiting(r);
    if (r->body != NULL)
        body_done(r->body);
    r->body = NULL;
    playlist_free(&r->own_scan);
    buf_done(&r->content_buf);
    origin_file_done(&r->file);
    cache_entry_unref(&r->entry);
    cache_entry_unref(&r->stale);
    blob_unref(&r->coded);
}

void req_free(struct req **r)
{
    struct req *old = TAKE(*r);
    struct rules_era *era;
    struct arena a;

    if (old == NULL)
        return;
    assert(!old->is_running || old->at == STEP(END));
    release(old);
    list_remove(&old->link);
    gate_count(old->worker, STAT_REQUESTS, -1);
    era = old->era;
    a = old->arena; /* the request lives in it */
    arena_done(&a);
    era_let_go(era);
}

void req_run(struct req *r, const struct step *s)
{
    struct panic_dump outer;

    assert(!r->is_running);
    r->is_running = true;
    outer = panic_set_dump((struct panic_dump){req_dump, r});
    while (s != STEP(WAIT) && s != STEP(END)) {
        r->at = s;
        s = s->run(r);
    }
    panic_set_dump(outer);
    r->is_running = false;
    if (s == STEP(END)) {
        r->at = s;
        r->transport->finished(r); /* r may be gone */
    }
}

const struct step *req_wait(struct req *r, struct op *op)
{
    r->waiting = op;
    return STEP(WAIT);
}

void req_resume(struct req *r, const struct step *s)
{
    r->waiting = NULL;
    req_run(r, s);
}

void req_start(struct req *r)
{
    req_run(r, STEP(route));
}

void req_start_refused(struct req *r, enum outcome o)
{
    r->must_close = true;
    r->client = r->peer;
    req_run(r, req_fail(r, o));
}

static const struct step *after_content(struct req *r, int err)
{
    if (err == 0)
        return STEP(api);
    r->must_close = true; /* what is left of the content stands in the way of the next request */
    switch (err) {
    case -EMSGSIZE:
        return req_fail(r, OUT_BODY_TOO_LARGE);
    case -EPROTO:
        return req_fail(r, OUT_BAD_REQUEST);
    case -ETIMEDOUT:
        return req_fail(r, OUT_HEAD_TIMEOUT);
    default:
        return req_end(r, OUT_CLIENT_LEFT);
    }
}

const struct step *step_content(struct req *r)
{
    int n;

    if (!r->head.has_body)
        return STEP(api);
    n = r->transport->want_content(r);
    return n == 0 ? STEP(WAIT) : after_content(r, MIN(n, 0));
}

void req_on_content(struct req *r, int err)
{
    assert(r->at == STEP(content));
    req_run(r, after_content(r, err));
}

static enum outcome outcome_of_send(int err)
{
    return err == -ETIMEDOUT ? OUT_SEND_TIMEOUT : err == -EIO ? OUT_ORIGIN_BROKE : OUT_CLIENT_LEFT;
}

const struct step *step_send(struct req *r)
{
    int n;

    if (r->door != NULL && r->door->hsts.n > 0)
        req_add_field(r, STR("Strict-Transport-Security"), r->door->hsts); /* RFC 6797 7.1 */
    r->answered = clock_monotonic();
    n = r->transport->respond(r);
    if (n == 0) {
        if (r->endpoint == NULL && r->body != NULL)
            transfers_add(r->worker->transfers, r);
        return STEP(WAIT);
    }
    return n > 0 ? STEP(account) : req_end(r, outcome_of_send(n));
}

void req_on_sent(struct req *r, int err)
{
    assert(r->at == STEP(send));
    req_run(r, err == 0 ? STEP(account) : req_end(r, outcome_of_send(err)));
}

void req_abort(struct req *r, enum outcome why)
{
    assert(!r->is_running);
    release(r);
    req_run(r, req_end(r, why));
}

bool req_is_fed_by_origin(const struct req *r)
{
    const struct flight *f = r->reader.flight;

    return (f != NULL && flight_state(f) < FLIGHT_LANDED) || r->alone != NULL || r->is_passing ||
           (r->endpoint != NULL && r->endpoint->asks_origin);
}

void req_expire(struct req *r)
{
    const struct step *at = r->at;

    assert(!r->is_running);
    stop_waiting(r);
    r->must_close = true;
    if (at == STEP(admit))
        req_run(r, req_do_without_store(r, -ETIMEDOUT));
    else if (at == STEP(api))
        req_run(r, req_fail(r, r->endpoint->asks_origin ? OUT_ORIGIN_TIMEOUT : OUT_STORE_DOWN));
    else
        req_run(r, req_do_without_origin(r, OUT_ORIGIN_TIMEOUT));
}

/* Whoever leaves what has no end has had all there was of it. */
static bool is_its_end(const struct req *r, enum outcome o)
{
    return o == OUT_CLIENT_LEFT && r->is_endless && r->answered > 0;
}

const struct step *req_end(struct req *r, enum outcome o)
{
    if (!is_its_end(r, o))
        r->outcome = o;
    r->must_close = true;
    return STEP(account);
}

void req_add_field(struct req *r, struct str name, struct str value)
{
    if (value.p != NULL) /* STR_NONE: the arena is full, and the request ends as INTERNAL */
        http_response_add(&r->response, name, value);
}

const struct step *req_reply(struct req *r, enum outcome o, struct str type, struct str bytes)
{
    r->outcome = o;
    r->response.status = outcome_row(o)->status;
    r->response.content_length = bytes.n;
    if (type.n > 0)
        req_add_field(r, STR("Content-Type"), type);
    if (r->body != NULL)
        body_done(r->body);
    r->body = NULL;
    if (bytes.n > 0 && r->head.method != HTTP_HEAD) {
        memory_body_init(&r->small, bytes.p, bytes.n);
        r->body = &r->small.body;
    }
    return STEP(send);
}

/* A refusal says no more than its status: why is in the log, not in the hands of who tries. */
static struct str refusal_text(struct req *r, enum outcome o)
{
    struct str reason = http_reason(outcome_row(o)->status);

    return arena_printf(&r->arena, "{\"error\": \"%.*s\"}\n", STR_FMT(reason));
}

static void add_refusal_fields(struct req *r, enum outcome o)
{
    unsigned status = outcome_row(o)->status;

    req_add_field(r, STR("Cache-Control"), STR("no-store"));
    if (status == 503)
        req_add_field(r, STR("Retry-After"), STR("1"));
    if (status == 401)
        req_add_field(r, STR("WWW-Authenticate"), STR("Bearer"));
}

const struct step *req_fail(struct req *r, enum outcome o)
{
    struct str text = refusal_text(r, o);

    if (text.p == NULL)
        text = STR("{\"error\": \"Internal Server Error\"}\n");
    if (r->head.has_body && r->content.p == NULL)
        r->must_close =
            true; /* content that nobody will read stands in the way of the next request */
    add_refusal_fields(r, o);
    return req_reply(r, o, STR("application/json"), text);
}

void req_dump(void *req)
{
    const struct req *r = req;

    dprintf(STDERR_FILENO,
            "hlsgate: request at step %s: %.*s %.*s, class %d, outcome %d, %zu bytes of arena\n",
            r->at->name, STR_FMT(r->head.method_text), STR_FMT(r->url.path), (int)r->class,
            (int)r->outcome, r->arena.used);
}
