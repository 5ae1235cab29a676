/* Signed URLs of gate/testing.h, made as a back end or a playlist would. */
#include "gate/testing.h"

static const char *url_of(struct world *w, const char *path, unix_t expires, const char *uid,
                          struct str scope, const char *name, struct str mac)
{
    struct str query = token_query(&w->arena, str_of(uid), expires, scope, str_of(name), mac);

    return arena_printf(&w->arena, "%s?%.*s", path, STR_FMT(query)).p;
}

const char *signed_path(struct world *w, const char *uid, const char *path, unix_t expires)
{
    char mac[43];

    token_sign_path(w->rules->keyring, w->worker->scratch, str_of(uid), str_of(path), expires, mac);
    return url_of(w, path, expires, uid, STR_NONE, "token", (struct str){mac, sizeof mac});
}

const char *signed_scope(struct world *w, const char *uid, const char *path, const char *scope,
                         unix_t expires)
{
    char mac[43];

    token_sign_scope(w->rules->keyring, w->worker->scratch, str_of(uid), str_of(scope), expires,
                     mac);
    return url_of(w, path, expires, uid, str_of(scope), "token", (struct str){mac, sizeof mac});
}

struct viewer world_viewer(const struct world *w, const char *ip, const char *ua)
{
    uint8_t hash[UA_HASH_LEN];
    struct viewer v;
    struct ip parsed;

    assert_int_equal(ip_parse(str_of(ip), &parsed), 0);
    ua_hash(str_of(ua), hash);
    viewer_init(&v, &w->rules->viewer, &parsed, hash);
    return v;
}

const char *gate_path(struct world *w, const char *uid, const char *path, unix_t expires,
                      const char *ip, const char *ua)
{
    struct viewer v = world_viewer(w, ip, ua);
    char mac[22];

    gate_sign_path(w->rules->keyring, w->worker->scratch, str_of(uid), str_of(path), expires, &v,
                   mac);
    return url_of(w, path, expires, uid, STR_NONE, "gate", (struct str){mac, sizeof mac});
}

const char *gate_scope(struct world *w, const char *uid, const char *path, const char *scope,
                       unix_t expires, const char *ip, const char *ua)
{
    struct viewer v = world_viewer(w, ip, ua);
    char mac[22];

    gate_sign_scope(w->rules->keyring, w->worker->scratch, str_of(uid), str_of(scope), expires, &v,
                    mac);
    return url_of(w, path, expires, uid, str_of(scope), "gate", (struct str){mac, sizeof mac});
}

const char *usual(struct world *w, const char *path)
{
    return signed_path(w, "u1", path, T0 + 3600);
}

const char *world_sign_as(struct world *w, const char *path, enum signed_as as)
{
    switch (as) {
    case UNSIGNED:
        return path;
    case TOKEN:
        return usual(w, path);
    case TOO_LATE:
        return signed_path(w, "u1", path, T0 - 1);
    case OF_ANOTHER_PATH:
        return arena_printf(&w->arena, "%s%s", path, strchr(usual(w, "/t/x"), '?')).p;
    case GATE_TOKEN:
        return gate_path(w, "u1", path, T0 + 60, VIEWER_IP, VIEWER_UA);
    default:
        WRONG("way of signing");
    }
}
