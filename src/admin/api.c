/*
 * One table says what the API is: path, methods, scope, handler. The gate finds the row; here the
 * key is checked, before any content is taken, then the row's handler runs. Answers are JSON, made
 * by jansson alone, and are never stored by anybody on the way: they are about one moment.
 */
#include "admin/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "admin/badge.h"
#include "admin/caller.h"
#include "admin/endpoints.h"
#include "admin/events.h"
#include "admin/instances.h"
#include "admin/json.h"
#include "admin/pages.h"
#include "admin/sampler.h"
#include "admin/snapshot.h"
#include "admin/throttle.h"
#include "base/hash.h"
#include "gate/compress.h"
#include "gate/delay.h"

enum { GET = 1 << HTTP_GET, POST = 1 << HTTP_POST, DELETE = 1 << HTTP_DELETE };

static const struct endpoint endpoints[] = {
    {STR("/health"), GET, SCOPE_NONE, run_health},
    {STR("/stats"), GET, SCOPE_VIEWER, run_stats},
    {STR("/metrics"), GET, SCOPE_VIEWER, run_metrics},
    {STR("/active-transfers"), GET, SCOPE_VIEWER, run_transfers},
    {STR("/traffic"), GET, SCOPE_VIEWER, run_traffic},
    {STR("/api/whitelist"), POST | DELETE, SCOPE_OPERATOR, run_whitelist},
    {STR("/api/static-whitelist"), POST, SCOPE_OPERATOR, run_static_whitelist},
    {STR("/whitelist-info"), GET, SCOPE_VIEWER, run_whitelist_info},
    {STR("/api/js-whitelist"), GET | POST, SCOPE_NONE, run_js_whitelist, .is_for_pages = true},
    {STR("/api/js-whitelist/check"), GET, SCOPE_NONE, run_js_check, .is_for_pages = true},
    {STR("/api/js-whitelist/stats"), GET, SCOPE_VIEWER, run_js_stats},
    {STR("/api/sessions"), GET | DELETE, SCOPE_VIEWER, run_sessions},
    {STR("/api/file/check"), POST, SCOPE_VIEWER, run_file_check, .asks_origin = true},
    {STR("/api/file/check/batch"), POST, SCOPE_VIEWER, run_file_batch, .asks_origin = true},
    {STR("/probe/backend"), GET, SCOPE_VIEWER, run_probe, .asks_origin = true},
    {STR("/api/access-logs/denied"), GET, SCOPE_VIEWER, run_denied_log},
    {STR("/api/access-logs/recent"), GET, SCOPE_VIEWER, run_recent_log},
    {STR("/api/access-logs/summary"), GET, SCOPE_VIEWER, run_log_summary},
    {STR("/api/replay-logs"), GET, SCOPE_VIEWER, run_replay_log},
    {STR("/api/key-access-logs"), GET, SCOPE_VIEWER, run_key_log},
    {STR("/api/cache/purge"), POST, SCOPE_OPERATOR, run_purge},
    {STR("/api/m3u8-cache-stats"), GET, SCOPE_VIEWER, run_playlist_stats},
    {STR("/debug/explain"), GET, SCOPE_VIEWER, run_explain},
    {STR("/debug/browser"), GET, SCOPE_VIEWER, run_browser},
    {STR("/debug/cidr"), GET, SCOPE_VIEWER, run_cidr},
    {STR("/debug/ip-whitelist"), GET, SCOPE_VIEWER, run_ip_whitelist},
    {STR("/debug/session"), GET, SCOPE_VIEWER, run_debug_session},
    {STR("/api/history"), GET, SCOPE_VIEWER, run_history},
    {STR("/api/openapi.json"), GET, SCOPE_VIEWER, run_openapi},
    {STR("/events"), GET, SCOPE_VIEWER, run_events},
    {STR("/monitor/login"), POST, SCOPE_NONE, run_login},
    {STR("/monitor/logout"), POST, SCOPE_VIEWER, run_logout},
    {STR("/monitor/session"), GET, SCOPE_NONE, run_login_state},
};

const struct step *api_answer(struct req *r, enum outcome o, json_t *value)
{
    struct str text = json_text(&r->arena, value);

    json_decref(value);
    if (text.p == NULL)
        return req_fail(r, OUT_INTERNAL);
    req_add_field(r, STR("Cache-Control"), STR("no-store"));
    /* What peers sent is in there: no browser may take it for anything but JSON. */
    req_add_field(r, STR("X-Content-Type-Options"), STR("nosniff"));
    return compress_reply(r, o, STR("application/json"), text);
}

const struct step *api_error(struct req *r, enum outcome o, struct str text)
{
    json_t *error = json_object();

    json_put(error, "error", json_of_str(text));
    return api_answer(r, o, error);
}

const struct step *api_store_failed(struct req *r, int err)
{
    switch (err) {
    case -EINVAL:
        return api_error(r, OUT_API_BAD_REQUEST, STR("a field is longer than can be stored"));
    case -ENOSPC:
        return req_fail(r, OUT_STORE_FULL);
    default:
        return req_fail(r, OUT_STORE_DOWN);
    }
}

/* ---- keys ---- */

/* A wrong key's answer, after a while. */
struct held_back {
    struct delay delay;
    struct req *r;
};

static void on_held_back(struct op *op, int err)
{
    struct held_back *h = container_of(op, struct held_back, delay.op);

    req_resume(h->r, req_fail(h->r, OUT_API_KEY_WRONG));
}

/* The connection goes with it: the next try costs a new one. */
const struct step *api_refuse_key(struct req *r)
{
    struct held_back *h;

    if (!throttle_wrong_key(admin_of(r)->throttle, &r->client, loop_now(r->worker->loop)))
        return req_fail(r, OUT_API_KEY_WRONG);
    r->must_close = true;
    h = ARENA_NEW(&r->arena, struct held_back);
    if (h == NULL)
        return req_fail(r, OUT_INTERNAL);
    gate_count(r->worker, STAT_API_KEYS_SLOWED, 1);
    h->r = r;
    op_init(&h->delay.op, on_held_back);
    delay_start(r->worker, &h->delay);
    return req_wait(r, &h->delay.op);
}

const struct step *api_refuse_scope(struct req *r, enum api_scope needed)
{
    return api_error(
        r, OUT_API_SCOPE,
        arena_printf(&r->arena, "this needs a key of scope %.*s", STR_FMT(scope_word(needed))));
}

const struct step *api_need_scope(struct req *r, enum api_scope needed)
{
    switch (caller_check(r, needed)) {
    case AUTH_OK:
        return NULL;
    case AUTH_NO_KEY:
        return req_fail(r, OUT_API_KEY_MISSING);
    case AUTH_UNKNOWN_KEY:
        return api_refuse_key(r);
    case AUTH_LOW_SCOPE:
        return api_refuse_scope(r, needed);
    case AUTH_FORGED:
        return req_fail(r, OUT_API_FORGED);
    default:
        WRONG("verdict about a key without an answer");
    }
}

static const struct step *authorize(struct req *r)
{
    const struct step *refusal = api_need_scope(r, (enum api_scope)r->endpoint->scope);

    return refusal != NULL ? refusal : STEP(content);
}

static struct token_keyring *keyring_of_chance(void)
{
    char bytes[TOKEN_SECRET_MIN];
    struct token_secret secret = {STR("process"), {bytes, sizeof bytes}};

    random_bytes(bytes, sizeof bytes);
    return token_keyring_new(&secret, 1);
}

/* ---- what a worker has ---- */

/* One worker measures for all, and shows this process to the others. */
static bool is_first(const struct gate_worker *w)
{
    return w->number == 0;
}

static void *worker_new(struct gate_worker *w)
{
    const struct admin *admin = w->gate->api->context;
    struct admin_worker *part = xzalloc(sizeof *part);

    part->events = events_new(w);
    if (!is_first(w))
        return part;
    part->heart = heart_new(admin->instances, w, admin->sampler);
    sampler_take(admin->sampler, w->gate);
    return part;
}

static void worker_free(void **part)
{
    struct admin_worker *old = TAKE(*part);

    events_free(&old->events);
    heart_free(&old->heart);
    free(old);
}

/* The sample first: the others are shown it, and so is who watches. */
static void tick(struct gate_worker *w)
{
    const struct admin *admin = w->gate->api->context;
    struct admin_worker *part = admin_worker_of(w);

    if (is_first(w)) {
        sampler_take(admin->sampler, w->gate);
        heart_beat(part->heart);
    }
    events_tick(part->events);
}

static void drain(struct gate_worker *w)
{
    events_drain(admin_worker_of(w)->events);
}

/* ---- the process's ---- */

static int by_path(const void *a, const void *b)
{
    return str_cmp(((const struct endpoint *)a)->path, ((const struct endpoint *)b)->path);
}

/* The table, and with it the pages'. For the life of the process. */
static void add_endpoints(struct api *api)
{
    unsigned in_table = ARRAY_LEN(endpoints), count = in_table + pages_endpoint_count();
    struct endpoint *all = xcalloc(count, sizeof *all);

    memcpy(all, endpoints, sizeof endpoints);
    pages_endpoints(all + in_table);
    qsort(all, count, sizeof *all, by_path);
    api->endpoints = all;
    api->count = count;
}

const struct api *admin_api(void)
{
    static struct admin admin;
    static struct api api = {.authorize = authorize,
                             .context = &admin,
                             .worker_new = worker_new,
                             .worker_free = worker_free,
                             .tick = tick,
                             .drain = drain};

    json_set_alloc_funcs(xmalloc, free); /* no call of jansson fails for want of memory */
    json_object_seed(0);                 /* drawn before there are threads */
    admin = (struct admin){.arenas_at_start = arena_live(),
                           .throttle = throttle_new(),
                           .returned = returned_badges_new(),
                           .keyring = keyring_of_chance(),
                           .board = board_new(),
                           .sampler = sampler_new(),
                           .instances = instances_new()};
    add_endpoints(&api);
    return &api;
}
