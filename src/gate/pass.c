/*
 * A request's own answer. Until the head has come the request owns the fetch (r->alone), from then
 * on its body does.
 */
#include "gate/pass.h"

#include "base/codec.h"
#include "gate/compress.h"
#include "gate/fetch.h"
#include "gate/steps.h"
#include "http/freshness.h"
#include "http/range.h"
#include "origin/pass_body.h"

static void add_field(struct req *r, struct str name, struct str value)
{
    if (value.n > 0)
        req_add_field(r, name, arena_copy(&r->arena, value));
}

static void add_content_range(struct req *r, const struct http_content_range *c)
{
    char total[DECIMAL_MAX + 1] = "*";

    if (c->total != HTTP_LENGTH_UNKNOWN)
        total[decimal_encode(c->total, total)] = '\0';
    req_add_field(r, STR("Content-Range"),
                  arena_printf(&r->arena, "bytes %llu-%llu/%s", (unsigned long long)c->first,
                               (unsigned long long)c->last, total));
}

/* What its origin does not want shared is not to be shared by caches in front of us either. */
static struct str cache_control_for(struct req *r, const struct http_answer *a)
{
    struct http_freshness f;

    http_freshness_of(a, r->now, r->now, &f);
    return f.may_store ? r->rules->classes.of[r->class].cache_control : STR("no-store");
}

static void add_fields(struct req *r, const struct http_answer *a, unsigned status)
{
    r->media = media_type_of(r->url.path, a->known[ANSWER_CONTENT_TYPE]);
    compress_vary(r);
    if (status != 304)
        add_field(r, STR("Content-Type"), r->media.type);
    if (status == 206)
        add_content_range(r, &a->range);
    req_add_field(r, STR("Cache-Control"), cache_control_for(r, a));
    req_add_field(r, STR("Accept-Ranges"), STR("bytes"));
    add_field(r, STR("ETag"), a->etag);
    add_field(r, STR("Last-Modified"), a->known[ANSWER_LAST_MODIFIED]);
    req_add_cache_word(r);
}

/* Of a GET it would be the compressed length, which nobody knows yet (RFC 9110 8.6). */
static bool is_length_open(const struct req *r, const struct http_answer *a)
{
    return r->head.method == HTTP_HEAD &&
           compress_wants(r, a->known[ANSWER_CONTENT_TYPE], a->content_length);
}

static enum outcome served(unsigned status)
{
    return status == 206 ? OUT_PARTIAL : outcome_of_status(status);
}

static void on_broken(void *arg, struct origin_fetch *f)
{
    struct req *r = arg;

    log_origin_failure(r->route, &r->arena, r->url.path, f);
}

/* Takes `f`: as the body, or not at all when none is wanted. */
static const struct step *answer(struct req *r, struct origin_fetch *f, const struct http_answer *a,
                                 unsigned status)
{
    bool has_body = r->head.method != HTTP_HEAD && status != 304;
    struct pass_body *p = arena_alloc(&r->arena, sizeof *p);

    r->outcome = served(status);
    r->response.status = (uint16_t)status;
    r->response.content_length = is_length_open(r, a) ? HTTP_LENGTH_UNKNOWN : a->content_length;
    add_fields(r, a, status);
    if (r->arena.is_full) {
        origin_fetch_cancel(&f);
        r->response.field_count = 0;
        return req_fail(r, OUT_INTERNAL);
    }
    if (!has_body || a->content_length == 0) {
        origin_fetch_drop(&f);
        return STEP(send);
    }
    pass_body_init(p, r->worker->loop, f, a->content_length, r->rules->cache.pass_buffer);
    p->broke = on_broken;
    p->arg = r;
    r->body = &p->body;
    r->is_passing = true;
    return STEP(send);
}

static const struct step *refuse(struct req *r, struct origin_fetch *f, const struct http_answer *a)
{
    if (a->status == 416 && a->range.is_there && a->range.total != HTTP_LENGTH_UNKNOWN)
        req_add_field(r, STR("Content-Range"),
                      arena_printf(&r->arena, "bytes */%llu", (unsigned long long)a->range.total));
    origin_fetch_drop(&f);
    return req_fail(r, outcome_of_status(a->status));
}

/* What the origin says is held against the viewer's conditions, too: not all of them were asked,
 * and an origin may pass over them. */
static enum http_condition judge(const struct req *r, const struct http_answer *a)
{
    struct http_validators v = {a->etag, a->last_modified};
    struct http_ranges ranges;

    if (a->status == 200)
        return http_evaluate(&r->head, &v, a->content_length, r->now, &ranges);
    return http_precondition_holds(&r->head, &v, r->now) ? COND_FULL : COND_FAILED;
}

static const struct step *after_head(struct req *r, struct origin_fetch *f,
                                     const struct http_answer *a)
{
    bool is_good = a->status == 200 || a->status == 206 || a->status == 304;

    req_set_cache_word(r, CACHE_WORD_BYPASS);
    if (!is_good)
        return refuse(r, f, a);
    switch (judge(r, a)) {
    case COND_FAILED:
        origin_fetch_drop(&f);
        return req_fail(r, OUT_PRECONDITION);
    case COND_NOT_MODIFIED:
        return answer(r, f, a, 304);
    default: /* whether this is a part was the origin's to say */
        return answer(r, f, a, a->status);
    }
}

void pass_take_over(struct req *r, struct origin_fetch *f, const struct http_answer *a)
{
    req_resume(r, after_head(r, f, a));
}

static void on_head(void *arg, struct origin_fetch *f, const struct http_answer *a)
{
    struct req *r = arg;

    pass_take_over(r, TAKE(r->alone), a);
}

/* Bytes come only once the body has taken over. */
static bool on_data(void *arg, struct origin_fetch *f, struct str bytes)
{
    WRONG("content before its head");
}

static void on_end(void *arg, struct origin_fetch *f, int err)
{
    struct req *r = arg;

    r->alone = NULL;
    log_origin_failure(r->route, &r->arena, r->url.path, f);
    req_resume(r, req_fail(r, outcome_of_origin(err)));
}

/* The viewer's conditions are the origin's to judge first: it need not send what he has. */
static void forward_conditions(struct req *r, struct origin_request *q)
{
    struct str range;

    q->is_head = r->head.method == HTTP_HEAD;
    q->if_none_match = r->head.known[FIELD_IF_NONE_MATCH];
    q->if_modified_since = r->head.known[FIELD_IF_MODIFIED_SINCE];
    if (q->is_head)
        return;
    range = http_one_range(r->head.known[FIELD_RANGE]);
    if (range.p == NULL)
        return; /* the whole is always a right answer (RFC 9110 14.2) */
    q->range = arena_join(&r->arena, (struct str[]){STR("bytes="), range}, 2);
    q->if_range = r->head.known[FIELD_IF_RANGE];
}

const struct step *step_pass(struct req *r)
{
    static const struct origin_sink sink = {on_head, on_data, on_end};
    struct origin_request q;

    if (r->class == CLASS_PLAYLIST)
        return req_ask_privately(r);
    origin_request_of(r, &q);
    forward_conditions(r, &q);
    if (r->arena.is_full)
        return req_fail(r, OUT_INTERNAL);
    r->alone = origin_fetch_start(&r->worker->origins, r->route->cluster, &q, &sink, r);
    gate_count(r->worker, STAT_FETCHES_TOTAL, 1);
    return STEP(WAIT);
}
