/*
 * Static files for browsers: a page adds the browser that it runs in, by what its site has signed;
 * or a back end adds one, with its key. What is stored is a static grant, for the static files of
 * one stream key or, without a path, for all of them: nothing that opens a playlist.
 */
#include "admin/endpoints.h"

#include "admin/js_sign.h"
#include "admin/json.h"
#include "admin/question.h"

struct js_put {
    struct grant_put g;
    struct str js_path;
    struct req *r;
};

static const struct js_whitelist_settings *settings_of(const struct req *r)
{
    return &r->rules->api->js_whitelist;
}

static int64_t ttl_seconds(const struct req *r)
{
    return (int64_t)((settings_of(r)->ttl + USEC_PER_SEC - 1) / USEC_PER_SEC);
}

/* ---- storing ---- */

static const struct step *after_put(struct js_put *p, int err)
{
    const struct grant_put *g = &p->g;
    json_t *answer, *paths;

    if (err < 0)
        return api_store_failed(p->r, err);
    answer = json_object();
    paths = json_array();
    for (unsigned i = 0; i < g->keys; i++)
        json_array_append_new(paths, json_of_str(g->all_keys[i]));
    json_put_bool(answer, "success", true);
    json_put_str(answer, "message", g->is_new ? STR("grant stored") : STR("grant renewed"));
    json_put_str(answer, "uid", g->uid);
    json_put_str(answer, "js_path", p->js_path);
    json_put_str(answer, "key_path", g->stream_key);
    json_put(answer, "ip_pattern", json_of_net(&g->stored_net));
    json_put(answer, "ua_hash", json_of_hex(g->ua_hash, sizeof g->ua_hash));
    json_put_int(answer, "ttl", g->ttl);
    json_put_int(answer, "expires_at", g->now + g->ttl);
    json_put(answer, "paths", paths);
    json_put_int(answer, "max_paths", p->r->rules->store.grant_max_keys);
    json_put_int(answer, "evicted", g->keys_evicted);
    return api_answer(p->r, OUT_OK, answer);
}

static void on_put(struct op *op, int err)
{
    struct js_put *p = container_of(op, struct js_put, g.op);

    req_resume(p->r, after_put(p, err));
}

static const struct step *start_put(struct js_put *p, enum gate_stat counter)
{
    int n;

    gate_count(p->r->worker, counter, 1);
    op_init(&p->g.op, on_put);
    n = store_grant_put(p->r->worker->store, &p->g);
    return n == 0 ? req_wait(p->r, &p->g.op) : after_put(p, n);
}

static struct ip_net whole_net(const struct ip *ip)
{
    return ip_mask(ip, ip->family == IP_V4 ? 32 : 128);
}

/* Both spellings are in use: `js_path` by pages, `jsPath` by back ends. One must be there: "" means
 * every static file, and so must not a word that was spelt wrong. */
static struct str take_js_path(struct input *in)
{
    struct str path = input_str(in, "jsPath", INPUT_OPTIONAL, INPUT_PATH_MAX);

    if (path.p == NULL)
        path = input_str(in, "js_path", INPUT_PRESENT, INPUT_PATH_MAX);
    return path;
}

/* For the one who asks. */
static void take_grant(struct input *in, struct js_put *p)
{
    struct req *r = p->r;

    p->g = (struct grant_put){.arena = &r->arena,
                              .now = r->now,
                              .is_static = true,
                              .ttl = ttl_seconds(r),
                              .net = whole_net(&r->client),
                              .stream_key = STR("")};
    p->g.uid = input_uid(in, INPUT_NOT_EMPTY);
    p->js_path = take_js_path(in);
    if (!input_is_wrong(in) && p->js_path.n > 0)
        p->g.stream_key = input_stream_key(in, "js_path", r->rules, p->js_path);
    ua_hash(r->head.known[FIELD_USER_AGENT], p->g.ua_hash);
}

/* ---- by a signature ---- */

static const struct step *refuse_signature(struct req *r, enum js_verdict v)
{
    gate_count(r->worker, STAT_JS_GRANTS_REFUSED, 1);
    return api_error(r, OUT_API_SIGNATURE,
                     v == JS_EXPIRED ? STR("expires: this time has passed")
                                     : STR("sign: does not verify"));
}

static const struct step *put_signed(struct js_put *p, struct input *in)
{
    struct req *r = p->r;
    enum js_verdict v;
    unix_t expires;
    struct str sign;

    sign = input_str(in, "sign", INPUT_NOT_EMPTY, JS_SIGN_MAX);
    expires = input_unix_time(in, "expires", INPUT_NOT_EMPTY);
    take_grant(in, p);
    if (input_is_wrong(in))
        return api_error(r, OUT_API_BAD_REQUEST, in->error);
    v = js_verify(&r->arena, settings_of(r)->secret.bytes, p->g.uid, p->js_path, expires, sign,
                  r->now);
    return v == JS_SIGNED ? start_put(p, STAT_JS_GRANTS_SIGNED) : refuse_signature(r, v);
}

/* ---- by a key ---- */

/* Whom it is for, when it is not the one who asks. */
static void take_other(struct input *in, struct js_put *p)
{
    struct ip_net net = input_net(in, "clientIp", INPUT_SAYS_SOMETHING);
    struct str ua = input_str(in, "UserAgent", INPUT_OPTIONAL, INPUT_UA_MAX);

    if (net.base.family != IP_NONE)
        p->g.net = net;
    if (ua.p != NULL)
        ua_hash(ua, p->g.ua_hash);
}

static const struct step *put_by_key(struct js_put *p, struct input *in)
{
    const struct step *refusal = api_need_scope(p->r, SCOPE_OPERATOR);

    if (refusal != NULL)
        return refusal;
    take_grant(in, p);
    take_other(in, p);
    if (input_is_wrong(in))
        return api_error(p->r, OUT_API_BAD_REQUEST, in->error);
    return start_put(p, STAT_JS_GRANTS_BY_KEY);
}

const struct step *run_js_whitelist(struct req *r)
{
    AUTO(input_done) struct input in;
    struct js_put *p = ARENA_NEW(&r->arena, struct js_put);
    bool is_post = r->head.method == HTTP_POST, is_signed;

    if (is_post)
        input_from_json(&in, &r->arena, r->content);
    else
        input_from_query(&in, &r->arena, r->url.query);
    if (p == NULL)
        return req_fail(r, OUT_INTERNAL);
    p->r = r;
    is_signed = input_str(&in, "sign", INPUT_OPTIONAL, INPUT_PATH_MAX).p != NULL;
    if (is_post && (!is_signed || r->head.known[FIELD_AUTHORIZATION].n > 0))
        return put_by_key(p, &in);
    return put_signed(p, &in);
}

/* ---- GET /api/js-whitelist/check ---- */

struct js_check {
    struct question q;
    struct str js_path;
};

static const struct step *answer_check(struct question *q)
{
    struct js_check *c = container_of(q, struct js_check, q);
    json_t *o = json_object();

    json_put_bool(o, "is_whitelisted", q->a.verdict == ADMITTED);
    json_put_str(o, "uid", q->a.uid);
    json_put_str(o, "js_path", c->js_path);
    json_put_str(o, "key_path", q->a.stream_key);
    json_put(o, "client_ip", json_of_ip(&q->viewer.ip));
    json_put(o, "ua_hash", json_of_hex(q->viewer.ua_hash, sizeof q->viewer.ua_hash));
    json_put_str(o, "reason", question_verdict(q));
    return api_answer(q->req, OUT_OK, o);
}

static void take_check(struct input *in, struct req *r, struct js_check *c)
{
    struct ip ip = input_ip(in, "ip", INPUT_SAYS_SOMETHING);
    struct str ua = input_str(in, "ua", INPUT_OPTIONAL, INPUT_UA_MAX);
    struct str uid = input_uid(in, INPUT_SAYS_SOMETHING), key = STR("");

    c->js_path = take_js_path(in);
    if (!input_is_wrong(in) && c->js_path.n > 0)
        key = input_stream_key(in, "js_path", r->rules, c->js_path);
    question_set(&c->q, r, ip.family != IP_NONE ? &ip : &r->client,
                 ua.p != NULL ? ua : r->head.known[FIELD_USER_AGENT], uid, key);
    c->q.a.checks = ADMIT_GRANT_IP;
    c->q.answer = answer_check;
}

/* A browser may ask about itself; about others only who has a key. */
static bool is_about_others(struct input *in)
{
    return input_str(in, "ip", INPUT_OPTIONAL, INPUT_UA_MAX).p != NULL ||
           input_str(in, "ua", INPUT_OPTIONAL, INPUT_UA_MAX).p != NULL;
}

const struct step *run_js_check(struct req *r)
{
    struct js_check *c = ARENA_NEW(&r->arena, struct js_check);
    const struct step *refusal;
    struct input in;

    if (c == NULL)
        return req_fail(r, OUT_INTERNAL);
    input_from_query(&in, &r->arena, r->url.query);
    refusal = is_about_others(&in) ? api_need_scope(r, SCOPE_VIEWER) : NULL;
    if (refusal != NULL)
        return refusal;
    take_check(&in, r, c);
    if (input_is_wrong(&in))
        return api_error(r, OUT_API_BAD_REQUEST, in.error);
    return question_ask(&c->q);
}

/* ---- GET /api/js-whitelist/stats ---- */

const struct step *run_js_stats(struct req *r)
{
    const struct counter_registry *c = &r->worker->gate->counters;
    json_t *o = json_object();

    json_put_bool(o, "signatures_enabled", settings_of(r)->secret.bytes.n > 0);
    json_put_int(o, "ttl_seconds", ttl_seconds(r));
    json_put_int(o, "max_paths", r->rules->store.grant_max_keys);
    json_put_int(o, "signed", counter_sum(c, STAT_JS_GRANTS_SIGNED));
    json_put_int(o, "by_key", counter_sum(c, STAT_JS_GRANTS_BY_KEY));
    json_put_int(o, "refused", counter_sum(c, STAT_JS_GRANTS_REFUSED));
    return api_answer(r, OUT_OK, o);
}
