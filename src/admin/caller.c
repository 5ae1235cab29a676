#include "admin/caller.h"

#include "admin/endpoints.h"
#include "http/cookie.h"

struct badge_maker caller_badge_maker(const struct req *r)
{
    const struct token_keyring *keyring = r->rules->keyring;

    return (struct badge_maker){keyring != NULL ? keyring : admin_of(r)->keyring,
                                r->worker->scratch};
}

/* "https://host:port" names the host that was asked? Proxies may end TLS: the scheme does not
 * count.
 */
static bool names_host(struct str origin, struct str authority)
{
    ptrdiff_t at = str_find(origin, STR("://"));

    return at > 0 && str_eq_nocase(str_skip(origin, (size_t)at + 3), authority);
}

bool caller_is_same_origin(const struct req *r)
{
    struct str site = http_head_get(&r->head, STR("sec-fetch-site"));
    struct str origin = r->head.known[FIELD_ORIGIN];

    if (site.p != NULL) /* "none": the user's own doing, as a bookmark */
        return str_eq(site, STR("same-origin")) || str_eq(site, STR("none"));
    return origin.p == NULL || names_host(origin, r->head.authority);
}

bool caller_badge(const struct req *r, struct badge *ret)
{
    struct badge_maker m = caller_badge_maker(r);
    struct str text = cookie_get(r->head.known[FIELD_COOKIE], CALLER_COOKIE);

    return text.n > 0 && caller_is_same_origin(r) &&
           badge_read(text, r->rules->api, &m, r->now, ret) &&
           !returned_badges_has(admin_of(r)->returned, ret);
}

static bool is_safe(enum http_method m)
{
    return m == HTTP_GET || m == HTTP_HEAD || m == HTTP_OPTIONS;
}

static bool has_word(const struct req *r, const struct badge *b)
{
    struct badge_maker m = caller_badge_maker(r);

    return badge_word_is(b, &m, http_head_get(&r->head, STR("x-csrf-token")));
}

static enum auth_verdict judge_badge(struct req *r, const struct badge *b, enum api_scope needed)
{
    r->is_quiet = is_safe(r->head.method);
    if (!r->is_quiet && !has_word(r, b))
        return AUTH_FORGED;
    return auth_judge(b->key, needed);
}

enum auth_verdict caller_check(struct req *r, enum api_scope needed)
{
    struct str field = r->head.known[FIELD_AUTHORIZATION];
    struct badge b;

    if (needed == SCOPE_NONE || field.n > 0 || !caller_badge(r, &b))
        return auth_check(r->rules->api, field, needed);
    return judge_badge(r, &b, needed);
}

static struct str name_of_key(const struct req *r)
{
    const struct api_key_setting *key =
        auth_find(r->rules->api, api_key_presented(r->head.known[FIELD_AUTHORIZATION]));
    struct badge b;

    if (key == NULL && caller_badge(r, &b))
        key = b.key;
    return key != NULL ? key->name : STR("");
}

struct str caller_words(struct req *r)
{
    struct str name = name_of_key(r);
    char ip[IP_TEXT_MAX];

    return arena_printf(&r->arena, "key %.*s, client %.*s", STR_FMT(name),
                        STR_FMT(ip_format(&r->client, ip)));
}
