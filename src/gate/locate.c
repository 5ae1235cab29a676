/*
 * Whose the bytes are: the class's redirect, a folder, or HTTP servers. The gate has judged before
 * this: no cache is ever asked on behalf of somebody who was not let in.
 */
#include "gate/steps.h"

static const struct step *redirect_key(struct req *r)
{
    struct str pieces[] = {r->rules->key_redirect, url_encode_path(&r->arena, r->url.path)};

    req_add_field(r, STR("Location"), arena_join(&r->arena, pieces, ARRAY_LEN(pieces)));
    req_add_field(r, STR("Cache-Control"), STR("no-store"));
    return r->arena.is_full ? req_fail(r, OUT_INTERNAL)
                            : req_reply(r, OUT_KEY_REDIRECT, STR_NONE, STR_NONE);
}

/*
 * Everything that makes two objects different: where they come from, the decoded path, and of the
 * query what the origin will see. No decoded path holds a line feed (http/url.h).
 */
static struct str cache_key_of(struct req *r)
{
    bool has_query = r->origin_query.n > 0;
    struct str pieces[] = {r->route->key_prefix, r->url.path, STR("\n"), r->origin_query};

    return arena_join(&r->arena, pieces, has_query ? 4 : 2);
}

const struct step *step_locate(struct req *r)
{
    if (r->class == CLASS_KEY && r->rules->key_redirect.n > 0)
        return redirect_key(r);
    r->route = rules_route(r->rules, r->url.path);
    if (r->route == NULL)
        return req_fail(r, OUT_NOT_FOUND);
    if (r->is_dry)
        return STEP(send);
    if (r->route->cluster != NULL)
        r->origin_query = origin_query_of(r);
    r->cache_key = cache_key_of(r);
    if (r->arena.is_full)
        return req_fail(r, OUT_INTERNAL);
    return r->route->cluster != NULL ? STEP(ask) : STEP(open);
}
