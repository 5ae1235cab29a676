/*
 * Grants: stored, revoked, listed. A handler takes the fields it needs, starts one operation of the
 * store whose record lives in the request's arena, and answers when it is done. Field names are
 * those that the back ends of FileProxy's users send and read.
 */
#include "admin/endpoints.h"

#include <unistd.h>

#include "admin/caller.h"
#include "admin/json.h"
#include "admin/question.h"
#include "base/log.h"

enum { LIST_DEFAULT = 100, LIST_MAX = 1000 };

struct put {
    struct grant_put g;
    struct req *r;
};

struct revoke {
    struct grant_revoke g;
    struct req *r;
};

struct list_grants {
    struct grant_list g;
    struct req *r;
};

/* "" when `path` was left out. */
static struct str take_stream_key(struct req *r, struct input *in, enum input_need need)
{
    struct str text = input_str(in, "path", need, INPUT_PATH_MAX), key;

    if (text.n == 0)
        return STR("");
    key = input_stream_key(in, "path", r->rules, text);
    return key.p != NULL ? key : STR("");
}

/* False when it was left out. */
static bool take_user_agent(struct input *in, enum input_need need, uint8_t ret[UA_HASH_LEN])
{
    struct str text = input_str(in, "UserAgent", need, INPUT_UA_MAX);

    ua_hash(text, ret);
    return text.p != NULL;
}

/* ---- storing ---- */

/* A few addresses that the grant lets in, to be looked at by people. */
static json_t *examples_of(const struct ip_net *net)
{
    static const uint8_t last_bytes[] = {1, 100, 254};
    size_t last = net->base.family == IP_V4 ? 3 : 15;
    json_t *list = json_array();

    for (size_t i = 0; i < ARRAY_LEN(last_bytes); i++) {
        struct ip ip = net->base;

        ip.bytes[last] = last_bytes[i];
        if (ip_net_contains(net, &ip))
            json_array_append_new(list, json_of_ip(&ip));
    }
    if (json_array_size(list) == 0)
        json_array_append_new(list, json_of_ip(&net->base));
    return list;
}

static json_t *keys_info(const struct put *p)
{
    json_t *info = json_object(), *paths = json_array();

    json_put_int(info, "total_keys", p->g.keys);
    json_put_int(info, "evicted", p->g.keys_evicted);
    json_put_int(info, "max", p->r->rules->store.grant_max_keys);
    for (unsigned i = 0; i < p->g.keys; i++)
        json_array_append_new(paths, json_of_str(p->g.all_keys[i]));
    json_put(info, "paths", paths);
    return info;
}

static json_t *pairs_info(const struct put *p)
{
    json_t *info = json_object();

    json_put_int(info, "pairs", p->g.pairs);
    json_put_int(info, "evicted", p->g.pairs_evicted);
    json_put_int(info, "max", p->r->rules->store.grant_max_pairs);
    return info;
}

static const struct step *after_put(struct put *p, int err)
{
    const struct grant_put *g = &p->g;
    json_t *answer;

    if (err < 0)
        return api_store_failed(p->r, err);
    answer = json_object();
    json_put_bool(answer, "success", true);
    json_put_str(answer, "message", g->is_new ? STR("grant stored") : STR("grant renewed"));
    json_put_str(answer, "key_path", g->stream_key);
    json_put(answer, "ip_pattern", json_of_net(&g->stored_net));
    json_put(answer, "cidr_examples", examples_of(&g->stored_net));
    json_put(answer, "ua_hash", json_of_hex(g->ua_hash, sizeof g->ua_hash));
    json_put_int(answer, "ttl", p->r->rules->store.grant_ttl);
    json_put_int(answer, "patterns_merged", !g->is_new);
    json_put_int(answer, "patterns_new", g->is_new);
    json_put(answer, "multi_path_info", keys_info(p));
    json_put(answer, "uid_ua_ip_pairs_info", pairs_info(p));
    json_put_int(answer, "worker_pid", getpid());
    return api_answer(p->r, OUT_OK, answer);
}

static void on_put(struct op *op, int err)
{
    struct put *p = container_of(op, struct put, g.op);

    req_resume(p->r, after_put(p, err));
}

static const struct step *start_put(struct put *p)
{
    int n;

    op_init(&p->g.op, on_put);
    n = store_grant_put(p->r->worker->store, &p->g);
    return n == 0 ? req_wait(p->r, &p->g.op) : after_put(p, n);
}

static const struct step *put_grant(struct req *r, bool is_static)
{
    AUTO(input_done) struct input in;
    struct put *p = ARENA_NEW(&r->arena, struct put);

    input_from_json(&in, &r->arena, r->content);
    if (p == NULL)
        return req_fail(r, OUT_INTERNAL);
    p->r = r;
    p->g = (struct grant_put){.arena = &r->arena, .now = r->now, .is_static = is_static};
    p->g.uid = input_uid(&in, INPUT_NOT_EMPTY);
    p->g.stream_key = is_static ? STR("") : take_stream_key(r, &in, INPUT_NOT_EMPTY);
    p->g.net = input_net(&in, "clientIp", INPUT_NOT_EMPTY);
    take_user_agent(&in, INPUT_PRESENT, p->g.ua_hash);
    if (input_is_wrong(&in))
        return api_error(r, OUT_API_BAD_REQUEST, in.error);
    return start_put(p);
}

const struct step *run_static_whitelist(struct req *r)
{
    return put_grant(r, true);
}

/* ---- revoking ---- */

static void log_revocation(const struct revoke *v)
{
    struct str uid = log_quote(&v->r->arena, v->g.uid), who = caller_words(v->r);

    log_info("uid %.*s revoked by %.*s: %u grants, %u sessions", STR_FMT(uid), STR_FMT(who),
             v->g.grants_removed, v->g.sessions_ended);
}

static const struct step *after_revoke(struct revoke *v, int err)
{
    const struct grant_revoke *g = &v->g;
    json_t *answer;

    if (err < 0)
        return api_store_failed(v->r, err);
    log_revocation(v);
    answer = json_object();
    json_put_bool(answer, "success", true);
    json_put_int(answer, "grants_removed", g->grants_removed);
    json_put_int(answer, "sessions_ended", g->sessions_ended);
    return api_answer(v->r, OUT_OK, answer);
}

static void on_revoked(struct op *op, int err)
{
    struct revoke *v = container_of(op, struct revoke, g.op);

    req_resume(v->r, after_revoke(v, err));
}

static const struct step *start_revoke(struct revoke *v)
{
    int n;

    op_init(&v->g.op, on_revoked);
    n = store_grant_revoke(v->r->worker->store, &v->g);
    return n == 0 ? req_wait(v->r, &v->g.op) : after_revoke(v, n);
}

/* An empty path or address would silently mean "all of them": what stands there must say something.
 */
static const struct step *revoke_grants(struct req *r)
{
    AUTO(input_done) struct input in;
    struct revoke *v = ARENA_NEW(&r->arena, struct revoke);

    input_from_json(&in, &r->arena, r->content);
    if (v == NULL)
        return req_fail(r, OUT_INTERNAL);
    v->r = r;
    v->g = (struct grant_revoke){.now = r->now};
    v->g.uid = input_uid(&in, INPUT_NOT_EMPTY);
    v->g.stream_key = take_stream_key(r, &in, INPUT_SAYS_SOMETHING);
    v->g.net = input_net(&in, "clientIp", INPUT_SAYS_SOMETHING);
    v->g.has_ua = take_user_agent(&in, INPUT_OPTIONAL, v->g.ua_hash);
    if (input_is_wrong(&in))
        return api_error(r, OUT_API_BAD_REQUEST, in.error);
    return start_revoke(v);
}

const struct step *run_whitelist(struct req *r)
{
    return r->head.method == HTTP_DELETE ? revoke_grants(r) : put_grant(r, false);
}

/* ---- listing ---- */

static json_t *json_of_grant(const struct grant_info *g, unix_t now)
{
    json_t *entry = json_object(), *nets = json_array(), *paths = json_array();

    json_array_append_new(nets, json_of_net(&g->net));
    for (unsigned i = 0; i < g->key_count; i++)
        json_array_append_new(paths, json_of_str(g->keys[i]));
    json_put_str(entry, "uid", g->uid);
    json_put(entry, "ip_patterns", nets);
    json_put(entry, "ua_hash", json_of_hex(g->ua_hash, sizeof g->ua_hash));
    json_put(entry, "paths", paths);
    json_put_bool(entry, "is_static", g->is_static);
    json_put_int(entry, "created_at", g->created);
    json_put_int(entry, "ttl_seconds", MAX(g->expires - now, (unix_t)0));
    json_put_int(entry, "expires_at", g->expires);
    return entry;
}

static const struct step *after_list(struct list_grants *l, int err)
{
    json_t *answer, *entries;

    if (err < 0)
        return api_store_failed(l->r, err);
    answer = json_object();
    entries = json_array();
    json_put_int(answer, "total_entries", (int64_t)l->g.total);
    for (unsigned i = 0; i < l->g.count; i++)
        json_array_append_new(entries, json_of_grant(&l->g.grants[i], l->g.now));
    json_put(answer, "entries", entries);
    return api_answer(l->r, OUT_OK, answer);
}

static void on_listed(struct op *op, int err)
{
    struct list_grants *l = container_of(op, struct list_grants, g.op);

    req_resume(l->r, after_list(l, err));
}

const struct step *run_whitelist_info(struct req *r)
{
    struct list_grants *l = ARENA_NEW(&r->arena, struct list_grants);
    struct input in;
    int n;

    if (l == NULL)
        return req_fail(r, OUT_INTERNAL);
    input_from_query(&in, &r->arena, r->url.query);
    l->r = r;
    l->g = (struct grant_list){.arena = &r->arena, .now = r->now};
    l->g.uid = input_uid(&in, INPUT_OPTIONAL);
    l->g.limit = input_count(&in, "limit", LIST_DEFAULT, LIST_MAX);
    if (input_is_wrong(&in))
        return api_error(r, OUT_API_BAD_REQUEST, in.error);
    op_init(&l->g.op, on_listed);
    n = store_grant_list(r->worker->store, &l->g);
    return n == 0 ? req_wait(r, &l->g.op) : after_list(l, n);
}
