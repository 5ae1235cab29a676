/*
 * Logging in to the dashboard: an API key becomes a badge in a cookie (badge.h), so that a browser
 * need not keep the key. Asked by JSON from the same origin alone, so no page of somebody else's
 * can log its visitor in or out; wrong keys are slowed down as everywhere.
 */
#include "admin/endpoints.h"

#include "admin/caller.h"
#include "admin/input.h"
#include "admin/json.h"
#include "base/log.h"
#include "http/cookie.h"

/* Where a proxy ends TLS, the browser itself says how it came: with each POST it names its page's
 * origin, which is ours (caller_is_same_origin()). */
static bool is_over_tls(const struct req *r)
{
    return r->is_tls || str_starts(r->head.known[FIELD_ORIGIN], STR("https://"));
}

static void set_cookie(struct req *r, struct str value, uint64_t max_age)
{
    struct cookie c = {.name = CALLER_COOKIE,
                       .value = value,
                       .max_age = max_age,
                       .is_secure = is_over_tls(r),
                       .is_strict = true};

    req_add_field(r, STR("Set-Cookie"), cookie_write(&r->arena, &c));
}

static const struct step *answer_badge(struct req *r, const struct badge *b)
{
    struct badge_maker m = caller_badge_maker(r);
    char word[BADGE_WORD_LEN];
    json_t *o = json_object();

    badge_word(b, &m, word);
    json_put_str(o, "name", b->key->name);
    json_put_str(o, "scope", scope_word((enum api_scope)b->key->scope));
    json_put_str(o, "csrf", (struct str){word, sizeof word});
    json_put_int(o, "expires_at", b->expires);
    return api_answer(r, OUT_OK, o);
}

static void log_badge(const struct req *r, const struct badge *b, const char *what)
{
    char ip[IP_TEXT_MAX];

    log_info("dashboard: key %.*s logged %s, client %.*s", STR_FMT(b->key->name), what,
             STR_FMT(ip_format(&r->client, ip)));
}

static const struct step *log_in(struct req *r, const struct api_key_setting *key)
{
    struct badge_maker m = caller_badge_maker(r);
    char text[BADGE_TEXT_LEN];
    struct badge b;

    badge_init(&b, key, r->now);
    badge_write(&b, &m, text);
    set_cookie(r, (struct str){text, sizeof text}, BADGE_LIFE);
    log_badge(r, &b, "in");
    return answer_badge(r, &b);
}

const struct step *run_login(struct req *r)
{
    AUTO(input_done) struct input in;
    const struct api_key_setting *key;
    struct str presented;

    input_from_json(&in, &r->arena, r->content);
    presented = input_str(&in, "key", INPUT_NOT_EMPTY, INPUT_PATH_MAX);
    if (input_is_wrong(&in))
        return api_error(r, OUT_API_BAD_REQUEST, in.error);
    if (!caller_is_same_origin(r))
        return api_error(r, OUT_API_FORGED,
                         STR("asked by a page of another Host: a proxy in front must pass it on"));
    key = auth_find(r->rules->api, str_trim(presented));
    switch (auth_judge(key, SCOPE_VIEWER)) {
    case AUTH_OK:
        return log_in(r, key);
    case AUTH_LOW_SCOPE:
        return api_refuse_scope(r, SCOPE_VIEWER);
    default:
        return api_refuse_key(r);
    }
}

/* 401 without a badge: a key alone is no login. It is what each page begins with, and so nothing
 * that the gate denies. */
const struct step *run_login_state(struct req *r)
{
    struct badge b;

    if (!caller_badge(r, &b))
        return req_fail(r, OUT_API_NO_LOGIN);
    r->is_quiet = true;
    return answer_badge(r, &b);
}

const struct step *run_logout(struct req *r)
{
    struct badge b;

    if (caller_badge(r, &b)) {
        returned_badges_add(admin_of(r)->returned, &b, r->now);
        log_badge(r, &b, "out");
    }
    set_cookie(r, STR(""), 0);
    return api_answer(r, OUT_OK, json_object());
}
