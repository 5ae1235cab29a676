/*
 * One table says what the API is: path, methods, scope, handler. The gate finds the row; here the
 * key is checked, before any content is taken, then the row's handler runs. Answers are JSON, made
 * by jansson alone, and are never stored by anybody on the way: they are about one moment.
 */
#include "admin/api.h"

#include <errno.h>
#include <stdlib.h>

#include "admin/auth.h"
#include "admin/endpoints.h"
#include "admin/json.h"
#include "gate/compress.h"

enum { GET = 1 << HTTP_GET, POST = 1 << HTTP_POST, DELETE = 1 << HTTP_DELETE };

static const struct endpoint endpoints[] = {
    {STR("/health"), GET, SCOPE_NONE, run_health},
    {STR("/stats"), GET, SCOPE_VIEWER, run_stats},
    {STR("/traffic"), GET, SCOPE_VIEWER, run_traffic},
    {STR("/api/whitelist"), POST | DELETE, SCOPE_OPERATOR, run_whitelist},
    {STR("/api/static-whitelist"), POST, SCOPE_OPERATOR, run_static_whitelist},
    {STR("/whitelist-info"), GET, SCOPE_VIEWER, run_whitelist_info},
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
};

const struct step *api_answer(struct req *r, enum outcome o, json_t *value)
{
    struct str text = json_text(&r->arena, value);

    json_decref(value);
    if (text.p == NULL)
        return req_fail(r, OUT_INTERNAL);
    req_add_field(r, STR("Cache-Control"), STR("no-store"));
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

static const struct step *refuse_scope(struct req *r)
{
    enum api_scope needed = (enum api_scope)r->endpoint->scope;

    return api_error(
        r, OUT_API_SCOPE,
        arena_printf(&r->arena, "this needs a key of scope %.*s", STR_FMT(scope_word(needed))));
}

static const struct step *authorize(struct req *r)
{
    struct str field = r->head.known[FIELD_AUTHORIZATION];

    switch (auth_check(r->rules->api, field, (enum api_scope)r->endpoint->scope)) {
    case AUTH_OK:
        return STEP(content);
    case AUTH_NO_KEY:
        return req_fail(r, OUT_API_KEY_MISSING);
    case AUTH_UNKNOWN_KEY:
        return req_fail(r, OUT_API_KEY_WRONG);
    case AUTH_LOW_SCOPE:
        return refuse_scope(r);
    default:
        WRONG("verdict about a key without an answer");
    }
}

const struct api *admin_api(void)
{
    static struct admin admin;
    static const struct api api = {endpoints, ARRAY_LEN(endpoints), authorize, &admin};

    json_set_alloc_funcs(xmalloc, free); /* no call of jansson fails for want of memory */
    json_object_seed(0);                 /* drawn before there are threads */
    admin = (struct admin){arena_live()};
    return &api;
}
